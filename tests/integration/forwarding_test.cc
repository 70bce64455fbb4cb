// What the origin is told of a request, and the client of an answer (RFC 9110 §7.6, RFC 9112 §3.2, RFC 7239).
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

// The request that /a's origin saw after this one was sent.
SeenRequest seen(Origin& origin, const Proxy& proxy, const std::string& bytes) {
  Client client = proxy.client();
  client.send(bytes);
  CHECK(client.read().status == 200);
  return origin.last_request("/a");
}

struct Passing {
  explicit Passing(ProxyConfig (*change)(ProxyConfig) = nullptr)
      : proxy(change != nullptr ? change(config_for(origin)) : config_for(origin)) {
    origin.on("GET", "/a").reply(200, {{"cache-control", "no-store"}}, "x");
  }
  Origin origin;
  const Proxy proxy;
};

}  // namespace

TEST_SUITE_BEGIN("forwarding");

TEST_CASE("the target of an absolute-form request is its authority, whatever Host says (RFC 9112 §3.2.2)") {
  Passing it;
  const SeenRequest request = seen(it.origin, it.proxy, "GET http://Real.test/a HTTP/1.1\r\nHost: other.test\r\n\r\n");
  CHECK(request.target == "/a");
  CHECK(request.fields.count("host") == 1);
  CHECK(same_name(request.field("host"), "real.test"));
}

TEST_CASE("Host goes on as it came, or as the origin is configured (RFC 9110 §7.2)") {
  Passing it;
  CHECK(seen(it.origin, it.proxy, request_bytes("GET", "/a", {{"host", "shop.test:8080"}})).field("host") == "shop.test:8080");
  Passing set([](ProxyConfig config) { return config.add("origin.app", "host = \"inner.test\""); });
  const SeenRequest request = seen(set.origin, set.proxy, request_bytes("GET", "/a"));
  CHECK(request.field("host") == "inner.test");
  CHECK(request.field("x-forwarded-host") == kHost);
}

TEST_CASE("hop-by-hop fields and those that Connection names stay behind (RFC 9110 §7.6.1)") {
  Passing it;
  const SeenRequest request = seen(it.origin, it.proxy, request_bytes("GET", "/a", {{"connection", "x-private, keep-alive"}, {"x-private", "1"},
                                                              {"keep-alive", "300"}, {"proxy-connection", "keep-alive"},
                                                              {"te", "trailers"}, {"x-end", "to end"}}));
  for (const char* name : {"x-private", "keep-alive", "proxy-connection", "upgrade", "transfer-encoding"}) {
    CAPTURE(name);
    CHECK_FALSE(request.fields.has(name));
  }
  CHECK(request.field("connection").find("x-private") == std::string::npos);
  CHECK(request.field("x-end") == "to end");
}

TEST_CASE("field lines that are end to end go on in their order, with their values as they came") {
  Passing it;
  const SeenRequest request = seen(it.origin, it.proxy, request_bytes("GET", "/a", {{"X-A", "1"}, {"x-b", "two  words"}, {"X-A", "3"}, {"cookie", "a=b; c=d"},
                                                              {"accept-encoding", "gzip"}, {"x-utf8", "caf\xc3\xa9"}}));
  CHECK(request.fields.combined("x-a") == "1, 3");
  CHECK(request.field("x-b") == "two  words");
  CHECK(request.field("cookie") == "a=b; c=d");
  CHECK(request.field("x-utf8") == "caf\xc3\xa9");
}

TEST_CASE("the origin hears who asked, and what a client claims of itself is not believed") {
  Passing it;
  const SeenRequest request = seen(it.origin, it.proxy, request_bytes("GET", "/a", {{"x-forwarded-for", "203.0.113.9"}, {"x-forwarded-proto", "https"},
                                                              {"x-forwarded-host", "evil.test"}, {"forwarded", "for=203.0.113.9"},
                                                              {"x-request-id", "chosen"}, {"via", "1.1 before"}}));
  CHECK(request.fields.combined("x-forwarded-for") == "127.0.0.1");
  CHECK(request.fields.combined("x-forwarded-proto") == "http");
  CHECK(request.fields.combined("x-forwarded-host") == kHost);
  CHECK(request.fields.combined("forwarded").find("203.0.113.9") == std::string::npos);
  CHECK(request.fields.combined("forwarded").find("for=127.0.0.1") != std::string::npos);
  CHECK(request.fields.count("x-request-id") == 1);
  CHECK(request.field("x-request-id") != "chosen");
  CHECK(request.field("x-request-id").size() >= 16);
  CHECK(request.fields.combined("via") == "1.1 before, 1.1 davenport");     // RFC 9110 §7.6.3
}

TEST_CASE("a trusted proxy's word about the client is kept and continued") {
  Passing it([](ProxyConfig config) { return config.add("forwarding", "trusted_proxies = [\"127.0.0.0/8\"]"); });
  const SeenRequest request = seen(it.origin, it.proxy, request_bytes("GET", "/a", {{"x-forwarded-for", "203.0.113.9"}, {"x-forwarded-proto", "https"},
                                                              {"x-forwarded-host", "public.test"}, {"forwarded", "for=203.0.113.9"},
                                                              {"x-request-id", "chosen"}}));
  CHECK(request.fields.combined("x-forwarded-for") == "203.0.113.9, 127.0.0.1");
  CHECK(request.fields.combined("x-forwarded-proto") == "https");
  CHECK(request.fields.combined("x-forwarded-host") == "public.test");
  CHECK(request.fields.combined("forwarded").starts_with("for=203.0.113.9, for=127.0.0.1"));
  CHECK(request.field("x-request-id") == "chosen");
}

TEST_CASE("what a trusted proxy says of scheme and host is part of the key, for the origin answers by it") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("forwarding", "trusted_proxies = [\"127.0.0.0/8\"]"));
  const Proxy trusts_nobody(config_for(origin));
  origin.on("GET", "/p").reply([](const SeenRequest& request) {
    return Reply{200, {{"cache-control", "max-age=60"}}, request.field("x-forwarded-proto") + "://" + request.field("x-forwarded-host")};
  });
  for (int i = 0; i < 2; ++i) {
    CHECK(proxy.get("/p", {{"x-forwarded-proto", "http"}}).body == "http://shop.test");
    CHECK(proxy.get("/p", {{"x-forwarded-proto", "https"}}).body == "https://shop.test");
    CHECK(proxy.get("/p", {{"x-forwarded-proto", "https"}, {"x-forwarded-host", "public.test"}}).body == "https://public.test");
    CHECK(proxy.get("/p").body == "http://shop.test");
    CHECK(trusts_nobody.get("/p", {{"x-forwarded-proto", "https"}, {"x-forwarded-host", "evil.test"}}).body == "http://shop.test");
  }
  CHECK(origin.requests("/p") == 4);
  CHECK(proxy.purge(R"({"url": "http://shop.test/p"})").status == 200);
  CHECK_FALSE(is_hit(proxy.get("/p", {{"x-forwarded-proto", "https"}, {"x-forwarded-host", "public.test"}})));
}

TEST_CASE("Forwarded and X-Forwarded-* can be switched off, and then a client's own do not pass either") {
  Passing it([](ProxyConfig config) {
    return config.add("forwarding", "forwarded = false").add("forwarding", "x_forwarded = false");
  });
  const SeenRequest request = seen(it.origin, it.proxy, request_bytes("GET", "/a", {{"x-forwarded-for", "203.0.113.9"}, {"forwarded", "for=203.0.113.9"}}));
  CHECK_FALSE(request.fields.has("x-forwarded-for"));
  CHECK_FALSE(request.fields.has("forwarded"));
}

TEST_CASE("PROXY headers of both versions name the client") {
  Passing it([](ProxyConfig config) { return config.listen_proxy_protocol(); });
  const std::string request = request_bytes("GET", "/a");
  CHECK(seen(it.origin, it.proxy, "PROXY TCP4 192.0.2.7 127.0.0.1 4000 80\r\n" + request).field("x-forwarded-for") == "192.0.2.7");
  CHECK(seen(it.origin, it.proxy, "PROXY TCP6 2001:db8::7 ::1 4000 80\r\n" + request).field("x-forwarded-for") == "2001:db8::7");
  CHECK(it.origin.last_request("/a").field("forwarded").find("\"[2001:db8::7]\"") != std::string::npos);
  CHECK(seen(it.origin, it.proxy, "PROXY UNKNOWN\r\n" + request).field("x-forwarded-for") == "127.0.0.1");
  const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
  const std::string v2 = signature + std::string("\x21\x11\x00\x0c\xc0\x00\x02\x08\x7f\x00\x00\x01\x0f\xa0\x00\x50", 16);
  CHECK(seen(it.origin, it.proxy, v2 + request).field("x-forwarded-for") == "192.0.2.8");
  const std::string local = signature + std::string("\x20\x00\x00\x00", 4);
  CHECK(seen(it.origin, it.proxy, local + request).field("x-forwarded-for") == "127.0.0.1");
}

TEST_CASE("a PROXY header that trickles in is read, and the connection serves many requests behind it") {
  Passing it([](ProxyConfig config) { return config.listen_proxy_protocol(); });
  Client client = it.proxy.client();
  client.send_slowly("PROXY TCP4 192.0.2.7 127.0.0.1 4000 80\r\n");
  for (int i = 0; i < 3; ++i) CHECK(client.get("/a").body == "x");
  CHECK(it.origin.last_request("/a").field("x-forwarded-for") == "192.0.2.7");
}

TEST_CASE("a connection without the PROXY header it owes is closed, and nothing goes on") {
  Passing it([](ProxyConfig config) { return config.listen_proxy_protocol(); });
  for (const std::string& start : {std::string(""), std::string("PROXY TCP4 192.0.2.7\r\n"), std::string("PROXY TCP4 1.2.3.4 5.6.7.8 99999 80\r\n"),
                                   std::string("PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n"), std::string("proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n"),
                                   "PROXY TCP4 " + std::string(200, '1') + "\r\n"}) {
    CAPTURE(start);
    Client client = it.proxy.client();
    client.send(start + request_bytes("GET", "/a"));
    const RawResponse response = client.read();
    CHECK((response.status == 0 || response.status == 400));
    client.await_close();
  }
  CHECK(it.origin.bytes_received() == 0);
}

TEST_CASE("a host that no route names gets 421, and the most specific route wins") {
  Origin first, second;
  ProxyConfig config;
  config.origin("one", {first.address()}).origin("two", {second.address()});
  config.route("hosts = [\"one.test\", \"www.one.test\"]").add("route", "origin = \"one\"");
  config.route("hosts = [\"one.test\"]").add("route", "path = \"/api\"").add("route", "origin = \"two\"");
  config.route("hosts = [\"*.two.test\"]").add("route", "origin = \"two\"");
  const Proxy proxy(config);
  first.on("GET", "/*").reply(200, {{"cache-control", "max-age=60"}}, "one");
  second.on("GET", "/*").reply(200, {{"cache-control", "no-store"}}, "two");
  struct Row { const char *host, *path; int status; const char* body; };
  for (const Row& row : {Row{"one.test", "/", 200, "one"}, Row{"ONE.test:8080", "/", 200, "one"}, Row{"one.test", "/api", 200, "two"},
                         Row{"one.test", "/api/x", 200, "two"}, Row{"one.test", "/apis", 200, "one"}, Row{"a.two.test", "/", 200, "two"},
                         Row{"two.test", "/", 421, ""}, Row{"other.test", "/", 421, ""}}) {
    CAPTURE(row.host);
    CAPTURE(row.path);
    const RawResponse response = proxy.get(row.path, {{"host", row.host}});
    CHECK(response.status == row.status);
    if (row.status == 200) CHECK(response.body == row.body);
  }
  CHECK(is_hit(proxy.get("/", {{"host", "www.one.test"}})));      // an alias shares what its canonical host has
}

TEST_CASE("an answer's end-to-end fields reach the client as they came") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60, x-own=\"a,b\""}, {"x-a", "1"}, {"x-b", "2"}, {"x-a", "3"},
                                     {"server", "shop/1"}, {"via", "1.1 inner"}, {"cache-status", "inner; hit"},
                                     {"connection", "x-hop"}, {"x-hop", "1"}, {"trailer", "x"}}, "x");
  for (int i = 0; i < 2; ++i) {
    const RawResponse response = proxy.get("/a");
    CHECK(response.field("cache-control") == "max-age=60, x-own=\"a,b\"");    // directives are passed through
    CHECK(response.fields.combined("x-a") == "1, 3");
    CHECK(response.field("server") == "shop/1");
    CHECK(response.fields.combined("cache-status").starts_with("inner"));     // ours stands behind it (RFC 9211 §2)
    CHECK(cache_status(response).name == "davenport");
    CHECK_FALSE(response.fields.has("x-hop"));
  }
}

TEST_CASE("a route may take cookies away in both directions") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "strip_cookies = true"));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"set-cookie", "a=b"}}, "x");
  CHECK_FALSE(proxy.get("/a", {{"cookie", "a=b"}}).fields.has("set-cookie"));
  CHECK_FALSE(origin.last_request("/a").fields.has("cookie"));
  CHECK(is_hit(proxy.get("/a")));
}

TEST_CASE("with ignore_other_cookies a visitor's analytics cookie makes no other page, and does not reach the origin") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "ignore_other_cookies = true\nkey_cookies = [\"currency\"]\npass_cookies = [\"sid\"]"));
  origin.on("GET", "/a").reply([](const SeenRequest& request) {
    return Reply{200, {{"cache-control", "max-age=60"}, {"vary", "cookie"}}, request.field("cookie")};
  });
  CHECK(proxy.get("/a", {{"cookie", "_ga=1; currency=eur"}}).body == "currency=eur");
  const RawResponse other = proxy.get("/a", {{"cookie", "currency=eur; _ga=2"}});
  CHECK(is_hit(other));
  CHECK(other.body == "currency=eur");
  CHECK(proxy.get("/a", {{"cookie", "_ga=1; currency=usd"}}).body == "currency=usd");
  CHECK(proxy.get("/a", {{"cookie", "_ga=3"}}).body.empty());
  const RawResponse logged_in = proxy.get("/a", {{"cookie", "_ga=3; sid=9"}});
  CHECK_FALSE(is_hit(logged_in));
  CHECK(logged_in.body == "_ga=3; sid=9");              // who is known to the application gets its own page, by all its cookies
}

TEST_CASE("fields that are not stored go to the client whose request fetched the answer, and to nobody else") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "unstored_fields = [\"RateLimit-*\"]\nunstored_statuses = [\"404\"]"));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"ratelimit-remaining", "7"}}, "x");
  origin.on("GET", "/gone").reply(404, {{"cache-control", "max-age=60"}}, "no");
  CHECK(proxy.get("/a").field("ratelimit-remaining") == "7");
  const RawResponse hit = proxy.get("/a");
  CHECK(is_hit(hit));
  CHECK_FALSE(hit.fields.has("ratelimit-remaining"));
  for (int i = 0; i < 2; ++i) CHECK_FALSE(is_hit(proxy.get("/gone")));
}

TEST_SUITE_END();
