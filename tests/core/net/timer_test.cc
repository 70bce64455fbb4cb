#include "core/net/timer.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

using namespace davenport;
using namespace davenport::net;
using namespace std::chrono_literals;

namespace {

struct Probe final : Timer {
  using Timer::Timer;
  int fired = 0, cancelled_count = 0;
  void expired(bool cancelled) override { ++(cancelled ? cancelled_count : fired); }
};

const SteadyTime kStart{};

}  // namespace

TEST_CASE("a timer fires once, never early and at most two grains late") {
  for (const Millis wait : {0ms, 1ms, 9ms, 10ms, 11ms, 500ms, 10'230ms, 10'240ms, 10'250ms, 60'000ms}) {
    CAPTURE(wait.count());
    TimerWheel wheel(kStart);
    Probe probe(wheel);
    probe.arm(kStart + wait);
    Millis at{0};
    while (probe.fired == 0 && at < 120s) {
      at += 1ms;
      wheel.advance(kStart + at);
    }
    CHECK(at >= wait);
    CHECK(at <= wait + 2 * TimerWheel::kGrain);
    CHECK(!probe.armed());
    wheel.advance(kStart + 200s);
    CHECK(probe.fired == 1);
  }
}

TEST_CASE("a deadline that is moved later does not fire at the old time") {
  TimerWheel wheel(kStart);
  Probe probe(wheel);
  probe.arm(kStart + 50ms);
  for (Millis at = 0ms; at < 1s; at += 10ms) {
    wheel.advance(kStart + at);
    probe.arm(kStart + at + 50ms);      // what each request does
  }
  CHECK(probe.fired == 0);
  wheel.advance(kStart + 2s);
  CHECK(probe.fired == 1);
}

TEST_CASE("a deadline that is moved earlier fires at the new time") {
  TimerWheel wheel(kStart);
  Probe probe(wheel);
  probe.arm(kStart + 5s);
  probe.arm(kStart + 30ms);
  wheel.advance(kStart + 60ms);
  CHECK(probe.fired == 1);
}

TEST_CASE("a disarmed timer does not fire, and may be armed again") {
  TimerWheel wheel(kStart);
  Probe probe(wheel);
  probe.arm(kStart + 30ms);
  probe.disarm();
  wheel.advance(kStart + 1s);
  CHECK(probe.fired == 0);
  probe.arm(kStart + 1100ms);
  wheel.advance(kStart + 2s);
  CHECK(probe.fired == 1);
}

TEST_CASE("after a stall of many turns every due timer fires") {
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 3000; ++i) {
    probes.push_back(std::make_unique<Probe>(wheel));
    probes.back()->arm(kStart + i * 10ms);
  }
  wheel.advance(kStart + 300s);
  for (const auto& probe : probes) CHECK(probe->fired == 1);
}

TEST_CASE("a timer may destroy itself and others while it fires") {
  struct Killer final : Timer {
    Killer(TimerWheel& wheel, std::unique_ptr<Probe>& other) : Timer(wheel), victim(other) {}
    std::unique_ptr<Probe>& victim;
    void expired(bool) override { victim.reset(); }
  };
  TimerWheel wheel(kStart);
  auto victim = std::make_unique<Probe>(wheel);
  Killer killer(wheel, victim);
  victim->arm(kStart + 50ms);
  killer.arm(kStart + 50ms);            // the same slot, looked at first
  wheel.advance(kStart + 1s);
  CHECK(victim == nullptr);
}

TEST_CASE("cancel_all wakes every armed timer as cancelled") {
  TimerWheel wheel(kStart);
  Probe armed(wheel), idle(wheel);
  armed.arm(kStart + 1h);
  wheel.cancel_all();
  CHECK(armed.cancelled_count == 1);
  CHECK(armed.fired == 0);
  CHECK(idle.cancelled_count == 0);
}

TEST_CASE("the wheel says when it has something to look at, and tells when that comes earlier") {
  int told = 0;
  TimerWheel wheel(kStart, [](void* count) { ++*static_cast<int*>(count); }, &told);
  CHECK(wheel.next() == SteadyTime::max());
  Probe late(wheel), soon(wheel), later(wheel);
  late.arm(kStart + 5s);
  CHECK(told == 1);
  CHECK(wheel.next() == kStart + 5'010ms);
  soon.arm(kStart + 30ms);
  CHECK(told == 2);
  CHECK(wheel.next() == kStart + 40ms);
  later.arm(kStart + 60s);                  // further away than a turn
  late.arm(kStart + 6s);
  CHECK(told == 2);
  // Walked only when it asks for it, it fires all in time.
  Millis at{0};
  int walks = 0;
  while (later.fired == 0 && walks < 100) {
    const SteadyTime next = wheel.next();
    REQUIRE(next != SteadyTime::max());
    CHECK(next > kStart + at);
    at = std::chrono::duration_cast<Millis>(next - kStart);
    wheel.advance(next);
    ++walks;
    if (soon.fired == 0) CHECK(at <= 40ms);
    if (late.fired == 0) CHECK(at <= 6'010ms);
  }
  CHECK(at <= 60'020ms);
  CHECK(walks <= 12);
  CHECK(soon.fired + late.fired + later.fired == 3);
  CHECK(wheel.next() == SteadyTime::max());
}
