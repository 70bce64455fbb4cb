// core/http/proxy_protocol.h: the PROXY protocol's header, versions 1 and 2 (haproxy.org, proxy-protocol.txt §2).
// Strict: a connection on a listener that expects it and brings none is refused, and so is a header with an unknown
// command, family or transport, UDP (this is no UDP listener), a broken list of TLVs, a wrong CRC32c, or more than
// kProxyHeaderBytes. Errors show with the first byte that makes them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/parser.h"

namespace davenport::http {

inline constexpr std::size_t kProxyHeaderBytes = 4096;   // version 1 has its own limit, 107

struct ProxyHeader {
  ParseState state = ParseState::need_more;
  std::size_t consumed = 0;
  bool local = false;           // v2 LOCAL, v1 UNKNOWN, or Unix sockets: keep the connection's own addresses
  std::string source_address;   // numeric; "" when local
  std::uint16_t source_port = 0;
  std::string destination_address;
  std::uint16_t destination_port = 0;
};
// `bytes`: all that the connection brought so far.
ProxyHeader parse_proxy_header(std::string_view bytes);

}  // namespace davenport::http
