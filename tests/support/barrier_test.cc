#include "support/barrier.h"

#include <doctest/doctest.h>

#include <thread>

using namespace davenport::testing;
using namespace std::chrono_literals;

TEST_CASE("a barrier lets through who waits when it opens, and who comes later") {
  Barrier barrier{"door"};
  CHECK_FALSE(barrier.is_open());
  std::thread waiter([point = barrier.point()] { point->await(); });
  barrier.open();
  waiter.join();
  barrier.await();
  CHECK(barrier.is_open());
}

TEST_CASE("a barrier that nobody opens ends the wait with its name") {
  const Barrier barrier{"the origin was asked"};
  CHECK_THROWS_WITH_AS(barrier.await(5ms), "timed out waiting for barrier \"the origin was asked\"", TimedOut);
}

TEST_CASE("who waits at a barrier is let go when the barrier goes out of scope") {
  std::thread waiter;
  {
    const Barrier barrier{"door"};
    waiter = std::thread([point = barrier.point()] { point->await(); });
  }
  waiter.join();
}

TEST_CASE("a condition is asked until it holds, and not for ever") {
  int asked = 0;
  await_condition("three", [&] { return ++asked == 3; });
  CHECK(asked == 3);
  CHECK_THROWS_AS(await_condition("never", [] { return false; }, 5ms), TimedOut);
}

TEST_CASE("a test that has passed so far is not taken for a failed one") { CHECK_FALSE(current_test_failed()); }
