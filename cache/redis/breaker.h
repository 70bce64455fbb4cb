// cache/redis/breaker.h: when to leave a node alone. Pure: time and chance are arguments.
//
//            5 failures in a row, or half of a second's             probe due
//   closed ─────────────────────────────────────────────▶ open ───────────────▶ probing
//     ▲                                                    ▲  a second, ± 25 %     │
//     │                        it answered                 └────── it did not ─────┤
//     └────────────────────────────────────────────────────────────────────────────┘
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"

namespace davenport::redis {

// A delay moved by up to a quarter either way; `chance` in [0, 1).
inline std::chrono::nanoseconds with_jitter(std::chrono::nanoseconds delay, double chance) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(delay.count()) * (0.75 + 0.5 * chance)));
}

class Breaker {
 public:
  static constexpr std::uint32_t kInARow = 5;
  static constexpr std::uint32_t kEnough = 10;       // in a second, before half of them means anything
  static constexpr Millis kProbeEvery{1'000};

  // May it be asked now? While open: one probe once a second.
  bool allows(SteadyTime now);
  void succeeded(SteadyTime now);
  void failed(SteadyTime now, double chance);
  bool open() const { return state_ != State::closed; }

 private:
  enum class State : std::uint8_t { closed, open, probing };
  void count(SteadyTime now, bool failure);

  State state_ = State::closed;
  std::uint32_t in_a_row_ = 0, asked_ = 0, failed_ = 0;
  SteadyTime second_{}, probe_at_{};
};

// 50 ms, doubled up to 5 s, with jitter; a success starts again.
class Backoff {
 public:
  static constexpr Millis kFirst{50}, kMost{5'000};
  bool due(SteadyTime now) const { return now >= next_; }
  void failed(SteadyTime now, double chance) {
    next_ = now + with_jitter(delay_, chance);
    delay_ = std::min(delay_ * 2, kMost);
  }
  void succeeded() {
    delay_ = kFirst;
    next_ = {};
  }

 private:
  Millis delay_ = kFirst;
  SteadyTime next_{};
};

}  // namespace davenport::redis
