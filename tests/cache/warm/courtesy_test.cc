#include "cache/warm/courtesy.h"

#include <doctest/doctest.h>

using namespace davenport;
using namespace davenport::warm;

TEST_CASE("work that nobody waits for gives way while an origin queues, is gone, or errs") {
  Courtesy courtesy;
  SteadyTime now{};
  CHECK(courtesy.look(now, {}) == "");
  CHECK(courtesy.look(now, {.queues = true}) == "requests wait for an origin");
  CHECK(courtesy.look(now, {.queues = true, .gone = true}) == "no origin server is available");
  CHECK(courtesy.look(now, {}) == "");
}

TEST_CASE("it errs where three answers of a second fail and every tenth does, and that holds for a second") {
  struct Row { std::uint64_t requests, errors; bool errs; };
  for (const Row& row : {Row{3, 3, true}, Row{2, 2, false}, Row{30, 3, true}, Row{31, 3, false}, Row{1000, 100, true}}) {
    CAPTURE(row.requests);
    Courtesy courtesy;
    SteadyTime now{};
    const Courtesy::Sums before{.requests = 500, .errors = 400};
    CHECK(courtesy.look(now, before) == "");
    now += Millis{900};
    const Courtesy::Sums after{.requests = 500 + row.requests, .errors = 400 + row.errors};
    CHECK((courtesy.look(now, after) != "") == row.errs);
    now += Millis{999};
    CHECK((courtesy.look(now, after) != "") == row.errs);
    now += Millis{1'000};
    CHECK(courtesy.look(now, after) == "");
  }
}
