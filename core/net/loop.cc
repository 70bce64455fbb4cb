#include "core/net/loop.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/log.h"
#include "core/net/stream.h"

namespace davenport::net {
namespace {

// Of a turn, for what stepped back: a quarter of what the rest of the turn took, so that a flood of hits does not starve it, within these
// bounds. Who asks for a hit meanwhile waits as long; shorter, and the looks at the sockets cost more than they gain.
constexpr Micros kLeastBehind{200}, kMostBehind{2000};

}  // namespace

Loop::Loop() : timers_(read_steady_clock(), &Loop::on_earlier, this) {
  event_config* const config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);   // one thread; others come in by the eventfd
  base_ = event_base_new_with_config(config);
  event_config_free(config);
  wake_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (base_ == nullptr || wake_fd_ < 0) {
    log_error("no event loop: too few file descriptors? raise `ulimit -n`");
    std::abort();
  }
  wake_ = event_new(base_, wake_fd_, EV_READ | EV_PERSIST, &Loop::on_wake, this);
  event_add(wake_, nullptr);
  later_ = event_new(base_, -1, 0, &Loop::on_deferred, this);
  turn_ = event_new(base_, -1, 0, &Loop::on_turn, this);
  tick_ = event_new(base_, -1, 0, &Loop::on_tick, this);
}

Loop::~Loop() {
  if (dns_ != nullptr) evdns_base_free(dns_, 1);
  event_free(later_);
  event_free(turn_);
  event_free(std::exchange(tick_, nullptr));
  event_free(wake_);
  // What evdns deferred (a cancelled look-up's callback) is run before the base goes.
  event_base_loop(base_, EVLOOP_NONBLOCK);
  event_base_free(base_);
  ::close(wake_fd_);
}

void Loop::run() {
  owner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  event_base_loop(base_, EVLOOP_NO_EXIT_ON_EMPTY);
  owner_.store({}, std::memory_order_relaxed);
  sends_.flush();
  run_posted();                                    // what came with stop(), so that nobody waits for it
}

void Loop::stop() {
  post([this] {
    stopping_ = true;
    event_base_loopbreak(base_);
  });
}

void Loop::post(std::function<void()> work) {
  if (owner_.load(std::memory_order_relaxed) == std::this_thread::get_id()) return defer(std::move(work));
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (first) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(wake_fd_, &one, sizeof one);   // full counter: it is awake already
  }
}

// An event that is made active now comes behind those that are.
void Loop::end_turn() {
  if (!std::exchange(ends_, true)) event_active(later_, EV_TIMEOUT, 0);
}

void Loop::defer(std::function<void()> work) {
  end_turn();
  deferred_.push_back(std::move(work));
}

SendBatch& Loop::sends_of_turn() {
  end_turn();
  return sends_;
}

// A time-out of nothing comes after the next look at the sockets; an activated event would come before it.
void Loop::look_again() {
  const timeval now{0, 0};
  if (event_pending(turn_, EV_TIMEOUT, nullptr) == 0) event_add(turn_, &now);
}

void Loop::resume_later(std::coroutine_handle<> waiter) {
  look_again();
  yielded_.push_back(waiter);
}

void Loop::run_yielded() {
  std::vector<std::coroutine_handle<>> waiters;
  waiters.swap(yielded_);
  for (const std::coroutine_handle<> waiter : waiters) waiter.resume();
}

void Loop::on_turn(int, short, void* self) {
  auto* const loop = static_cast<Loop*>(self);
  loop->share_used_ = false;
  loop->run_yielded();
  if (!loop->behind_.empty()) loop->end_turn();
}

void Loop::on_deferred(int, short, void* self) {
  auto* const loop = static_cast<Loop*>(self);
  loop->ends_ = false;
  std::vector<std::function<void()>> work;
  work.swap(loop->deferred_);
  for (auto& each : work) each();
  loop->run_behind();
  loop->sends_.flush();
}

void Loop::wake_behind(Stream& stream) {
  end_turn();
  behind_.push_back({&stream, {}});
}

void Loop::resume_behind(std::coroutine_handle<> waiter) {
  end_turn();
  behind_.push_back({nullptr, waiter});
}

void Loop::forget_behind(const Stream& stream) {
  for (Behind& each : behind_) {
    if (each.stream == &stream) each.stream = nullptr;
  }
}

void Loop::run_behind() {
  if (behind_.empty() || (share_used_ && !stopping_)) return;
  const SteadyTime begin = now();
  const SteadyTime end = begin + std::clamp((begin - behind_until_) / 4, SteadyTime::duration(kLeastBehind), SteadyTime::duration(kMostBehind));
  std::size_t next = 0;
  while (next < behind_.size()) {
    const Behind each = std::exchange(behind_[next++], {});
    if (each.waiter) each.waiter.resume();
    if (each.stream != nullptr) each.stream->wake_from_behind();
    behind_until_ = now();
    if (behind_until_ >= end && !stopping_) break;
  }
  behind_.erase(behind_.begin(), behind_.begin() + static_cast<std::ptrdiff_t>(next));
  if (behind_.empty()) {
    behind_until_ = SteadyTime::max();             // what comes next has not waited
    return;
  }
  share_used_ = true;                              // until the sockets were looked at
  look_again();
}

void Loop::run_posted() {
  std::vector<std::function<void()>> work;
  {
    const std::scoped_lock lock(mutex_);
    work.swap(posted_);
  }
  for (auto& each : work) each();
}

void Loop::on_wake(int fd, short, void* self) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(fd, &count, sizeof count);
  static_cast<Loop*>(self)->run_posted();
}

void Loop::on_tick(int, short, void* self) {
  auto* const loop = static_cast<Loop*>(self);
  loop->timers_.advance(read_steady_clock());
  loop->schedule_tick();
}

void Loop::on_earlier(void* self) { static_cast<Loop*>(self)->schedule_tick(); }

// The kernel is asked to wake us when a timer is due, not each 10 ms: a proxy that has nothing to do sleeps. libevent's time is a coarse
// one that may be behind, so that a tick comes some milliseconds early; then it is scheduled again.
void Loop::schedule_tick() {
  const SteadyTime next = timers_.next();
  if (tick_ == nullptr || next == SteadyTime::max()) return;
  const auto left = std::max(std::chrono::ceil<Millis>(next - read_steady_clock()), Millis{1});
  const timeval wait{left / Seconds{1}, std::chrono::duration_cast<Micros>(left % Seconds{1}).count()};
  event_add(tick_, &wait);
}

void Loop::cancel_waiters() {
  stopping_ = true;
  // Who is resumed may yield once more before it meets a wait that is cancelled.
  // (and who meets one may go on to what makes it step back).
  for (int round = 0; round < 64; ++round) {
    run_yielded();
    run_behind();
    timers_.cancel_all();
    if (!has_more()) break;
  }
}

evdns_base* Loop::dns() {
  if (dns_ == nullptr) {
    dns_ = evdns_base_new(base_, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (dns_ == nullptr) {
      // No usable /etc/resolv.conf: names from /etc/hosts still work.
      dns_ = evdns_base_new(base_, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
      if (dns_ != nullptr) evdns_base_load_hosts(dns_, "/etc/hosts");
    }
  }
  return dns_;
}

}  // namespace davenport::net
