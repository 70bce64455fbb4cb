// config/document.cc: the one file that knows toml++.
#include "config/document.h"

#define TOML_EXCEPTIONS 0
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

// toml++ bounds the depth of arrays and inline tables, but "a.a.a. …" nests a table for each dot, and its destructor
// recurses. So long rows of dots outside strings and comments are refused beforehand.
std::optional<Problem> find_deep_key(std::string_view text) {
  std::uint32_t line = 1, dots = 0;
  char quote = 0;
  bool comment = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      dots = 0;
      quote = 0;
      comment = false;
    } else if (comment) {
      continue;
    } else if (quote != 0) {
      if (c == '\\' && quote == '"') ++i;
      else if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      comment = true;
    } else if (c == '.' && ++dots > kDepthMax * 8) {
      return Problem{line, 1, "", "too many dots in one line: no setting lies so deep", ""};
    }
  }
  return std::nullopt;
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
  if (auto deep = find_deep_key(text)) return *deep;
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const Place place = place_of(parsed.error().source());
    return Problem{place.line, place.column, "", fmt::format("not TOML: {}", parsed.error().description()), ""};
  }
  Converter converter;
  Value root = converter.convert(parsed.table(), 0);
  if (converter.too_deep) return *converter.too_deep;
  return root;
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
