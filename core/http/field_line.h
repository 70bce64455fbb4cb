// core/http/field_line.h: one field line out of bytes (RFC 9112 §5), for heads and trailers. Reads from left to right
// and stops at the first byte that breaks a rule, so that the fault is the same however the bytes arrive.
//     switch (read_field_line(p, end, field, fault)) …      // p moves behind the line with `field` and `end_of_head`
#pragma once
#include <string_view>

#include "core/base/text.h"
#include "core/http/bytes.h"
#include "core/http/field_names.h"
#include "core/http/fields.h"
#include "core/http/parse_fault.h"

namespace davenport::http::detail {

enum class LineState : std::uint8_t { need_more, field, end_of_head, fault };

// What is wrong with a byte inside a line, if nothing more exact is known.
inline ParseFault fault_of_byte(char c, ParseFault otherwise) {
  if (c == '\n') return ParseFault::bare_lf;
  const auto byte = static_cast<unsigned char>(c);
  if (c != '\r' && c != '\t' && (byte < 0x20 || byte == 0x7f)) return ParseFault::control_byte;
  return otherwise;
}

// CR LF at p. Moves p behind it.
inline LineState read_line_end(const char*& p, const char* end, ParseFault& fault) {
  if (end - p < 2) return LineState::need_more;
  if (p[1] != '\n') {
    fault = ParseFault::bare_cr;
    return LineState::fault;
  }
  p += 2;
  return LineState::end_of_head;
}

// The name, and p at its colon.
inline LineState read_field_name(const char*& p, const char* end, Field& field, ParseFault& fault) {
  const char* const start = p;
  if (const char* const colon = bytes::near_colon(p, end)) {
    field.name = {start, static_cast<std::size_t>(colon - start)};
    field.id = find_known(field.name);
    if (field.id != FieldId::other) {          // equal to a known name: every byte is a token's
      p = colon;
      return LineState::field;
    }
  }
  p = bytes::skip(p, end, bytes::kToken);
  if (p == end) return LineState::need_more;
  if (*p == ':' && p != start) {
    field.name = {start, static_cast<std::size_t>(p - start)};
    field.id = find_known(field.name);
    return LineState::field;
  }
  const bool space = *p == ' ' || *p == '\t';
  if (space) fault = p == start ? ParseFault::obs_fold : ParseFault::space_before_colon;
  else fault = fault_of_byte(*p, ParseFault::bad_field_name);
  return LineState::fault;
}

inline LineState read_field_line(const char*& p, const char* end, Field& field, ParseFault& fault) {
  if (p == end) return LineState::need_more;
  if (*p == '\r') return read_line_end(p, end, fault);
  const LineState state = read_field_name(p, end, field, fault);
  if (state != LineState::field) return state;

  const char* from = p + 1;
  while (from != end && (*from == ' ' || *from == '\t')) ++from;
  const char* to = bytes::skip_value(from, end);
  if (to == end) return LineState::need_more;
  p = to;
  if (*p != '\r') {
    fault = fault_of_byte(*p, ParseFault::bad_field_value);
    return LineState::fault;
  }
  const LineState ended = read_line_end(p, end, fault);
  if (ended != LineState::end_of_head) return ended;
  while (to != from && (to[-1] == ' ' || to[-1] == '\t')) --to;
  field.value = {from, static_cast<std::size_t>(to - from)};
  return LineState::field;
}

}  // namespace davenport::http::detail
