#include "support/barrier.h"

namespace davenport::testing {

void Barrier::Point::open() {
  {
    const std::lock_guard lock(mutex_);
    open_ = true;
  }
  opened_.notify_all();
}

void Barrier::Point::await(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  if (!opened_.wait_until(lock, within(patience), [this] { return open_; })) {
    throw TimedOut("barrier \"" + name_ + "\"");
  }
}

bool Barrier::Point::is_open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

}  // namespace davenport::testing
