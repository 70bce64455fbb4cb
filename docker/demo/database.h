// docker/demo/database.h: QueryQueue with a clock, a lock and a thread that waits for what ends next.
// Thread  run(), numbers(): any. `done` is called on the database's thread and must not block: it posts elsewhere.
// Bound   as QueryQueue. Shutdown: the destructor ends the thread; what was still waiting is never called.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "docker/demo/query_queue.h"

namespace demo {

struct DatabaseNumbers {
  std::uint64_t queries = 0, refused = 0;
  std::size_t running = 0, waiting = 0;
};

class Database {
 public:
  Database(std::chrono::microseconds delay, std::size_t limit, std::size_t max_waiting);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // False: the line is full, and `done` will not be called.
  bool run(unsigned queries, std::function<void()> done);
  DatabaseNumbers numbers() const;

 private:
  void wait_and_finish();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  QueryQueue queue_;
  std::unordered_map<std::uint64_t, std::function<void()>> jobs_;
  std::uint64_t next_job_ = 0;
  bool stopping_ = false;
  std::thread thread_;                             // last: it uses the others
};

}  // namespace demo
