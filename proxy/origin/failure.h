// proxy/origin/failure.h: why an exchange with an origin failed: one enum, from which come our status, the error type of
// Proxy-Status (RFC 9209 §2.3) and the name in logs and metrics.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace davenport::origin {

enum class FailureKind : std::uint8_t {
  dns_error,              // 502  the server's name has no address
  connection_refused,     // 502
  connection_timeout,     // 504
  connection_terminated,  // 502  reset or closed before the response was whole
  response_timeout,       // 504  no first byte, or nothing between bytes, in time
  protocol_error,         // 502  not HTTP/1.1 as we accept it
  head_too_large,         // 502
  tls_certificate_error,  // 502  the server's certificate is not trusted, or not for its name
  tls_protocol_error,     // 502  no TLS in common
  tls_alert_received,     // 502  the server refused our handshake
  no_server,              // 503  all servers are down or ejected
  queue_full,             // 503  with Retry-After
  queue_timeout,          // 503  with Retry-After
  cancelled,              // 503  we are shutting down
  client_gone,            // -    the client's request body ended early
};
inline constexpr std::size_t kFailureKindCount = static_cast<std::size_t>(FailureKind::client_gone) + 1;

struct FailureName {
  std::string_view name;         // ours: logs, metrics
  std::string_view proxy_error;  // RFC 9209 §2.3: "connection_timeout", "http_protocol_error" …
  int status;
};
FailureName name_of(FailureKind kind);

struct Failure {
  FailureKind kind;
  std::string detail;            // for the log: "connect to 10.0.0.1:80: Connection refused"
  bool nothing_received = true;  // no byte of a response had arrived
};

}  // namespace davenport::origin
