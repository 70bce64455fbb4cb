// cache/purge/shared_state.h: what one instance knows of the fleet's purge log, and what an answer of the log changes in it.
// Pure: no socket, no clock. The rules that make a purge hold through failovers, partitions and restarts are kept here and in
// cache/redis/shared_log.cc; docs/redis.md lists them.
//
//              first page: floor at the first entry that could be read
//   joining ───────────────────────────────────────────────────────────▶ following ──┐ next entries, in order
//      ▲                                                                     │  ▲     │
//      └─ the log is empty: an entry is appended first                       │  └─────┘
//                          own last entry absent or with another nonce: fork │
//                          entries behind it trimmed: gap                    ▼
//                          position and floor at the head together; of a fork, what is lost is appended again
//
// Thread  one writer (the log's), pid_at() and local_of() any.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "cache/purge/log.h"

namespace davenport::purge {

// One entry as it stands in the log.
struct LogEntry {
  Pid pid;
  std::string id;                     // the purge's own, the same over retries
  std::string payload;                // encode_purge()
};

// What one script read of the log at one moment, on one master.
struct LogPage {
  std::uint64_t epoch = 0;            // the node's cluster_my_epoch; 0: no cluster
  std::uint64_t first = 0;            // position of the first entry; 0: the log is empty
  Pid head;                           // the last entry
  std::uint64_t asked_from = 0;       // entries begin there (inclusive)
  std::vector<LogEntry> entries;
};

class SharedState {
 public:
  // Applies a purge here and returns the position here that stands for it: higher than `last`, that of the entry before it. One that was
  // applied early, before it was followed, counts from there only where nothing has come to stand between: a record that is stamped with
  // an entry in front of it has not seen it.
  using Apply = std::function<Position(const LogEntry&, Position last)>;
  using RaiseFloor = std::function<Position()>;
  SharedState(Apply apply, RaiseFloor raise_floor, std::size_t window_entries)
      : apply_(std::move(apply)), raise_floor_(std::move(raise_floor)), window_entries_(window_entries) {}

  enum class Step : std::uint8_t {
    same,            // nothing new
    advanced,
    older,           // a page of before the last one: nothing can be said from it
    isolated,        // of a master older than one that was seen: counts as unreachable
    empty,           // nothing stands there: append something first
    gap,
    fork,
    look_back,       // a fork, and the next page tells how far back: from ask_from() on
  };
  Step absorb(const LogPage& page);
  std::uint64_t ask_from() const;                     // where the next page begins, inclusive; the writer's alone
  bool looks_back() const { return looks_back_; }

  Pid at() const;                                     // {0, 0} while joining
  std::uint64_t epoch() const { return epoch_; }
  bool has_passed(const Pid& pid) const;              // the own tail has gone past it, with that nonce
  // An append's answer tells of masters too. False: it is isolated.
  bool note_epoch(std::uint64_t epoch);
  // Masters count anew from the next one on: those of before are known to be gone.
  void forget_epoch() { epoch_ = 0; }

  std::optional<Pid> pid_at(Position local) const;
  std::optional<Position> local_of(const Pid& pid) const;

  // What a fork may have lost, to be appended again under the same ids (an id that is there is not appended twice).
  std::vector<LogEntry> take_repairs();
  std::uint64_t forks() const { return forks_; }
  std::uint64_t gaps() const { return gaps_; }

  // How much of what was applied is kept for that.
  static constexpr std::size_t kKeptEntries = 1'024, kKeptBytes = 4 << 20;

 private:
  struct Place {
    Pid pid;
    Position local;
  };
  const Place* find(std::uint64_t position) const;    // needs the lock
  void follow(const LogEntry& entry);
  Step fork(const LogPage& page);
  Step adopt(const LogPage& page, Step why);
  void keep(const LogEntry& entry);

  const Apply apply_;
  const RaiseFloor raise_floor_;
  const std::size_t window_entries_;
  mutable std::shared_mutex mutex_;
  std::deque<Place> window_;                          // contiguous; what is before its front is below the floor
  std::deque<LogEntry> kept_;                         // the writer's alone, as all below
  std::size_t kept_bytes_ = 0;
  Position last_local_ = 0;                           // of the last entry or floor
  bool looks_back_ = false;
  std::vector<LogEntry> repairs_;
  std::uint64_t epoch_ = 0, forks_ = 0, gaps_ = 0;
};

// Is the instance in touch with the log? Counted from the sending of what was answered.
//   acknowledged   the heartbeat reached a replica (or there is none to reach): renews at once
//   answered only  renews while the lease holds; after it has run out only when one master has answered without a break for
//                  `probation`, for an isolated one would have gone silent
// `trusted` is false from the start until the first renewal: nothing that was fetched earlier is believed before.
class Lease {
 public:
  Lease(Millis length, Millis probation) : length_(length), probation_(probation) {}
  void answered(SteadyTime sent, SteadyTime now, bool acknowledged);
  bool holds(SteadyTime now) const { return trusted_ && now < until_; }
  bool trusted() const { return trusted_; }
  SteadyTime until() const { return until_; }

 private:
  const Millis length_, probation_;
  SteadyTime until_{}, on_probation_since_{}, last_answer_{};
  bool trusted_ = false, on_probation_ = false;
};

// A request as bytes, for the log. What cannot be read is told as nullopt: an entry of a newer version, or damage.
std::string encode_purge(const Request& request);
std::optional<Request> decode_purge(std::string_view payload);

}  // namespace davenport::purge
