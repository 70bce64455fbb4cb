// The fleet's purge log on a real server: the contract of every purge log, and what two instances make of one log.
#include "cache/redis/shared_log.h"

#include <doctest/doctest.h>

#include "cache/purge/log_contract.h"
#include "support/redis.h"

namespace davenport::redis {
namespace {

using testing::RedisServer;

config::Redis settings_for(const RedisServer& redis, const std::string& instance) {
  config::Redis settings;
  settings.server = redis.address();
  settings.seeds = {*config::Address::parse(redis.address())};
  settings.instance = instance;
  return settings;
}

void await_followed(const SharedLog& log) {
  testing::await_condition("the log to be followed", [&] { return log.health().reachable; });
}

TEST_CASE("the shared log keeps the contract of every purge log") {
  RedisServer redis;
  int fleet = 0;
  purge::test::check_log_contract([&] {
    config::Redis settings = settings_for(redis, "a");
    settings.prefix = "fleet" + std::to_string(++fleet) + ":";      // a new, empty log
    auto log = std::make_unique<SharedLog>(settings);
    log->start();
    await_followed(*log);
    return log;
  });
}

TEST_CASE("a purge recorded at one instance is applied at the other, which can read the stamps of the first") {
  RedisServer redis;
  SharedLog a(settings_for(redis, "a")), b(settings_for(redis, "b"));
  for (SharedLog* each : {&a, &b}) {
    each->start();
    await_followed(*each);
  }
  const purge::test::Object milk("shop/milk"), bread("shop/bread");
  const purge::Position before = b.position();
  const std::optional<purge::Pid> stamp = a.pid_at(a.position());
  REQUIRE(stamp);
  purge::Request request = purge::test::purge_of(purge::Kind::url, "shop/milk");
  request.wait_all = true;
  const Result<purge::Receipt> receipt = a.record(request);
  REQUIRE(receipt);
  CHECK(receipt->reach == purge::Reach::everywhere);
  CHECK(receipt->confirmed == std::vector<std::string>{"a", "b"});
  CHECK(b.check(milk.names(), before) == policy::PurgeState::hard);
  CHECK(b.check(bread.names(), before) == policy::PurgeState::valid);
  const std::optional<purge::Position> since = b.local_of(*stamp);    // of a record that a wrote before the purge
  REQUIRE(since);
  CHECK(b.check(milk.names(), *since) == policy::PurgeState::hard);
  CHECK(b.check(bread.names(), *since) == policy::PurgeState::valid);
  CHECK_FALSE(b.local_of({stamp->position, stamp->nonce + 1}));       // another log's
  CHECK_FALSE(b.local_of({stamp->position + 1'000, stamp->nonce}));   // not heard of yet
}

TEST_CASE("a log that was lost raises the floor, and the purges that were in it are appended again") {
  RedisServer redis;
  SharedLog log(settings_for(redis, "a"));
  log.start();
  await_followed(log);
  const purge::test::Object milk("shop/milk");
  const purge::Position before = log.position();
  REQUIRE(log.record(purge::test::purge_of(purge::Kind::tag, "dairy", false, "release-1")));
  redis.cli({"flushall"});
  testing::await_condition("the fork to be noticed", [&] { return log.health().forks == 1; });
  CHECK(log.check(milk.names(), before) == policy::PurgeState::validate);
  testing::await_condition("the purge to be appended again", [&] {
    return redis.cli({"hexists", "davenport:{purge-log}:ids", "irelease-1"}) == "1";
  });
}

TEST_CASE("an unreachable log is told of, and the purge holds here") {
  config::Redis settings;
  settings.server = "127.0.0.1:1";
  settings.seeds = {*config::Address::parse(settings.server)};
  settings.purge_timeout = Millis{100};
  SharedLog log(settings);
  log.start();
  const purge::test::Object milk("shop/milk");
  const Result<purge::Receipt> receipt = log.record(purge::test::purge_of(purge::Kind::url, "shop/milk"));
  REQUIRE(receipt);
  CHECK(receipt->reach == purge::Reach::here);
  CHECK(log.check(milk.names(), 0) == policy::PurgeState::hard);
  CHECK_FALSE(log.health().reachable);
  CHECK_FALSE(log.local_of({1, 1}));
}

}  // namespace
}  // namespace davenport::redis
