// core/net/timer.h: deadlines that cost a store. One coarse wheel a loop is walked when its next slot with a timer comes up; moving
// a deadline later (what each request does) only writes the time, and the walk finds the node and puts it where it now belongs.
//     class IdleTimer final : public Timer { void expired(bool cancelled) override { connection_.close(); } … };
//     timer.arm(now + 60s);   timer.disarm();
// Grain   kGrain: a deadline fires up to two grains late, never early.
// Owner   the holder owns the Timer; its destructor takes it out of the wheel.
// Thread  the loop's.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/base/clock.h"

namespace davenport::net {

class TimerWheel;

class Timer {
 public:
  explicit Timer(TimerWheel& wheel) : wheel_(&wheel) {}
  virtual ~Timer() { unlink(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void arm(SteadyTime at);
  void disarm() { at_ = SteadyTime::max(); }
  bool armed() const { return at_ != SteadyTime::max(); }

 protected:
  // Called by the wheel with the timer disarmed; may destroy *this. `cancelled`: the loop is being shut down.
  virtual void expired(bool cancelled) = 0;

 private:
  friend class TimerWheel;
  void unlink();

  TimerWheel* wheel_;
  Timer* next_ = nullptr;
  Timer** link_ = nullptr;                  // what points to this node; null: not in the wheel
  SteadyTime at_ = SteadyTime::max();
  std::int64_t slot_tick_ = 0;              // the tick at which the wheel will look at it
};

class TimerWheel {
 public:
  static constexpr Millis kGrain{10};
  using Earlier = void (*)(void* whose);    // the answer of next() is no longer right: a timer is due before
  explicit TimerWheel(SteadyTime start, Earlier earlier = nullptr, void* whose = nullptr) : start_(start), earlier_(earlier), whose_(whose) {}
  ~TimerWheel();

  void advance(SteadyTime now);             // fires what is due; then ask for next()
  SteadyTime next();                        // when advance() will have something to look at; max(): never, the wheel is empty
  void cancel_all();                        // fires every armed timer as cancelled: the waiters' way out at shutdown

 private:
  friend class Timer;
  static constexpr std::size_t kSlots = 1024;
  std::int64_t tick_of(SteadyTime time) const { return (time - start_) / kGrain; }
  void link(Timer& timer, SteadyTime at);
  static void push(Timer*& head, Timer& timer);
  static Timer* pop(Timer*& head);

  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max(), kWalking = std::numeric_limits<std::int64_t>::min();

  SteadyTime start_;
  Earlier earlier_;
  void* whose_;
  std::int64_t done_tick_ = -1;             // all ticks up to it were walked
  std::int64_t next_tick_ = kNever;         // what next() said last
  std::array<Timer*, kSlots> slots_{};
};

}  // namespace davenport::net
