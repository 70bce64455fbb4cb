#include "docker/demo/stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace demo {
namespace {

// Eight buckets for each power of two of microseconds, linear within it.
std::size_t bucket_of(std::uint64_t us) {
  if (us < 8) return us;
  const auto power = static_cast<std::size_t>(std::bit_width(us)) - 1;  // >= 3
  return (power - 2) * 8 + ((us >> (power - 3)) & 7);
}

std::uint64_t top_of(std::size_t bucket) {
  if (bucket < 8) return bucket;
  const std::size_t power = bucket / 8 + 2;
  return ((8 + bucket % 8 + 1) << (power - 3)) - 1;
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::home: return "home";
    case Kind::category: return "category";
    case Kind::product: return "product";
    case Kind::search: return "search";
    case Kind::basket: return "basket";
    case Kind::account: return "account";
    case Kind::image: return "image";
    case Kind::asset: return "asset";
    case Kind::price: return "price";
    case Kind::stock: return "stock";
    case Kind::admin: return "admin";
    case Kind::stats: return "stats";
    case Kind::other: return "other";
  }
  return "other";
}

void Stats::count(Kind kind, int status, std::chrono::microseconds took) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
  kinds_[static_cast<std::size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
  classes_[static_cast<std::size_t>(std::clamp(status / 100, 0, 5))].fetch_add(1, std::memory_order_relaxed);
  buckets_[std::min(bucket_of(us), kBuckets - 1)].fetch_add(1, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  sum_us_.fetch_add(us, std::memory_order_relaxed);
  std::uint64_t max = max_us_.load(std::memory_order_relaxed);
  while (us > max && !max_us_.compare_exchange_weak(max, us, std::memory_order_relaxed)) {
  }
}

std::string Stats::json() const {
  std::array<std::uint64_t, kBuckets> buckets{};
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) count += buckets[i] = buckets_[i].load(std::memory_order_relaxed);
  const auto quantile = [&](double share) {
    std::uint64_t left = static_cast<std::uint64_t>(share * static_cast<double>(count));
    for (std::size_t i = 0; i < kBuckets; ++i) {
      if (left < buckets[i]) return static_cast<double>(std::min(top_of(i), max_us_.load())) / 1000;
      left -= buckets[i];
    }
    return static_cast<double>(max_us_.load()) / 1000;
  };
  std::string out = fmt::format(R"("requests":{},"by_kind":{{)", count);
  for (std::size_t i = 0; i < kKinds; ++i) {
    out += fmt::format(R"({}"{}":{})", i == 0 ? "" : ",", name_of(static_cast<Kind>(i)), kinds_[i].load());
  }
  out += R"(},"by_status":{)";
  for (std::size_t i = 2; i < 6; ++i) out += fmt::format(R"({}"{}xx":{})", i == 2 ? "" : ",", i, classes_[i].load());
  const double mean = count == 0 ? 0 : static_cast<double>(sum_us_.load()) / static_cast<double>(count) / 1000;
  out += fmt::format(R"(}},"latency_ms":{{"mean":{:.3f},"p50":{:.3f},"p90":{:.3f},"p99":{:.3f},"max":{:.3f}}})", mean,
                     quantile(0.5), quantile(0.9), quantile(0.99), static_cast<double>(max_us_.load()) / 1000);
  return out;
}

}  // namespace demo
