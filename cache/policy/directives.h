// cache/policy/directives.h: what Cache-Control, or a targeted field in its place, says to a shared cache (RFC 9111
// §5.2.2, RFC 9213). Private to policy/: judge() is what others call.
// Doubled directives: of a lifetime the first occurrence holds (RFC 9111 §4.2.1), of the others every one (the most
// restrictive). A lifetime that is no number of seconds counts as 0: not fresh.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/http/message.h"

namespace davenport::policy {

struct Directives {
  std::optional<std::uint32_t> max_age, s_maxage;                        // seconds, saturated at 2^31 (§1.2.2)
  std::optional<std::uint32_t> stale_while_revalidate, stale_if_error;   // RFC 5861; nonsense counts as 0
  bool no_store = false;
  bool private_ = false;          // without field names (§5.2.2.7)
  bool no_cache = false;          // without field names (§5.2.2.4)
  bool public_ = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  bool immutable = false;
  bool targeted = false;          // read from a targeted field: Cache-Control and Expires do not count
  std::vector<std::string> withheld;   // lower case: the fields that private="..." and no-cache="..." name

  bool explicitly_shared() const { return public_ || s_maxage.has_value(); }
};

// The first valid, non-empty field of rules.targeted_fields, else Cache-Control (RFC 9213 §2.2).
Directives read_directives(const http::Fields& response, const config::CacheRules& rules);

// Digits as RFC 9111 §1.2.2 wants them; nullopt for what is no such number.
std::optional<std::uint32_t> read_seconds(std::string_view text);

inline constexpr std::uint32_t kForever = 1u << 31;   // what larger numbers of seconds saturate to

}  // namespace davenport::policy
