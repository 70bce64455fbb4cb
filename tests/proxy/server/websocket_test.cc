// The opening of a WebSocket on behalf of a client of HTTP/2.
#include <doctest/doctest.h>

#include "proxy/server/websocket.h"

using namespace davenport;

TEST_CASE("a key is accepted as the example of RFC 6455 §1.3 is") {
  CHECK(server::websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("a key is 16 bytes in base64 (RFC 6455 §4.1)") {
  CHECK(server::websocket_key("0123456789abcdef0123456789abcdef") == "0123456789abcdef01234A==");
}
