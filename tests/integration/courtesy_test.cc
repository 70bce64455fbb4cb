// Work that no visitor waits for, a warming and refreshes ahead, gives way while the origin queues or errs, and goes on afterwards.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;
using nlohmann::json;

TEST_SUITE_BEGIN("courtesy");

namespace {

const FieldLines kNotStored{{"cache-control", "no-store"}};

// A popular page that is due for a refresh after four seconds of its eight.
ProxyConfig refreshing(const Origin& origin) {
  ProxyConfig config;
  config.origin("app", {origin.address()}).add("origin.app", "max_connections = 2\nqueue_timeout = \"30s\"").route();
  return config.add("", "workers = 1").add("cache.defaults", "refresh_ahead = \"4s\"");
}
void make_popular(Origin& origin, const Proxy& proxy) {
  origin.on("GET", "/popular").reply(200, {{"cache-control", "max-age=8"}, {"etag", "\"1\""}}, "p");
  origin.on("GET", "/popular").reply(304, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}});
  Client client = proxy.client();
  for (int i = 0; i < 200; ++i) CHECK(client.get("/popular").status == 200);
}
// It is due, and many looks (each 250 ms) have passed.
void await_due(const Proxy& proxy) {
  await_condition("the refresh to be long due", [&] { return cache_status(proxy.get("/popular")).number("ttl") <= 2; });
}

}  // namespace

TEST_CASE("refreshes ahead wait while requests wait for the origin") {
  Origin origin;
  const Barrier answer{"it may answer"};
  origin.on("GET", "/slow/*").await(answer).reply(200, kNotStored, "slow");
  const Proxy proxy(refreshing(origin));
  make_popular(origin, proxy);
  Clients slow;                                          // two connections, and one waits
  for (const char* path : {"/slow/1", "/slow/2", "/slow/3"}) {
    Client one = proxy.client();
    one.send_request("GET", path);
    slow.add(std::move(one));
  }
  proxy.await_metric("davenport_origin_queued", 1);
  await_due(proxy);
  CHECK(proxy.metric("davenport_refreshes_ahead") == 0);
  CHECK(origin.requests("/popular") == 1);
  answer.open();
  for (const RawResponse& each : slow.join()) CHECK(each.status == 200);
}

TEST_CASE("refreshes ahead wait while the origin errs, and go on when it no longer does") {
  Origin origin;
  origin.on("GET", "/broken").reply(500, kNotStored, "no");
  origin.on("GET", "/other").reply(200, {{"cache-control", "max-age=12"}, {"etag", "\"1\""}}, "o");
  origin.on("GET", "/other").reply(304, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}});
  const Proxy proxy(refreshing(origin));
  make_popular(origin, proxy);
  Client client = proxy.client(), visitor = proxy.client();
  for (int i = 0; i < 200; ++i) CHECK(visitor.get("/other").status == 200);
  await_condition("the refresh to be long due, among errors", [&] {
    CHECK(client.get("/broken").status == 500);
    return cache_status(proxy.get("/popular")).number("ttl") <= 2;
  });
  CHECK(proxy.metric("davenport_refreshes_ahead") == 0);
  CHECK(origin.requests("/popular") == 1);
  origin.await_requests("/other", 2);                    // due after eight seconds, without errors since the sixth
  await_condition("it to be counted", [&] { return proxy.metric("davenport_refreshes_ahead") >= 1; });
}

TEST_CASE("a warming waits while the origin errs, says so, and goes on") {
  Origin origin;
  const Barrier asked{"the origin was asked"}, answer{"it may answer"};
  origin.on("GET", "/broken").reply(500, kNotStored, "no");
  origin.on("GET", "/first").reach(asked).await(answer).reply(200, {{"cache-control", "max-age=60"}}, "1");
  origin.on("GET", "/second").reply(200, {{"cache-control", "max-age=60"}}, "2");
  const Proxy proxy(config_for(origin));
  CHECK(proxy.admin("POST", "/warm", R"({"urls": ["http://shop.test/first", "http://shop.test/second"], "concurrency": 1})").status == 202);
  asked.await();
  Client client = proxy.client();
  const auto err = [&] {
    for (int i = 0; i < 6; ++i) CHECK(client.get("/broken").status == 500);
  };
  err();
  answer.open();                                         // the second page's turn
  await_condition("the warming to wait", [&] {
    err();
    return json::parse(proxy.admin("GET", "/warm").body).value("waits_for", "") == "the origin answers with errors";
  });
  CHECK(origin.requests("/second") == 0);
  proxy.await_metric("davenport_warm_requests", 2, {{"result", "fetched"}});
  CHECK(json::parse(proxy.admin("GET", "/warm").body)["paused_milliseconds"] > 0);
}

TEST_SUITE_END();
