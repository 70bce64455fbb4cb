// core/net/loop.h: one thread's events: libevent's base, the timer wheel, a way for other threads to hand work in, and the order within a
// turn: what is ready now, then deferred work, then what stepped back, then what all of them have to send.
//     Loop loop;  loop.post([&] { … });  loop.run();      // run() returns after stop()
// Thread  post() and stop() any; all else the thread that runs the loop (or before it runs).
// Owner   what is registered with the loop (Stream, Listener, Timer) must be gone before the loop is.
#pragma once
#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/net/send_batch.h"
#include "core/net/timer.h"

struct event;
struct event_base;
struct evdns_base;

namespace davenport::net {

class Stream;

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();
  void stop();                                     // any thread; run() returns after the current event
  void post(std::function<void()> work);           // any thread; runs on the loop's, never inside the caller
  void defer(std::function<void()> work);          // the loop's thread; after the events that are due, without a system call
  // The loop's thread: what is sent together at the end of this turn. Stream::write_soon() alone adds to it.
  SendBatch& sends_of_turn();
  SendBatch& sends() { return sends_; }

  TimerWheel& timers() { return timers_; }
  SteadyTime now() const { return read_steady_clock(); }
  SteadyTime coarse_now() const { return read_coarse_clock(); }   // what a deadline is counted from
  bool stopping() const { return stopping_; }

  // What takes long anyway goes on when all else of this turn is done, as far as the turn's share of time for such lasts; the rest in
  // the next turn, so that what can be answered at once never waits for much of it. A stream wakes whoever waits for it.
  void wake_behind(Stream& stream);
  void resume_behind(std::coroutine_handle<> waiter);
  void forget_behind(const Stream& stream);
  bool has_more() const { return !behind_.empty() || !yielded_.empty(); }     // for the next turn, whatever the sockets say

  // Resumed when the loop has looked at all other connections once; also when it is being shut down.
  void resume_later(std::coroutine_handle<> waiter);

  // Every armed timer fires as cancelled, so that whoever waits leaves. For the end of a drain.
  void cancel_waiters();

  event_base* base() { return base_; }             // for core/net alone
  evdns_base* dns();                               // made at first use; null where there is no resolver

 private:
  static void on_tick(int, short, void* self);
  static void on_earlier(void* self);
  void schedule_tick();
  static void on_wake(int, short, void* self);
  static void on_deferred(int, short, void* self);
  static void on_turn(int, short, void* self);
  void end_turn();
  void look_again();
  void run_behind();
  void run_posted();
  void run_yielded();

  event_base* base_;
  evdns_base* dns_ = nullptr;
  event* tick_ = nullptr;
  event* wake_ = nullptr;
  event* later_ = nullptr;
  event* turn_ = nullptr;
  int wake_fd_ = -1;
  TimerWheel timers_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;      // guarded by mutex_
  std::vector<std::function<void()>> deferred_;    // the loop's thread alone
  struct Behind {
    Stream* stream = nullptr;
    std::coroutine_handle<> waiter;
  };
  std::vector<Behind> behind_;                     // the loop's thread alone; neither: it has gone
  SteadyTime behind_until_ = SteadyTime::max();    // when those that wait last had their share
  bool share_used_ = false;
  SendBatch sends_;
  bool ends_ = false;                              // on_deferred() comes at the end of this turn
  std::vector<std::coroutine_handle<>> yielded_;   // the loop's thread alone
  std::atomic<std::thread::id> owner_{};           // the thread inside run()
  bool stopping_ = false;
};

// co_await sleep_until(loop, t): false where the loop is being shut down.
class SleepAwaiter final : private Timer {
 public:
  SleepAwaiter(Loop& loop, SteadyTime at) : Timer(loop.timers()), when_(at) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    arm(when_);
  }
  bool await_resume() const noexcept { return !cancelled_; }

 private:
  void expired(bool cancelled) override {
    cancelled_ = cancelled;
    waiter_.resume();
  }
  SteadyTime when_;
  std::coroutine_handle<> waiter_;
  bool cancelled_ = false;
};
inline SleepAwaiter sleep_until(Loop& loop, SteadyTime at) { return SleepAwaiter(loop, at); }

// co_await yield(loop): lets the loop serve everybody else before this coroutine goes on. For whoever moves long bodies between
// sockets that are always ready: it would hold up all others for as long as the body lasts.
inline constexpr std::uint64_t kTurnBytes = 64 << 10;      // what may be moved in a row
struct YieldAwaiter {
  Loop& loop;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) const { loop.resume_later(waiter); }
  void await_resume() const noexcept {}
};
inline YieldAwaiter yield(Loop& loop) { return YieldAwaiter{loop}; }

// co_await step_back(loop): for whoever is about to do what takes long (Loop::resume_behind).
struct BehindAwaiter {
  Loop& loop;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) const { loop.resume_behind(waiter); }
  void await_resume() const noexcept {}
};
inline BehindAwaiter step_back(Loop& loop) { return BehindAwaiter{loop}; }

// A condition that one coroutine of this loop waits for and others of the same loop announce.
//     switch (co_await notify.wait(deadline)) { case Wake::notified: … case Wake::timeout: … case Wake::cancelled: … }
// notify() before wait() is remembered once.
enum class Wake : std::uint8_t { notified, timeout, cancelled };

class Notify final : private Timer {
 public:
  explicit Notify(Loop& loop) : Timer(loop.timers()) {}
  void notify() {
    if (waiter_ == nullptr) {
      set_ = true;
      return;
    }
    finish(Wake::notified);
  }
  bool waiting() const { return waiter_ != nullptr; }

  struct Awaiter {
    Notify& notify;
    SteadyTime deadline;
    bool await_ready() const noexcept {
      if (!notify.set_) return false;
      notify.set_ = false;
      notify.result_ = Wake::notified;
      return true;
    }
    void await_suspend(std::coroutine_handle<> waiter) const {
      notify.waiter_ = waiter;
      notify.arm(deadline);
    }
    Wake await_resume() const noexcept { return notify.result_; }
  };
  // SteadyTime::max() is allowed only for waits that something else surely ends; they are not cancelled at shutdown.
  Awaiter wait(SteadyTime deadline) { return Awaiter{*this, deadline}; }

 private:
  void expired(bool cancelled) override { finish(cancelled ? Wake::cancelled : Wake::timeout); }
  void finish(Wake result) {
    disarm();
    result_ = result;
    std::exchange(waiter_, nullptr).resume();
  }
  std::coroutine_handle<> waiter_;
  bool set_ = false;
  Wake result_ = Wake::notified;
};

}  // namespace davenport::net
