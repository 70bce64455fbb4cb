// tests/support/barrier.h: a named point at which threads of a test meet. Closed when made; open() lets all through, for
// good. Waits are bounded: a time-out throws TimedOut with the barrier's name.
//     Barrier asked{"origin was asked"};  origin.on("GET", "/milk").reach(asked) …;  asked.await();
// Thread  any.
// Owner   copies share one state. When the Barrier that made it goes out of scope, whoever still waits is let go, so that
//         a test that failed does not hang in its destructors.
#pragma once
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "support/patience.h"

namespace davenport::testing {

class Barrier {
 public:
  // What a script keeps of a barrier.
  class Point {
   public:
    explicit Point(std::string name) : name_(std::move(name)) {}
    void open();
    void await(std::chrono::milliseconds patience = kPatience);
    bool is_open() const;
    const std::string& name() const { return name_; }

   private:
    const std::string name_;
    mutable std::mutex mutex_;
    std::condition_variable opened_;
    bool open_ = false;
  };

  explicit Barrier(std::string name) : point_(std::make_shared<Point>(std::move(name))) {}
  ~Barrier() { point_->open(); }
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  void open() const { point_->open(); }
  void await(std::chrono::milliseconds patience = kPatience) const { point_->await(patience); }
  bool is_open() const { return point_->is_open(); }
  std::shared_ptr<Point> point() const { return point_; }

 private:
  std::shared_ptr<Point> point_;
};

}  // namespace davenport::testing
