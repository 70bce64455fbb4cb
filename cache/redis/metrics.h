// cache/redis/metrics.h: what a worker's Redis tier counts. Thread: written by its worker, read by any.
#pragma once
#include "core/base/counter.h"

namespace davenport::redis {

struct alignas(64) Metrics {
  // Reads: one of these each.
  Counter found, absent, unusable /* purged, unknown log position, too old */, damaged /* checksum, HMAC, key, shape */;
  Counter read_failed /* refused, lost, an error */, read_late /* the budget */, read_skipped /* breaker, no owner */;
  // Writes: one of these each.
  Counter written, write_failed, write_dropped /* too much under way */, write_too_large, write_no_position;
  Counter write_bytes_pending;
  Counter lease_waits;      // looks of who waited for another instance's fetch
  // The cluster's ways.
  Counter moved, asked, try_again, cluster_down, read_only, loading, out_of_memory, refused, other_errors;
  Counter refreshes, refresh_failures, connects, disconnects, breaker_openings;
};

}  // namespace davenport::redis
