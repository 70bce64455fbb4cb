// The response head (RFC 9112 §4, §6.3). As strict as with requests: an origin's mistake in framing is a 502, never a
// guess.
#include <algorithm>

#include "core/base/text.h"
#include "core/http/field_line.h"
#include "core/http/head_progress.h"
#include "core/http/parser.h"

namespace davenport::http {
namespace {

using detail::fault_of_byte;
using detail::LineState;

constexpr std::uint64_t kChecked = field_bit(FieldId::content_length) | field_bit(FieldId::transfer_encoding) |
                                   field_bit(FieldId::connection);

LineState failed(ParseFault& out, ParseFault fault) {
  out = fault;
  return LineState::fault;
}

// HTTP-version SP status-code SP [ reason-phrase ] CRLF. The second space is missing from some origins' lines where
// there is no reason; nothing can be hidden there, so that is accepted.
LineState read_status_line(const char*& p, const char* end, ResponseHead& head, ParseFault& fault) {
  const LineState state = detail::read_version(p, end, head.minor, fault);
  if (state != LineState::field) return state;
  if (p == end) return LineState::need_more;
  if (*p != ' ') return failed(fault, fault_of_byte(*p, ParseFault::bad_status_line));
  ++p;
  unsigned status = 0;
  for (int i = 0; i < 3; ++i, ++p) {
    if (p == end) return LineState::need_more;
    if (!bytes::is(*p, bytes::kDigit)) return failed(fault, fault_of_byte(*p, ParseFault::bad_status_line));
    status = status * 10 + static_cast<unsigned>(*p - '0');
  }
  if (status < 100 || status > 599) return failed(fault, ParseFault::bad_status_line);
  head.status = static_cast<std::uint16_t>(status);
  if (p == end) return LineState::need_more;
  if (*p == ' ') ++p;
  else if (*p != '\r') return failed(fault, fault_of_byte(*p, ParseFault::bad_status_line));

  const char* const reason = p;
  p = bytes::skip_value(p, end);
  if (p == end) return LineState::need_more;
  if (*p != '\r') return failed(fault, fault_of_byte(*p, ParseFault::bad_status_line));
  head.reason = {reason, static_cast<std::size_t>(p - reason)};
  const LineState ended = detail::read_line_end(p, end, fault);
  return ended == LineState::end_of_head ? LineState::field : ended;
}

std::optional<ParseFault> check_line(const Field& field, ResponseHead& head, ConnectionFacts& facts) {
  switch (field.id) {
    case FieldId::content_length:
      if (head.fields.has(FieldId::content_length)) return ParseFault::repeated_content_length;
      return read_content_length(field.value, head.content_length);
    case FieldId::transfer_encoding: return facts.read_transfer_encoding(field.value);
    case FieldId::connection: return facts.read_connection(field.value, response_connection_may_name);
    default: return std::nullopt;
  }
}

// Where the body ends (RFC 9112 §6.3) and whether the connection outlives it (§9.3).
std::optional<ParseFault> finish(ResponseHead& head, Method request_method, const ConnectionFacts& facts) {
  if (facts.names_fields) facts.remove_named(head.fields);
  head.keep_alive = !facts.close && (head.minor > 0 || facts.keep_alive);
  const bool chunked = head.fields.has(FieldId::transfer_encoding);
  if (chunked) {
    if (const auto fault = facts.check_transfer_encoding(head.fields, head.minor)) return fault;
  }
  if (head.status < 200 || head.status == 204) {
    // Neither field may be sent with these (RFC 9110 §8.6, RFC 9112 §6.1): what we pass on must not repeat it. Who says that a body
    // follows may well send one: what comes behind is not the next answer.
    if (head.status == 204 && (chunked || head.content_length != 0)) head.keep_alive = false;
    head.framing = Framing::none;
    head.content_length = 0;
    head.fields.remove(FieldId::content_length);
    head.fields.remove(FieldId::transfer_encoding);
  } else if (request_method == Method::head || head.status == 304) {
    head.framing = Framing::none;
  } else if (chunked) {
    head.framing = Framing::chunked;
  } else if (head.fields.has(FieldId::content_length)) {
    head.framing = Framing::length;
  } else {
    head.framing = Framing::until_close;
    head.keep_alive = false;
  }
  return std::nullopt;
}

}  // namespace

ParseResult ResponseParser::parse(std::string_view bytes, Method request_method, ResponseHead& head) {
  return detail::parse_head(at_, bytes, limits_->head_bytes, head, head.reason,
                            [&](std::string_view seen) { return advance(seen, request_method, head); });
}

ParseResult ResponseParser::advance(std::string_view bytes, Method request_method, ResponseHead& head) {
  const char* const base = bytes.data();
  const char* p = base + at_.line;

  if (!at_.in_fields) {
    ParseFault fault{};
    const LineState state = read_status_line(p, base + bytes.size(), head, fault);
    if (state == LineState::need_more) return detail::pause_head(at_, bytes, base);
    if (state == LineState::fault) return detail::failed_head(fault);
    at_.start = static_cast<std::uint32_t>(head.reason.data() - base);
    at_.in_fields = true;
  }

  const ParseResult result = detail::read_fields(at_, bytes, p, limits_->field_count, head, kChecked,
                                                 [&](const Field& field) { return check_line(field, head, at_.facts); });
  if (result.state != ParseState::done) return result;
  if (const auto wrong = finish(head, request_method, at_.facts)) return detail::failed_head(*wrong);
  return result;
}

}  // namespace davenport::http
