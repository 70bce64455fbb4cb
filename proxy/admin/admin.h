// proxy/admin/admin.h: the admin API: purging, explaining, metrics, health. It has a listener of its own, on the main loop.
//     Result<std::unique_ptr<Admin>> admin = Admin::start(loop, server, version);
//     GET /               what is here            GET /healthz   200 while the process lives
//     GET /metrics        Prometheus text         GET /readyz    200, or 503 with a reason
//     GET /explain?url=…  why a URL is (not) served from the store, and what would happen to a request now
//     POST /warm          JSON (warm_request.h); GET follows it, DELETE ends it
//     GET /purges         who purged what and when
//     POST /purge         JSON (purge_request.h)  PURGE /path    one URL, of the host in Host
// With a token, all but the two probes (/healthz, /readyz) want it.
// A purge is complete when its answer is sent: nothing that it hit is served afterwards.
// Owner   the server outlives it. When it ends, its connections end at once.
// Thread  the loop's.
#pragma once
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/net/loop.h"
#include "proxy/server/server.h"

namespace davenport::admin {

class Admin {
 public:
  // On the configuration's admin.address; the token is looked at in the server's current one at each request.
  static Result<std::unique_ptr<Admin>> start(net::Loop& loop, server::Server& server, std::string version);
  virtual ~Admin() = default;

  virtual std::string address() const = 0;            // "127.0.0.1:9090": the true port
  virtual void note_reload(bool ok, WallTime at) = 0; // for the metrics
};

}  // namespace davenport::admin
