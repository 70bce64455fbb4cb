// proxy/server/early_hints.h: what pages linked to when they were last fetched, so that a client who waits for one can begin to load
// (RFC 8297). One table for all workers, of a fixed size: a page that shares a place with another one takes it.
// Thread  any; a short lock. Only fetches come here, never hits.
#pragma once
#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cache/policy/key.h"
#include "cache/purge/log.h"
#include "core/base/hash.h"
#include "core/http/fields.h"

namespace davenport::server {

class Client;
struct Request;

class EarlyHints {
 public:
  // `links`: policy/hints.h; "" forgets what was known. `position`: of the purge log, from before the origin was asked.
  void remember(const policy::KeyParts& key, std::string links, purge::Position position);
  // "": nothing is known, or a purge has hit the page since.
  std::string of(const policy::KeyParts& key, const purge::Log& log);

 private:
  static constexpr std::size_t kPlaces = 4096, kLocks = 16;
  struct Place {
    Hash128 key{};
    purge::Position position = 0;
    std::string links;
  };
  std::array<std::mutex, kLocks> locks_;
  std::vector<Place> places_{kPlaces};           // guarded by the lock of its number
  std::atomic<bool> any_ = false;                // most sites send no links: no lock is taken for them
};

// A 103 to a client who has to wait for the origin now, once for a request. Whether it reaches an HTTP/1.1 client is said by
// forwarding.early_hints_http1 (pass_interim()).
void hint_early(Client& client, Request& request);
// After the origin's answer: `fields` as clients get them.
void remember_hints(EarlyHints& hints, const Request& request, int status, const http::Fields& fields, purge::Position position);
// Of an answer as it came, to a request that was asked as for everybody.
void remember_hints(EarlyHints& hints, const Request& request, const http::ResponseHead& head, purge::Position position);

}  // namespace davenport::server
