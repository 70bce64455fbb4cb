// cache/warm/courtesy.h: when work that no visitor waits for gives way: while an origin queues, has no server left, or errs. Pure.
//     const std::string why = courtesy.look(now, {origins' sums});       // "": go on
// Errs    at least kErrors and every kShare-th answer within the last kWindow. It holds for a window after the last such one.
// Thread  one at a time.
#pragma once
#include <cstdint>
#include <string>

#include "core/base/clock.h"

namespace davenport::warm {

class Courtesy {
 public:
  static constexpr std::uint64_t kErrors = 3, kShare = 10;
  static constexpr Millis kWindow{1'000};

  struct Sums {
    bool queues = false, gone = false;
    std::uint64_t requests = 0, errors = 0;      // since the start
  };
  std::string look(SteadyTime now, const Sums& sums);

 private:
  SteadyTime begun_{}, errs_until_{};
  Sums before_;
  bool looked_ = false;
};

}  // namespace davenport::warm
