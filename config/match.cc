// config/match.cc: which route a request takes, and patterns with stars.
#include <algorithm>
#include <compare>

#include "config/config.h"

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
