// proxy/admin/metrics_text.h: all counters as Prometheus' text format 0.0.4. What GET /metrics answers.
// Names   davenport_*, base units (seconds, bytes), counters end in _total; `promtool check metrics` has nothing to say.
// Thread  any that may read /proc; the numbers of one answer are not of one instant.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "cache/policy/reason.h"
#include "core/base/clock.h"
#include "proxy/server/server.h"

namespace davenport::admin {

// What the counters of workers do not know.
struct ProcessFacts {
  std::string version;
  WallTime started{};
  bool last_reload_ok = true;
  WallTime last_reload{};                // of the last one that succeeded; the start is one
  std::uint64_t reloads_failed = 0;
  std::uint64_t admin_purges = 0;
};

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// "hit", "stale", "revalidated", "miss", "pass", "refused": what a reason comes to, for a ratio that needs no list of them.
std::string_view outcome_of(policy::Reason reason);

std::string metrics_text(server::Server& server, const ProcessFacts& facts);

}  // namespace davenport::admin
