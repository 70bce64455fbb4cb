#include "cache/warm/sketch.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <set>

using namespace davenport;
using namespace davenport::warm;

namespace {

// Of a name, as long as the expression lasts.
struct Name {
  explicit Name(std::string name, std::string variant = "") : key(std::move(name)), selector(std::move(variant)), hash(hash128(key, 1)) {}
  operator Of() const { return {key, hash, selector}; }
  std::string key, selector;
  Hash128 hash;
};

// A stream of a Zipf law: the i-th of `keys` comes in proportion to 1 / (i + 1).
class Zipf {
 public:
  explicit Zipf(std::size_t keys) {
    double sum = 0;
    for (std::size_t i = 0; i < keys; ++i) sums_.push_back(sum += 1.0 / static_cast<double>(i + 1));
  }
  std::size_t next() {
    const double at = std::uniform_real_distribution<double>(0, sums_.back())(random_);
    return static_cast<std::size_t>(std::lower_bound(sums_.begin(), sums_.end(), at) - sums_.begin());
  }

 private:
  std::vector<double> sums_;
  std::mt19937 random_{7};
};

}  // namespace

TEST_CASE("about every sixteenth hit is looked at, and none of a sketch without room") {
  Sketch sketch(10), none(0);
  int seen = 0, unseen = 0;
  for (int i = 0; i < 160'000; ++i) {
    seen += sketch.due() ? 1 : 0;
    unseen += none.due() ? 1 : 0;
  }
  CHECK(seen > 9'500);
  CHECK(seen < 10'500);
  CHECK(unseen == 0);
}

TEST_CASE("a key weighs its hits times what its origin takes") {
  Sketch sketch(10);
  sketch.missed(Name("fast"), Millis{1});
  sketch.missed(Name("slow"), Millis{100});
  for (int i = 0; i < 10; ++i) sketch.hit(Name("fast"));
  sketch.hit(Name("slow"));
  const std::vector<Popular> top = sketch.top(10);
  REQUIRE(top.size() == 2);
  CHECK(top[0].key == "slow");
  CHECK(top[0].weight == doctest::Approx(17 * 100));
  CHECK(top[1].weight == doctest::Approx(161));
  CHECK(sketch.top(1).size() == 1);
  sketch.fade(0.5);
  CHECK(sketch.top(1)[0].weight == doctest::Approx(850));
}

TEST_CASE("each variant of a key weighs for itself") {
  Sketch sketch(10);
  sketch.missed(Name("page", "de"), Millis{10});
  sketch.missed(Name("page", "en"), Millis{10});
  sketch.missed(Name("page"), Millis{10});
  sketch.hit(Name("page", "en"));
  const std::vector<Popular> top = sketch.top(10);
  REQUIRE(top.size() == 3);
  CHECK(top[0] == Popular{"page", "en", 170});
  CHECK(top[1] == Popular{"page", "", 10});
  CHECK(top[2] == Popular{"page", "de", 10});
}

TEST_CASE("the heaviest of a hundred thousand keys are found in room for a thousand") {
  Sketch sketch(1'000);
  Zipf zipf(100'000);
  for (int i = 0; i < 2'000'000; ++i) {
    const std::string key = "key" + std::to_string(zipf.next());
    if (sketch.due()) sketch.hit(Name(key));
  }
  CHECK(sketch.entries().size() == 1'000);
  std::set<std::string> found;
  for (const Popular& each : sketch.top(100)) found.insert(each.key);
  int right = 0;
  for (int i = 0; i < 50; ++i) right += found.contains("key" + std::to_string(i)) ? 1 : 0;
  CHECK(right >= 48);
}

TEST_CASE("keys that come once do not push out those that come often") {
  Sketch sketch(100);
  for (int i = 0; i < 50; ++i) {
    for (int turn = 0; turn < 20; ++turn) sketch.hit(Name("often" + std::to_string(i)));
  }
  for (int i = 0; i < 1'000; ++i) sketch.missed(Name("once" + std::to_string(i)), Millis{1});
  int there = 0;
  for (const Popular& each : sketch.top(50)) there += each.key.starts_with("often") ? 1 : 0;
  CHECK(there >= 49);
}

TEST_CASE("lists are merged by the sum of their weights") {
  const std::vector<Popular> both = merged({{{"a", "", 1}, {"b", "", 5}, {"b", "v", 6}}, {{"a", "", 7}, {"c", "", 2}, {"b", "v", 3}}}, 3);
  CHECK(both == std::vector<Popular>{{"b", "v", 9}, {"a", "", 8}, {"b", "", 5}});
}

TEST_CASE("a list comes back from its bytes, and a cut one ends where it is cut") {
  const std::vector<Popular> list{{std::string("k\0ey", 4), "", 12.5}, {"b", std::string("\0v", 2), 0.001}, {"", "", 3}};
  const std::string bytes = encode_popular(list);
  CHECK(decode_popular(bytes) == list);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) CHECK(decode_popular(bytes.substr(0, cut)).size() < list.size());
  CHECK(decode_popular("DVP1").empty());
  std::vector<Popular> many(10'000, Popular{std::string(100, 'k'), "", 1});
  CHECK(encode_popular(many).size() <= kListBytes);
}
