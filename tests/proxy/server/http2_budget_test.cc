#include "proxy/server/http2_budget.h"

#include <doctest/doctest.h>

using namespace davenport;
using namespace std::chrono_literals;

TEST_CASE("a budget is spent in a row, comes back with time, is earned, and never grows above its most") {
  SteadyTime now{};
  server::Http2Budget budget(3, 2, now);
  for (int i = 0; i < 3; ++i) CHECK(budget.take(now));
  CHECK_FALSE(budget.take(now));
  CHECK_FALSE(budget.take(now + 400ms));               // two a second: none yet
  CHECK(budget.take(now + 500ms));
  CHECK_FALSE(budget.take(now + 500ms));
  budget.earn(2);
  CHECK(budget.take(now + 500ms));
  CHECK(budget.take(now + 500ms));
  CHECK_FALSE(budget.take(now + 500ms));
  now += 1h;
  for (int i = 0; i < 3; ++i) CHECK(budget.take(now));
  CHECK_FALSE(budget.take(now));
}

TEST_CASE("a budget that would come back by less than one a second comes back by one") {
  server::Http2Budget budget(1, 0, SteadyTime{});
  CHECK(budget.take(SteadyTime{}));
  CHECK(budget.take(SteadyTime{} + 1s));
}
