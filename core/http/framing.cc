#include "core/http/framing.h"

#include <limits>

#include "core/base/text.h"
#include "core/http/bytes.h"
#include "core/http/field_names.h"
#include "core/http/grammar.h"

namespace davenport::http {
namespace {

constexpr std::uint64_t bits(std::initializer_list<FieldId> ids) {
  std::uint64_t all = 0;
  for (const FieldId id : ids) all |= field_bit(id);
  return all;
}

// What these say concerns whoever comes after us, and what a proxy adds must not be stripped by a client's word.
constexpr std::uint64_t kNotOneHopInRequest =
    bits({FieldId::host, FieldId::authorization, FieldId::cookie, FieldId::content_length, FieldId::cache_control, FieldId::transfer_encoding,
          FieldId::set_cookie, FieldId::via, FieldId::forwarded, FieldId::x_forwarded_for, FieldId::x_forwarded_host, FieldId::x_forwarded_proto,
          FieldId::x_request_id});
// Without one of these the answer's bytes, or who may have them, would be something else.
constexpr std::uint64_t kNotOneHopInResponse =
    bits({FieldId::content_length, FieldId::content_encoding, FieldId::content_range, FieldId::content_type, FieldId::cache_control,
          FieldId::cdn_cache_control, FieldId::surrogate_control, FieldId::pragma, FieldId::expires, FieldId::vary, FieldId::set_cookie,
          FieldId::location});
// These stay where they are read, and are not passed on for what they are (serializer.h).
constexpr std::uint64_t kOfTheConnection =
    bits({FieldId::connection, FieldId::keep_alive, FieldId::proxy_authenticate, FieldId::proxy_authentication_info, FieldId::proxy_authorization,
          FieldId::proxy_connection, FieldId::te, FieldId::trailer, FieldId::transfer_encoding, FieldId::upgrade});

bool begins_with_any_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

// A member of a list that allows no empty one, trimmed; moves `rest` behind it and its comma.
std::string_view take_member(std::string_view& rest, bool& last) {
  const std::size_t comma = rest.find(',');
  last = comma == std::string_view::npos;
  const std::string_view member = trim_ows(rest.substr(0, comma));
  rest.remove_prefix(last ? rest.size() : comma + 1);
  return member;
}

bool is_token_text(std::string_view text) {
  return !text.empty() && bytes::skip(text.data(), text.data() + text.size(),
                                      bytes::kToken) == text.data() + text.size();
}

}  // namespace

bool request_connection_may_name(std::string_view name) {
  if ((field_bit(detail::find_known(name)) & kNotOneHopInRequest) != 0) return false;
  return !begins_with_any_case(name, "x-forwarded-") && !iequals(name, "x-real-ip");
}

bool response_connection_may_name(std::string_view name) {
  return (field_bit(detail::find_known(name)) & kNotOneHopInResponse) == 0;
}

std::optional<ParseFault> ConnectionFacts::read_connection(std::string_view value, bool (*may_name)(std::string_view)) {
  // What nearly all messages say, without a look at lists.
  if (iequals(value, "keep-alive")) return keep_alive = true, std::nullopt;
  if (iequals(value, "close")) return close = true, std::nullopt;
  bool last = value.empty();
  while (!last) {
    const std::string_view name = take_member(value, last);
    if (name.empty()) continue;                       // RFC 9110 §5.6.1.2
    if (!is_token_text(name) || !may_name(name)) return ParseFault::bad_connection;
    close |= iequals(name, "close");
    keep_alive |= iequals(name, "keep-alive");
    upgrade |= iequals(name, "upgrade");
    names_fields |= (field_bit(detail::find_known(name)) & kOfTheConnection) == 0 && !iequals(name, "close");
  }
  return std::nullopt;
}

void ConnectionFacts::remove_named(Fields& fields) const {
  std::string scratch;
  const std::string_view names = fields.combined(FieldId::connection, scratch);
  std::uint64_t named = 0;
  std::string_view rest = names;
  for (bool last = rest.empty(); !last;) named |= field_bit(detail::find_known(take_member(rest, last)));
  named &= ~kOfTheConnection;
  fields.remove_if([&](const Field& field) {
    if ((field_bit(field.id) & named) == 0) return false;
    return field.id != FieldId::other || list_contains(names, field.name);
  });
}

std::optional<ParseFault> ConnectionFacts::read_transfer_encoding(std::string_view value) {
  bool last = false;
  while (!last) {
    const std::string_view coding = take_member(value, last);
    // Chunked was not last, or comes twice. Chunked with parameters is no token and is refused with the malformed.
    if (chunked) return ParseFault::bad_transfer_encoding;
    if (iequals(coding, "chunked")) {
      chunked = true;
      continue;
    }
    const std::string_view name = trim_ows(coding.substr(0, coding.find(';')));
    if (!is_token_text(name) || iequals(name, "chunked")) return ParseFault::bad_transfer_encoding;
    unknown_coding = true;
  }
  return std::nullopt;
}

std::optional<ParseFault> ConnectionFacts::check_transfer_encoding(const Fields& fields, std::uint8_t minor) const {
  if (fields.has(FieldId::content_length)) return ParseFault::length_with_transfer_encoding;
  if (minor == 0 || !chunked) return ParseFault::bad_transfer_encoding;
  if (unknown_coding) return ParseFault::unknown_transfer_coding;
  return std::nullopt;
}

std::optional<ParseFault> read_content_length(std::string_view value, std::uint64_t& length) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (value.empty()) return ParseFault::bad_content_length;
  std::uint64_t number = 0;
  for (const char c : value) {
    if (c == ',') return ParseFault::repeated_content_length;
    if (!bytes::is(c, bytes::kDigit)) return ParseFault::bad_content_length;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number > (kMost - digit) / 10) return ParseFault::bad_content_length;
    number = number * 10 + digit;
  }
  length = number;
  return std::nullopt;
}

}  // namespace davenport::http
