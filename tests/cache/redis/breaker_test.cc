#include "cache/redis/breaker.h"

#include <doctest/doctest.h>

namespace davenport::redis {
namespace {

constexpr SteadyTime kStart{std::chrono::hours{1}};
constexpr double kMiddle = 0.5;                        // no jitter

TEST_CASE("five failures in a row open the breaker, and one success closes it") {
  Breaker breaker;
  for (int i = 0; i < 4; ++i) breaker.failed(kStart, kMiddle);
  CHECK(breaker.allows(kStart));
  breaker.succeeded(kStart);
  for (int i = 0; i < 4; ++i) breaker.failed(kStart, kMiddle);
  CHECK_FALSE(breaker.open());
  breaker.failed(kStart, kMiddle);
  CHECK(breaker.open());
  CHECK_FALSE(breaker.allows(kStart + Millis{999}));
  CHECK(breaker.allows(kStart + Millis{1000}));        // one probe
  CHECK_FALSE(breaker.allows(kStart + Millis{1001}));
  breaker.succeeded(kStart + Millis{1002});
  CHECK(breaker.allows(kStart + Millis{1003}));
  CHECK_FALSE(breaker.open());
}

TEST_CASE("a probe that fails opens it again, and one whose end nobody tells is followed by another") {
  Breaker breaker;
  for (int i = 0; i < 5; ++i) breaker.failed(kStart, kMiddle);
  CHECK(breaker.allows(kStart + Seconds{1}));
  breaker.failed(kStart + Seconds{1}, kMiddle);
  CHECK_FALSE(breaker.allows(kStart + Millis{1999}));
  CHECK(breaker.allows(kStart + Seconds{2}));
  CHECK(breaker.allows(kStart + Seconds{3}));
}

TEST_CASE("half of a second's open it, where there were enough") {
  Breaker breaker;
  for (int i = 0; i < 4; ++i) {
    breaker.succeeded(kStart);
    breaker.failed(kStart, kMiddle);
  }
  CHECK_FALSE(breaker.open());                         // eight asked: too few to say
  breaker.succeeded(kStart);
  breaker.failed(kStart, kMiddle);
  CHECK(breaker.open());
  Breaker slow;
  for (int i = 0; i < 20; ++i) {
    const SteadyTime at = kStart + Seconds{i};
    slow.succeeded(at);
    slow.failed(at, kMiddle);
  }
  CHECK_FALSE(slow.open());                            // each second by itself
}

TEST_CASE("reconnecting waits 50 ms, doubled up to 5 s, a quarter more or less") {
  Backoff backoff;
  CHECK(backoff.due(kStart));
  backoff.failed(kStart, kMiddle);
  CHECK_FALSE(backoff.due(kStart + Millis{49}));
  CHECK(backoff.due(kStart + Millis{50}));
  for (int i = 0; i < 20; ++i) backoff.failed(kStart, kMiddle);
  CHECK_FALSE(backoff.due(kStart + Millis{4'999}));
  CHECK(backoff.due(kStart + Seconds{5}));
  backoff.succeeded();
  CHECK(backoff.due(kStart));
  CHECK(with_jitter(Millis{100}, 0) == Millis{75});
  CHECK(with_jitter(Millis{100}, 1) == Millis{125});
}

}  // namespace
}  // namespace davenport::redis
