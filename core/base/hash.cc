#include "core/base/hash.h"

#include <random>

#define XXH_INLINE_ALL
#include <xxhash.h>

#if defined(__x86_64__)
// libxxhash's own choice among SSE2, AVX2 and AVX-512, made when it is called; the value is the same (xxh_x86dispatch.h).
extern "C" XXH64_hash_t XXH3_64bits_withSeed_dispatch(const void* bytes, std::size_t size, XXH64_hash_t seed);
#endif

namespace davenport {
namespace {

constexpr std::size_t kLong = 512;      // from so many bytes on wider words are worth a call

}  // namespace

Hash128 hash128(std::string_view bytes, std::uint64_t seed) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
#if defined(__x86_64__)
  if (bytes.size() >= kLong) return XXH3_64bits_withSeed_dispatch(bytes.data(), bytes.size(), seed);
#endif
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t process_seed() {
  static const std::uint64_t seed = [] {
    std::random_device source;
    return (std::uint64_t{source()} << 32) | source();
  }();
  return seed;
}

}  // namespace davenport
