// config/document.cc: the one file that knows toml++.
#include "config/document.h"

namespace davenport::config {
namespace {
// toml++ 3.3 asserts things of its input that are not so: "[{" at the start of a line ends the process. A typing
// mistake must not, least of all at a reload; so its assertions throw, and parse_document() catches.
struct WrongAssumption {};
}  // namespace
}  // namespace davenport::config

#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wterminate"   // some of them stand where nothing may be thrown, and end us as before
#endif
#undef NDEBUG   // with it, toml++ would take the same things for granted without looking
#define TOML_ASSERT(condition) ((condition) ? void() : throw davenport::config::WrongAssumption{})
#define TOML_EXCEPTIONS 1
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>

#include "core/base/text.h"

namespace davenport::config {
namespace {

Place place_of(const toml::source_region& source) {
  return {static_cast<std::uint32_t>(source.begin.line), static_cast<std::uint32_t>(source.begin.column)};
}

// Walks over a text as TOML divides it: strings of four kinds, comments, and what is outside of both.
class Outline {
 public:
  explicit Outline(std::string_view text) : text_(text) {}

  // The next byte that stands outside of strings and comments, line ends and opening quotes included; nullopt: the end.
  std::optional<char> next() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '#') at_ = std::min(text_.find('\n', at_), text_.size());
      else if (c == '"' || c == '\'') skip_string(c);
      if (c == '\n') ++line_;
      return c;
    }
    return std::nullopt;
  }
  std::uint32_t line() const { return line_; }

 private:
  std::size_t run_of(char quote) const {
    const auto end = text_.find_first_not_of(quote, at_);
    return std::min(end, text_.size()) - at_;
  }

  // Behind its opening quote. A string of one line ends with its line, for there the parser gives up.
  void skip_string(char quote) {
    const bool multiline = run_of(quote) >= 2;
    if (multiline) at_ += 2;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n' && !multiline) return;
      if (c == '\n') ++line_;
      if (c == quote) {
        const std::size_t run = run_of(quote);
        at_ += multiline ? std::min<std::size_t>(run, 5) : 1;   // two quotes may stand before the three that close
        if (!multiline || run >= 3) return;
        continue;
      }
      at_ += 1;
      const bool escaped = c == '\\' && quote == '"' && at_ < text_.size() && text_[at_] != '\n';
      if (escaped) ++at_;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
};

// What toml++ 3.3 must not be given. It bounds the depth of arrays and inline tables, but "a.a.a. …" nests a table for
// each dot, and its destructor recurses; and some bytes above ASCII outside of strings, where TOML has none, lead it
// to where its authors say that nobody comes.
std::optional<Problem> find_unbearable(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Outline outline(text);
  std::size_t dots = 0;
  while (const auto c = outline.next()) {
    if (static_cast<unsigned char>(*c) >= 0x80) {
      return Problem{outline.line(), 1, "", "not TOML: letters beyond ASCII stand in quotes or comments alone", ""};
    }
    dots = *c == '\n' ? 0 : dots + (*c == '.' ? 1 : 0);
    if (dots > kDepthMax * 8) {
      return Problem{outline.line(), 1, "", "too many dots in one line: no setting lies so deep", ""};
    }
  }
  return std::nullopt;
}

bool parses_as_assumed(std::string_view text) {
  try {
    const toml::table table = toml::parse(text);
  } catch (const WrongAssumption&) {
    return false;
  } catch (const toml::parse_error&) {
    return true;
  }
  return true;
}

// An assumption says nothing of its place, but the parser reads forwards: the fewest lines that break it end there.
std::uint32_t line_of_wrong_assumption(std::string_view text) {
  std::vector<std::size_t> ends;   // of each line
  for (std::size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) ends.push_back(at + 1);
  const auto first = std::partition_point(ends.begin(), ends.end(), [text](std::size_t end) {
    return parses_as_assumed(text.substr(0, end));
  });
  return static_cast<std::uint32_t>(first - ends.begin()) + 1;
}

class Converter {
 public:
  std::optional<Problem> too_deep;

  Value convert(const toml::node& node, std::size_t depth) {
    Value value;
    value.place = place_of(node.source());
    if (depth > kDepthMax) {
      too_deep = Problem{value.place.line, value.place.column, "", "nested too deep: no setting lies here", ""};
      return value;
    }
    if (const auto* boolean = node.as_boolean()) value.data = boolean->get();
    else if (const auto* integer = node.as_integer()) value.data = std::int64_t{integer->get()};
    else if (const auto* floating = node.as_floating_point()) value.data = floating->get();
    else if (const auto* string = node.as_string()) value.data = string->get();
    else if (const auto* array = node.as_array()) value.data = convert_array(*array, depth);
    else if (const auto* table = node.as_table()) value.data = convert_table(*table, depth);
    return value;
  }

 private:
  Value::Array convert_array(const toml::array& array, std::size_t depth) {
    Value::Array values;
    values.reserve(array.size());
    for (const toml::node& element : array) values.push_back(convert(element, depth + 1));
    return values;
  }

  Value::Table convert_table(const toml::table& table, std::size_t depth) {
    Value::Table entries;
    entries.reserve(table.size());
    for (const auto& [key, node] : table) {
      entries.push_back({std::string(key.str()), place_of(key.source()), convert(node, depth + 1)});
    }
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.place < b.place; });
    return entries;
  }
};

}  // namespace

Result<Value, Problem> parse_document(std::string_view text) {
  if (text.size() > kDocumentBytesMax) {
    return Problem{0, 0, "", fmt::format("the file has {} bytes; at most {} are read", text.size(), kDocumentBytesMax),
                   ""};
  }
  if (auto unbearable = find_unbearable(text)) return *unbearable;
  try {
    Converter converter;
    Value root = converter.convert(toml::parse(text), 0);
    if (converter.too_deep) return *converter.too_deep;
    return root;
  } catch (const toml::parse_error& error) {
    const Place place = place_of(error.source());
    const std::string_view said = error.description();
    const bool two_forms = said.find("'listen'") != said.npos && said.find("redefine") != said.npos;
    return Problem{place.line, place.column, "", fmt::format("not TOML: {}{}", said, two_forms ? " (listen = [...] is short for [[listen]] tables: use one of them)" : ""), ""};
  } catch (const WrongAssumption&) {
    return Problem{line_of_wrong_assumption(text), 1, "", "not TOML: a key was expected in this line", ""};
  }
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += fmt::format("\\{}", c);
    else if (byte < 0x20 || byte == 0x7f) out += fmt::format("\\u{:04x}", byte);
    else out += c;
  }
  return out + '"';
}

std::string key_text(std::string_view key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  return bare ? std::string(key) : quote(key);
}

std::string describe_found(const Value& value) {
  struct Describe {
    std::string operator()(const Date&) const { return "a date or time"; }
    std::string operator()(bool boolean) const { return boolean ? "true" : "false"; }
    std::string operator()(std::int64_t integer) const { return fmt::format("{}", integer); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(const std::string& text) const {
      constexpr std::size_t kShown = 60;
      return text.size() <= kShown ? quote(text) : quote(text.substr(0, kShown)) + " …";
    }
    std::string operator()(const Value::Array&) const { return "a list"; }
    std::string operator()(const Value::Table&) const { return "a table"; }
  };
  return std::visit(Describe{}, value.data);
}

const Value* find(const Value::Table& table, std::string_view key) {
  const auto at = std::find_if(table.begin(), table.end(), [key](const Entry& entry) { return entry.key == key; });
  return at == table.end() ? nullptr : &at->value;
}

}  // namespace davenport::config
