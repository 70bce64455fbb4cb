// core/net/mac.h: HMAC-SHA256 (RFC 2104), keys derived by it (HKDF, RFC 5869), and SHA-1 where a protocol wants it, by OpenSSL, which
// is known to this room alone. Thread: any.
#pragma once
#include <array>
#include <span>
#include <string_view>

namespace davenport::net {

using Mac = std::array<unsigned char, 32>;
Mac hmac_sha256(std::string_view key, std::string_view bytes);
// Compares without telling by its time where they differ.
bool same_mac(const Mac& mac, std::string_view bytes);

// Fills `out` with what `secret` gives for this use: `salt` says which, `info` which of several.
void hkdf_sha256(std::string_view secret, std::string_view salt, std::string_view info, std::span<unsigned char> out);

// No protection against anybody: RFC 6455 §4.2.2 wants it to tell a server that knows WebSockets.
std::array<unsigned char, 20> sha1(std::string_view bytes);

}  // namespace davenport::net
