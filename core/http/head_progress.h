// core/http/head_progress.h: what the two head parsers do alike: go on where the last call ended, and read a version.
#pragma once
#include <algorithm>
#include <cstring>
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

}  // namespace davenport::http::detail
