#include "cache/policy/key.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "cache/policy/cookies.h"
#include "cache/policy/vary.h"
#include "core/base/text.h"
#include "core/http/uri.h"

namespace davenport::policy {
namespace {

// --- The fixed beginning of a key ---------------------------------------------------------------------------------------

// Bits of Prefix::spoken_as. kPortZero: the port is 0, which stands for the default one elsewhere.
constexpr std::uint8_t kHttps = 1, kFinalDot = 2, kPortZero = 4;

struct Prefix {
  std::uint8_t version = 1;
  std::uint8_t spoken_as = 0;
  std::uint16_t port = 0;
  std::uint32_t host_bytes = 0, path_bytes = 0, query_bytes = 0;
};
static_assert(sizeof(Prefix) == 16 && std::has_unique_object_representations_v<Prefix>);

std::uint32_t port_number(std::string_view port) {
  std::uint32_t number = 0;
  for (const char c : port) number = number * 10 + static_cast<std::uint32_t>(c - '0');
  return number;
}

struct HostAndPort {
  std::string_view host, port;
};

// An authority that the parser has checked (core/http/uri.h): only digits follow the last colon outside brackets.
HostAndPort split(std::string_view authority) {
  std::size_t at = authority.size();
  while (at > 0 && authority[at - 1] >= '0' && authority[at - 1] <= '9') --at;
  if (at == 0 || authority[at - 1] != ':') return {authority, {}};
  return {authority.substr(0, at - 1), authority.substr(at)};
}

// Eight bytes at a time: the letters among them get bit 0x20.
void lower_in_place(char* at, std::size_t left) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u, kHigh = 0x8080808080808080u;
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    const std::uint64_t low = word & ~kHigh;
    const std::uint64_t from_a = low + (0x80 - 'A') * kOnes, past_z = low + (0x80 - 'Z' - 1) * kOnes;
    word |= (from_a & ~past_z & ~word & kHigh) >> 2;
    std::memcpy(at, &word, 8);
  }
  for (; left > 0; --left, ++at) *at = to_lower(*at);
}

std::string_view without_dot(std::string_view host) {
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  return host;
}

void append_lower(std::string& out, std::string_view host) {
  const std::size_t start = out.size();
  out.append(without_dot(host));
  lower_in_place(out.data() + start, out.size() - start);
}

bool has_percent(std::string_view text) { return text.find('%') != std::string_view::npos; }

// What a path's segment, and a parameter, may hold as it is (RFC 3986 §3.3, §3.4): with `equivalent_escapes` no other spelling counts.
constexpr std::string_view kPlainInPath = "!$&'()*+,;=:@", kPlainInQuery = "!$'()*,:@/?";

void append_spelled(std::string& out, std::string_view text, std::string_view also) {
  if (has_percent(text) && !http::has_stray_percent(text)) http::append_normalized(out, text, also);
  else out.append(text);
}

// --- Query rules --------------------------------------------------------------------------------------------------------

std::string_view name_of_parameter(std::string_view parameter) { return parameter.substr(0, parameter.find('=')); }

bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return config::matches_pattern(pattern, name); });
}

bool keeps(const config::CacheRules& rules, std::string_view name) {
  if (rules.keep_parameters) return matches_any(*rules.keep_parameters, name);
  return !matches_any(rules.drop_parameters, name);
}

// Applies the rules to the query at out[start...], which has been spelled; false where nothing of it remains.
// Few parameters need no allocation.
bool apply_query_rules(std::string& out, std::size_t start, const config::CacheRules& rules) {
  std::array<std::string_view, 32> few;
  std::vector<std::string_view> many;
  std::size_t count = 0, dropped = 0;
  const auto keep = [&](std::string_view parameter) {
    if (count == few.size()) many.assign(few.begin(), few.end());
    if (count < few.size()) few[count] = parameter;
    else many.push_back(parameter);
    ++count;
  };
  const std::size_t end = out.size();
  // The result is written behind the query, then moved over it: views into `out` need its place to stay.
  out.reserve(end + (end - start) + 1);
  std::string_view rest(out.data() + start, end - start);
  while (true) {
    const std::size_t size = std::min(rest.find('&'), rest.size());
    const std::string_view parameter = rest.substr(0, size);
    if (keeps(rules, name_of_parameter(parameter))) keep(parameter);
    else ++dropped;
    if (size == rest.size()) break;
    rest.remove_prefix(size + 1);
  }
  const std::span<std::string_view> kept = many.empty() ? std::span(few).first(count) : std::span(many);
  if (rules.sort_query) {
    // Insertion keeps equal names in their order, and allocates nothing; long queries go to the general one.
    const auto by_name = [](std::string_view a, std::string_view b) { return name_of_parameter(a) < name_of_parameter(b); };
    if (many.empty()) {
      for (std::size_t i = 1; i < kept.size(); ++i) {
        const auto place = std::upper_bound(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(i), kept[i], by_name);
        std::rotate(place, kept.begin() + static_cast<std::ptrdiff_t>(i), kept.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    } else {
      std::stable_sort(kept.begin(), kept.end(), by_name);
    }
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i > 0) out += '&';
    out.append(kept[i]);
  }
  out.erase(start, end - start);
  return !kept.empty() || dropped == 0;
}

// --- The resource: one function for keys and purges ----------------------------------------------------------------------

struct Sizes {
  std::size_t host, path, query;
};

Sizes append_resource(std::string& out, std::string_view host, std::string_view path, std::string_view query,
                      bool has_query, const config::CacheRules& rules) {
  const std::size_t start = out.size();
  append_lower(out, host);
  const std::size_t path_start = out.size();
  append_spelled(out, path.empty() ? std::string_view("/") : path, rules.equivalent_escapes ? kPlainInPath : "");
  const std::size_t query_start = out.size();
  if (has_query) {
    out += '?';
    append_spelled(out, query, rules.equivalent_escapes ? kPlainInQuery : "");
    if (has_query_rules(rules) && !apply_query_rules(out, query_start + 1, rules)) out.resize(query_start);
  }
  return {path_start - start, query_start - path_start, out.size() - query_start};
}

// The same for what is spelled normally already and has no query rules: nearly every request. One look at the length, then
// plain copies behind the prefix.
Sizes write_plain(std::string& scratch, std::string_view host, std::string_view path, std::string_view query,
                  bool has_query) {
  host = without_dot(host);
  const Sizes sizes{host.size(), path.size(), has_query ? query.size() + 1 : 0};
  scratch.resize(sizeof(Prefix) + sizes.host + sizes.path + sizes.query);
  char* at = scratch.data() + sizeof(Prefix);
  std::memcpy(at, host.data(), sizes.host);
  lower_in_place(at, sizes.host);
  at += sizes.host;
  std::memcpy(at, path.data(), sizes.path);
  if (has_query) {
    at += sizes.path;
    *at = '?';
    if (!query.empty()) std::memcpy(at + 1, query.data(), query.size());
  }
  return sizes;
}

void append_part(std::string& out, char kind, std::string_view name, const std::optional<std::string_view>& value) {
  const std::uint32_t sizes[2] = {static_cast<std::uint32_t>(name.size()),
                                  static_cast<std::uint32_t>(value ? value->size() + 1 : 0)};
  out += kind;
  out.append(reinterpret_cast<const char*>(sizes), sizeof sizes);
  out.append(name);
  if (value) out.append(*value);
}

// The value is written in place, and its size, which is known only then, behind it into the part's head.
void append_field_part(std::string& out, std::string_view name, const http::Fields& request) {
  const std::size_t head = out.size();
  append_part(out, 'f', name, std::nullopt);
  const std::size_t start = out.size();
  if (!append_compared_value(out, name, request)) return;
  const auto size = static_cast<std::uint32_t>(out.size() - start + 1);
  std::memcpy(out.data() + head + 1 + sizeof size, &size, sizeof size);
}

// --- Purge URLs -----------------------------------------------------------------------------------------------------------

struct PurgeUrl {
  std::string text;              // in absolute form; `parts` are views of it
  http::UriParts parts;
  std::string host;              // canonical
  const config::CacheRules* rules = nullptr;
};

// Fills `out` in place, since its parts are views of itself. False: no URL.
bool read_purge_url(PurgeUrl& out, std::string_view url, std::string_view default_host, const config::Config& config) {
  static const config::CacheRules kNoRules;
  const bool absolute = url.find("://") < url.find_first_of("/?");
  if (!absolute) out.text.append("http://");
  if (url.starts_with('/')) out.text.append(default_host);
  out.text.append(url);
  const auto parts = http::parse_http_uri(out.text);
  if (!parts) return false;
  out.parts = *parts;
  const auto authority = http::parse_host_port(parts->authority);
  if (!authority) return false;
  std::string host;
  append_lower(host, authority->host);
  const std::string_view path = parts->path.empty() ? std::string_view("/") : parts->path;
  const config::Route* route = config::route_for(config, host, path);      // as requests are routed, however they spell it
  out.host = route ? canonical_host(*route, host) : std::string_view(host);
  out.rules = route ? &route->cache : &kNoRules;
  return true;
}

std::optional<Prefix> read_prefix(std::string_view key) {
  Prefix prefix;
  if (key.size() < sizeof prefix) return std::nullopt;
  std::memcpy(&prefix, key.data(), sizeof prefix);
  const std::uint64_t resource = std::uint64_t{prefix.host_bytes} + prefix.path_bytes + prefix.query_bytes;
  if (prefix.version != 1 || prefix.spoken_as > (kHttps | kFinalDot | kPortZero) || resource > key.size() - sizeof prefix) return std::nullopt;
  return prefix;
}

}  // namespace

bool has_query_rules(const config::CacheRules& rules) {
  return rules.sort_query || !rules.drop_parameters.empty() || rules.keep_parameters.has_value();
}

KeyParts make_key(const http::RequestHead& request, std::string_view scheme, std::string_view canonical_host,
                  const config::CacheRules& rules, std::string& scratch, std::string_view forwarded_host) {
  const auto [asked_host, port] = split(request.authority);
  const std::string_view host = canonical_host.empty() ? asked_host : canonical_host;
  Prefix prefix;
  const bool https = scheme.size() == 5;
  const bool dotted = without_dot(asked_host).size() != asked_host.size();
  prefix.spoken_as = static_cast<std::uint8_t>((https ? kHttps : 0) | (dotted ? kFinalDot : 0));
  if (!port.empty()) {
    const std::uint32_t number = port_number(port);
    if (number == 0) prefix.spoken_as |= kPortZero;
    if (number != (https ? 443u : 80u)) prefix.port = static_cast<std::uint16_t>(number);
  }
  const bool plain = !host.empty() && !request.path.empty() && !has_percent(request.path) &&
                     (!request.has_query || (!has_percent(request.query) && !has_query_rules(rules)));
  Sizes sizes;
  if (plain) {
    sizes = write_plain(scratch, host, request.path, request.query, request.has_query);
  } else {
    scratch.assign(sizeof prefix, '\0');
    sizes = append_resource(scratch, host, request.path, request.query, request.has_query, rules);
  }
  prefix.host_bytes = static_cast<std::uint32_t>(sizes.host);
  prefix.path_bytes = static_cast<std::uint32_t>(sizes.path);
  prefix.query_bytes = static_cast<std::uint32_t>(sizes.query);
  std::memcpy(scratch.data(), &prefix, sizeof prefix);
  const std::size_t resource_bytes = scratch.size() - sizeof prefix;
  for (const std::string& name : rules.key_fields) append_field_part(scratch, name, request.fields);
  for (const std::string& name : rules.key_cookies) {
    std::string values;
    append_part(scratch, 'c', name, all_cookies(request.fields, name, values));
  }
  if (!forwarded_host.empty()) append_part(scratch, 'h', "", forwarded_host);

  KeyParts parts;
  parts.key = scratch;
  parts.resource = parts.key.substr(sizeof prefix, resource_bytes);
  const std::uint64_t seed = process_seed();
  parts.hash = hash128(parts.key, seed);
  parts.resource_hash = hash128(parts.resource, seed);
  return parts;
}

std::string_view canonical_host(const config::Route& route, std::string_view host) {
  host = split(host).host;
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  const std::string* first = nullptr;
  for (const std::string& one : route.hosts) {
    if (one.starts_with('*')) continue;                 // "*", "*.suffix": each host is its own
    if (first == nullptr) first = &one;
    if (iequals(one, host)) return *first;
  }
  return host;
}

std::string_view scheme_of_key(std::string_view key) {
  const auto prefix = read_prefix(key);
  if (!prefix) return {};
  return (prefix->spoken_as & kHttps) != 0 ? "https" : "http";
}

std::string_view resource_of_key(std::string_view key) {
  const auto prefix = read_prefix(key);
  if (!prefix) return {};
  return key.substr(sizeof(Prefix), std::size_t{prefix->host_bytes} + prefix->path_bytes + prefix->query_bytes);
}

std::string purge_resource(std::string_view url, std::string_view default_host, const config::Config& config) {
  PurgeUrl purge;
  std::string resource;
  if (!read_purge_url(purge, url, default_host, config)) return resource;
  append_resource(resource, purge.host, purge.parts.path, purge.parts.query, purge.parts.has_query, *purge.rules);
  return resource;
}

std::string purge_prefix(std::string_view url, std::string_view default_host, const config::Config& config) {
  PurgeUrl purge;
  std::string prefix;
  if (!read_purge_url(purge, url, default_host, config)) return prefix;
  config::CacheRules rules;                             // a prefix may end in the middle of a parameter
  rules.equivalent_escapes = purge.rules->equivalent_escapes;
  append_resource(prefix, purge.host, purge.parts.path, purge.parts.query, purge.parts.has_query, rules);
  return prefix;
}

}  // namespace davenport::policy
