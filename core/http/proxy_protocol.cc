#include "core/http/proxy_protocol.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/http/bytes.h"

namespace davenport::http {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::string_view kSignature2 = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t kLineBytes = 107;        // of version 1, CRLF included (§2.1)
constexpr std::size_t kFixedBytes = 16;        // of version 2
constexpr std::uint8_t kTlvCrc32c = 0x03;

ProxyHeader failed() {
  ProxyHeader header;
  header.state = ParseState::error;
  return header;
}

// "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n": a field up to the next space, which is taken too.
std::optional<std::string_view> take_word(std::string_view& rest) {
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view word = rest.substr(0, space);
  rest.remove_prefix(space + 1);
  return word;
}

// The address as it is written canonically; "" where it is not one of the family.
std::string canonical_address(int family, std::string_view text) {
  char copy[INET6_ADDRSTRLEN + 1], out[INET6_ADDRSTRLEN];
  unsigned char address[sizeof(in6_addr)];
  if (text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return "";
  copy[text.copy(copy, text.size())] = '\0';
  if (::inet_pton(family, copy, address) != 1) return "";
  return ::inet_ntop(family, address, out, sizeof out);
}

// Decimal, without leading zeros (§2.1).
std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  unsigned number = 0;
  for (const char c : text) {
    if (!bytes::is(c, bytes::kDigit)) return std::nullopt;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  if (number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(number);
}

ProxyHeader parse_line(std::string_view bytes) {
  const std::string_view seen = bytes.substr(0, kLineBytes);
  const std::size_t stop = static_cast<std::size_t>(
      bytes::skip(seen.data() + kSignature1.size(), seen.data() + seen.size(), bytes::kValue) - seen.data());
  if (stop == seen.size()) return seen.size() == kLineBytes ? failed() : ProxyHeader{};
  if (seen[stop] != '\r') return failed();
  if (stop + 1 == seen.size()) return seen.size() == kLineBytes ? failed() : ProxyHeader{};
  if (seen[stop + 1] != '\n') return failed();

  ProxyHeader header;
  header.state = ParseState::done;
  header.consumed = stop + 2;
  std::string_view rest = seen.substr(kSignature1.size(), stop - kSignature1.size());
  if (rest == "UNKNOWN" || rest.starts_with("UNKNOWN ")) {
    header.local = true;
    return header;
  }
  const auto protocol = take_word(rest), source = take_word(rest), destination = take_word(rest),
      port = take_word(rest);
  if (!port || (*protocol != "TCP4" && *protocol != "TCP6")) return failed();
  const int family = *protocol == "TCP4" ? AF_INET : AF_INET6;
  const auto source_port = parse_port(*port), destination_port = parse_port(rest);
  header.source_address = canonical_address(family, *source);
  header.destination_address = canonical_address(family, *destination);
  if (!source_port || !destination_port || header.source_address.empty() || header.destination_address.empty()) {
    return failed();
  }
  header.source_port = *source_port;
  header.destination_port = *destination_port;
  return header;
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }
std::uint16_t word_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char c : bytes) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1u)));
  }
  return ~crc;
}

// The TLVs behind the addresses fill the header exactly; a checksum among them is that of the whole header with the
// checksum's own bytes as zeros (§2.2.3).
bool are_tlvs_good(std::string_view header, std::size_t at) {
  std::optional<std::size_t> checksum;
  while (at < header.size()) {
    if (header.size() - at < 3) return false;
    const std::uint16_t size = word_at(header, at + 1);
    if (header.size() - at - 3 < size) return false;
    if (byte_at(header, at) == kTlvCrc32c) {
      if (size != 4 || checksum) return false;
      checksum = at + 3;
    }
    at += 3u + size;
  }
  if (!checksum) return true;
  std::string blank(header);
  std::fill_n(blank.begin() + static_cast<std::ptrdiff_t>(*checksum), 4, '\0');
  const std::uint32_t told =
      static_cast<std::uint32_t>(word_at(header, *checksum)) << 16 | word_at(header, *checksum + 2);
  return crc32c(blank) == told;
}

std::string address_at(int family, std::string_view bytes, std::size_t at) {
  char out[INET6_ADDRSTRLEN];
  return ::inet_ntop(family, bytes.data() + at, out, sizeof out);
}

ProxyHeader parse_binary(std::string_view bytes) {
  if (bytes.size() > 12 && byte_at(bytes, 12) != 0x20 && byte_at(bytes, 12) != 0x21) return failed();
  const bool local = bytes.size() > 12 && byte_at(bytes, 12) == 0x20;
  std::size_t address_bytes = 0;
  if (bytes.size() > 13) {
    switch (byte_at(bytes, 13)) {
      case 0x00: break;                          // unspecified: LOCAL, or unknown to the sender
      case 0x11: address_bytes = 12; break;      // TCP over IPv4
      case 0x21: address_bytes = 36; break;      // TCP over IPv6
      case 0x31: address_bytes = 216; break;     // stream over a Unix socket
      default:
        if (!local) return failed();             // §2.2: of LOCAL the family is ignored
    }
  }
  if (bytes.size() < kFixedBytes) return {};
  const std::size_t size = kFixedBytes + word_at(bytes, 14);
  if (local) address_bytes = 0;
  if (size > kProxyHeaderBytes || size < kFixedBytes + address_bytes) return failed();
  if (bytes.size() < size) return {};

  const std::string_view whole = bytes.substr(0, size);
  ProxyHeader header;
  header.state = ParseState::done;
  header.consumed = size;
  header.local = address_bytes != 12 && address_bytes != 36;
  // Behind LOCAL or an unspecified family stands what the receiver must skip.
  if (!local && byte_at(bytes, 13) != 0x00 && !are_tlvs_good(whole, kFixedBytes + address_bytes)) return failed();
  if (header.local) return header;
  const int family = address_bytes == 12 ? AF_INET : AF_INET6;
  const std::size_t one = family == AF_INET ? 4 : 16;
  header.source_address = address_at(family, whole, kFixedBytes);
  header.destination_address = address_at(family, whole, kFixedBytes + one);
  header.source_port = word_at(whole, kFixedBytes + 2 * one);
  header.destination_port = word_at(whole, kFixedBytes + 2 * one + 2);
  return header;
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) {
  const auto begins = [&](std::string_view signature) {
    const std::size_t size = std::min(bytes.size(), signature.size());
    return bytes.substr(0, size) == signature.substr(0, size);
  };
  if (begins(kSignature1)) return bytes.size() < kSignature1.size() ? ProxyHeader{} : parse_line(bytes);
  if (begins(kSignature2)) return bytes.size() < kSignature2.size() ? ProxyHeader{} : parse_binary(bytes);
  return failed();
}

}  // namespace davenport::http
