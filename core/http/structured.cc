// Structured field values: the parsing algorithms of RFC 9651 §4.2, one function for each, and the little we write.
#include "core/http/structured.h"

#include <algorithm>

#include "core/http/bytes.h"

namespace davenport::http {
namespace {

// What §3.1 and §3.2 want supported at least is supported at most: the search for repeated keys is a walk.
constexpr std::size_t kMembers = 1024;
constexpr std::size_t kParameters = 256;

constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_alpha(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size =
        lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (size == 0 || text.size() - i < size) return false;
    for (std::size_t k = 1; k < size; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    const auto second = size > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (lead == 0xe0 && second < 0xa0) return false;                  // longer than needed
    if (lead == 0xed && second > 0x9f) return false;                  // a surrogate
    if (lead == 0xf0 && second < 0x90) return false;
    if (lead == 0xf4 && second > 0x8f) return false;                  // beyond U+10FFFF
    i += size;
  }
  return true;
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Missing padding and non-zero pad bits are accepted, as §4.2.7 advises; anything else that is not base64 is not.
std::optional<std::string> decode_base64(std::string_view text) {
  std::size_t padding = 0;
  while (text.ends_with('=') && padding < 2) {
    text.remove_suffix(1);
    ++padding;
  }
  if (text.size() % 4 == 1 || (padding > 0 && (text.size() + padding) % 4 != 0)) return std::nullopt;
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(value)) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.append(1, static_cast<char>(bits >> count & 0xff));
    }
  }
  return out;
}

// A field's value from left to right. Each function takes one thing from the front, or says that the field is invalid.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::optional<SfList> list();
  std::optional<SfDictionary> dictionary();
  std::optional<SfItem> item();

  void skip_sp() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
  }
  bool at_end() const { return rest_.empty(); }

 private:
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_ows() {
    while (rest_.starts_with(' ') || rest_.starts_with('\t')) rest_.remove_prefix(1);
  }
  // Behind a member: its comma and white space, at least one more member behind them, or the end.
  bool next_member() {
    skip_ows();
    if (rest_.empty()) return true;
    if (!take(',')) return false;
    skip_ows();
    return !rest_.empty();
  }

  std::optional<SfMember> member();
  std::optional<SfInner> inner();
  std::optional<SfParameters> parameters();
  std::optional<std::string> key();
  std::optional<SfBare> bare();
  std::optional<SfBare> number();
  std::optional<SfBare> string();
  std::optional<SfBare> token();
  std::optional<SfBare> bytes();
  std::optional<SfBare> boolean();
  std::optional<SfBare> date();
  std::optional<SfBare> display();

  std::string_view rest_;
};

// The last of a repeated key wins and stays in the place of the first (§4.2.2, §4.2.3.2).
template <class Entries, class Value>
void set(Entries& entries, std::string key, Value value) {
  const auto at = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.first == key; });
  if (at != entries.end()) at->second = std::move(value);
  else entries.emplace_back(std::move(key), std::move(value));
}

std::optional<SfList> Parser::list() {
  SfList members;
  while (!rest_.empty()) {
    auto one = member();
    if (!one) return std::nullopt;
    members.push_back(std::move(*one));
    if (members.size() > kMembers || !next_member()) return std::nullopt;
  }
  return members;
}

std::optional<SfDictionary> Parser::dictionary() {
  SfDictionary members;
  while (!rest_.empty()) {
    auto name = key();
    if (!name) return std::nullopt;
    std::optional<SfMember> value;
    if (take('=')) {
      value = member();
    } else if (auto only_parameters = parameters()) {
      value = SfItem{true, std::move(*only_parameters)};
    }
    if (!value) return std::nullopt;
    set(members, std::move(*name), std::move(*value));
    if (members.size() > kMembers || !next_member()) return std::nullopt;
  }
  return members;
}

std::optional<SfMember> Parser::member() {
  if (rest_.starts_with('(')) {
    if (auto list = inner()) return SfMember(std::move(*list));
    return std::nullopt;
  }
  if (auto one = item()) return SfMember(std::move(*one));
  return std::nullopt;
}

std::optional<SfInner> Parser::inner() {
  SfInner list;
  take('(');
  while (!rest_.empty()) {
    skip_sp();
    if (take(')')) {
      auto of_list = parameters();
      if (!of_list) return std::nullopt;
      list.parameters = std::move(*of_list);
      return list;
    }
    auto one = item();
    if (!one || !(rest_.starts_with(' ') || rest_.starts_with(')'))) return std::nullopt;
    list.items.push_back(std::move(*one));
  }
  return std::nullopt;
}

std::optional<SfItem> Parser::item() {
  auto value = bare();
  if (!value) return std::nullopt;
  auto of_item = parameters();
  if (!of_item) return std::nullopt;
  return SfItem{std::move(*value), std::move(*of_item)};
}

std::optional<SfParameters> Parser::parameters() {
  SfParameters all;
  while (take(';')) {
    skip_sp();
    auto name = key();
    if (!name) return std::nullopt;
    std::optional<SfBare> value = SfBare(true);
    if (take('=')) value = bare();
    if (!value) return std::nullopt;
    set(all, std::move(*name), std::move(*value));
    if (all.size() > kParameters) return std::nullopt;
  }
  return all;
}

std::optional<std::string> Parser::key() {
  if (rest_.empty() || !(is_lower(rest_[0]) || rest_[0] == '*')) return std::nullopt;
  std::size_t size = 1;
  const auto inside = [](char c) {
    return is_lower(c) || bytes::is(c, bytes::kDigit) || c == '_' || c == '-' || c == '.' || c == '*';
  };
  while (size < rest_.size() && inside(rest_[size])) ++size;
  std::string name(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return name;
}

std::optional<SfBare> Parser::bare() {
  if (rest_.empty()) return std::nullopt;
  const char c = rest_[0];
  if (c == '-' || bytes::is(c, bytes::kDigit)) return number();
  if (c == '"') return string();
  if (c == '*' || is_alpha(c)) return token();
  if (c == ':') return bytes();
  if (c == '?') return boolean();
  if (c == '@') return date();
  if (c == '%') return display();
  return std::nullopt;
}

// §4.2.4: at most 15 digits, or 12 and then 1 to 3 behind the point.
std::optional<SfBare> Parser::number() {
  const bool negative = take('-');
  std::int64_t number = 0;
  std::size_t digits = 0;
  const auto read_digits = [&](std::size_t most) {
    std::size_t count = 0;
    while (!rest_.empty() && bytes::is(rest_[0], bytes::kDigit)) {
      if (++count > most) return false;
      number = number * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
    }
    digits = count;
    return count > 0;
  };
  if (!read_digits(15)) return std::nullopt;
  if (!rest_.starts_with('.')) return SfBare(negative ? -number : number);
  if (digits > 12) return std::nullopt;
  take('.');
  if (!read_digits(3)) return std::nullopt;
  for (; digits < 3; ++digits) number *= 10;
  return SfBare(SfDecimal{negative ? -number : number});
}

std::optional<SfBare> Parser::string() {
  std::string text;
  take('"');
  while (!rest_.empty()) {
    char c = rest_[0];
    rest_.remove_prefix(1);
    if (c == '"') return SfBare(std::move(text));
    if (c == '\\') {
      if (rest_.empty() || (rest_[0] != '"' && rest_[0] != '\\')) return std::nullopt;
      c = rest_[0];
      rest_.remove_prefix(1);
    } else if (c < 0x20 || c == 0x7f) {                 // bytes from 0x80 are negative
      return std::nullopt;
    }
    text.append(1, c);
  }
  return std::nullopt;
}

std::optional<SfBare> Parser::token() {
  std::size_t size = 1;
  while (size < rest_.size() && (bytes::is(rest_[size],
                                           bytes::kToken) || rest_[size] == ':' || rest_[size] == '/')) ++size;
  SfToken token{std::string(rest_.substr(0, size))};
  rest_.remove_prefix(size);
  return SfBare(std::move(token));
}

std::optional<SfBare> Parser::bytes() {
  const std::size_t end = rest_.find(':', 1);
  if (end == std::string_view::npos) return std::nullopt;
  auto decoded = decode_base64(rest_.substr(1, end - 1));
  if (!decoded) return std::nullopt;
  rest_.remove_prefix(end + 1);
  return SfBare(SfBytes{std::move(*decoded)});
}

std::optional<SfBare> Parser::boolean() {
  take('?');
  if (take('1')) return SfBare(true);
  if (take('0')) return SfBare(false);
  return std::nullopt;
}

std::optional<SfBare> Parser::date() {
  take('@');
  if (rest_.empty() || !(rest_[0] == '-' || bytes::is(rest_[0], bytes::kDigit))) return std::nullopt;
  const auto value = number();
  if (!value || !std::holds_alternative<std::int64_t>(*value)) return std::nullopt;
  return SfBare(SfDate{std::get<std::int64_t>(*value)});
}

// §4.2.10: %"…" with bytes beyond ASCII, the quote and the percent sign as lower-case %xx; UTF-8.
std::optional<SfBare> Parser::display() {
  if (!rest_.starts_with("%\"")) return std::nullopt;
  rest_.remove_prefix(2);
  std::string text;
  while (!rest_.empty()) {
    const char c = rest_[0];
    rest_.remove_prefix(1);
    if (c == '"') {
      if (!is_utf8(text)) return std::nullopt;
      return SfBare(SfDisplay{std::move(text)});
    }
    if (c < 0x20 || c == 0x7f) return std::nullopt;
    if (c != '%') {
      text.append(1, c);
      continue;
    }
    const auto digit = [](char d) { return d >= 'A' && d <= 'F' ? -1 : bytes::hex_value(d); };
    if (rest_.size() < 2 || digit(rest_[0]) < 0 || digit(rest_[1]) < 0) return std::nullopt;
    text.append(1, static_cast<char>(digit(rest_[0]) << 4 | digit(rest_[1])));
    rest_.remove_prefix(2);
  }
  return std::nullopt;
}

// §4.2: spaces around the value are dropped, and nothing may be left behind it.
template <class Value>
std::optional<Value> parse_whole(std::string_view text, std::optional<Value> (Parser::*parse)()) {
  Parser parser(text);
  parser.skip_sp();
  auto value = (parser.*parse)();
  parser.skip_sp();
  if (!parser.at_end()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<SfDictionary> parse_sf_dictionary(std::string_view text) { return parse_whole(text,
    &Parser::dictionary); }
std::optional<SfList> parse_sf_list(std::string_view text) { return parse_whole(text, &Parser::list); }
std::optional<SfItem> parse_sf_item(std::string_view text) { return parse_whole(text, &Parser::item); }

void append_sf_string(std::string& out, std::string_view text) {
  out.append(1, '"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.append(1, '\\');
    out.append(1, c < 0x20 || c == 0x7f ? '?' : c);
  }
  out.append(1, '"');
}

void append_sf_token_or_string(std::string& out, std::string_view text) {
  const auto inside = [](char c) { return bytes::is(c, bytes::kToken) || c == ':' || c == '/'; };
  const bool token = !text.empty() && (is_alpha(text[0]) || text[0] == '*') && std::all_of(text.begin(), text.end(),
      inside);
  if (token) out.append(text);
  else append_sf_string(out, text);
}

}  // namespace davenport::http
