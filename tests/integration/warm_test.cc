// Warming: `davenport warm` before a running proxy, and the running instance's own.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/fleet.h"
#include "support/process.h"
#include "support/redis.h"

using namespace davenport::testing;
using nlohmann::json;

TEST_SUITE_BEGIN("warm");

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}, {"content-type", "text/html"}};

struct Ended {
  int status;
  std::string out, err;
};

Ended run_cli(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), Proxy::binary());
  const TempDir dir;
  Process process(arguments, dir.file("out"), dir.file("err"));
  const int status = process.await_exit();
  return {status, read_file(dir.file("out")), read_file(dir.file("err"))};
}

std::string url_of(const Proxy& proxy) { return "http://127.0.0.1:" + std::to_string(proxy.port()); }
bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("warm asks for a sitemap's pages through the proxy, and says which were warm already") {
  Origin origin;
  origin.on("GET", "/sitemap.xml").reply(200, {{"content-type", "text/xml"}},
      "<urlset><url><loc>http://shop.test/a</loc></url><url><loc>http://shop.test/b?x=1&amp;y=2</loc></url>"
      "<url><loc>http://shop.test/private</loc></url></urlset>");
  for (const char* page : {"/a", "/b?x=1&y=2"}) origin.on("GET", page).reply(200, kFresh, std::string(2'000, 'a'));
  origin.on("GET", "/private").reply(200, {{"cache-control", "no-store"}}, "yours");
  const Proxy proxy(config_for(origin));
  const std::vector<std::string> command{"warm", "--from", "http://shop.test/sitemap.xml", "--proxy", url_of(proxy)};
  const Ended first = run_cli(command);
  CHECK(first.status == 0);
  CHECK_MESSAGE(says(first.out, "3 of 3"), first.out);
  CHECK_MESSAGE(says(first.out, "2 fetched, 0 already warm, 1 not stored"), first.out);
  CHECK(is_hit(proxy.get("/a")));
  CHECK(is_hit(proxy.get("/b?x=1&y=2")));
  const Ended second = run_cli(command);
  CHECK_MESSAGE(says(second.out, "0 fetched, 2 already warm, 1 not stored"), second.out);
  CHECK(origin.requests("/a") == 1);
  CHECK(origin.last_request("/a").field("host") == "shop.test");
}

TEST_CASE("warm asks for each variant, and its form is there afterwards") {
  Origin origin;
  origin.on("GET", "/a").reply(200, kFresh, std::string(20'000, 'a'));
  const Proxy proxy(config_for(origin));
  const TempDir dir;
  write_file(dir.file("urls"), "http://shop.test/a\n");
  const Ended ended = run_cli({"warm", "--from", dir.file("urls"), "--variants", "gzip,br", "--proxy", url_of(proxy)});
  CHECK(ended.status == 0);
  CHECK(origin.requests("/a") == 1);
  CHECK(proxy.metric("davenport_coded_forms", {{"coding", "gzip"}, {"effort", "fast"}}) == 1);
  CHECK(proxy.metric("davenport_coded_forms", {{"coding", "br"}, {"effort", "fast"}}) == 1);
}

TEST_CASE("warm exits with 1 where something failed, and names it") {
  Origin origin;
  origin.on("GET", "/p/1").reply(200, kFresh, "1");
  origin.on("GET", "/p/2").reply(404, {}, "gone");
  const Proxy proxy(config_for(origin));
  const TempDir dir;
  write_file(dir.file("feed.json"), R"({"products": [{"id": 1}, {"id": 2}]})");
  const Ended ended = run_cli({"warm", "--feed", dir.file("feed.json"), "--template", "/p/{id}", "--base", "http://shop.test", "--proxy", url_of(proxy)});
  CHECK(ended.status == 1);
  CHECK_MESSAGE(says(ended.out, "1 fetched, 0 already warm, 1 failed"), ended.out);
  CHECK_MESSAGE(says(ended.err, "http://shop.test/p/2: status 404"), ended.err);
  CHECK(run_cli({"warm", "--from", dir.file("none")}).status == 1);
  CHECK(run_cli({"warm"}).status == 2);
}

TEST_CASE("a running instance warms what POST /warm names, and GET /warm says how far it is") {
  Origin origin;
  const Barrier asked{"the origin was asked"}, answer{"it may answer"};
  origin.on("GET", "/sitemap.xml").reply(200, {{"cache-control", "no-store"}},
      "<urlset><url><loc>http://shop.test/a</loc></url><url><loc>http://shop.test/gone</loc></url><url><loc>http://shop.test/mine</loc></url></urlset>");
  origin.on("GET", "/a").reach(asked).await(answer).reply(200, kFresh, std::string(20'000, 'a'));
  origin.on("GET", "/gone").reply(404, {}, "gone");
  origin.on("GET", "/mine").reply(200, {{"cache-control", "private"}}, "mine");
  const Proxy proxy(config_for(origin));
  CHECK(json::parse(proxy.admin("GET", "/warm").body)["state"] == "none");
  CHECK(proxy.admin("DELETE", "/warm").status == 409);
  const RawResponse begun = proxy.admin("POST", "/warm", R"({"sitemap": "http://shop.test/sitemap.xml", "variants": ["gzip"], "concurrency": 1})");
  CHECK(begun.status == 202);
  asked.await();
  CHECK(proxy.admin("POST", "/warm", R"({"urls": ["http://shop.test/a"]})").status == 409);
  const json meanwhile = json::parse(proxy.admin("GET", "/warm").body);
  CHECK(meanwhile["state"] == "asking");
  CHECK(meanwhile["total"] == 3);
  Clients visitor = proxy.start_gets(1, "/a");          // joins the same fetch
  proxy.await_metric("davenport_coalesced_followers", 1);
  answer.open();
  CHECK(visitor.join().front().body.size() == 20'000);
  proxy.await_metric("davenport_warm_running", 0);
  const json done = json::parse(proxy.admin("GET", "/warm").body);
  CHECK(done["state"] == "done");
  CHECK(done["fetched"] == 1);
  CHECK(done["not_stored"] == 1);
  CHECK(done["failures"] == json::array({"http://shop.test/gone: status 404"}));
  CHECK(is_hit(proxy.get("/a", {{"accept-encoding", "gzip"}})));
  CHECK(origin.requests("/a") == 1);
  CHECK(proxy.metric("davenport_warm_requests", {{"result", "fetched"}}) == 1);
  CHECK(proxy.admin("POST", "/warm", R"({"urls": ["http://shop.test/a"]})").status == 202);
  proxy.await_metric("davenport_warm_requests", 1, {{"result", "already_warm"}});
}

TEST_CASE("a source or page of a host that no route takes is a failure, and no request to elsewhere") {
  Origin origin;
  ProxyConfig config;
  config.origin("app", {origin.address()}).route("hosts = [\"shop.test\"]");
  const Proxy proxy(config);
  CHECK(proxy.admin("POST", "/warm", R"({"sitemap": "http://elsewhere.test/sitemap.xml", "urls": ["http://elsewhere.test/a"]})").status == 202);
  proxy.await_metric("davenport_warm_requests", 2, {{"result", "failed"}});
  CHECK(origin.requests() == 0);
}

TEST_CASE("DELETE /warm ends a run") {
  Origin origin;
  const Barrier asked{"the origin was asked"}, answer{"it may answer"};
  origin.on("GET", "/0").reach(asked).await(answer).reply(200, kFresh, "0");
  origin.on("GET", "/*").reply(200, kFresh, "more");
  const Proxy proxy(config_for(origin));
  std::string urls;
  for (int i = 0; i < 50; ++i) urls += (i == 0 ? "\"" : ",\"") + ("http://shop.test/" + std::to_string(i)) + "\"";
  CHECK(proxy.admin("POST", "/warm", "{\"concurrency\": 1, \"urls\": [" + urls + "]}").status == 202);
  asked.await();
  CHECK(proxy.admin("DELETE", "/warm").status == 200);
  answer.open();
  proxy.await_metric("davenport_warm_running", 0);
  CHECK(json::parse(proxy.admin("GET", "/warm").body)["state"] == "cancelled");
  CHECK(origin.requests() == 1);
}

TEST_CASE("a warming gives way while requests wait for the origin") {
  Origin origin;
  const Barrier asked{"the origin was asked"}, answer{"it may answer"};
  origin.on("GET", "/slow").reach(asked).await(answer).reply(200, {{"cache-control", "no-store"}}, "slow");
  origin.on("GET", "/next").reply(200, {{"cache-control", "no-store"}}, "next");
  origin.on("GET", "/a").reply(200, kFresh, "a");
  ProxyConfig config;
  config.origin("app", {origin.address()}).add("origin.app", "max_connections = 1").route();
  const Proxy proxy(config);
  Clients slow = proxy.start_gets(1, "/slow");
  asked.await();
  Clients queued = proxy.start_gets(1, "/next");
  proxy.await_metric("davenport_origin_queued", 1);
  CHECK(proxy.admin("POST", "/warm", R"({"urls": ["http://shop.test/a"]})").status == 202);
  await_condition("the warming to wait", [&] {
    return json::parse(proxy.admin("GET", "/warm").body).value("waits_for", "") == "requests wait for an origin";
  });
  CHECK(origin.requests("/a") == 0);
  answer.open();
  CHECK(slow.join().front().status == 200);
  CHECK(queued.join().front().status == 200);
  proxy.await_metric("davenport_warm_requests", 1, {{"result", "fetched"}});
  CHECK(origin.requests("/a") == 1);
}

TEST_CASE("the schedule warms at the start and again after its interval") {
  Origin origin;
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=1"}}, "a");
  ProxyConfig config = config_for(origin);
  config.add("warm", "urls = [\"http://shop.test/a\"]\ninterval = \"1s\"");
  const Proxy proxy(config);
  proxy.await_metric("davenport_warm_runs", 3);
  CHECK(origin.requests("/a") >= 1);
}

namespace {

ProxyConfig shared(const Origin& origin, const RedisServer& redis, const std::string& instance) {
  ProxyConfig config = config_for_fleet(origin, "server = \"" + redis.address() + "\"", instance);
  config.add("warm", "share_interval = \"200ms\"");
  return config;
}

// So often that the worker's sample has surely seen it.
void visit(const Proxy& proxy, const std::string& path, int times, const FieldLines& fields = {}) {
  Client client = proxy.client();
  for (int i = 0; i < times; ++i) CHECK(client.get(path, fields).status == 200);
}

}  // namespace

TEST_CASE("a new instance has the fleet's most popular answers in memory before it says that it is ready") {
  RedisServer redis;
  Origin origin;
  for (const char* page : {"/a", "/b", "/c"}) origin.on("GET", page).reply(200, kFresh, std::string(1'000, *(page + 1)));
  {
    const Proxy a(shared(origin, redis, "a"));
    await_log_followed({&a});
    visit(a, "/a", 100);
    visit(a, "/b", 100);
    a.await_metric("davenport_redis_writes", 2, {{"result", "written"}});
    await_condition("the list", [&] {
      const std::string list = redis.cli({"HGET", "davenport:{popular}", "a"});
      return list.find("/a") != std::string::npos && list.find("/b") != std::string::npos;
    });
  }
  const Proxy b(shared(origin, redis, "b"));           // is ready when it is made
  CHECK(b.metric("davenport_start_filled_objects") == 2);
  for (const char* page : {"/a", "/b"}) {
    const RawResponse hit = b.get(page);
    CHECK(is_hit(hit));
    CHECK(cache_status(hit).get("detail") == "");      // from memory, not from Redis
    CHECK(origin.requests(page) == 1);
  }
}

TEST_CASE("a new instance has the variants that are popular, each for who asks for it") {
  RedisServer redis;
  Origin origin;
  origin.on("GET", "/page").reply([](const SeenRequest& request) {
    const FieldLines more{{"vary", "Accept-Encoding, Accept-Language, X-Device"}};
    return Reply{200, FieldLines(kFresh).add(more), request.field("accept-language") + " " + request.field("x-device")};
  });
  const std::vector<FieldLines> popular{{{"accept-language", "de, en;q=0.5"}, {"x-device", "phone"}}, {{"accept-language", "fr"}}, {}};
  const FieldLines seldom{{"accept-language", "it"}};
  std::vector<std::string> bodies;
  {
    const Proxy a(shared(origin, redis, "a"));
    await_log_followed({&a});
    for (const FieldLines& fields : popular) bodies.push_back(a.get("/page", fields).body);
    a.get("/page", seldom);
    a.await_metric("davenport_redis_writes", 4, {{"result", "written"}});
    for (const FieldLines& fields : popular) visit(a, "/page", 200, fields);
    await_condition("the list", [&] {
      const std::string list = redis.cli({"HGET", "davenport:{popular}", "a"});
      return says(list, "phone") && says(list, "fr");
    });
  }
  ProxyConfig config = shared(origin, redis, "b");
  const Proxy b(config);
  CHECK(b.metric("davenport_start_filled_objects") == 4);
  for (std::size_t i = 0; i < popular.size(); ++i) {
    const RawResponse hit = b.get("/page", popular[i]);
    CHECK(is_hit(hit));
    CHECK(cache_status(hit).get("detail") == "");      // from memory, not from Redis
    CHECK(hit.body == bodies[i]);
  }
  CHECK(origin.requests("/page") == 4);
}

TEST_CASE("what varies by a visitor's own cookie is told to nobody") {
  RedisServer redis;
  Origin origin;
  origin.on("GET", "/mine").reply(200, FieldLines(kFresh).add({{"vary", "Cookie"}}), "m");
  origin.on("GET", "/ours").reply(200, kFresh, "o");
  const Proxy a(shared(origin, redis, "a"));
  await_log_followed({&a});
  visit(a, "/mine", 100, {{"cookie", "session=secret"}});
  visit(a, "/ours", 100);
  await_condition("the list", [&] { return says(redis.cli({"HGET", "davenport:{popular}", "a"}), "/ours"); });
  const std::string list = redis.cli({"HGET", "davenport:{popular}", "a"});
  CHECK_FALSE(says(list, "secret"));
  CHECK_FALSE(says(list, "/mine"));
}

TEST_CASE("the start takes no more bytes than it may, and no more time where Redis hangs") {
  RedisServer redis;
  Origin origin;
  origin.on("GET", "/*").reply(200, kFresh, std::string(100'000, 'x'));
  {
    const Proxy a(shared(origin, redis, "a"));
    await_log_followed({&a});
    for (int i = 0; i < 8; ++i) visit(a, "/" + std::to_string(i), 40);
    a.await_metric("davenport_redis_writes", 8, {{"result", "written"}});
    await_condition("the list", [&] {
      const std::string list = redis.cli({"HGET", "davenport:{popular}", "a"});
      for (int i = 0; i < 8; ++i) {
        if (list.find("/" + std::to_string(i)) == std::string::npos) return false;
      }
      return true;
    });
  }
  ProxyConfig little = shared(origin, redis, "b");
  little.add("warm", "start_bytes = \"200KiB\"");
  const Proxy b(little);
  const double filled = b.metric("davenport_start_filled_bytes").value_or(0);
  CHECK(filled >= 200 * 1024);
  CHECK(b.metric("davenport_start_filled_objects") <= 8);
  redis.pause();
  ProxyConfig hasty = shared(origin, redis, "c");
  hasty.add("warm", "start_time = \"300ms\"");
  const Proxy c(hasty);
  CHECK(c.metric("davenport_start_filled_objects") == 0);
  CHECK(c.get("/new").status == 200);
  redis.resume();
}

TEST_CASE("a popular answer is validated before it expires, an unpopular one is left to expire") {
  Origin origin;
  origin.on("GET", "/popular").reply(200, {{"cache-control", "max-age=8"}, {"etag", "\"1\""}}, "p");
  origin.on("GET", "/popular").reply(304, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}});
  origin.on("GET", "/seldom").reply(200, {{"cache-control", "max-age=8"}, {"etag", "\"1\""}}, "s");
  ProxyConfig config = config_for(origin);
  config.add("", "workers = 1").add("cache.defaults", "refresh_ahead = \"6s\"");
  const Proxy proxy(config);
  visit(proxy, "/popular", 200);
  visit(proxy, "/seldom", 2);
  origin.await_requests("/popular", 2);
  proxy.await_metric("davenport_refreshes_ahead", 1);
  CHECK(origin.last_request("/popular").field("if-none-match") == "\"1\"");
  await_condition("the refreshed answer", [&] { return cache_status(proxy.get("/popular")).number("ttl") > 8; });
  CHECK(origin.requests("/popular") == 2);
  CHECK(origin.requests("/seldom") == 1);
}

TEST_CASE("each popular variant is validated before it expires, as who asks for it would ask") {
  Origin origin;
  origin.on("GET", "/page").reply([](const SeenRequest& request) {
    const std::string device = request.field("x-device");
    const bool again = !request.field("if-none-match").empty();
    const FieldLines fields{{"cache-control", again ? "max-age=60" : "max-age=8"}, {"etag", "\"" + device + "\""}, {"vary", "x-device"}};
    return Reply{again ? 304 : 200, fields, again ? "" : device};
  });
  ProxyConfig config = config_for(origin);
  config.add("", "workers = 1").add("cache.defaults", "refresh_ahead = \"6s\"");
  const Proxy proxy(config);
  const FieldLines phone{{"x-device", "phone"}}, desk{{"x-device", "desk"}}, seldom{{"x-device", "tv"}};
  visit(proxy, "/page", 2, seldom);
  visit(proxy, "/page", 200, phone);
  visit(proxy, "/page", 200, desk);
  proxy.await_metric("davenport_refreshes_ahead", 2);
  for (const FieldLines& each : {phone, desk}) {
    await_condition("the refreshed variant", [&] { return cache_status(proxy.get("/page", each)).number("ttl") > 8; });
  }
  CHECK(proxy.get("/page", phone).body == "phone");
  CHECK(origin.requests("/page") == 5);                // three fetches, two validations
}

TEST_CASE("a popular answer is validated by one instance of the fleet, and the other has what that got") {
  RedisServer redis;
  Origin origin;
  origin.on("GET", "/popular").reply(200, {{"cache-control", "max-age=8"}, {"etag", "\"1\""}}, "p");
  origin.on("GET", "/popular").reply(304, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}});
  const auto with_refreshes = [&](const char* name) {
    ProxyConfig config = shared(origin, redis, name);
    return config.add("", "workers = 1").add("cache.defaults", "refresh_ahead = \"6s\"");
  };
  const Proxy a(with_refreshes("a")), b(with_refreshes("b"));
  await_log_followed({&a, &b});
  visit(a, "/popular", 200);
  visit(b, "/popular", 200);
  a.await_metric("davenport_refreshes_ahead", 1);
  b.await_metric("davenport_refreshes_ahead", 1);
  for (const Proxy* each : {&a, &b}) {
    await_condition("the refreshed answer", [&] { return cache_status(each->get("/popular")).number("ttl") > 8; });
  }
  CHECK(origin.requests("/popular") == 2);
}

TEST_CASE("a soft purge of everything comes to the origin at the pace that it is given, and visitors are served meanwhile") {
  Origin origin;
  origin.on("GET", "/*").reply([](const SeenRequest& request) {
    return Reply{200, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}}, request.target};
  });
  ProxyConfig config = config_for(origin);
  config.add("origin.app", "background_rate = 2");
  const Proxy proxy(config);
  for (int i = 0; i < 20; ++i) proxy.get("/" + std::to_string(i));
  CHECK(origin.requests() == 20);
  CHECK(proxy.purge(R"({"all": true, "soft": true})").status == 200);
  for (int turn = 0; turn < 3; ++turn) {
    for (int i = 0; i < 20; ++i) CHECK(is_hit(proxy.get("/" + std::to_string(i))));
  }
  CHECK(origin.requests() <= 25);
  CHECK(proxy.metric("davenport_refreshes_put_off").value_or(0) > 20);
}

TEST_CASE("GET /purges says who purged what and when") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  CHECK(proxy.purge(R"({"tags": ["a", "b"], "soft": true, "id": "release-42"})").status == 200);
  CHECK(proxy.purge(R"({"url": "http://shop.test/milk"})").status == 200);
  const json purges = json::parse(proxy.admin("GET", "/purges").body)["purges"];
  REQUIRE(purges.size() == 2);
  CHECK(purges[0]["position"] == 2);
  CHECK(purges[0]["first"] == json::parse(R"([{"kind": "url", "name": "shop.test/milk"}])"));
  CHECK(purges[1]["by"] == "admin 127.0.0.1");
  CHECK(purges[1]["id"] == "release-42");
  CHECK(purges[1]["soft"] == true);
  CHECK(purges[1]["names"] == 2);
  CHECK(purges[1]["at"].get<std::string>().size() == 20);
}

TEST_SUITE_END();
