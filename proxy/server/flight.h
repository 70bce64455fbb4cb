// proxy/server/flight.h: one fetch for any number of simultaneous requests of a key. The flight owns the fetch, not the
// first client: whoever leaves takes nothing down with it.
//
//            lead                     head may be stored                 last byte
//   asking ─────────────────────────▶ streaming ───────────────────────▶ complete
//     │  ├─ 304, whole at once, or out of the shared tier ─────────────▶ complete
//     │  ├─ uncacheable ──▶ released (each follower goes its own way)        ▲
//     │  ├─ origin in trouble, a stale answer may stand in ──▶ stale         │
//     └──┴─ failed ◀──────────────────── cut short ── streaming             (never from failed)
//
// Followers may sit on any worker. They are told by their own loop and read the body under the flight's lock.
// Thread  any, unless a line says "leader".
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/policy/key.h"
#include "cache/policy/storability.h"
#include "cache/store/memory_store.h"
#include "core/http/fields.h"
#include "core/net/loop.h"
#include "proxy/origin/failure.h"

namespace davenport::server {

enum class Stage : std::uint8_t { asking, streaming, complete, failed, stale, released };

// The head of a response that may be stored, as every follower may have it. Immutable once it is in a flight.
struct FlightHead {
  int status = 0;
  int origin_status = 0;               // what the origin said: 206 where that completed a part
  std::string reason;
  http::Fields fields;                 // end-to-end, without framing, Set-Cookie that is stripped, and tags
  policy::StoreVerdict verdict;
  std::string selector;                // policy/vary.h
  bool codable = false;                // policy/coding.h: forms may be made of it
  policy::Coding coding = policy::Coding::identity;
  std::vector<Hash128> tags;
  bool length_known = false;           // by Content-Length or, of a 206, by its range: a body of another size is no answer
  bool old_rules = false;              // made by a configuration that has been replaced meanwhile
  std::uint64_t length = 0;
  http::Fields trailers;               // none of them is stored
};

// What a follower sees, taken under the lock.
struct FlightView {
  Stage stage = Stage::asking;
  std::shared_ptr<const FlightHead> head;     // from streaming on
  store::FillPtr fill;                        // from streaming on
  store::StoredPtr stored;                    // complete (null where it could not be kept) and stale
  policy::Reason stale_reason{};
  bool revalidated = false;                   // complete by a 304
  policy::Storing storing = policy::Storing::stored;   // streaming: what is meant; complete: what became of it
  std::optional<policy::Reason> shared;       // complete without the origin: out of the tier that instances share
  int origin_status = 0;
  origin::Failure failure{};                  // failed
};

inline constexpr Hash128 kNoSlot{};           // of a flight that nobody can join

class Flight : public std::enable_shared_from_this<Flight> {
 public:
  Flight() = default;
  Flight(const policy::KeyParts& key, Hash128 slot, purge::Position position) { begin(key, slot, position); }
  // As new, with the room that it has taken. Nobody else may know of it: only for flights that were never in Flights.
  void begin(const policy::KeyParts& key, Hash128 slot, purge::Position position);

  policy::KeyParts parts() const;             // views into the flight's own key
  purge::Position position() const { return position_; }   // applied here before the origin was asked
  Hash128 slot() const { return slot_; }

  // Leader. Each wakes the followers.
  void stream(std::shared_ptr<const FlightHead> head, store::FillPtr fill);
  bool append(std::string_view bytes);        // false: no room; nothing was added
  void complete(std::shared_ptr<const FlightHead> head, store::FillPtr fill, store::StoredPtr stored, policy::Storing storing);
  void pass_on();                             // it outgrows the store: from here on it is only passed on
  void complete_by_304(store::StoredPtr stored, policy::Storing storing);
  void complete_from_tier(store::StoredPtr stored, policy::Reason reason);
  void fail(origin::Failure failure);
  void serve_stale(store::StoredPtr stored, policy::Reason reason, int origin_status);
  void release();
  // From now on the body is only passed on: what every follower has taken is freed. Returns the bytes still held.
  std::uint64_t drop_taken();
  bool has_followers();
  // Whoever holds up the others goes without the rest, and is told.
  void leave_slowest_behind();

  FlightView view();

 private:
  friend class Follower;
  struct Seat {
    std::uint64_t id;
    net::Loop* loop;
    net::Notify* notify;
    std::uint64_t taken = 0;                  // bytes of the body that it no longer needs
    bool told = true;                         // a wake-up is on its way, or nobody waits for one yet
    bool looks = false;                       // between pieces() and taken(): the bytes must stay
    bool left = false;                        // behind: what it has not taken is gone
  };
  std::uint64_t least_taken() const;          // needs the lock
  void wake_all(std::unique_lock<std::mutex>& lock);
  void deliver(std::uint64_t seat);

  std::string key_;                           // this and what follows it: set at the beginning
  std::size_t resource_at_ = 0, resource_size_ = 0;
  Hash128 hash_, resource_hash_, slot_;
  purge::Position position_ = 0;
  std::mutex mutex_;
  FlightView view_;                           // guarded by mutex_
  std::vector<Seat> seats_;                   // guarded by mutex_
  std::uint64_t next_seat_ = 1;
  net::Notify* leader_ = nullptr;             // waits for followers to take bytes (drop_taken)
  net::Loop* leader_loop_ = nullptr;

 public:
  // Leader: woken when a follower has taken bytes or left, while the window is full.
  void set_leader_waiting(net::Loop* loop, net::Notify* notify);
};
using FlightPtr = std::shared_ptr<Flight>;

// One request's seat in a flight: registered while it lives. Nothing is announced to it before it has called attend(), whose
// caller then looks at view() and waits for what comes after: a leader that finds all done has never been woken for it.
class Follower {
 public:
  Follower(FlightPtr flight, net::Loop& loop);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  void attend();
  net::Notify& changed() { return notify_; }
  // Pieces of [offset, …) of the body; while it arrives they are good until taken() is called, and afterwards for as long as the fill.
  std::size_t pieces(std::uint64_t offset, std::uint64_t most, std::span<iovec> out, std::uint64_t& covered);
  void taken(std::uint64_t offset);
  bool left_behind() const { return left_behind_; }           // as of the last pieces(): nothing more comes
  bool look_left_behind();                                    // now
  Flight& flight() { return *flight_; }

 private:
  FlightPtr flight_;
  net::Notify notify_;
  std::uint64_t id_ = 0;
  bool left_behind_ = false;
};

// All flights, by key.
class Flights {
 public:
  struct Joined {
    FlightPtr flight;
    bool leader = false;
  };
  // Joins the flight of `slot` (the key's hash, or the key's with a selector), or becomes the leader of a new one. A flight
  // whose response a purge would hit already is not joined: a new one takes its place.
  Joined join(const policy::KeyParts& key, Hash128 slot, const purge::Log& log);
  void remove(const Flight& flight);          // no longer joinable
  std::size_t size() const { return count_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kShards = 16;
  struct Shard {
    std::mutex mutex;
    std::unordered_map<Hash128, FlightPtr> flights;
  };
  Shard& shard(const Hash128& slot) { return shards_[slot.high % kShards]; }
  std::array<Shard, kShards> shards_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace davenport::server
