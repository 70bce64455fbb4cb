// The request head (RFC 9112 §2, §3). Lines are read from left to right by functions that stop at the first byte that
// breaks a rule or at the end of what is there; what lines mean together is checked when the head is complete.
#include <algorithm>
#include <cstring>

#include "core/base/text.h"
#include "core/http/field_line.h"
#include "core/http/head_progress.h"
#include "core/http/parser.h"
#include "core/http/grammar.h"
#include "core/http/uri.h"

namespace davenport::http {
namespace {

// A switch to another version of HTTP is never passed on: what follows would go by every rule that holds here. It may be ignored
// (RFC 9110 §7.8).
bool names_a_tunnel(const Fields& fields) {
  for (const Field& field : fields) {
    if (field.id != FieldId::upgrade) continue;
    ListReader list(field.value);
    while (const auto protocol = list.next()) {
      if (iequals(protocol->substr(0, 2), "h2") || iequals(protocol->substr(0, 4), "http")) return false;
    }
  }
  return true;
}

using detail::fault_of_byte;
using detail::LineState;

constexpr std::ptrdiff_t kMethodBytes = 32;  // longer than any registered one (longest: 17)
constexpr int kEmptyLines = 4;             // before a request line (RFC 9112 §2.2)

constexpr std::uint64_t kChecked = field_bit(FieldId::host) | field_bit(FieldId::content_length) |
                                   field_bit(FieldId::transfer_encoding) | field_bit(FieldId::connection) |
                                   field_bit(FieldId::expect);

LineState failed(ParseFault& out, ParseFault fault) {
  out = fault;
  return LineState::fault;
}

// Where the target's form begins to matter: its parts (RFC 9112 §3.2).
void split_query(RequestHead& head, std::string_view rest) {
  const std::size_t question = rest.find('?');
  head.path = rest.substr(0, question);
  head.has_query = question != std::string_view::npos;
  if (head.has_query) head.query = rest.substr(question + 1);
}

bool read_target(RequestHead& head) {
  const std::string_view target = head.target;
  if (head.method == Method::connect) {
    const auto authority = parse_host_port(target);
    if (!authority || authority->port.empty()) return false;
    head.form = TargetForm::authority;
    head.authority = target;
    return true;
  }
  if (target.front() == '/') {
    head.form = TargetForm::origin;
    split_query(head, target);
    return true;
  }
  if (target == "*") {
    head.form = TargetForm::asterisk;
    head.path = target;
    return head.method == Method::options;
  }
  const auto uri = parse_http_uri(target);
  if (!uri) return false;
  head.form = TargetForm::absolute;
  head.scheme = uri->scheme;
  head.authority = uri->authority;
  head.path = uri->path.empty() ? std::string_view("/") : uri->path;
  head.query = uri->query;
  head.has_query = uri->has_query;
  return true;
}

// method SP request-target SP HTTP-version CRLF
LineState read_request_line(const char*& p, const char* end, std::size_t target_bytes, RequestHead& head,
                            ParseFault& fault) {
  const char* const method = p;
  if (end - p >= 4 && std::memcmp(p, "GET ", 4) == 0) p += 3;      // most of them
  else p = bytes::skip(p, end, bytes::kToken);
  if (p == end) return LineState::need_more;
  if (*p != ' ' || p == method) return failed(fault, fault_of_byte(*p, ParseFault::bad_method));
  if (p - method > kMethodBytes) return failed(fault, ParseFault::bad_method);
  head.method_name = {method, static_cast<std::size_t>(p - method)};
  head.method = method_of(head.method_name);

  const char* const target = ++p;
  const char* const limit = end - p > static_cast<std::ptrdiff_t>(target_bytes) ? p + target_bytes : end;
  p = bytes::skip_target(p, limit);
  if (p == end) return LineState::need_more;
  if (p == limit && bytes::is(*p, bytes::kTarget)) return failed(fault, ParseFault::target_too_long);
  if (*p != ' ') {
    return failed(fault, fault_of_byte(*p, *p == '\r' ? ParseFault::bad_request_line : ParseFault::bad_target));
  }
  if (p == target) return failed(fault, ParseFault::bad_request_line);
  head.target = {target, static_cast<std::size_t>(p - target)};

  ++p;
  const LineState state = detail::read_version(p, end, head.minor, fault);
  if (state != LineState::field) return state;
  if (p == end) return LineState::need_more;
  if (*p != '\r') {
    const bool more_digits = bytes::is(*p, bytes::kDigit) || *p == '.';
    return failed(fault, fault_of_byte(*p, more_digits ? ParseFault::bad_version : ParseFault::bad_request_line));
  }
  const LineState ended = detail::read_line_end(p, end, fault);
  if (ended != LineState::end_of_head) return ended;
  return read_target(head) ? LineState::field : failed(fault, ParseFault::bad_target);
}

// A line that may be wrong by itself, before it is added to the others.
std::optional<ParseFault> check_line(const Field& field, RequestHead& head, ConnectionFacts& facts) {
  switch (field.id) {
    case FieldId::host:
      if (head.fields.has(FieldId::host)) return ParseFault::repeated_host;
      if (!parse_host_port(field.value)) return ParseFault::bad_host;
      if (head.form != TargetForm::absolute && head.form != TargetForm::authority) head.authority = field.value;
      return std::nullopt;
    case FieldId::content_length:
      if (head.fields.has(FieldId::content_length)) return ParseFault::repeated_content_length;
      return read_content_length(field.value, head.content_length);
    case FieldId::transfer_encoding: return facts.read_transfer_encoding(field.value);
    case FieldId::connection: return facts.read_connection(field.value, request_connection_may_name);
    case FieldId::expect:
      if (!iequals(field.value, "100-continue")) return ParseFault::bad_expect;
      return std::nullopt;
    default: return std::nullopt;
  }
}

// What the lines mean together (RFC 9112 §3.2, §6.3, §9.3).
std::optional<ParseFault> finish(RequestHead& head, const ConnectionFacts& facts) {
  if (facts.names_fields) facts.remove_named(head.fields);
  const Fields& fields = head.fields;
  if (!fields.has(FieldId::host)) {
    if (head.minor > 0) return ParseFault::missing_host;
  }
  // Host beside an absolute-form target is checked as any Host and then ignored: the target's authority stands over it,
  // and what is forwarded carries that alone (RFC 9112 §3.2.2).
  if (fields.has(FieldId::transfer_encoding)) {
    if (const auto fault = facts.check_transfer_encoding(fields, head.minor)) return fault;
    head.framing = Framing::chunked;
  } else if (fields.has(FieldId::content_length)) {
    head.framing = Framing::length;
  }
  head.keep_alive = !facts.close && (head.minor > 0 || facts.keep_alive);
  const bool body = head.framing == Framing::chunked || (head.framing == Framing::length && head.content_length > 0);
  head.expect_continue = head.minor > 0 && body && fields.has(FieldId::expect);
  head.wants_upgrade = head.minor > 0 && facts.upgrade && fields.has(FieldId::upgrade) && names_a_tunnel(fields);
  return std::nullopt;
}

}  // namespace

ParseResult RequestParser::parse(std::string_view bytes, RequestHead& head) {
  return detail::parse_head(at_, bytes, limits_->head_bytes, head, head.method_name,
                            [&](std::string_view seen) { return advance(seen, head); });
}

ParseResult RequestParser::advance(std::string_view bytes, RequestHead& head) {
  const char* const base = bytes.data();
  const char* const end = base + bytes.size();
  const char* p = base + at_.line;
  ParseFault fault{};

  if (!at_.in_fields) {
    while (p != end && (*p == '\r' || *p == '\n')) {
      const char* const line = p;
      if (*p == '\n') return detail::failed_head(ParseFault::bare_lf);
      const LineState state = detail::read_line_end(p, end, fault);
      if (state == LineState::need_more) return detail::pause_head(at_, bytes, line);
      if (state == LineState::fault) return detail::failed_head(fault);
      if (++at_.empty_lines > kEmptyLines) return detail::failed_head(ParseFault::bad_request_line);
    }
    const char* const line = p;
    const LineState state = read_request_line(p, end, limits_->target_bytes, head, fault);
    if (state == LineState::need_more) return detail::pause_head(at_, bytes, line);
    if (state == LineState::fault) return detail::failed_head(fault);
    at_.start = static_cast<std::uint32_t>(line - base);
    at_.in_fields = true;
  }

  const ParseResult result = detail::read_fields(at_, bytes, p, limits_->field_count, head, kChecked,
                                                 [&](const Field& field) { return check_line(field, head, at_.facts); });
  if (result.state != ParseState::done) return result;
  if (const auto wrong = finish(head, at_.facts)) return detail::failed_head(*wrong);
  return result;
}

}  // namespace davenport::http
