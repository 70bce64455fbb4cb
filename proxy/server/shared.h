// proxy/server/shared.h: what all workers share. Each member says its own thread rules; here they only stand together.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "cache/purge/log.h"
#include "cache/purge/sweeper.h"
#include "cache/purge/tag_names.h"
#include "cache/store/memory_store.h"
#include "config/config.h"
#include "proxy/server/flight.h"
#include "proxy/transform/coder.h"

namespace davenport::server {

// How many connections there are, in all and by address; both limits are over all workers.
class ConnectionCount {
 public:
  // False: over a limit, nothing was counted. per_address 0: no limit, and addresses are not counted at all.
  bool enter(const std::string& address, std::uint32_t most, std::uint32_t per_address);
  void leave(const std::string& address, bool by_address);
  // For an address that is known only later (the PROXY protocol), of a connection that has entered without one.
  bool enter_address(const std::string& address, std::uint32_t per_address);
  std::uint32_t open() const { return open_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> open_{0};
  std::mutex mutex_;
  std::unordered_map<std::string, std::uint32_t> by_address_;
};

// Handshakes a second, over all workers: tokens that come back at the configured rate, at most a second's worth at once.
class HandshakeRate {
 public:
  // False: too many. `per_second` 0: any number.
  bool admit(SteadyTime now, std::uint32_t per_second) {
    if (per_second == 0) return true;
    const std::int64_t step = 1'000'000'000 / per_second;
    const std::int64_t time = now.time_since_epoch().count();
    std::int64_t due = due_.load(std::memory_order_relaxed);
    for (;;) {
      const std::int64_t from = std::max(due, time - 1'000'000'000);
      if (from > time) return false;
      if (due_.compare_exchange_weak(due, from + step, std::memory_order_relaxed)) return true;
    }
  }

 private:
  std::atomic<std::int64_t> due_{0};          // when the next one may come if all before it had waited for their time
};

struct Shared {
  store::MemoryStore& store;
  purge::Log& purge_log;
  purge::Sweeper& sweeper;
  transform::Coder& coder;
  const config::Redis redis_settings;      // of the start: a reload does not change them
  Flights flights;
  ConnectionCount connections;
  HandshakeRate handshakes;
  std::atomic<bool> draining{false};
  purge::TagNames tag_names{};
};

}  // namespace davenport::server
