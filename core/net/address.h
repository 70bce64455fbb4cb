// core/net/address.h: a socket address and its text. Names are resolver.h's.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace davenport::net {

class SocketAddress {
 public:
  SocketAddress() { std::memset(&storage_, 0, sizeof storage_); }    // all of it: {} need not reach beyond the first member
  static Result<SocketAddress> numeric(std::string_view host, std::uint16_t port);   // no brackets, no names
  static Result<SocketAddress> unix_path(std::string_view path);
  static SocketAddress of(const sockaddr* address, socklen_t length);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const { return length_; }
  int family() const { return storage_.any.sa_family; }
  bool is_unix() const { return family() == AF_UNIX; }

  std::string host() const;          // "127.0.0.1", "::1" (IPv4-mapped as IPv4), "unix"
  std::uint16_t port() const;
  std::string text() const;          // "127.0.0.1:80", "[::1]:80", "unix:/path"
  friend bool operator==(const SocketAddress& a, const SocketAddress& b);

 private:
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
  } storage_;
  socklen_t length_ = 0;
};

}  // namespace davenport::net
