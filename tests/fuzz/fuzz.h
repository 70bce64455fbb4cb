// tests/fuzz/fuzz.h: what all targets share. A broken invariant prints itself and aborts, which libFuzzer reports with
// the input that did it.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::fuzz {

inline void require(bool held, const char* invariant) {
  if (held) return;
  std::fprintf(stderr, "broken: %s\n", invariant);
  std::abort();
}

inline void require_equal(const std::string& a, const std::string& b, const char* invariant) {
  if (a == b) return;
  std::fprintf(stderr, "broken: %s\n--- %s\n+++ %s\n", invariant, a.c_str(), b.c_str());
  std::abort();
}

// The input's first bytes are choices of the test, the rest is what a peer sends.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  std::uint8_t choice() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// Where pieces end: sizes from 1 up, by a small generator that `seed` starts.
inline std::vector<std::size_t> cuts(std::size_t size, std::uint8_t seed) {
  std::vector<std::size_t> ends;
  std::uint32_t state = seed * 2654435761u + 1;
  for (std::size_t at = 0; at < size;) {
    state = state * 1664525u + 1013904223u;
    at += seed == 0 ? 1 : 1 + (state >> 24) % (seed % 64u + 1u);
    ends.push_back(at < size ? at : size);
  }
  return ends;
}

}  // namespace davenport::fuzz
