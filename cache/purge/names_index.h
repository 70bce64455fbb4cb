// cache/purge/names_index.h: which purge hits a response: names to the last positions at which they were purged.
//     if (index.newest(Kind::url) > since) …            // the cheap question first: a load
//     Hit hit = index.find(names, since);
// Shape   a filter of last positions by hash for URLs and tags (no lock: a few loads say "nothing newer" for nearly
//         all), then exact tables; a prefix is looked up by its length and hash, one hash for each length in use.
// Bound   names_limit; forget_through() makes room by raising the floors: below a floor everything counts as purged.
// Thread  any number of readers; record() and forget_through() by one thread at a time (the log's lock).
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <shared_mutex>
#include <unordered_map>

#include "cache/purge/log.h"

namespace davenport::purge {

class NamesIndex {
 public:
  explicit NamesIndex(std::size_t names_limit);

  void record(const Request& request, Position position);
  policy::PurgeState find(const Names& names, Position since) const;

  // What is older than `position` is to be validated: purges may have been missed.
  void raise_floor(Position position);
  // Forgets what was purged at or before `position`, oldest first.
  void forget_through(Position position);
  // The position up to which half of the names may go; 0 while there is room for `more` names.
  Position crowded(std::size_t more) const;
  std::size_t size() const;            // remembered names, repeats included

 private:
  static constexpr std::size_t kFilterSlots = 4096;   // for each of URLs and tags: 32 KiB

  struct Last {
    std::atomic<Position> hard{0}, soft{0};
  };
  struct Purged {
    Position hard = 0, soft = 0;
    void raise(Position position, bool is_soft) { (is_soft ? soft : hard) = position; }
    policy::PurgeState state(Position since) const;
  };
  struct Remembered {                  // in the order of positions, for forgetting
    Position position = 0;
    Kind kind = Kind::url;
    bool soft = false;
    std::uint32_t length = 0;          // of a prefix
    Hash128 hash;
  };
  using Table = std::unordered_map<Hash128, Purged>;
  using Filter = std::array<std::atomic<Position>, kFilterSlots>;

  static std::size_t slot_of(const Hash128& hash) { return hash.high % kFilterSlots; }
  Table* table_of(const Remembered& name);
  const Purged* find_in(const Table& table, const Hash128& hash) const;
  void note(const Target& target, Position position, bool soft);
  bool may_hit(const Names& names, Position since) const;

  const std::size_t names_limit_;
  Last all_, floor_;                         // the last purge of everything; what was forgotten
  std::atomic<Position> unknown_{0};         // raise_floor()
  std::atomic<Position> last_prefix_{0};
  std::unique_ptr<Filter> url_filter_, tag_filter_;
  mutable std::shared_mutex mutex_;
  Table urls_, tags_;
  std::map<std::uint32_t, Table> prefixes_;  // by length
  std::deque<Remembered> order_;
};

}  // namespace davenport::purge
