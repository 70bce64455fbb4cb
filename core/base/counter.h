// core/base/counter.h: a number that one thread counts and others read: no lock, no locked instruction.
// Thread  add, sub: the one that owns it. value: any.
#pragma once
#include <atomic>
#include <cstdint>

namespace davenport {

class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void sub(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace davenport
