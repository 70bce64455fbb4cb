#include "core/http/http2_head.h"

#include <utility>

#include "core/base/text.h"
#include "core/http/bytes.h"
#include "core/http/field_names.h"
#include "core/http/framing.h"
#include "core/http/structured.h"
#include "core/http/uri.h"

namespace davenport::http {
namespace {

constexpr std::size_t kMethodBytes = 32;           // as HTTP/1.1's
constexpr std::size_t kLineBytes = 4;              // what a line costs beside its texts, as in HTTP/1.1: ": " and CRLF

bool all(std::string_view text, bytes::Class wanted) {
  return bytes::skip(text.data(), text.data() + text.size(), wanted) == text.data() + text.size();
}

// Lower-case alone (RFC 9113 §8.2.1).
bool is_name(std::string_view name) {
  for (const char c : name) {
    if (!bytes::is(c, bytes::kToken) || (c >= 'A' && c <= 'Z')) return false;
  }
  return !name.empty();
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// RFC 9113 §8.2.1: and no white space around it.
bool is_trimmed_value(std::string_view value) {
  if (value.empty()) return true;
  return !is_blank(value.front()) && !is_blank(value.back()) && bytes::is_value(value.data(), value.size());
}

constexpr std::uint64_t kOfConnections = field_bit(FieldId::connection) | field_bit(FieldId::keep_alive) | field_bit(FieldId::proxy_connection) |
                                         field_bit(FieldId::transfer_encoding) | field_bit(FieldId::upgrade);
constexpr std::uint64_t kNotInTrailers = kOfConnections | field_bit(FieldId::content_length) | field_bit(FieldId::host) |
                                         field_bit(FieldId::te) | field_bit(FieldId::trailer) | field_bit(FieldId::expect);

bool among(std::uint64_t set, FieldId id) { return id != FieldId::other && (set & field_bit(id)) != 0; }

}  // namespace

void Http2Head::clear() {
  bytes_.clear();
  lines_.clear();
  fault_.reset();
  seen_bytes_ = 0;
  cookies_ = 0;
  present_ = 0;
  has_host_ = has_length_ = false;
  length_ = 0;
}

Http2Head::Text Http2Head::keep(std::string_view text) {
  const Text kept{static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(text.size())};
  bytes_.append(text);
  return kept;
}

void Http2Head::add(std::string_view name, std::string_view value) {
  seen_bytes_ += name.size() + value.size() + kLineBytes;
  if (fault_) return;
  if (seen_bytes_ > limits_->head_bytes) {
    fault_ = name == ":path" ? ParseFault::target_too_long : ParseFault::head_too_large;
    return;
  }
  fault_ = !name.empty() && name.front() == ':' ? add_pseudo(name, value) : add_field(name, value);
}

std::optional<ParseFault> Http2Head::add_pseudo(std::string_view name, std::string_view value) {
  static constexpr std::string_view kNames[kPseudoCount] = {":method", ":scheme", ":authority", ":path", ":protocol"};
  if (!lines_.empty()) return ParseFault::bad_pseudo_field;                   // behind a field
  std::uint8_t which = 0;
  while (which < kPseudoCount && kNames[which] != name) ++which;
  if (which == kPseudoCount || has(static_cast<Pseudo>(which)) || value.empty()) return ParseFault::bad_pseudo_field;
  switch (static_cast<Pseudo>(which)) {
    case kMethod:
      if (value.size() > kMethodBytes || !all(value, bytes::kToken)) return ParseFault::bad_method;
      break;
    case kScheme:
      if (!iequals(value, "https") && !iequals(value, "http")) return ParseFault::bad_target;
      break;
    case kAuthority:
      if (!parse_host_port(value)) return ParseFault::bad_host;
      break;
    case kPath:
      if (value.size() > limits_->target_bytes) return ParseFault::target_too_long;
      if ((value.front() != '/' && value != "*") || !all(value, bytes::kTarget)) return ParseFault::bad_target;
      break;
    case kProtocol:
      if (!all(value, bytes::kToken)) return ParseFault::bad_pseudo_field;
      break;
    case kPseudoCount: break;
  }
  pseudo_[which] = keep(value);
  present_ = static_cast<std::uint8_t>(present_ | (1u << which));
  return std::nullopt;
}

std::optional<ParseFault> Http2Head::add_field(std::string_view name, std::string_view value) {
  if (lines_.size() >= limits_->field_count) return ParseFault::too_many_fields;
  if (!is_name(name)) return ParseFault::bad_field_name;
  if (!is_trimmed_value(value)) return ParseFault::bad_field_value;
  const FieldId id = detail::find_known(name);
  if (among(kOfConnections, id)) return ParseFault::connection_field;
  switch (id) {
    case FieldId::te:
      if (!iequals(value, "trailers")) return ParseFault::bad_te;
      break;
    case FieldId::host:
      if (has_host_) return ParseFault::repeated_host;
      if (!parse_host_port(value)) return ParseFault::bad_host;
      has_host_ = true;
      break;
    case FieldId::content_length:
      if (has_length_) return ParseFault::repeated_content_length;
      if (const auto fault = read_content_length(value, length_)) return fault;
      has_length_ = true;
      break;
    case FieldId::expect:
      if (!iequals(value, "100-continue")) return ParseFault::bad_expect;
      break;
    case FieldId::cookie: ++cookies_; break;
    default: break;
  }
  Line line;
  line.name = keep(name);
  line.value = keep(value);
  line.id = id;
  lines_.push_back(line);
  return std::nullopt;
}

// CONNECT (RFC 9113 §8.5) and its extension (RFC 8441 §4).
std::optional<ParseFault> Http2Head::finish_connect(RequestHead& head) {
  if (!has(kAuthority)) return ParseFault::bad_pseudo_field;
  if (!has(kProtocol)) {
    if (has(kScheme) || has(kPath)) return ParseFault::bad_pseudo_field;
    if (parse_host_port(get(kAuthority))->port.empty()) return ParseFault::bad_target;
    head.form = TargetForm::authority;
    head.target = head.authority;
    return std::nullopt;
  }
  if (!has(kScheme) || !has(kPath)) return ParseFault::bad_pseudo_field;
  if (!iequals(get(kProtocol), "websocket")) return ParseFault::unknown_protocol;
  if (has_length_) return ParseFault::bad_content_length;
  head.method_name = "GET";
  head.method = Method::get;
  head.wants_upgrade = true;
  return finish_target(head);
}

std::optional<ParseFault> Http2Head::finish_target(RequestHead& head) {
  head.target = get(kPath);
  head.scheme = get(kScheme);
  if (head.target == "*") {
    head.form = TargetForm::asterisk;
    head.path = head.target;
    return head.method == Method::options ? std::nullopt : std::optional(ParseFault::bad_target);
  }
  const std::size_t question = head.target.find('?');
  head.path = head.target.substr(0, question);
  head.has_query = question != std::string_view::npos;
  if (head.has_query) head.query = head.target.substr(question + 1);
  return std::nullopt;
}

// Crumbs become one field in the place of the first.
void Http2Head::join_cookies() {
  std::string joined;
  for (const Line& line : lines_) {
    if (line.id != FieldId::cookie) continue;
    if (!joined.empty()) joined.append("; ");
    joined.append(view(line.value));
  }
  const Text kept = keep(joined);
  bool first = true;
  for (Line& line : lines_) {
    if (line.id != FieldId::cookie) continue;
    if (std::exchange(first, false)) {
      line.value = kept;
    } else {
      line.name.size = 0;                              // no line any more
    }
  }
}

std::optional<ParseFault> Http2Head::finish(bool end_stream, RequestHead& head) {
  head.clear();
  head.major = 2;
  if (fault_) return fault_;
  if (!has(kMethod)) return ParseFault::bad_pseudo_field;
  if (cookies_ > 1) join_cookies();                // before any view is made: it may move the bytes
  head.method_name = get(kMethod);
  head.method = method_of(head.method_name);
  head.authority = get(kAuthority);
  std::string_view host;
  for (const Line& line : lines_) {
    if (line.id == FieldId::host) host = view(line.value);
  }
  if (head.authority.empty()) head.authority = host;
  std::optional<ParseFault> fault;
  if (head.method == Method::connect) {
    fault = finish_connect(head);
  } else if (!has(kScheme) || !has(kPath) || has(kProtocol)) {
    fault = ParseFault::bad_pseudo_field;
  } else {
    fault = finish_target(head);
  }
  if (fault) return fault;
  if (head.authority.empty()) return ParseFault::missing_host;
  // RFC 9113 §8.3.1: they may not differ; which of them counts is then no question.
  if (has_host_ && !same_authority(*parse_host_port(host), *parse_host_port(head.authority), head.scheme)) return ParseFault::bad_host;
  head.fields.add(FieldId::host, "host", head.authority);
  for (const Line& line : lines_) {
    if (line.id == FieldId::host || line.name.size == 0) continue;
    head.fields.add(line.id, view(line.name), view(line.value));
  }
  if (head.wants_upgrade) {
    head.fields.add(FieldId::upgrade, "upgrade", "websocket");
    return std::nullopt;
  }
  if (end_stream) {
    if (has_length_ && length_ != 0) return ParseFault::bad_content_length;
    if (has_length_) head.framing = Framing::length;
  } else {
    head.framing = has_length_ ? Framing::length : Framing::chunked;
    head.content_length = length_;
  }
  head.expect_continue = !end_stream && length_ + (has_length_ ? 0 : 1) > 0 && head.fields.has(FieldId::expect);
  return std::nullopt;
}

std::optional<ParseFault> check_http2_trailer(std::string_view name, std::string_view value) {
  if (!is_name(name)) return ParseFault::bad_field_name;            // a pseudo-field, too
  if (!is_trimmed_value(value)) return ParseFault::bad_field_value;
  if (among(kNotInTrailers, detail::find_known(name))) return ParseFault::bad_trailer;
  return std::nullopt;
}

bool is_connection_field(FieldId id) { return among(kOfConnections, id); }

int read_answer_head(std::string_view head, std::vector<Field>& lines) {
  lines.clear();
  const int status = (head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0');
  std::size_t at = head.find("\r\n") + 2;
  for (std::size_t end = head.find("\r\n", at); end != at && end != std::string_view::npos; end = head.find("\r\n", at)) {
    const std::string_view line = head.substr(at, end - at);
    at = end + 2;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const FieldId id = detail::find_known(name);
    if (among(kOfConnections, id)) continue;
    std::string_view value = line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    lines.push_back({name, value, id});
  }
  return status;
}

Priority read_priority(std::string_view field, Priority otherwise) {
  const auto members = parse_sf_dictionary(field);
  if (!members) return otherwise;
  for (const auto& [key, member] : *members) {
    const auto* const item = std::get_if<SfItem>(&member);
    if (item == nullptr) continue;
    if (key == "u") {
      const auto* const urgency = std::get_if<std::int64_t>(&item->value);
      if (urgency != nullptr && *urgency >= 0 && *urgency <= 7) otherwise.urgency = static_cast<std::uint8_t>(*urgency);
    } else if (key == "i") {
      if (const auto* const incremental = std::get_if<bool>(&item->value)) otherwise.incremental = *incremental;
    }
  }
  return otherwise;
}

}  // namespace davenport::http
