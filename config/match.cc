// config/match.cc: which route a request takes, and patterns with stars.
#include <algorithm>
#include <compare>

#include "config/config.h"
#include "core/http/bytes.h"
#include "core/http/uri.h"

namespace davenport::config {
namespace {

bool is_pattern(std::string_view path) { return path.find('*') != path.npos; }

// How well a route names a request; greater is better. `none`: not at all.
struct Rank {
  enum class Kind { none, any, suffix, exact } kind = Kind::none;
  std::size_t suffix_length = 0;
  bool pattern = false;
  std::size_t path_length = 0;
  friend auto operator<=>(const Rank&, const Rank&) = default;
};

Rank rank_host(std::string_view pattern, std::string_view host) {
  if (pattern == host) return {Rank::Kind::exact};
  if (pattern == "*") return {Rank::Kind::any};
  if (!pattern.starts_with("*.")) return {};
  const std::string_view suffix = pattern.substr(1);   // ".shop.example" names all below it, not shop.example itself
  if (host.size() <= suffix.size() || !host.ends_with(suffix)) return {};
  return {Rank::Kind::suffix, suffix.size()};
}

bool reaches(std::string_view prefix, std::string_view path) {
  if (is_pattern(prefix)) return matches_pattern(prefix, path);
  if (prefix.empty() || prefix == "/") return true;    // "*" of OPTIONS and an empty path too
  if (!path.starts_with(prefix)) return false;
  return prefix.ends_with('/') || path.size() == prefix.size() || path[prefix.size()] == '/';
}

}  // namespace

const Route* find_route(const Config& config, std::string_view host, std::string_view path) {
  const Route* best = nullptr;
  Rank best_rank;
  for (const Route& route : config.routes) {
    if (!reaches(route.path, path)) continue;
    Rank rank;
    if (route.hosts.empty()) rank = {Rank::Kind::any};
    for (const std::string& pattern : route.hosts) rank = std::max(rank, rank_host(pattern, host));
    if (rank.kind == Rank::Kind::none) continue;
    rank.pattern = is_pattern(route.path);
    rank.path_length = route.path.size();
    if (rank > best_rank) {
      best = &route;
      best_rank = rank;
    }
  }
  return best;
}

namespace {

// Does any other path than this one come to mind?
bool is_plain(std::string_view path) {
  char before = 0;
  for (const char c : path) {
    if (c == '%' || c == ';' || (before == '/' && (c == '/' || c == '.'))) return false;
    before = c;
  }
  return true;
}

// RFC 3986 §5.2.4 over "/a/b" paths; `merge`: empty segments go too. A path that does not begin with "/" stays.
std::string without_dots(std::string_view path, bool merge) {
  if (!path.starts_with('/')) return std::string(path);
  std::vector<std::string_view> kept;
  bool directory = false;                        // it ends with "/", "/." or "/.."
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    directory = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (segment != "." && !(segment.empty() && (merge || end == path.size()))) {
      kept.push_back(segment);
    }
    at = end + 1;
  }
  std::string out;
  for (const std::string_view segment : kept) out.append("/").append(segment);
  if (directory || out.empty()) out += '/';
  return out;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const int high = text[at] == '%' && at + 2 < text.size() ? http::bytes::hex_value(text[at + 1]) : -1;
    const int low = high < 0 ? -1 : http::bytes::hex_value(text[at + 2]);
    out += low < 0 ? text[at] : static_cast<char>(high << 4 | low);
    if (low >= 0) at += 2;
  }
  return out;
}

// As a liberal origin reads a path that it has decoded: "\\" is "/", what follows "?", "#" or NUL is no path, and parameters of segments are
// none of their names.
std::string liberal(std::string path) {
  path.resize(std::min(path.find_first_of(std::string_view("?#\0", 3)), path.size()));
  std::string plain;
  bool in_parameters = false;
  for (const char c : path) {
    const char as = c == '\\' ? '/' : c;
    if (as == '/') in_parameters = false;
    if (as == ';') in_parameters = true;
    if (!in_parameters) plain += as;
  }
  return without_dots(plain, true);
}

}  // namespace

const Route* route_for(const Config& config, std::string_view host, std::string_view path) {
  const Route* const as_it_came = find_route(config, host, path);
  if (is_plain(path)) return as_it_came;
  std::string escapes;
  http::append_normalized(escapes, path);
  const std::string normal = without_dots(escapes, false);
  const Route* const route = find_route(config, host, normal);
  if (route == nullptr) return nullptr;
  const auto same = [&](std::string_view reading) {
    const Route* const other = find_route(config, host, reading);
    return other == route && &rules_of(*other, reading) == &rules_of(*route, normal);
  };
  bool certain = same(path);
  std::string text(path);
  for (int times = 0; certain && times < 3; ++times) {       // some decode what was decoded before
    std::string once = decoded(text);
    certain = same(liberal(once));
    if (once == text) break;
    text = std::move(once);
  }
  return certain || route->uncached == nullptr ? route : route->uncached.get();
}

// Greedy with one point of return: when what follows the last star fails, that star takes one character more. So the
// cost is bounded by the product of both lengths, whatever the pattern.
bool matches_pattern(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = pattern.npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool matches_path(const std::vector<std::string>& patterns, std::string_view path) {
  return std::any_of(patterns.begin(), patterns.end(), [path](const std::string& pattern) {
    return pattern == kFingerprinted ? is_fingerprinted(path) : matches_pattern(pattern, path);
  });
}

const CacheRules& rules_of(const Route& route, std::string_view path) {
  return route.cookieless != nullptr && matches_path(route.cache.cookieless_paths, path) ? *route.cookieless : route.cache;
}

}  // namespace davenport::config
