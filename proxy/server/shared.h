// proxy/server/shared.h: what all workers share. Each member says its own thread rules; here they only stand together.
#pragma once
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
#include "proxy/server/early_hints.h"
#include "proxy/server/flight.h"
#include "proxy/server/rate.h"
#include "proxy/server/neighbour.h"
#include "proxy/server/webhook.h"
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

struct Shared {
  store::MemoryStore& store;
  purge::Log& purge_log;
  purge::Sweeper& sweeper;
  transform::Coder& coder;
  const config::Redis redis_settings;      // of the start: a reload does not change them
  Flights flights;
  ConnectionCount connections;
  Rate handshakes;
  std::atomic<bool> draining{false};
  std::atomic<bool> gives_way{false};      // an origin queues or errs: what no visitor waits for is left
  purge::TagNames tag_names{};
  Webhooks* webhooks = nullptr;            // set before the workers start
  EarlyHints hints{};
  Neighbours neighbours{};
};

}  // namespace davenport::server
