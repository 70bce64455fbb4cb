// Stale answers: validated, replaced, served while or instead (RFC 9111 §4.2.4, §4.3; RFC 5861).
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

// Arrives stale by 10 seconds, so that no test has to wait.
FieldLines stale(const std::string& more = "") {
  return {{"cache-control", "max-age=10" + (more.empty() ? "" : ", " + more)}, {"age", "20"}, {"etag", "\"1\""}};
}

const FieldLines kFresh{{"cache-control", "max-age=60"}, {"etag", "\"2\""}};

void await_hit_with(const Proxy& proxy, const std::string& target, const std::string& body) {
  await_condition("a fresh hit of \"" + body + "\"", [&] {
    const RawResponse response = proxy.get(target);
    return is_hit(response) && response.body == body && cache_status(response).number("ttl") > 0;
  });
}

}  // namespace

TEST_SUITE_BEGIN("revalidation");

TEST_CASE("a 304 updates the stored fields and starts the lifetime anew (RFC 9111 §4.3.4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, stale().add("x-state", "old").add("content-type", "text/plain"), "body");
  origin.on("GET", "/a").reply(304, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}, {"x-state", "new"},
                                     {"content-type", "text/html"}, {"content-length", "999"}});
  proxy.get("/a");
  const RawResponse validated = proxy.get("/a");
  CHECK(validated.status == 200);
  CHECK(validated.body == "body");
  CHECK(validated.field("x-state") == "new");
  CHECK(validated.fields.count("x-state") == 1);
  CHECK(validated.field("content-type") == "text/html");
  CHECK(validated.field("content-length") == "4");
  CHECK(cache_status(validated).get("fwd") == "stale");
  CHECK(cache_status(validated).get("fwd-status") == "304");
  const RawResponse hit = proxy.get("/a");
  CHECK(is_hit(hit));
  CHECK(hit.field("x-state") == "new");
  CHECK(cache_status(hit).number("ttl") > 50);
  CHECK(origin.requests("/a") == 2);
}

TEST_CASE("a 200 to a validation replaces what was stored (RFC 9111 §4.3.3)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, stale().add("x-only-old", "1"), "old");
  origin.on("GET", "/a").reply(200, kFresh, "new");
  proxy.get("/a");
  CHECK(proxy.get("/a").body == "new");
  const RawResponse hit = proxy.get("/a");
  CHECK(is_hit(hit));
  CHECK(hit.body == "new");
  CHECK_FALSE(hit.fields.has("x-only-old"));
}

TEST_CASE("without ETag a validation is made of Last-Modified (RFC 9111 §4.3.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  const std::string date = http_date(std::chrono::hours(-24));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=10"}, {"age", "20"}, {"last-modified", date}}, "x");
  origin.on("GET", "/a").reply(304);
  proxy.get("/a");
  CHECK(proxy.get("/a").body == "x");
  CHECK(origin.last_request("/a").field("if-modified-since") == date);
}

TEST_CASE("no-cache is stored and validated at each use, whatever max-age says (RFC 9111 §5.2.2.4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "no-cache, max-age=60"}, {"etag", "\"1\""}}, "x");
  origin.on("GET", "/a").reply(304, {{"cache-control", "no-cache, max-age=60"}, {"etag", "\"1\""}});
  proxy.get("/a");
  for (int i = 0; i < 3; ++i) CHECK(proxy.get("/a").body == "x");
  CHECK(origin.requests("/a") == 4);
}

TEST_CASE("a client's condition on a stale answer is decided after our own validation (RFC 9111 §4.3.2)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, stale(), "body");
  origin.on("GET", "/a").reply(304, stale());
  proxy.get("/a");
  const RawResponse same = proxy.get("/a", {{"if-none-match", "\"1\""}});
  CHECK(same.status == 304);
  const RawResponse other = proxy.get("/a", {{"if-none-match", "\"7\""}});
  CHECK(other.status == 200);
  CHECK(other.body == "body");
  CHECK(origin.last_request("/a").field("if-none-match").find("\"1\"") != std::string::npos);
}

TEST_CASE("within stale-while-revalidate the stale answer is served while one request revalidates behind (RFC 5861 §3)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"the origin was asked again"}, answer{"the origin may answer"};
  origin.on("GET", "/a").reply(200, stale("stale-while-revalidate=60"), "old");
  origin.on("GET", "/a").reach(asked).await(answer).reply(200, kFresh, "new");
  proxy.get("/a");
  const RawResponse first = proxy.get("/a");
  CHECK(first.body == "old");
  CHECK(is_hit(first));
  CHECK(cache_status(first).number("ttl") < 0);
  CHECK(cache_status(first).get("detail") == "stale_while_revalidate");
  asked.await();
  for (int i = 0; i < 5; ++i) CHECK(proxy.get("/a").body == "old");
  CHECK(origin.requests("/a") == 2);
  answer.open();
  await_hit_with(proxy, "/a", "new");
  CHECK(origin.requests("/a") == 2);
}

TEST_CASE("after the window of stale-while-revalidate the client waits for the new answer (RFC 5861 §3)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, stale("stale-while-revalidate=5"), "old");
  origin.on("GET", "/a").reply(200, kFresh, "new");
  proxy.get("/a");
  CHECK(proxy.get("/a").body == "new");
}

TEST_CASE("a failed revalidation behind leaves the stale answer in use, and is tried again") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, stale("stale-while-revalidate=60"), "old");
  origin.on("GET", "/a").reply(500);
  origin.on("GET", "/a").reply(200, kFresh, "new");
  proxy.get("/a");
  CHECK(proxy.get("/a").body == "old");
  origin.await_requests("/a", 2);
  await_hit_with(proxy, "/a", "new");
}

TEST_CASE("within stale-if-error the stale answer stands in for a failing origin (RFC 5861 §4)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("origin.app", "retries = 0"));
  int number = 0;
  for (const int status : {500, 502, 503, 504, 0 /* closes */, -1 /* resets */}) {
    CAPTURE(status);
    const std::string path = "/row" + std::to_string(number++);
    origin.on("GET", path).reply(200, stale("stale-if-error=600"), "old");
    proxy.get(path);
    Answer& answer = origin.on("GET", path);
    if (status > 0) answer.reply(status, {}, "broken");
    if (status == 0) answer.close();
    if (status < 0) answer.reset();
    const RawResponse response = proxy.get(path);
    CHECK(response.status == 200);
    CHECK(response.body == "old");
    CHECK(is_hit(response) == (status <= 0));             // where it answered, it was asked (RFC 9211 §2.1)
    CHECK(cache_status(response).get("fwd") == (status > 0 ? "stale" : ""));
    CHECK(cache_status(response).get("fwd-status") == (status > 0 ? std::to_string(status) : ""));
    CHECK(cache_status(response).get("detail") == "stale_if_error");
  }
}

TEST_CASE("stale-if-error is no answer to 404, and not after its window (RFC 5861 §4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/missing").reply(200, stale("stale-if-error=600"), "old");
  origin.on("GET", "/missing").reply(404, {}, "gone");
  proxy.get("/missing");
  CHECK(proxy.get("/missing").status == 404);
  origin.on("GET", "/late").reply(200, stale("stale-if-error=5"), "old");
  origin.on("GET", "/late").reply(503, {}, "broken");
  proxy.get("/late");
  CHECK(proxy.get("/late").status == 503);
}

TEST_CASE("where the origin is gone a stale answer is served, unless something forbids it (RFC 9111 §4.2.4)") {
  struct Row { const char* directives; bool served; };
  for (const Row& row : {Row{"", true}, Row{"must-revalidate", false}, Row{"proxy-revalidate", false}, Row{"s-maxage=10", false},
                         Row{"no-cache", false}}) {
    CAPTURE(row.directives);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/a").reply(200, stale(row.directives), "old");
    REQUIRE(proxy.get("/a").status == 200);
    origin.stop();
    const RawResponse response = proxy.get("/a");
    if (row.served) {
      CHECK(response.status == 200);
      CHECK(response.body == "old");
      CHECK(cache_status(response).get("detail") == "stale_origin_gone");
    } else {
      CHECK(response.status == 504);                     // §5.2.2.2: "SHOULD be 504"
      CHECK(proxy_status(response).has("error"));
      CHECK_FALSE(response.fields.has("cache-status"));  // an answer of our own (RFC 9211 §2)
    }
  }
}

TEST_CASE("stale_when_gone can be switched off") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "stale_when_gone = false"));
  origin.on("GET", "/a").reply(200, stale(), "old");
  proxy.get("/a");
  origin.stop();
  CHECK(proxy.get("/a").status >= 502);
}

TEST_CASE("a client that says no-cache is not given a stale answer, whatever becomes of the origin (RFC 9111 §5.2.1.4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60, stale-if-error=600"}}, "old");
  proxy.get("/a");
  origin.stop();
  CHECK(proxy.get("/a", {{"cache-control", "no-cache"}}).status >= 502);
  CHECK(proxy.get("/a").body == "old");
}

TEST_CASE("a stale answer in hand is served when the origin is slow, and the fetch goes on") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "stale_if_slow = \"50ms\""));
  Barrier answer{"the origin may answer"};
  origin.on("GET", "/a").reply(200, stale(), "old");
  origin.on("GET", "/a").await(answer).reply(200, kFresh, "new");
  proxy.get("/a");
  const RawResponse response = proxy.get("/a");
  CHECK(response.body == "old");
  CHECK(cache_status(response).get("detail") == "stale_if_slow");
  answer.open();
  await_hit_with(proxy, "/a", "new");
  CHECK(origin.requests("/a") == 2);
}

TEST_CASE("max-stale of a client allows a stale answer, must-revalidate does not (RFC 9111 §5.2.1.2, §5.2.2.2)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, stale(), "old");
  origin.on("GET", "/b").reply(200, stale("must-revalidate"), "old");
  proxy.get("/a");
  proxy.get("/b");
  CHECK(is_hit(proxy.get("/a", {{"cache-control", "max-stale=100"}})));
  CHECK(is_hit(proxy.get("/a", {{"cache-control", "max-stale"}})));
  CHECK_FALSE(is_hit(proxy.get("/a", {{"cache-control", "max-stale=5"}})));
  CHECK_FALSE(is_hit(proxy.get("/b", {{"cache-control", "max-stale=100"}})));
}

TEST_CASE("an error answer to a validation is passed on and does not replace what was stored") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "stale_when_gone = false"));
  origin.on("GET", "/a").reply(200, stale("must-revalidate"), "old");
  origin.on("GET", "/a").reply(500, {}, "broken");
  origin.on("GET", "/a").reply(304, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}});
  proxy.get("/a");
  CHECK(proxy.get("/a").status == 500);
  const RawResponse again = proxy.get("/a");
  CHECK(again.status == 200);
  CHECK(again.body == "old");
}

TEST_CASE("a HEAD answer with another validator makes the stored GET stale (RFC 9111 §4.3.5)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}}, "old");
  origin.on("GET", "/a").reply(200, kFresh, "new");
  origin.on("HEAD", "/a").reply(200, {{"cache-control", "max-age=60"}, {"etag", "\"2\""}, {"content-length", "3"}});
  proxy.get("/a");
  CHECK(proxy.request("HEAD", "/a", {{"cache-control", "no-cache"}}).field("etag") == "\"2\"");
  CHECK(proxy.get("/a").body == "new");
}

TEST_CASE("a HEAD answer that agrees updates the stored fields and their lifetime (RFC 9111 §4.3.5)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}, {"x-version", "1"}}, "old");
  origin.on("HEAD", "/a").reply(200, {{"cache-control", "max-age=3600"}, {"etag", "\"1\""}, {"content-length", "3"}, {"x-version", "2"}});
  proxy.get("/a");
  proxy.request("HEAD", "/a", {{"cache-control", "no-cache"}});
  const RawResponse hit = proxy.get("/a");
  CHECK(is_hit(hit));
  CHECK(hit.body == "old");
  CHECK(hit.field("x-version") == "2");
  CHECK(cache_status(hit).number("ttl") > 3000);
}

TEST_CASE("an error to a HEAD, and an application that knows none, leave the stored GET alone") {
  for (const int status : {405, 500, 503, 403}) {
    CAPTURE(status);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "old");
    origin.on("HEAD", "/a").reply(status);
    proxy.get("/a");
    CHECK(proxy.request("HEAD", "/a", {{"cache-control", "no-cache"}}).status == status);
    CHECK(is_hit(proxy.get("/a")));
  }
}

TEST_CASE("a HEAD answer of 404 or 410 ends the stored GET (RFC 9111 §4.3.5)") {
  for (const int status : {404, 410, 301}) {
    CAPTURE(status);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "old");
    origin.on("GET", "/a").reply(status, {});
    origin.on("HEAD", "/a").reply(status);
    proxy.get("/a");
    proxy.request("HEAD", "/a", {{"cache-control", "no-cache"}});
    CHECK(proxy.get("/a").status == status);
  }
}

TEST_CASE("a 304 that says private or no-store gives its client the new fields, and ends what is stored (RFC 9111 §3.2, §4.3.4)") {
  for (const char* says : {"private, max-age=50", "no-store"}) {
    CAPTURE(says);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/a").reply(200, {{"cache-control", "public, max-age=0"}, {"etag", "\"1\""}, {"x-version", "1"}}, "body");
    origin.on("GET", "/a").reply(304, {{"cache-control", says}, {"etag", "\"1\""}, {"x-version", "2"}, {"set-cookie", "s=9"}});
    origin.on("GET", "/a").reply(200, {{"cache-control", says}, {"x-version", "3"}}, "new");
    proxy.get("/a");
    const RawResponse updated = proxy.get("/a");
    CHECK(updated.status == 200);
    CHECK(updated.body == "body");
    CHECK(updated.field("cache-control") == says);
    CHECK(updated.field("x-version") == "2");
    CHECK(updated.field("set-cookie") == "s=9");
    CHECK_FALSE(cache_status(updated).has("stored"));
    CHECK(proxy.get("/a").body == "new");
  }
}

TEST_CASE("a Set-Cookie of a 304 goes to the client whose request brought it, and to nobody else") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "public, max-age=0"}, {"etag", "\"1\""}}, "body");
  origin.on("GET", "/a").reply(304, {{"cache-control", "public, max-age=60"}, {"etag", "\"1\""}, {"set-cookie", "s=9"}});
  proxy.get("/a");
  CHECK(proxy.get("/a").field("set-cookie") == "s=9");
  const RawResponse hit = proxy.get("/a");
  CHECK(is_hit(hit));
  CHECK_FALSE(hit.fields.has("set-cookie"));
}

TEST_CASE("a whole answer to a validation is the visitor's, also where it may not be stored: the origin is asked once (RFC 9111 §4.3.3)") {
  struct Row {
    int status;
    FieldLines fields;
  };
  for (const Row& row : {Row{200, {{"cache-control", "no-store"}, {"set-cookie", "sid=one-time"}}}, Row{200, {{"cache-control", "private"}}},
                         Row{200, {{"cache-control", "max-age=60"}, {"vary", "*"}}}, Row{404, {}}, Row{302, {{"location", "/b"}}}, Row{401, {}},
                         Row{403, {}}, Row{500, {}}, Row{503, {}}}) {
    CAPTURE(row.status);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=10, stale-if-error=0"}, {"age", "50"}, {"etag", "\"1\""}}, "first");
    origin.on("GET", "/a").reply(row.status, row.fields, "second");
    origin.on("GET", "/a").reply(200, {}, "third");
    proxy.get("/a");
    const RawResponse second = proxy.get("/a");
    CHECK(second.status == row.status);
    CHECK(second.body == "second");
    CHECK(second.field("set-cookie") == row.fields.get("set-cookie"));
    CHECK(cache_status(second).get("fwd") == "stale");
    CHECK(origin.requests("/a") == 2);
  }
}

TEST_CASE("who waits for a validation that goes on behind gets what is his alone of it, and its interim answers") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("forwarding", "early_hints_http1 = true"));
  for (const int status : {200, 304}) {
    CAPTURE(status);
    const std::string path = "/" + std::to_string(status);
    origin.on("GET", path).reply(200, {{"cache-control", "public, max-age=10"}, {"age", "50"}, {"etag", "\"1\""}}, "body");
    origin.on("GET", path).interim(103, {{"link", "</x.css>; rel=preload"}})
        .reply(status, {{"cache-control", "public, max-age=100, private=\"x-f\""}, {"etag", "\"1\""}, {"set-cookie", "v=1"}, {"x-f", "mine"}}, status == 200 ? "body" : "");
    proxy.get(path);
    const RawResponse mine = proxy.get(path);
    CHECK(mine.status == 200);
    CHECK(mine.body == "body");
    CHECK(mine.field("set-cookie") == "v=1");
    CHECK(mine.field("x-f") == "mine");
    REQUIRE(mine.interim.size() == 1);
    CHECK(mine.interim[0].status == 103);
    const RawResponse hit = proxy.get(path);
    CHECK(is_hit(hit));
    CHECK_FALSE(hit.fields.has("set-cookie"));
    CHECK_FALSE(hit.fields.has("x-f"));
  }
}

TEST_CASE("a 304, or a HEAD that agrees, with another Vary has the stored answer chosen by that (RFC 9111 §4.1)") {
  for (const std::string method : {"GET", "HEAD"}) {
    CAPTURE(method);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=10"}, {"age", "20"}, {"etag", "\"1\""}}, "of u1");
    origin.on(method, "/a").reply(method == "GET" ? 304 : 200, {{"cache-control", "max-age=100"}, {"etag", "\"1\""}, {"vary", "X-User"}}, method == "GET" ? "" : "of u1");
    origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=100"}, {"vary", "X-User"}}, "of another");
    proxy.get("/a", {{"x-user", "1"}});
    CHECK(proxy.request(method, "/a", {{"x-user", "1"}}).status == 200);
    CHECK(is_hit(proxy.get("/a", {{"x-user", "1"}})));
    const RawResponse other = proxy.get("/a", {{"x-user", "2"}});
    CHECK_FALSE(is_hit(other));
    CHECK(other.body == "of another");
    CHECK(proxy.get("/a", {{"x-user", "1"}}).body == "of u1");
  }
}

TEST_CASE("nothing of an answer to a request with no-store is kept, not of a 304 and not of a HEAD (RFC 9111 §5.2.1.5)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=10, stale-while-revalidate=0"}, {"age", "20"}, {"etag", "\"1\""}}, "body");
  origin.on("GET", "/a").reply(304, {{"etag", "\"1\""}, {"cache-control", "max-age=100"}, {"x-leak", "1"}});
  origin.on("HEAD", "/a").reply(200, {{"etag", "\"1\""}, {"cache-control", "max-age=100"}, {"x-leak", "2"}}, "body");
  proxy.get("/a");
  const RawResponse own = proxy.get("/a", {{"cache-control", "no-store"}});
  CHECK(own.body == "body");
  CHECK(own.field("x-leak") == "1");
  CHECK_FALSE(cache_status(own).has("stored"));
  CHECK(proxy.request("HEAD", "/a", {{"cache-control", "no-store"}}).field("x-leak") == "2");
  origin.on("GET", "/a").reply(304, {{"etag", "\"1\""}});
  const RawResponse next = proxy.get("/a");
  CHECK(next.body == "body");
  CHECK_FALSE(next.fields.has("x-leak"));
  CHECK(origin.last_request("/a").field("if-none-match") == "\"1\"");       // it is stored still, and was not made fresh
}

TEST_CASE("what was validated is new for the client who gets it, stored or not (RFC 9111 §4.2.3)") {
  for (const char* says : {"max-age=100", "private, max-age=100", "no-store"}) {
    CAPTURE(says);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=10"}, {"age", "5000"}, {"etag", "\"1\""}}, "body");
    origin.on("GET", "/a").reply(304, {{"cache-control", says}, {"etag", "\"1\""}});
    proxy.get("/a");
    const RawResponse updated = proxy.get("/a");
    CHECK(updated.body == "body");
    CHECK(std::atoi(updated.field("age").c_str()) < 10);
  }
}

TEST_CASE("an origin that breaks off at once is gone: what is stale stands in (RFC 5861 §4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=10, stale-if-error=100"}, {"age", "30"}}, "stale");
  origin.on("GET", "/a").raw("HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nContent-Length: 100\r\n\r\nhalf").close();
  origin.on("GET", "/a").raw("HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").close();
  proxy.get("/a");
  for (int i = 0; i < 2; ++i) {
    const RawResponse second = proxy.get("/a");
    // The end may come after the head, which the client has then.
    if (second.complete) CHECK(second.body == "stale");
    else CHECK(second.status == 200);
  }
}

TEST_CASE("a 304 that no condition of ours asked for is no answer (RFC 9110 §15.4.5)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(304, {{"etag", "\"1\""}});
  for (const FieldLines& fields : {FieldLines{}, FieldLines{{"if-none-match", "\"1\""}}}) {     // the client's conditions stay here
    const RawResponse answer = proxy.get("/a", fields);
    CHECK(answer.status == 502);
    CHECK(proxy_status(answer).get("error") == "http_protocol_error");
  }
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "mended");
  CHECK(proxy.get("/a").body == "mended");
}

TEST_CASE("Age and Trailer of a 304 are its own, not the stored answer's (RFC 9111 §4.2.3)") {
  for (const char* says : {"max-age=60", "private"}) {
    CAPTURE(says);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/a").reply(200, stale(), "body");
    origin.on("GET", "/a").reply(304, {{"cache-control", says}, {"etag", "\"1\""}, {"age", "7"}, {"trailer", "X-Sum"}});
    proxy.get("/a");
    const RawResponse validated = proxy.get("/a");
    CHECK(validated.body == "body");
    CHECK(validated.fields.count("age") == 1);
    CHECK(std::stoi(validated.field("age")) >= 7);
    CHECK_FALSE(validated.fields.has("trailer"));
  }
}

TEST_CASE("what the origin says to one with credentials ends nothing that others have (RFC 9111 §3.5)") {
  for (const int status : {200, 304}) {
    CAPTURE(status);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}}, "of all");
    origin.on("GET", "/a").reply(status, {{"cache-control", "private"}, {"etag", "\"1\""}}, status == 200 ? "of one" : "");
    proxy.get("/a");
    CHECK(proxy.get("/a", {{"authorization", "x"}}).body == (status == 200 ? "of one" : "of all"));
    CHECK(is_hit(proxy.get("/a")));
  }
}

TEST_CASE("a HEAD for a range says nothing of the whole that is stored (RFC 9110 §14.2)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "whole");
  origin.on("HEAD", "/a").reply(206, {{"content-range", "bytes 0-1/5"}, {"content-length", "2"}});
  proxy.get("/a");
  CHECK(proxy.request("HEAD", "/a", {{"cache-control", "no-cache"}, {"range", "bytes=0-1"}}).status == 206);
  CHECK(is_hit(proxy.get("/a")));
}

TEST_SUITE_END();
