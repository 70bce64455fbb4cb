// proxy/server/forward.h: what goes on to the other side: the origin's request fields made from the client's, the client's
// response fields made from the origin's. Everything is written anew from parsed fields.
#pragma once
#include <string>
#include <string_view>

#include "cache/policy/header_rules.h"
#include "cache/policy/storability.h"
#include "core/http/message.h"
#include "proxy/origin/exchange.h"
#include "proxy/server/request.h"

namespace davenport::server {

// Is this peer one of forwarding.trusted_proxies?
bool trusted_peer(const Snapshot& snapshot, const Peer& peer);

// What the client asked for, as far as it is told by a trusted proxy in front: the scheme, where that ended its TLS, and the host, where it
// asked us for another one ("": it did not). Both go to the origin, so that both are part of a key.
struct Spoken {
  std::string_view scheme, forwarded_host;
};
Spoken spoken_by(const Snapshot& snapshot, const Peer& peer, const http::RequestHead& head);

// Whom the log names: behind trusted proxies the last address of X-Forwarded-For that is none of theirs, else the peer.
std::string_view client_address(const Snapshot& snapshot, const Peer& peer, const http::Fields& fields);

// The request's id: a trusted proxy's X-Request-Id, else a new one (16 random bytes in hex, seeded per thread).
std::string request_id(const Snapshot& snapshot, const Peer& peer, const http::Fields& fields);
void make_request_id(const Snapshot& snapshot, const Peer& peer, const http::Fields& fields, std::string& id);   // into id's room

enum class Purpose : std::uint8_t {
  pass,        // as the client asked: its conditions and ranges too
  store,       // for the cache: without them; Accept-Encoding and Accept-Language as they are compared (policy/vary.h)
};
// `out`: cleared. Views borrow from the request. Adds Host, Via, X-Forwarded-*, Forwarded, X-Request-Id.
void make_origin_fields(const Request& request, const Peer& peer, Purpose purpose, http::Fields& out);
// The target in origin-form (or "*"), appended.
void append_origin_target(const http::RequestHead& head, std::string& out);
// The target of a fetch for the cache: the client's own spelling, as an application may compare it with its own; but what is no part of
// the key, a parameter that the route drops, say, must have no part in an answer that everybody gets.
std::string store_target(const Request& request);

// Was a request that passed (`asked`, `target`) what a fetch for the cache would have been, but for conditions and ranges? Else `answer` is
// to a question that no GET from here asks, and says nothing of what is stored (RFC 9111 §4.1).
bool asked_as_for_store(const Request& request, const http::Fields& asked, std::string_view target, const http::ResponseHead& answer);

// What the header rules are applied to: an answer to this request, with a status and a Content-Type.
policy::RuleSubject rule_subject(const Request& request, int status, std::string_view type);

// `out` borrows from `response`: clone() what outlives it. What a client gets of an origin's answer: without hop-by-hop, framing,
// tags (unless kept), Age where `stored`; then the header rules. Set-Cookie that must not be stored is appended to `private_lines`
// instead when `verdict` strips it. `subject`: of the answer as it will be stored or sent.
void make_client_fields(const Request& request, const http::ResponseHead& response, const policy::StoreVerdict* verdict,
                        const policy::RuleSubject& subject, policy::Brings brings, WallSeconds received, http::Fields& out,
                        std::string& private_lines);

// "HTTP/1.1 200 OK" and the fields; Cache-Status lines first, so that ours may follow them. No framing, no empty line.
void append_head(std::string& out, int status, std::string_view reason, const http::Fields& fields);

}  // namespace davenport::server
