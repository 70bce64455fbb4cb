// proxy/observe/metrics.h: counters of one worker, read by others. A worker adds without a lock or a locked instruction (it is
// the only writer); a reader sums over all workers.
// Thread  add: the owning worker's. read: any.
#pragma once
#include <array>
#include <cstdint>

#include "cache/policy/reason.h"
#include "core/base/clock.h"
#include "core/base/counter.h"

namespace davenport::observe {

// Latency in buckets that grow by about 1.6: 50 us to 60 s. One store an observation.
class Histogram {
 public:
  static constexpr std::array<std::uint32_t, 30> kBoundsUs{
      50,      80,      125,     200,     320,     500,       800,       1'250,     2'000,      3'200,
      5'000,   8'000,   12'500,  20'000,  32'000,  50'000,    80'000,    125'000,   200'000,    320'000,
      500'000, 800'000, 1'250'000, 2'000'000, 3'200'000, 5'000'000, 8'000'000, 15'000'000, 30'000'000, 60'000'000};
  void observe(Micros latency);
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].value(); }   // i == kBoundsUs.size(): above all
  std::uint64_t sum_us() const { return sum_us_.value(); }

 private:
  std::array<Counter, kBoundsUs.size() + 1> buckets_;
  Counter sum_us_;
};

struct alignas(64) WorkerMetrics {
  std::array<Counter, policy::kReasonCount> requests_by_reason;     // every answered request that has a reason
  std::array<Counter, policy::kStoringCount> storing;               // every answer of an origin
  std::array<Counter, 6> responses_by_class;                        // [1] 1xx … [5] 5xx; [0] none
  Counter requests, requests_http2, client_errors, bytes_in, bytes_out, hit_bytes_out;
  Counter connections_accepted, connections_open, connections_refused;
  Counter http2_connections, http2_resets, http2_refused_streams, http2_calmed;   // resets: that clients caused
  Counter handshakes, handshakes_resumed, handshakes_failed, handshakes_refused;
  Counter parse_errors, timeouts, purges, coalesced_followers, flights, background_refreshes, refreshes_ahead, refreshes_put_off;
  Counter origin_requests, origin_failures, origin_errors /* answers of 500 and above */, origin_bytes_in, tunnels_open, clients_gone;
  Counter access_log_dropped;
  Counter bytes_saved, passed_coded, passed_bytes_in, passed_bytes_out;   // by content coding: of stored forms; of what passed
  Histogram hit_latency, miss_latency, pass_latency, origin_first_byte;
};

}  // namespace davenport::observe
