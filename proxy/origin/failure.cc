#include "proxy/origin/failure.h"

#include <array>

namespace davenport::origin {
namespace {

// In the order of the enum. A failure of the client's has no status: nobody is there to be told.
constexpr std::array<FailureName, kFailureKindCount> kNames{{
    {"dns_error", "dns_error", 502},                                     // RFC 9209 §2.3.2
    {"connection_refused", "connection_refused", 502},                   // §2.3.7
    {"connection_timeout", "connection_timeout", 504},                   // §2.3.9
    {"connection_terminated", "connection_terminated", 502},             // §2.3.8
    {"response_timeout", "http_response_timeout", 504},                  // §2.3.26
    {"protocol_error", "http_protocol_error", 502},                      // §2.3.28
    {"head_too_large", "http_response_header_section_size", 502},        // §2.3.19
    {"tls_certificate_error", "tls_certificate_error", 502},             // §2.3.14
    {"tls_protocol_error", "tls_protocol_error", 502},                   // §2.3.13
    {"tls_alert_received", "tls_alert_received", 502},                   // §2.3.15
    {"no_server", "destination_unavailable", 503},                       // §2.3.4
    {"queue_full", "connection_limit_reached", 503},                     // §2.3.12
    {"queue_timeout", "connection_limit_reached", 503},                  // §2.3.12
    {"cancelled", "proxy_internal_response", 503},                       // §2.3.29
    {"client_gone", "http_request_error", 0},                            // §2.3.16
}};

}  // namespace

FailureName name_of(FailureKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

}  // namespace davenport::origin
