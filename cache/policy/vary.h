// cache/policy/vary.h: which stored variant answers a request (RFC 9111 §4.1).
//
// A response that varies stores, for each name in its Vary, the request's value normalised, or its absence. `selector` is
// those as length-prefixed bytes (selector.h), names sorted, so that matching is a comparison. A response without Vary has an empty
// selector and matches all.
//
// Normalised, and sound since an origin gets the same (each in one function, which the server calls before it asks):
//   Accept-Encoding   the codings of {br, gzip, zstd, identity} that the client takes: normalized_accept_encoding();
//   Accept-Language   lower case, no optional white space, equal weights sorted: normalized_accept_language();
//   others            lines combined, optional white space around commas dropped, empty members too. A value of a field
//                     that is no list (User-Agent, Cookie, dates ...) is compared as it came;
//   Cookie            counts as absent with the route's strip_cookies: the origin never gets one; with ignore_other_cookies
//                     too: it gets those that are in the key (append_key_cookies());
//   Origin            counts as absent where the route's header rules let in certain sites and this is none of them.
#pragma once
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/http/message.h"

namespace davenport::policy {

// "*" in any member or line. A member that is no field name counts as "*" too: nobody knows what it would choose by; and so does one that
// the origin gets from us (X-Forwarded-For, Forwarded, X-Request-Id). More names than anybody needs are "*", for each look compares them all.
inline constexpr std::size_t kMostVaryNames = 32;
bool varies_on_everything(const http::Fields& response);

// The selector of a response to `request`: names and values. "" where it has no Vary. `codings_are_ours`: what it was coded as does
// not matter, since every coding can be made of it here (coding.h): Accept-Encoding is no part of the choice.
std::string make_selector(const http::Fields& response, const http::Fields& request, const config::CacheRules& rules,
                          bool codings_are_ours = false);

// Does a request match a stored selector? `scratch` spares allocations. With rules.content_language a response whose one
// Content-Language is what the request's Accept-Language likes best matches too, whatever language was asked for then.
bool selector_matches(std::string_view selector, const http::Fields& request, const config::CacheRules& rules,
                      std::string& scratch);

// What is compared, and what the origin gets: "br, gzip", "identity", "gzip, identity;q=0". "" where the request has none;
// where it is malformed, its members as they came. Static bytes, or `scratch`.
std::string_view normalized_accept_encoding(const http::Fields& request, std::string& scratch);
// "de-at,en;q=0.7". "" where the request has none; where it is malformed (or has more than 32 members), its members as they
// came. Lies in `scratch`.
std::string_view normalized_accept_language(const http::Fields& request, std::string& scratch);

// The value of any field as it is compared, appended to `out`: what a route's `key_fields` put into the key. False: absent.
bool append_compared_value(std::string& out, std::string_view name, const http::Fields& request);

}  // namespace davenport::policy
