// proxy/origin/cluster.h: one configured origin: its servers, which of them are up, how busy they are, and who is next.
// Shared by all workers; the connections themselves are each worker's own (connections.h).
// Owner   shared_ptr: a reload keeps the health of servers that stay (Cluster::adopt), old exchanges finish on the old one.
// Thread  any: counters are atomics, the rest is behind a short lock.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/base/clock.h"
#include "core/net/tls.h"

namespace davenport::origin {

class Cluster;
using ClusterPtr = std::shared_ptr<Cluster>;

// What metrics, /readyz and `explain` show of a server.
struct ServerState {
  std::string address;          // "10.0.0.1:80"
  std::string name;             // as configured: the address again, or the name that led to it
  bool healthy = true;          // by active checks
  bool ejected = false;         // by passive ejection, for now
  std::uint32_t connections = 0, outstanding = 0;
  std::uint64_t requests = 0, failures = 0, ejections = 0;
};
struct ClusterState {
  std::string name;
  std::vector<ServerState> servers;
  std::uint32_t queued = 0;
  std::uint64_t retries = 0, queue_timeouts = 0, queue_rejections = 0;
  bool available = true;        // at least one server may be asked
};

// The successor of a reload takes over the servers (by address) with their health and counters, the requests that wait and the
// retry budget; the predecessor's exchanges end on it.
// Refusals: a server that active checks found unhealthy is not asked. One that was ejected for its failures is left alone for a
// while; but an origin's only address is never ejected. no_server where none is left.
// `tls`: for https origins, else null. Where that or its settings changed, no connection is taken over.
ClusterPtr make_cluster(const config::Origin& origin, const ClusterPtr& predecessor /* may be null */, net::TlsClientPtr tls = nullptr);
ClusterState state_of(const Cluster& cluster, SteadyTime now);

}  // namespace davenport::origin
