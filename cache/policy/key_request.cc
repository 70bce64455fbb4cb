#include "cache/policy/key_request.h"

#include <cstdint>
#include <cstring>

#include "cache/policy/key.h"

namespace davenport::policy {
namespace {

constexpr std::size_t kPrefixBytes = 16, kPortAt = 2, kHostBytesAt = 4;

template <class Number>
bool take(std::string_view& from, Number& number) {
  if (from.size() < sizeof number) return false;
  std::memcpy(&number, from.data(), sizeof number);
  from.remove_prefix(sizeof number);
  return true;
}

bool take_text(std::string_view& from, std::size_t size, std::string_view& text) {
  if (from.size() < size) return false;
  text = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

}  // namespace

std::optional<KeyRequest> request_of_key(std::string_view key) {
  const std::string_view scheme = scheme_of_key(key), resource = resource_of_key(key);
  if (scheme.empty()) return std::nullopt;
  std::uint16_t port = 0;
  std::uint32_t host_bytes = 0;
  std::memcpy(&port, key.data() + kPortAt, sizeof port);
  std::memcpy(&host_bytes, key.data() + kHostBytesAt, sizeof host_bytes);
  KeyRequest out;
  out.url = std::string(scheme) + "://" + std::string(resource.substr(0, host_bytes));
  if (port != 0) out.url += ":" + std::to_string(port);
  out.url += resource.substr(host_bytes);
  std::string cookies;
  std::string_view rest = key.substr(kPrefixBytes + resource.size());
  while (!rest.empty()) {
    const char kind = rest.front();
    rest.remove_prefix(1);
    std::uint32_t name_bytes = 0, value_bytes = 0;             // of the value and one more; 0: it is absent
    std::string_view name, value;
    const bool whole = (kind == 'f' || kind == 'c' || kind == 'h') && take(rest, name_bytes) && take(rest, value_bytes) && take_text(rest, name_bytes, name) &&
                       take_text(rest, value_bytes == 0 ? 0 : value_bytes - 1, value);
    if (!whole) return std::nullopt;
    if (value_bytes == 0) continue;
    if (kind == 'h') out.forwarded_host = value;
    else if (kind == 'f') out.fields.emplace_back(name, value);
    else cookies.append(cookies.empty() ? "" : "; ").append(name).append("=").append(value);
  }
  if (!cookies.empty()) out.fields.emplace_back("Cookie", std::move(cookies));
  return out;
}

}  // namespace davenport::policy
