// Purges: by URL, tag, prefix, all; soft ones; what a fill that is under way may and may not bring back.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;
using nlohmann::json;

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}, {"etag", "\"1\""}};

void store(Origin& origin, const Proxy& proxy, const std::string& path, const FieldLines& more = {}) {
  origin.on("GET", path).reply(200, FieldLines(kFresh).add(more), "x");
  proxy.get(path);
  REQUIRE(is_hit(proxy.get(path)));
}

int matched(const RawResponse& response) {
  CHECK(response.status == 200);
  const json body = json::parse(response.body, nullptr, false);
  REQUIRE(body.is_object());
  REQUIRE(body.contains("matched_here"));
  return body["matched_here"].get<int>();
}

}  // namespace

TEST_SUITE_BEGIN("purge");

TEST_CASE("a purge of a URL takes it out and nothing else") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  store(origin, proxy, "/a");
  store(origin, proxy, "/a?x=1");
  store(origin, proxy, "/b");
  CHECK(matched(proxy.purge(R"({"url": "http://shop.test/a"})")) == 1);
  const RawResponse after = proxy.get("/a");
  CHECK_FALSE(is_hit(after));
  CHECK_FALSE(origin.last_request("/a").fields.has("if-none-match"));   // gone, not merely stale
  CHECK(is_hit(proxy.get("/a?x=1")));
  CHECK(is_hit(proxy.get("/b")));
  CHECK(is_hit(proxy.get("/a")));
}

TEST_CASE("a purge of a URL reaches all variants, whatever the scheme and port in it say") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, FieldLines(kFresh).add("vary", "x-color"), "x");
  for (const char* color : {"red", "blue"}) proxy.get("/a", {{"x-color", color}});
  CHECK(matched(proxy.purge(R"({"url": "https://SHOP.test:8443/a"})")) == 2);
  for (const char* color : {"red", "blue"}) CHECK_FALSE(is_hit(proxy.get("/a", {{"x-color", color}})));
}

TEST_CASE("several URLs go in one purge") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  for (const char* path : {"/a", "/b", "/c"}) store(origin, proxy, path);
  CHECK(matched(proxy.purge(R"({"urls": ["http://shop.test/a", "http://shop.test/b"]})")) == 2);
  CHECK_FALSE(is_hit(proxy.get("/a")));
  CHECK_FALSE(is_hit(proxy.get("/b")));
  CHECK(is_hit(proxy.get("/c")));
}

TEST_CASE("a purge by tag reaches what Surrogate-Key and Cache-Tag named, and clients do not see the tags") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  store(origin, proxy, "/a", {{"surrogate-key", "shop product-1"}});
  store(origin, proxy, "/b", {{"cache-tag", "shop, product-2"}});
  store(origin, proxy, "/c");
  CHECK_FALSE(proxy.get("/a").fields.has("surrogate-key"));
  CHECK_FALSE(proxy.get("/b").fields.has("cache-tag"));
  CHECK(matched(proxy.purge(R"({"tags": ["product-1"]})")) == 1);
  CHECK_FALSE(is_hit(proxy.get("/a")));
  CHECK(is_hit(proxy.get("/b")));
  CHECK(matched(proxy.purge(R"({"tags": ["shop", "nobody"]})")) == 2);
  CHECK_FALSE(is_hit(proxy.get("/b")));
  CHECK(is_hit(proxy.get("/c")));
  CHECK(matched(proxy.purge(R"({"tags": ["prod"]})")) == 0);
}

TEST_CASE("a purge by prefix and a purge of all") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  for (const char* path : {"/img/1", "/img/2", "/imgs"}) store(origin, proxy, path);
  CHECK(matched(proxy.purge(R"({"prefix": "http://shop.test/img/"})")) == 2);
  CHECK_FALSE(is_hit(proxy.get("/img/1")));
  CHECK_FALSE(is_hit(proxy.get("/img/2")));
  CHECK(is_hit(proxy.get("/imgs")));
  CHECK(matched(proxy.purge(R"({"all": true})")) == 3);
  for (const char* path : {"/img/1", "/img/2", "/imgs"}) CHECK_FALSE(is_hit(proxy.get(path)));
}

TEST_CASE("after a soft purge the stored answer is served while one request asks the origin behind") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/a").reply(200, {{"cache-control", "s-maxage=60"}, {"etag", "\"1\""}}, "old");
  origin.on("GET", "/a").reach(asked).await(answer).reply(200, {{"cache-control", "s-maxage=60"}, {"etag", "\"2\""}}, "new");
  const FieldLines host{{"host", "shop.test"}};
  proxy.get("/a", host);
  CHECK(matched(proxy.purge(R"({"url": "http://shop.test/a", "soft": true})")) == 1);
  for (int i = 0; i < 3; ++i) {
    const RawResponse meanwhile = proxy.get("/a", host);
    CHECK(meanwhile.body == "old");
    CHECK(cache_status(meanwhile).get("detail") == "purged_soft");
  }
  asked.await();
  answer.open();
  proxy.await_metric("store_insertions", 2);
  CHECK(proxy.get("/a", host).body == "new");
  CHECK(origin.requests("/a") == 2);
  CHECK(origin.last_request("/a").field("if-none-match") == "\"1\"");
}

TEST_CASE("after a soft purge a client that asks for more gets it from the origin (RFC 9111 §5.2.1.4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}}, "x");
  origin.on("GET", "/a").reply(304, {{"etag", "\"1\""}});
  const FieldLines host{{"host", "shop.test"}};
  proxy.get("/a", host);
  CHECK(matched(proxy.purge(R"({"url": "http://shop.test/a", "soft": true})")) == 1);
  CHECK(cache_status(proxy.get("/a", {{"host", "shop.test"}, {"cache-control", "no-cache"}})).get("fwd-status") == "304");
  CHECK(is_hit(proxy.get("/a", host)));
}

TEST_CASE("after a soft purge stale-while-revalidate serves at once, and a dead origin is covered") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier answer{"origin may answer"};
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60, stale-while-revalidate=60"}}, "old");
  origin.on("GET", "/a").await(answer).reply(200, kFresh, "new");
  proxy.get("/a");
  proxy.purge(R"({"url": "http://shop.test/a", "soft": true})");
  const RawResponse stale = proxy.get("/a");
  CHECK(stale.body == "old");
  CHECK(is_hit(stale));
  answer.open();
  await_condition("the new answer", [&] { return proxy.get("/a").body == "new"; });

  proxy.purge(R"({"all": true, "soft": true})");
  origin.stop();
  CHECK(proxy.get("/a").body == "new");
  proxy.purge(R"({"all": true})");
  CHECK(proxy.get("/a").status >= 502);                 // hard: nothing is left to stand in
}

TEST_CASE("a fill that began before a purge is never served after it") {
  struct Row { const char *purge, *name; };
  for (const Row& row : {Row{R"({"url": "http://shop.test/a"})", "url"}, Row{R"({"tags": ["milk"]})", "tag"},
                         Row{R"({"prefix": "http://shop.test/"})", "prefix"}, Row{R"({"all": true})", "all"}}) {
    CAPTURE(row.name);
    Origin origin;
    const Proxy proxy(config_for(origin));
    Barrier started{"the old body has begun"}, rest{"the rest may come"};
    origin.on("GET", "/a").head(200, {{"cache-control", "max-age=60"}, {"surrogate-key", "milk"}, {"content-length", "6"}})
        .raw("old").reach(started).await(rest).raw("old");
    origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"surrogate-key", "milk"}}, "new");
    Client before = proxy.client();
    before.send_request("GET", "/a");
    started.await();
    CHECK(before.read_head().status == 200);
    CHECK(proxy.purge(row.purge).status == 200);
    CHECK(proxy.get("/a").body == "new");               // does not join what began before the purge
    rest.open();
    CHECK(before.read_bytes(6) == "oldold");            // who asked before it gets what was then true
    for (int i = 0; i < 3; ++i) CHECK(proxy.get("/a").body == "new");
  }
}

TEST_CASE("a fetch that the origin has not yet answered is not joined after a purge") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/a").reach(asked).await(answer).reply(200, kFresh, "old");
  origin.on("GET", "/a").reply(200, kFresh, "new");
  Client before = proxy.client();
  before.send_request("GET", "/a");
  asked.await();
  CHECK(proxy.purge(R"({"url": "http://shop.test/a"})").status == 200);
  CHECK(proxy.get("/a").body == "new");
  answer.open();
  CHECK(before.read().body == "old");
  CHECK(proxy.get("/a").body == "new");
}

TEST_CASE("a validation that began before a purge does not bring the purged answer back") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=10"}, {"age", "20"}, {"etag", "\"1\""}}, "old");
  origin.on("GET", "/a").reach(asked).await(answer).reply(304, kFresh);
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"etag", "\"2\""}}, "new");
  proxy.get("/a");
  Client before = proxy.client();
  before.send_request("GET", "/a");
  asked.await();
  CHECK(proxy.purge(R"({"url": "http://shop.test/a"})").status == 200);
  answer.open();
  CHECK(before.read().status == 200);
  CHECK(proxy.get("/a").body == "new");
}

TEST_CASE("what is no purge is refused with a problem that says why (RFC 9457)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  store(origin, proxy, "/a");
  for (const char* body : {"{", "[]", "42", "{}", R"({"url": 5})", R"({"urls": "http://shop.test/a"})", R"({"tags": [1]})",
                           R"({"all": "yes"})", R"({"url": ""})", R"({"uri": "http://shop.test/a"})",
                           R"({"url": "ftp://shop.test/a"})"}) {
    CAPTURE(body);
    const RawResponse response = proxy.purge(body);
    CHECK(response.status == 400);
    CHECK(response.field("content-type").starts_with("application/problem+json"));
    const json problem = json::parse(response.body, nullptr, false);
    CHECK((problem.is_object() && problem.contains("title")));
  }
  CHECK(proxy.admin("GET", "/purge").status == 405);
  CHECK(proxy.admin("GET", "/purge").fields.has("allow"));
  CHECK(is_hit(proxy.get("/a")));
}

TEST_CASE("PURGE on the listener of the traffic is refused unless it is configured, and is not forwarded") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  store(origin, proxy, "/a");
  const RawResponse response = proxy.request("PURGE", "/a");
  CHECK(response.status == 403);
  CHECK(is_hit(proxy.get("/a")));
  CHECK(origin.requests_where([](const SeenRequest& request) { return request.method == "PURGE"; }) == 0);
}

TEST_CASE("PURGE on the listener of the traffic is taken from the configured addresses") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("purge", "from = [\"127.0.0.1\"]"));
  store(origin, proxy, "/a");
  store(origin, proxy, "/b");
  CHECK(proxy.request("PURGE", "/a").status == 200);
  CHECK_FALSE(is_hit(proxy.get("/a")));
  CHECK(is_hit(proxy.get("/b")));
}

TEST_CASE("who may PURGE is a question of the connection, never of X-Forwarded-For") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("purge", "from = [\"192.0.2.1\"]").add("forwarding", "trusted_proxies = [\"127.0.0.1\"]"));
  store(origin, proxy, "/a");
  CHECK(proxy.request("PURGE", "/a", {{"x-forwarded-for", "192.0.2.1"}}).status == 403);
  CHECK(is_hit(proxy.get("/a")));
}

TEST_CASE("the peer of a PROXY header may PURGE where its address may") {
  Origin origin;
  ProxyConfig config = config_for(origin).add("purge", "from = [\"192.0.2.1\"]");
  const Proxy proxy(config.listen_proxy_protocol());
  const std::string request = request_bytes("PURGE", "/a");
  Client allowed = proxy.client(), other = proxy.client();
  allowed.send("PROXY TCP4 192.0.2.1 127.0.0.1 5000 80\r\n" + request);
  CHECK(allowed.read().status == 200);
  other.send("PROXY TCP4 192.0.2.2 127.0.0.1 5000 80\r\n" + request);
  CHECK(other.read().status == 403);
}

TEST_CASE("the admin listener always takes PURGE, of the URL that its Host and target make") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  store(origin, proxy, "/a");
  Client admin(proxy.admin_port());
  CHECK(admin.request("PURGE", "http://shop.test/a").status == 200);
  CHECK_FALSE(is_hit(proxy.get("/a")));
}

TEST_CASE("a token guards purges where one is configured") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  const TempDir dir;
  write_file(dir.file("token"), "s3cret-s3cret-s3cret\n");
  config.add("purge", "token_file = \"" + dir.file("token") + "\"");
  const Proxy proxy(config);
  store(origin, proxy, "/a");
  CHECK(proxy.request("PURGE", "/a").status == 403);
  CHECK(proxy.request("PURGE", "/a", {{"authorization", "Bearer wrong"}}).status == 403);
  CHECK(is_hit(proxy.get("/a")));
  CHECK(proxy.request("PURGE", "/a", {{"authorization", "Bearer s3cret-s3cret-s3cret"}}).status == 200);
  CHECK_FALSE(is_hit(proxy.get("/a")));
}

TEST_CASE("the purges of applications reach what they mean on the listener of the traffic, and patterns that mean more purge nothing") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("purge", "from = [\"127.0.0.1\"]").add("route.cache", "tag_fields = [\"xkey\"]"));
  for (const char* path : {"/blog/1", "/blog/2", "/shop", "/tagged"}) {
    origin.on("GET", path).reply(200, {{"cache-control", "max-age=60"}, {"xkey", path == std::string("/tagged") ? "milk" : ""}}, "x");
    proxy.get(path);
    CHECK(is_hit(proxy.get(path)));
  }
  CHECK(proxy.request("PURGE", "/blog/.*", {{"x-purge-method", "regex"}, {"content-length", "0"}, {"proxy-connection", "keep-alive"}}).status == 200);
  CHECK_FALSE(is_hit(proxy.get("/blog/1")));
  CHECK_FALSE(is_hit(proxy.get("/blog/2")));
  CHECK(is_hit(proxy.get("/shop")));
  CHECK(proxy.request("BAN", "/", {{"x-cache-tags", "(^|,)(milk)(,|$)"}}).status == 200);
  CHECK_FALSE(is_hit(proxy.get("/tagged")));
  CHECK(is_hit(proxy.get("/shop")));
  for (const char* fields : {"sh.*", "(^|,)s.*(,|$)"}) CHECK(proxy.request("BAN", "/", {{"x-cache-tags", fields}}).status == 400);
  CHECK(proxy.request("PURGE", "/.*p", {{"x-purge-method", "regex"}}).status == 400);
  CHECK(is_hit(proxy.get("/shop")));
}

TEST_SUITE_END();
