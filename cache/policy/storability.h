// cache/policy/storability.h: may this answer of the origin be stored, for how long, and with which fields (RFC 9111 §3)?
#pragma once
#include <string>
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
  StoredFacts facts;                 // valid with Storing::stored
  bool strip_set_cookie = false;     // Set-Cookie goes to the client that caused the fetch and is not stored
  bool ok() const { return storing == Storing::stored; }
};
// `request`: what was asked. `shared_flight`: nothing of this depends on it; a verdict is the same for all followers.
StoreVerdict judge(const http::RequestHead& request, const http::ResponseHead& response, const Times& times,
                   const config::CacheRules& rules);

// A verdict about a response whose fields were merged by a 304 (§4.3.4) is judge() again, over the merged fields.

// Is this field kept in a stored response (§3.1)? Hop-by-hop is removed before (core/http/serializer.h HopByHop).
bool is_stored_field(const http::Field& field, const StoreVerdict& verdict, const config::CacheRules& rules,
                     const http::ResponseHead& response);

// Surrogate-Key (spaces) and Cache-Tag (commas) and the route's, without repeats, at most 256 of at most 256 bytes.
std::vector<std::string> tags_of(const http::Fields& response, const config::CacheRules& rules);

}  // namespace davenport::policy
