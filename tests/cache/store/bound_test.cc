#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <random>

#include "support.h"
#include "support/sanitized.h"

namespace davenport::store::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

std::uint64_t resident_bytes() {
  unsigned long long size = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  REQUIRE(file != nullptr);
  CHECK(std::fscanf(file, "%llu %llu", &size, &resident) == 2);
  std::fclose(file);
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

using davenport::testing::kSanitized;   // there only the arena's own count is checked

TEST_CASE("an object of 1 KiB with a head of 200 bytes and a key of 40 takes at most 1,400 bytes in all") {
  for (const config::Eviction eviction : {config::Eviction::lru, config::Eviction::s3_fifo}) {
    MemoryStore store(settings(256 * kMiB, eviction));
    purge::EmbeddedLog log;
    const std::uint64_t before = store.stats().bytes;
    Put how;
    how.head = std::string(200, 'h');
    const std::string body(1024, 'b');
    char name[64];
    bool all = true;
    for (int i = 0; i < 100'000; ++i) {
      std::snprintf(name, sizeof name, "shop.example/products/%012d", i);
      const Key key(name);
      REQUIRE(key.bytes.size() == 40);
      all = all && put(store, log, key, body, how) == PutResult::stored;
    }
    CHECK(all);
    CHECK(store.stats().objects == 100'000);
    const std::uint64_t each = (store.stats().bytes - before) / 100'000;
    MESSAGE("bytes an object of 1 KiB: " << each);
    CHECK(each <= 1'400);
  }
}

TEST_CASE("a full store of small objects stays under its bound with its tables counted") {
  MemoryStore store(settings(16 * kMiB));
  purge::EmbeddedLog log;
  Put how;
  how.head = std::string(200, 'h');
  const std::string body(1024, 'b');
  std::uint64_t over = 0;
  for (int i = 0; i < 60'000; ++i) {
    put(store, log, Key("shop.example/products/" + std::to_string(i)), body, how);
    if (store.stats().bytes > store.stats().capacity_bytes) ++over;
  }
  CHECK(over == 0);
  const MemoryStore::Stats stats = store.stats();
  CHECK(stats.bytes >= stats.capacity_bytes * 99 / 100);
  CHECK(stats.capacity_bytes / stats.objects <= 1'420);
  CHECK(stats.evictions + stats.objects == stats.insertions);
}

// The six phases that made general allocators grow to twice the budget: sizes of one kind, then of another, then mixed.
TEST_CASE("with shifting object sizes the process stays within 1.05 of the budget, and the budget holds bodies") {
  constexpr std::uint64_t kBudget = 64 * kMiB;
  struct Phase { std::size_t smallest, largest; };
  constexpr Phase kPhases[] = {{1024, 4096},  {16'384, 65'536}, {1024, 2048},
                               {4096, 16'384}, {32'768, 65'536}, {1024, 65'536}};
  for (const config::Eviction eviction : {config::Eviction::lru, config::Eviction::s3_fifo}) {
    const std::uint64_t base = resident_bytes();
    MemoryStore store(settings(kBudget, eviction));
    purge::EmbeddedLog log;
    std::mt19937 random(17);
    const std::string bytes = body_of("shift", 65'536);
    std::uint64_t number = 0;
    for (const Phase& phase : kPhases) {
      std::uint64_t over = 0;
      for (std::uint64_t put_bytes = 0; put_bytes < kBudget * (kSanitized ? 1 : 2);) {
        const std::size_t size = phase.smallest + random() % (phase.largest - phase.smallest + 1);
        const Key key("h/" + std::to_string(number++));
        Put how;
        how.announce_length = random() % 4 != 0;
        const PutResult result = put(store, log, key, std::string_view(bytes).substr(0, size), how);
        REQUIRE(result == PutResult::stored);
        for (int hits = static_cast<int>(random() % 3); hits > 0; --hits) {
          find(store, Key("h/" + std::to_string(random() % number)));
        }
        if (store.stats().bytes > kBudget) ++over;
        put_bytes += size;
      }
      CHECK(over == 0);
      std::uint64_t body_bytes = 0;
      store.sweep([&](const StoredResponse& entry) {
        body_bytes += entry.body_bytes();
        return false;
      });
      const double resident = static_cast<double>(resident_bytes() - base) / static_cast<double>(kBudget);
      const double used_well = static_cast<double>(body_bytes) / static_cast<double>(kBudget);
      MESSAGE("sizes " << phase.smallest << " to " << phase.largest << ": resident " << resident
                       << " of the budget, bodies " << used_well);
      if (!kSanitized) CHECK(resident <= 1.05);
      CHECK(used_well >= 0.75);
    }
  }
}

TEST_CASE("one object of more than half the budget fits, and pushes out what it must") {
  config::Cache limits = settings(16 * kMiB);
  limits.max_object_bytes = 16 * kMiB;
  MemoryStore store(limits);
  purge::EmbeddedLog log;
  for (int i = 0; i < 15; ++i) {
    REQUIRE(put(store, log, Key("h/" + std::to_string(i)), body_of("x", kMiB)) == PutResult::stored);
  }
  CHECK(put(store, log, Key("h/large"), body_of("large", 10 * kMiB)) == PutResult::stored);
  CHECK(find(store, Key("h/large")).stored);
  CHECK(store.stats().objects <= 6);
  CHECK(store.stats().bytes <= store.stats().capacity_bytes);
}

TEST_CASE("a body that cannot fit is refused, and the store works on") {
  config::Cache limits = settings(4 * kMiB);
  limits.max_object_bytes = 64 * kMiB;
  MemoryStore store(limits);
  purge::EmbeddedLog log;
  FillPtr fill = store.begin_fill(0);
  const std::string piece = body_of("x", 100'000);
  std::uint64_t taken = 0;
  while (fill->append(piece)) taken += piece.size();
  CHECK(taken < 4 * kMiB);
  CHECK(fill->size() == taken);
  CHECK(read_body(*fill, taken - 100, 100) == piece.substr(piece.size() - 100));
  CHECK(store.stats().bytes <= store.stats().capacity_bytes);
  CHECK(store.begin_fill(0) == nullptr);      // more than half is arriving already
  fill.reset();
  CHECK(put(store, log, Key("h/small"), "small") == PutResult::stored);
}

TEST_CASE("when a quarter is pinned by readers of what was evicted, no fill begins; when they let go, it does") {
  MemoryStore store(settings(8 * kMiB));
  purge::EmbeddedLog log;
  std::vector<StoredPtr> readers;
  for (int i = 0; i < 6; ++i) {
    StoredPtr entry;
    REQUIRE(put(store, log, Key("h/" + std::to_string(i)), body_of("x", 400'000), {}, &entry) == PutResult::stored);
    readers.push_back(entry);
    store.erase(*entry);
  }
  CHECK(store.stats().pinned_bytes > 2 * kMiB);
  CHECK(store.begin_fill(100) == nullptr);
  CHECK(store.begin_fill(0) == nullptr);
  CHECK(store.stats().refused == 2);
  readers.clear();
  CHECK(store.stats().pinned_bytes == 0);
  CHECK(store.begin_fill(100) != nullptr);
}

TEST_CASE("a store that is swept empty holds little more than a new one, and gives its memory back") {
  MemoryStore store(settings(64 * kMiB));
  purge::EmbeddedLog log;
  const std::uint64_t before = store.stats().bytes;
  for (int i = 0; i < 20'000; ++i) {
    REQUIRE(put(store, log, Key("h/" + std::to_string(i)), body_of("x", 2'500)) == PutResult::stored);
  }
  const std::uint64_t full = resident_bytes();
  CHECK(store.sweep([](const StoredResponse&) { return true; }) == 20'000);
  CHECK(store.stats().bytes - before <= 20'000 * 20);      // the index's tables stay
  CHECK(store.stats().pinned_bytes == 0);
  if (!kSanitized) CHECK(full - resident_bytes() >= 40 * kMiB);
}

TEST_CASE("what is past its retention is evicted before what is not, however often it was used") {
  for (const config::Eviction eviction : {config::Eviction::lru, config::Eviction::s3_fifo}) {
    MemoryStore store(settings(4 * kMiB, eviction));
    purge::EmbeddedLog log;
    Put brief;
    brief.facts = fresh_facts(1'000, 10);
    REQUIRE(put(store, log, Key("h/brief"), body_of("x", 10'000), brief) == PutResult::stored);
    for (int i = 0; i < 3; ++i) find(store, Key("h/brief"));
    Put later;
    later.facts = fresh_facts(2'000, 1'000);
    for (int i = 0; i < 420; ++i) put(store, log, Key("h/" + std::to_string(i)), body_of("x", 10'000), later);
    CHECK(store.stats().evictions > 0);
    CHECK_FALSE(find(store, Key("h/brief")).stored);
  }
}

}  // namespace
}  // namespace davenport::store::test
