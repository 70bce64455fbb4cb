// proxy/server/snapshot.h: a configuration and what was made of it once: the origins' clusters, and the fields that every
// request or answer gets. Immutable; a reload makes another one, and requests under way keep theirs.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/policy/facts.h"
#include "config/config.h"
#include "core/base/clock.h"
#include "core/net/tls.h"
#include "proxy/origin/cluster.h"
#include "proxy/server/rate.h"

namespace davenport::server {

struct Snapshot {
  config::ConfigPtr config;
  std::vector<origin::ClusterPtr> clusters;   // as Config::origins
  std::vector<std::shared_ptr<Rate>> background;   // as Config::origins: requests that no visitor waits for
  // As Config::routes: what had arrived by then has a head that was made by other header rules; see outdated_head().
  std::vector<WallSeconds> heads_since;
  std::vector<net::TlsServerPtr> tls;         // as Config::listeners; null: plain
  net::TlsServerPtr admin_tls;                // null: plain
  std::uint64_t generation = 0;
  const config::Route* only_route = nullptr;  // where one route takes every host and path: no look-up then
  std::string hit_prefix;                     // "Cache-Status: davenport; hit; ttl="
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// Reads every certificate, key and list of authorities that the configuration names; an error says which is no good.
Result<std::monostate> check_tls(const config::Config& config);

// `predecessor` may be null; its clusters' health goes over to those of the same name. An error (a certificate that can't be
// used) leaves the predecessor as it was.
Result<SnapshotPtr> make_snapshot(config::ConfigPtr config, const SnapshotPtr& predecessor, const net::TicketKeysPtr& tickets, WallSeconds now);

// Was its head made by header rules of before a reload? What is stored keeps no fields as its origin sent them, so that the new rules
// need the origin: such a response counts as softly purged, and is asked for without its validators, for a 304 brings no head.
inline bool outdated_head(const Snapshot& snapshot, const config::Route& route, const policy::StoredFacts& facts) {
  return facts.response_time <= snapshot.heads_since[route.place];
}

const config::Route* route_of(const Snapshot& snapshot, std::string_view authority, std::string_view path, std::string& scratch);

}  // namespace davenport::server
