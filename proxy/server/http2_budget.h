// proxy/server/http2_budget.h: how much of something a client may do in a row: tokens that come back with time, and with what else is
// earned.
//     Http2Budget resets(200, 20, now);   if (!resets.take(now)) …        // too much
// Time    is an argument. Thread  one.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"

namespace davenport::server {

class Http2Budget {
 public:
  Http2Budget(std::uint32_t most, std::uint32_t per_second, SteadyTime now)
      : most_(most), per_second_(std::max<std::uint32_t>(per_second, 1)), left_(most), counted_at_(now) {}

  // False: there was none left.
  bool take(SteadyTime now) {
    if (now != counted_at_) refill(now);
    if (left_ == 0) return false;
    --left_;
    return true;
  }
  void earn(std::uint32_t tokens) { left_ = std::min<std::uint64_t>(left_ + tokens, most_); }

 private:
  void refill(SteadyTime now) {
    const auto passed = std::chrono::duration_cast<Millis>(now - counted_at_).count();
    const std::uint64_t more = static_cast<std::uint64_t>(std::max<std::int64_t>(passed, 0)) * per_second_ / 1000;
    if (more == 0) return;
    counted_at_ = now;
    left_ = std::min(most_, left_ + more);
  }
  std::uint64_t most_, per_second_, left_;
  SteadyTime counted_at_;
};

}  // namespace davenport::server
