// proxy/server/popularity.h: what the fleet's instances tell one another about what is popular, and what a new one makes of it: memory is
// filled from Redis with the most popular answers before /readyz says 200, within `warm.start_bytes` and `warm.start_time`.
// Owner   the server; it ends before the workers do.
// Thread  the main loop's.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cache/purge/log.h"
#include "cache/warm/sketch.h"
#include "config/config.h"
#include "core/net/loop.h"
#include "core/net/task.h"

namespace davenport::server {

class Worker;

class Popularity {
 public:
  struct Filled {
    bool over = true;                          // false: memory is being filled
    std::uint64_t objects = 0, bytes = 0, absent = 0;
    Millis took{0};
  };

  // `settings`: of the start; a reload does not change them.
  Popularity(net::Loop& loop, std::vector<Worker*> workers, const config::Config& settings, const purge::Log& log);
  ~Popularity();
  void start();
  const Filled& filled() const { return filled_; }

 private:
  struct Filling;                              // what the coroutines of the start share
  static net::Task<void> fill(Popularity& self);
  static net::Task<void> fill_in_turn(net::Loop& loop, std::shared_ptr<Filling> filling, std::size_t worker);
  static net::Task<void> share(Popularity& self);

  net::Loop& loop_;
  const std::vector<Worker*> workers_;
  const config::Warm settings_;
  const purge::Log& log_;
  const bool redis_;
  Filled filled_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace davenport::server
