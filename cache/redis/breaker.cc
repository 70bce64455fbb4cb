#include "cache/redis/breaker.h"

namespace davenport::redis {

bool Breaker::allows(SteadyTime now) {
  switch (state_) {
    case State::closed: return true;
    case State::open:
      if (now < probe_at_) return false;
      state_ = State::probing;
      probe_at_ = now + kProbeEvery;       // a probe whose end nobody told is not waited for longer
      return true;
    case State::probing:
      if (now < probe_at_) return false;
      probe_at_ = now + kProbeEvery;
      return true;
  }
  __builtin_unreachable();
}

void Breaker::count(SteadyTime now, bool failure) {
  if (now - second_ >= Seconds{1}) {
    second_ = now;
    asked_ = failed_ = 0;
  }
  ++asked_;
  if (failure) ++failed_;
}

void Breaker::succeeded(SteadyTime now) {
  in_a_row_ = 0;
  if (state_ != State::closed) asked_ = failed_ = 0;
  state_ = State::closed;
  count(now, false);
}

void Breaker::failed(SteadyTime now, double chance) {
  ++in_a_row_;
  count(now, true);
  const bool too_many = in_a_row_ >= kInARow || (asked_ >= kEnough && failed_ * 2 >= asked_);
  if (state_ == State::closed && !too_many) return;
  if (state_ == State::open) return;       // late news of what was asked before
  state_ = State::open;
  probe_at_ = now + with_jitter(kProbeEvery, chance);
}

}  // namespace davenport::redis
