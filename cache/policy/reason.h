// cache/policy/reason.h: why a request was answered as it was. One enum, one name for each value: Cache-Status, the access
// log, metric labels and `explain` print `name`; `fwd` is the token of RFC 9211 §2.2 ("" for a hit).
// A reason is set where the decision is taken and never worked out again afterwards.
#pragma once
#include <cstdint>
#include <string_view>

namespace davenport::policy {

enum class Reason : std::uint8_t {
  // answered from the store
  fresh_hit, redis_hit, stale_while_revalidate, stale_if_error, stale_origin_gone, stale_if_slow, client_accepts_stale, revalidated,
  // the origin was asked, and the answer might be stored
  uri_miss, vary_miss, stale, must_revalidate, response_no_cache, request_no_cache, request_max_age, request_min_fresh,
  purged, purged_soft, purge_unknown, partial_miss, hit_for_miss, collapsed,
  // passed: neither looked up nor stored
  method, route_bypass, pass_cookie, authorization, request_no_store, upgrade, range_unsupported, memory_pinned,
  // answered by ourselves
  only_if_cached,
};
inline constexpr std::size_t kReasonCount = static_cast<std::size_t>(Reason::only_if_cached) + 1;

// Why an answer of the origin was stored or not. Kept beside Reason: one request has one of each.
enum class Storing : std::uint8_t {
  stored, updated,                       // updated: by a 304 or a HEAD
  not_asked,                             // nothing came from the origin, or the request passed
  no_store, private_, request_no_store, method, status, no_lifetime, authorization, vary_star, set_cookie, partial,
  incomplete, too_large, too_many_variants, route, memory_pinned, purged_meanwhile, must_understand, bad_range,
  spelling,                              // a redirect or an error, for a spelling of the target that is not the key's
};
inline constexpr std::size_t kStoringCount = static_cast<std::size_t>(Storing::spelling) + 1;

struct ReasonName {
  std::string_view name, fwd;
};
ReasonName name_of(Reason reason);          // no default in its switch: a value without a name does not build
std::string_view name_of(Storing storing);
std::string_view advice_for(Storing storing);   // `explain`: what to change to make it cacheable; "" where nothing
std::string_view text_of(Reason reason);        // one sentence for `explain`

}  // namespace davenport::policy
