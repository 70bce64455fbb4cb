// 103 (Early Hints) with the links of an earlier answer, while a client waits for the origin (RFC 8297).
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/http2_client.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

const std::string kLink = "</app.css>; rel=preload; as=style";

// The links of the 103s that came before an answer.
std::vector<std::string> hints_of(const RawResponse& response) {
  std::vector<std::string> links;
  for (const RawResponse& interim : response.interim) {
    if (interim.status == 103) links.push_back(interim.field("link"));
  }
  return links;
}

ProxyConfig hinting(const Origin& origin) { return config_for(origin).add("forwarding", "early_hints_http1 = true"); }

}  // namespace

TEST_SUITE_BEGIN("early_hints");

TEST_CASE("the links of the last answer are told before the origin has answered, over HTTP/2 and, by setting, HTTP/1.1") {
  Origin origin;
  const Proxy proxy(hinting(origin));
  Barrier seen{"the hint was seen"};
  origin.on("GET", "/page").reply(200, {{"cache-control", "no-store"}, {"link", kLink + ", </next>; rel=next"}}, "page");
  origin.on("GET", "/page").await(seen).reply(200, {{"cache-control", "no-store"}}, "page");
  CHECK(hints_of(proxy.get("/page")).empty());

  Client client = proxy.client();
  client.send_request("GET", "/page");
  const RawResponse hint = client.read_head();
  CHECK(hint.status == 103);
  CHECK(hint.field("link") == kLink);
  seen.open();
  CHECK(client.read().body == "page");
  CHECK(hints_of(proxy.get("/page")).empty());                // that answer had no links any more

  origin.on("GET", "/page").reply(200, {{"cache-control", "no-store"}, {"link", kLink}}, "page");
  proxy.get("/page");
  CHECK(hints_of(Http2Client(proxy.port()).get("/page")) == std::vector<std::string>{kLink});
}

TEST_CASE("HTTP/1.1 clients get none unless it is set, and HTTP/1.0 clients never") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/page").reply(200, {{"cache-control", "no-store"}, {"link", kLink}}, "page");
  proxy.get("/page");
  CHECK(hints_of(proxy.get("/page")).empty());
  CHECK(hints_of(Http2Client(proxy.port()).get("/page")).size() == 1);
}

TEST_CASE("what is stored teaches, a hit gets no hint, a miss and a validation one") {
  Origin origin;
  const Proxy proxy(hinting(origin).add("route.cache", "stale_if_slow = \"0s\""));
  origin.on("GET", "/page").reply(200, {{"cache-control", "max-age=10"}, {"age", "11"}, {"etag", "\"1\""}, {"link", kLink}}, "page");
  origin.on("GET", "/page").reply(304, {{"etag", "\"1\""}, {"cache-control", "max-age=60"}});
  proxy.get("/page");
  const RawResponse validated = proxy.get("/page");
  CHECK(cache_status(validated).get("fwd") == "stale");
  CHECK(hints_of(validated) == std::vector<std::string>{kLink});
  const RawResponse hit = proxy.get("/page");
  CHECK(is_hit(hit));
  CHECK(hints_of(hit).empty());
}

TEST_CASE("one visitor's own links are not told to others, and a purge forgets") {
  Origin origin;
  const Proxy proxy(hinting(origin));
  origin.on("GET", "/mine").reply(200, {{"cache-control", "private"}, {"link", kLink}}, "mine");
  origin.on("GET", "/page").reply(200, {{"cache-control", "no-store"}, {"link", kLink}}, "page");
  proxy.get("/mine", {{"cookie", "session=1"}});
  CHECK(hints_of(proxy.get("/mine", {{"cookie", "session=1"}})).empty());
  proxy.get("/page");
  proxy.purge(R"({"url": "http://shop.test/page"})");
  CHECK(hints_of(proxy.get("/page")).empty());
  CHECK(hints_of(proxy.get("/page")).size() == 1);
}

TEST_CASE("a rule's links are hints, and a route can do without") {
  Origin origin;
  const Proxy proxy(hinting(origin).add("route.header", "add = { Link = \"" + kLink + "\" }"));
  const Proxy without(hinting(origin).add("route.cache", "early_hints = false"));
  origin.on("GET", "/page").reply(200, {{"cache-control", "no-store"}}, "page");
  proxy.get("/page");
  CHECK(hints_of(proxy.get("/page")) == std::vector<std::string>{kLink});
  origin.on("GET", "/linked").reply(200, {{"cache-control", "no-store"}, {"link", kLink}}, "page");
  without.get("/linked");
  CHECK(hints_of(without.get("/linked")).empty());
}

TEST_CASE("who passes, with a session say, gets the hints that others' answers taught") {
  Origin origin;
  const Proxy proxy(hinting(origin).add("route.cache", "pass_cookies = [\"session\"]"));
  origin.on("GET", "/page").reply(200, {{"cache-control", "max-age=60"}, {"link", kLink}}, "page");
  proxy.get("/page");
  const RawResponse passed = proxy.get("/page", {{"cookie", "session=1"}});
  CHECK(cache_status(passed).get("fwd") == "bypass");
  CHECK(hints_of(passed) == std::vector<std::string>{kLink});
}
TEST_CASE("hints are learnt of what was asked as for everybody, not of what a client made the origin say") {
  Origin origin;
  const Proxy proxy(hinting(origin));
  origin.on("GET", "/page").reply(200, {{"cache-control", "max-age=60"}, {"link", "<https://evil.test/app.js>; rel=preload; as=script"}}, "page");
  proxy.get("/page", {{"x-host", "evil.test"}, {"if-unmodified-since", "Fri, 01 Jan 2100 00:00:00 GMT"}});
  CHECK(origin.last_request("/page").fields.has("x-host"));
  CHECK(hints_of(proxy.get("/page")).empty());
}

