// Stored parts (206) and ranges of what is still arriving (RFC 9111 §3.3, §3.4; RFC 9110 §14, §15.3.7).
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

TEST_SUITE_BEGIN("parts");

namespace {

const FieldLines kPart{{"cache-control", "max-age=60"}, {"etag", "\"1\""}, {"content-range", "bytes 0-4/10"}, {"x-from", "part"}};
const FieldLines kRest{{"cache-control", "max-age=60"}, {"etag", "\"1\""}, {"content-range", "bytes 5-9/10"}, {"x-from", "rest"}};
const FieldLines kWhole{{"cache-control", "max-age=60"}, {"etag", "\"2\""}};

RawResponse ask_part(const Proxy& proxy, const char* range) { return proxy.get("/v", {{"range", range}}); }

}  // namespace

TEST_CASE("a stored part serves its own range and smaller ones inside it") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/v").reply(206, kPart, "01234").once();
  const RawResponse first = ask_part(proxy, "bytes=0-4");
  CHECK(first.status == 206);
  CHECK(first.body == "01234");
  CHECK(cache_status(first).has("stored"));
  struct Row { const char *range, *said, *body; };
  for (const Row& row : {Row{"bytes=0-4", "bytes 0-4/10", "01234"}, Row{"bytes=1-2", "bytes 1-2/10", "12"},
                         Row{"bytes=4-4", "bytes 4-4/10", "4"}}) {
    CAPTURE(row.range);
    const RawResponse hit = ask_part(proxy, row.range);
    CHECK(hit.status == 206);
    CHECK(is_hit(hit));
    CHECK(hit.body == row.body);
    CHECK(hit.field("content-range") == row.said);
    CHECK(hit.field("content-length") == std::to_string(std::string(row.body).size()));
    CHECK(hit.field("etag") == "\"1\"");
    CHECK(hit.field("x-from") == "part");
  }
  CHECK(origin.requests() == 1);
}

TEST_CASE("a part is completed by asking only for what is missing, and the whole is stored") {
  struct Row { bool part_first; const char *asked, *client, *body; int status; };
  for (const Row& row : {Row{true, "bytes=5-9", "", "0123456789", 200}, Row{false, "bytes=0-4", "", "0123456789", 200},
                         Row{true, "bytes=5-9", "bytes=3-6", "3456", 206}, Row{false, "bytes=0-4", "bytes=-8", "23456789", 206}}) {
    CAPTURE(row.asked);
    CAPTURE(row.client);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/v").reply(206, row.part_first ? kPart : kRest, row.part_first ? "01234" : "56789");
    origin.on("GET", "/v").reply(206, row.part_first ? kRest : kPart, row.part_first ? "56789" : "01234").once();
    ask_part(proxy, row.part_first ? "bytes=0-4" : "bytes=5-9");
    const RawResponse completed = *row.client != 0 ? ask_part(proxy, row.client) : proxy.get("/v");
    CHECK(completed.status == row.status);
    CHECK(completed.body == row.body);
    CHECK(cache_status(completed).get("fwd") == "partial");
    CHECK(cache_status(completed).get("fwd-status") == "206");
    CHECK(origin.last_request("/v").field("range") == row.asked);
    CHECK(origin.last_request("/v").field("if-range") == "\"1\"");
    const RawResponse whole = proxy.get("/v");
    CHECK(whole.status == 200);
    CHECK(whole.body == "0123456789");
    CHECK(whole.field("x-from") == (row.part_first ? "rest" : "part"));
    CHECK_FALSE(whole.fields.has("content-range"));
    CHECK(is_hit(whole));
    CHECK(origin.requests() == 2);
  }
}

TEST_CASE("a part whose whole is larger than what is stored is not completed: the whole is asked for and passed on") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "max_object = 10"));
  const FieldLines fields{{"cache-control", "max-age=60"}, {"etag", "\"1\""}};
  origin.on("GET", "/a").reply(206, FieldLines(fields).add("content-range", "bytes 0-4/20"), "01234");
  origin.on("GET", "/a").reply([&](const SeenRequest& request) {
    if (request.fields.get("range") != "bytes=5-19") return Reply{200, fields, "01234567890123456789"};
    return Reply{206, FieldLines(fields).add("content-range", "bytes 5-19/20"), "567890123456789"};
  });
  CHECK(proxy.get("/a", {{"range", "bytes=0-4"}}).body == "01234");
  const RawResponse whole = proxy.get("/a");
  CHECK(whole.status == 200);
  CHECK(whole.body == "01234567890123456789");
  CHECK(origin.requests_where([](const SeenRequest& request) { return request.fields.get("range") == "bytes=5-19"; }) == 1);
}

TEST_CASE("parts of another whole are never put together (RFC 9111 §3.4)") {
  struct Row { FieldLines fields; const char* rule; };
  const Row rows[] = {
      {{{"cache-control", "max-age=60"}, {"etag", "\"2\""}, {"content-range", "bytes 5-9/10"}}, "another tag"},
      {{{"cache-control", "max-age=60"}, {"content-range", "bytes 5-9/10"}}, "no tag"},
      {{{"cache-control", "max-age=60"}, {"etag", "\"1\""}, {"content-range", "bytes 5-9/11"}}, "another length"},
      {{{"cache-control", "max-age=60"}, {"etag", "\"1\""}, {"content-range", "bytes 4-8/10"}}, "another range"},
      {{{"cache-control", "no-store"}, {"etag", "\"1\""}, {"content-range", "bytes 5-9/10"}}, "not to be stored"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rule);
    Origin origin;
    const Proxy proxy(config_for(origin));
    origin.on("GET", "/v").reply(206, kPart, "01234");
    origin.on("GET", "/v").reply(206, row.fields, "56789");
    origin.on("GET", "/v").reply(200, kWhole, "abcdefghij");
    ask_part(proxy, "bytes=0-4");
    const RawResponse whole = proxy.get("/v");
    CHECK(whole.status == 200);
    CHECK(whole.body == "abcdefghij");
    CHECK_FALSE(origin.last_request("/v").fields.has("range"));
    CHECK(proxy.get("/v").body == "abcdefghij");
    CHECK(origin.requests() == 3);
  }
}

TEST_CASE("an origin that has moved on answers If-Range with the whole, which replaces the part") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/v").reply(206, kPart, "01234");
  origin.on("GET", "/v").reply(200, kWhole, "abcdefghij");
  ask_part(proxy, "bytes=0-4");
  CHECK(proxy.get("/v").body == "abcdefghij");
  CHECK(ask_part(proxy, "bytes=0-4").body == "abcde");
  CHECK(origin.requests() == 2);
}

TEST_CASE("a part with a weak validator is no part of a whole: it is asked for whole") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/v").reply(206, {{"cache-control", "max-age=60"}, {"etag", "W/\"1\""}, {"content-range", "bytes 0-4/10"}}, "01234");
  origin.on("GET", "/v").reply(200, kWhole, "abcdefghij");
  ask_part(proxy, "bytes=0-4");
  CHECK(proxy.get("/v").body == "abcdefghij");
  CHECK_FALSE(origin.last_request("/v").fields.has("range"));
}

TEST_CASE("a part that was cut short is not stored (RFC 9111 §3.3)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/v").head(206, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}, {"content-range", "bytes 0-4/10"}, {"content-length", "5"}})
      .raw("012").close();
  origin.on("GET", "/v").reply(206, kPart, "01234");
  CHECK_FALSE(ask_part(proxy, "bytes=0-4").complete);
  const RawResponse second = ask_part(proxy, "bytes=0-1");
  CHECK_FALSE(is_hit(second));
  CHECK(origin.requests() == 2);
}

TEST_CASE("a part that is not as long as its range is no answer, and never stored (RFC 9111 §3.3, RFC 9112 §8)") {
  struct Row { const char* asked; const char* range; const char* body; const char* rule; };
  for (const Row& row : {Row{"bytes=5-9", "bytes 5-9/10", "", "nothing"}, Row{"bytes=0-4", "bytes 0-4/10", "012", "less"},
                         Row{"bytes=0-4", "bytes 0-4/10", "0123456", "more"}, Row{"bytes=0-9", "bytes 0-9/10", "012", "less than a whole"}}) {
    CAPTURE(row.rule);
    Origin origin;
    const Proxy proxy(config_for(origin).add("", "workers = 1"));
    Answer& part = origin.on("GET", "/v").head(206, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}, {"content-range", row.range}, {"transfer-encoding", "chunked"}});
    if (*row.body != '\0') part.chunk(row.body);
    part.last_chunk();
    origin.on("GET", "/v").reply(200, kWhole, "abcdefghij");
    static_cast<void>(ask_part(proxy, row.asked));
    const RawResponse inside = ask_part(proxy, row.asked);
    CHECK_FALSE(is_hit(inside));
    CHECK(inside.status == 206);
    const RawResponse whole = proxy.get("/v");
    CHECK(whole.status == 200);
    CHECK(whole.body == "abcdefghij");
  }
}

TEST_CASE("the digest of a part's bytes does not become that of the whole (RFC 9530 §2)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/v").reply(206, FieldLines(kPart).add("content-digest", "sha-256=:AAAA:"), "01234");
  origin.on("GET", "/v").reply(206, FieldLines(kRest).add("content-digest", "sha-256=:BBBB:"), "56789");
  ask_part(proxy, "bytes=0-4");
  const RawResponse whole = proxy.get("/v");
  CHECK(whole.body == "0123456789");
  CHECK_FALSE(whole.fields.has("content-digest"));
  CHECK_FALSE(proxy.get("/v").fields.has("content-digest"));
}

TEST_CASE("a part of a 206 that holds the whole has one Content-Range (RFC 9110 §14.4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/v").reply(206, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}, {"content-range", "bytes 0-9/10"}}, "0123456789");
  const RawResponse part = ask_part(proxy, "bytes=2-4");
  CHECK(part.body == "234");
  CHECK(part.fields.count("content-range") == 1);
  CHECK(part.field("content-range") == "bytes 2-4/10");
}

TEST_CASE("a whole that breaks off while a part is completed is never served as whole") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/v").reply(206, kPart, "01234");
  origin.on("GET", "/v").head(206, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}, {"content-range", "bytes 5-9/10"}, {"content-length", "5"}})
      .raw("56").close();
  origin.on("GET", "/v").reply(200, kWhole, "abcdefghij");
  ask_part(proxy, "bytes=0-4");
  const RawResponse cut = proxy.get("/v");
  CHECK_FALSE((cut.status == 200 && cut.complete));
  const RawResponse next = proxy.get("/v");
  CHECK((next.status != 200 || next.body == "abcdefghij"));
}

TEST_CASE("a range of a body that is still arriving is sent as soon as it is there") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier sent{"the first half was sent"}, rest{"the rest may come"};
  const std::string half(50'000, 'a');
  origin.on("GET", "/v").head(200, {{"cache-control", "max-age=60"}, {"content-length", "100000"}}).raw(half).reach(sent).await(rest).raw(half);
  Client reader = proxy.client();
  reader.send_request("GET", "/v", {{"range", "bytes=10-19"}});
  const RawResponse part = reader.read();          // while the origin holds the second half back
  CHECK(part.status == 206);
  CHECK(part.body == "aaaaaaaaaa");
  CHECK(part.field("content-range") == "bytes 10-19/100000");
  rest.open();
  proxy.await_metric("store_insertions", 1);
  CHECK(is_hit(proxy.get("/v")));
  CHECK(origin.requests() == 1);
}

TEST_SUITE_END();
