#include "cache/policy/reason.h"

namespace davenport::policy {

ReasonName name_of(Reason reason) {
  switch (reason) {
    case Reason::fresh_hit: return {"fresh_hit", ""};                            // RFC 9111 §4.2
    case Reason::redis_hit: return {"redis_hit", ""};                            // fresh, in the tier that instances share
    case Reason::stale_while_revalidate: return {"stale_while_revalidate", ""};  // RFC 5861 §3
    case Reason::stale_if_error: return {"stale_if_error", "stale"};             // RFC 5861 §4: the origin was asked
    case Reason::stale_origin_gone: return {"stale_origin_gone", ""};            // RFC 9111 §4.2.4, RFC 9211 §2.1
    case Reason::stale_if_slow: return {"stale_if_slow", "stale"};               // RFC 9111 §4.2.4, by contract
    case Reason::client_accepts_stale: return {"client_accepts_stale", ""};      // RFC 9111 §5.2.1.2
    case Reason::revalidated: return {"revalidated", "stale"};                   // RFC 9111 §4.3.3
    case Reason::uri_miss: return {"uri_miss", "uri-miss"};                      // nothing under this key
    case Reason::vary_miss: return {"vary_miss", "vary-miss"};                   // RFC 9111 §4.1
    case Reason::stale: return {"stale", "stale"};                               // RFC 9111 §4.2
    case Reason::must_revalidate: return {"must_revalidate", "stale"};           // RFC 9111 §5.2.2.2
    case Reason::response_no_cache: return {"response_no_cache", "stale"};       // RFC 9111 §5.2.2.4
    case Reason::request_no_cache: return {"request_no_cache", "request"};       // RFC 9111 §5.2.1.4
    case Reason::request_max_age: return {"request_max_age", "request"};         // RFC 9111 §5.2.1.1
    case Reason::request_min_fresh: return {"request_min_fresh", "request"};     // RFC 9111 §5.2.1.3
    case Reason::purged: return {"purged", "uri-miss"};                          // a purge: as if it were not there
    case Reason::purged_soft: return {"purged_soft", "stale"};                   // a soft purge makes stale
    case Reason::purge_unknown: return {"purge_unknown", "stale"};               // the purge log was lost sight of
    case Reason::partial_miss: return {"partial_miss", "partial"};               // RFC 9111 §3.3
    case Reason::hit_for_miss: return {"hit_for_miss", "uri-miss"};              // known as uncacheable
    case Reason::collapsed: return {"collapsed", "uri-miss"};                    // RFC 9111 §4
    case Reason::method: return {"method", "method"};                            // RFC 9110 §9.2.3
    case Reason::route_bypass: return {"route_bypass", "bypass"};                // the route's `enabled = false`
    case Reason::pass_cookie: return {"pass_cookie", "bypass"};                  // the route's `pass_cookies`
    case Reason::authorization: return {"authorization", "request"};             // RFC 9111 §3.5
    case Reason::request_no_store: return {"request_no_store", "request"};       // RFC 9111 §5.2.1.5
    case Reason::upgrade: return {"upgrade", "bypass"};                          // RFC 9110 §7.8
    case Reason::range_unsupported: return {"range_unsupported", "bypass"};      // RFC 9110 §14.2
    case Reason::memory_pinned: return {"memory_pinned", "bypass"};              // no room beside what is being sent
    case Reason::only_if_cached: return {"only_if_cached", ""};                  // RFC 9111 §5.2.1.7: 504
  }
  __builtin_unreachable();
}

std::string_view name_of(Storing storing) {
  switch (storing) {
    case Storing::stored: return "stored";
    case Storing::updated: return "updated";
    case Storing::not_asked: return "not_asked";
    case Storing::no_store: return "no_store";
    case Storing::private_: return "private";
    case Storing::request_no_store: return "request_no_store";
    case Storing::method: return "method";
    case Storing::status: return "status";
    case Storing::no_lifetime: return "no_lifetime";
    case Storing::authorization: return "authorization";
    case Storing::vary_star: return "vary_star";
    case Storing::set_cookie: return "set_cookie";
    case Storing::partial: return "partial";
    case Storing::incomplete: return "incomplete";
    case Storing::too_large: return "too_large";
    case Storing::too_many_variants: return "too_many_variants";
    case Storing::route: return "route";
    case Storing::memory_pinned: return "memory_pinned";
    case Storing::purged_meanwhile: return "purged_meanwhile";
    case Storing::must_understand: return "must_understand";
    case Storing::bad_range: return "bad_range";
    case Storing::spelling: return "spelling";
  }
  __builtin_unreachable();
}

std::string_view advice_for(Storing storing) {
  switch (storing) {
    case Storing::stored:
    case Storing::updated:
    case Storing::not_asked:
    case Storing::method:
    case Storing::purged_meanwhile: return "";
    case Storing::no_store:
      return "The origin says no-store. Remove it from Cache-Control, or send CDN-Cache-Control: max-age=... for shared "
             "caches alone.";
    case Storing::private_:
      return "The origin says private. Send public, or CDN-Cache-Control: max-age=... where the page is the same for all.";
    case Storing::request_no_store:
      return "The client said no-store. `ignore_client_no_cache = true` on the route disregards it.";
    case Storing::status:
      return "This status is stored with an explicit lifetime only: send max-age or s-maxage, or set the route's "
             "`status_ttl`.";
    case Storing::no_lifetime:
      return "The answer has neither a lifetime that outlasts its age nor a validator: send Cache-Control: max-age=..., or "
             "set the route's `default_ttl`.";
    case Storing::authorization:
      return "The request carried Authorization: send public, s-maxage or must-revalidate where the answer is for all.";
    case Storing::vary_star: return "Vary: * fits no other request. Name the request fields that choose the answer.";
    case Storing::set_cookie:
      return "The answer sets a cookie and does not say that it may be shared: drop Set-Cookie, send public, or set the "
             "route's `share_set_cookie`.";
    case Storing::partial: return "Only a part came. A request without Range lets the whole be stored.";
    case Storing::incomplete: return "The body ended before its time: look for time-outs or resets at the origin.";
    case Storing::too_large: return "The body is larger than `max_object`.";
    case Storing::too_many_variants: return "Too many variants under one key: narrow Vary, or raise `max_variants`.";
    case Storing::route: return "The route is configured not to cache: `enabled = false`.";
    case Storing::memory_pinned: return "Memory was held by answers under way: raise the cache's `memory`.";
    case Storing::must_understand: return "The origin says must-understand, and this status has no rules that we know.";
    case Storing::spelling:
      return "The origin answered an equivalent spelling of this URL (%41 for A, say) with a redirect or an error, which is nobody else's.";
    case Storing::bad_range: return "The 206 has no single, valid Content-Range in bytes for the Range that was asked.";
  }
  __builtin_unreachable();
}

std::string_view text_of(Reason reason) {
  switch (reason) {
    case Reason::fresh_hit: return "A fresh stored answer was served.";
    case Reason::redis_hit: return "A fresh answer was found in Redis, where another instance had put it.";
    case Reason::stale_while_revalidate:
      return "A stale answer was served within stale-while-revalidate, and one revalidation runs behind it.";
    case Reason::stale_if_error: return "The origin failed, and a stale answer stood in within stale-if-error.";
    case Reason::stale_origin_gone: return "The origin can't be reached, and nothing forbids the stale answer.";
    case Reason::stale_if_slow: return "The origin was slow, and the stale answer in hand was served.";
    case Reason::client_accepts_stale: return "The client accepts a stale answer (max-stale).";
    case Reason::revalidated: return "The origin confirmed the stored answer with 304.";
    case Reason::uri_miss: return "Nothing is stored under this key.";
    case Reason::vary_miss: return "Answers are stored under this key, but for other values of the fields in Vary.";
    case Reason::stale: return "The stored answer has outlived its freshness.";
    case Reason::must_revalidate:
      return "The stored answer is stale, and must-revalidate, proxy-revalidate or s-maxage forbids to serve it so.";
    case Reason::response_no_cache: return "The stored answer says no-cache: it is validated at each use.";
    case Reason::request_no_cache: return "The client asked for validation (no-cache).";
    case Reason::request_max_age: return "The stored answer is older than the client's max-age.";
    case Reason::request_min_fresh: return "The stored answer is not fresh for as long as the client's min-fresh.";
    case Reason::purged: return "What was stored has been purged.";
    case Reason::purged_soft: return "What was stored has been purged softly: it counts as stale.";
    case Reason::purge_unknown:
      return "Purges may have been missed while the log of the fleet could not be followed: the stored answer is validated.";
    case Reason::partial_miss: return "Only a part is stored, and it does not hold all that was asked for.";
    case Reason::hit_for_miss: return "This key is remembered as uncacheable.";
    case Reason::collapsed: return "The request waited for the answer to another one like it.";
    case Reason::method: return "Only GET and HEAD without a body are answered from the cache.";
    case Reason::route_bypass: return "The route does not cache.";
    case Reason::pass_cookie: return "A cookie of the request is one of the route's `pass_cookies`.";
    case Reason::authorization: return "The request carries Authorization, and the stored answer may not be shared with it.";
    case Reason::request_no_store: return "The client said no-store, and nothing stored could be used.";
    case Reason::upgrade: return "The client wants another protocol on this connection.";
    case Reason::range_unsupported: return "The range asked for can't be served from the cache.";
    case Reason::memory_pinned: return "There is no memory to store the answer in: it passes.";
    case Reason::only_if_cached: return "The client wants a stored answer only, and there is none that it would take.";
  }
  __builtin_unreachable();
}

}  // namespace davenport::policy
