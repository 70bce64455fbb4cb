// cache/policy/validate.h: conditional requests, towards the client and towards the origin (RFC 9110 §13, RFC 9111 §4.3).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cache/policy/facts.h"
#include "core/http/message.h"

namespace davenport::policy {

// What the client's If-None-Match / If-Modified-Since (and If-Match / If-Unmodified-Since) say about a stored response.
enum class Precondition : std::uint8_t { none, pass /* send it whole */, not_modified /* 304 */, failed /* 412 */ };
Precondition evaluate(const http::RequestHead& request, const http::Fields& stored, const StoredFacts& facts, WallSeconds now);

// Fields of a 304 made from a stored response (RFC 9110 §15.4.5): ETag, Cache-Control, Content-Location, Date, Expires,
// Vary; Last-Modified only where there is no ETag.
bool is_304_field(const http::Field& field, bool has_etag);

// The conditional fields for the origin, made of the stored validators; they replace the client's own (§4.3.1).
// Nothing is added where there is no validator.
void add_validators(const http::Fields& stored, http::Fields& request);

// Does this 304 speak of that stored response (§4.3.4)? Strong validator equal, or weak equal, or none in the 304 and
// only one candidate.
bool selects(const http::Fields& not_modified, const http::Fields& stored, bool only_candidate);

// The stored fields updated by a 304's (§3.2): all but Content-Length, Content-Range, Content-Encoding, and hop-by-hop.
void merge_304(http::Fields& stored, const http::Fields& not_modified);

// §4.3.5: a HEAD answer beside a stored GET.
enum class HeadVerdict : std::uint8_t { updates, invalidates };
HeadVerdict compare_head(const http::ResponseHead& head, const http::Fields& stored, std::uint64_t stored_bytes);

// §4.4: what an unsafe method's non-error answer invalidates: the target, Location and Content-Location of the same
// origin, as absolute URIs.
std::vector<std::string> invalidated_by(const http::RequestHead& request, std::string_view scheme,
                                        const http::ResponseHead& response);

}  // namespace davenport::policy
