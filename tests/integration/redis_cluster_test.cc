// The tier that instances share on a real cluster of three masters and three replicas.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/fleet.h"
#include "support/redis.h"

using namespace davenport::testing;
using nlohmann::json;

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}, {"etag", "\"1\""}};


}  // namespace

TEST_SUITE_BEGIN("redis_cluster");

TEST_CASE("on a cluster: found everywhere, purged everywhere, while a master is killed and slots move") {
  RedisCluster cluster;
  Origin origin;
  origin.on("GET", "/many/*").reply(200, kFresh, "x");
  const Proxy a(config_for_fleet(origin, cluster.toml(), "a")), b(config_for_fleet(origin, cluster.toml(), "b"));
  await_log_followed({&a, &b});
  constexpr int kMany = 30;
  const auto path = [](int i) { return "/many/" + std::to_string(i); };
  for (int i = 0; i < kMany; ++i) a.get(path(i));
  a.await_metric("davenport_redis_writes", kMany, {{"result", "written"}});
  for (int i = 0; i < kMany; ++i) CHECK(from_redis(b.get(path(i))));
  CHECK(origin.requests() == kMany);

  const RawResponse purged = b.purge(R"({"prefix": "http://shop.test/many/", "wait": "all"})");
  CHECK(purged.status == 200);
  CHECK(json::parse(purged.body)["confirmed"].size() == 2);
  for (int i = 0; i < kMany; ++i) CHECK_FALSE(is_hit(a.get(path(i))));

  // One slot moves while it is read: ASK on the way, MOVED afterwards.
  const std::string key = "davenport:{purge-log}:entries";
  const std::size_t owner = cluster.master_of(key);
  std::size_t other = 0;
  while (other == owner || cluster.node(other).cli({"info", "replication"}).find("role:master") == std::string::npos) ++other;
  const std::string slot = cluster.node(0).cli({"cluster", "keyslot", key});
  const std::string from = cluster.node(owner).cli({"cluster", "myid"}), to = cluster.node(other).cli({"cluster", "myid"});
  CHECK(cluster.node(other).cli({"cluster", "setslot", slot, "importing", from}) == "OK");
  CHECK(cluster.node(owner).cli({"cluster", "setslot", slot, "migrating", to}) == "OK");
  for (const char* name : {"entries", "instances", "ids"}) {
    cluster.node(owner).cli({"migrate", "127.0.0.1", std::to_string(cluster.node(other).port()), std::string("davenport:{purge-log}:") + name, "0", "5000"});
  }
  for (const std::size_t each : {other, owner}) CHECK(cluster.node(each).cli({"cluster", "setslot", slot, "node", to}) == "OK");
  await_condition("a purge after the log's slot has moved", [&] {
    return a.purge(R"({"all": true, "wait": "all"})").status == 200;
  }, std::chrono::seconds{20});
  CHECK(a.metric("davenport_redis_errors", {{"error", "moved"}}).value_or(0) >= 1);

  // The log's master dies: no client notices, and purges are acknowledged again by the next one.
  const std::size_t master = cluster.master_of(key);
  cluster.node(master).kill();
  for (int i = 0; i < kMany; ++i) CHECK(a.get(path(i)).status == 200);
  await_condition("a purge on the promoted master", [&] {
    const RawResponse answer = a.purge(R"({"url": "http://shop.test/many/1", "wait": "all"})");
    // Its replica is the one that was promoted: 202 until another is there. Each is waited for, also one that was cut off for so
    // long that the fleet no longer waits for it.
    const bool told = answer.status == 200 || (answer.status == 202 && json::parse(answer.body)["missing"] == json::array({"replica"}));
    return told && json::parse(answer.body)["confirmed"].size() == 2;
  }, std::chrono::seconds{30});
  CHECK_FALSE(is_hit(b.get(path(1))));
  cluster.node(master).start();
  await_condition("a purge with a replica again", [&] {
    const RawResponse answer = a.purge(R"({"url": "http://shop.test/many/2", "wait": "all"})");
    return answer.status == 200 && json::parse(answer.body)["confirmed"].size() == 2;
  }, std::chrono::seconds{30});
  CHECK_FALSE(is_hit(b.get(path(2))));
}

TEST_SUITE_END();
