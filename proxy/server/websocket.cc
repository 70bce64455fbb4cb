#include "proxy/server/websocket.h"

#include <array>
#include <cstdint>

#include "core/net/mac.h"

namespace davenport::server {
namespace {

// RFC 4648 §4.
template <std::size_t kSize>
std::string base64(const std::array<unsigned char, kSize>& bytes) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < kSize; at += 3) {
    std::uint32_t three = 0;
    for (std::size_t i = at; i < at + 3; ++i) three = three << 8 | (i < kSize ? bytes[i] : 0u);
    for (std::size_t i = 0; i < 4; ++i) text += at + i <= kSize ? kAlphabet[three >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

}  // namespace

// 22 characters hold 16 bytes and 4 bits that are 0: the last is A, Q, g or w.
std::string websocket_key(std::string_view random) { return std::string(random.substr(0, 21)) + "A=="; }

std::string websocket_accept(std::string_view key) { return base64(net::sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")); }

}  // namespace davenport::server
