// cache/policy/storability.h: may this answer of the origin be stored, for how long, and with which fields (RFC 9111 §3)?
//     StoreVerdict verdict = judge(request, response, times, route.cache);
//     if (verdict.ok()) for (const Field& f : response.fields) if (is_stored_field(f, verdict, route.cache, response)) …
//
// Which lifetime holds, first match:
//   1. the route's `ttl`, for 200, 203, 204, 206, 300, 301, 308, 404, 405, 410 without a `status_ttl` of their own. It counts
//      from receipt. It makes up for a lifetime that is absent or short; it never overrides no-store, private, no-cache,
//      Vary: *, or what Authorization and Set-Cookie require;
//   2. the first valid targeted field (RFC 9213 §2.2), which replaces 3 and 4 whole;
//   3. Cache-Control: s-maxage, then max-age (RFC 9111 §4.2.1); the first of doubled ones; nonsense counts as 0;
//   4. Expires - Date; two lines, or what is no date, count as 0 (§5.3);
//   5. the route's `status_ttl` for this status, then `type_ttl` for its media type, then `default_ttl`;
//   6. a tenth of Date - Last-Modified, capped (§4.2.2).
// 5 (`default_ttl`) and 6 only for 200, 203, 204, 300, 301, 308 and what says public, except 400, 413, 414, 431;
// `heuristic_all_statuses` (strict_rfc) extends them to all that RFC 9110 §15.1 lists.
//
// An answer that is never fresh is stored only where something can be made of it: a validator of a 2xx, or a stale window.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cache/policy/facts.h"
#include "cache/policy/reason.h"
#include "config/config.h"
#include "core/http/message.h"

namespace davenport::policy {

struct Times {
  WallSeconds request_time;    // when the request left (RFC 9111 §4.2.3)
  WallSeconds response_time;   // when the head arrived
};

struct StoreVerdict {
  Storing storing = Storing::no_lifetime;
  StoredFacts facts;                 // valid with Storing::stored and Storing::partial
  bool strip_set_cookie = false;     // Set-Cookie goes to the client that caused the fetch and is not stored
  std::vector<std::string> withheld; // lower case: what private="..." and no-cache="..." name; not stored either
  bool ok() const { return storing == Storing::stored; }
};

// `request`: what was asked (GET, or a HEAD that the caller asks as a GET; anything else is Storing::method). The verdict is the same for all followers of a flight.
// A 206 whose Content-Range covers the whole (bytes 0-9/10) is judged as a 200: facts.status is 200 then, and the caller
// stores it as one, without Content-Range (make_whole()). Any other good 206 is Storing::partial, with facts that say
// `partial`: for a store that keeps parts.
StoreVerdict judge(const http::RequestHead& request, const http::ResponseHead& response, const Times& times,
                   const config::CacheRules& rules);

// A stored response after a 304, or a HEAD that agrees, updated its fields (§4.3.4): judge() over the `merged` head (stored
// status, merged fields). `update`: the head that came; a Date it lacks was added at receipt by the caller (RFC 9110
// §6.6.1). Where `old` was ruled by a targeted field that is not kept among the stored fields (forward_targeted = false) and
// the update brings none, the old directives go on; and where header rules gave it other words for its freshness than its
// origin's and the update has none (`merged` then has the update's alone).
StoreVerdict judge_updated(const http::RequestHead& request, const http::ResponseHead& merged,
                           const http::Fields& update, const StoredFacts& old, const Times& times,
                           const config::CacheRules& rules);

// The answer to a POST as if to a GET of the same target: storable where it is 200 or 203, has a lifetime of the origin's own,
// and its Content-Location is the target (RFC 9110 §9.3.3). Else Storing::method.
StoreVerdict judge_post(const http::RequestHead& request, std::string_view scheme, const http::ResponseHead& response,
                        const Times& times, const config::CacheRules& rules);

// A 206 that holds everything becomes the 200 that it stands for (RFC 9110 §15.3.7.3).
void make_whole(http::ResponseHead& response);

// Is this field kept in a stored response (§3.1)? Hop-by-hop is removed before (core/http/serializer.h HopByHop); Age is
// made anew at each use.
bool is_stored_field(const http::Field& field, const StoreVerdict& verdict, const config::CacheRules& rules,
                     const http::ResponseHead& response);

// Of an answer as clients get it, which header rules and `tags_as` may have given what an origin's would lose above.
bool is_kept_field(const http::Field& field, const StoreVerdict& verdict, const config::CacheRules& rules,
                   const http::ResponseHead& response);

// Should the key be remembered as uncacheable (hit-for-miss)? True where the next answer will most likely be refused for
// the same reason, whoever asks.
bool worth_remembering(Storing storing);
// It may not be stored because of who asked and how: that says nothing against what is stored for others (RFC 9111 §3.5, §5.2.1.5).
bool refused_for_asker(Storing storing);

// Is this one of the route's tag_fields?
bool is_tag_field(const http::Field& field, const config::CacheRules& rules);
// The tags in the route's tag_fields (commas between them, or spaces; Cache-Tag has commas alone) and the route's own, without
// repeats, at most 256 of at most 256 bytes.
std::vector<std::string> tags_of(const http::Fields& response, const config::CacheRules& rules);
// One value of `tags_as`: with spaces between them in Surrogate-Key, else with commas.
std::string tags_value(const std::vector<std::string>& tags, const config::CacheRules& rules);

}  // namespace davenport::policy
