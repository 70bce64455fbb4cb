// proxy/origin/member.h: one address of an origin, as all workers see it. It outlives reloads and is known by several clusters
// while old exchanges end; what it counts stays right through that.
// Owner   shared_ptr: clusters, exchanges and pooled connections.
// Thread  atomics: any. What is marked so is guarded by the mutex of its Roster.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/net/address.h"
#include "proxy/origin/ejection.h"

namespace davenport::origin {

class Roster;      // roster.h

struct Member {
  Member(std::shared_ptr<Roster> owner, net::SocketAddress at) : roster(std::move(owner)), address(at), text(at.text()) {}

  const std::shared_ptr<Roster> roster;
  const net::SocketAddress address;
  const std::string text;

  std::atomic<std::uint32_t> connections{0};    // open ones, pooled ones included; changed under the mutex
  std::atomic<std::uint32_t> idle{0};           // of them pooled by some worker
  std::atomic<std::uint32_t> outstanding{0};    // exchanges
  std::atomic<std::uint64_t> requests{0}, failures{0}, ejections{0};
  std::atomic<bool> healthy{true};              // by active checks; until they say otherwise
  std::atomic<bool> retired{false};             // no cluster of today lists it: connections are not pooled any more
  std::atomic<bool> troubled{false};            // ejection.troubled(): a success has something to reset
  Ejection ejection;                            // guarded
  std::uint32_t lone_failures = 0;              // guarded; in a row, of an only server, which is never ejected
};

using MemberPtr = std::shared_ptr<Member>;

}  // namespace davenport::origin
