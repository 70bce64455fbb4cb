// Conditional requests and ranges that are answered from the store (RFC 9110 §13, §14; RFC 9111 §4.3.2).
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

const std::string kModified = http_date(std::chrono::hours(-24));

// A proxy that has "0123456789" of /a stored.
struct Stored {
  explicit Stored(FieldLines more = {{"etag", "\"1\""}}) {
    origin.on("GET", "/a").reply(200, FieldLines{{"cache-control", "max-age=600"}, {"last-modified", kModified},
                                                 {"content-type", "text/plain"}, {"vary", "x-nothing"}}.add(more),
                                 "0123456789");
    REQUIRE(client.get("/a").status == 200);
  }
  Origin origin;
  const Proxy proxy{config_for(origin)};
  Client client = proxy.client();
};

}  // namespace

TEST_SUITE_BEGIN("conditions");

TEST_CASE("conditions on a fresh stored answer are decided here (RFC 9110 §13.1, §13.2.2)") {
  struct Row { FieldLines fields; int status; const char* rule; };
  const std::string later = http_date(), earlier = http_date(std::chrono::hours(-48));
  Stored stored;
  for (const Row& row : {
           Row{{{"if-none-match", "\"1\""}}, 304, "§13.1.2"},
           Row{{{"if-none-match", "W/\"1\""}}, 304, "§13.1.2: weak comparison"},
           Row{{{"if-none-match", "\"0\", \"1\""}}, 304, "§13.1.2: a list"},
           Row{{{"if-none-match", "\"0\""}, {"if-none-match", "\"1\""}}, 304, "§5.3: two lines are one list"},
           Row{{{"if-none-match", "*"}}, 304, "§13.1.2"},
           Row{{{"if-none-match", "\"2\""}}, 200, "§13.1.2"},
           Row{{{"if-none-match", "\"2\""}, {"if-modified-since", later}}, 200, "§13.1.3: ignored beside If-None-Match"},
           Row{{{"if-modified-since", kModified}}, 304, "§13.1.3"},
           Row{{{"if-modified-since", later}}, 304, "§13.1.3"},
           Row{{{"if-modified-since", earlier}}, 200, "§13.1.3"},
           Row{{{"if-modified-since", "yesterday"}}, 200, "§13.1.3: an invalid date is ignored"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.fields.bytes());
    const RawResponse response = stored.client.get("/a", row.fields);
    CHECK(response.status == row.status);
    CHECK(is_hit(response));
    CHECK(response.body == (row.status == 200 ? "0123456789" : ""));
  }
  CHECK(stored.origin.requests() == 1);
}

TEST_CASE("a 304 carries the fields that a 200 would have, and no body (RFC 9110 §15.4.5)") {
  Stored stored({{"etag", "\"1\""}, {"content-location", "/a.txt"}, {"expires", kModified}});
  const RawResponse response = stored.client.get("/a", {{"if-none-match", "\"1\""}});
  REQUIRE(response.status == 304);
  for (const char* name : {"etag", "cache-control", "content-location", "date", "expires", "vary"}) {
    CAPTURE(name);
    CHECK(response.fields.count(name) == 1);
  }
  CHECK_FALSE(response.fields.has("content-type"));
  CHECK(stored.client.get("/a").body == "0123456789");     // the connection is in step
}

TEST_CASE("HEAD may be conditional too") {
  Stored stored;
  CHECK(stored.client.request("HEAD", "/a", {{"if-none-match", "\"1\""}}).status == 304);
  CHECK(stored.client.request("HEAD", "/a", {{"if-none-match", "\"2\""}}).status == 200);
  CHECK(stored.origin.requests() == 1);
}

TEST_CASE("one range of a stored whole (RFC 9110 §14.1.2, §14.2, §15.3.7)") {
  struct Row { const char* range; int status; const char *body, *content_range, *rule; };
  Stored stored;
  for (const Row& row : {
           Row{"bytes=0-2", 206, "012", "bytes 0-2/10", "first-last"},
           Row{"bytes=7-", 206, "789", "bytes 7-9/10", "first-"},
           Row{"bytes=-3", 206, "789", "bytes 7-9/10", "-suffix"},
           Row{"bytes=-30", 206, "0123456789", "bytes 0-9/10", "a suffix longer than the whole"},
           Row{"bytes=8-100", 206, "89", "bytes 8-9/10", "an end beyond the end"},
           Row{"BYTES=0-0", 206, "0", "bytes 0-0/10", "range units in any case"},
           Row{"bytes=10-", 416, "", "bytes */10", "§15.5.17"},
           Row{"bytes=-0", 416, "", "bytes */10", "§14.1.2: a suffix of 0 is unsatisfiable"},
           Row{"bytes=5-2", 200, "0123456789", "", "§14.2: invalid is ignored"},
           Row{"bytes=a-b", 200, "0123456789", "", "invalid"},
           Row{"bytes=", 200, "0123456789", "", "invalid"},
           Row{"lines=0-2", 200, "0123456789", "", "§14.2: an unknown unit is ignored"}}) {
    CAPTURE(row.range);
    CAPTURE(row.rule);
    const RawResponse response = stored.client.get("/a", {{"range", row.range}});
    CHECK(response.status == row.status);
    if (row.status != 416) CHECK(response.body == row.body);
    CHECK(response.field("content-range") == row.content_range);
    CHECK(response.complete);
    if (row.status == 206) CHECK(response.field("etag") == "\"1\"");
  }
  CHECK(stored.origin.requests() == 1);
}

TEST_CASE("several ranges come as multipart/byteranges (RFC 9110 §14.6)") {
  Stored stored;
  const RawResponse response = stored.client.get("/a", {{"range", "bytes=0-1,8-9"}});
  REQUIRE(response.status == 206);
  CHECK_FALSE(response.fields.has("content-range"));
  const std::string type = response.field("content-type");
  const std::string boundary_is = "boundary=";
  REQUIRE(type.starts_with("multipart/byteranges;"));
  std::string boundary = type.substr(type.find(boundary_is) + boundary_is.size());
  if (boundary.starts_with('"')) boundary = boundary.substr(1, boundary.size() - 2);
  for (const char* part : {"bytes 0-1/10\r\n", "bytes 8-9/10\r\n", "\r\n\r\n01\r\n--", "\r\n\r\n89\r\n--", "text/plain"}) {
    CAPTURE(part);
    CHECK(response.body.find(part) != std::string::npos);
  }
  CHECK(response.body.find("--" + boundary + "--") != std::string::npos);
  CHECK(response.field("content-length") == std::to_string(response.body.size()));
}

TEST_CASE("If-Range decides whether a range is honoured (RFC 9110 §13.1.5)") {
  struct Row { const char *etag, *if_range; int status; const char* rule; };
  const std::string earlier = http_date(std::chrono::hours(-48));
  for (const Row& row : {Row{"\"1\"", "\"1\"", 206, "the same strong tag"},
                         Row{"\"1\"", "\"2\"", 200, "another tag"},
                         Row{"\"1\"", "W/\"1\"", 200, "weak: never"},
                         Row{"W/\"1\"", "W/\"1\"", 200, "weak: never"},
                         Row{"\"1\"", kModified.c_str(), 206, "exactly Last-Modified"},
                         Row{"\"1\"", earlier.c_str(), 200, "another date"}}) {
    CAPTURE(row.rule);
    Stored stored({{"etag", row.etag}});
    CHECK(stored.client.get("/a", {{"range", "bytes=0-2"}, {"if-range", row.if_range}}).status == row.status);
  }
}

TEST_CASE("a condition is looked at before the range (RFC 9110 §13.2.2)") {
  Stored stored;
  CHECK(stored.client.get("/a", {{"range", "bytes=0-2"}, {"if-none-match", "\"1\""}}).status == 304);
  CHECK(stored.client.get("/a", {{"range", "bytes=0-2"}, {"if-none-match", "\"2\""}}).status == 206);
}

TEST_CASE("Range means nothing on HEAD and on a stored error (RFC 9110 §14.2)") {
  Stored stored;
  CHECK(stored.client.request("HEAD", "/a", {{"range", "bytes=0-2"}}).status == 200);
  stored.origin.on("GET", "/gone").reply(404, {{"cache-control", "max-age=60"}}, "not here");
  stored.client.get("/gone");
  const RawResponse gone = stored.client.get("/gone", {{"range", "bytes=0-2"}});
  CHECK(gone.status == 404);
  CHECK(gone.body == "not here");
}

TEST_CASE("a range that misses is cut from the whole, which is then stored") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}}, "0123456789");
  const RawResponse part = proxy.get("/a", {{"range", "bytes=2-4"}});
  CHECK(part.status == 206);
  CHECK(part.body == "234");
  CHECK(part.field("content-range") == "bytes 2-4/10");
  const RawResponse whole = proxy.get("/a");
  CHECK(whole.status == 200);
  CHECK(whole.body == "0123456789");
}

TEST_CASE("a client's condition that misses is not sent on in a fetch for the cache, and is answered from its result") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}}, "whole");
  CHECK(proxy.get("/a", {{"if-none-match", "\"1\""}}).status == 304);
  CHECK_FALSE(origin.last_request("/a").fields.has("if-none-match"));
  const RawResponse hit = proxy.get("/a");
  CHECK(is_hit(hit));
  CHECK(hit.body == "whole");
}

TEST_CASE("If-Match is an origin's to evaluate: a stored answer is served whatever it says (RFC 9110 §13.1.1)") {
  Stored stored;
  CHECK(stored.client.get("/a", {{"if-match", "\"1\""}}).status == 200);
  CHECK(stored.client.get("/a", {{"if-match", "\"2\""}}).status == 200);
  CHECK(stored.client.get("/a").body == "0123456789");
}

TEST_CASE("If-Match reaches the origin also where what is stored needs it anyhow") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "no-cache"}, {"etag", "\"1\""}}, "whole");
  CHECK(proxy.get("/a").status == 200);
  origin.on("GET", "/a").reply(412, {{"cache-control", "no-store"}}, "changed");
  CHECK(proxy.get("/a", {{"if-match", "\"0\""}}).status == 412);
  CHECK(origin.last_request("/a").fields.get("if-match") == "\"0\"");
}

TEST_CASE("conditions and ranges of who has credentials reach the origin where nothing stored is for them (RFC 9110 §13.2.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/own").reply([](const SeenRequest& request) {
    if (request.field("if-none-match") == "\"1\"") return Reply{304, {{"etag", "\"1\""}}, ""};
    return Reply{200, {{"cache-control", "max-age=60"}, {"etag", request.field("authorization").empty() ? "\"0\"" : "\"1\""}}, "of " + request.field("authorization")};
  });
  const FieldLines asks{{"authorization", "alice"}, {"if-none-match", "\"1\""}};
  CHECK(proxy.get("/own", asks).status == 304);
  CHECK(proxy.get("/own").body == "of ");                       // now an answer for all is stored
  CHECK(proxy.get("/own", asks).status == 304);
  CHECK(proxy.get("/own", {{"authorization", "alice"}}).body == "of alice");
  CHECK(is_hit(proxy.get("/own")));
}

TEST_CASE("a condition that a fetch for all left out is evaluated on an answer that is for one (RFC 9110 §13.2.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  const FieldLines own{{"cache-control", "private, max-age=60"}, {"etag", "\"1\""}, {"last-modified", kModified}, {"x-page", "1"}};
  int number = 0;
  for (const FieldLines& asks : {FieldLines{{"if-none-match", "\"1\""}}, FieldLines{{"if-modified-since", kModified}}}) {
    const std::string path = "/own" + std::to_string(number++);
    origin.on("GET", path).reply(200, own, "page");
    Client client = proxy.client();
    const RawResponse known = client.get(path, asks);
    CHECK(known.status == 304);
    CHECK(known.field("etag") == "\"1\"");
    CHECK(known.field("cache-control") == "private, max-age=60");
    CHECK(cache_status(known).get("fwd-status") == "200");
    CHECK(client.get(path, {{"if-none-match", "\"2\""}}).body == "page");
  }
  origin.on("GET", "/cookie").reply(200, FieldLines(own).add("set-cookie", "a=b"), "page");
  CHECK(proxy.get("/cookie", {{"if-none-match", "\"1\""}}).field("set-cookie") == "a=b");      // it must not get lost
}

TEST_CASE("a part of what is stored goes without the digest of the whole's bytes (RFC 9530 §2)") {
  Stored stored({{"content-digest", "sha-256=:AAAA:"}, {"content-md5", "AAAA"}, {"repr-digest", "sha-256=:BBBB:"}});
  CHECK(stored.client.get("/a").fields.has("content-digest"));
  const RawResponse part = stored.client.get("/a", {{"range", "bytes=0-1"}});
  CHECK(part.status == 206);
  CHECK_FALSE(part.fields.has("content-digest"));
  CHECK_FALSE(part.fields.has("content-md5"));
  CHECK(part.fields.has("repr-digest"));
}

TEST_SUITE_END();
