// docker/demo/query_queue.h: a database as seen from outside: so many queries at once, so long each, the rest in line.
// PURE: time is an argument. One owner at a time; database.h gives it a lock and a clock.
//     if (!queue.submit(job, 3, now)) return unavailable();
//     for (const std::uint64_t job : queue.advance(now)) answer(job);
// Bound   running() <= limit; jobs that nothing has been done for yet <= max_waiting, and submit() refuses above.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <vector>

namespace demo {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

class QueryQueue {
 public:
  QueryQueue(std::chrono::microseconds delay, std::size_t limit, std::size_t max_waiting);

  // A page's queries, one after the other; each goes to the end of the line, so that a long page delays nobody's first.
  // False: the line is full. A job without queries, or a database without delay, is finished at the next advance().
  bool submit(std::uint64_t job, unsigned queries, TimePoint now);

  // Everything that ends until `now`, in the order of its end; what waits starts when a place becomes free, not later.
  std::vector<std::uint64_t> advance(TimePoint now);

  std::optional<TimePoint> next_end() const;       // when advance() is due
  std::size_t running() const { return running_.size(); }
  std::size_t waiting() const { return waiting_.size(); }
  std::uint64_t queries_run() const { return queries_run_; }
  std::uint64_t refused() const { return refused_; }

 private:
  struct Query {
    std::uint64_t job;
    unsigned left;                                 // this one included
    TimePoint ready;                               // when it joined the line
  };
  struct Running {
    TimePoint end;
    std::uint64_t serial;                          // equal ends keep their order
    Query query;
    bool operator>(const Running& other) const {
      return end != other.end ? end > other.end : serial > other.serial;
    }
  };
  void start(TimePoint free_since);

  std::chrono::microseconds delay_;
  std::size_t limit_, max_waiting_;
  std::deque<Query> waiting_;
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running_;
  std::vector<std::uint64_t> finished_;            // jobs without queries
  std::uint64_t serial_ = 0, queries_run_ = 0, refused_ = 0;
};

}  // namespace demo
