// core/base/hash.h: 128-bit hashes of names and keys (XXH3), with a seed.
//
// A key is always compared whole after its hash matched, so a collision costs a miss and never a wrong answer. The
// seed of tables in memory is drawn at start (process_seed), so that nobody can prepare names that share a bucket.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>

namespace davenport {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

Hash128 hash128(std::string_view bytes, std::uint64_t seed);
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed);

// The same value for the life of the process, from the system's random source.
std::uint64_t process_seed();

}  // namespace davenport

template <>
struct std::hash<davenport::Hash128> {
  std::size_t operator()(const davenport::Hash128& key) const noexcept { return key.low; }
};
