// cache/policy/facts.h: what a later decision needs to know of a stored response, worked out once when it is stored
// (RFC 9111 §4.2). Plain data of 32 bytes: it lies in every stored response.
#pragma once
#include <algorithm>
#include <compare>
#include <cstdint>

#include "core/base/clock.h"

namespace davenport::policy {

// Seconds of the wall clock in 4 bytes, from 1970 to 2106; what lies outside is held at the nearer end.
class ShortSeconds {
 public:
  ShortSeconds() = default;
  ShortSeconds(WallSeconds time) : seconds_(static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.time_since_epoch().count(), 0, UINT32_MAX))) {}
  operator WallSeconds() const { return WallSeconds(Seconds(seconds_)); }
  friend auto operator<=>(const ShortSeconds&, const ShortSeconds&) = default;

 private:
  std::uint32_t seconds_ = 0;
};

struct StoredFacts {
  ShortSeconds date;                // Date, or the time of receipt (RFC 9110 §6.6.1)
  ShortSeconds response_time;       // when the head arrived
  std::uint32_t initial_age = 0;    // corrected_initial_age, seconds (RFC 9111 §4.2.3), saturated at 2^31
  std::uint32_t lifetime = 0;       // freshness lifetime, seconds (§4.2.1, §4.2.2), saturated at 2^31
  std::uint32_t stale_while_revalidate = 0;   // seconds past freshness (RFC 5861 §3); 0: not allowed
  std::uint32_t stale_if_error = 0;           // (RFC 5861 §4); 0: not allowed
  std::uint32_t keep = 0;           // seconds past freshness for which it is retained, where the windows are shorter
  std::uint16_t status = 0;
  bool must_revalidate : 1 = false;     // must-revalidate, proxy-revalidate, s-maxage (§5.2.2.10): never served stale
  bool no_cache : 1 = false;            // stored, but validated at each use (§5.2.2.4)
  bool immutable : 1 = false;           // RFC 8246
  bool heuristic : 1 = false;           // the lifetime was guessed (§4.2.2)
  bool forced : 1 = false;              // the lifetime is the route's
  bool has_validator : 1 = false;       // an ETag (not one of our making) or Last-Modified
  bool shared_with_authorization : 1 = false;     // may answer a request that carries Authorization (§3.5)
  bool partial : 1 = false;             // a stored 206 (§3.3)
  bool sie_stated : 1 = false;          // the origin itself sent stale-if-error: a limit for a dead origin too (RFC 5861 §4)
  bool targeted : 1 = false;            // ruled by a targeted field (RFC 9213 §2.2)
  bool relabelled : 1 = false;          // header rules gave it other Cache-Control, Expires or targeted fields than its origin

  // current_age (§4.2.3). A clock that went backwards counts as no time passed.
  std::int64_t age(WallSeconds now) const {
    return std::int64_t{initial_age} + std::max<std::int64_t>(0, (now - WallSeconds(response_time)).count());
  }
  // Seconds of freshness left; negative when stale. 0 is stale: fresh means lifetime > age (§4.2).
  std::int64_t ttl(WallSeconds now) const { return std::int64_t{lifetime} - age(now); }
  bool fresh(WallSeconds now) const { return ttl(now) > 0; }
  // Seconds from birth (age 0) to when nothing can be made of it any more: freshness, then the longest of the stale
  // windows and `keep`. What is older may be dropped.
  std::int64_t retention() const {
    return std::int64_t{lifetime} + std::max({stale_while_revalidate, stale_if_error, keep});
  }
  bool outlived(WallSeconds now) const { return age(now) > retention(); }
};
static_assert(sizeof(StoredFacts) == 32);

}  // namespace davenport::policy
