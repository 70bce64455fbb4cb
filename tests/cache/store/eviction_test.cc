#include "cache/store/eviction.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "core/base/hash.h"

namespace davenport::store {
namespace {

struct alignas(16) Item {
  Node node;
  std::uint64_t bytes = 1, hash = 0;
  bool old = false;
};

// A policy over numbered items; item 0 is no place (it means "none").
class Bench : public Residents {
 public:
  explicit Bench(config::Eviction kind, std::size_t count = 1000, std::uint64_t table_bytes = 1 << 20)
      : items(new Item[count + 1]) {
    for (std::size_t i = 0; i <= count; ++i) {
      items[i].hash = hash64({reinterpret_cast<const char*>(&i), sizeof i}, 1);
    }
    policy = make_eviction(kind, reinterpret_cast<char*>(items.get()), *this, table_bytes);
  }
  std::uint64_t bytes_of(const Node& node) const override { return item_of(node).bytes; }
  std::uint64_t hash_of(const Node& node) const override { return item_of(node).hash; }
  bool expired(const Node& node) const override { return item_of(node).old; }

  void insert(std::size_t i) { policy->insert(items[i].node); }
  void hit(std::size_t i) { items[i].node.mark_hit(); }
  std::size_t victim() {
    Node* node = policy->take_victim();
    return node == nullptr ? 0 : static_cast<std::size_t>(&const_cast<Item&>(item_of(*node)) - items.get());
  }

  std::unique_ptr<Item[]> items;
  std::unique_ptr<Eviction> policy;

 private:
  static const Item& item_of(const Node& node) { return reinterpret_cast<const Item&>(node); }
};

constexpr config::Eviction kBoth[] = {config::Eviction::lru, config::Eviction::s3_fifo};

// ---- the contract of both ------------------------------------------------------------------------------------------

TEST_CASE("every policy gives each node once, and then none") {
  for (const config::Eviction kind : kBoth) {
    Bench bench(kind);
    CHECK(bench.victim() == 0);
    for (std::size_t i = 1; i <= 100; ++i) bench.insert(i);
    for (std::size_t i = 1; i <= 100; i += 3) bench.hit(i);
    std::set<std::size_t> seen;
    for (int i = 0; i < 100; ++i) {
      const std::size_t victim = bench.victim();
      CHECK(seen.insert(victim).second);
      CHECK(bench.items[victim].node.queue == 0);
    }
    CHECK(bench.victim() == 0);
  }
}

TEST_CASE("every policy evicts what was never used before what was") {
  for (const config::Eviction kind : kBoth) {
    Bench bench(kind);
    for (std::size_t i = 1; i <= 10; ++i) bench.insert(i);
    for (const std::size_t used : {1, 2, 3}) bench.hit(used);
    for (std::size_t i = 4; i <= 10; ++i) CHECK(bench.victim() == i);
  }
}

TEST_CASE("every policy gives no node that was erased, wherever in the order it lay") {
  for (const config::Eviction kind : kBoth) {
    for (const std::size_t erased : {1, 5, 10}) {
      Bench bench(kind);
      for (std::size_t i = 1; i <= 10; ++i) bench.insert(i);
      bench.policy->erase(bench.items[erased].node);
      std::set<std::size_t> seen;
      while (const std::size_t victim = bench.victim()) seen.insert(victim);
      CHECK(seen.size() == 9);
      CHECK(seen.count(erased) == 0);
    }
  }
}

TEST_CASE("every policy lets what has expired go, however often it was used") {
  for (const config::Eviction kind : kBoth) {
    Bench bench(kind);
    for (std::size_t i = 1; i <= 3; ++i) bench.insert(i);
    for (int n = 0; n < 3; ++n) bench.hit(1);
    bench.items[1].old = true;
    CHECK(bench.victim() == 1);
  }
}

TEST_CASE("a policy stays whole under random work") {
  for (const config::Eviction kind : kBoth) {
    Bench bench(kind, 500);
    std::mt19937 random(3);
    std::set<std::size_t> in;
    bool exact = true;
    for (int step = 0; step < 50'000; ++step) {
      const std::size_t i = 1 + random() % 500;
      switch (random() % 4) {
        case 0:
          if (in.insert(i).second) {
            bench.items[i].bytes = 1 + random() % 1000;
            bench.insert(i);
          }
          break;
        case 1: bench.hit(i); break;
        case 2: if (in.erase(i) != 0) bench.policy->erase(bench.items[i].node); break;
        default: {
          const std::size_t victim = bench.victim();
          exact = exact && (victim == 0 ? in.empty() : in.erase(victim) == 1);
        }
      }
    }
    while (const std::size_t victim = bench.victim()) exact = exact && in.erase(victim) == 1;
    CHECK(exact);
    CHECK(in.empty());
  }
}

// ---- each -----------------------------------------------------------------------------------------------------------

TEST_CASE("a hit is counted up to its cap") {
  Node node;
  for (int i = 0; i < 10; ++i) node.mark_hit();
  CHECK(node.hits.load() == Node::kMaxHits);
}

TEST_CASE("lru: what was used goes round once, then it is as old as the others") {
  Bench bench(config::Eviction::lru);
  for (std::size_t i = 1; i <= 3; ++i) bench.insert(i);
  bench.hit(1);
  CHECK(bench.victim() == 2);     // 1 went behind 3
  CHECK(bench.victim() == 3);
  CHECK(bench.victim() == 1);
}

TEST_CASE("s3-fifo: a scan of new names leaves what was used again where it is (Yang et al., §4)") {
  Bench bench(config::Eviction::s3_fifo, 2000);
  for (std::size_t i = 1; i <= 50; ++i) {
    bench.insert(i);
    bench.hit(i);
  }
  for (std::size_t i = 51; i <= 100; ++i) bench.insert(i);
  std::set<std::size_t> gone;
  for (std::size_t i = 101; i <= 1100; ++i) {
    gone.insert(bench.victim());
    bench.insert(i);
  }
  const auto used_gone = std::count_if(gone.begin(), gone.end(), [](std::size_t i) { return i <= 50; });
  CHECK(used_gone == 0);
}

TEST_CASE("s3-fifo: what comes back soon after it went unused is kept in the main queue") {
  Bench bench(config::Eviction::s3_fifo);
  for (std::size_t i = 1; i <= 100; ++i) bench.insert(i);
  CHECK(bench.victim() == 1);
  bench.insert(1);                 // known again
  for (std::size_t i = 101; i <= 150; ++i) bench.insert(i);
  for (std::size_t i = 0; i < 140; ++i) CHECK(bench.victim() != 1);
}

TEST_CASE("s3-fifo: where memory is sparse the main queue's oldest go first") {
  Bench bench(config::Eviction::s3_fifo);
  for (std::size_t i = 1; i <= 100; ++i) bench.insert(i);
  bench.hit(1);
  CHECK(bench.victim() == 2);                         // 1 has moved to the main queue
  CHECK(bench.policy->take_victim(true) == &bench.items[1].node);
  CHECK(bench.policy->take_victim(true) == &bench.items[3].node);     // nothing is left there
}

TEST_CASE("the table of evicted names remembers at least one window and at most two") {
  for (const std::uint64_t window : {10, 1'000, 50'000}) {
    CAPTURE(window);
    GhostTable table(8 << 20);
    const auto hash = [](std::uint64_t i) { return hash64({reinterpret_cast<const char*>(&i), sizeof i}, 9); };
    for (std::uint64_t i = 0; i < 4 * window; ++i) table.add(hash(i), window);
    std::uint64_t recent = 0, ancient = 0;
    for (std::uint64_t i = 3 * window; i < 4 * window; ++i) recent += table.take(hash(i)) ? 1 : 0;
    for (std::uint64_t i = 0; i < window; ++i) ancient += table.take(hash(i)) ? 1 : 0;
    CHECK(recent >= window * 9 / 10);      // a full bucket forgets one early
    CHECK(ancient <= window / 100);
    CHECK_FALSE(table.take(hash(4 * window - 1)));      // taken once
    CHECK(table.bytes() <= window * 14 + 256);
  }
}

TEST_CASE("the table of evicted names stays under its limit, and works on") {
  GhostTable table(4096);
  for (std::uint64_t i = 1; i <= 100'000; ++i) table.add(i * 42'949 << 32, 100'000);
  CHECK(table.bytes() <= 4096);
  CHECK(table.bytes() >= 2048);
  CHECK(table.take(std::uint64_t{100'000} * 42'949 << 32));
}

TEST_CASE("a table without room remembers nothing and does no harm") {
  GhostTable table(0);
  for (std::uint64_t i = 1; i <= 100; ++i) table.add(i << 32, 100);
  CHECK(table.bytes() == 0);
  CHECK_FALSE(table.take(std::uint64_t{100} << 32));
}

}  // namespace
}  // namespace davenport::store
