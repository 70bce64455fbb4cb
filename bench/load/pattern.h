// bench/load/pattern.h: what a path stands for: `/KIND/SIZE/NAME`, SIZE in bytes or with k or m (1,024s). Floor, origin and client
// (and compare/pattern.py) make the same bytes of the same path, so that every answer can be checked whoever gave it.
//     Path path = Path::of("/hit/16k/a");      pattern.pieces(path, 0, path.size, out);
// Body    byte i is block[(hash(path) + i) mod 1 MiB]; the block is xorshift64's output from a fixed seed.
// Thread  any, after construction.
#pragma once
#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace bench {

// FNV-1a, 64 bits.
inline std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

struct Path {
  std::string_view text, kind;
  std::uint64_t size = 0;

  static Path of(std::string_view text) {
    Path path{text, {}, 0};
    const std::size_t slash = text.find('/', 1);
    if (slash == std::string_view::npos) return path;
    path.kind = text.substr(1, slash - 1);
    for (std::size_t i = slash + 1; i < text.size() && text[i] != '/'; ++i) {
      if (text[i] == 'k') path.size <<= 10;
      else if (text[i] == 'm') path.size <<= 20;
      else path.size = path.size * 10 + static_cast<std::uint64_t>(text[i] - '0');
    }
    return path;
  }
};

class Pattern {
 public:
  static constexpr std::size_t kBlock = 1 << 20;

  Pattern() : block_(kBlock) {
    std::uint64_t state = 0x9e3779b97f4a7c15u;
    for (std::size_t i = 0; i < kBlock; i += sizeof state) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      std::memcpy(block_.data() + i, &state, sizeof state);
    }
  }

  // Bytes [from, from + length) of the path's body, in pieces that are appended to `out` (at most `most` of them).
  // Returns how many bytes they cover.
  std::uint64_t pieces(std::uint64_t path_hash, std::uint64_t from, std::uint64_t length, std::vector<iovec>& out,
                       std::size_t most = 64) const {
    std::uint64_t covered = 0;
    for (std::size_t n = 0; n < most && covered < length; ++n) {
      const std::size_t at = (path_hash + from + covered) % kBlock;
      const std::uint64_t size = std::min<std::uint64_t>(length - covered, kBlock - at);
      out.push_back({const_cast<char*>(block_.data() + at), static_cast<std::size_t>(size)});
      covered += size;
    }
    return covered;
  }

  // Are `bytes` those of the path's body from `from` on?
  bool matches(std::uint64_t path_hash, std::uint64_t from, std::string_view bytes) const {
    while (!bytes.empty()) {
      const std::size_t at = (path_hash + from) % kBlock;
      const std::size_t size = std::min(bytes.size(), kBlock - at);
      if (std::memcmp(block_.data() + at, bytes.data(), size) != 0) return false;
      bytes.remove_prefix(size);
      from += size;
    }
    return true;
  }

 private:
  std::vector<char> block_;
};

}  // namespace bench
