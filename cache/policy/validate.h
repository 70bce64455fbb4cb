// cache/policy/validate.h: conditional requests, towards the client and towards the origin (RFC 9110 §13, RFC 9111 §4.3).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cache/policy/facts.h"
#include "core/base/hash.h"
#include "core/http/message.h"

namespace davenport::policy {

// An ETag of our own making, for a complete stored body that came without one: weak, W/"dvp-<32 hex digits>". It is known
// by its prefix, so that it is never sent to an origin.
std::string make_etag(const Hash128& body);
bool is_own_etag(std::string_view etag);

// What the client's conditions say about a stored response that may be used for it (RFC 9110 §13.2.2, RFC 9111 §4.3.2).
// If-None-Match is compared weakly, by the family of a tag (coding.h), and comes before If-Modified-Since. If-Match and If-Unmodified-Since are an origin's to
// evaluate, never a cache's, so `failed` is only what a server makes of an origin's own 412. `none`: no condition that
// applies, or the stored status is none that a condition is about (200, 203, 206).
enum class Precondition : std::uint8_t { none, pass /* send it whole */, not_modified /* 304 */, failed /* 412 */ };
Precondition evaluate(const http::RequestHead& request, const http::Fields& stored, const StoredFacts& facts, WallSeconds now);

// The client's tag that made it so, where that is not the stored one but another form's of the same content (coding.h): a 304
// names it, so that a cache further on knows which of its responses is meant (RFC 9111 §4.3.4). "" otherwise.
std::string_view matched_form(const http::Fields& request, const http::Fields& stored);

// Fields of a 304 made from a stored response (RFC 9110 §15.4.5): ETag, Cache-Control, Content-Location, Date, Expires,
// Vary, and CDN-Cache-Control (it guides a cache's update like Cache-Control); Last-Modified only where there is no ETag.
bool is_304_field(const http::Field& field, bool has_etag);

// The conditional fields for the origin, made of the stored validators; they replace the client's own (§4.3.1), of which
// none remains. Nothing is added where there is no validator. Where the client's If-None-Match should be joined with ours
// (§4.3.2), hand it over as `client_tags`: the answer to a 304 is then told by not_modified_for().
void add_validators(const http::Fields& stored, http::Fields& request, std::string_view client_tags = {});

// Did this 304 to a request that joined tags (add_validators) match one of the client's? False: it matched ours alone, and
// the client gets the stored response as a 200 (§4.3.2).
bool not_modified_for(std::string_view client_tags, const http::Fields& not_modified);

// Does this 304 speak of that stored response (§4.3.4)? Strong validator equal, or weak equal, or none in the 304 and
// only one candidate.
bool selects(const http::Fields& not_modified, const http::Fields& stored, bool only_candidate);

// The stored fields updated by a 304's (§3.2): all but Content-Length, Content-Range, Content-Encoding, and hop-by-hop.
// An ETag that was made weak here (a coding of our own) stays weak where it is the same otherwise. Copies.
void merge_304(http::Fields& stored, const http::Fields& not_modified);

// Is an answer of this status about its own request (wrong, not allowed, too much, too often) or the origin's trouble, so that what is stored
// for others may still hold?
bool says_nothing_of_stored(int status);

// §4.3.5: a HEAD answer beside a stored GET. A 200 that contradicts it and a status that would have replaced it (a redirect, 404,
// 410 …) invalidate. Nothing is said by an error of the server's, by an application that knows no HEAD (405), and by what answers
// this request's own condition, range or credentials. The length counts only where both are in the same coding: a body that
// we coded has another one than the origin's.
enum class HeadVerdict : std::uint8_t { updates, invalidates, says_nothing };
HeadVerdict compare_head(const http::ResponseHead& head, const http::Fields& stored, std::uint64_t stored_bytes);

// §4.4: what an unsafe method's non-error answer invalidates: the target, Location and Content-Location of the same
// origin, as absolute URIs ("/path" where the request names no host), the target first, each once. Empty where nothing.
std::vector<std::string> invalidated_by(const http::RequestHead& request, std::string_view scheme,
                                        const http::ResponseHead& response);

}  // namespace davenport::policy
