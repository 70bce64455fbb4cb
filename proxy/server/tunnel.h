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

// One direction of a tunnel. Ends at the source's end (the other direction goes on) or at any error (both end); the last one of `open`
// directions announces `done`.
net::Task<void> pump_tunnel(net::Stream& from, net::Stream& to, Millis idle, int& open, net::Notify& done);

}  // namespace davenport::server
