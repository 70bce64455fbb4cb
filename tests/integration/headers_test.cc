// Header rules: what clients and caches in front are told, and what this cache makes of it (RFC 9111 §5.2, RFC 9213, RFC 9110 §12.5.5).
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}, {"content-type", "text/css"}};

}  // namespace

TEST_SUITE_BEGIN("headers");

TEST_CASE("a fingerprinted asset is immutable for browsers on a miss, a hit, a pass, a 304 and in a compressed form") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  config.add("route.header", "paths = [\"fingerprinted\"]")
      .add("route.header", "set = { Cache-Control = \"public, max-age=31536000, immutable\", X-Of = \"$host$path\" }")
      .add("route.header", "remove = [\"X-Powered-By\"]");
  const Proxy proxy(config);
  const std::string body(2'000, 'a');
  origin.on("GET", "/app.3f2a9c1b.css").reply(200, {{"cache-control", "max-age=60"}, {"content-type", "text/css"}, {"etag", "\"1\""}, {"x-powered-by", "p"}}, body);
  origin.on("GET", "/app.css").reply(200, {{"cache-control", "max-age=60"}, {"x-powered-by", "p"}}, body);
  origin.on("GET", "/private.3f2a9c1c.css").reply(200, {{"cache-control", "no-store"}}, body);
  origin.on("GET", "/gone.3f2a9c1d.css").reply(404, {{"cache-control", "max-age=1"}}, "no");

  for (const FieldLines& asks : {FieldLines{}, FieldLines{}, FieldLines{{"accept-encoding", "gzip"}}, FieldLines{{"if-none-match", "\"1\""}}}) {
    const RawResponse got = proxy.get("/app.3f2a9c1b.css", asks);
    CHECK(got.field("cache-control") == "public, max-age=31536000, immutable");
    if (got.status == 200) CHECK(got.field("x-of") == "shop.test/app.3f2a9c1b.css");
    CHECK(got.fields.count("x-powered-by") == 0);
  }
  CHECK(origin.requests("/app.3f2a9c1b.css") == 1);
  CHECK(cache_status(proxy.get("/app.3f2a9c1b.css")).number("ttl") <= 60);        // what was said to others is not obeyed here
  CHECK(proxy.get("/app.css").field("cache-control") == "max-age=60");
  CHECK(proxy.get("/app.css").field("x-powered-by") == "p");
  CHECK(proxy.get("/private.3f2a9c1c.css").field("cache-control") == "public, max-age=31536000, immutable");
  CHECK(origin.requests("/private.3f2a9c1c.css") == 1);
  CHECK_FALSE(is_hit(proxy.get("/private.3f2a9c1c.css")));
  CHECK(proxy.get("/gone.3f2a9c1d.css").field("cache-control") == "max-age=1");   // an error is not
}

TEST_CASE("after a reload what is stored gets the new rules, behind a visitor and whole, though it has validators") {
  Origin origin;
  const auto with_rule = [&](const std::string& more) {
    ProxyConfig config = config_for(origin).route("path = \"/other\"");
    return config.add("route.header", "set = { X-Rule = \"other\" }").route("path = \"/a\"").add("route.header", more);
  };
  Proxy proxy(with_rule("set = { X-Rule = \"old\" }\nremove = [\"X-Powered-By\"]"));
  const FieldLines fields{{"cache-control", "max-age=60, stale-while-revalidate=60"}, {"content-type", "text/css"}, {"etag", "\"1\""}, {"x-powered-by", "p"}};
  origin.on("GET", "/a").reply(200, fields, std::string(2'000, 'a'));
  origin.on("GET", "/other").reply(200, fields, "o");
  const FieldLines gzip{{"accept-encoding", "gzip"}};
  CHECK(proxy.get("/a", gzip).field("x-rule") == "old");
  for (int i = 0; i < 3; ++i) CHECK(is_hit(proxy.get("/a", gzip)));      // hot, in a coded form
  CHECK(proxy.get("/other").field("x-rule") == "other");
  proxy.write_config(with_rule("set = { X-Rule = \"new\" }"));
  proxy.reload();
  const RawResponse first = proxy.get("/a", gzip);
  CHECK(is_hit(first));
  CHECK(first.field("x-rule") == "old");
  CHECK(cache_status(first).get("detail") == "purged_soft");
  await_condition("the new rules", [&] { return proxy.get("/a", gzip).field("x-rule") == "new"; });
  CHECK(proxy.get("/a").field("x-powered-by") == "p");                   // what the old rules took away
  CHECK_FALSE(origin.last_request("/a").fields.has("if-none-match"));
  CHECK(is_hit(proxy.get("/other")));
  CHECK(origin.requests("/other") == 1);                                 // its rules are what they were
}

TEST_CASE("a reload with the same rules asks for nothing anew") {
  Origin origin;
  ProxyConfig config = config_for(origin).add("route.header", "set = { X-Rule = \"same\" }");
  Proxy proxy(config);
  origin.on("GET", "/a").reply(200, kFresh, "a");
  proxy.get("/a");
  proxy.write_config(ProxyConfig(config).add("limits", "idle_timeout = \"50s\""));
  proxy.reload();
  for (int i = 0; i < 3; ++i) CHECK(is_hit(proxy.get("/a")));
  CHECK(origin.requests("/a") == 1);
}

TEST_CASE("what is obeyed rules this cache too") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  config.add("route.header", "types = [\"text/css\"]")
      .add("route.header", "set = { CDN-Cache-Control = \"max-age=500, stale-while-revalidate=60\" }\nobey = true");
  const Proxy proxy(config);
  origin.on("GET", "/a.css").reply(200, {{"cache-control", "no-cache"}, {"content-type", "text/css"}}, "a");
  origin.on("GET", "/b.html").reply(200, {{"cache-control", "no-cache"}, {"content-type", "text/html"}}, "b");
  proxy.get("/a.css");
  const RawResponse hit = proxy.get("/a.css");
  CHECK(is_hit(hit));
  CHECK(cache_status(hit).number("ttl") > 490);
  CHECK(hit.field("cache-control") == "no-cache");
  CHECK(hit.field("cdn-cache-control") == "max-age=500, stale-while-revalidate=60");
  proxy.get("/b.html");
  CHECK_FALSE(is_hit(proxy.get("/b.html")));
}

TEST_CASE("a validation keeps what rules made, and judges by what the origin said (RFC 9111 §4.3.4)") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  config.add("route.header", "set = { Cache-Control = \"max-age=31536000\" }\nadd = { Link = \"</x>; rel=preload\" }");
  const Proxy proxy(config);
  const FieldLines stale{{"cache-control", "max-age=10"}, {"age", "11"}, {"etag", "\"1\""}, {"link", "</y>; rel=preload"}};
  origin.on("GET", "/a").reply(200, stale, "x");
  origin.on("GET", "/a").reply(304, {{"etag", "\"1\""}, {"age", "11"}});
  origin.on("GET", "/a").reply(304, {{"etag", "\"1\""}, {"cache-control", "max-age=60"}, {"link", "</z>; rel=preload"}});
  proxy.get("/a");
  for (int i = 0; i < 2; ++i) {
    const RawResponse validated = proxy.get("/a");
    CHECK(cache_status(validated).get("fwd") == "stale");       // the year was for others
    CHECK(validated.field("cache-control") == "max-age=31536000");
  }
  const RawResponse hit = proxy.get("/a");
  CHECK(is_hit(hit));
  CHECK(cache_status(hit).number("ttl") <= 60);
  CHECK(hit.field("cache-control") == "max-age=31536000");
  CHECK(hit.fields.count("link") == 2);
  CHECK(origin.requests("/a") == 3);
}

TEST_CASE("a field that leaves Vary tells no answers apart") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  config.add("route.cache", "drop_vary = [\"user-agent\"]");
  const Proxy proxy(config);
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"vary", "User-Agent, X-Kind"}}, "a");
  proxy.get("/a", {{"user-agent", "one"}, {"x-kind", "k"}});
  const RawResponse hit = proxy.get("/a", {{"user-agent", "two"}, {"x-kind", "k"}});
  CHECK(is_hit(hit));
  CHECK(hit.field("vary") == "X-Kind");
  CHECK_FALSE(is_hit(proxy.get("/a", {{"user-agent", "two"}, {"x-kind", "l"}})));
}

TEST_CASE("fonts are for the sites that are let in, each with its name") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  config.add("route.header", "types = [\"font/*\"]\nallow_origins = [\"https://a.example\", \"https://*.b.example\"]");
  const Proxy proxy(config);
  origin.on("GET", "/f.woff2").reply(200, {{"cache-control", "max-age=60"}, {"content-type", "font/woff2"}, {"access-control-allow-origin", "*"}}, "f");
  const auto allowed = [&](const std::string& site) {
    const RawResponse got = proxy.get("/f.woff2", site.empty() ? FieldLines{} : FieldLines{{"origin", site}});
    CHECK(got.field("vary") == "Origin");
    return got.field("access-control-allow-origin");
  };
  for (int i = 0; i < 2; ++i) {
    CHECK(allowed("https://a.example") == "https://a.example");
    CHECK(allowed("https://x.b.example") == "https://x.b.example");
    CHECK(allowed("https://evil.example") == "");
    CHECK(allowed("https://evil2.example") == "");
    CHECK(allowed("") == "");
  }
  CHECK(origin.requests("/f.woff2") == 3);                       // one for each site, one for all others
  CHECK(origin.requests_where([](const SeenRequest& request) { return request.field("origin").find("evil") != std::string::npos; }) == 0);
}

TEST_CASE("cookies leave requests for static assets, and their answers") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  config.add("route.cache", "cookieless_paths = [\"/assets/*\"]");
  const Proxy proxy(config);
  origin.on("GET", "/assets/a.css").reply(200, {{"cache-control", "max-age=60"}, {"set-cookie", "track=1"}, {"vary", "cookie"}}, "a");
  origin.on("GET", "/page").reply(200, {{"cache-control", "no-store"}, {"set-cookie", "session=1"}}, "p");
  const RawResponse miss = proxy.get("/assets/a.css", {{"cookie", "session=2"}});
  CHECK(miss.fields.count("set-cookie") == 0);
  CHECK(origin.last_request("/assets/a.css").field("cookie") == "");
  CHECK(is_hit(proxy.get("/assets/a.css", {{"cookie", "session=3"}})));
  CHECK(proxy.get("/page", {{"cookie", "session=2"}}).field("set-cookie") == "session=1");
  CHECK(origin.last_request("/page").field("cookie") == "session=2");
}

TEST_CASE("a Set-Cookie that a rule takes out reaches nobody, not even who fetched the answer") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  config.add("route.header", "paths = [\"/a\"]\nremove = [\"Set-Cookie\"]");
  const Proxy proxy(config);
  origin.on("GET", "/a").reply(200, {{"cache-control", "public, max-age=60"}, {"set-cookie", "a=b"}}, "a");
  CHECK(proxy.get("/a").fields.count("set-cookie") == 0);
  CHECK(is_hit(proxy.get("/a")));
}

TEST_CASE("new rules hold for what is fetched after a reload") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  Proxy proxy(config);
  origin.on("GET", "/a").reply(200, kFresh, "a");
  origin.on("GET", "/b").reply(200, kFresh, "b");
  proxy.get("/a");
  ProxyConfig changed = config;
  changed.add("route.header", "set = { X-New = \"1\" }");
  proxy.write_config(changed);
  proxy.reload();
  CHECK(proxy.get("/a").field("x-new") == "");
  CHECK(proxy.get("/b").field("x-new") == "1");
  proxy.purge(R"({"prefix": "http://shop.test/"})");
  CHECK(proxy.get("/a").field("x-new") == "1");
}

TEST_CASE("Server-Timing says what the cache did and how long it took") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  config.add("route.cache", "server_timing = true");
  const Proxy proxy(config);
  origin.on("GET", "/a").reply(200, kFresh, "a");
  origin.on("GET", "/p").reply(200, {{"cache-control", "no-store"}}, "p");
  const std::string miss = proxy.get("/a").field("server-timing");
  CHECK(miss.starts_with("cache;desc=miss;dur="));
  CHECK(miss.find(", origin;dur=") != std::string::npos);
  CHECK(proxy.get("/a").field("server-timing") == "cache;desc=hit;dur=0.0");
  CHECK(proxy.get("/p").field("server-timing").starts_with("cache;desc=pass;dur="));
}

TEST_CASE("what rules tell clients of Vary chooses nothing here: the origin's word does, unless a rule is obeyed (RFC 9111 §4.1)") {
  struct Row {
    std::string rule;
    bool shared;             // alice's page goes to bob
  };
  for (const Row& row : {Row{"remove = [\"Vary\"]", false}, Row{"remove = [\"*\"]", false}, Row{"set = { Vary = \"Accept-Language\" }", false},
                         Row{"obey = true\nremove = [\"Vary\"]", true}}) {
    CAPTURE(row.rule);
    Origin origin;
    const Proxy proxy(config_for(origin).add("route.header", row.rule));
    origin.on("GET", "/me").reply([](const SeenRequest& request) {
      return Reply{200, {{"cache-control", "max-age=600"}, {"vary", "X-User"}, {"content-encoding", "x-own"}}, "account of " + request.field("x-user")};
    });
    const RawResponse alice = proxy.get("/me", {{"x-user", "alice"}});
    CHECK(alice.field("content-encoding") == "x-own");                       // what says what the bytes are stays
    CHECK((proxy.get("/me", {{"x-user", "bob"}}).body == "account of alice") == row.shared);
    CHECK(is_hit(proxy.get("/me", {{"x-user", "alice"}})));
  }
}

TEST_CASE("no-transform is the origin's word, whatever rules make of its Cache-Control (RFC 9110 §7.7)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.header", "set = { Cache-Control = \"public, max-age=300\" }"));
  const std::string text(20'000, 't');
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=600, no-transform"}, {"content-type", "text/plain"}, {"etag", "\"1\""}}, text);
  for (int i = 0; i < 3; ++i) {
    const RawResponse response = proxy.get("/a", {{"accept-encoding", "gzip, br"}});
    CHECK_FALSE(response.fields.has("content-encoding"));
    CHECK(response.body == text);
  }
}
