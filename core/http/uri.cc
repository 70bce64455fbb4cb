#include "core/http/uri.h"

#include <arpa/inet.h>

#include <cstdint>

#include "core/base/text.h"
#include "core/http/bytes.h"

namespace davenport::http {
namespace {

bool all(std::string_view text, bytes::Class wanted) {
  return bytes::skip(text.data(), text.data() + text.size(), wanted) == text.data() + text.size();
}

// The inside of the brackets: IPv6 without a zone (RFC 3986 §3.2.2); the IPvFuture form names nothing that exists.
bool is_ipv6(std::string_view text) {
  char copy[INET6_ADDRSTRLEN + 1];
  if (text.size() >= sizeof copy) return false;
  copy[text.copy(copy, text.size())] = '\0';
  if (text.find('\0') != std::string_view::npos) return false;
  in6_addr address;
  return ::inet_pton(AF_INET6, copy, &address) == 1;
}

bool is_port(std::string_view port) {
  if (port.size() > 5 || !all(port, bytes::kDigit)) return false;
  std::uint32_t number = 0;
  for (const char c : port) number = number * 10 + static_cast<std::uint32_t>(c - '0');
  return number <= 65535;
}

// Without leading zeros; the scheme's own where there is none.
std::string_view effective_port(std::string_view port, std::string_view scheme) {
  while (port.size() > 1 && port.front() == '0') port.remove_prefix(1);
  if (!port.empty()) return port;
  return iequals(scheme, "https") ? "443" : "80";
}

struct Reference {
  std::optional<std::string_view> scheme, authority, query;
  std::string_view path;
};

// RFC 3986 §3 and appendix B; the fragment is dropped.
Reference split_reference(std::string_view text) {
  Reference parts;
  text = text.substr(0, text.find('#'));
  const std::size_t colon = text.find_first_of(":/?");
  if (colon != std::string_view::npos && colon > 0 && text[colon] == ':') {
    parts.scheme = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    const std::size_t end = text.find_first_of("/?");
    parts.authority = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end);
  }
  const std::size_t question = text.find('?');
  if (question != std::string_view::npos) parts.query = text.substr(question + 1);
  parts.path = text.substr(0, question);
  return parts;
}

// Appends a path with its "." and ".." segments resolved (RFC 3986 §5.2.4). `path` begins with "/".
void append_without_dots(std::string& out, std::string_view path) {
  const std::size_t root = out.size();
  while (!path.empty()) {
    const std::size_t slash = path.find('/', 1);
    const std::string_view segment = path.substr(1, slash == std::string_view::npos ? slash : slash - 1);
    const bool last = slash == std::string_view::npos;
    if (segment == "..") {
      const std::size_t parent = out.rfind('/');
      if (out.size() > root && parent != std::string::npos && parent >= root) out.resize(parent);
    } else if (segment != ".") {
      out.append(1, '/').append(segment);
    }
    if (last && (segment == "." || segment == "..")) out.append(1, '/');
    path.remove_prefix(last ? path.size() : slash);
  }
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view authority) {
  HostPort parts;
  std::size_t host_end = 0;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos || !is_ipv6(authority.substr(1, close - 1))) return std::nullopt;
    host_end = close + 1;
  } else {
    const char* const begin = authority.data();
    host_end = static_cast<std::size_t>(bytes::skip(begin, begin + authority.size(), bytes::kHost) - begin);
    if (host_end == 0) return std::nullopt;
  }
  parts.host = authority.substr(0, host_end);
  if (host_end == authority.size()) return parts;
  if (authority[host_end] != ':') return std::nullopt;
  parts.port = authority.substr(host_end + 1);
  if (!is_port(parts.port)) return std::nullopt;
  return parts;
}

bool same_authority(const HostPort& a, const HostPort& b, std::string_view scheme) {
  return iequals(a.host, b.host) && effective_port(a.port, scheme) == effective_port(b.port, scheme);
}

std::optional<UriParts> parse_http_uri(std::string_view uri) {
  UriParts parts;
  const std::size_t colon = uri.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  parts.scheme = uri.substr(0, colon);
  if (!iequals(parts.scheme, "http") && !iequals(parts.scheme, "https")) return std::nullopt;
  std::string_view rest = uri.substr(colon + 3);
  const std::size_t end = rest.find_first_of("/?");
  parts.authority = rest.substr(0, end);
  if (!parse_host_port(parts.authority)) return std::nullopt;
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  if (!all(rest, bytes::kTarget)) return std::nullopt;
  const std::size_t question = rest.find('?');
  parts.path = rest.substr(0, question);
  parts.has_query = question != std::string_view::npos;
  if (parts.has_query) parts.query = rest.substr(question + 1);
  return parts;
}

bool is_target_char(unsigned char c) { return bytes::is(static_cast<char>(c), bytes::kTarget); }

bool has_stray_percent(std::string_view text) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 3)) {
    if (text.size() - at < 3 || bytes::hex_value(text[at + 1]) < 0 || bytes::hex_value(text[at + 2]) < 0) return true;
  }
  return false;
}

void append_normalized(std::string& out, std::string_view text, std::string_view also) {
  constexpr std::string_view kUpper = "0123456789ABCDEF";
  std::size_t from = 0;
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (text.size() - at < 3) break;
    const int high = bytes::hex_value(text[at + 1]), low = bytes::hex_value(text[at + 2]);
    if (high < 0 || low < 0) continue;             // a percent sign that means itself
    out.append(text, from, at - from);
    const char decoded = static_cast<char>(high << 4 | low);
    if (bytes::is(decoded, bytes::kUnreserved) || also.find(decoded) != std::string_view::npos) {
      out.append(1, decoded);
    } else {
      out.append(1, '%').append(1, kUpper[static_cast<unsigned>(high)]).append(1, kUpper[static_cast<unsigned>(low)]);
    }
    from = at + 3;
    at += 2;
  }
  out.append(text, from);
}

void append_host(std::string& out, std::string_view host) {
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  for (const char c : host) out.append(1, to_lower(c));
}

std::optional<std::string> resolve_reference(std::string_view scheme, std::string_view authority,
                                             std::string_view base_path, std::string_view reference) {
  const Reference parts = split_reference(reference);
  if (parts.scheme && !iequals(*parts.scheme, "http") && !iequals(*parts.scheme, "https")) return std::nullopt;
  // "http:path" is a relative reference of old parsers only (RFC 3986 §5.2.2); read strictly it has no authority.
  if (parts.scheme && !parts.authority) return std::nullopt;
  const std::string_view host = parts.authority ? *parts.authority : authority;
  if (!parse_host_port(host) || !all(parts.path, bytes::kTarget)) return std::nullopt;
  if (parts.query && !all(*parts.query, bytes::kTarget)) return std::nullopt;

  const std::size_t base_end = base_path.find('?');
  const std::string_view base = base_path.substr(0, base_end);
  std::optional<std::string_view> query = parts.query;
  std::string path;                                // merged (§5.2.3), dots still in it
  if (parts.authority || parts.path.starts_with('/')) {
    path = parts.path;
  } else if (parts.path.empty()) {
    path = base;
    if (!query && base_end != std::string_view::npos) query = base_path.substr(base_end + 1);
  } else {
    path.assign(base.substr(0, base.rfind('/') + 1)).append(parts.path);
  }
  if (!path.starts_with('/')) path.insert(0, 1, '/');

  std::string out = lower(parts.scheme ? *parts.scheme : scheme);
  out.append("://").append(host);
  append_without_dots(out, path);
  if (query) out.append(1, '?').append(*query);
  return out;
}

}  // namespace davenport::http
