// proxy/origin/balance.h: which of several places is next. PURE: no clock, no lock, no socket; randomness is passed in.
//     std::size_t at = choose(Balance::least_outstanding, places, affinity, random);     // kNoPlace: none is usable
// Cost    one walk over the places (a few dozen at most), no allocation.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "config/config.h"

namespace davenport::origin {

struct Place {
  std::uint64_t identity = 0;        // of the address, the same in every process: consistent hashing looks at it
  std::uint32_t weight = 1;          // at least 1
  std::int64_t credit = 0;           // smooth round robin's memory between two choices
  std::uint32_t outstanding = 0;     // set before each choice
  bool usable = true;                // set before each choice
};

inline constexpr std::size_t kNoPlace = static_cast<std::size_t>(-1);

// round_robin        smooth and weighted: each usable place earns its weight, the richest is chosen and pays the sum, so that
//                    weights 3:1 give a a b a and never a a a b.
// least_outstanding  two are drawn by weight, the one with fewer outstanding requests for its weight is chosen (Mitzenmacher,
//                    "The Power of Two Choices", 2001).
// consistent_hash    weighted rendezvous: each place scores the affinity, the best usable one is chosen (Thaler and
//                    Ravishankar, 1998); a place that goes moves its own keys and no others.
std::size_t choose(config::Balance how, std::span<Place> places, std::uint64_t affinity, std::uint64_t random);

// A generator good enough for drawing lots: splitmix64 (Steele et al., 2014).
constexpr std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace davenport::origin
