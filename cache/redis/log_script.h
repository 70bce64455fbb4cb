// cache/redis/log_script.h: what the purge log's Lua scripts take and give. The keys share one slot: a stream of entries whose ids are
// contiguous positions ("7-0"), a hash of heartbeats, and a hash of the purges' ids. None of them has a TTL.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cache/purge/shared_state.h"
#include "cache/redis/reply.h"
#include "core/base/result.h"

namespace davenport::redis {

struct LogKeys {
  std::string stream, beats, ids;
  explicit LogKeys(std::string_view prefix);
};

// KEYS stream, beats; ARGV instance, place ("" : no heartbeat), from, count, "1" in a cluster.
// Gives [epoch, first id, last id, last nonce, [id, [field, value …]] …] of one moment.
extern const std::string_view kPollScript;
Result<purge::LogPage> read_page(const Reply& reply, std::uint64_t asked_from);

// KEYS stream, beats, ids; ARGV id, nonce, payload, most entries, "1" in a cluster, most age of a heartbeat in ms.
// Gives [epoch, position, nonce]. An id that stands there is not appended again, but something is written all the same: WAIT speaks
// of the connection's own writes. The oldest entries are trimmed, never the last one.
extern const std::string_view kAppendScript;
struct Appended {
  std::uint64_t epoch = 0;
  purge::Pid pid;
};
Result<Appended> read_appended(const Reply& reply);

// KEYS stream, beats; gives [now in ms, last id, instance, heartbeat …]. A heartbeat is "ms position nonce".
extern const std::string_view kFleetScript;
struct Beat {
  std::string instance;
  std::int64_t at_ms = 0;
  purge::Pid at;
};
struct FleetPage {
  std::int64_t now_ms = 0;
  std::uint64_t head = 0;
  std::vector<Beat> beats;
};
Result<FleetPage> read_fleet(const Reply& reply);

}  // namespace davenport::redis
