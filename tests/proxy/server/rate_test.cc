#include "proxy/server/rate.h"

#include <doctest/doctest.h>

using namespace davenport;
using namespace davenport::server;

TEST_CASE("so many a second, a burst after a pause, and any number without a rate") {
  SteadyTime now{Seconds{100}};
  Rate rate;
  int admitted = 0;
  for (int i = 0; i < 100; ++i) admitted += rate.admit(now, 10) ? 1 : 0;
  CHECK(admitted == 11);                       // what a second's pause has saved up, and the one that is due now
  for (int step = 0; step < 100; ++step) {
    now += Millis{50};
    admitted += rate.admit(now, 10) ? 1 : 0;
  }
  CHECK(admitted == 11 + 50);
  Rate steady;
  now += Seconds{60};
  admitted = 0;
  for (int i = 0; i < 100; ++i) admitted += steady.admit(now, 10, Millis{0}) ? 1 : 0;
  CHECK(admitted == 1);
  for (int i = 0; i < 100; ++i) CHECK(steady.admit(now, 0));
}
