// config/address.cc: addresses and networks as operators write them.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "config/config.h"
#include "core/base/text.h"

namespace davenport::config {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::size_t kUnixPathMax = 107;   // sun_path less its final NUL
constexpr std::array<unsigned char, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};   // RFC 4291 §2.5.5.2

struct Numeric {
  bool v6 = false;
  std::array<unsigned char, 16> bytes{};
};

// inet_pton wants a terminated string, and refuses what inet_aton would guess at ("127.1", "010.0.0.1").
std::optional<Numeric> parse_numeric(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.empty() || text.size() >= terminated.size() || text.find('\0') != text.npos) return std::nullopt;
  std::copy(text.begin(), text.end(), terminated.begin());
  Numeric numeric;
  if (inet_pton(AF_INET, terminated.data(), numeric.bytes.data()) == 1) return numeric;
  if (inet_pton(AF_INET6, terminated.data(), numeric.bytes.data()) != 1) return std::nullopt;
  numeric.v6 = true;
  return numeric;
}

bool is_mapped(const Numeric& numeric) {
  return numeric.v6 && std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), numeric.bytes.begin());
}

Numeric unmapped(const Numeric& numeric) {
  if (!is_mapped(numeric)) return numeric;
  Numeric v4;
  std::copy_n(numeric.bytes.begin() + 12, 4, v4.bytes.begin());
  return v4;
}

std::string numeric_text(const unsigned char* bytes, bool v6) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, text.data(), text.size());
  return text.data();
}

std::optional<unsigned> parse_unsigned(std::string_view text, unsigned highest) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || number > highest || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return number;
}

// Letters, digits, hyphens and underscores in labels (RFC 1123 §2.1; underscores as container networks use them).
bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 253 || text.front() == '.' || text.find("..") != text.npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const char lowered = to_lower(c);
    return (lowered >= 'a' && lowered <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

// "1.2.3" and "300.1.1.1" are mistyped addresses, not names: a top-level label is never all digits (RFC 3696 §2).
bool ends_in_digits(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<Address> parse_unix(std::string_view text) {
  const std::string_view path = text.substr(kUnixPrefix.size());
  if (path.empty() || path.front() != '/' || path.find('\0') != path.npos) {
    return Error{"expected an absolute path behind unix:, as in \"unix:/run/shop.sock\""};
  }
  if (path.size() > kUnixPathMax) {
    return Error{fmt::format("a socket's path has at most {} bytes, this one has {}", kUnixPathMax, path.size())};
  }
  return Address{Address::Kind::unix_path, std::string(path), 0};
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) return parse_unix(text);
  if (const auto scheme = text.find("://"); scheme != text.npos) {
    const std::string_view rest = text.substr(scheme + 3);
    return Error{fmt::format("expected an address without a scheme: \"{}\"", rest.substr(0, rest.find('/')))};
  }
  const bool bracketed = text.starts_with('[');
  const auto colon = bracketed ? text.find("]:") : text.rfind(':');
  if (colon == text.npos) {
    return Error{fmt::format("\"{}\" lacks a port: expected an address such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
                             text)};
  }
  const std::string_view host = bracketed ? text.substr(1, colon - 1) : text.substr(0, colon);
  const auto port = parse_unsigned(text.substr(colon + (bracketed ? 2 : 1)), 65535);
  const auto numeric = parse_numeric(host);
  if (!bracketed && host.find(':') != host.npos) {
    return Error{fmt::format("an IPv6 address stands in brackets: \"[::1]:8080\", not \"{}\"", text)};
  }
  if (!port) return Error{fmt::format("expected a port of 0 to 65535 at the end of \"{}\"", text)};
  if (bracketed != (numeric && numeric->v6)) {
    return Error{fmt::format("expected an IPv6 address in the brackets of \"{}\"", text)};
  }
  Address address;
  address.port = static_cast<std::uint16_t>(*port);
  if (numeric) {
    address.host = numeric_text(numeric->bytes.data(), numeric->v6);
    return address;
  }
  if (host.empty()) return Error{fmt::format("\"{0}\" lacks an address: \"0.0.0.0{0}\" means all of IPv4", text)};
  if (!is_name(host) || ends_in_digits(host)) {
    return Error{fmt::format("\"{}\" is neither a numeric address nor a name", host)};
  }
  address.kind = Kind::name;
  address.host = lower(host);
  return address;
}

std::string Address::text() const {
  if (kind == Kind::unix_path) return fmt::format("{}{}", kUnixPrefix, host);
  const bool v6 = kind == Kind::inet && host.find(':') != host.npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

bool Address::loopback() const {
  if (kind == Kind::unix_path) return true;
  if (kind == Kind::name) return false;   // nobody knows yet where it leads
  static const Network v4 = *Network::parse("127.0.0.0/8"), v6 = *Network::parse("::1");
  return v4.contains(host) || v6.contains(host);
}

Result<Network> Network::parse(std::string_view text) {
  Network network;
  if (text == "unix") {
    network.unix_peer = true;
    return network;
  }
  const auto slash = text.find('/');
  const auto numeric = parse_numeric(text.substr(0, slash));
  if (!numeric) {
    return Error{fmt::format("expected an address, a network such as \"10.0.0.0/8\", or \"unix\"; found \"{}\"", text)};
  }
  const unsigned longest = numeric->v6 ? 128 : 32;
  const auto prefix = slash == text.npos ? std::optional(longest) : parse_unsigned(text.substr(slash + 1), longest);
  if (!prefix) return Error{fmt::format("expected a prefix of 0 to {} bits behind the slash of \"{}\"", longest, text)};
  // A network inside ::ffff:0:0/96 is meant for IPv4 peers, and contains() shows us those as IPv4.
  const bool mapped = is_mapped(*numeric) && *prefix >= 96;
  const Numeric plain = mapped ? unmapped(*numeric) : *numeric;
  network.v6 = plain.v6;
  network.prefix_bits = mapped ? *prefix - 96 : *prefix;
  std::copy(plain.bytes.begin(), plain.bytes.end(), network.bytes);
  bool loose = false;
  for (unsigned bit = network.prefix_bits; bit < (network.v6 ? 128u : 32u); ++bit) {
    const auto mask = static_cast<unsigned char>(0x80u >> (bit % 8));
    loose = loose || (network.bytes[bit / 8] & mask) != 0;
    network.bytes[bit / 8] = static_cast<unsigned char>(network.bytes[bit / 8] & ~mask);
  }
  if (loose) return Error{fmt::format("\"{}\" has bits behind its prefix; did you mean \"{}\"?", text, network.text())};
  return network;
}

std::string Network::text() const {
  if (unix_peer) return "unix";
  const std::string address = numeric_text(bytes, v6);
  return prefix_bits == (v6 ? 128u : 32u) ? address : fmt::format("{}/{}", address, prefix_bits);
}

bool Network::contains(std::string_view numeric_address) const {
  if (unix_peer || numeric_address == "unix") return unix_peer && numeric_address == "unix";
  const auto numeric = parse_numeric(numeric_address);
  if (!numeric) return false;
  const Numeric peer = unmapped(*numeric);
  if (peer.v6 != v6) return false;
  const unsigned whole = prefix_bits / 8, rest = prefix_bits % 8;
  if (!std::equal(bytes, bytes + whole, peer.bytes.begin())) return false;
  return rest == 0 || ((bytes[whole] ^ peer.bytes[whole]) >> (8 - rest)) == 0;
}

}  // namespace davenport::config
