// What is stored, for how long, and for whom (RFC 9111 §3, §4).
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

TEST_SUITE_BEGIN("caching");

TEST_CASE("the first request misses, the second is a hit with Age and ttl (RFC 9111 §4, RFC 9211 §2)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/milk").reply(200, {{"cache-control", "max-age=60"}, {"content-type", "text/plain"}}, "milk");

  const RawResponse miss = proxy.get("/milk");
  CHECK(miss.status == 200);
  CHECK(miss.body == "milk");
  CHECK(cache_status(miss).name == "davenport");
  CHECK(cache_status(miss).get("fwd") == "uri-miss");
  CHECK(cache_status(miss).get("fwd-status") == "200");
  CHECK(cache_status(miss).has("stored"));
  CHECK_FALSE(is_hit(miss));

  const RawResponse hit = proxy.get("/milk");
  CHECK(hit.status == 200);
  CHECK(hit.body == "milk");
  CHECK(hit.field("content-type") == "text/plain");
  CHECK(is_hit(hit));
  CHECK_FALSE(cache_status(hit).has("fwd"));
  CHECK(cache_status(hit).number("ttl") > 50);
  CHECK(cache_status(hit).number("ttl") <= 60);
  REQUIRE(hit.fields.count("age") == 1);
  CHECK(std::atoi(hit.field("age").c_str()) < 10);
  CHECK(origin.requests("/milk") == 1);
}

TEST_CASE("an Age of the origin's is added to the time here (RFC 9111 §4.2.3)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"age", "30"}}, "x");
  proxy.get("/a");
  const RawResponse hit = proxy.get("/a");
  REQUIRE(is_hit(hit));
  CHECK(std::atoi(hit.field("age").c_str()) >= 30);
  CHECK(cache_status(hit).number("ttl") <= 30);
}

TEST_CASE("an answer that arrives stale is validated at its next use (RFC 9111 §4.2)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=10"}, {"age", "11"}, {"etag", "\"1\""}}, "x");
  origin.on("GET", "/a").reply(304, {{"etag", "\"1\""}});
  proxy.get("/a");
  const RawResponse second = proxy.get("/a");
  CHECK(second.status == 200);
  CHECK(second.body == "x");
  CHECK(cache_status(second).get("fwd") == "stale");
  CHECK(origin.last_request("/a").field("if-none-match") == "\"1\"");
}

TEST_CASE("HEAD is answered from a stored GET, and the connection stays in step (RFC 9111 §4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "body");
  Client client = proxy.client();
  client.get("/a");
  const RawResponse head = client.request("HEAD", "/a");
  CHECK(head.status == 200);
  CHECK(head.field("content-length") == "4");
  CHECK(is_hit(head));
  CHECK(client.get("/a").body == "body");
  CHECK(origin.requests() == 1);
}

TEST_CASE("what the response says decides about storing (RFC 9111 §3, §5.2.2)") {
  struct Row { int status; FieldLines fields; bool stored; const char* rule; };
  const std::string old = http_date(std::chrono::hours(-240));
  const Row rows[] = {
      {200, {{"cache-control", "max-age=60"}}, true, "§4.2.1"},
      {200, {{"cache-control", "MAX-AGE=60"}}, true, "§5.2: names in any case"},
      {200, {{"cache-control", "s-maxage=60, max-age=0"}}, true, "§5.2.2.10"},
      {200, {{"cache-control", "max-age=0, s-maxage=60"}}, true, "§5.2.2.10: in any order"},
      {200, {{"cache-control", "max-age=60, s-maxage=0"}}, false, "§5.2.2.10"},
      {200, {{"cache-control", "foo=\"max-age=60\""}}, false, "not a directive inside a quoted string"},
      {200, {{"cache-control", "max-age=\"60\""}}, true, "§5.2: the quoted form is read"},
      {200, {{"cache-control", "max-age='60'"}}, false, "single quotes are no quotes"},
      {200, {{"cache-control", "max-age=-60"}}, false, "§1.2.2"},
      {200, {{"cache-control", "max-age=99999999999999999999"}}, true, "§1.2.2: saturates"},
      {200, {{"cache-control", "max-age=60, no-store"}}, false, "§5.2.2.5"},
      {200, {{"cache-control", "max-age=60"}, {"cache-control", "No-Store"}}, false, "§5.2.2.5: another line, any case"},
      {200, {{"cache-control", "private, max-age=60"}}, false, "§5.2.2.7"},
      {200, {{"expires", http_date(std::chrono::hours(1))}, {"date", http_date()}}, true, "§5.3"},
      {200, {{"expires", "0"}}, false, "§5.3: invalid is expired"},
      {200, {{"expires", "0"}, {"cache-control", "max-age=60"}}, true, "§5.3: max-age stands over Expires"},
      {200, {{"pragma", "no-cache"}, {"cache-control", "max-age=60"}}, true, "§5.4: means nothing in an answer"},
      {200, {}, false, "nothing explicit, no validator"},
      {200, {{"last-modified", old}}, true, "§4.2.2: heuristic"},
      {404, {{"last-modified", old}}, false, "not guessed for 404 unless strict"},
      {404, {{"cache-control", "max-age=60"}}, true, "§3: explicit"},
      {410, {{"cache-control", "max-age=60"}}, true, "§3"},
      {301, {{"cache-control", "max-age=60"}, {"location", "/b"}}, true, "§3"},
      {302, {{"cache-control", "max-age=60"}, {"location", "/b"}}, true, "§3"},
      {302, {{"last-modified", old}}, false, "RFC 9110 §15.1"},
      {500, {{"cache-control", "max-age=60"}}, true, "§3: every final status"},
      {599, {{"cache-control", "max-age=60"}}, true, "§3"},
      {503, {}, false, "an error without lifetime"},
      {204, {{"cache-control", "max-age=60"}}, true, "§3"},
      {200, {{"cache-control", "max-age=60"}, {"vary", "*"}}, false, "§4.1"},
      {200, {{"cache-control", "max-age=60"}, {"vary", "accept"}, {"vary", "cookie, *"}}, false, "§4.1: any member"},
      {200, {{"cache-control", "max-age=0"}, {"cdn-cache-control", "max-age=60"}}, true, "RFC 9213 §2.1"},
      {200, {{"cache-control", "max-age=60"}, {"cdn-cache-control", "no-store"}}, false, "RFC 9213 §2.1"},
      {200, {{"cache-control", "no-store"}, {"cdn-cache-control", "max-age=60"}}, true, "RFC 9213 §2.1"},
      {200, {{"cache-control", "max-age=60"}, {"cdn-cache-control", ""}}, true, "an empty one is ignored"},
      {200, {{"cache-control", "max-age=60"}, {"cdn-cache-control", "max-age = 0"}}, true, "an invalid one is ignored"},
      {200, {{"cache-control", "max-age=60"}, {"set-cookie", "a=b"}}, false, "sharing is not explicit"},
      {200, {{"cache-control", "public, max-age=60"}, {"set-cookie", "a=b"}}, true, "public: sharing is explicit"},
  };
  Origin origin;
  const Proxy proxy(config_for(origin));
  Client client = proxy.client();
  int number = 0;
  for (const Row& row : rows) {
    const std::string path = "/row" + std::to_string(number++);
    origin.on("GET", path).reply(row.status, row.fields, row.status == 204 ? "" : "x");
    CAPTURE(row.rule);
    CAPTURE(row.fields.bytes());
    CHECK(client.get(path).status == row.status);
    const RawResponse second = client.get(path);
    CHECK(second.status == row.status);
    CHECK(is_hit(second) == row.stored);
    CHECK(origin.requests(path) == (row.stored ? 1 : 2));
  }
}

TEST_CASE("an answer that was not stored says why in the detail of Cache-Status (RFC 9211 §2.8)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "no-store"}}, "x");
  const CacheStatus status = cache_status(proxy.get("/a"));
  CHECK_FALSE(status.has("stored"));
  CHECK(status.get("detail") == "no_store");
}

TEST_CASE("a no-store answer ends the use of the one stored before it") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "old");
  origin.on("GET", "/a").reply(200, {{"cache-control", "no-store"}}, "new");
  proxy.get("/a");
  CHECK(proxy.get("/a", {{"cache-control", "no-cache"}}).body == "new");
  CHECK(proxy.get("/a").body == "new");
  CHECK(origin.requests("/a") == 3);
}

TEST_CASE("each variant that Vary names is stored of its own, absence matching only absence (RFC 9111 §4.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply([](const SeenRequest& request) {
    return Reply{200, {{"cache-control", "max-age=60"}, {"vary", "X-Color"}}, "color " + request.field("x-color")};
  });
  CHECK(cache_status(proxy.get("/a", {{"x-color", "red"}})).get("fwd") == "uri-miss");
  CHECK(cache_status(proxy.get("/a", {{"x-color", "blue"}})).get("fwd") == "vary-miss");
  CHECK(cache_status(proxy.get("/a")).get("fwd") == "vary-miss");
  CHECK(origin.requests("/a") == 3);
  for (const char* color : {"red", "blue"}) {
    const RawResponse hit = proxy.get("/a", {{"X-Color", color}, {"x-other", "ignored"}});
    CHECK(is_hit(hit));
    CHECK(hit.body == std::string("color ") + color);
  }
  CHECK(is_hit(proxy.get("/a")));
  CHECK(origin.requests("/a") == 3);
}

TEST_CASE("Accept-Encoding and Accept-Language are compared normalised, and so is what the origin is asked") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"vary", "Accept-Language"}}, "x");
  proxy.get("/a", {{"accept-language", "de, en;q=0.5"}});
  CHECK(is_hit(proxy.get("/a", {{"accept-language", "DE,en;q=0.5"}})));
  CHECK_FALSE(is_hit(proxy.get("/a", {{"accept-language", "fr"}})));
}

TEST_CASE("an answer to a request with Authorization is shared only where it says so (RFC 9111 §3.5)") {
  struct Row { const char* cache_control; bool shared; };
  Origin origin;
  const Proxy proxy(config_for(origin));
  int number = 0;
  for (const Row& row : {Row{"max-age=60", false}, Row{"public, max-age=60", true}, Row{"s-maxage=60", true},
                         Row{"max-age=60, must-revalidate", true}}) {
    const std::string path = "/row" + std::to_string(number++);
    CAPTURE(row.cache_control);
    origin.on("GET", path).reply(200, {{"cache-control", row.cache_control}}, "x");
    const FieldLines secret{{"authorization", "Basic eA=="}};
    CHECK(proxy.get(path, secret).status == 200);
    CHECK(origin.last_request(path).field("authorization") == "Basic eA==");
    CHECK(is_hit(proxy.get(path, secret)) == row.shared);
    CHECK(is_hit(proxy.get(path)) == row.shared);
  }
}

TEST_CASE("Set-Cookie goes to the client whose request caused the fetch and to nobody else") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "public, max-age=60"}, {"set-cookie", "id=1"}, {"set-cookie", "b=2"}}, "x");
  CHECK(proxy.get("/a").fields.count("set-cookie") == 2);
  const RawResponse hit = proxy.get("/a");
  CHECK(is_hit(hit));
  CHECK_FALSE(hit.fields.has("set-cookie"));
}

TEST_CASE("strict_rfc stores and serves Set-Cookie as RFC 9111 §3.1 says, and guesses for 404") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  config.add("cache", "strict_rfc = true");
  const Proxy proxy(config);
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"set-cookie", "id=1"}}, "x");
  proxy.get("/a");
  const RawResponse hit = proxy.get("/a");
  CHECK(is_hit(hit));
  CHECK(hit.field("set-cookie") == "id=1");
  origin.on("GET", "/gone").reply(404, {{"last-modified", http_date(std::chrono::hours(-240))}}, "x");
  proxy.get("/gone");
  CHECK(is_hit(proxy.get("/gone")));
}

TEST_CASE("hosts in any case are one key, other hosts and other queries are not") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a*").reply(200, {{"cache-control", "max-age=60"}}, "x");
  proxy.get("/a?x=1", {{"host", "shop.test"}});
  CHECK(is_hit(proxy.get("/a?x=1", {{"host", "SHOP.test"}})));
  CHECK(is_hit(proxy.get("/%61?x=1", {{"host", "shop.test"}})));   // RFC 3986 §6.2.2.2
  CHECK_FALSE(is_hit(proxy.get("/a?x=1", {{"host", "other.test"}})));
  CHECK_FALSE(is_hit(proxy.get("/a?x=2", {{"host", "shop.test"}})));
  CHECK_FALSE(is_hit(proxy.get("/a", {{"host", "shop.test"}})));
  CHECK_FALSE(is_hit(proxy.get("/a?", {{"host", "shop.test"}})));
}

TEST_CASE("request directives are obeyed (RFC 9111 §5.2.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"age", "20"}, {"etag", "\"1\""}}, "x");

  CHECK(proxy.get("/a", {{"cache-control", "only-if-cached"}}).status == 504);
  CHECK(origin.requests() == 0);
  proxy.get("/a");
  CHECK(is_hit(proxy.get("/a", {{"cache-control", "only-if-cached"}})));
  CHECK(is_hit(proxy.get("/a", {{"cache-control", "max-age=30"}})));
  CHECK(is_hit(proxy.get("/a", {{"cache-control", "min-fresh=10"}})));
  CHECK(origin.requests("/a") == 1);

  std::size_t asked = 1;
  for (const FieldLines& fields : {FieldLines{{"cache-control", "no-cache"}}, FieldLines{{"pragma", "no-cache"}},
                                   FieldLines{{"cache-control", "max-age=0"}}, FieldLines{{"cache-control", "max-age=10"}},
                                   FieldLines{{"cache-control", "min-fresh=50"}}}) {
    CAPTURE(fields.bytes());
    const RawResponse response = proxy.get("/a", fields);
    CHECK(response.status == 200);
    CHECK_FALSE(is_hit(response));
    CHECK(cache_status(response).get("fwd") == "request");
    CHECK(origin.requests("/a") == ++asked);
    CHECK(origin.last_request("/a").field("if-none-match") == "\"1\"");
  }
}

TEST_CASE("what a no-store request brought is not stored (RFC 9111 §5.2.1.5)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "x");
  CHECK_FALSE(cache_status(proxy.get("/a", {{"cache-control", "no-store"}})).has("stored"));
  CHECK_FALSE(is_hit(proxy.get("/a")));
}

TEST_CASE("a response without Date gets one, and a given one is never rewritten (RFC 9110 §6.6.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  const std::string date = http_date(std::chrono::seconds(-5));
  origin.on("GET", "/none").reply(200, {{"cache-control", "max-age=60"}}, "x");
  origin.on("GET", "/given").reply(200, {{"cache-control", "max-age=60"}, {"date", date}}, "x");
  CHECK(proxy.get("/none").fields.count("date") == 1);
  CHECK(proxy.get("/none").field("date").ends_with(" GMT"));
  CHECK(proxy.get("/given").field("date") == date);
  const RawResponse hit = proxy.get("/given");
  CHECK(hit.field("date") == date);
  CHECK(std::atoi(hit.field("age").c_str()) >= 5);   // apparent age, RFC 9111 §4.2.3
}

TEST_CASE("chunked and close-delimited answers are stored and then have a Content-Length") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  const std::string stored = "cache-control: max-age=60\r\n";
  origin.on("GET", "/chunked").head(200, {{"cache-control", "max-age=60"}, {"transfer-encoding", "chunked"}})
      .chunk("mi").chunk("lk").last_chunk({{"x-sum", "4"}});
  origin.on("GET", "/close").raw("HTTP/1.0 200 OK\r\n" + stored + "\r\nmilk").close();
  for (const char* path : {"/chunked", "/close"}) {
    CAPTURE(path);
    const RawResponse miss = proxy.get(path);
    CHECK(miss.body == "milk");
    CHECK(miss.complete);
    const RawResponse hit = proxy.get(path);
    CHECK(is_hit(hit));
    CHECK(hit.body == "milk");
    CHECK(hit.field("content-length") == "4");
    CHECK_FALSE(hit.fields.has("x-sum"));          // trailers are never merged into the header (RFC 9110 §6.5.1)
    CHECK_FALSE(hit.fields.has("transfer-encoding"));
  }
}

TEST_CASE("fields that belong to one hop are not stored (RFC 9111 §3.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"connection", "x-hop"}, {"x-hop", "1"},
                                     {"keep-alive", "timeout=5"}, {"proxy-authenticate", "Basic"}, {"x-end", "kept"}}, "x");
  for (int i = 0; i < 2; ++i) {
    const RawResponse response = proxy.get("/a");
    for (const char* name : {"x-hop", "keep-alive", "proxy-authenticate"}) {
      CAPTURE(name);
      CHECK_FALSE(response.fields.has(name));
    }
    CHECK(response.field("x-end") == "kept");
  }
  CHECK(origin.requests("/a") == 1);
}

TEST_CASE("a successful unsafe request invalidates its target, Location and Content-Location (RFC 9111 §4.4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  for (const char* path : {"/a", "/b", "/c", "/d"}) {
    origin.on("GET", path).reply(200, {{"cache-control", "max-age=60"}}, "x");
    proxy.get(path);
    REQUIRE(is_hit(proxy.get(path)));
  }
  origin.on("POST", "/a").reply(500);
  CHECK(proxy.request("POST", "/a", {}, "x").status == 500);
  CHECK(is_hit(proxy.get("/a")));                              // an error invalidates nothing
  origin.on("POST", "/a").reply(201, {{"location", "/b"}, {"content-location", "http://shop.test/c"}});
  CHECK(cache_status(proxy.request("POST", "/a", {}, "x")).get("fwd") == "method");
  CHECK_FALSE(is_hit(proxy.get("/a")));
  CHECK_FALSE(is_hit(proxy.get("/b")));
  CHECK_FALSE(is_hit(proxy.get("/c")));
  CHECK(is_hit(proxy.get("/d")));
  origin.on("DELETE", "/d").reply(204);
  proxy.request("DELETE", "/d");
  CHECK_FALSE(is_hit(proxy.get("/d")));
}

TEST_CASE("an unsafe request does not invalidate what another host has (RFC 9111 §4.4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "x");
  proxy.get("/a", {{"host", "other.test"}});
  origin.on("POST", "/b").reply(201, {{"location", "http://other.test/a"}});
  proxy.request("POST", "/b", {}, "x");
  CHECK(is_hit(proxy.get("/a", {{"host", "other.test"}})));
}

TEST_CASE("a route may pass everything, or what carries certain cookies, and may force a lifetime") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  config.add("route.cache", "pass_cookies = [\"session\"]");
  config.route("path = \"/live\"").add("route", "origin = \"app\"").add("route.cache", "enabled = false");
  config.route("path = \"/forced\"").add("route", "origin = \"app\"").add("route.cache", "ttl = \"60s\"");
  const Proxy proxy(config);
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "x");
  origin.on("GET", "/live").reply(200, {{"cache-control", "max-age=60"}}, "x");
  origin.on("GET", "/forced").reply(200, {}, "x");
  proxy.get("/a");
  CHECK(is_hit(proxy.get("/a", {{"cookie", "theme=dark"}})));
  CHECK_FALSE(is_hit(proxy.get("/a", {{"cookie", "theme=dark; session=1"}})));
  proxy.get("/live");
  const RawResponse live = proxy.get("/live");
  CHECK_FALSE(is_hit(live));
  CHECK(cache_status(live).get("fwd") == "bypass");
  proxy.get("/forced");
  CHECK(is_hit(proxy.get("/forced")));
}

TEST_CASE("a HEAD for which nothing is stored asks by GET, and its answer is stored") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "body");
  origin.on("GET", "/chunked").head(200, {{"cache-control", "max-age=60"}, {"transfer-encoding", "chunked"}}).chunk("bo").chunk("dy").last_chunk();
  int stored = 0;
  for (const char* target : {"/a", "/chunked"}) {
    CAPTURE(target);
    Client client = proxy.client();
    const RawResponse head = client.request("HEAD", target);
    CHECK(head.status == 200);
    CHECK(head.body.empty());
    CHECK(cache_status(head).has("stored"));
    proxy.await_metric("store_insertions", ++stored);    // the head was all this client waited for
    const RawResponse whole = client.get(target);
    CHECK(whole.body == "body");
    CHECK(is_hit(whole));
    CHECK(origin.requests(target) == 1);
  }
}

TEST_CASE("a HEAD whose GET may not be stored gets its head, and the next ones go as HEAD") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "no-store"}}, "body");
  origin.on("HEAD", "/a").reply(200, {{"cache-control", "no-store"}, {"content-length", "4"}});
  Client client = proxy.client();
  for (int i = 0; i < 3; ++i) {
    const RawResponse head = client.request("HEAD", "/a");
    CHECK(head.status == 200);
    CHECK(head.field("content-length") == "4");
    CHECK(head.body.empty());
  }
  CHECK(origin.requests_where([](const SeenRequest& request) { return request.method == "HEAD"; }) == 2);
}

TEST_CASE("equivalent spellings share an answer, and the origin gets the one that was asked (RFC 3986 §6.2.2)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "equivalent_escapes = true"));
  origin.on("GET", "/*").reply(200, {{"cache-control", "max-age=60"}}, "page");
  CHECK(proxy.get("/caf%c3%a9/%28%41%29?q=%7e").body == "page");
  CHECK(origin.last_request("/caf%c3%a9/%28%41%29?q=%7e").method == "GET");
  for (const char* other : {"/caf%C3%A9/(A)?q=~", "/caf%c3%A9/%28A)?q=%7E"}) CHECK(is_hit(proxy.get(other)));
  CHECK(origin.requests() == 1);
  CHECK(proxy.purge(R"({"url": "http://shop.test/caf%C3%A9/(%41)?q=~"})").status == 200);
  CHECK_FALSE(is_hit(proxy.get("/caf%c3%a9/%28%41%29?q=%7e")));
}

TEST_CASE("a redirect from one spelling to another is no loop for who asks for the other, and an error for one is nobody else's") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/%41").reply(301, {{"cache-control", "max-age=60"}, {"location", "/A"}});
  origin.on("GET", "/%42").reply(404, {{"cache-control", "max-age=60"}}, "none");
  origin.on("GET", "/A").reply(200, {{"cache-control", "max-age=60"}}, "page");
  origin.on("GET", "/B").reply(200, {{"cache-control", "max-age=60"}}, "other");
  CHECK(proxy.get("/%41").status == 301);
  CHECK(cache_status(proxy.get("/%42")).get("detail") != "");
  CHECK(proxy.get("/A").body == "page");
  CHECK(proxy.get("/B").body == "other");
  CHECK(is_hit(proxy.get("/%42")));
}

TEST_CASE("trust_head = false keeps what a GET brought from the HEAD of an application that knows none") {
  for (const bool trusted : {true, false}) {
    CAPTURE(trusted);
    Origin origin;
    const Proxy proxy(config_for(origin).add("route.cache", std::string("trust_head = ") + (trusted ? "true" : "false")));
    origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=0, stale-if-error=600"}, {"etag", "\"1\""}}, "page");
    origin.on("HEAD", "/a").reply(404, {{"cache-control", "no-store"}});
    proxy.get("/a");
    CHECK(proxy.request("HEAD", "/a").status == 404);
    origin.on("GET", "/a").reset();
    CHECK(proxy.get("/a").status == (trusted ? 502 : 200));
  }
}

TEST_CASE("a route can be a pattern of paths, and say lifetimes by media type") {
  Origin origin;
  const Proxy proxy(config_for(origin).route("path = \"*.pdf\"").add("route", "origin = \"app\"").add("route.cache", "enabled = false"));
  origin.on("GET", "/*").reply(200, {{"cache-control", "max-age=60"}}, "x");
  for (const char* path : {"/a", "/b/c.pdf"}) proxy.get(path);
  CHECK(is_hit(proxy.get("/a")));
  CHECK_FALSE(is_hit(proxy.get("/b/c.pdf")));
}

TEST_CASE("convert_head = false leaves HEAD as it is") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "convert_head = false"));
  origin.on("HEAD", "/a").reply(200, {{"cache-control", "max-age=60"}, {"content-length", "4"}});
  CHECK(proxy.request("HEAD", "/a").field("content-length") == "4");
  CHECK(origin.last_request("/a").method == "HEAD");
}

TEST_CASE("the answer to a POST serves a later GET where it says that it is one's (RFC 9110 §9.3.3)") {
  struct Row { FieldLines fields; bool stored; const char* rule; };
  const Row rows[] = {
      {{{"cache-control", "max-age=60"}, {"content-location", "/p"}}, true, "its own target"},
      {{{"cache-control", "max-age=60"}, {"content-location", "/other"}}, false, "another resource"},
      {{{"cache-control", "max-age=60"}}, false, "nothing says so"},
      {{{"content-location", "/p"}}, false, "no lifetime of its own"},
      {{{"cache-control", "no-store, max-age=60"}, {"content-location", "/p"}}, false, "no-store"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rule);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("POST", "/p").reply(200, row.fields, "posted");
    origin.on("GET", "/p").reply(200, {{"cache-control", "max-age=60"}}, "got");
    CHECK(proxy.request("POST", "/p", {}, "form").body == "posted");
    const RawResponse get = proxy.get("/p");
    CHECK(get.body == (row.stored ? "posted" : "got"));
    CHECK(is_hit(get) == row.stored);
  }
}

TEST_CASE("the answer to a POST takes the place of what a GET had brought (RFC 9111 §4.4, RFC 9110 §9.3.3)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/p").reply(200, {{"cache-control", "max-age=60"}}, "before");
  origin.on("POST", "/p").reply(200, {{"cache-control", "max-age=60"}, {"content-location", "/p"}}, "after");
  proxy.get("/p");
  const RawResponse post = proxy.request("POST", "/p", {}, "form");
  const RawResponse get = proxy.get("/p");
  CAPTURE(post.field("cache-status"));
  CAPTURE(get.field("cache-status"));
  CHECK(get.body == "after");
  CHECK(is_hit(get));
}

TEST_CASE("a variant that may not be stored leaves the others where they are (RFC 9111 §4.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply([](const SeenRequest& request) {
    const std::string foo = request.field("foo");
    return Reply{200, {{"vary", "Foo"}, {"cache-control", foo == "2" ? "no-store" : "max-age=100"}}, foo};
  });
  for (const char* foo : {"1", "3", "2", "2"}) CHECK(proxy.get("/a", {{"foo", foo}}).body == foo);
  for (const char* foo : {"1", "3"}) CHECK(is_hit(proxy.get("/a", {{"foo", foo}})));
  CHECK(cache_status(proxy.get("/a", {{"foo", "2"}})).get("detail") == "no_store");
  CHECK(origin.requests("/a") == 5);
}

TEST_CASE("an answer about one request's own fault or rights does not end what others share (RFC 9111 §4.3.3)") {
  for (const int status : {400, 401, 403, 413, 429, 431, 503}) {
    CAPTURE(status);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/hot").reply([status](const SeenRequest& request) {
      const bool wrong = request.fields.has("x-wrong") || request.fields.has("authorization");
      return Reply{wrong ? status : 200, {{"cache-control", wrong ? "no-store" : "max-age=100"}}, wrong ? "wrong" : "hot"};
    });
    CHECK(proxy.get("/hot").body == "hot");
    CHECK(proxy.get("/hot", {{"cache-control", "no-cache"}, {"x-wrong", "1"}}).status == status);
    CHECK(is_hit(proxy.get("/hot")));
    CHECK(proxy.get("/hot", {{"authorization", "Basic bad"}}).status == status);
    CHECK(is_hit(proxy.get("/hot")));
  }
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/gone").reply(200, {{"cache-control", "max-age=100"}}, "here");
  origin.on("GET", "/gone").reply(404, {{"cache-control", "no-store"}}, "gone");
  proxy.get("/gone");
  CHECK(proxy.get("/gone", {{"cache-control", "no-cache"}}).status == 404);
  CHECK(proxy.get("/gone").status == 404);
}

TEST_CASE("Cache-Status says stored only of what was stored (RFC 9211 §2.5)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("cache.defaults", "max_variants = 2"));
  origin.on("GET", "/a").reply(200, {{"vary", "X-A"}, {"cache-control", "max-age=100"}}, "x");
  for (const char* variant : {"1", "2"}) CHECK(cache_status(proxy.get("/a", {{"x-a", variant}})).has("stored"));
  const RawResponse third = proxy.get("/a", {{"x-a", "3"}});
  CHECK_FALSE(cache_status(third).has("stored"));
  CHECK(cache_status(third).get("detail") == "too_many_variants");
}

TEST_CASE("a directive with something behind its name still forbids; a quoted number is read as it is meant (RFC 9110 §5.6.4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  for (const char* says : {"max-age=100, no-store;", "max-age=100, private; foo", "no-store x, max-age=100"}) {
    CAPTURE(says);
    const std::string path = "/" + std::to_string(std::hash<std::string>()(says));
    origin.on("GET", path).reply(200, {{"cache-control", says}}, "x");
    proxy.get(path);
    CHECK_FALSE(is_hit(proxy.get(path)));
  }
  origin.on("GET", "/quoted").reply(200, {{"cache-control", "max-age=\"1\\00\""}}, "x");
  proxy.get("/quoted");
  CHECK(cache_status(proxy.get("/quoted")).number("ttl") > 90);
}

TEST_SUITE_END();
