// docker/demo/stats.h: what the shop was asked and how long it took. Thread: any; counters only.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace demo {

enum class Kind : std::uint8_t {
  home, category, product, search, basket, account, image, asset, price, stock, admin, stats, other
};
constexpr std::size_t kKinds = 13;
std::string_view name_of(Kind kind);

class Stats {
 public:
  void count(Kind kind, int status, std::chrono::microseconds took);
  // The members "requests", "by_kind", "by_status" and "latency_ms" of a JSON object, without its braces. Quantiles
  // are the upper bounds of buckets that grow by an eighth.
  std::string json() const;

 private:
  static constexpr std::size_t kBuckets = 8 * 26;  // to about 67 s
  std::array<std::atomic<std::uint64_t>, kKinds> kinds_{};
  std::array<std::atomic<std::uint64_t>, 6> classes_{};
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
  std::atomic<std::uint64_t> count_{0}, sum_us_{0}, max_us_{0};
};

}  // namespace demo
