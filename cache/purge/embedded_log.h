// cache/purge/embedded_log.h: the purge log of one process, in memory: nothing to lose, nothing to wait for.
// Bound   `names_limit` remembered names and the last kRememberedIds ids. Names are forgotten once the sweeper has been
//         through the whole store (walked()), and in a flood of purges without that. What began before a forgotten hard
//         purge then counts as hit by it, by name or not: a fill too many is fetched again, none is served too long.
// Thread  any.
// Errors  record() refuses what names nothing, and more names at once than the index may hold.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/purge/log.h"
#include "cache/purge/names_index.h"

namespace davenport::purge {

class EmbeddedLog final : public Log {
 public:
  static constexpr std::size_t kNamesLimit = 65'536;
  static constexpr std::size_t kRememberedIds = 4'096;
  static constexpr std::size_t kMaxIdBytes = 256;

  explicit EmbeddedLog(std::size_t names_limit = kNamesLimit) : names_limit_(names_limit), index_(names_limit) {}

  Position position() const override { return position_.load(std::memory_order_acquire); }
  Result<Receipt> record(const Request& request) override;
  policy::PurgeState check(const Names& names, Position since) const override;

  // A purge that was recorded already, once more at a new position: what was stamped between the two is hit too.
  Position repeat(const Request& request);
  // One that others have ordered too, at a position behind `last`: recorded, or, where its id was recorded at or before `last`, repeated.
  Result<Position> follow(const Request& request, Position last);

  // A position of its own that purges nothing.
  Position advance();
  // What is stored now, or was asked for before, is to be validated: purges may have been missed.
  Position raise_floor();

  // Told of each purge in the order of positions, under the log's lock, before record() returns: it must be short and
  // must not call record(). One listener (the sweeper); an empty function ends it.
  void on_record(std::function<void(Position, const Request&)> listener);

  // Every response in the store has been checked at `through` or later. Names up to it may be forgotten: while less
  // than half of the room is used they are kept, for the sake of fills that began before them.
  void walked(Position through);

  // Who purged what and when, as far as it was applied here: the last kAudited, the newest last.
  static constexpr std::size_t kAudited = 1'000, kAuditedNames = 5;
  struct Audited {
    Position position = 0;
    WallTime at{};
    std::string by, id;
    bool soft = false;
    std::size_t names = 0;
    std::vector<Target> first;           // of the names
  };
  std::vector<Audited> audit() const;

  std::size_t remembered_names() const { return index_.size(); }

 private:
  // Under the lock.
  Position place(const Request& request);
  void note(Position position, const Request& request);

  const std::size_t names_limit_;
  NamesIndex index_;
  std::atomic<Position> position_{0};
  mutable std::mutex mutex_;
  std::deque<Audited> audit_;
  std::function<void(Position, const Request&)> listener_;
  std::unordered_map<std::string, Position> ids_;
  std::deque<std::string> id_order_;
};

}  // namespace davenport::purge
