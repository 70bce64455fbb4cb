// core/http/grammar.h: the small grammars of RFC 9110: tokens, lists, quality values, quoted strings, entity tags,
// dates, ranges, and the comma-separated directives of Cache-Control. Pure; nothing is allocated unless a signature
// says so.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"

namespace davenport::http {

bool is_token_char(unsigned char c);                 // RFC 9110 §5.6.2
bool is_token(std::string_view text);                // at least one
bool is_field_value(std::string_view text);          // RFC 9110 §5.5: no control byte but HTAB

// The members of a comma-separated list, quoted strings and comments respected, empty members skipped (§5.6.1.2).
// A quote or parenthesis that is never closed is a character like others, so that it cannot hide what follows.
//     for (ListReader list(value); auto member = list.next();) …      // trimmed
class ListReader {
 public:
  explicit ListReader(std::string_view list) : rest_(list) {}
  std::optional<std::string_view> next();

 private:
  std::size_t member_end();
  std::size_t skip_quoted(std::size_t open);
  std::size_t skip_comment(std::size_t open);

  std::string_view rest_;
  bool quotes_ = true;       // false once an unclosed one was met: then none behind it is closed either
  bool comments_ = true;
};

bool list_contains(std::string_view list, std::string_view token);   // any case

// One directive "name", "name=token" or "name="quoted"" (RFC 9111 §5.2). What is no directive is skipped, with one
// care: space before "=" is left in the value ("max-age =5" has the value " =5"), so that a restriction is still seen
// and a number is not one.
struct Directive {
  std::string_view name;
  std::optional<std::string_view> value;   // without the quotes; escapes kept; as it came where it is neither form
  bool quoted = false;
  bool broken = false;                     // neither "=" nor the end follows the name: `value` is what does
};
class DirectiveReader {
 public:
  explicit DirectiveReader(std::string_view list) : list_(list) {}
  std::optional<Directive> next();

 private:
  ListReader list_;
};

// RFC 9111 §1.2.2: digits only; values above 2^31 saturate to 2^31; nullopt where it is not such a number.
std::optional<Seconds> parse_delta_seconds(std::string_view text);

// RFC 9110 §5.6.7: IMF-fixdate, RFC 850 (two-digit years more than 50 years ahead of `now` are in the past), asctime;
// names in any case; nothing else. 64-bit.
std::optional<WallSeconds> parse_http_date(std::string_view text, WallSeconds now);
void append_http_date(std::string& out, WallSeconds time);            // IMF-fixdate, 29 bytes
std::string http_date(WallSeconds time);

// RFC 9110 §8.8.3.
struct EntityTag {
  bool weak = false;
  std::string_view opaque;      // with its quotes
};
std::optional<EntityTag> parse_entity_tag(std::string_view text);     // exactly one
bool strong_match(const EntityTag& a, const EntityTag& b);
bool weak_match(const EntityTag& a, const EntityTag& b);
// Reads the list of If-Match / If-None-Match, empty members skipped. "*" is no entity tag: ask for it first.
class EntityTagReader {
 public:
  explicit EntityTagReader(std::string_view list) : rest_(list) {}
  std::optional<EntityTag> next();      // nullopt at the end or at what is no entity tag: see failed()
  bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// One range of "bytes=…" (RFC 9110 §14.1.2). first without last: to the end; last without first: a suffix.
struct ByteRangeSpec {
  std::optional<std::uint64_t> first, last;
};
// nullopt: not a valid bytes range set (the field is ignored, §14.2). At most `max_ranges`, else nullopt. Positions
// beyond 64 bits saturate.
std::optional<std::vector<ByteRangeSpec>> parse_range(std::string_view value, std::size_t max_ranges);

// "bytes 0-99/1000", "bytes */1000", "bytes 0-99/*" (RFC 9110 §14.4).
struct ContentRange {
  std::optional<std::uint64_t> first, last, complete;
};
std::optional<ContentRange> parse_content_range(std::string_view value);

// The weight of a member "text;q=0.5" in thousandths, 1000 where there is none; nullopt where it is malformed.
struct Weighted {
  std::string_view value;       // without parameters of weight
  int thousandths = 1000;
};
std::optional<Weighted> parse_weighted(std::string_view member);

}  // namespace davenport::http
