#include "cache/purge/embedded_log.h"

#include "cache/purge/log_contract.h"

namespace davenport::purge::test {
namespace {

TEST_CASE("the embedded log keeps the contract of every purge log") {
  check_log_contract([] { return std::make_unique<EmbeddedLog>(); });
}

TEST_CASE("an id is remembered among the last ones, and then forgotten") {
  EmbeddedLog log;
  const Position first = record(log, purge_of(Kind::url, "u", false, "id"));
  for (std::size_t i = 1; i < EmbeddedLog::kRememberedIds; ++i) {
    record(log, purge_of(Kind::url, "u", false, std::to_string(i)));
  }
  CHECK(record(log, purge_of(Kind::url, "u", false, "id")) == first);
  record(log, purge_of(Kind::url, "u", false, "one more"));
  CHECK(record(log, purge_of(Kind::url, "u", false, "id")) > first);
  CHECK_FALSE(log.record(purge_of(Kind::url, "u", false, std::string(257, 'i'))));
}

TEST_CASE("more names at once than half of the index may hold are refused") {
  EmbeddedLog log(100);
  Request request;
  for (int i = 0; i < 51; ++i) request.targets.push_back({Kind::url, std::to_string(i)});
  CHECK_FALSE(log.record(request));
  request.targets.pop_back();
  CHECK(log.record(request));
}

TEST_CASE("after a walk names are kept while there is room, and forgotten behind a floor when it is half full") {
  EmbeddedLog log(100);
  const Object untouched("untouched");
  for (int i = 0; i < 40; ++i) record(log, purge_of(Kind::url, "u" + std::to_string(i)));
  log.walked(log.position());
  CHECK(log.remembered_names() == 40);
  CHECK(log.check(untouched.names(), 0) == PurgeState::valid);
  for (int i = 40; i < 60; ++i) record(log, purge_of(Kind::url, "u" + std::to_string(i)));
  log.walked(50);
  CHECK(log.remembered_names() == 10);
  // A fill that began before the floor counts as hit, whatever its name; what began at it or later is judged by name.
  CHECK(log.check(untouched.names(), 49) == PurgeState::hard);
  CHECK(log.check(untouched.names(), 50) == PurgeState::valid);
  CHECK(log.check(Object("u55").names(), 50) == PurgeState::hard);
  CHECK(log.check(Object("u3").names(), 50) == PurgeState::valid);
}

TEST_CASE("a floor of soft purges makes what is below it soft, not gone") {
  EmbeddedLog log(10);
  for (int i = 0; i < 8; ++i) record(log, purge_of(Kind::tag, "t" + std::to_string(i), true));
  log.walked(log.position());
  CHECK(log.remembered_names() == 0);
  CHECK(log.check(Object("untouched").names(), 3) == PurgeState::soft);
  CHECK(log.check(Object("untouched").names(), 8) == PurgeState::valid);
}

TEST_CASE("a flood of purges without a walk stays in bounds, and what it forgets counts as purged") {
  for (const Kind kind : {Kind::url, Kind::tag, Kind::prefix}) {
    EmbeddedLog log(100);
    for (int i = 0; i < 10'000; ++i) {
      record(log, purge_of(kind, "name" + std::to_string(i)));
      if (log.remembered_names() > 100) FAIL("the index outgrew its bound");
    }
    const auto object = [&](int i) {
      const std::string name = "name" + std::to_string(i);
      return kind == Kind::tag ? Object("x", {name}) : Object(name);
    };
    for (int i = 0; i < 10'000; i += 37) {
      CHECK(log.check(object(i).names(), static_cast<Position>(i)) == PurgeState::hard);    // purged at i + 1
    }
    CHECK(log.check(object(9'990).names(), 9'995) == PurgeState::valid);
  }
}

TEST_CASE("a name that was purged again is still known when its first purge is forgotten") {
  EmbeddedLog log(10);
  record(log, purge_of(Kind::url, "twice"));                 // 1
  for (int i = 0; i < 4; ++i) record(log, purge_of(Kind::url, "u" + std::to_string(i)));
  record(log, purge_of(Kind::url, "twice", true));           // 6, soft
  log.walked(3);
  CHECK(log.check(Object("twice").names(), 3) == PurgeState::soft);
  CHECK(log.check(Object("twice").names(), 0) == PurgeState::hard);
}

TEST_CASE("the listener is told of each purge once, in order, and of no repeated id") {
  EmbeddedLog log;
  std::vector<Position> heard;
  log.on_record([&](Position position, const Request&) { heard.push_back(position); });
  record(log, purge_of(Kind::url, "a", false, "id"));
  record(log, purge_of(Kind::url, "a", false, "id"));
  record(log, purge_of(Kind::url, "b"));
  log.on_record({});
  record(log, purge_of(Kind::url, "c"));
  CHECK(heard == std::vector<Position>{1, 2});
}

}  // namespace
}  // namespace davenport::purge::test
