// Instances on a real cluster of three masters and three replicas: fills that cross purges, and memory that is filled from the fleet.
#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "support/fleet.h"
#include "support/redis.h"
#include "support/sanitized.h"

using namespace davenport::testing;
using nlohmann::json;

namespace {

const FieldLines kFresh{{"cache-control", "max-age=600"}};

Clients start_purges(const Proxy& proxy, const std::vector<std::string>& bodies) {
  Clients clients;
  for (const std::string& body : bodies) {
    Client one(proxy.admin_port());
    one.send_request("POST", "/purge", {{"host", "localhost"}, {"content-type", "application/json"}}, body);
    clients.add(std::move(one));
  }
  return clients;
}

Clients start_gets(const Proxy& proxy, const std::vector<std::string>& paths) {
  Clients clients;
  for (const std::string& path : paths) {
    Client one = proxy.client();
    one.send_request("GET", path);
    clients.add(std::move(one));
  }
  return clients;
}

void check_bodies(Clients clients, const std::string& expected) {
  for (const RawResponse& each : clients.join()) {
    CHECK(each.status == 200);
    CHECK(each.body == expected);
  }
}

// So often that the workers' samples have surely seen it.
void visit(const Proxy& proxy, const std::string& path) {
  Client client = proxy.client();
  for (int i = 0; i < 100; ++i) CHECK(client.get(path).status == 200);
}

void await_listed(RedisCluster& cluster, const std::string& instance, const std::vector<std::string>& paths) {
  const std::string key = "davenport:{popular}";
  await_condition("the list of " + instance, [&] {
    const std::string list = cluster.node(cluster.master_of(key)).cli({"HGET", key, instance});
    return std::all_of(paths.begin(), paths.end(), [&](const std::string& path) { return list.find(path) != std::string::npos; });
  });
}

}  // namespace

TEST_SUITE_BEGIN("fleet");

// Each round: a fetch that began before the purge is held at the origin until the purge has returned. Who asks then, while it is held and
// after it was stored, gets the new answer, on every instance, from memory and from Redis.
TEST_CASE("a fill that began before a purge and ended after it is served by no instance, in a thousand rounds") {
  constexpr int kRounds = kSanitized ? 200 : 1'000, kTogether = 50;
  RedisCluster cluster;
  Origin origin;
  const auto patient = [&](const std::string& name) {
    ProxyConfig config = config_for_fleet(origin, cluster.toml(), name);
    return config.add("redis", "fetch_wait = \"50ms\"\npurge_timeout = \"10s\"");
  };
  const Proxy a(patient("a")), b(patient("b")), c(patient("c"));
  await_log_followed({&a, &b, &c});
  for (int first = 0; first < kRounds; first += kTogether) {
    const bool turned = first / kTogether % 2 == 1;
    const Proxy &fills = turned ? b : a, &purges = turned ? a : b;
    const Barrier answer{"the origin may answer"};
    std::vector<std::string> paths, by_url, by_tag, orders;
    for (int i = first; i < first + kTogether; ++i) {
      const std::string number = std::to_string(i), path = "/" + number;
      const FieldLines fields = FieldLines(kFresh).add("surrogate-key", "t" + number);
      origin.on("GET", path).await(answer).reply(200, fields, "old");
      origin.on("GET", path).reply(200, fields, "new");
      paths.push_back(path);
      (i % 2 == 0 ? by_url : by_tag).push_back(path);
      orders.push_back((i % 2 == 0 ? R"({"url": "http://shop.test)" + path : R"({"tag": "t)" + number) + R"(", "wait": "all", "count": false})");
    }
    Clients slow = start_gets(fills, paths);
    for (const std::string& path : paths) origin.await_requests(path, 1);
    for (const RawResponse& purged : start_purges(purges, orders).join()) {
      CHECK(purged.status == 200);
      CHECK(json::parse(purged.body)["confirmed"].size() == 3);
    }
    Clients waiting = start_gets(fills, by_tag);           // for the held fetch, whose tags nobody knows yet
    check_bodies(start_gets(fills, by_url), "new");
    check_bodies(start_gets(purges, paths), "new");
    answer.open();
    check_bodies(std::move(slow), "old");                  // they had asked before
    check_bodies(std::move(waiting), "new");
    for (const Proxy* each : {&fills, &purges}) each->await_metric("davenport_redis_write_bytes_pending", 0);
    check_bodies(start_gets(c, paths), "new");             // c has none of it in memory
    check_bodies(start_gets(fills, paths), "new");
    check_bodies(start_gets(purges, paths), "new");
  }
  CHECK(c.metric("davenport_redis_reads", {{"result", "found"}}).value_or(0) > 0);
}

TEST_CASE("what was fetched and written to Redis by an instance that no longer follows the log is believed by no other") {
  constexpr int kMany = 50;
  RedisServer redis;
  const auto may_touch = [&](const std::string& keys) {
    CHECK(redis.cli({"acl", "setuser", "lags", "on", ">a-password-of-its-own", "resetkeys", "~davenport:" + keys, "+@all"}) == "OK");
  };
  may_touch("*");
  const TempDir dir;
  write_file(dir.file("password"), "a-password-of-its-own");
  Origin origin;
  const std::string where = "server = \"" + redis.address() + "\"";
  ProxyConfig as_other = config_for_fleet(origin, where, "lags");
  as_other.add("redis", "user = \"lags\"\npassword_file = \"" + dir.file("password") + "\"");
  const Proxy lags(as_other), b(config_for_fleet(origin, where, "b"));
  await_log_followed({&lags, &b});
  const Barrier answer{"the origin may answer"};
  std::vector<std::string> paths, orders;
  for (int i = 0; i < kMany; ++i) {
    const std::string number = std::to_string(i), path = "/" + number;
    const FieldLines fields = FieldLines(kFresh).add("surrogate-key", "t" + number);
    origin.on("GET", path).await(answer).reply(200, fields, "old");
    origin.on("GET", path).reply(200, fields, "new");
    paths.push_back(path);
    orders.push_back((i % 2 == 0 ? R"({"url": "http://shop.test)" + path : R"({"tag": "t)" + number) + R"("})");
  }
  Clients slow = start_gets(lags, paths);
  for (const std::string& path : paths) origin.await_requests(path, 1);
  may_touch("{[0-9a-f]*");                                 // answers, not the log
  lags.await_metric("davenport_purge_log_reachable", 0);
  for (const RawResponse& purged : start_purges(b, orders).join()) CHECK(purged.status == 200);
  answer.open();
  check_bodies(std::move(slow), "old");
  lags.await_metric("davenport_redis_writes", kMany, {{"result", "written"}});
  check_bodies(start_gets(b, paths), "new");
  CHECK(b.metric("davenport_redis_reads", {{"result", "unusable"}}) >= kMany);
  may_touch("*");
  await_log_followed({&lags});
  check_bodies(start_gets(lags, paths), "new");
}

// fetch_wait is longer than a test is patient.
TEST_CASE("nobody waits longer for another instance's answer when that turns out not to be stored") {
  RedisServer redis;
  Origin origin;
  const auto patient = [&](const std::string& name) {
    ProxyConfig config = config_for_fleet(origin, "server = \"" + redis.address() + "\"", name);
    return config.add("redis", "fetch_wait = \"60s\"").add("cache", "max_object = \"64KiB\"");
  };
  const Proxy a(patient("a")), b(patient("b"));
  await_log_followed({&a, &b});
  const Barrier asked{"origin was asked"}, answer{"origin may answer"};
  const FieldLines chunked = FieldLines(kFresh).add("transfer-encoding", "chunked");
  bool purged = false;
  SUBCASE("it was purged meanwhile") {
    purged = true;
    origin.on("GET", "/a").reach(asked).await(answer).reply(200, kFresh, "old");
  }
  SUBCASE("it was cut short with its head") {
    origin.on("GET", "/a").reach(asked).await(answer).head(200, FieldLines(kFresh).add("content-length", "10")).raw("short").close();
  }
  SUBCASE("it was cut short later") {
    origin.on("GET", "/a").reach(asked).head(200, chunked).chunk("a part").await(answer).close();
  }
  SUBCASE("it outgrew the store") {
    origin.on("GET", "/a").reach(asked).head(200, chunked).chunk("a part").await(answer).chunk(std::string(200'000, 'x')).last_chunk();
  }
  origin.on("GET", "/a").reply(200, kFresh, "new");
  Clients first = a.start_gets(1, "/a");
  asked.await();
  Clients second = b.start_gets(1, "/a");
  await_condition("the other one to wait", [&] { return b.metric("davenport_redis_lease_waits").value_or(0) >= 1; });
  if (purged) CHECK(a.purge(R"({"url": "http://shop.test/a", "wait": "all"})").status == 200);
  answer.open();
  check_bodies(std::move(second), "new");
  static_cast<void>(first.join());
  CHECK(origin.requests("/a") == 2);
}

TEST_CASE("what is popular at some instances is in a new one's memory before it is ready, and in a restarted one's") {
  RedisCluster cluster;
  Origin origin;
  for (const char* path : {"/a/1", "/a/2", "/b/1", "/seldom"}) origin.on("GET", path).reply(200, kFresh, path);
  const auto sharing = [&](const std::string& name) {
    ProxyConfig config = config_for_fleet(origin, cluster.toml(), name);
    return config.add("warm", "share_interval = \"200ms\"\nstart_time = \"10s\"").add("redis", "purge_timeout = \"10s\"");
  };
  const Proxy a(sharing("a"));
  std::optional<Proxy> b(std::in_place, sharing("b"));
  await_log_followed({&a, &*b});
  for (const char* path : {"/a/1", "/a/2"}) visit(a, path);
  visit(*b, "/b/1");
  CHECK(b->get("/seldom").status == 200);
  a.await_metric("davenport_redis_writes", 2, {{"result", "written"}});
  b->await_metric("davenport_redis_writes", 2, {{"result", "written"}});
  await_listed(cluster, "a", {"/a/1", "/a/2"});
  await_listed(cluster, "b", {"/b/1"});

  const Proxy c(sharing("c"));                             // made when /readyz says 200
  CHECK(c.metric("davenport_start_filled_objects") >= 3);
  for (const char* path : {"/a/1", "/a/2", "/b/1"}) CHECK(from_memory(c.get(path)));

  b.reset();
  b.emplace(sharing("b"));
  for (const char* path : {"/a/1", "/a/2", "/b/1"}) CHECK(from_memory(b->get(path)));
  CHECK(is_hit(b->get("/seldom")));                        // from Redis, or with the others: one hit is not nothing
  CHECK(origin.requests() == 4);

  // What was purged is neither popular nor there.
  CHECK(a.purge(R"({"url": "http://shop.test/a/1", "wait": "all"})").status == 200);
  b.reset();
  b.emplace(sharing("b"));
  CHECK_FALSE(is_hit(b->get("/a/1")));
  CHECK(from_memory(b->get("/a/2")));
}

TEST_SUITE_END();
