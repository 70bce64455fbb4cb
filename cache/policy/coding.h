// cache/policy/coding.h: content codings (RFC 9110 §8.4.1, §12.5.3): what a client takes, what an answer may be sent as, and
// the head of a coded form. Pure.
//     const Accepted accepted = accepted_codings(request.fields);
//     switch (choose_coding(accepted, rules.compression)) …
// A resource that may be coded here is stored once, as its origin sent it (the *source*), and in as many *forms* beside it as
// were asked for. Which one a client gets is our choice and no part of the selector (vary.h): any form can be made of the source,
// whatever coding that came in.
//
// ETags of forms. The source keeps its origin's. A form's is that one, weak, with the form's name before the closing quote:
// "abc" is W/"abc~gzip" as gzip made fast and W/"abc~gzip+" made well. They are weak because the same text may be coded in
// other bytes tomorrow, and apart from one another so that no cache takes one coding for another (RFC 9110 §8.8.3.3). All
// tags of one family name the same content: If-None-Match matches any of them (validate.h). An origin never sees the suffix.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/http/message.h"

namespace davenport::policy {

enum class Coding : std::uint8_t { identity, gzip, brotli, zstd };
inline constexpr std::size_t kCodingCount = 4;

std::string_view name_of(Coding coding);                           // "identity", "gzip", "br", "zstd"
std::optional<Coding> coding_named(std::string_view name);         // any case; "x-gzip" too (RFC 9110 §8.4.1.3)

// Weights in thousandths; 0: not acceptable. Identity has 1 where nothing names it: acceptable, and last.
struct Accepted {
  std::array<std::uint16_t, kCodingCount> weight{1, 0, 0, 0};
  std::uint16_t of(Coding coding) const { return weight[static_cast<std::size_t>(coding)]; }
  bool takes(Coding coding) const { return of(coding) > 0; }
  friend bool operator==(const Accepted&, const Accepted&) = default;
};
// No Accept-Encoding, an empty or a malformed one: identity alone. "*" speaks for what is not named; of a coding named twice the
// last counts.
Accepted accepted_codings(const http::Fields& request);

// The best of identity and the route's codings: by weight, equal ones in the route's order, a coding before identity.
// Where nothing is acceptable it is identity: RFC 9110 §12.5.3 prefers an answer to none.
Coding choose_coding(const Accepted& accepted, const config::Compression& rules);

// May we send an answer in other codings than it came in? One name each, which `explain` prints.
enum class Codable : std::uint8_t {
  yes,
  off,             // the route does not want it
  no_transform,    // RFC 9111 §5.2.2.6
  status,          // no body, a part of one, or none that is content
  type,            // not of the route's types: most likely compressed by its nature
  coded,           // already, and not in the one way that we could undo
};
inline constexpr std::size_t kCodableCount = static_cast<std::size_t>(Codable::coded) + 1;
std::string_view name_of(Codable codable);

// "text/css" of "Text/CSS; charset=utf-8", in lower case.
std::string media_type(std::string_view value);

// Cache-Control: no-transform, of a request or an answer (RFC 9111 §5.2.1.6, §5.2.2.6).
bool forbids_transform(const http::Fields& fields);

// By its head alone; how many bytes there are is another matter (worth_coding()).
Codable codable(int status, const http::Fields& response, const config::Compression& rules);
// The one coding of an answer that is codable().
Coding source_coding(const http::Fields& response);

// Is a body of so many bytes worth it?
inline bool worth_coding(std::uint64_t body_bytes, const config::Compression& rules) { return body_bytes >= rules.min_bytes; }
// The most bytes that a coded form of such a body may have: more, and there is no gain in it.
std::uint64_t most_coded_bytes(std::uint64_t body_bytes, const config::Compression& rules);

// May an answer that is not stored be compressed on its way? Only by the route's word where the request or the answer
// carries a secret (Cookie, Authorization, Set-Cookie): the length of what mixes a secret with input that somebody else can
// choose tells the secret (BREACH).
bool may_code_passed(const http::Fields& request, const http::Fields& response, const config::Compression& rules);

// Adds Accept-Encoding to the answer's Vary, unless it is there or stands in a "*".
void vary_by_coding(http::Fields& response);

// The stored head of a source made that of a form (stored_response.h): Content-Encoding, Content-Length and ETag are the
// form's, digests of the source's bytes are gone (Content-MD5, Digest, Content-Digest, Repr-Digest).
std::string form_head(std::string_view source_head, Coding to, std::uint64_t body_bytes, bool strong);
// The same of fields, without Content-Length: for a body whose length is not known yet.
void make_form_fields(http::Fields& fields, Coding to);

// Fields that speak of the bytes as the origin sent them (RFC 9530), which are others where they were coded here; content digests
// speak of a message's bytes, so that they are no part's (§2 there; Content-MD5: RFC 1864).
bool is_digest(std::string_view name);
bool is_content_digest(std::string_view name);

// The tag of a form; "" where `etag` is no entity tag.
std::string form_etag(std::string_view etag, Coding coding, bool strong);
// The opaque part, with its quotes, of the tag that a form's was made of: `"abc~gzip"` → `abc`, without them. What is no form's
// is its own.
std::string_view etag_family(std::string_view opaque);
// A client's If-None-Match as an origin understands it: families instead of forms, none of our own making. "" where nothing is
// left of it.
std::string origin_tags(std::string_view list);

}  // namespace davenport::policy
