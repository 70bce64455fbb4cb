// Attempts on the cache: to have one client's answer stored for others (poisoning), a private page stored as a public one
// (deception), two resources under one key, and the store filled with rubbish. What the origin gets is checked to the byte.
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/stage.h"

using namespace davenport::testing;

namespace {

constexpr bool kStays = false;

std::vector<Got> ok(const std::string& body) { return {Got(200, body)}; }

ProxyConfig one_route(const std::string& hosts) {
  ProxyConfig config;
  config.route(hosts).add("route", "path = \"/\"").add("route", "origin = \"app\"");
  return config;
}

}  // namespace

TEST_SUITE_BEGIN("hostile_cache");

TEST_CASE("poisoning: what is no part of the key does not reach an answer that is stored (RFC 9111 §4, §4.3.1)") {
  Stage stage;
  const std::vector<std::string> plain{seen("GET /a")};
  for (const Act& act : {
           Act{"a range is no part of a fetch for the store", get("/a", "Range: bytes=0-1"), {Got(206, "GE")}, plain, "GET /a", kStays},
           Act{"an absurd range", get("/a", "Range: bytes=999-"), {416}, plain, "GET /a", kStays},
           Act{"If-Range", get("/a", "Range: bytes=0-1\r\nIf-Range: \"x\""), ok("GET /a"), plain, "GET /a", kStays},
           Act{"If-None-Match", get("/a", "If-None-Match: \"x\""), ok("GET /a"), plain, "GET /a", kStays},
           Act{"If-Match is the origin's to judge, and its answer nobody else's (RFC 9110 §13.1.1)", get("/a", "If-Match: \"x\""), ok("GET /a"), {seen("GET /a", "If-Match: \"x\"\r\n")}, "", kStays},
           Act{"If-Modified-Since", get("/a", "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"and If-Unmodified-Since (§13.1.4)", get("/a", "If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT"), ok("GET /a"),
               {seen("GET /a", "If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\n")}, "", kStays},
           Act{"X-Forwarded-For of nobody we trust", get("/a", "X-Forwarded-For: 127.0.0.1"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"X-Forwarded-Host", get("/a", "X-Forwarded-Host: evil.test"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"X-Forwarded-Proto", get("/a", "X-Forwarded-Proto: https"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"Forwarded", get("/a", "Forwarded: for=127.0.0.1;host=evil.test;proto=https"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"X-Request-Id", get("/a", "X-Request-Id: evil"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"the same with underscores, for origins that read fields as CGI variables", get("/a", "X_Forwarded_For: 127.0.0.1\r\nX_FORWARDED_HOST: evil.test\r\nX-Forwarded_Proto: https"),
               ok("GET /a"), plain, "GET /a", kStays},
           Act{"framing with underscores", get("/a", "Content_Length: 5\r\nTransfer_Encoding: chunked"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"Expect without a body", get("/a", "Expect: 100-continue"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"Accept-Encoding goes as it is compared", get("/a", "Accept-Encoding: evil, GZIP;q=0.5"), ok("GET /a"), {seen("GET /a", "Accept-Encoding: gzip\r\n")}, "GET /a", kStays},
           Act{"Accept-Language too", get("/a", "Accept-Language: EVIL, de;q=0"), ok("GET /a"), {seen("GET /a", "Accept-Language: evil,de;q=0\r\n")}, "GET /a", kStays},
           Act{"no-store in a request is kept by nobody (§5.2.1.5)", get("/a", "Cache-Control: no-store"), ok("GET /a"), {seen("GET /a", "Cache-Control: no-store\r\n")}, "", kStays},
           Act{"HEAD does not put an empty body under the key", "HEAD /a HTTP/1.1\r\nHost: shop.test\r\n\r\n", ok(""), plain, "GET /a", kStays},
           Act{"an absolute target stands over Host (RFC 9112 §3.2.2)", "GET http://shop.test/a HTTP/1.1\r\nHost: evil.test\r\n\r\n", ok("GET /a"), plain, "GET /a", kStays},
           Act{"a target of another scheme than the connection's (RFC 9110 §7.4)", "GET HTTPS://shop.test/a HTTP/1.1\r\nHost: shop.test\r\n\r\n", {421}, {}, "", kStays},
           Act{"an equivalent spelling (RFC 9110 §4.2.3) is one key, and goes on as it came", get("/%61"), ok("GET /%61"), {seen("GET /%61")}, "GET /%61", kStays},
           Act{"hexadecimal digits in lower case", get("/%c3%a9"), ok("GET /%c3%a9"), {seen("GET /%c3%a9")}, "", kStays},
           Act{"a query that is hidden stays in the path", get("/a%3fb"), ok("GET /a%3fb"), {seen("GET /a%3fb")}, "", kStays},
           Act{"a slash that is hidden stays hidden", get("/x/..%2fa"), ok("GET /x/..%2fa"), {seen("GET /x/..%2fa")}, "", kStays},
           Act{"dots are not resolved, here or at the origin", get("/x/../a"), ok("GET /x/../a"), {seen("GET /x/../a")}, "", kStays},
           Act{"a percent sign that means itself", get("/a%"), ok("GET /a%"), {seen("GET /a%")}, "", kStays},
           Act{"an empty query is a query (RFC 3986 §6.2.3)", get("/a?"), ok("GET /a?"), {seen("GET /a?")}, "", kStays}}) {
    stage.play(act);
  }
}

TEST_CASE("poisoning: parameters and hosts that a route takes for the same are the same at the origin") {
  {
    Stage stage(one_route("hosts = [\"shop.test\"]").add("route.cache", "drop_parameters = [\"utm_*\"]").add("route.cache", "sort_query = true"));
    stage.play({"a dropped parameter does not reach an answer that is stored", get("/a?utm_x=%3Cscript%3E"), ok("GET /a"), {seen("GET /a")}, "GET /a", kStays});
    stage.play({"one among others", get("/a?b=2&utm_x=1&a=1"), ok("GET /a?a=1&b=2"), {seen("GET /a?a=1&b=2")}, "", kStays});
    stage.play({"a method that is not stored goes as it came", line("DELETE /a?b=2&utm_x=1&a=1 HTTP/1.1"), ok("DELETE /a?b=2&utm_x=1&a=1"),
                {seen("DELETE /a?b=2&utm_x=1&a=1")}, "", kStays});
  }
  Stage stage(one_route("hosts = [\"shop.test\"]").add("route.cache", "keep_parameters = []"));
  stage.play({"no parameter is kept", get("/a?x=1"), ok("GET /a"), {seen("GET /a")}, "GET /a", kStays});
}

TEST_CASE("deception: a path that looks like a file's takes nothing from what the origin says") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/account*").reply([](const SeenRequest& request) {
    return Reply{200, {{"cache-control", "private"}, {"set-cookie", "s=1"}}, "of " + request.field("cookie")};
  });
  origin.on("GET", "/silent*").reply([](const SeenRequest& request) { return Reply{200, {}, "of " + request.field("cookie")}; });
  for (const char* path : {"/account/x.css", "/account;x.css", "/account%2fx.css", "/account%0a.css", "/account%00.css", "/account/..%2fx.js", "/account?x.png",
                           "/account%3fx.css", "/account/%2e%2e/static/x.css", "/account.css", "/silent/x.css", "/silent.jpg"}) {
    CAPTURE(path);
    CHECK(proxy.get(path, {{"cookie", "victim"}}).body == "of victim");
    CHECK(proxy.get(path, {{"cookie", "attacker"}}).body == "of attacker");
  }
}

TEST_CASE("deception: what is bound to a login is not shared (RFC 9111 §3.5), and a cookie goes to its client only") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  struct Row { const char *control, *asks, *value; bool shared; const char* rule; };
  int number = 0;
  for (const Row& row : {Row{"max-age=60", "authorization", "Basic a", false, "§3.5"}, Row{"public, max-age=60", "authorization", "Basic a", true, "§3.5: public"},
                         Row{"s-maxage=60", "authorization", "Basic a", true, "§3.5: s-maxage"}, Row{"max-age=60, must-revalidate", "authorization", "Basic a", true, "§3.5: must-revalidate"},
                         Row{"private, max-age=60", "cookie", "a", false, "§5.2.2.7"}, Row{"no-store, max-age=60", "cookie", "a", false, "§5.2.2.5"},
                         Row{"Private=\"x\", max-age=60, private", "cookie", "a", false, "§5.2.2.7, in any case"}}) {
    CAPTURE(row.rule);
    const std::string path = "/login" + std::to_string(number++);
    origin.on("GET", path).reply([row](const SeenRequest& request) {
      return Reply{200, {{"cache-control", row.control}}, "of " + request.field(row.asks)};
    });
    CHECK(proxy.get(path, {{row.asks, row.value}}).body == std::string("of ") + row.value);
    CHECK(proxy.get(path).body == (row.shared ? std::string("of ") + row.value : "of "));
  }
  origin.on("GET", "/cookie").reply(200, {{"cache-control", "public, max-age=60"}, {"set-cookie", "session=of-the-first"}}, "page");
  CHECK(proxy.get("/cookie").field("set-cookie") == "session=of-the-first");
  const RawResponse later = proxy.get("/cookie");
  CHECK(is_hit(later));
  CHECK_FALSE(later.fields.has("set-cookie"));
}

TEST_CASE("errors that a client's own bytes bring about are not what others get") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "default_ttl = \"60s\""));
  int number = 0;
  for (const int status : {400, 405, 412, 413, 414, 416, 417, 431, 500, 501, 502, 503, 504}) {
    CAPTURE(status);
    const std::string path = "/bad" + std::to_string(number++);
    origin.on("GET", path).reply(status, {}, "error");
    origin.on("GET", path).reply(200, {{"cache-control", "max-age=60"}}, "page");
    CHECK(proxy.get(path, {{"x-odd", "\\"}}).status == status);
    CHECK(proxy.get(path).body == "page");
  }
}

TEST_CASE("key collisions: two resources never share an answer, whatever their names hold") {
  struct Pair { const char *first_host, *first, *second_host, *second; bool same; const char* rule; };
  Stage stage(one_route("hosts = [\"shop.test\", \"www.shop.test\", \"*.shop.test\", \"*\"]"));
  for (const Pair& pair : {
           Pair{"shop.test", "/k", "shop.test", "/k?", false, "an empty query"}, Pair{"shop.test", "/k?a", "shop.test", "/k%3Fa", false, "a hidden question mark"},
           Pair{"shop.test", "/k/a", "shop.test", "/k%2Fa", false, "a hidden slash"}, Pair{"shop.test", "/k", "shop.test", "//k", false, "an empty segment"},
           Pair{"shop.test", "/k", "shop.test", "/./k", false, "a dot"}, Pair{"shop.test", "/k", "shop.test", "/K", false, "paths have cases"},
           Pair{"shop.test", "/k;a", "shop.test", "/k", false, "parameters of a segment"}, Pair{"shop.test", "/k?a&b", "shop.test", "/k?a&b&", false, "an empty parameter"},
           Pair{"shop.test", "/k?a=1&b=2", "shop.test", "/k?b=2&a=1", false, "their order"}, Pair{"shop.test", "/k?a=%26", "shop.test", "/k?a=&", false, "a hidden ampersand"},
           Pair{"shop.test", "/k?a=%2B", "shop.test", "/k?a=+", false, "a hidden plus"}, Pair{"shop.test", "/k%20", "shop.test", "/k+", false, "a space is no plus"},
           Pair{"shop.test", "/k%00", "shop.test", "/k", false, "a hidden NUL"}, Pair{"shop.test", "/k%0d%0aX", "shop.test", "/kX", false, "hidden ends of lines"},
           Pair{"shop.test", "/%6b", "shop.test", "/k", true, "RFC 3986 §6.2.2.2"}, Pair{"shop.test", "/%c3%a9", "shop.test", "/%C3%A9", true, "§6.2.2.1"},
           Pair{"shop.test", "/%256b", "shop.test", "/%6b", false, "hidden twice"}, Pair{"shop.test", "/%%36%62", "shop.test", "/k", false, "a percent sign that means itself"},
           Pair{"shop.test", "/%%32Fb", "shop.test", "/%2Fb", false, "one that would begin an escape"}, Pair{"shop.test", "/s?q=%%433%A9", "shop.test", "/s?q=%C3%A9", false, "the same in a query"},
           Pair{"shop.test", "/k", "SHOP.Test", "/k", true, "RFC 3986 §6.2.2.1"}, Pair{"shop.test", "/k", "shop.test.", "/k", false, "the root's dot, which the origin sees"},
           Pair{"shop.test", "/k", "shop.test:80", "/k", true, "RFC 9110 §4.2.3: the default port"}, Pair{"shop.test", "/k", "shop.test:", "/k", true, "an empty port"},
           Pair{"shop.test", "/k", "shop.test:8080", "/k", false, "another port"}, Pair{"shop.test", "/k", "shop.test:443", "/k", false, "another scheme's port"},
           Pair{"shop.test", "/k", "shop.test:0", "/k", false, "no port"},
           Pair{"shop.test", "/k", "www.shop.test", "/k", true, "a name of the same route"},
           Pair{"shop.test", "/k", "evil.shop.test", "/k", false, "a host that only a pattern names is its own"},
           Pair{"a.shop.test", "/k", "b.shop.test", "/k", false, "the same"}, Pair{"shop.test", "/k", "other.test", "/k", false, "the same"},
           Pair{"a.test", "/b/k", "a.test/b", "/k", false, "host and path do not flow together"}, Pair{"a.test", "/1/k", "a.test1", "/k", false, "the same"},
           Pair{"[::1]", "/k", "[::2]", "/k", false, "addresses"}, Pair{"127.0.0.1", "/k", "127.1", "/k", false, "an address is no number here"}}) {
    CAPTURE(pair.rule);
    CAPTURE(pair.first);
    CAPTURE(pair.second);
    REQUIRE(stage.proxy().purge(R"({"all": true, "count": false})").status == 200);
    CHECK(stage.proxy().get(pair.first, {{"host", pair.first_host}}).status == 200);
    const RawResponse second = stage.proxy().get(pair.second, {{"host", pair.second_host}});
    if (second.status != 400) CHECK(is_hit(second) == pair.same);
    else CHECK_FALSE(pair.same);
  }
}

TEST_CASE("a purge reaches what is stored under each name of a route, wherever a pattern stands among them") {
  Stage stage(one_route("hosts = [\"*.shop.test\", \"shop.test\", \"shop.example\"]"));
  const Proxy& proxy = stage.proxy();
  for (const char* host : {"shop.test", "shop.example", "x.shop.test"}) {
    CAPTURE(host);
    CHECK(proxy.get("/a", {{"host", host}}).status == 200);
    CHECK(is_hit(proxy.get("/a", {{"host", host}})));
    CHECK(proxy.purge("{\"url\": \"http://" + std::string(host) + "/a\"}").status == 200);
    CHECK_FALSE(is_hit(proxy.get("/a", {{"host", host}})));
  }
}

TEST_CASE("a flood of variants is bounded, pushes out no good one, and each client gets its own (RFC 9111 §4.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1").add("route.cache", "max_variants = 8"));
  origin.on("GET", "/page").reply([](const SeenRequest& request) {
    return Reply{200, {{"cache-control", "max-age=600"}, {"vary", "X-Kind, Accept-Language"}}, "for " + request.field("x-kind")};
  });
  CHECK(proxy.get("/page", {{"x-kind", "good"}}).body == "for good");
  Client client = proxy.client();
  for (int i = 0; i < 300; ++i) {
    const std::string kind = "flood" + std::to_string(i);
    REQUIRE(client.get("/page", {{"x-kind", kind}}).body == "for " + kind);
  }
  CHECK(proxy.metric("store_objects").value_or(0) <= 8);
  const RawResponse good = proxy.get("/page", {{"x-kind", "good"}});
  CHECK(is_hit(good));
  CHECK(good.body == "for good");
  const std::string long_kind(20'000, 'k');
  CHECK(proxy.get("/page", {{"x-kind", long_kind}}).body == "for " + long_kind);
  for (const char* kind : {"a, b", "a,b", "\"a,b\"", "a;b", "a b", ""}) CHECK(proxy.get("/page", {{"x-kind", kind}}).body == std::string("for ") + kind);
}

TEST_CASE("ranges never make an answer larger than the whole by more than their count allows (RFC 9110 §14.2)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  std::string body;
  for (int i = 0; i < 1'000; ++i) body += static_cast<char>('a' + i % 26);
  origin.on("GET", "/page").reply(200, {{"cache-control", "max-age=600"}, {"etag", "\"1\""}}, body);
  CHECK(proxy.get("/page").body == body);
  std::string many = "bytes=0-0", overlapping = "bytes=0-", tiny = "bytes=0-0";
  for (int i = 1; i < 1'000; ++i) many += "," + std::to_string(i * 2) + "-" + std::to_string(i * 2);
  for (int i = 1; i < 1'000; ++i) overlapping += ",0-";
  for (int i = 1; i < 16; ++i) tiny += "," + std::to_string(i * 10) + "-" + std::to_string(i * 10);
  struct Row { std::string range; int status; std::size_t most; const char* rule; };
  for (const Row& row : {Row{"bytes=0-0", 206, 1, "one byte"}, Row{"bytes=-1", 206, 1, "the last byte"}, Row{"bytes=999-", 206, 1, "the last byte"}, Row{"bytes=-2000", 206, 1'000, "a suffix longer than the whole"},
                         Row{"bytes=0-99999999999999999999", 206, 1'000, "a last byte above 64 bits"}, Row{"bytes=99999999999999999999-", 416, 200, "a first byte above 64 bits"},
                         Row{"bytes=1000-", 416, 200, "behind the end"}, Row{"bytes=-0", 416, 200, "no byte"}, Row{"bytes=5-1", 200, 1'000, "backwards: no range"}, Row{"bytes=", 200, 1'000, "none"},
                         Row{"bytes=a-b", 200, 1'000, "no digits"}, Row{"bytes=0-0x5", 200, 1'000, "no digits"}, Row{"bytes=--1", 200, 1'000, "two signs"}, Row{"lines=0-1", 200, 1'000, "another unit"},
                         Row{"bytes 0-1", 200, 1'000, "no equals sign"}, Row{many, 200, 1'000, "a thousand ranges"}, Row{overlapping, 200, 1'000, "a thousand times the whole"},
                         Row{"bytes=0-,0-", 200, 1'000, "twice the whole"}, Row{"bytes=0-500,400-600", 200, 1'000, "overlapping"}, Row{tiny, 206, 16 * 200, "sixteen single bytes"}}) {
    CAPTURE(row.rule);
    Client client = proxy.client();
    const RawResponse response = client.get("/page", {{"range", row.range}});
    CHECK(response.status == row.status);
    CHECK(response.body.size() <= row.most);
    CHECK(response.complete);
    CHECK(client.get("/page").body == body);
  }
  Client client = proxy.client();
  CHECK(client.get("/page", {{"range", "bytes=0-1"}, {"range", "bytes=2-3"}}).body == body);      // two lines: no range
  CHECK(origin.requests("/page") == 1);
}

TEST_CASE("oversized everything is refused before the origin hears of it, and right below the limits it is not") {
  Stage stage(ProxyConfig{}.add("limits", "head = \"8KiB\"").add("limits", "target = \"2KiB\"").add("limits", "fields = 20").add("limits", "body = \"1KiB\""));
  const auto lines = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "X-" + std::to_string(i) + ": y" + (i + 1 < count ? "\r\n" : "");
    return text;
  };
  const std::string longest(2'048, 'a'), kilobyte(1'024, 'b');
  for (const Act& act : {
           Act{"a target (RFC 9110 §15.5.15)", get("/" + longest), {414}}, Act{"an absolute target", get("http://shop.test/" + longest), {414}},
           Act{"a query", get("/a?" + longest), {414}}, Act{"a value (RFC 6585 §5)", get("/a", "X: " + std::string(9'000, 'x')), {431}},
           Act{"a name", get("/a", std::string(9'000, 'x') + ": y"), {431}}, Act{"a Cookie", get("/a", "Cookie: " + std::string(9'000, 'x')), {431}},
           Act{"a value of white space", get("/a", "X:" + std::string(9'000, ' ') + "y"), {431}}, Act{"fields", get("/a", lines(20)), {431}},
           Act{"a method", line(std::string(1'000, 'M') + " /a HTTP/1.1"), {400}}, Act{"a version", line("GET /a HTTP/" + std::string(1'000, '1')), {400}},
           Act{"a host", "GET /a HTTP/1.1\r\nHost: " + std::string(9'000, 'h') + "\r\n\r\n", {431}},
           Act{"a body by its length (RFC 9110 §15.5.14)", post("Content-Length: 1025", kilobyte + "b"), {413}},
           Act{"a body in chunks", chunked("401\r\n" + kilobyte + "b\r\n0\r\n\r\n"), {413}, {seen("POST /a", "", "Transfer-Encoding: chunked\r\n") + "…"}},
           Act{"nineteen fields and a Host are taken", get("/a", lines(19)), ok("GET /a"), {seen("GET /a", lines(19) + "\r\n")}, "GET /a", kStays},
           Act{"a body of the limit", post("Content-Length: 1024", kilobyte), ok("POST /a " + kilobyte), {seen("POST /a", "", "Content-Length: 1024\r\n", kilobyte)}, "", kStays},
           Act{"a target of the limit", get("/" + longest.substr(1)), ok("GET /" + longest.substr(1)), {seen("GET /" + longest.substr(1))}, "", kStays}}) {
    stage.play(act);
  }
}

TEST_CASE("an origin that says little, slowly, or nothing holds nobody for longer than it is given") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1").add("origin.app", "first_byte_timeout = \"300ms\"").add("origin.app", "between_bytes_timeout = \"300ms\"")
                        .add("origin.app", "retries = 0").add("origin.app", "eject_after = 0"));
  origin.on("GET", "/nothing").never();
  origin.on("GET", "/half-a-head").raw("HTTP/1.1 200 OK\r\nContent-Le").never();
  origin.on("GET", "/interim").raw("HTTP/1.1 102 Processing\r\n\r\n").never();
  origin.on("GET", "/no-body").raw("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n\r\n").never();
  origin.on("GET", "/half-a-body").raw("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 5\r\n\r\nhe").never();
  origin.on("GET", "/half-a-chunk").raw("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe").never();
  origin.on("GET", "/well").reply(200, {{"cache-control", "no-store"}}, "well");
  for (const char* path : {"/nothing", "/half-a-head", "/interim"}) {
    CAPTURE(path);
    Client client = proxy.client();
    CHECK(client.get(path).status == 504);
    CHECK(client.get("/well").body == "well");
  }
  for (const char* path : {"/no-body", "/half-a-body", "/half-a-chunk"}) {
    CAPTURE(path);
    Client client = proxy.client(), follower = proxy.client();
    client.send_request("GET", path);
    follower.send_request("GET", path);
    CHECK_FALSE(client.read().complete);
    CHECK_FALSE(follower.read().complete);
    CHECK(proxy.get(path, {{"cache-control", "only-if-cached"}}).status == 504);
    CHECK(proxy.get("/well").body == "well");
  }
}

TEST_CASE("poisoning: a field that Connection names chooses nothing, since the origin never sees it (RFC 9110 §7.6.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("cache.defaults", "key_fields = [\"X-Tenant\"]"));
  origin.on("GET", "/a").reply([](const SeenRequest& request) {
    return Reply{200, {{"vary", "Foo, Accept-Language"}, {"cache-control", "max-age=100"}}, request.field("x-tenant") + "/" + request.field("foo") + "/" + request.field("accept-language")};
  });
  CHECK(proxy.get("/a", {{"foo", "1"}, {"accept-language", "de"}, {"x-tenant", "acme"}, {"connection", "Foo, X-Tenant, Accept-Language"}}).body == "//");
  CHECK(proxy.get("/a", {{"foo", "1"}, {"accept-language", "de"}, {"x-tenant", "acme"}}).body == "acme/1/de");
  CHECK(is_hit(proxy.get("/a")));
}

TEST_CASE("poisoning: what frameworks take for the target or the method is no part of a fetch for all") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply([](const SeenRequest& request) {
    std::string seen;
    for (const char* name : {"x-forwarded-port", "x-forwarded-prefix", "x_forwarded_server", "x-original-url", "x-rewrite-url", "x-http-method-override", "x-real-ip", "x-host"}) seen += request.field(name);
    return Reply{200, {{"cache-control", "max-age=100"}}, seen + "clean" + request.field("x-own")};
  });
  CHECK(proxy.get("/a", {{"x-forwarded-port", "666"}, {"X-Forwarded-Prefix", "/evil"}, {"x_forwarded_server", "evil"}, {"x-original-url", "/evil"}, {"x-rewrite-url", "/evil"},
                         {"x-http-method-override", "DELETE"}, {"x-real-ip", "6.6.6.6"}, {"x-host", "evil"}, {"x-own", "!"}}).body == "clean!");
}

TEST_CASE("deception: a path that may be read as one of a route that stores nothing is not stored by another's rules") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("cache.defaults", "default_ttl = \"60s\"").route("path = \"/account\"").add("route.cache", "enabled = false")
                        .route("path = \"/static\"").add("route.cache", "ttl = \"1d\""));
  origin.on("GET", "/*").reply([](const SeenRequest& request) { return Reply{200, {}, "page of " + request.field("cookie")}; });
  for (const char* path : {"/%61ccount", "/accoun%74/orders", "/./account", "/x/../account", "/static/%2e%2e/account", "/static/..%2faccount", "//account", "/account;a.css",
                           "/account%3f.css", "/account"}) {
    CAPTURE(path);
    CHECK(proxy.get(path, {{"cookie", "victim"}}).body == "page of victim");
    const RawResponse stranger = proxy.get(path);
    CHECK(stranger.body == "page of ");
    CHECK_FALSE(is_hit(stranger));
    CHECK(cache_status(stranger).get("detail") == "route_bypass");
  }
  proxy.get("/caf%C3%A9");
  CHECK(is_hit(proxy.get("/caf%C3%A9")));
}

TEST_CASE("poisoning: a HEAD that asks otherwise than a fetch for all says nothing of what all get (RFC 9111 §4.3.5)") {
  struct Row { const char* setting; const char* target; FieldLines fields; const char* rule; };
  for (const Row& row : {Row{"", "/a", {{"x-original-url", "/evil"}}, "what frameworks take for the target"},
                         Row{"drop_parameters = [\"utm_*\"]", "/a?utm_x=evil", {}, "a parameter that is no part of the key"},
                         Row{"ignore_other_cookies = true", "/a", {{"cookie", "sid=alice"}}, "a cookie that is none"}}) {
    CAPTURE(row.rule);
    Origin origin;
    const Proxy proxy(config_for(origin).add("cache.defaults", row.setting));
    origin.on("GET", "/*").reply(200, {{"cache-control", "max-age=100"}}, "clean");
    origin.on("HEAD", "/*").reply(200, {{"cache-control", "max-age=100000"}, {"link", "<https://evil.test/x.js>"}, {"content-length", "5"}});
    proxy.get("/a");
    CHECK(proxy.request("HEAD", row.target, FieldLines(row.fields).add("cache-control", "no-cache")).fields.has("link"));
    const RawResponse hit = proxy.get("/a");
    CHECK(is_hit(hit));
    CHECK_FALSE(hit.fields.has("link"));
    CHECK(cache_status(hit).number("ttl") <= 100);
  }
}

TEST_CASE("poisoning: the answer to a POST that was asked otherwise than a GET for all is nobody's else (RFC 9110 §9.3.3)") {
  struct Row { const char* setting; FieldLines fields, answer; const char* rule; };
  for (const Row& row : {Row{"", {{"accept-encoding", "deflate"}}, {{"vary", "Accept-Encoding"}, {"content-encoding", "deflate"}}, "a coding that no fetch accepts"},
                         Row{"", {{"x-forwarded-prefix", "/evil"}}, {}, "what frameworks take for the target"},
                         Row{"ignore_other_cookies = true", {{"cookie", "sid=carol"}}, {{"vary", "Cookie"}}, "a cookie that is no part of the key"},
                         Row{"pass_cookies = [\"session\"]", {{"cookie", "session=alice"}}, {}, "a cookie that makes it pass"}}) {
    CAPTURE(row.rule);
    Origin origin;
    const Proxy proxy(config_for(origin).add("cache.defaults", row.setting));
    origin.on("POST", "/p").reply(200, FieldLines{{"cache-control", "max-age=60"}, {"content-location", "/p"}}.add(row.answer), "posted");
    origin.on("GET", "/p").reply(200, {{"cache-control", "max-age=60"}}, "got");
    CHECK(proxy.request("POST", "/p", row.fields, "form").body == "posted");
    CHECK(proxy.get("/p").body == "got");
  }
}

TEST_SUITE_END();
