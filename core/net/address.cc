#include "core/net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace davenport::net {

Result<SocketAddress> SocketAddress::numeric(std::string_view host, std::uint16_t port) {
  const std::string text(host);
  SocketAddress address;
  if (::inet_pton(AF_INET, text.c_str(), &address.storage_.v4.sin_addr) == 1) {
    address.storage_.v4.sin_family = AF_INET;
    address.storage_.v4.sin_port = htons(port);
    address.length_ = sizeof(sockaddr_in);
    return address;
  }
  if (::inet_pton(AF_INET6, text.c_str(), &address.storage_.v6.sin6_addr) == 1) {
    address.storage_.v6.sin6_family = AF_INET6;
    address.storage_.v6.sin6_port = htons(port);
    address.length_ = sizeof(sockaddr_in6);
    return address;
  }
  return Error{"'" + text + "' is no numeric IPv4 or IPv6 address"};
}

Result<SocketAddress> SocketAddress::unix_path(std::string_view path) {
  SocketAddress address;
  if (path.empty() || path.size() >= sizeof address.storage_.local.sun_path) {
    return Error{"a Unix socket's path has 1 to 107 bytes"};
  }
  address.storage_.local.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.storage_.local.sun_path);
  address.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

SocketAddress SocketAddress::of(const sockaddr* address, socklen_t length) {
  SocketAddress result;
  result.length_ = std::min<socklen_t>(length, sizeof result.storage_);
  std::memcpy(&result.storage_, address, result.length_);
  return result;
}

std::string SocketAddress::host() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (family() == AF_INET) {
    ::inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
    return text;
  }
  if (family() == AF_INET6) {
    if (IN6_IS_ADDR_V4MAPPED(&storage_.v6.sin6_addr)) {
      ::inet_ntop(AF_INET, &storage_.v6.sin6_addr.s6_addr[12], text, sizeof text);
    } else {
      ::inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
    }
    return text;
  }
  return "unix";
}

std::uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
  return 0;
}

std::string SocketAddress::text() const {
  if (is_unix()) return std::string("unix:") + storage_.local.sun_path;
  if (family() == AF_INET6) return "[" + host() + "]:" + std::to_string(port());
  return host() + ":" + std::to_string(port());
}

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  return a.length_ == b.length_ && std::memcmp(&a.storage_, &b.storage_, a.length_) == 0;
}

}  // namespace davenport::net
