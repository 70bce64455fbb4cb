// proxy/server/request.h: a request that needs the long way, with its own bytes, so that it may outlive the read buffer. Also what
// is known of the client behind it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/policy/key.h"
#include "cache/policy/reuse.h"
#include "cache/store/memory_store.h"
#include "core/base/clock.h"
#include "core/http/message.h"
#include "proxy/server/snapshot.h"

namespace davenport::server {

struct Peer {
  std::string address;            // numeric; "unix"
  std::uint16_t port = 0;
  bool https = false;             // it speaks TLS with us
  std::uint16_t redirect_port = 0;   // its listener sends everybody to https, at this port; 0: it does not
};

struct Request {
  std::string bytes;              // the head as it came; `head` points into it
  http::RequestHead head;
  SnapshotPtr snapshot;
  const config::Route* route = nullptr;
  Now now{};
  std::string_view scheme = "http";   // the client's, forward.h
  std::string forwarded_host;     // that of a trusted proxy's X-Forwarded-Host, where it is another one; "" else
  Peer peer;
  std::string id;                 // X-Request-Id
  std::string key_bytes;
  policy::KeyParts key;           // into key_bytes
  policy::Ask ask;
  policy::Decision decision;
  std::optional<store::Lookup> found;   // at the first look, when it came; whoever looks takes it
  store::StoredPtr stored;        // chosen by Vary; null: none
  policy::PurgeState purge = policy::PurgeState::valid;
  bool hinted = false;            // a 103 of ours was thought of

  const config::CacheRules& rules() const { return config::rules_of(*route, head.path); }
  // Owns a copy of `parsed`'s bytes; `parsed` lies in `raw`.
  void take(http::RequestHead& parsed, std::string_view raw);
  // Owns a copy of the key, which was made of the same head.
  void take_key(const policy::KeyParts& made);
  // As new, but with the room that its texts and lines have taken already.
  void reset();
  std::unique_ptr<Request> copy() const;       // for a refresh that goes on behind the client
};

// How the end of a body is told where its length is not: in chunks (HTTP/1.1), by the end of the connection (1.0), or by the frames
// that carry it (HTTP/2).
enum class Ending : std::uint8_t { chunks, close, frames };
inline Ending ending_of(const http::RequestHead& head) {
  if (head.major == 2) return Ending::frames;
  return head.minor == 0 ? Ending::close : Ending::chunks;
}

// For so long has it been under way.
inline Micros took(const Request& request, SteadyTime now) { return std::chrono::duration_cast<Micros>(now - request.now.steady); }

// What an answer was, for the log and the counters.
struct Account {
  int status = 0;
  std::uint64_t body_bytes = 0;
  policy::Reason reason = policy::Reason::uri_miss;
  bool has_reason = false;
  policy::Storing storing = policy::Storing::not_asked;
  std::int64_t age = -1, ttl = 0;
  std::string origin_server;
  Micros origin_time{0};
};

}  // namespace davenport::server
