#include <atomic>
#include <barrier>
#include <random>
#include <thread>

#include "cache/store/walk.h"
#include "support.h"

namespace davenport::store::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSteps = 1'500;
#else
constexpr int kSteps = 8'000;
#endif

// As a request does it (proxy/server): look up, and ask the log where it has moved on since the entry was checked.
StoredPtr find_valid(MemoryStore& store, const purge::Log& log, const Key& key) {
  StoredPtr hit = find(store, key).stored;
  if (!hit) return nullptr;
  const purge::Position position = log.position();
  if (hit->checked_at() != position) {
    const policy::PurgeState state = log.check(hit->names(), hit->checked_at());
    if (state == policy::PurgeState::hard) {
      store.erase(*hit);
      return nullptr;
    }
    if (state == policy::PurgeState::soft) hit->mark_soft_purged();
    hit->mark_checked(position);
  }
  return hit;
}

// Moves two threads against each other by a little, so that their races differ.
void spin(int turns) {
  for (std::atomic<int> turn{0}; turn < turns; ++turn) {
  }
}

// A body tells its key and its length, so that torn or mixed bytes are seen.
bool intact(const StoredResponse& entry) {
  const std::string body = whole_body(entry);
  return body.size() == entry.body_bytes() && body == body_of(entry.resource(), body.size());
}

TEST_CASE("threads that find, fill, refresh, erase, sweep and purge at once see whole bodies and keep the bound") {
  for (const config::Eviction eviction : {config::Eviction::lru, config::Eviction::s3_fifo}) {
    MemoryStore store(settings(3 * kMiB, eviction));
    purge::EmbeddedLog log;
    std::atomic<int> torn{0}, over{0}, hits{0};
    std::atomic<bool> done{false};
    {
      purge::Sweeper sweeper(log, walk_of(store));
      std::vector<std::thread> workers;
      for (unsigned t = 0; t < 3; ++t) {
        workers.emplace_back([&, t] {
          std::mt19937 random(t + 1);
          std::vector<StoredPtr> held;
          for (int step = 0; step < kSteps; ++step) {
            const Key key("h/" + std::to_string(random() % 400));
            StoredPtr hit = find_valid(store, log, key);
            if (hit) {
              ++hits;
              if (!intact(*hit)) ++torn;
              if (random() % 20 == 0) store.erase(*hit);
              Put how;
              how.position = log.position();
              if (random() % 20 == 0) store.replace_head(hit, draft_of(key, how), log);
              if (random() % 4 == 0) held.push_back(std::move(hit));
            } else {
              Put how;
              how.position = log.position();
              how.announce_length = random() % 2 == 0;
              how.tags = {purge::tag_hash("t" + std::to_string(random() % 8))};
              put(store, log, key, body_of(key.parts().resource, random() % (random() % 5 == 0 ? 60'000 : 3'000)), how);
            }
            if (held.size() > 8) {
              for (const StoredPtr& each : held) if (!intact(*each)) ++torn;
              held.clear();
            }
            if (store.stats().bytes > store.stats().capacity_bytes) ++over;
          }
        });
      }
      std::thread purger([&] {
        std::mt19937 random(99);
        while (!done) {
          const bool soft = random() % 3 == 0;
          const auto kind = static_cast<purge::Kind>(random() % 4);
          const std::string name = kind == purge::Kind::tag      ? "t" + std::to_string(random() % 8)
                                   : kind == purge::Kind::prefix ? "h/" + std::to_string(random() % 40)
                                                                 : "h/" + std::to_string(random() % 400);
          const Result<purge::Receipt> receipt = log.record(purge_of(kind, name, soft));
          if (receipt && random() % 4 == 0) sweeper.wait(receipt->position, read_steady_clock() + Seconds{10});
        }
      });
      for (std::thread& worker : workers) worker.join();
      done = true;
      purger.join();
    }
    CHECK(torn == 0);
    CHECK(over == 0);
    CHECK(hits > 0);
    store.sweep([](const StoredResponse&) { return true; });
    CHECK(store.stats().objects == 0);
    CHECK(store.stats().pinned_bytes == 0);
    CHECK(store.stats().fill_bytes == 0);
  }
}

TEST_CASE("a fill that began before a purge is never found after it, in a thousand races") {
  MemoryStore store(settings(8 * kMiB));
  purge::EmbeddedLog log;
  constexpr int kRounds = 1'000;
  std::barrier meet(2);
  std::atomic<int> stale{0}, committed{0}, refused{0};
  std::thread filler([&] {
    for (int round = 0; round < kRounds; ++round) {
      const Key key("h/" + std::to_string(round));
      Put how;
      how.position = log.position();                       // before the origin is asked
      how.tags = {purge::tag_hash("tag" + std::to_string(round))};
      meet.arrive_and_wait();                              // the origin answers while the purge is recorded
      spin(round % 200 * 10);
      (put(store, log, key, "before", how) == PutResult::purged ? refused : committed) += 1;
      meet.arrive_and_wait();
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    const std::string name = std::to_string(round);
    meet.arrive_and_wait();
    spin(round % 150 * 13);
    REQUIRE(log.record(round % 3 == 0   ? purge_of(purge::Kind::url, "h/" + name)
                       : round % 3 == 1 ? purge_of(purge::Kind::tag, "tag" + name)
                                        : purge_of(purge::Kind::prefix, "h/" + name)));
    if (find_valid(store, log, Key("h/" + name))) ++stale;     // while the fill may still be on its way
    meet.arrive_and_wait();
    if (find_valid(store, log, Key("h/" + name))) ++stale;     // and when it has certainly ended
  }
  filler.join();
  CHECK(stale == 0);
  CHECK(committed + refused == kRounds);
}

TEST_CASE("threads that replace one key and read it always find one whole response") {
  MemoryStore store(settings(4 * kMiB));
  purge::EmbeddedLog log;
  const Key key("h/hot");
  REQUIRE(put(store, log, key, body_of("h/hot", 5'000)) == PutResult::stored);
  std::atomic<int> torn{0}, missing{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int step = 0; step < kSteps / 2; ++step) {
        if (t == 0) {
          put(store, log, key, body_of("h/hot", 1 + random() % 20'000));
        } else {
          const StoredPtr hit = find(store, key).stored;
          if (!hit) ++missing;
          if (hit && !intact(*hit)) ++torn;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(torn == 0);
  CHECK(missing == 0);
  CHECK(store.stats().objects == 1);
}

// Each slice takes references to at most kSliceEntries under one lock and judges them without any.
TEST_CASE("a purge of 100,000 responses by tag counts and frees them all, while requests go on") {
  MemoryStore store(settings(64 * kMiB));
  purge::EmbeddedLog log;
  Put how;
  how.tags = {purge::tag_hash("dairy")};
  std::uint64_t failed = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (put(store, log, Key("h/" + std::to_string(i)), "milk", how) != PutResult::stored) ++failed;
  }
  REQUIRE(failed == 0);
  REQUIRE(put(store, log, Key("stay"), body_of("stay", 100)) == PutResult::stored);
  purge::Sweeper sweeper(log, walk_of(store));
  std::atomic<bool> done{false};
  std::atomic<std::int64_t> slowest{0};
  std::thread reader([&] {
    const Key key("stay");
    while (!done) {
      const SteadyTime before = read_steady_clock();
      const bool there = static_cast<bool>(find(store, key).stored);
      const std::int64_t took = std::chrono::floor<Micros>(read_steady_clock() - before).count();
      slowest = there ? std::max(slowest.load(), took) : std::int64_t{1'000'000'000};
    }
  });
  const SteadyTime before = read_steady_clock();
  const Result<purge::Receipt> receipt = log.record(purge_of(purge::Kind::tag, "dairy"));
  const purge::Sweeper::Count count = sweeper.wait(receipt->position, before + Seconds{60});
  MESSAGE("swept in " << std::chrono::floor<Millis>(read_steady_clock() - before).count()
                      << " ms; the slowest look-up meanwhile took " << slowest.load() << " us");
  done = true;
  reader.join();
  CHECK(count == purge::Sweeper::Count{100'000});
  CHECK(store.stats().objects == 1);
  CHECK(slowest < 1'000'000'000);      // it was always there
}

TEST_CASE("a sweep during insertions and removals misses nothing that was there all the time") {
  MemoryStore store(settings(32 * kMiB));
  purge::EmbeddedLog log;
  for (int i = 0; i < 2'000; ++i) REQUIRE(put(store, log, Key("stay/" + std::to_string(i)), "x") == PutResult::stored);
  std::atomic<bool> done{false};
  std::thread churn([&] {
    std::mt19937 random(4);
    for (int i = 0; !done; ++i) {
      put(store, log, Key("come/" + std::to_string(i % 20'000)), "y");
      if (const StoredPtr hit = find(store, Key("come/" + std::to_string(random() % 20'000))).stored) store.erase(*hit);
    }
  });
  for (int round = 0; round < 10; ++round) {
    std::vector<char> seen(2'000, 0);
    store.sweep([&](const StoredResponse& entry) {
      if (entry.resource().starts_with("stay/")) seen[std::stoul(std::string(entry.resource().substr(5)))] = 1;
      return false;
    });
    CHECK(std::count(seen.begin(), seen.end(), 1) == 2'000);
  }
  done = true;
  churn.join();
}

}  // namespace
}  // namespace davenport::store::test
