#include "docker/demo/database.h"

namespace demo {

Database::Database(std::chrono::microseconds delay, std::size_t limit, std::size_t max_waiting)
    : queue_(delay, limit, max_waiting), thread_([this] { wait_and_finish(); }) {}

Database::~Database() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool Database::run(unsigned queries, std::function<void()> done) {
  bool was_idle = false;
  {
    const std::lock_guard lock(mutex_);
    was_idle = !queue_.next_end().has_value();
    if (!queue_.submit(next_job_, queries, Clock::now())) return false;
    jobs_.emplace(next_job_++, std::move(done));
    was_idle |= queries == 0;
  }
  // All queries take the same time, so that a new one never ends before those that run: only an idle thread is woken.
  if (was_idle) changed_.notify_one();
  return true;
}

DatabaseNumbers Database::numbers() const {
  const std::lock_guard lock(mutex_);
  return {queue_.queries_run(), queue_.refused(), queue_.running(), queue_.waiting()};
}

void Database::wait_and_finish() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto next = queue_.next_end();
    if (!next) {
      changed_.wait(lock);
      continue;
    }
    const TimePoint now = Clock::now();
    if (*next > now) {
      changed_.wait_until(lock, *next);
      continue;
    }
    std::vector<std::function<void()>> finished;
    for (const std::uint64_t job : queue_.advance(now)) {
      const auto found = jobs_.find(job);
      finished.push_back(std::move(found->second));
      jobs_.erase(found);
    }
    lock.unlock();
    for (const auto& done : finished) done();
    finished.clear();
    lock.lock();
  }
}

}  // namespace demo
