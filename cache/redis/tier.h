// cache/redis/tier.h: the tier that instances share, as one worker sees it: what another one fetched is found here before the origin
// is asked, and fills memory.
//     redis::Found found = co_await tier.find(wanted, now);        // at most `budget`, and nothing while Redis is out of reach
//     tier.put(stored, flight.position());                         // detached; dropped and counted under pressure
//     tier.give_up(key);                                           // nothing will be put: whoever waits for it need not
// Cold    where nothing usable is found, one instance of the fleet gets a lease to fetch; the others wait for what it puts, up to
//         `fetch_wait`, and then go themselves.
// Trust   a record is believed when its seal, key and shape are right, its pid stands in this instance's own purge log, and no purge
//         since hits it (record.h, purge/log.h). It enters memory with its own position.
// Thread  the worker's loop; metrics() any.
#pragma once
#include <string>
#include <unordered_map>

#include "cache/policy/key.h"
#include "cache/purge/log.h"
#include "cache/redis/client.h"
#include "cache/redis/popular.h"
#include "cache/redis/record.h"
#include "cache/store/memory_store.h"
#include "config/config.h"
#include "core/http/fields.h"

namespace davenport::redis {

struct Wanted {
  policy::KeyParts key;                       // into bytes that the caller keeps meanwhile
  const http::Fields& request;
  const config::CacheRules& rules;
  WallSeconds newer_than{};                   // what was received no later is of no use
  bool lease = true;                          // false: nobody means to fetch it where it is not there
};

class Tier {
 public:
  Tier(net::Loop& loop, const config::Redis& settings, store::MemoryStore& store, const purge::Log& log);
  void start() { client_.start(); }
  void close() { client_.close(); }           // after the loop's cancel_waiters()

  // Null: nothing that could be used. Otherwise it is in memory now (or was refused there and is only handed out).
  net::Task<store::StoredPtr> find(Wanted wanted, Now now);
  // `position`: applied here before the origin was asked.
  void put(const store::StoredPtr& stored, purge::Position position);
  void give_up(const policy::KeyParts& key);
  // It was stored, and is over: what took its place may not be stored, and it must not come back from here. Detached.
  void forget(const store::StoredResponse& stored);

  PopularLists& popular() { return popular_; }
  const Metrics& metrics() const { return metrics_; }
  std::size_t connected() const { return client_.connected(); }

 private:
  struct Writes {                             // one or two values, same slot
    std::string key, value, index_key, index_value, ttl_ms;
    std::string lease;                        // to be given back afterwards; "" none
    std::size_t bytes() const { return key.size() + value.size() + index_key.size() + index_value.size(); }
  };
  // Where a key's record lies; its variants and leases are in the same slot.
  struct Place {
    std::string key;
    std::uint16_t slot;
  };
  Place place_of(const policy::KeyParts& key) const;
  // One look: the record, and where nothing usable is there, by which key to wait for it.
  struct Look {
    store::StoredPtr stored{};
    std::string lease{};                      // "": no use in waiting
  };
  net::Task<Look> look(const Wanted& wanted, const Place& place, Now now);
  enum class Leased : std::uint8_t { ours, others, unknown };
  net::Task<Leased> take_lease(const std::string& lease);
  net::Task<bool> is_held(const std::string& lease);
  static net::Task<void> drop(Tier& tier, std::string lease);
  std::string held_lease(const std::string& record_key);     // takes it out
  // The wheel is coarse and fires late: what was promised is kept by asking it for less.
  Millis budget() const { return settings_.budget - net::TimerWheel::kGrain; }
  Result<Record, Damage> read(const Answer& answer, std::string_view key);
  bool make_writes(const store::StoredPtr& stored, purge::Position position, const std::string& key, Writes& writes);
  static bool fits(const Record& record, const config::CacheRules& rules, http::Fields& fields);   // `fields`: the record's
  store::StoredPtr keep(const Wanted& wanted, const Record& record, WallSeconds now);
  static net::Task<void> write(Tier& tier, Writes writes);
  net::Task<Answer> set(std::string_view key, std::string_view value, std::string_view ttl_ms, SteadyTime deadline);

  net::Loop& loop_;
  const config::Redis& settings_;
  store::MemoryStore& store_;
  const purge::Log& log_;
  Metrics metrics_;
  Client client_;
  PopularLists popular_;
  std::unordered_map<std::string, std::string> leases_;      // of this worker's flights: record key → lease
};

}  // namespace davenport::redis
