#include "core/http/serializer.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>

#include "core/base/text.h"
#include "core/http/bytes.h"
#include "core/http/field_names.h"
#include "core/http/grammar.h"

namespace davenport::http {
namespace {

// RFC 9110 §7.6.1, and RFC 9111 §3.1 for what is between us and a peer that asked for proxy authentication.
constexpr std::uint64_t kHopByHop =
    field_bit(FieldId::connection) | field_bit(FieldId::proxy_connection) | field_bit(FieldId::keep_alive) |
    field_bit(FieldId::te) | field_bit(FieldId::transfer_encoding) | field_bit(FieldId::upgrade) |
    field_bit(FieldId::proxy_authenticate) | field_bit(FieldId::proxy_authentication_info) |
    field_bit(FieldId::proxy_authorization);

[[maybe_unused]] bool is_clean(std::string_view text, bytes::Class wanted) {
  return bytes::skip(text.data(), text.data() + text.size(), wanted) == text.data() + text.size();
}

[[maybe_unused]] bool is_clean_value(std::string_view text) { return bytes::is_value(text.data(), text.size()); }

}  // namespace

void append_request_line(std::string& out, std::string_view method, std::string_view target) {
  assert(!method.empty() && is_clean(method, bytes::kToken));
  assert(!target.empty() && is_clean(target, bytes::kTarget));
  out.append(method).append(1, ' ').append(target).append(" HTTP/1.1\r\n");
}

void append_status_line(std::string& out, int status, std::string_view reason) {
  assert(status >= 100 && status <= 999);
  assert(is_clean_value(reason));
  out.append("HTTP/1.1 ");
  append_number(out, status);
  out.append(1, ' ').append(reason.empty() ? reason_phrase(status) : reason).append("\r\n");
}

std::string_view status_line_of(std::string_view head) {
  return head.starts_with("HTTP/") ? head.substr(0, head.find("\r\n") + 2) : std::string_view{};
}

void read_lines(std::string_view head, Fields& out) {
  std::size_t at = status_line_of(head).size(), end = 0;
  while (at < head.size() && (end = head.find("\r\n", at)) != at && end != std::string_view::npos) {
    const std::string_view field = head.substr(at, end - at);
    const std::size_t colon = field.find(':');
    out.add(field.substr(0, colon), field.substr(std::min(colon + 2, field.size())));
    at = end + 2;
  }
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  assert(!name.empty() && is_clean_value(name));       // no CR, LF or NUL: nothing that could split the message
  assert(is_clean_value(value));
  // One growth and plain copies: every field of every message goes through here.
  const std::size_t at = out.size();
  out.resize(at + name.size() + value.size() + 4);
  char* p = out.data() + at;
  p = std::copy(name.begin(), name.end(), p);
  *p++ = ':';
  *p++ = ' ';
  p = std::copy(value.begin(), value.end(), p);
  *p++ = '\r';
  *p = '\n';
}

void append_fields(std::string& out, const Fields& fields, std::uint64_t without) {
  const auto left_out = [without](const Field& field) { return (field_bit(field.id) & without) != 0; };
  std::size_t bytes = 0;
  for (const Field& field : fields) {
    if (!left_out(field)) bytes += field.name.size() + field.value.size() + 4;
  }
  const std::size_t at = out.size();
  out.resize(at + bytes);
  char* to = out.data() + at;
  const auto put = [&to](const char* from, std::size_t size) {
    std::memcpy(to, from, size);
    to += size;
  };
  const auto follows = [](std::string_view text, const char* next, char first, char second) {
    const char* const end = text.data() + text.size();
    return end + 2 == next && end[0] == first && end[1] == second;
  };
  for (auto field = fields.begin(); field != fields.end();) {
    if (left_out(*field)) {
      ++field;
      continue;
    }
    if (!follows(field->name, field->value.data(), ':', ' ')) {
      assert(!field->name.empty() && is_clean_value(field->name) && is_clean_value(field->value));
      put(field->name.data(), field->name.size());
      put(": ", 2);
      if (!field->value.empty()) put(field->value.data(), field->value.size());
      put("\r\n", 2);
      ++field;
      continue;
    }
    // Lines that were read as we write them, one behind the other, go as they lie: the parser has looked at them.
    const char* const run = field->name.data();
    std::string_view last = field->value;
    while (++field != fields.end() && !left_out(*field) && follows(last, field->name.data(), '\r', '\n') &&
           follows(field->name, field->value.data(), ':', ' ')) {
      last = field->value;
    }
    put(run, static_cast<std::size_t>(last.data() + last.size() - run));
    put("\r\n", 2);
  }
}

void append_field(std::string& out, std::string_view name, std::uint64_t value) {
  assert(!name.empty() && is_clean(name, bytes::kToken));
  out.append(name).append(": ");
  append_number(out, value);
  out.append("\r\n");
}

void append_chunk_size(std::string& out, std::uint64_t bytes) {
  char digits[16];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, bytes, 16).ptr).append("\r\n");
}

HopByHop::HopByHop(const Fields& fields) : ids_(kHopByHop) {
  if (!fields.has(FieldId::connection)) return;
  single_ = fields.combined(FieldId::connection, scratch_);
  if (fields.count(FieldId::connection) == 1) scratch_.clear();
  for (ListReader names(single_); const auto name = names.next();) {
    const FieldId id = field_id(*name);
    if (id != FieldId::other) ids_ |= field_bit(id);
    else names_others_ |= !iequals(*name, "close");
  }
}

bool HopByHop::operator()(const Field& field) const {
  if (field.id != FieldId::other) return (ids_ & field_bit(field.id)) != 0;
  return names_others_ && list_contains(scratch_.empty() ? single_ : std::string_view(scratch_), field.name);
}

bool may_trail(const Field& field) {
  constexpr std::uint64_t kHeadOnly = [] {
    std::uint64_t bits = kHopByHop;
    for (const FieldId id : {FieldId::authorization, FieldId::cache_control, FieldId::cdn_cache_control, FieldId::content_encoding,
                             FieldId::content_language, FieldId::content_length, FieldId::content_location, FieldId::content_range,
                             FieldId::content_type, FieldId::cookie, FieldId::expect, FieldId::expires, FieldId::forwarded, FieldId::host,
                             FieldId::if_match, FieldId::if_modified_since, FieldId::if_none_match, FieldId::if_range,
                             FieldId::if_unmodified_since, FieldId::location, FieldId::origin, FieldId::pragma, FieldId::range,
                             FieldId::retry_after, FieldId::set_cookie, FieldId::surrogate_control, FieldId::trailer, FieldId::vary,
                             FieldId::via, FieldId::www_authenticate, FieldId::x_forwarded_for, FieldId::x_forwarded_host,
                             FieldId::x_forwarded_proto, FieldId::x_request_id}) {
      bits |= field_bit(id);
    }
    return bits;
  }();
  FieldId id = field.id;
  if (id == FieldId::other && field.name.find('_') != std::string_view::npos) {
    std::string dashed(field.name);
    for (char& c : dashed) c = c == '_' ? '-' : c;
    id = field_id(dashed);
  }
  return id == FieldId::other || (kHeadOnly & field_bit(id)) == 0;
}

}  // namespace davenport::http
