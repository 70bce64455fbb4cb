// proxy/server/tunnel.h: bytes that go on as they come, between a client and an origin that have agreed on another protocol.
// Thread  the worker's.
#pragma once
#include <string_view>

#include "core/base/clock.h"
#include "core/net/loop.h"
#include "core/net/stream.h"
#include "core/net/task.h"

namespace davenport::server {

inline constexpr std::size_t kTunnelBytes = 16 << 10;      // what is under way in one direction

// `bytes` belong to the caller's frame. False: the other side is gone or takes nothing.
net::Task<bool> write_all(net::Stream& to, std::string_view bytes, Millis patience);

// What the two directions of a tunnel share. It ends by itself where neither has moved anything for `idle`.
struct Tunnel {
  Tunnel(net::Loop& on, Millis may_be_idle) : loop(on), idle(may_be_idle), moved(on.now()), done(on) {}
  SteadyTime ends() const { return moved + idle; }
  net::Loop& loop;
  const Millis idle;
  SteadyTime moved;                          // a byte, in either direction
  int open = 2;                              // directions
  net::Notify done;                          // by the last one
};

// One direction of a tunnel. Ends at the source's end (the other direction goes on) or at any error (both end).
net::Task<void> pump_tunnel(net::Stream& from, net::Stream& to, Tunnel& tunnel);

}  // namespace davenport::server
