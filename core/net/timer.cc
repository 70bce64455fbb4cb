#include "core/net/timer.h"

#include <algorithm>

namespace davenport::net {

void Timer::arm(SteadyTime at) {
  at_ = at;
  // In the wheel already, at a slot that comes no later: the tick will move it. This is the way of every request.
  if (link_ != nullptr && wheel_->tick_of(at) >= slot_tick_) return;
  unlink();
  wheel_->link(*this, at);
}

void Timer::unlink() {
  if (link_ == nullptr) return;
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  link_ = nullptr;
  next_ = nullptr;
}

TimerWheel::~TimerWheel() {
  for (Timer*& head : slots_) {
    while (head != nullptr) pop(head);
  }
}

void TimerWheel::push(Timer*& head, Timer& timer) {
  timer.next_ = head;
  timer.link_ = &head;
  if (head != nullptr) head->link_ = &timer.next_;
  head = &timer;
}

Timer* TimerWheel::pop(Timer*& head) {
  Timer* const timer = head;
  timer->unlink();
  return timer;
}

void TimerWheel::link(Timer& timer, SteadyTime at) {
  // Never in a slot that was walked already, and never further away than one turn: it is looked at again there.
  const std::int64_t wanted = tick_of(at) + 1;
  const std::int64_t tick = std::clamp(wanted, done_tick_ + 1, done_tick_ + static_cast<std::int64_t>(kSlots));
  timer.slot_tick_ = tick;
  push(slots_[static_cast<std::size_t>(tick) % kSlots], timer);
  if (tick >= next_tick_ || earlier_ == nullptr) return;
  next_tick_ = tick;
  earlier_(whose_);
}

SteadyTime TimerWheel::next() {
  next_tick_ = kNever;
  for (std::int64_t tick = done_tick_ + 1; tick <= done_tick_ + static_cast<std::int64_t>(kSlots); ++tick) {
    if (slots_[static_cast<std::size_t>(tick) % kSlots] == nullptr) continue;
    next_tick_ = tick;
    return start_ + tick * kGrain;
  }
  return SteadyTime::max();
}

void TimerWheel::advance(SteadyTime now) {
  const std::int64_t now_tick = tick_of(now);
  next_tick_ = kWalking;                    // whoever walks asks for next() afterwards: what is armed meanwhile need not tell
  // A stall longer than one turn walks every slot once, not once for each tick missed.
  done_tick_ = std::max(done_tick_, now_tick - static_cast<std::int64_t>(kSlots));
  while (done_tick_ < now_tick) {
    Timer*& slot = slots_[static_cast<std::size_t>(done_tick_ + 1) % kSlots];
    Timer* due = slot;                      // a list of its own: what expired() arms anew is not met again here
    if (due != nullptr) due->link_ = &due;
    slot = nullptr;
    ++done_tick_;
    while (due != nullptr) {
      Timer* const timer = pop(due);
      if (!timer->armed()) continue;
      if (timer->at_ > now) {
        link(*timer, timer->at_);
      } else {
        timer->disarm();
        timer->expired(false);
      }
    }
  }
}

void TimerWheel::cancel_all() {
  // A waiter that is resumed may arm another timer on its way out: go round until nothing is armed, but not for ever.
  for (int round = 0; round < 64; ++round) {
    bool any = false;
    for (Timer*& head : slots_) {
      Timer* list = head;
      if (list != nullptr) list->link_ = &list;
      head = nullptr;
      while (list != nullptr) {
        Timer* const timer = pop(list);
        if (!timer->armed()) continue;
        any = true;
        timer->disarm();
        timer->expired(true);
      }
    }
    if (!any) return;
  }
}

}  // namespace davenport::net
