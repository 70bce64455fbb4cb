#include "core/http/bearer.h"

#include <cstddef>

#include "core/base/text.h"

namespace davenport::http {

std::string_view bearer_token(const Fields& fields) {
  if (fields.count(FieldId::authorization) != 1) return {};
  const std::string_view value = fields.get(FieldId::authorization);
  constexpr std::string_view kScheme = "Bearer ";
  if (value.size() <= kScheme.size() || !iequals(value.substr(0, kScheme.size()), kScheme)) return {};
  return trim_ows(value.substr(kScheme.size()));
}

bool same_secret(std::string_view given, std::string_view secret) {
  volatile std::size_t difference = given.size() ^ secret.size();
  for (std::size_t i = 0; i < secret.size(); ++i) {
    const char c = i < given.size() ? given[i] : '\0';
    difference = difference | static_cast<std::size_t>(static_cast<unsigned char>(c ^ secret[i]));
  }
  return difference == 0;
}

}  // namespace davenport::http
