// cache/policy/reuse.h: may this stored response answer this request, now (RFC 9111 §4)? Pure.
//     Decision d = decide(ask, stored ? &stored->facts() : nullptr, rules, now);
// The caller has already chosen the variant (vary.h) and knows whether a purge concerns it (purge/index.h).
#pragma once
#include <cstdint>
#include <optional>

#include "cache/policy/facts.h"
#include "cache/policy/reason.h"
#include "config/config.h"
#include "core/http/message.h"

namespace davenport::policy {

// The caching side of a request, read once (RFC 9111 §5.2.1).
// Doubled directives: the first. Of nonsense values, max-age counts as 0 and the others as absent.
struct Ask {
  std::optional<std::uint32_t> max_age, min_fresh, max_stale;   // max_stale without argument: 2^31
  std::optional<std::uint32_t> stale_if_error;                  // RFC 5861 §4
  bool no_cache = false, no_store = false, only_if_cached = false, no_transform = false;
  bool authorization = false;
  bool partial_suffices = false;   // set by the caller: the stored part holds the whole range asked for (range.h)
};
// Cheap where the request has neither Cache-Control nor Pragma nor Authorization: a mask test. With
// ignore_client_no_cache only `authorization` and no_transform are read. Pragma counts where Cache-Control is absent (§5.4).
Ask read_ask(const http::RequestHead& request, const config::CacheRules& rules);

// Must this request go by the store altogether? Decided before the key is made: method (a GET with a body too), route,
// cookies, upgrade.
std::optional<Reason> must_pass(const http::RequestHead& request, const config::CacheRules& rules);

enum class Action : std::uint8_t {
  serve,               // answer from the store
  serve_and_refresh,   // answer from the store (stale), and revalidate behind (RFC 5861 §3)
  validate,            // ask the origin, with the stored validators where there are any
  fetch,               // nothing usable is stored
  refuse,              // only-if-cached and nothing to serve: 504
};

// Of the stored response. soft: as if it were stale; validate: a purge may have been missed, so that it is good for its validators
// alone; hard: as if it were not there.
enum class PurgeState : std::uint8_t { valid, soft, validate, hard };

struct Decision {
  Action action = Action::fetch;
  Reason reason = Reason::uri_miss;
};
// `other_variants`: nothing matched, though the key has responses (vary_miss instead of uri_miss).
// A fetch for `request_no_store` or `authorization` is for this client alone: its answer may not be shared before the
// verdict (storability.h) allows it. A softly purged response is served while one request asks the origin behind, as long as its
// lifetime would have lasted; afterwards it is stale as any other.
Decision decide(const Ask& ask, const StoredFacts* stored, PurgeState purge, bool other_variants,
                const config::CacheRules& rules, WallSeconds now);

// What went wrong at the origin, for the question whether a stale answer may stand in (RFC 9111 §4.2.4, RFC 5861 §4).
enum class OriginTrouble : std::uint8_t { error_status /* 500, 502, 503, 504 */, unreachable, slow };
// The reason to serve `stored` in spite of its staleness, or nullopt where that is forbidden: by must-revalidate,
// proxy-revalidate, s-maxage or no-cache, by the client's no-cache, by a stale-if-error of the origin that has run out, and,
// beyond what the origin allows itself, for what was never fresh (it may be one user's own).
std::optional<Reason> stale_instead(const Ask& ask, const StoredFacts& stored, PurgeState purge, OriginTrouble trouble,
                                    const config::CacheRules& rules, WallSeconds now);

}  // namespace davenport::policy
