// Tags under the name that the CDN in front reads, and purges sent on to it.
#include <doctest/doctest.h>

#include <filesystem>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

// A configuration with webhooks to `cdn`.
std::string with_webhook(const Origin& origin, const Origin& cdn, const std::string& path, const std::string& lines) {
  return config_for(origin).text() + "\n[[purge.webhook]]\nurl = \"http://" + cdn.address() + path + "\"\nretry_after = \"10ms\"\n" + lines + "\n";
}

}  // namespace

TEST_SUITE_BEGIN("webhook");

TEST_CASE("all tags of an answer go out in one field, on misses, hits and after a 304") {
  for (const std::string name : {"Cache-Tag", "Surrogate-Key", "Edge-Tags"}) {
    CAPTURE(name);
    Origin origin;
    ProxyConfig config = config_for(origin);
    config.add("route.cache", "tags = [\"shop\"]\ntags_as = \"" + name + "\"");
    const Proxy proxy(config);
    origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=10"}, {"age", "11"}, {"etag", "\"1\""}, {"surrogate-key", "x y"}}, "a");
    origin.on("GET", "/a").reply(304, {{"etag", "\"1\""}, {"cache-control", "max-age=10"}, {"age", "11"}});
    origin.on("GET", "/a").reply(304, {{"etag", "\"1\""}, {"cache-control", "max-age=60"}, {"surrogate-key", "z"}});
    const std::string between = name == "Surrogate-Key" ? " " : ",";
    CHECK(proxy.get("/a").field(name) == "shop" + between + "x" + between + "y");
    CHECK(proxy.get("/a").field(name) == "shop" + between + "x" + between + "y");
    CHECK(proxy.get("/a").field(name) == "shop" + between + "z");
    const RawResponse hit = proxy.get("/a");
    CHECK(is_hit(hit));
    CHECK(hit.field(name) == "shop" + between + "z");
    CHECK(proxy.explain("http://shop.test/a").find("\"tags\":[\"shop\",\"z\"]") != std::string::npos);
    CHECK(proxy.purge(R"({"tag": "z"})").status == 200);
    CHECK_FALSE(is_hit(proxy.get("/a")));
  }
}

TEST_CASE("a purge is sent on when it holds here, through the admin API and PURGE on the traffic's listener") {
  Origin origin, cdn;
  cdn.on("POST", "/purge").reply(200, {}, "ok");
  const Proxy proxy(with_webhook(origin, cdn, "/purge", "headers = { X-Soft = \"{soft}\" }\nbody = '{\"tags\": {tags_json}, \"files\": {urls_json}}'\n[purge]\nfrom = [\"127.0.0.1\"]\n"));
  CHECK(proxy.purge(R"({"tags": ["a", "b"], "soft": true})").status == 200);
  proxy.await_metric("purge_webhook_requests", 1, {{"outcome", "sent"}});
  SeenRequest seen = cdn.last_request("/purge");
  CHECK(seen.body == R"({"tags": ["a","b"], "files": []})");
  CHECK(seen.field("x-soft") == "true");
  CHECK(seen.field("content-type") == "application/json");
  CHECK(seen.field("host") == cdn.address());
  CHECK(proxy.request("PURGE", "/page?x=1").status == 200);
  proxy.await_metric("purge_webhook_requests", 2, {{"outcome", "sent"}});
  CHECK(cdn.last_request("/purge").body == R"({"tags": [], "files": ["https://shop.test/page?x=1"]})");
}

TEST_CASE("a CDN that is out of reach or busy is tried again, in order; one that refuses is not") {
  Origin origin, cdn;
  cdn.on("POST", "/p/a").reply(503);
  cdn.on("POST", "/p/a").close();
  cdn.on("POST", "/p/a").reply(204);
  cdn.on("POST", "/p/b").reply(403);
  cdn.on("POST", "/p/c").reply(200);
  const Proxy proxy(with_webhook(origin, cdn, "/p/{tag}", ""));
  CHECK(proxy.purge(R"({"tags": ["a", "b", "c"]})").status == 200);
  cdn.await_requests("/p/c", 1);
  proxy.await_metric("purge_webhook_requests", 2, {{"outcome", "sent"}});
  CHECK(proxy.metric("purge_webhook_requests", {{"outcome", "failed"}}) == 1);
  CHECK(proxy.metric("purge_webhook_retries") == 2);
  CHECK(proxy.metric("purge_webhook_waiting") == 0);
  CHECK(cdn.requests("/p/a") == 3);
  CHECK(cdn.requests("/p/b") == 1);
  std::vector<std::string> order;
  for (const SeenRequest& request : cdn.all_requests()) order.push_back(request.target);
  CHECK(order == std::vector<std::string>{"/p/a", "/p/a", "/p/a", "/p/b", "/p/c"});
  proxy.await_log("webhook POST");
  cdn.forgive();
}

TEST_CASE("a queue that is full drops, and a proxy that ends does not wait for a CDN") {
  Origin origin, cdn;
  cdn.on("POST", "/p/*").never();
  Proxy proxy(with_webhook(origin, cdn, "/p/{tag}", "queue = 2"));
  CHECK(proxy.purge(R"({"tags": ["a", "b", "c", "d"]})").status == 200);
  proxy.await_metric("purge_webhook_requests", 2, {{"outcome", "dropped"}});
  CHECK(proxy.metric("purge_webhook_waiting") == 2);
  CHECK(proxy.terminate() == 0);
  cdn.forgive();
}

TEST_CASE("what a CDN has not taken at the end is sent after a restart, in order, and once") {
  Origin origin, cdn;
  TempDir dir;
  cdn.on("POST", "/p/a").never();
  const std::string state = dir.path() + "/webhooks.json";
  const std::string config = with_webhook(origin, cdn, "/p/{tag}", "headers = { X-Soft = \"{soft}\" }\n[purge]\nwebhook_state = \"" + state + "\"");
  {
    Proxy proxy(config);
    CHECK(proxy.purge(R"({"tags": ["a", "b"], "soft": true})").status == 200);
    CHECK(proxy.purge(R"({"tags": ["c"]})").status == 200);
    cdn.await_requests("/p/a", 1);
    CHECK(proxy.metric("purge_webhook_waiting") == 3);
    CHECK(proxy.terminate() == 0);
  }
  REQUIRE(std::filesystem::exists(state));
  cdn.on("POST", "/p/*").reply(200);
  cdn.on("POST", "/p/a").reply(200);
  {
    Proxy proxy(config);
    proxy.await_metric("purge_webhook_requests", 3, {{"outcome", "sent"}});
    CHECK(proxy.metric("purge_webhook_waiting") == 0);
    CHECK_FALSE(std::filesystem::exists(state));
    CHECK(proxy.terminate() == 0);
  }
  CHECK_FALSE(std::filesystem::exists(state));
  std::vector<std::string> order;
  for (const SeenRequest& request : cdn.all_requests()) order.push_back(request.target + " " + request.field("x-soft"));
  CHECK(order == std::vector<std::string>{"/p/a true", "/p/a true", "/p/b true", "/p/c false"});
  write_file(state, "{");
  Proxy proxy(config);                                 // a file that it does not understand it leaves alone
  proxy.await_log("webhooks.json");
  CHECK(std::filesystem::exists(state));
  cdn.forgive();
}

TEST_CASE("a reload brings other webhooks") {
  Origin origin, cdn, other;
  cdn.on("POST", "/p").reply(200);
  other.on("POST", "/q").reply(200);
  Proxy proxy(with_webhook(origin, cdn, "/p", ""));
  CHECK(proxy.purge(R"({"all": true})").status == 200);
  cdn.await_requests("/p", 1);
  proxy.write_config(with_webhook(origin, other, "/q", ""));
  proxy.reload();
  CHECK(proxy.purge(R"({"all": true})").status == 200);
  other.await_requests("/q", 1);
  CHECK(cdn.requests() == 1);
}
