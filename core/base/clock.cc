#include "core/base/clock.h"

#include <ctime>

namespace davenport {

namespace {

std::chrono::nanoseconds read(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return Seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

WallTime read_wall_clock() { return WallTime(std::chrono::floor<Millis>(read(CLOCK_REALTIME_COARSE))); }
SteadyTime read_steady_clock() { return SteadyTime(read(CLOCK_MONOTONIC)); }
SteadyTime read_coarse_clock() { return SteadyTime(read(CLOCK_MONOTONIC_COARSE)); }
Now read_clocks() { return Now{read_wall_clock(), read_steady_clock()}; }

}  // namespace davenport
