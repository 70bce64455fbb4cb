// proxy/origin/connections.h: a worker's connections to all origins: idle ones kept for reuse, waiting requests, and the
// worker's read buffer for origins. Health checks run on one worker only (HealthChecks).
// Thread  the worker's loop. Owner: the worker; all exchanges end before it is destroyed (close_idle() at shutdown).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/net/loop.h"
#include "proxy/origin/cluster.h"

namespace davenport::origin {

class Connections {
 public:
  explicit Connections(net::Loop& loop);
  ~Connections();
  net::Loop& loop();
  void close_idle();                                  // all pooled connections, now
  void forget(const ClusterPtr& cluster);             // pooled connections of an origin that a reload took away

 private:
  friend class Exchange;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Active checks of all servers of the given clusters, and resolving names anew, until stop(). One for the whole process.
class HealthChecks {
 public:
  HealthChecks(net::Loop& loop, std::vector<ClusterPtr> clusters);
  ~HealthChecks();
  void stop();                                        // its coroutines end within one event of the loop

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace davenport::origin
