#include "proxy/origin/balance.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "core/base/hash.h"

using namespace davenport;
using namespace davenport::origin;
using config::Balance;

namespace {

std::vector<Place> places(std::vector<std::uint32_t> weights) {
  std::vector<Place> all;
  for (const std::uint32_t weight : weights) {
    Place place;
    place.weight = weight;
    place.identity = hash64("10.0.0." + std::to_string(all.size()) + ":80", 0);
    all.push_back(place);
  }
  return all;
}

std::string turns(std::vector<Place>& all, int count) {
  std::string order;
  for (int i = 0; i < count; ++i) {
    const std::size_t at = choose(Balance::round_robin, all, 0, 0);
    order += at == kNoPlace ? '-' : static_cast<char>('a' + at);
  }
  return order;
}

}  // namespace

TEST_CASE("round robin is smooth and keeps to the weights") {
  struct Row { std::vector<std::uint32_t> weights; const char* order; };
  for (const Row& row : {Row{{1, 1, 1}, "abcabc"}, Row{{3, 1}, "aabaaaba"}, Row{{5, 1, 1}, "aabacaa"}, Row{{2}, "aa"}, Row{{}, "--"}}) {
    auto all = places(row.weights);
    CHECK(turns(all, static_cast<int>(std::string(row.order).size())) == row.order);
  }
}

TEST_CASE("round robin leaves out what is not usable and takes it back in turn") {
  auto all = places({1, 1, 1});
  all[1].usable = false;
  CHECK(turns(all, 4) == "acac");
  all[1].usable = true;
  const std::string back = turns(all, 6);
  for (const char who : {'a', 'b', 'c'}) CHECK(std::count(back.begin(), back.end(), who) == 2);
  for (Place& place : all) place.usable = false;
  CHECK(turns(all, 1) == "-");
}

TEST_CASE("of two the one with fewer outstanding requests for its weight is chosen") {
  struct Row { std::uint32_t load_a, load_b, weight_a, weight_b; std::size_t chosen; };
  for (const Row& row : {Row{5, 4, 1, 1, 1}, Row{4, 5, 1, 1, 0}, Row{5, 2, 4, 1, 0}, Row{9, 2, 4, 1, 1}}) {
    auto all = places({row.weight_a, row.weight_b});
    all[0].outstanding = row.load_a;
    all[1].outstanding = row.load_b;
    std::uint64_t random = 1;
    for (int i = 0; i < 100; ++i) CHECK(choose(Balance::least_outstanding, all, 0, next_random(random)) == row.chosen);
  }
}

TEST_CASE("idle servers get their share by weight, and the busiest of many is never chosen") {
  auto all = places({1, 3});
  std::uint64_t random = 7;
  int heavy = 0;
  for (int i = 0; i < 10'000; ++i) heavy += choose(Balance::least_outstanding, all, 0, next_random(random)) == 1;
  CHECK(heavy > 7'200);
  CHECK(heavy < 7'800);

  auto many = places({1, 1, 1, 1, 1});
  for (std::size_t i = 0; i < many.size(); ++i) many[i].outstanding = static_cast<std::uint32_t>(i);
  std::map<std::size_t, int> chosen;
  for (int i = 0; i < 10'000; ++i) ++chosen[choose(Balance::least_outstanding, many, 0, next_random(random))];
  CHECK(chosen[0] > 3'700);        // in 2 of 5 pairs
  CHECK(chosen[4] == 0);
  many[0].usable = false;
  for (int i = 0; i < 100; ++i) CHECK(choose(Balance::least_outstanding, many, 0, next_random(random)) != 0);
}

TEST_CASE("least_outstanding finds the only usable server and says when there is none") {
  auto all = places({1, 1, 1});
  all[0].usable = all[1].usable = false;
  std::uint64_t random = 3;
  for (int i = 0; i < 50; ++i) CHECK(choose(Balance::least_outstanding, all, 0, next_random(random)) == 2);
  all[2].usable = false;
  CHECK(choose(Balance::least_outstanding, all, 0, 5) == kNoPlace);
  CHECK(choose(Balance::consistent_hash, all, 0, 5) == kNoPlace);
}

TEST_CASE("consistent hashing spreads by weight, and a server that goes moves its own keys alone") {
  auto all = places({1, 1, 2});
  std::map<std::size_t, int> count;
  std::vector<std::size_t> before;
  for (std::uint64_t key = 0; key < 20'000; ++key) {
    before.push_back(choose(Balance::consistent_hash, all, hash64(std::to_string(key), 0), 0));
    ++count[before.back()];
  }
  CHECK(count[0] > 4'600);
  CHECK(count[0] < 5'400);
  CHECK(count[2] > 9'600);
  CHECK(count[2] < 10'400);
  all[1].usable = false;
  for (std::uint64_t key = 0; key < 20'000; ++key) {
    const std::size_t now = choose(Balance::consistent_hash, all, hash64(std::to_string(key), 0), 0);
    if (before[key] != 1) REQUIRE(now == before[key]);
    else REQUIRE(now != 1);
  }
}

TEST_CASE("consistent hashing depends on addresses, not on their order") {
  auto all = places({1, 1, 1});
  std::vector<Place> turned(all.rbegin(), all.rend());
  for (std::uint64_t key = 0; key < 100; ++key) {
    const std::size_t at = choose(Balance::consistent_hash, all, key, 0);
    CHECK(turned[choose(Balance::consistent_hash, turned, key, 0)].identity == all[at].identity);
  }
}
