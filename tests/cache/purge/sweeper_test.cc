#include "cache/purge/sweeper.h"

#include <map>

#include "cache/purge/log_contract.h"

namespace davenport::purge::test {
namespace {

// A store of names and positions that a test fills and the sweeper walks.
class Shelf {
 public:
  struct Entry {
    Object object;
    Position checked_at = 0;
    bool soft = false, gone = false;
  };

  void add(std::string resource, const std::vector<std::string>& tags, Position position) {
    const std::lock_guard lock(mutex_);
    entries_.push_back({Object(std::move(resource), tags), position});
  }
  Sweeper::Walk walk() {
    return [this](const Sweeper::Judge& judge) {
      if (before_walk) before_walk();
      const std::lock_guard lock(mutex_);
      for (Entry& entry : entries_) {
        if (entry.gone) continue;
        const Sweeper::Verdict verdict = judge(entry.object.names(), entry.checked_at);
        entry.gone = verdict.state == PurgeState::hard;
        entry.soft = entry.soft || verdict.state == PurgeState::soft;
        if (!entry.gone) entry.checked_at = verdict.checked_at;
      }
    };
  }
  std::vector<Entry> entries() {
    const std::lock_guard lock(mutex_);
    return entries_;
  }
  std::function<void()> before_walk;     // set before the sweeper starts

 private:
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

SteadyTime in_ten_seconds() { return read_steady_clock() + Seconds{10}; }

TEST_CASE("a purge's count is what was stored and hit, and that is gone afterwards") {
  EmbeddedLog log;
  Shelf shelf;
  for (int i = 0; i < 100; ++i) shelf.add("h/" + std::to_string(i), {i % 2 == 0 ? "even" : "odd"}, 0);
  Sweeper sweeper(log, shelf.walk());
  CHECK(sweeper.wait(record(log, purge_of(Kind::tag, "even")), in_ten_seconds()) == Sweeper::Count{50});
  // 1 and the odd ones of 11 to 19.
  CHECK(sweeper.wait(record(log, purge_of(Kind::prefix, "h/1")), in_ten_seconds()) == Sweeper::Count{6});
  CHECK(sweeper.wait(record(log, purge_of(Kind::url, "h/3")), in_ten_seconds()) == Sweeper::Count{1});
  CHECK(sweeper.wait(record(log, purge_of(Kind::url, "h/none")), in_ten_seconds()) == Sweeper::Count{0});
  CHECK(sweeper.wait(record(log, purge_of(Kind::all, "")), in_ten_seconds()) == Sweeper::Count{43});
  for (const Shelf::Entry& entry : shelf.entries()) CHECK(entry.gone);
}

TEST_CASE("a soft purge marks what it hits and leaves it, and raises all to the position that they were checked at") {
  EmbeddedLog log;
  Shelf shelf;
  shelf.add("h/a", {}, 0);
  shelf.add("h/b", {}, 0);
  Sweeper sweeper(log, shelf.walk());
  CHECK(sweeper.wait(record(log, purge_of(Kind::url, "h/a", true)), in_ten_seconds()) == Sweeper::Count{1});
  const std::vector<Shelf::Entry> entries = shelf.entries();
  CHECK(entries[0].soft);
  CHECK_FALSE(entries[1].soft);
  for (const Shelf::Entry& entry : entries) {
    CHECK_FALSE(entry.gone);
    CHECK(entry.checked_at == 1);
  }
}

TEST_CASE("purges that come during a walk share the next one, and each counts its own") {
  EmbeddedLog log;
  Shelf shelf;
  for (int i = 0; i < 10; ++i) shelf.add("h/" + std::to_string(i), {"t" + std::to_string(i % 2)}, 0);
  std::mutex gate;
  gate.lock();
  std::atomic<bool> walking{false};
  shelf.before_walk = [&] {
    walking = true;
    const std::lock_guard wait(gate);
  };
  Sweeper sweeper(log, shelf.walk());
  record(log, purge_of(Kind::url, "h/none"));
  while (!walking) std::this_thread::yield();
  std::vector<Position> positions;
  for (int i = 0; i < 5; ++i) positions.push_back(record(log, purge_of(Kind::url, "h/" + std::to_string(i))));
  const Position tag = record(log, purge_of(Kind::tag, "t0"));                    // 0, 2, 4, 6, 8
  const Position nothing = record(log, purge_of(Kind::tag, "t9"));
  gate.unlock();
  for (const Position position : positions) CHECK(sweeper.wait(position, in_ten_seconds()) == Sweeper::Count{1});
  CHECK(sweeper.wait(tag, in_ten_seconds()) == Sweeper::Count{5});
  CHECK(sweeper.wait(nothing, in_ten_seconds()) == Sweeper::Count{0});
  CHECK(sweeper.walks() == 2);
}

TEST_CASE("a walk that nobody waits for leaves the first moment to what the purge has set off") {
  EmbeddedLog log;
  Shelf shelf;
  std::atomic<SteadyTime::rep> began{0};
  shelf.before_walk = [&] { began = read_steady_clock().time_since_epoch().count(); };
  Sweeper sweeper(log, shelf.walk());
  const SteadyTime recorded = read_steady_clock();
  record(log, purge_of(Kind::url, "h/a"));
  while (began == 0) std::this_thread::yield();
  CHECK(SteadyTime(SteadyTime::duration(began)) - recorded >= Sweeper::kUnhurried);
}

TEST_CASE("a purge with several names counts a response once") {
  EmbeddedLog log;
  Shelf shelf;
  shelf.add("h/a", {"t", "u"}, 0);
  Sweeper sweeper(log, shelf.walk());
  Request request;
  request.targets = {{Kind::url, "h/a"}, {Kind::tag, "t"}, {Kind::tag, "u"}, {Kind::prefix, "h"}, {Kind::all, ""}};
  CHECK(sweeper.wait(record(log, request), in_ten_seconds()) == Sweeper::Count{1});
}

TEST_CASE("a wait ends at its deadline with nothing, and a later one finds the count") {
  EmbeddedLog log;
  Shelf shelf;
  shelf.add("h/a", {}, 0);
  std::mutex gate;
  gate.lock();
  shelf.before_walk = [&] { const std::lock_guard wait(gate); };
  Sweeper sweeper(log, shelf.walk());
  const Position position = record(log, purge_of(Kind::url, "h/a"));
  CHECK(sweeper.wait(position, read_steady_clock() + Millis{5}) == std::nullopt);
  gate.unlock();
  CHECK(sweeper.wait(position, in_ten_seconds()) == Sweeper::Count{1});
  CHECK(sweeper.wait(position, in_ten_seconds()) == Sweeper::Count{1});
}

TEST_CASE("a notification comes once: after the walk, at once where the count is known, and empty at the end") {
  EmbeddedLog log;
  Shelf shelf;
  shelf.add("h/a", {}, 0);
  std::atomic<int> told{0}, empty{0};
  std::atomic<std::uint64_t> sum{0};
  const auto done = [&](Sweeper::Count count) {
    sum += count.value_or(0);
    if (!count) ++empty;
    ++told;
  };
  {
    Sweeper sweeper(log, shelf.walk());
    const Position position = record(log, purge_of(Kind::url, "h/a"));
    sweeper.notify(position, done);
    CHECK(sweeper.wait(position, in_ten_seconds()) == Sweeper::Count{1});
    sweeper.notify(position, done);
    sweeper.notify(position + 1, done);       // never recorded
  }
  CHECK(told == 3);
  CHECK(sum == 2);
  CHECK(empty == 1);
}

TEST_CASE("after walks the log forgets, so that purges without end stay in bounds") {
  EmbeddedLog log(64);
  Shelf shelf;
  shelf.add("h/stays", {"t"}, 0);
  Sweeper sweeper(log, shelf.walk());
  for (int i = 0; i < 300; ++i) {
    const Position position = record(log, purge_of(Kind::url, "h/" + std::to_string(i)));
    if (i % 16 == 0) CHECK(sweeper.wait(position, in_ten_seconds()) == Sweeper::Count{0});
  }
  CHECK(log.remembered_names() <= 64);
  CHECK_FALSE(shelf.entries()[0].gone);       // it was walked in time: no floor ever rose above it
}

TEST_CASE("in a flood of names purges are applied though not all are counted") {
  EmbeddedLog log(8 * Sweeper::kMaxPending);
  Shelf shelf;
  const std::size_t last = 2 * Sweeper::kMaxPending;
  shelf.add("h/" + std::to_string(last), {}, 0);
  std::mutex gate;
  gate.lock();
  std::atomic<bool> walking{false};
  shelf.before_walk = [&] {
    walking = true;
    const std::lock_guard wait(gate);
  };
  Sweeper sweeper(log, shelf.walk());
  record(log, purge_of(Kind::url, "h/none"));
  while (!walking) std::this_thread::yield();
  for (std::size_t i = 0; i <= last; ++i) record(log, purge_of(Kind::url, "h/" + std::to_string(i)));
  gate.unlock();
  CHECK(sweeper.wait(log.position(), in_ten_seconds()) == std::nullopt);
  CHECK(shelf.entries()[0].gone);
}

TEST_CASE("the chore runs while there is nothing to sweep") {
  EmbeddedLog log;
  Shelf shelf;
  std::atomic<int> runs{0};
  Sweeper sweeper(log, shelf.walk(), [&] { ++runs; }, Millis{1});
  while (runs < 3) std::this_thread::yield();
  CHECK(sweeper.wait(record(log, purge_of(Kind::url, "h/a")), in_ten_seconds()) == Sweeper::Count{0});
}

}  // namespace
}  // namespace davenport::purge::test
