#include <doctest/doctest.h>

#include "core/base/clock.h"

namespace davenport {
namespace {

TEST_CASE("the steady clock never goes back, and both are read at once") {
  const Now first = read_clocks(), second = read_clocks();
  CHECK(second.steady >= first.steady);
  CHECK(second.steady <= read_steady_clock());
  CHECK(first.wall.time_since_epoch().count() > 0);
  CHECK(read_wall_clock() - second.wall < std::chrono::minutes(1));
}

TEST_CASE("the coarse clock is the steady one, a little behind") {
  const SteadyTime coarse = read_coarse_clock(), steady = read_steady_clock();
  CHECK(coarse <= steady);
  CHECK(steady - coarse < std::chrono::minutes(1));
}

TEST_CASE("whole seconds are rounded down, before 1970 too") {
  const auto seconds_of = [](std::int64_t millis) {
    return Now{WallTime(Millis(millis)), SteadyTime()}.wall_seconds().time_since_epoch().count();
  };
  CHECK(seconds_of(1999) == 1);
  CHECK(seconds_of(2000) == 2);
  CHECK(seconds_of(-1) == -1);
}

}  // namespace
}  // namespace davenport
