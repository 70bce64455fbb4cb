// The tier that instances share, on real Redis servers: what one fetched the others have; what goes wrong in Redis costs no client an
// error and the origin no more than a miss.
#include <doctest/doctest.h>

#include <signal.h>

#include <ctime>

#include <nlohmann/json.hpp>

#include "support/fleet.h"
#include "support/redis.h"

using namespace davenport::testing;
using nlohmann::json;

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}, {"etag", "\"1\""}};

std::string server(const RedisServer& redis) { return "server = \"" + redis.address() + "\""; }

// Fetched by one instance, and written.
void fill(Origin& origin, const Proxy& proxy, const std::string& path, const FieldLines& more = {}, const std::string& body = "x") {
  const double before = proxy.metric("davenport_redis_writes", {{"result", "written"}}).value_or(0);
  origin.on("GET", path).reply(200, FieldLines(kFresh).add(more), body);
  CHECK(proxy.get(path).status == 200);
  proxy.await_metric("davenport_redis_writes", before + 1, {{"result", "written"}});
}

// One origin, one Redis, and two instances that follow its log.
struct TwoInstances {
  RedisServer redis;
  Origin origin;
  const Proxy a{config_for_fleet(origin, server(redis), "a")}, b{config_for_fleet(origin, server(redis), "b")};
  TwoInstances() { await_log_followed({&a, &b}); }
};

}  // namespace

TEST_SUITE_BEGIN("redis");

TEST_CASE("what one instance fetched another finds in Redis, whole, and then has it in memory") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  const std::string large(300'000, 'm');
  fill(origin, a, "/milk", {{"x-kind", "whole"}});
  fill(origin, a, "/cream", {}, large);
  const RawResponse milk = b.get("/milk");
  CHECK(from_redis(milk));
  CHECK(milk.body == "x");
  CHECK(milk.field("x-kind") == "whole");
  CHECK(milk.field("etag") == "\"1\"");
  const RawResponse cream = b.get("/cream");
  CHECK(from_redis(cream));
  CHECK(cream.body == large);
  const RawResponse again = b.get("/milk");
  CHECK(is_hit(again));
  CHECK_FALSE(from_redis(again));
  CHECK(origin.requests("/milk") == 1);
  CHECK(origin.requests("/cream") == 1);
}

TEST_CASE("the age goes on from instance to instance") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  fill(origin, a, "/old", {{"age", "30"}});
  const RawResponse old = b.get("/old");
  CHECK(from_redis(old));
  CHECK(std::stol(old.field("age")) >= 30);
  CHECK(cache_status(old).number("ttl") <= 30);
}

TEST_CASE("a variant is chosen by Vary, in Redis as in memory") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  origin.on("GET", "/shirt").reply([](const SeenRequest& request) {
    return Reply{200, FieldLines(kFresh).add("vary", "x-color"), request.field("x-color")};
  });
  for (const char* color : {"red", "blue"}) a.get("/shirt", {{"x-color", color}});
  a.await_metric("davenport_redis_writes", 2, {{"result", "written"}});
  for (const char* color : {"red", "blue"}) {
    const RawResponse shirt = b.get("/shirt", {{"x-color", color}});
    CHECK(from_redis(shirt));
    CHECK(shirt.body == color);
  }
  CHECK_FALSE(is_hit(b.get("/shirt", {{"x-color", "green"}})));
  CHECK(origin.requests("/shirt") == 3);
}

TEST_CASE("what is coded here is one variant in Redis too, whatever else it varies by") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  origin.on("GET", "/shirt").reply([](const SeenRequest& request) {
    const FieldLines more{{"vary", "Accept-Encoding, X-Color"}, {"content-type", "text/html"}};
    return Reply{200, FieldLines(kFresh).add(more), request.field("x-color")};
  });
  for (const char* color : {"red", "blue"}) a.get("/shirt", {{"x-color", color}, {"accept-encoding", "gzip"}});
  a.await_metric("davenport_redis_writes", 2, {{"result", "written"}});
  for (const char* color : {"red", "blue"}) {
    const RawResponse shirt = b.get("/shirt", {{"x-color", color}, {"accept-encoding", "br"}});
    CHECK(from_redis(shirt));
    CHECK(shirt.body == color);
  }
  CHECK(origin.requests("/shirt") == 2);
}

TEST_CASE("of what another instance stored every coding is made, as of one's own") {
  Origin origin;
  RedisServer redis;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "line " + std::to_string(i) + " of a text\n";
  const FieldLines fields{{"cache-control", "max-age=60"}, {"content-type", "text/plain"}};
  origin.on("GET", "/plain").reply(200, fields, text);
  const Proxy a(config_for_fleet(origin, server(redis), "a")), b(config_for_fleet(origin, server(redis), "b"));
  const Proxy c(config_for_fleet(origin, server(redis), "c").add("route.cache", "compression.enabled = false"));
  await_log_followed({&a, &b, &c});
  CHECK(a.get("/plain", {{"accept-encoding", "gzip"}}).status == 200);
  await_condition("gzip of what came from Redis", [&] { return b.get("/plain", {{"accept-encoding", "gzip"}}).field("content-encoding") == "gzip"; });
  CHECK(b.get("/plain").body == text);
  CHECK(origin.requests("/plain") == 1);
  CHECK(c.get("/plain").body == text);            // it makes no codings: what counts on them is no use to it
}

TEST_CASE("many that miss together ask Redis once") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  fill(origin, a, "/milk");
  redis.pause();                               // so that all of them are there when it answers
  Clients clients = b.start_gets(50, "/milk");
  b.await_metric("coalesced_followers", 49);
  redis.resume();
  for (const RawResponse& response : clients.join()) CHECK(response.body == "x");
  CHECK(origin.requests("/milk") <= 2);        // at most one more, where the budget was over first
  const double reads = b.metric("davenport_redis_reads", {{"result", "found"}}).value_or(0) +
                       b.metric("davenport_redis_reads", {{"result", "late"}}).value_or(0);
  CHECK(reads == 1);
}

TEST_CASE("only-if-cached is answered with what the fleet has stored, and else with 504 (RFC 9111 §5.2.1.7)") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  fill(origin, a, "/milk");
  fill(origin, a, "/old", {{"age", "30"}});
  const FieldLines only_stored{{"cache-control", "only-if-cached"}};
  const RawResponse milk = b.get("/milk", only_stored);
  CHECK(from_redis(milk));
  CHECK(milk.body == "x");
  const RawResponse again = b.get("/milk", only_stored);
  CHECK(is_hit(again));
  CHECK_FALSE(from_redis(again));                      // it is in memory now
  CHECK(b.get("/nowhere", only_stored).status == 504);
  CHECK(b.get("/old", {{"cache-control", "only-if-cached, max-age=10"}}).status == 504);
  CHECK(b.get("/old", only_stored).status == 200);
  origin.on("GET", "/shirt").reply([](const SeenRequest& request) {
    return Reply{200, FieldLines(kFresh).add("vary", "x-color"), request.field("x-color")};
  });
  a.get("/shirt", {{"x-color", "red"}});
  a.await_metric("davenport_redis_writes", 3, {{"result", "written"}});
  CHECK(b.get("/shirt", {{"cache-control", "only-if-cached"}, {"x-color", "blue"}}).status == 504);
  CHECK(b.get("/shirt", {{"cache-control", "only-if-cached"}, {"x-color", "red"}}).body == "red");
  CHECK(origin.requests() == 3);
  redis.kill();
  CHECK(b.get("/elsewhere", only_stored).status == 504);
}

TEST_CASE("many that may only have what is stored ask Redis once, and none of them the origin") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  fill(origin, a, "/milk");
  redis.pause();                               // so that all of them are there when it answers
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(b.client());
    clients.back().send_request("GET", "/milk", {{"cache-control", "only-if-cached"}});
  }
  b.await_metric("coalesced_followers", 19);
  redis.resume();
  for (Client& client : clients) {
    const int status = client.read().status;
    const bool told = status == 200 || status == 504;  // 504: the budget was over first
    CHECK(told);
  }
  CHECK(origin.requests("/milk") == 1);
  const double reads = b.metric("davenport_redis_reads", {{"result", "found"}}).value_or(0) +
                       b.metric("davenport_redis_reads", {{"result", "late"}}).value_or(0);
  CHECK(reads == 1);
}

TEST_CASE("a HEAD is answered with what the fleet has stored, whether or not it would be asked as a GET") {
  RedisServer redis;
  Origin origin;
  origin.on("HEAD", "/*").reply(200, {{"cache-control", "max-age=60"}, {"content-length", "1"}});
  ProxyConfig stays = config_for_fleet(origin, server(redis), "b");
  stays.add("cache.defaults", "convert_head = false");
  const Proxy a(config_for_fleet(origin, server(redis), "a")), b(stays), c(config_for_fleet(origin, server(redis), "c"));
  await_log_followed({&a, &b, &c});
  fill(origin, a, "/milk");
  for (const Proxy* each : {&b, &c}) {
    const RawResponse head = each->request("HEAD", "/milk");
    CHECK(from_redis(head));
    CHECK(head.field("content-length") == "1");
    CHECK(head.body == "");
    CHECK(is_hit(each->get("/milk")));                 // the whole is in memory
  }
  CHECK_FALSE(is_hit(b.request("HEAD", "/nowhere")));  // asked as a HEAD
  CHECK(origin.requests("/nowhere") == 1);
  CHECK(origin.requests("/milk") == 1);
}

TEST_CASE("a HEAD beside a stale answer takes the newer one that another instance has") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  origin.on("GET", "/milk").reply(200, {{"cache-control", "max-age=60"}, {"age", "60"}, {"etag", "\"1\""}}, "x");
  origin.on("GET", "/milk").reply(304, kFresh);
  b.get("/milk");
  b.await_metric("davenport_redis_writes", 1, {{"result", "written"}});
  const std::time_t then = std::time(nullptr);
  await_condition("a later second", [&] { return std::time(nullptr) > then; });   // times of answers are whole seconds
  CHECK(a.get("/milk").status == 200);                 // validated
  a.await_metric("davenport_redis_writes", 1, {{"result", "written"}});
  CHECK(from_redis(b.request("HEAD", "/milk")));
  CHECK(origin.requests("/milk") == 2);
}

TEST_CASE("something cold under load of two instances costs the origin one request") {
  RedisServer redis;
  Origin origin;
  ProxyConfig patient = config_for_fleet(origin, server(redis), "a");
  patient.add("redis", "fetch_wait = \"10s\"");
  const Proxy a(patient), b(patient);
  await_log_followed({&a, &b});
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/cold").reach(asked).await(answer).reply(200, kFresh, "x");
  Clients first = a.start_gets(5, "/cold");
  asked.await();
  Clients second = b.start_gets(5, "/cold");
  await_condition("the other one to wait", [&] { return b.metric("davenport_redis_lease_waits").value_or(0) >= 2; });
  answer.open();
  for (const RawResponse& response : first.join()) CHECK(response.body == "x");
  for (const RawResponse& response : second.join()) {
    CHECK(response.body == "x");
    CHECK(from_redis(response));
  }
  CHECK(origin.requests("/cold") == 1);
}

TEST_CASE("what may not be shared is not waited for longer than until that is known") {
  RedisServer redis;
  Origin origin;
  ProxyConfig patient = config_for_fleet(origin, server(redis), "a");
  patient.add("redis", "fetch_wait = \"10s\"");
  const Proxy a(patient), b(patient);
  await_log_followed({&a, &b});
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/private").reach(asked).await(answer).reply(200, {{"cache-control", "private"}}, "x");
  origin.on("GET", "/private").reply(200, {{"cache-control", "private"}}, "y");
  Clients first = a.start_gets(1, "/private");
  asked.await();
  Clients second = b.start_gets(1, "/private");
  await_condition("the other one to wait", [&] { return b.metric("davenport_redis_lease_waits").value_or(0) >= 1; });
  answer.open();
  CHECK(first.join().front().body == "x");
  CHECK(second.join().front().body == "y");
}

TEST_CASE("a 304 refreshes both tiers") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  origin.on("GET", "/milk").reply(200, {{"cache-control", "max-age=0"}, {"etag", "\"1\""}}, "x");
  origin.on("GET", "/milk").reply(304, kFresh);
  a.get("/milk");
  a.await_metric("davenport_redis_writes", 1, {{"result", "written"}});
  CHECK(a.get("/milk").body == "x");            // validated
  a.await_metric("davenport_redis_writes", 2, {{"result", "written"}});
  CHECK(from_redis(b.get("/milk")));
  CHECK(origin.requests("/milk") == 2);
}

TEST_CASE("a stale record brings its validators") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  origin.on("GET", "/milk").reply(200, {{"cache-control", "max-age=0"}, {"etag", "\"1\""}}, "x");
  origin.on("GET", "/milk").reply(304, kFresh);
  a.get("/milk");
  a.await_metric("davenport_redis_writes", 1, {{"result", "written"}});
  CHECK(b.get("/milk").body == "x");
  CHECK(origin.last_request("/milk").field("if-none-match") == "\"1\"");
}

TEST_CASE("a record that was tampered with is a miss, and counted") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  fill(origin, a, "/milk");
  const std::string key = redis.cli({"--scan", "--pattern", "davenport:{????????????????????????????????}"});
  REQUIRE_FALSE(key.empty());
  redis.cli({"setrange", key, "200", "tampered"});
  const RawResponse response = b.get("/milk");
  CHECK(response.status == 200);
  CHECK_FALSE(is_hit(response));
  CHECK(b.metric("davenport_redis_reads", {{"result", "damaged"}}) == 1);
  b.await_metric("davenport_redis_writes", 1, {{"result", "written"}});   // it has put a good one there
  redis.cli({"set", key, "nonsense"});
  const Proxy c(config_for_fleet(origin, server(redis), "c"));
  await_log_followed({&c});
  CHECK(c.get("/milk").status == 200);
  CHECK(c.metric("davenport_redis_reads", {{"result", "damaged"}}) == 1);
}

TEST_CASE("with an HMAC key a record of who lacks the key is not believed") {
  RedisServer redis;
  Origin origin;
  TempDir dir;
  write_file(dir.file("key"), "a-key-that-only-the-fleet-knows");
  ProxyConfig with = config_for_fleet(origin, server(redis), "a");
  with.add("redis", "hmac_key_file = \"" + dir.file("key") + "\"");
  const Proxy stranger(config_for_fleet(origin, server(redis), "stranger")), a(with);
  const Proxy b(with);
  await_log_followed({&stranger, &a, &b});
  fill(origin, stranger, "/milk");
  CHECK_FALSE(is_hit(a.get("/milk")));
  CHECK(a.metric("davenport_redis_reads", {{"result", "damaged"}}) == 1);
  a.await_metric("davenport_redis_writes", 1, {{"result", "written"}});
  CHECK(from_redis(b.get("/milk")));
}

TEST_CASE("without Redis, with a hanging one and with a wrong password clients are served as if there were none") {
  Origin origin;
  origin.on("GET", "/*").reply(200, kFresh, "x");
  SUBCASE("nobody listens") {
    const Proxy proxy(config_for_fleet(origin, "server = \"127.0.0.1:" + std::to_string(free_port()) + "\"", "a"));
    for (int i = 0; i < 20; ++i) CHECK(proxy.get("/" + std::to_string(i)).status == 200);
    CHECK(proxy.metric("davenport_purge_log_reachable") == 0);
  }
  SUBCASE("it hangs, and wakes again") {
    RedisServer redis;
    const Proxy proxy(config_for_fleet(origin, server(redis), "a"));
    await_log_followed({&proxy});
    redis.pause();
    for (int i = 0; i < 20; ++i) CHECK(proxy.get("/" + std::to_string(i)).status == 200);
    CHECK(proxy.metric("davenport_redis_breaker_openings").value_or(0) >= 1);
    proxy.await_metric("davenport_purge_log_reachable", 0);
    redis.resume();
    await_log_followed({&proxy});
  }
  SUBCASE("it is killed, and starts again empty") {
    RedisServer redis;
    const Proxy proxy(config_for_fleet(origin, server(redis), "a"));
    await_log_followed({&proxy});
    CHECK(proxy.get("/kept").status == 200);
    redis.kill();
    for (int i = 0; i < 20; ++i) CHECK(proxy.get("/" + std::to_string(i)).status == 200);
    redis.start();
    await_log_followed({&proxy});
    proxy.await_metric("davenport_purge_log_events", 1, {{"event", "fork"}});
    CHECK(proxy.get("/kept").status == 200);
  }
  SUBCASE("the password is wrong") {
    RedisServer redis({"--requirepass", "the-right-password"});
    TempDir dir;
    write_file(dir.file("password"), "a-very-wrong-password");
    ProxyConfig config = config_for_fleet(origin, server(redis), "a");
    config.add("redis", "password_file = \"" + dir.file("password") + "\"");
    const Proxy proxy(config);
    for (int i = 0; i < 20; ++i) CHECK(proxy.get("/" + std::to_string(i)).status == 200);
    proxy.await_log("WRONGPASS");
  }
  SUBCASE("the password is right") {
    RedisServer redis({"--requirepass", "the-right-password"});
    TempDir dir;
    write_file(dir.file("password"), "the-right-password");
    ProxyConfig config = config_for_fleet(origin, server(redis), "a");
    config.add("redis", "password_file = \"" + dir.file("password") + "\"");
    const Proxy proxy(config);
    await_log_followed({&proxy});
  }
  SUBCASE("its memory is full") {
    RedisServer redis({"--maxmemory", "1mb", "--maxmemory-policy", "noeviction"});
    const Proxy proxy(config_for_fleet(origin, server(redis), "a"));
    for (int i = 0; i < 20; ++i) CHECK(proxy.get("/" + std::to_string(i)).status == 200);
    proxy.await_log("listening");
    CHECK(json::parse(proxy.purge(R"({"all": true})").body)["applied_here"] == true);
  }
}

TEST_CASE("a purge on one instance holds on the others when it answers, and names them") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  struct Row { const char *path, *purge; };
  for (const Row& row : {Row{"/url", R"({"url": "http://shop.test/url", "wait": "all"})"},
                         Row{"/tag", R"({"tag": "dairy", "wait": "all"})"},
                         Row{"/img/1", R"({"prefix": "http://shop.test/img/", "wait": "all"})"},
                         Row{"/all", R"({"all": true, "wait": "all"})"}}) {
    CAPTURE(row.path);
    fill(origin, a, row.path, {{"surrogate-key", "dairy"}});
    CHECK(is_hit(b.get(row.path)));
    const RawResponse purged = a.purge(row.purge);
    CHECK(purged.status == 200);
    const json body = json::parse(purged.body);
    CHECK(body["confirmed"] == json::array({"a", "b"}));
    CHECK_FALSE(is_hit(b.get(row.path)));      // neither from its memory nor from Redis
    CHECK(origin.requests(row.path) == 2);
  }
}

TEST_CASE("a purge's id counts once in the whole fleet") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  const json first = json::parse(a.purge(R"({"all": true, "id": "release-7", "wait": "all"})").body);
  fill(origin, b, "/milk");
  const json second = json::parse(b.purge(R"({"all": true, "id": "release-7", "wait": "all"})").body);
  CHECK(first["position"] == second["position"]);
  CHECK(is_hit(b.get("/milk")));
}

TEST_CASE("without the log a purge holds here and answers 503; strict instances then validate everything") {
  for (const bool strict : {false, true}) {
    CAPTURE(strict);
    Origin origin;
    origin.on("GET", "/milk").reply(200, kFresh, "x");
    RedisServer redis;
    ProxyConfig config = config_for_fleet(origin, server(redis), "a");
    config.add("redis", std::string("strict = ") + (strict ? "true" : "false") + "\npurge_timeout = \"300ms\"");
    const Proxy proxy(config);
    await_log_followed({&proxy});
    CHECK(proxy.get("/milk").status == 200);
    CHECK(is_hit(proxy.get("/milk")));
    redis.kill();
    proxy.await_metric("davenport_purge_log_reachable", 0);
    CHECK(is_hit(proxy.get("/milk")) == !strict);
    const RawResponse purged = proxy.purge(R"({"url": "http://shop.test/milk"})");
    CHECK(purged.status == 503);
    CHECK(json::parse(purged.body)["applied_here"] == true);
    CHECK_FALSE(is_hit(proxy.get("/milk")));
    const json ready = json::parse(proxy.admin("GET", "/readyz").body);
    CHECK(ready["purge_log"].get<std::string>().starts_with("out of reach"));
  }
}

TEST_CASE("the fleet's instances are listed with their place in the log") {
  RedisServer redis;
  Origin origin;
  const Proxy a(config_for_fleet(origin, server(redis), "a"));
  await_log_followed({&a});
  {
    const Proxy b(config_for_fleet(origin, server(redis), "b"));
    await_log_followed({&b});
    a.purge(R"({"all": true, "wait": "all"})");
    const json fleet = json::parse(a.admin("GET", "/fleet").body);
    CHECK(fleet["instance"] == "a");
    CHECK(fleet["instances"].size() == 2);
    for (const json& each : fleet["instances"]) {
      CHECK(each["live"] == true);
      CHECK(each["lag"] == 0);
    }
  }
  // Who has left in order is not waited for.
  const RawResponse purged = a.purge(R"({"all": true, "wait": "all"})");
  CHECK(purged.status == 200);
  CHECK(json::parse(purged.body)["confirmed"] == json::array({"a"}));
}

TEST_CASE("the purge command names an instance that has not confirmed in time, and exits with 3") {
  RedisServer redis;
  Origin origin;
  ProxyConfig config = config_for_fleet(origin, server(redis), "a");
  config.add("redis", "purge_timeout = \"300ms\"");
  const Proxy a(config);
  Proxy b(config_for_fleet(origin, server(redis), "b"));
  await_log_followed({&a, &b});
  const TempDir dir;
  const std::vector<std::string> command{Proxy::binary(), "purge", "--all", "--wait-all", "--admin", "http://127.0.0.1:" + std::to_string(a.admin_port())};
  Process confirmed(command, dir.file("out"), dir.file("err"));
  CHECK(confirmed.await_exit() == 0);
  b.signal(SIGSTOP);
  Process missing(command, dir.file("out"), dir.file("err"));
  CHECK(missing.await_exit() == 3);
  b.signal(SIGCONT);
  CHECK(read_file(dir.file("out")).find("purged: position") == 0);
  const std::string said = read_file(dir.file("err"));
  CHECK_MESSAGE(said.find("not confirmed in time by: b\n") != std::string::npos, said);
}

TEST_CASE("what ended in memory does not come back from Redis (RFC 9111 §4.3.3, §4.3.5)") {
  RedisServer redis;
  Origin origin;
  ProxyConfig config = config_for_fleet(origin, server(redis), "a");
  config.add("", "workers = 1");                      // a deletion goes before the next look of the same worker's
  config.add("cache.defaults", "hit_for_miss = \"0s\"").add("cache.defaults", "convert_head = false");
  const Proxy a(config);
  await_log_followed({&a});
  for (const std::string path : {"/no-store", "/gone", "/head"}) {
    CAPTURE(path);
    fill(origin, a, path, {}, "first");
    if (path == "/head") {
      origin.on("HEAD", path).reply(200, {{"etag", "\"2\""}});
      a.request("HEAD", path, {{"cache-control", "no-cache"}});
    } else {
      origin.on("GET", path).reply(path == "/gone" ? 404 : 200, {{"cache-control", "no-store"}}, "second");
      CHECK(a.get(path, {{"cache-control", "no-cache"}}).body == "second");
    }
    origin.on("GET", path).reply(200, {{"cache-control", "no-store"}}, "third");
    CHECK(a.get(path).body == "third");
  }
}

TEST_CASE("purges go through where Redis takes nothing more, and their log does not fill it") {
  Origin origin;
  RedisServer redis;
  redis.cli({"config", "set", "maxmemory", "48mb"});
  redis.cli({"config", "set", "maxmemory-policy", "noeviction"});
  const Proxy a(config_for_fleet(origin, server(redis), "a"));
  await_log_followed({&a});
  std::string tags;
  for (int i = 0; i < 5'000; ++i) tags += (i == 0 ? "\"" : ",\"") + std::to_string(i) + std::string(200, 'x') + "\"";
  for (int i = 0; i < 60; ++i) CHECK(a.purge("{\"tags\":[" + tags + "],\"count\":false}").status == 200);
  CHECK(std::stoi(redis.cli({"xlen", "davenport:{purge-log}:entries"})) < 40);
  redis.cli({"config", "set", "maxmemory", "1mb"});
  CHECK(a.purge("{\"url\":\"http://shop.test/a\"}").status == 200);
  CHECK(redis.cli({"set", "davenport:x", "y"}).starts_with("OOM"));
}

TEST_CASE("a log of purges that name thousands each is read by an instance that comes later") {
  TwoInstances two;
  auto& [redis, origin, a, b] = two;
  for (int purge = 0; purge < 48; ++purge) {           // of what is kept, more than an instance takes at once
    std::string urls;
    for (int i = 0; i < 10'000; ++i) urls += (i == 0 ? "\"" : ",\"") + std::string("http://shop.test/") + std::to_string(purge * 10'000 + i) + std::string(150, 'x') + "\"";
    CHECK(a.purge("{\"urls\": [" + urls + "], \"count\": false}").status == 200);
  }
  const Proxy late(config_for_fleet(origin, server(redis), "late"));
  await_log_followed({&late});
  CHECK(a.purge(R"({"url": "http://shop.test/x", "wait": "all"})").status == 200);
}

TEST_SUITE_END();
