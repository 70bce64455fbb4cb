// proxy/server/websocket.h: the opening of a WebSocket on behalf of a client of HTTP/2 (RFC 8441 §5). No key comes over HTTP/2 and
// HTTP/1.1 needs one, so it is ours, and whether the origin has understood it is ours to check (RFC 6455 §4.1).
//     fields.add_copy("Sec-WebSocket-Key", websocket_key(random));   …   field == websocket_accept(key)
// Pure.
#pragma once
#include <string>
#include <string_view>

namespace davenport::server {

// 16 bytes in base64, made of at least 21 random characters of base64's alphabet.
std::string websocket_key(std::string_view random);
// What Sec-WebSocket-Accept must say to that key (RFC 6455 §4.2.2, 5.4).
std::string websocket_accept(std::string_view key);

}  // namespace davenport::server
