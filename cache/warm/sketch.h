// cache/warm/sketch.h: which answers are worth having: the heaviest of a stream of requests, each weighing what its origin takes to
// answer it (hits × milliseconds), in bounded room (Space-Saving: Metwally et al., ICDT 2005).
//     if (sketch.due()) sketch.hit(of);                        // on every hit: a decrement; every kEvery-th is looked at
//     sketch.missed(of, origin_time);                          // a visitor's fetch, counted in full
//     sketch.fade(0.5);                                        // what was is worth less than what is
// Room    `most` answers, each variant one of its own. A new one takes the place of the lightest of kTried, and its weight as its own error: what really weighs
//         much is not pushed out by what comes once.
// Thread  one: the worker's. No clock.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/base/hash.h"

namespace davenport::warm {

// An answer and what it weighs, for others.
struct Popular {
  std::string key;
  std::string selector;                                        // of the variant (policy/selector.h); "" where the answer does not vary
  double weight = 0;
  friend bool operator==(const Popular&, const Popular&) = default;
};

// Which answer: a key, its hash, and the variant's selector.
struct Of {
  std::string_view key;
  const Hash128& hash;
  std::string_view selector{};
};

class Sketch {
 public:
  static constexpr std::uint32_t kEvery = 16;                  // of hits, on average
  static constexpr std::size_t kTried = 16;
  static constexpr std::size_t kMostSelector = 1'024;          // what varies by more is not followed

  struct Entry {
    std::string key, selector;
    Hash128 hash;                                              // of both
    double weight = 0, error = 0;                              // error: at most so much of the weight is another's
    double hits = 0;                                           // seen while it was here
    double cost_ms = 0;                                        // of its own fetches; 0: not known
    WallSeconds look_at{};                                     // whoever refreshes: no use in looking before
  };

  explicit Sketch(std::size_t most) : most_(most) { entries_.reserve(most); }

  bool due() {
    if (--left_ != 0) [[likely]] return false;
    left_ = most_ == 0 ? 0 : 1 + next_random() % (2 * kEvery - 1);
    return most_ != 0;
  }
  void hit(const Of& of) { add(of, kEvery); }
  void missed(const Of& of, Micros origin_time);
  void fade(double factor);

  std::vector<Entry>& entries() { return entries_; }
  // The heaviest first; only what is known to weigh something.
  std::vector<Popular> top(std::size_t most) const;

 private:
  Entry& add(const Of& of, double hits);
  Entry& place_for(const Of& of);
  double cost_of(const Entry& entry) const { return entry.cost_ms > 0 ? entry.cost_ms : usual_cost_ms_; }
  std::uint32_t next_random() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 17;
    return random_ ^= random_ << 5;
  }

  const std::size_t most_;
  std::uint32_t left_ = 1, random_ = 2'463'534'242u;
  double usual_cost_ms_ = 1;                                   // a moving average of all
  std::vector<Entry> entries_;
  std::unordered_map<Hash128, std::uint32_t> places_;
};

// Lists of several workers or instances as one, the heaviest first.
std::vector<Popular> merged(const std::vector<std::vector<Popular>>& lists, std::size_t most);

// A list as bytes, at most kListBytes, and back; what is malformed ends the list.
inline constexpr std::size_t kListBytes = 128 << 10;
std::string encode_popular(const std::vector<Popular>& list);
std::vector<Popular> decode_popular(std::string_view bytes);

}  // namespace davenport::warm
