// core/net/task.h: a coroutine that its caller awaits. A request's story reads from top to bottom.
//     Task<Result<Head>> read_head(Stream& stream);      Result<Head> head = co_await read_head(stream);
//     spawn(refresh(entry));                              // detached: it owns itself and ends by itself
// Rules   A child starts inline and resumes its parent itself: symmetric transfer overflows the stack in long synchronous
//         loops (GCC 12, below -O2 and under the sanitizers), so await_suspend returns bool and never a handle.
//         Name a lambda or an aggregate before a co_await expression uses it (GCC 12 destroys such temporaries twice), and
//         never make a coroutine of a capturing lambda.
// Owner   the Task owns its frame; a frame is never destroyed while it runs or waits, but resumed with a cancelled status.
// Thread  one: a coroutine lives on the loop on which it was started.
#pragma once
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "core/net/frame_pool.h"

namespace davenport::net {

template <class T>
class Task;

namespace detail {

// Frames come from the thread's pool.
struct PooledFrame {
  static void* operator new(std::size_t bytes) { return frame_pool::take(bytes); }
  static void operator delete(void* frame, std::size_t bytes) { frame_pool::give_back(frame, bytes); }
};

struct PromiseBase : PooledFrame {
  std::coroutine_handle<> continuation;   // null while the child runs inline in its parent's await_suspend

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      if (const auto parent = self.promise().continuation) parent.resume();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() const noexcept { std::terminate(); }   // failures are values here
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& result) { value.emplace(std::forward<U>(result)); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> parent) noexcept {
    handle_.resume();                       // inline, until it first waits or ends
    if (handle_.done()) return false;       // ended: the parent goes on without having been suspended
    handle_.promise().continuation = parent;
    return true;
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*handle_.promise().value);
  }

 private:
  Handle handle_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace detail

// A coroutine that nobody awaits: it starts at once, and its frame is freed when it ends. For whoever lives long and is many: it
// needs no second frame, as a spawned Task does.
struct Detached {
  struct promise_type : detail::PooledFrame {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

namespace detail {

inline Detached run_detached(Task<void> task) { co_await task; }

}  // namespace detail

// Starts `task` now; its frame is freed when it ends.
inline void spawn(Task<void> task) { detail::run_detached(std::move(task)); }

}  // namespace davenport::net
