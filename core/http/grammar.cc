#include "core/http/grammar.h"

#include <algorithm>
#include <limits>

#include "core/base/text.h"
#include "core/http/bytes.h"

namespace davenport::http {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

bool all(std::string_view text, bytes::Class wanted) {
  return bytes::skip(text.data(), text.data() + text.size(), wanted) == text.data() + text.size();
}

// Digits alone; beyond 64 bits the largest number.
std::optional<std::uint64_t> parse_digits(std::string_view text) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  if (text.empty() || !all(text, bytes::kDigit)) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : text) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number > (kMost - digit) / 10) return kMost;
    number = number * 10 + digit;
  }
  return number;
}

}  // namespace

bool is_token_char(unsigned char c) { return bytes::is(static_cast<char>(c), bytes::kToken); }
bool is_token(std::string_view text) { return !text.empty() && all(text, bytes::kToken); }
bool is_field_value(std::string_view text) {
  return bytes::skip_value(text.data(), text.data() + text.size()) == text.data() + text.size();
}

std::optional<std::string_view> ListReader::next() {
  while (!rest_.empty()) {
    const std::size_t end = member_end();
    const std::string_view member = trim_ows(rest_.substr(0, end));
    rest_.remove_prefix(end == rest_.size() ? end : end + 1);
    if (!member.empty()) return member;
  }
  return std::nullopt;
}

// The first comma outside quoted strings and comments, or the end.
std::size_t ListReader::member_end() {
  std::size_t at = 0;
  while (at < rest_.size() && rest_[at] != ',') {
    if (rest_[at] == '"' && quotes_) at = skip_quoted(at);
    else if (rest_[at] == '(' && comments_) at = skip_comment(at);
    else ++at;
  }
  return at;
}

std::size_t ListReader::skip_quoted(std::size_t open) {
  for (std::size_t at = open + 1; at < rest_.size(); ++at) {
    if (rest_[at] == '"') return at + 1;
    if (rest_[at] == '\\') ++at;
  }
  quotes_ = false;
  return open + 1;
}

std::size_t ListReader::skip_comment(std::size_t open) {
  std::size_t depth = 0;
  for (std::size_t at = open; at < rest_.size(); ++at) {
    if (rest_[at] == '\\') ++at;
    else if (rest_[at] == '(') ++depth;
    else if (rest_[at] == ')' && --depth == 0) return at + 1;
  }
  comments_ = false;
  return open + 1;
}

bool list_contains(std::string_view list, std::string_view token) {
  for (ListReader members(list); const auto member = members.next();) {
    if (iequals(*member, token)) return true;
  }
  return false;
}

std::optional<Directive> DirectiveReader::next() {
  while (const auto member = list_.next()) {
    const char* const begin = member->data();
    const auto name_size =
        static_cast<std::size_t>(bytes::skip(begin, begin + member->size(), bytes::kToken) - begin);
    if (name_size == 0) continue;
    Directive directive;
    directive.name = member->substr(0, name_size);
    std::string_view rest = member->substr(name_size);
    if (rest.empty()) return directive;
    if (rest.front() != '=') {
      // Space before "=" is no directive's spelling; other bytes end no name.
      directive.broken = !trim_ows(rest).starts_with('=');
      directive.value = rest;
      return directive;
    }
    rest.remove_prefix(1);
    directive.quoted = rest.size() >= 2 && rest.front() == '"' && rest.back() == '"';
    for (std::size_t i = 1; directive.quoted && i + 1 < rest.size(); ++i) {
      if (rest[i] == '\\') directive.quoted = ++i + 1 < rest.size();    // an escaped last quote closes nothing
      else directive.quoted = rest[i] != '"';
    }
    directive.value = directive.quoted ? rest.substr(1, rest.size() - 2) : rest;
    return directive;
  }
  return std::nullopt;
}

std::optional<Seconds> parse_delta_seconds(std::string_view text) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 31;
  const auto number = parse_digits(text);
  if (!number) return std::nullopt;
  return Seconds(static_cast<std::int64_t>(std::min(*number, kMost)));
}

namespace {

// entity-tag at the beginning of `text`; its size, 0 where there is none (RFC 9110 §8.8.3).
std::size_t entity_tag_size(std::string_view text) {
  std::size_t at = text.starts_with("W/") ? 2 : 0;
  if (at == text.size() || text[at] != '"') return 0;
  for (++at; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == '"') return at + 1;
    if (c < 0x21 || c == 0x7f) return 0;
  }
  return 0;
}

EntityTag entity_tag(std::string_view text) {
  const bool weak = text.starts_with("W/");
  return {weak, weak ? text.substr(2) : text};
}

}  // namespace

std::optional<EntityTag> parse_entity_tag(std::string_view text) {
  if (text.empty() || entity_tag_size(text) != text.size()) return std::nullopt;
  return entity_tag(text);
}

bool strong_match(const EntityTag& a, const EntityTag& b) { return !a.weak && !b.weak && a.opaque == b.opaque; }
bool weak_match(const EntityTag& a, const EntityTag& b) { return a.opaque == b.opaque; }

std::optional<EntityTag> EntityTagReader::next() {
  rest_.remove_prefix(std::min(rest_.size(), rest_.find_first_not_of(", \t")));
  if (rest_.empty() || failed_) return std::nullopt;
  const std::size_t size = entity_tag_size(rest_);
  const std::string_view behind = rest_.substr(size);
  const std::size_t next = behind.find_first_not_of(" \t");
  if (size == 0 || (next != kNone && behind[next] != ',')) {
    failed_ = true;
    return std::nullopt;
  }
  const EntityTag tag = entity_tag(rest_.substr(0, size));
  rest_ = next == kNone ? std::string_view() : behind.substr(next + 1);
  return tag;
}

std::optional<std::vector<ByteRangeSpec>> parse_range(std::string_view value, std::size_t max_ranges) {
  constexpr std::string_view kUnit = "bytes=";
  if (value.size() < kUnit.size() || !iequals(value.substr(0, kUnit.size()), kUnit)) return std::nullopt;
  std::vector<ByteRangeSpec> ranges;
  std::string_view rest = value.substr(kUnit.size());
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view text = trim_ows(rest.substr(0, comma));
    rest.remove_prefix(comma == kNone ? rest.size() : comma + 1);
    if (text.empty()) continue;
    if (ranges.size() == max_ranges) return std::nullopt;
    const std::size_t dash = text.find('-');
    if (dash == kNone) return std::nullopt;
    const std::string_view first = text.substr(0, dash), last = text.substr(dash + 1);
    ByteRangeSpec range{parse_digits(first), parse_digits(last)};
    if (!first.empty() && !range.first) return std::nullopt;
    if (!last.empty() && !range.last) return std::nullopt;
    if (!range.first && !range.last) return std::nullopt;
    if (range.first && range.last && *range.first > *range.last) return std::nullopt;
    ranges.push_back(range);
  }
  if (ranges.empty()) return std::nullopt;
  return ranges;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
  constexpr std::string_view kUnit = "bytes ";
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();   // what saturates is refused here
  if (value.size() < kUnit.size() || !iequals(value.substr(0, kUnit.size()), kUnit)) return std::nullopt;
  const std::string_view rest = value.substr(kUnit.size());
  const std::size_t slash = rest.find('/');
  if (slash == kNone) return std::nullopt;
  const std::string_view range = rest.substr(0, slash), complete = rest.substr(slash + 1);
  ContentRange result;
  if (complete != "*") {
    result.complete = parse_digits(complete);
    if (!result.complete || *result.complete == kMost) return std::nullopt;
  }
  if (range == "*") {
    if (!result.complete) return std::nullopt;
    return result;
  }
  const std::size_t dash = range.find('-');
  if (dash == kNone) return std::nullopt;
  result.first = parse_digits(range.substr(0, dash));
  result.last = parse_digits(range.substr(dash + 1));
  if (!result.first || !result.last || *result.last == kMost || *result.first > *result.last) return std::nullopt;
  if (result.complete && *result.last >= *result.complete) return std::nullopt;
  return result;
}

namespace {

// qvalue (RFC 9110 §12.4.2) in thousandths; -1 where it is none.
int parse_qvalue(std::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1') || text.size() > 5) return -1;
  if (text.size() > 1 && text[1] != '.') return -1;
  int thousandths = (text[0] - '0') * 1000;
  int unit = 100;
  for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (!bytes::is(c, bytes::kDigit)) return -1;
    thousandths += (c - '0') * unit;
    unit /= 10;
  }
  return thousandths <= 1000 ? thousandths : -1;
}

// The next semicolon outside quoted strings, from `at`.
std::size_t next_parameter(std::string_view text, std::size_t at) {
  bool quoted = false;
  for (; at < text.size(); ++at) {
    if (quoted && text[at] == '\\') ++at;
    else if (text[at] == '"') quoted = !quoted;
    else if (text[at] == ';' && !quoted) return at;
  }
  return kNone;
}

}  // namespace

std::optional<Weighted> parse_weighted(std::string_view member) {
  Weighted weighted;
  std::size_t semicolon = next_parameter(member, 0);
  while (semicolon != kNone) {
    const std::size_t following = next_parameter(member, semicolon + 1);
    const std::string_view parameter = trim_ows(
        member.substr(semicolon + 1, following == kNone ? kNone : following - semicolon - 1));
    if (parameter.size() >= 2 && to_lower(parameter[0]) == 'q' && parameter[1] == '=') {
      if (following != kNone) return std::nullopt;              // the weight is the last parameter
      weighted.thousandths = parse_qvalue(parameter.substr(2));
      if (weighted.thousandths < 0) return std::nullopt;
      member = member.substr(0, semicolon);
      break;
    }
    semicolon = following;
  }
  weighted.value = trim_ows(member);
  if (weighted.value.empty()) return std::nullopt;
  return weighted;
}

}  // namespace davenport::http
