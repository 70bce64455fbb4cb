#include "core/base/clock.h"

namespace davenport {

WallTime read_wall_clock() { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); }
SteadyTime read_steady_clock() { return std::chrono::steady_clock::now(); }
Now read_clocks() { return Now{read_wall_clock(), read_steady_clock()}; }

}  // namespace davenport
