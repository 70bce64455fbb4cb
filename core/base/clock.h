// core/base/clock.h: the one place that reads a clock. Everywhere else `now` is an argument.
//
// Two times, never mixed: WallTime is what HTTP dates and ages are computed from (RFC 9111 §4.2.3); SteadyTime is
// what deadlines are computed from, since it never jumps.
#pragma once
#include <chrono>
#include <cstdint>

namespace davenport {

using Seconds = std::chrono::seconds;
using Millis = std::chrono::milliseconds;
using Micros = std::chrono::microseconds;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using WallSeconds = std::chrono::sys_seconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

// One reading of both clocks; taken once for a batch of requests and handed to all that they call.
struct Now {
  WallTime wall;
  SteadyTime steady;
  WallSeconds wall_seconds() const { return std::chrono::floor<Seconds>(wall); }
};

WallTime read_wall_clock();        // may be behind by a tick of the kernel (4 ms or less)
inline WallSeconds read_wall_seconds() { return std::chrono::floor<Seconds>(read_wall_clock()); }   // as HTTP dates have it
SteadyTime read_steady_clock();
SteadyTime read_coarse_clock();    // the same, behind by such a tick, at a fifth of the cost: for deadlines
Now read_clocks();

}  // namespace davenport
