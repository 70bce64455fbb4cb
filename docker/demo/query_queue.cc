#include "docker/demo/query_queue.h"

#include <algorithm>

namespace demo {

QueryQueue::QueryQueue(std::chrono::microseconds delay, std::size_t limit, std::size_t max_waiting)
    : delay_(delay), limit_(std::max<std::size_t>(limit, 1)), max_waiting_(max_waiting) {}

bool QueryQueue::submit(std::uint64_t job, unsigned queries, TimePoint now) {
  if (queries == 0) {
    finished_.push_back(job);
    return true;
  }
  const bool place_free = running_.size() < limit_ && waiting_.empty();
  if (!place_free && waiting_.size() >= max_waiting_) {
    ++refused_;
    return false;
  }
  waiting_.push_back({job, queries, now});
  start(now);
  return true;
}

void QueryQueue::start(TimePoint free_since) {
  while (running_.size() < limit_ && !waiting_.empty()) {
    const Query query = waiting_.front();
    waiting_.pop_front();
    running_.push({std::max(free_since, query.ready) + delay_, serial_++, query});
  }
}

std::vector<std::uint64_t> QueryQueue::advance(TimePoint now) {
  std::vector<std::uint64_t> finished = std::move(finished_);
  finished_.clear();
  while (!running_.empty() && running_.top().end <= now) {
    const Running ended = running_.top();
    running_.pop();
    ++queries_run_;
    if (ended.query.left > 1) {
      // Admitted once, admitted for all its queries: the bound is asked at submit() only.
      waiting_.push_back({ended.query.job, ended.query.left - 1, ended.end});
    } else {
      finished.push_back(ended.query.job);
    }
    start(ended.end);
  }
  return finished;
}

std::optional<TimePoint> QueryQueue::next_end() const {
  if (!finished_.empty()) return TimePoint::min();
  if (running_.empty()) return std::nullopt;
  return running_.top().end;
}

}  // namespace demo
