// cache/purge/log.h: the order of all purges, as positions 1, 2, 3 …, and what they hit. One contract; the embedded log
// (embedded_log.h) and, later, the fleet's shared one are its implementations and pass the same suite.
//
// The rule that makes a purge safe against a fill that began before it: a response remembers the position that was
// applied here *before the origin was asked* (its `position`). It is valid only while no purge with a newer position
// hits one of its names. So a purge holds at once, in O(1), and no fill can outlive it.
// Thread  any.
#pragma once
#include <atomic>
#include <cstdint>
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

struct Request {
  std::vector<Target> targets;   // applied together, under one position
  bool soft = false;             // the objects become stale instead of gone
  std::string by;                // who asked, for the audit ("admin 127.0.0.1")
  std::string id;                // optional: the same id again answers the same and purges nothing anew
};

struct Receipt {
  Position position = 0;         // applied here up to it
};

// The names by which a purge reaches one response.
struct Names {
  Hash128 resource_hash;             // hash128(resource, process_seed())
  std::string_view resource;         // for prefixes
  const Hash128* tags = nullptr;     // hash128(tag, process_seed()) each
  std::size_t tag_count = 0;
};

class Log {
 public:
  virtual ~Log() = default;

  // The position applied here. A hit compares it with the one its entry was last checked against: one load.
  virtual Position position() const = 0;

  // After it returns, no check() of a response with an older position says valid where the purge hits it.
  virtual Result<Receipt> record(const Request& request) = 0;

  // The strongest purge newer than `since` that hits `names`. A few loads where nothing does.
  virtual policy::PurgeState check(const Names& names, Position since) const = 0;
};

}  // namespace davenport::purge
