// core/http/proxy_protocol.h: the PROXY protocol's header, versions 1 and 2 (haproxy.org, proxy-protocol.txt §2).
// Strict: a connection on a listener that expects it and brings none is refused.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/parser.h"

namespace davenport::http {

struct ProxyHeader {
  ParseState state = ParseState::need_more;
  std::size_t consumed = 0;
  bool local = false;           // v2 LOCAL or v1 UNKNOWN: keep the connection's own addresses
  std::string source_address;   // numeric; "" when local
  std::uint16_t source_port = 0;
  std::string destination_address;
  std::uint16_t destination_port = 0;
};
ProxyHeader parse_proxy_header(std::string_view bytes);

}  // namespace davenport::http
