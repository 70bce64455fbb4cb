#include <doctest/doctest.h>

#include <set>
#include <string>

#include "core/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace davenport {
namespace {

TEST_CASE("a hash depends on every byte, the length and the seed, and on nothing else") {
  const std::string text = "http shop/milk?x";
  CHECK(hash128(text, 1) == hash128(std::string(text), 1));
  CHECK(hash64(text, 1) == hash64(std::string(text), 1));
  CHECK(!(hash128(text, 1) == hash128(text, 2)));
  CHECK(hash64(text, 1) != hash64(text, 2));
  CHECK(!(hash128("", 1) == hash128(std::string_view("\0", 1), 1)));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK(!(hash128(changed, 1) == hash128(text, 1)));
  }
}

TEST_CASE("short and long, it is XXH3: instances of other machines read it") {
  std::string bytes;
  for (std::size_t i = 0; i < 5'000; ++i) bytes.push_back(static_cast<char>(i * 7));
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 16) {
    CAPTURE(size);
    CHECK(hash64(std::string_view(bytes).substr(0, size), 42) == XXH3_64bits_withSeed(bytes.data(), size, 42));
  }
}

TEST_CASE("many names share no hash, in either half") {
  std::set<std::uint64_t> low, high;
  for (int i = 0; i < 20000; ++i) {
    const Hash128 hash = hash128("/item/" + std::to_string(i), process_seed());
    CHECK(low.insert(hash.low).second);
    CHECK(high.insert(hash.high).second);
  }
}

TEST_CASE("the process has one seed, and tables take the low half") {
  CHECK(process_seed() == process_seed());
  CHECK(std::hash<Hash128>()(Hash128{7, 9}) == 7);
}

}  // namespace
}  // namespace davenport
