// cache/policy/target.h: the target URI of a request (RFC 9110 §7.1) and what a response's references mean beside it.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/http/message.h"

namespace davenport::policy {

// "http://shop:8080/x?y"; "/x?y" where the request names no host (HTTP/1.0). `scheme`: of the client's connection, unless
// the request is in absolute form.
std::string target_uri(const http::RequestHead& request, std::string_view scheme);

// A Location or Content-Location in absolute form; nullopt where it is none for http or https.
std::optional<std::string> resolve_against(const http::RequestHead& request, std::string_view scheme,
                                           std::string_view reference);

// The same scheme, host and port, a default port being the same as none (RFC 9110 §4.3.1).
bool same_origin(std::string_view uri, std::string_view other);
// The same origin, and the same path and query but for equivalent spellings (RFC 3986 §6.2.2).
bool same_uri(std::string_view uri, std::string_view other);

// The port of an authority unless it is the scheme's default: "" then.
std::string_view explicit_port(std::string_view scheme, std::string_view port);

}  // namespace davenport::policy
