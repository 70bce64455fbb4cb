// cache/redis/metrics.h: what a worker's Redis tier counts. Thread: written by its worker, read by any.
#pragma once
#include <atomic>
#include <cstdint>

namespace davenport::redis {

class Count {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void sub(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct alignas(64) Metrics {
  // Reads: one of these each.
  Count found, absent, unusable /* purged, unknown log position, too old */, damaged /* checksum, HMAC, key, shape */;
  Count read_failed /* refused, lost, an error */, read_late /* the budget */, read_skipped /* breaker, no owner */;
  // Writes: one of these each.
  Count written, write_failed, write_dropped /* too much under way */, write_too_large, write_no_position;
  Count write_bytes_pending;
  Count lease_waits;      // looks of who waited for another instance's fetch
  // The cluster's ways.
  Count moved, asked, try_again, cluster_down, read_only, loading, out_of_memory, refused, other_errors;
  Count refreshes, refresh_failures, connects, disconnects, breaker_openings;
};

}  // namespace davenport::redis
