// core/net/told.h: what another thread will tell a coroutine of this loop, once.
//     Told<int> told(loop);
//     sweeper.notify(position, told.teller());                         // a std::function<void(int)> for any thread
//     const std::optional<int> count = co_await told.wait(deadline);   // nullopt: nobody said it in time, or shutting down
// Owner   whoever waits. The teller may outlive it, and its last copy may go on any thread: it shares no more than a cell with us,
//         into which only the loop's thread looks. The loop must outlive the teller's call.
// Thread  the loop's, but for the teller.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "core/net/loop.h"
#include "core/net/task.h"

namespace davenport::net {

template <class T>
class Told {
 public:
  explicit Told(Loop& loop) : loop_(loop), told_(loop), cell_(std::make_shared<Told*>(this)) {}
  ~Told() { *cell_ = nullptr; }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;

  std::function<void(T)> teller() const {
    return [cell = cell_, &loop = loop_](T value) {
      loop.post([cell, value = std::move(value)] {
        if (*cell == nullptr) return;
        (*cell)->value_ = value;
        (*cell)->told_.notify();
      });
    };
  }
  Task<std::optional<T>> wait(SteadyTime deadline) {
    const Wake wake = co_await told_.wait(deadline);
    static_cast<void>(wake);                     // whatever woke it, `value_` has what is known
    co_return std::move(value_);
  }
  void give_up() { told_.notify(); }             // wait() resumes with what is known

 private:
  Loop& loop_;
  Notify told_;
  std::optional<T> value_;
  const std::shared_ptr<Told*> cell_;
};

}  // namespace davenport::net
