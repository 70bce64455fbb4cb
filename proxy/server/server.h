// proxy/server/server.h: the running proxy: workers, listeners, the store, the purge log, the origins. What the admin API and the
// command line hold.
// Thread  all calls from the main (admin) thread's loop, unless a line says "any".
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cache/purge/embedded_log.h"
#include "cache/purge/log.h"
#include "cache/purge/sweeper.h"
#include "cache/purge/tag_names.h"
#include "cache/redis/metrics.h"
#include "cache/store/memory_store.h"
#include "config/config.h"
#include "core/base/result.h"
#include "core/net/loop.h"
#include "core/net/tls.h"
#include "proxy/observe/access_log.h"
#include "proxy/observe/metrics.h"
#include "proxy/origin/cluster.h"
#include "proxy/server/popularity.h"
#include "proxy/server/webhook.h"
#include "proxy/transform/coder.h"

namespace davenport::server {

class Warmer;

class Server {
 public:
  // Opens listeners and log, starts the workers. `main_loop`: where health checks run and the calls below are made.
  static Result<std::unique_ptr<Server>> start(net::Loop& main_loop, config::ConfigPtr config);
  virtual ~Server() = default;

  // Takes a new configuration: requests that have begun finish under the old one; connections and cache are kept. An error leaves
  // everything as it was. What a reload can't change (workers, cache.memory, cache.eviction, admin.address) is an error that says so.
  virtual Result<std::monostate> reload(config::ConfigPtr config) = 0;

  // SIGTERM: /readyz turns 503, after shutdown_pause the listeners close, then connections drain; `done` is called when the last
  // one has ended or shutdown_timeout has passed.
  virtual void drain(std::function<void()> done) = 0;
  virtual bool draining() const = 0;

  virtual config::ConfigPtr config() const = 0;                          // any
  // Made by header rules of before a reload (snapshot.h); any.
  virtual bool outdated(const config::Route& route, const policy::StoredFacts& facts) const { return static_cast<void>(route), static_cast<void>(facts), false; }
  virtual net::TlsServerPtr admin_tls() const = 0;                       // any; null: the admin interface is plain
  virtual store::MemoryStore& store() = 0;                               // any
  virtual purge::Log& purge_log() = 0;                                   // any
  virtual std::vector<purge::EmbeddedLog::Audited> audit() const = 0;    // any; the newest last
  virtual purge::Sweeper& sweeper() = 0;                                 // any
  virtual const purge::TagNames& tag_names() const = 0;                  // any
  virtual transform::Coder::Stats coding() const = 0;                    // any
  virtual std::vector<const observe::WorkerMetrics*> metrics() const = 0;   // any; valid while the server lives
  virtual std::vector<const redis::Metrics*> redis_metrics() const { return {}; }   // any; workers', then the log's; empty: no Redis
  virtual std::vector<origin::ClusterState> origins() const = 0;         // any
  virtual std::vector<std::string> listening() const = 0;                // "127.0.0.1:8080", true ports
  virtual Warmer* warmer() { return nullptr; }                           // null: this server warms nothing
  virtual Popularity::Filled filled() const { return {}; }               // how memory was filled at the start
  virtual void purged(const purge::Request& purge) { static_cast<void>(purge); }   // any; to be sent on
  virtual WebhookStats webhooks() const { return {}; }                   // any
  virtual void reopen_logs() = 0;
};

}  // namespace davenport::server
