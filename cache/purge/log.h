// cache/purge/log.h: the order of all purges, as positions 1, 2, 3 …, and what they hit. One contract; the embedded log
// (embedded_log.h) and the fleet's shared one (cache/redis/shared_log.h) are its implementations and pass the same suite.
//
// The rule that makes a purge safe against a fill that began before it: a response remembers the position that was
// applied here *before the origin was asked* (its `position`). It is valid only while no purge with a newer position
// hits one of its names. So a purge holds at once, in O(1), and no fill can outlive it.
//
// Positions are this process' own. What leaves it (a record in Redis) carries a Pid instead: a position in the fleet's log with the
// nonce that stands there, which another instance believes only if its own log has that nonce at that position.
// Thread  any.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/policy/reuse.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/result.h"

namespace davenport::purge {

using Position = std::uint64_t;

enum class Kind : std::uint8_t { url, tag, prefix, all };

struct Target {
  Kind kind = Kind::url;
  std::string name;      // url: a resource (policy/key.h); prefix: a resource prefix; tag: the tag; all: ""
};

// A place in the fleet's log. {0, 0}: none.
struct Pid {
  std::uint64_t position = 0, nonce = 0;
  friend bool operator==(const Pid&, const Pid&) = default;
};

struct Request {
  std::vector<Target> targets;   // applied together, under one position
  bool soft = false;             // the objects become stale instead of gone
  std::string by;                // who asked, for the audit ("admin 127.0.0.1")
  std::string id;                // optional: the same id again answers the same and purges nothing anew
  bool wait_all = false;         // wait until every live instance has confirmed
};

// How far a purge has come when it is answered.
enum class Reach : std::uint8_t {
  everywhere,      // recorded, acknowledged, applied here; with wait_all: confirmed by every live instance
  partly,          // recorded and applied here; `missing` says what else is not known
  here,            // the log could not be reached: applied here alone
};

struct Receipt {
  Position position = 0;         // applied here up to it
  Reach reach = Reach::everywhere;
  Pid pid{};                     // in the fleet's log; {0, 0} where there is none
  std::vector<std::string> confirmed{}, missing{};   // instances; "replica" among the missing
};

// The one hash of tags that all instances share: tags travel with records.
inline Hash128 tag_hash(std::string_view tag) { return hash128(tag, 0x7461'6773); }
inline Hash128 hash_of(const Target& target) {
  return target.kind == Kind::tag ? tag_hash(target.name) : hash128(target.name, process_seed());
}

// What an operator wants to know of a log that a fleet shares.
struct LogHealth {
  bool shared = false;           // false: the rest says nothing
  bool reachable = false;        // answered within the lease
  bool strict = false;           // while it is not, everything is validated
  std::string instance;
  Pid at;                        // applied in order up to it
  std::uint64_t forks = 0, gaps = 0, repaired = 0, unreadable = 0;
};
struct Instance {
  std::string name;
  Pid at;
  std::uint64_t lag = 0;         // entries behind the log's head
  Millis heard{0};               // since its last heartbeat
  bool live = false;
};

// The names by which a purge reaches one response.
struct Names {
  Hash128 resource_hash;             // hash128(resource, process_seed())
  std::string_view resource;         // for prefixes
  const Hash128* tags = nullptr;     // tag_hash() each
  std::size_t tag_count = 0;
};

class Log {
 public:
  virtual ~Log() = default;

  // The position applied here. A hit compares it with the one its entry was last checked against: one load.
  virtual Position position() const = 0;

  // After it returns, no check() of a response with an older position says valid where the purge hits it.
  virtual Result<Receipt> record(const Request& request) = 0;

  // The same without blocking: it holds here when submit() returns, and `done` is told once how far it came: on the caller's
  // thread before submit() returns, or later on the log's own. It must be short.
  virtual void submit(const Request& request, std::function<void(Result<Receipt>)> done) { done(record(request)); }

  // What a response whose fetch began at `local` is stamped with in a shared tier; nullopt: it may not go there.
  virtual std::optional<Pid> pid_at(Position local) const { return static_cast<void>(local), std::nullopt; }
  // The position here that a foreign response is to be checked from; nullopt: nothing is known of it (it must be validated).
  virtual std::optional<Position> local_of(const Pid& pid) const { return static_cast<void>(pid), std::nullopt; }

  virtual LogHealth health() const { return {}; }
  // All instances that the log has heard of; `done` as with submit(). An error where it can't be reached.
  virtual void fleet(std::function<void(Result<std::vector<Instance>>)> done) { done(std::vector<Instance>{}); }

  // The strongest purge newer than `since` that hits `names`. A few loads where nothing does.
  virtual policy::PurgeState check(const Names& names, Position since) const = 0;
};

}  // namespace davenport::purge
