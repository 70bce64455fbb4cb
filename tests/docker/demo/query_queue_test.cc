#include "docker/demo/query_queue.h"

#include <doctest/doctest.h>

#include "docker/demo/database.h"

using namespace demo;
using namespace std::chrono_literals;
using Jobs = std::vector<std::uint64_t>;

namespace {
const TimePoint kStart{std::chrono::hours(1)};
}

TEST_CASE("a query ends after the delay and not before") {
  QueryQueue queue(50ms, 2, 10);
  REQUIRE(queue.submit(1, 1, kStart));
  CHECK(queue.next_end() == kStart + 50ms);
  CHECK(queue.advance(kStart + 49ms).empty());
  CHECK(queue.advance(kStart + 50ms) == Jobs{1});
  CHECK_FALSE(queue.next_end().has_value());
  CHECK(queue.queries_run() == 1);
}

TEST_CASE("only so many queries run at once, and the rest follow in order") {
  QueryQueue queue(10ms, 2, 10);
  for (std::uint64_t job = 1; job <= 5; ++job) REQUIRE(queue.submit(job, 1, kStart));
  CHECK(queue.running() == 2);
  CHECK(queue.waiting() == 3);
  CHECK(queue.advance(kStart + 10ms) == Jobs{1, 2});
  CHECK(queue.running() == 2);
  CHECK(queue.advance(kStart + 20ms) == Jobs{3, 4});
  CHECK(queue.advance(kStart + 30ms) == Jobs{5});
}

TEST_CASE("a page's queries run one after the other, and go to the end of the line each time") {
  QueryQueue queue(10ms, 1, 10);
  REQUIRE(queue.submit(1, 2, kStart));
  REQUIRE(queue.submit(2, 1, kStart));
  CHECK(queue.advance(kStart + 10ms).empty());
  CHECK(queue.advance(kStart + 20ms) == Jobs{2});
  CHECK(queue.advance(kStart + 30ms) == Jobs{1});
  CHECK(queue.queries_run() == 3);
}

TEST_CASE("a late look finds everything where it would have ended on time") {
  QueryQueue queue(10ms, 2, 100);
  for (std::uint64_t job = 1; job <= 6; ++job) REQUIRE(queue.submit(job, 1, kStart));
  CHECK(queue.advance(kStart + 29ms) == Jobs{1, 2, 3, 4});
  CHECK(queue.next_end() == kStart + 30ms);
  CHECK(queue.advance(kStart + 1h) == Jobs{5, 6});
}

TEST_CASE("a full line refuses, and takes again once there is room") {
  QueryQueue queue(10ms, 1, 2);
  CHECK(queue.submit(1, 1, kStart));
  CHECK(queue.submit(2, 1, kStart));
  CHECK(queue.submit(3, 1, kStart));
  CHECK_FALSE(queue.submit(4, 1, kStart));
  CHECK(queue.refused() == 1);
  CHECK(queue.advance(kStart + 10ms) == Jobs{1});
  CHECK(queue.submit(5, 1, kStart + 10ms));
  CHECK(queue.advance(kStart + 1s) == Jobs{2, 3, 5});
}

TEST_CASE("a page already begun is never refused its next query") {
  QueryQueue queue(10ms, 1, 1);
  REQUIRE(queue.submit(1, 3, kStart));
  REQUIRE(queue.submit(2, 3, kStart));
  CHECK(queue.advance(kStart + 1s).size() == 2);
  CHECK(queue.queries_run() == 6);
  CHECK(queue.refused() == 0);
}

TEST_CASE("without a line, what finds a free place runs and the rest is refused") {
  QueryQueue queue(10ms, 1, 0);
  CHECK(queue.submit(1, 1, kStart));
  CHECK_FALSE(queue.submit(2, 1, kStart));
}

TEST_CASE("a page without queries is finished at once") {
  QueryQueue queue(10ms, 1, 0);
  REQUIRE(queue.submit(7, 0, kStart));
  CHECK(queue.next_end().has_value());
  CHECK(queue.advance(kStart) == Jobs{7});
}

TEST_CASE("a database without delay runs any number of queries in one look") {
  QueryQueue queue(0ms, 1, 10);
  REQUIRE(queue.submit(1, 5, kStart));
  CHECK(queue.advance(kStart) == Jobs{1});
}

TEST_CASE("the database calls every page back, from many threads at once") {
  Database database(100us, 4, 100'000);
  std::mutex mutex;
  std::condition_variable all_done;
  int done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        const bool queued = database.run(static_cast<unsigned>(j % 3), [&] {
          const std::lock_guard lock(mutex);
          ++done;
          all_done.notify_one();
        });
        if (!queued) std::abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::unique_lock lock(mutex);
  CHECK(all_done.wait_for(lock, 20s, [&] { return done == 200; }));
  CHECK(database.numbers().queries == 4 * (17 * 0 + 17 * 1 + 16 * 2));
}

TEST_CASE("a database that is destroyed forgets what waits in it") {
  bool called = false;
  {
    Database database(1h, 1, 10);
    REQUIRE(database.run(1, [&] { called = true; }));
    CHECK(database.numbers().running == 1);
  }
  CHECK_FALSE(called);
}
