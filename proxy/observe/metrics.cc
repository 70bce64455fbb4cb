#include "proxy/observe/metrics.h"

#include <algorithm>

namespace davenport::observe {

// A bound belongs to the bucket below it ("le" in Prometheus' text).
void Histogram::observe(Micros latency) {
  const std::uint64_t us = latency.count() < 0 ? 0 : static_cast<std::uint64_t>(latency.count());
  const auto bound = std::lower_bound(kBoundsUs.begin(), kBoundsUs.end(), us);
  buckets_[static_cast<std::size_t>(bound - kBoundsUs.begin())].add();
  sum_us_.add(us);
}

}  // namespace davenport::observe
