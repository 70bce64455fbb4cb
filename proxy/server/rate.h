// proxy/server/rate.h: so many a second, over all threads: tokens that come back at a steady pace.
// Thread  any.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>

#include "core/base/clock.h"

namespace davenport::server {

class Rate {
 public:
  // False: too many. `per_second` 0: any number. `burst`: what may come at once after a pause, as the time that it would take.
  bool admit(SteadyTime now, double per_second, Millis burst = Millis{1'000}) {
    if (per_second <= 0) return true;
    const auto step = static_cast<std::int64_t>(1e9 / per_second);
    const std::int64_t time = now.time_since_epoch().count();
    std::int64_t due = due_.load(std::memory_order_relaxed);
    for (;;) {
      const std::int64_t from = std::max(due, time - std::chrono::nanoseconds(burst).count());
      if (from > time) return false;
      if (due_.compare_exchange_weak(due, from + step, std::memory_order_relaxed)) return true;
    }
  }

 private:
  std::atomic<std::int64_t> due_{0};          // when the next one may come if all before it had waited for their time
};

}  // namespace davenport::server
