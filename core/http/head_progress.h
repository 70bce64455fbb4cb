// core/http/head_progress.h: what the two head parsers do alike: go on where the last call ended, read a version and the fields.
#pragma once
#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "core/http/bytes.h"
#include "core/http/field_line.h"
#include "core/http/parser.h"

namespace davenport::http::detail {

// Makes the views of a half-parsed `head` borrow from `bytes`, wherever those lie now. `first` is the head's first view
// and stands at at.start. False where `head` is not the one of the last call (it was cleared, say): begin anew.
template <class Head>
bool follow(const HeadProgress& at, std::string_view bytes, Head& head, const std::string_view& first) {
  if (bytes.size() < at.line || bytes.size() < at.looked) return false;
  if (!at.in_fields || first.data() == bytes.data() + at.start) return true;
  if (first.data() != at.base + at.start) return false;
  head.rebase(at.base, at.line, bytes.data());
  return true;
}

// True: the line that was incomplete at the last call still is and holds no control byte, so there is nothing to parse.
// Each byte is looked at once here, however they drip. At the head's limit the line is parsed as it is, for the fault
// that it may hold.
inline bool await_line(HeadProgress& at, std::string_view seen, std::size_t limit) {
  if (at.looked == 0) return false;
  const char* const end = seen.data() + seen.size();
  const char* const stop = bytes::skip_value(seen.data() + std::min<std::size_t>(at.looked, seen.size()), end);
  const bool waits = stop == end || (*stop == '\r' && stop + 1 == end);
  if (!waits || seen.size() >= limit) return false;
  at.looked = static_cast<std::uint32_t>(stop - seen.data());
  return true;
}

// HTTP-version (RFC 9112 §2.3), case-sensitive; p moves behind it. A higher minor is read as 1 (RFC 9110 §2.5).
inline LineState read_version(const char*& p, const char* end, std::uint8_t& minor, ParseFault& fault) {
  constexpr std::string_view kPattern = "HTTP/d.d";
  const char* const start = p;
  if (end - p >= 8 && (std::memcmp(p, "HTTP/1.1", 8) == 0 || std::memcmp(p, "HTTP/1.0", 8) == 0)) {   // nearly always
    minor = static_cast<std::uint8_t>(p[7] - '0');
    p += 8;
    return LineState::field;
  }
  for (const char wanted : kPattern) {
    if (p == end) return LineState::need_more;
    if (wanted == 'd' ? !bytes::is(*p, bytes::kDigit) : *p != wanted) {
      fault = fault_of_byte(*p, ParseFault::bad_version);
      return LineState::fault;
    }
    ++p;
  }
  if (start[5] != '1') {
    fault = ParseFault::unsupported_version;
    return LineState::fault;
  }
  minor = start[7] == '0' ? 0 : 1;
  return LineState::field;
}

// One call of a parser. `first`: as for follow(). advance(seen) goes on from at.line over what the limit lets it see.
template <class Head, class Advance>
ParseResult parse_head(HeadProgress& at, std::string_view bytes, std::size_t limit, Head& head, const std::string_view& first, Advance advance) {
  if (at.base != nullptr && !follow(at, bytes, head, first)) at = {};
  if (at.base == nullptr) head.clear();
  if (bytes.empty()) return {};
  at.base = bytes.data();
  const std::string_view seen = bytes.substr(0, limit);
  if (await_line(at, seen, limit)) return {};
  ParseResult result = advance(seen);
  if (result.state == ParseState::need_more && seen.size() >= limit) result = {ParseState::error, 0, ParseFault::head_too_large};
  if (result.state != ParseState::need_more) at = {};
  return result;
}

inline ParseResult failed_head(ParseFault why) { return {ParseState::error, 0, why}; }

// The line that begins at `line` is not complete.
inline ParseResult pause_head(HeadProgress& at, std::string_view bytes, const char* line) {
  at.line = static_cast<std::uint32_t>(line - bytes.data());
  at.looked = static_cast<std::uint32_t>(bytes.size() - 1);      // the next call judges the last byte, which may be a CR
  return {};
}

// The fields from p on, and the empty line; p moves behind it. Lines whose id is in `checked` are shown to check(field) first. Anything
// but `done` is the call's result.
template <class Head, class Check>
ParseResult read_fields(HeadProgress& at, std::string_view bytes, const char*& p, std::size_t most, Head& head, std::uint64_t checked, Check check) {
  const char* const end = bytes.data() + bytes.size();
  Field field;
  ParseFault fault{};
  while (true) {
    const char* const line = p;
    const LineState state = read_field_line(p, end, field, fault);
    if (state == LineState::need_more) return pause_head(at, bytes, line);
    if (state == LineState::fault) return failed_head(fault);
    if (state == LineState::end_of_head) return {ParseState::done, static_cast<std::size_t>(p - bytes.data()), {}};
    if (head.fields.size() >= most) return failed_head(ParseFault::too_many_fields);
    if ((field_bit(field.id) & checked) != 0) {
      if (const std::optional<ParseFault> wrong = check(field)) return failed_head(*wrong);
    }
    head.fields.add(field.id, field.name, field.value);
  }
}

}  // namespace davenport::http::detail
