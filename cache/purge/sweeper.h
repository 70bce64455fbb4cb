// cache/purge/sweeper.h: what a purge hit is freed behind it, and counted, by a thread of its own.
//     Sweeper sweeper(log, store::walk_of(store));
//     log.record(request) …; sweeper.wait(receipt.position, deadline)     // how many responses it hit here
// A purge holds before the sweeper moves (log.h); this gives the memory back, raises what is left to the position that
// it was checked at, so that the log may forget, and knows the number for the answer. Purges that come while it walks
// are taken together in the next walk. It works in turns of half a millisecond and rests as long; after a walk it rests as long as that took,
// and it begins kUnhurried after the purge, unless somebody waits for a count or many came.
// Count   responses that were in the store when the walk came by and that the purge hits; each purge counts its own.
//         What a request found purged and replaced before is not among them.
// Bound   purges of kMaxPending names are counted in one walk (in a flood the others are applied uncounted),
//         kRemembered counts are kept.
// Thread  any; wait() blocks and is not for a worker: notify() is. The walk and the notifications run on its own
//         thread.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cache/purge/embedded_log.h"
#include "core/base/clock.h"

namespace davenport::purge {

class Sweeper {
 public:
  static constexpr std::size_t kMaxPending = 16'384;
  static constexpr std::size_t kRemembered = 16'384;
  static constexpr Millis kUnhurried{100};

  // What becomes of one response. hard: it is dropped. soft: it is marked, and checked. validate: it stays as it is. valid: it
  // was checked.
  struct Verdict {
    policy::PurgeState state = policy::PurgeState::valid;
    Position checked_at = 0;           // to be marked, unless hard
  };
  using Judge = std::function<Verdict(const Names&, Position checked_at)>;
  // Visits everything that is stored when it is called, in slices, and does what the judge says.
  using Walk = std::function<void(const Judge&)>;
  using Count = std::optional<std::uint64_t>;   // nullopt: not known (in time)

  // `chore`, if any, is called on the thread after each `chore_interval` without a purge: dropping what has expired.
  Sweeper(EmbeddedLog& log, Walk walk, std::function<void()> chore = {}, Millis chore_interval = Millis{60'000});
  ~Sweeper();                          // ends a walk early; open notifications are told nullopt
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;

  Count wait(Position position, SteadyTime deadline);
  // `done` once, on the sweeper's thread or, where the count is known, on the caller's. It must be short.
  void notify(Position position, std::function<void(Count)> done);

  std::uint64_t walks() const { return walks_.load(std::memory_order_relaxed); }

 private:
  class Batch;
  struct Pending {
    Position position;
    Request request;
  };
  struct Waiting {
    Position position;
    std::function<void(Count)> done;
  };

  void add(Position position, const Request& request);
  void run();
  void sweep(const std::vector<Pending>& pending, Position through, bool all_counted);
  void finish(const Batch& batch, Position through);
  Count count_of(Position position) const;      // needs the lock
  bool awaited() const { return waiters_ > 0 || !waiting_.empty(); }

  EmbeddedLog& log_;
  const Walk walk_;
  const std::function<void()> chore_;
  const Millis chore_interval_;
  mutable std::mutex mutex_;
  std::condition_variable work_, finished_;
  std::vector<Pending> pending_;
  std::size_t pending_names_ = 0;
  bool all_counted_ = true;                     // none was left out of pending_
  Position recorded_ = 0, swept_ = 0;           // the last one heard of; all up to it were walked for
  std::map<Position, std::uint64_t> counts_;
  std::vector<Waiting> waiting_;
  std::size_t waiters_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> walks_{0};
  std::thread thread_;
};

}  // namespace davenport::purge
