// Content codings: stored once and sent in every coding, compressed as it passes, unpacked for who takes none. Whatever came coded is
// unpacked with the libraries themselves and compared byte for byte.
#include <doctest/doctest.h>

#include "support/barrier.h"
#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"
#include "support/sanitized.h"
#include "support/unpack.h"

using namespace davenport::testing;

TEST_SUITE_BEGIN("compression");

namespace {

const FieldLines kCss{{"cache-control", "max-age=60"}, {"content-type", "text/css"}, {"etag", "\"v1\""}};
const char* const kBrowser = "gzip, deflate, br, zstd";

// The first client of a form waits as long as it takes, so that tests need not guess.
ProxyConfig patient(const Origin& origin) {
  ProxyConfig config = config_for(origin);
  config.add("route.cache", "compression.wait = \"30s\"");
  return config;
}

RawResponse get(const Proxy& proxy, const std::string& target, const std::string& accepts, const FieldLines& more = {}) {
  FieldLines fields{{"accept-encoding", accepts}};
  fields.add(more);
  return proxy.get(target, fields);
}

}  // namespace

TEST_CASE("one fetch serves every coding, each whole and labelled, and identity to who asks for none") {
  Origin origin;
  const Proxy proxy(patient(origin));
  const std::string text = css_text(64 << 10);
  origin.on("GET", "/a.css").reply(200, kCss, text);
  CHECK(get(proxy, "/a.css", "").body == text);
  struct Row { const char* accepts; const char* coding; const char* etag; };
  for (int turn = 0; turn < 2; ++turn) {
    for (const Row& row : {Row{kBrowser, "br", "W/\"v1~br\""}, Row{"gzip", "gzip", "W/\"v1~gzip\""}, Row{"zstd, gzip", "zstd", "W/\"v1~zstd\""},
                           Row{"br;q=0.1, gzip;q=0.9", "gzip", "W/\"v1~gzip\""}, Row{"identity", "", "\"v1\""},
                           Row{"gzip;q=0", "", "\"v1\""}, Row{"identity;q=0, gzip", "gzip", "W/\"v1~gzip\""}}) {
      CAPTURE(row.accepts);
      const RawResponse answer = get(proxy, "/a.css", row.accepts);
      CHECK(answer.status == 200);
      CHECK(is_hit(answer));
      CHECK(answer.field("content-encoding") == row.coding);
      CHECK(answer.field("etag") == row.etag);
      CHECK(answer.fields.combined("vary") == "Accept-Encoding");
      CHECK(answer.field("content-length") == std::to_string(answer.body.size()));
      CHECK(unpacked(answer) == text);
      if (*row.coding != '\0') CHECK(answer.body.size() * 2 < text.size());
    }
  }
  CHECK(origin.requests("/a.css") == 1);
  CHECK(proxy.metric("coded_forms", {{"effort", "fast"}}) == 3);
  CHECK(*proxy.metric("bytes_saved") > 0);
}

TEST_CASE("the first answer is coded too, when it is whole at once and when it arrives slowly") {
  Origin origin;
  const Proxy proxy(patient(origin));
  const std::string text = css_text(3000);
  origin.on("GET", "/now.css").reply(200, kCss, text);
  const RawResponse now = get(proxy, "/now.css", kBrowser);
  CHECK(now.field("content-encoding") == "br");
  CHECK(unpacked(now) == text);
  CHECK(cache_status(now).get("fwd") == "uri-miss");

  // The client gets what the origin has said before it says the rest.
  Barrier rest("the rest may come");
  origin.on("GET", "/slow.css").head(200, {{"cache-control", "max-age=60"}, {"content-type", "text/css"}, {"etag", "\"v1\""}, {"transfer-encoding", "chunked"}})
      .chunk(text).await(rest).chunk("/* end */").last_chunk();
  Client client = proxy.client();
  client.send_request("GET", "/slow.css", {{"accept-encoding", "gzip"}});
  RawResponse slow = client.read_head();
  CHECK(slow.field("content-encoding") == "gzip");
  CHECK(slow.field("etag") == "W/\"v1~gzip\"");
  CHECK_FALSE(slow.fields.has("content-length"));
  std::string early = client.read_piece();
  CHECK_FALSE(early.empty());
  rest.open();
  client.read_body(slow);
  slow.body.insert(0, early);
  CHECK(unpacked(slow) == text + "/* end */");
  const RawResponse stored = get(proxy, "/slow.css", "gzip");
  CHECK(is_hit(stored));
  CHECK(unpacked(stored) == text + "/* end */");
}

TEST_CASE("what gains nothing stays as it is: by type, size, ratio, no-transform and its own coding") {
  Origin origin;
  const Proxy proxy(patient(origin));
  const std::string text = css_text(5000);
  std::string noise;
  for (unsigned i = 0, x = 7; i < 5000; ++i) noise.push_back(static_cast<char>((x = x * 1664525 + 1013904223) >> 24));
  struct Row { const char* target; FieldLines fields; std::string body; const char* why; };
  for (const Row& row : {
           Row{"/p.jpg", {{"content-type", "image/jpeg"}}, text, "type"},
           Row{"/none", {}, text, "no type"},
           Row{"/short.css", {{"content-type", "text/css"}}, text.substr(0, 500), "size"},
           Row{"/noise.css", {{"content-type", "text/css"}}, noise, "ratio"},
           Row{"/as-is.css", {{"content-type", "text/css"}, {"cache-control", "no-transform"}}, text, "no-transform"},
           Row{"/own.css", {{"content-type", "text/css"}, {"content-encoding", "exi"}}, text, "another coding"}}) {
    CAPTURE(row.why);
    FieldLines fields{{"cache-control", "max-age=60"}};
    fields.add(row.fields);
    origin.on("GET", row.target).reply(200, fields, row.body);
    for (int turn = 0; turn < 3; ++turn) {
      const RawResponse answer = get(proxy, row.target, kBrowser);
      CHECK(answer.body == row.body);
      CHECK(answer.field("content-encoding") == row.fields.get("content-encoding"));
      CHECK(answer.field("content-length") == std::to_string(row.body.size()));
    }
    CHECK(origin.requests(row.target) == 1);
  }
  CHECK(proxy.metric("coding_dropped", {{"why", "no_gain"}}) == 1);
  // The client forbids it.
  origin.on("GET", "/a.css").reply(200, kCss, text);
  get(proxy, "/a.css", kBrowser);
  CHECK(get(proxy, "/a.css", kBrowser, {{"cache-control", "no-transform"}}).body == text);
  // Who takes no identity gets a coding whatever it gains.
  const RawResponse must = get(proxy, "/noise.css", "gzip, identity;q=0");
  CHECK(must.field("content-encoding") == "gzip");
  CHECK(unpacked(must) == noise);
}

TEST_CASE("a source that came coded serves whoever takes its coding, another one, or none") {
  Origin origin;
  const Proxy proxy(patient(origin));
  const std::string text = css_text(20'000);
  origin.on("GET", "/a.css").reply(200, {{"cache-control", "max-age=60"}, {"content-type", "text/css"}, {"content-encoding", "gzip"},
                                         {"vary", "Accept-Encoding"}, {"etag", "\"g\""}}, gzipped(text));
  const RawResponse first = get(proxy, "/a.css", "gzip");
  CHECK(first.body == gzipped(text));
  const RawResponse plain = proxy.get("/a.css");
  CHECK_FALSE(plain.fields.has("content-encoding"));
  CHECK(plain.field("etag") == "W/\"g~identity\"");
  CHECK(plain.body == text);
  const RawResponse brotli = get(proxy, "/a.css", "br");
  CHECK(brotli.field("content-encoding") == "br");
  CHECK(unpacked(brotli) == text);
  CHECK(origin.requests() == 1);
}

TEST_CASE("a bomb is not unpacked: who takes no coding gets what the origin has for it") {
  Origin origin;
  const Proxy proxy(patient(origin));
  const std::string bomb(20 << 20, '0');
  origin.on("GET", "/bomb").reply([&](const SeenRequest& request) {
    const bool coded = request.field("accept-encoding") == "gzip";
    FieldLines fields{{"cache-control", "max-age=60"}, {"content-type", "text/plain"}, {"vary", "Accept-Encoding"}};
    if (coded) fields.add("content-encoding", "gzip");
    return Reply{200, fields, coded ? gzipped(bomb) : "small and plain"};
  });
  const std::uint64_t before = proxy.resident_bytes();
  get(proxy, "/bomb", "gzip");
  for (int turn = 0; turn < 3; ++turn) CHECK(proxy.get("/bomb").body == "small and plain");
  CHECK(proxy.metric("coding_dropped", {{"why", "failed"}}) == 1);
  CHECK(proxy.resident_bytes() < before + grown_by(16u << 20));
  CHECK(get(proxy, "/bomb", "gzip").body == gzipped(bomb));
}

TEST_CASE("304, ranges and HEAD speak of the form that would be sent") {
  Origin origin;
  const Proxy proxy(patient(origin));
  const std::string text = css_text(30'000);
  origin.on("GET", "/a.css").reply(200, kCss, text);
  const RawResponse whole = get(proxy, "/a.css", "gzip");
  REQUIRE(whole.field("content-encoding") == "gzip");

  struct Row { const char *accepts, *tags; int status; const char* etag; };
  for (const Row& row : {Row{"gzip", "W/\"v1~gzip\"", 304, "W/\"v1~gzip\""}, Row{"gzip", "\"v1\"", 304, "\"v1\""},
                         Row{"", "W/\"v1~gzip\"", 304, "W/\"v1~gzip\""}, Row{"br", "\"x\", W/\"v1~gzip+\"", 304, "W/\"v1~gzip+\""},
                         Row{"gzip", "\"v2\"", 200, "W/\"v1~gzip\""}}) {
    CAPTURE(row.accepts);
    CAPTURE(row.tags);
    const RawResponse answer = get(proxy, "/a.css", row.accepts, {{"if-none-match", row.tags}});
    CHECK(answer.status == row.status);
    CHECK(answer.field("etag") == row.etag);
    CHECK(answer.fields.combined("vary") == "Accept-Encoding");
  }

  const RawResponse part = get(proxy, "/a.css", "gzip", {{"range", "bytes=10-109"}});
  CHECK(part.status == 206);
  CHECK(part.field("content-encoding") == "gzip");
  CHECK(part.field("content-range") == "bytes 10-109/" + std::to_string(whole.body.size()));
  CHECK(part.body == whole.body.substr(10, 100));
  const RawResponse plain = proxy.get("/a.css", {{"range", "bytes=10-109"}});
  CHECK(plain.body == text.substr(10, 100));
  // A weak tag is no ground to put parts together (RFC 9110 §13.1.5).
  CHECK(get(proxy, "/a.css", "gzip", {{"range", "bytes=10-109"}, {"if-range", whole.field("etag")}}).status == 200);

  for (const char* accepts : {"gzip", "br", ""}) {
    CAPTURE(accepts);
    const RawResponse asked = get(proxy, "/a.css", accepts);
    const RawResponse head = proxy.request("HEAD", "/a.css", {{"accept-encoding", accepts}});
    CHECK(head.field("content-encoding") == asked.field("content-encoding"));
    CHECK(head.field("content-length") == asked.field("content-length"));
    CHECK(head.field("etag") == asked.field("etag"));
    CHECK(head.body.empty());
  }
  CHECK(origin.requests() == 1);
}

TEST_CASE("purges, invalidation and new answers reach every form") {
  Origin origin;
  const Proxy proxy(patient(origin));
  const std::string one = css_text(4000, 1), two = css_text(4000, 2), three = css_text(4000, 3);
  origin.on("GET", "/a.css").reply(200, kCss, one);
  origin.on("GET", "/a.css").reply(200, kCss, two);
  origin.on("GET", "/a.css").reply(200, kCss, three);
  origin.on("POST", "/a.css").reply(204);
  for (const char* accepts : {"gzip", "br", ""}) CHECK(unpacked(get(proxy, "/a.css", accepts)) == one);
  CHECK(proxy.purge(R"({"urls": ["http://shop.test/a.css"]})").body.find("\"matched_here\":1") != std::string::npos);
  for (const char* accepts : {"gzip", "br", "", "zstd"}) CHECK(unpacked(get(proxy, "/a.css", accepts)) == two);
  CHECK(proxy.request("POST", "/a.css").status == 204);
  for (const char* accepts : {"br", "gzip", ""}) CHECK(unpacked(get(proxy, "/a.css", accepts)) == three);
  CHECK(origin.requests("/a.css") == 4);
}

TEST_CASE("a 304 of the origin refreshes the source and its forms; nothing is coded anew") {
  Origin origin;
  const Proxy proxy(patient(origin));
  const std::string text = css_text(4000);
  origin.on("GET", "/a.css").reply(200, {{"cache-control", "max-age=10"}, {"age", "11"}, {"content-type", "text/css"}, {"etag", "\"v1\""}}, text);
  origin.on("GET", "/a.css").reply(304, {{"cache-control", "max-age=60"}, {"etag", "\"v1\""}, {"x-new", "yes"}});
  const RawResponse first = get(proxy, "/a.css", "gzip");
  CHECK(unpacked(first) == text);
  const RawResponse second = get(proxy, "/a.css", "gzip");
  CHECK(second.field("x-new") == "yes");
  CHECK(second.field("content-encoding") == "gzip");
  CHECK(second.field("etag") == "W/\"v1~gzip\"");
  CHECK(second.body == first.body);
  CHECK(origin.last_request("/a.css").field("if-none-match") == "\"v1\"");
  CHECK(is_hit(get(proxy, "/a.css", "gzip")));
  CHECK(proxy.metric("coded_forms", {{"coding", "gzip"}}) == 1);
}

TEST_CASE("what proves popular is made anew with the strong level, behind") {
  Origin origin;
  ProxyConfig config = patient(origin);
  config.add("", "workers = 1").add("route.cache", "compression.popular_after = 5");
  const Proxy proxy(config);
  const std::string text = css_text(12'000);
  origin.on("GET", "/a.css").reply(200, kCss, text);
  const RawResponse fast = get(proxy, "/a.css", "br");
  for (int i = 0; i < 6; ++i) get(proxy, "/a.css", "br");
  proxy.await_metric("coded_forms", 1, {{"coding", "br"}, {"effort", "strong"}});
  const RawResponse strong = get(proxy, "/a.css", "br");
  CHECK(strong.body.size() < fast.body.size());
  CHECK(strong.field("etag") == "W/\"v1~br+\"");
  CHECK(unpacked(strong) == text);
  CHECK(get(proxy, "/a.css", "br", {{"if-none-match", fast.field("etag")}}).status == 304);
}

TEST_CASE("what passes is compressed at the origin's pace, but nothing that carries a secret unless the route says so") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  const Proxy proxy(config);
  const std::string text = css_text(40'000);
  const FieldLines page{{"cache-control", "no-store"}, {"content-type", "text/html"}, {"etag", "\"p\""}};
  origin.on("GET", "/page").reply(200, page, text);
  for (int turn = 0; turn < 2; ++turn) {
    const RawResponse answer = get(proxy, "/page", kBrowser);
    CHECK(answer.field("content-encoding") == "br");
    CHECK(answer.field("etag") == "W/\"p~br\"");
    CHECK(answer.fields.combined("vary") == "Accept-Encoding");
    CHECK_FALSE(answer.fields.has("content-length"));
    CHECK(unpacked(answer) == text);
  }
  CHECK(get(proxy, "/page", "").body == text);
  CHECK(get(proxy, "/page", kBrowser, {{"cookie", "s=1"}}).body == text);
  CHECK(get(proxy, "/page", kBrowser, {{"authorization", "Basic eA=="}}).body == text);
  CHECK(*proxy.metric("passed_coded") == 2);

  Barrier rest("the rest may come");
  FieldLines events{{"cache-control", "no-store"}, {"content-type", "text/event-stream"}, {"transfer-encoding", "chunked"}};
  origin.on("GET", "/events").head(200, events).chunk("data: one\n\n").await(rest).chunk("data: two\n\n").last_chunk();
  Client client = proxy.client();
  client.send_request("GET", "/events", {{"accept-encoding", "gzip"}});
  RawResponse stream = client.read_head();
  CHECK(stream.field("content-encoding") == "gzip");
  std::string first = client.read_piece();
  if (first.size() <= 12) first += client.read_piece();   // the head of the coding may come by itself
  CHECK_FALSE(first.empty());
  rest.open();
  client.read_body(stream);
  stream.body.insert(0, first);
  CHECK(unpacked(stream) == "data: one\n\ndata: two\n\n");

  config.add("route.cache", "compression.secrets = true");
  const Proxy open(config);
  CHECK(unpacked(get(open, "/page", kBrowser, {{"cookie", "s=1"}})) == text);
  CHECK(get(open, "/page", kBrowser, {{"cookie", "s=1"}}).field("content-encoding") == "br");
}

TEST_CASE("an answer that is cut short is never a whole coded one") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/cut").head(200, {{"cache-control", "no-store"}, {"content-type", "text/html"}, {"content-length", "90000"}})
      .raw(css_text(40'000)).reset();
  Client client = proxy.client();
  client.send_request("GET", "/cut", {{"accept-encoding", "gzip"}});
  RawResponse answer = client.read_head();
  CHECK(answer.field("content-encoding") == "gzip");
  client.read_body(answer);
  CHECK_FALSE(answer.complete);
  CHECK_THROWS(unpacked(answer));
}

TEST_CASE("a large body that is being coded holds up nobody, and its client is sent it as it is") {
  Origin origin;
  ProxyConfig config = config_for(origin);
  config.add("", "workers = 1").add("route.cache", "compression.wait = \"1ms\"").add("route.cache", "compression.brotli_level = 11");
  const Proxy proxy(config);
  const std::string large = css_text(6 << 20), small = css_text(4000);
  origin.on("GET", "/large.css").reply(200, kCss, large);
  origin.on("GET", "/small").reply(200, {{"cache-control", "max-age=60"}}, small);
  proxy.get("/large.css");
  proxy.get("/small");
  const RawResponse as_is = get(proxy, "/large.css", "br");
  CHECK_FALSE(as_is.fields.has("content-encoding"));
  CHECK(as_is.body == large);
  CHECK(*proxy.metric("coding_running") == 1);
  for (int i = 0; i < 50; ++i) CHECK(proxy.get("/small").body == small);
  proxy.await_metric("coded_forms", 1, {{"coding", "br"}, {"effort", "fast"}});
  const RawResponse coded = get(proxy, "/large.css", "br");
  CHECK(coded.field("content-encoding") == "br");
  CHECK(unpacked(coded) == large);
}

TEST_CASE("compression that is switched off by a reload leaves what is stored servable") {
  Origin origin;
  ProxyConfig config = patient(origin);
  Proxy proxy(config);
  const std::string text = css_text(9000);
  origin.on("GET", "/a.css").reply(200, kCss, text);
  origin.on("GET", "/g.css").reply(200, {{"cache-control", "max-age=60"}, {"content-type", "text/css"}, {"content-encoding", "gzip"}}, gzipped(text));
  CHECK(get(proxy, "/a.css", "gzip").field("content-encoding") == "gzip");
  get(proxy, "/g.css", "gzip");
  config.add("route.cache", "compression.enabled = false");
  proxy.write_config(config);
  proxy.reload();
  CHECK(get(proxy, "/a.css", "gzip").body == text);
  CHECK(proxy.get("/g.css").body == text);           // the origin's coding is still undone for who can't
  CHECK(get(proxy, "/g.css", "gzip").body == gzipped(text));
  CHECK(origin.requests() == 2);
}

TEST_CASE("a stored answer without a tag gets one of its content, which clients may validate and the origin never sees") {
  Origin origin;
  const Proxy proxy(patient(origin));
  const std::string text = css_text(40'000), other = css_text(40'000, 2);
  const FieldLines page{{"cache-control", "max-age=60"}, {"content-type", "text/css"}};
  const FieldLines stale{{"cache-control", "max-age=10"}, {"age", "11"}, {"content-type", "text/css"}, {"last-modified", "Mon, 01 Jun 2020 12:00:00 GMT"}};
  origin.on("GET", "/one").reply(200, page, text);
  FieldLines slow = page;
  slow.add("transfer-encoding", "chunked");
  origin.on("GET", "/same").head(200, slow).chunk(text.substr(0, 7)).chunk(text.substr(7)).last_chunk();
  origin.on("GET", "/other").reply(200, page, other);
  for (const char* target : {"/one", "/same", "/other"}) proxy.get(target);
  const std::string tag = proxy.get("/one").field("etag");
  CHECK(tag.starts_with("W/\"dvp-"));
  CHECK(proxy.get("/same").field("etag") == tag);
  CHECK(proxy.get("/other").field("etag") != tag);
  CHECK(proxy.get("/one", {{"if-none-match", tag}}).status == 304);
  const RawResponse coded = get(proxy, "/one", "br");
  CHECK(unpacked(coded) == text);
  CHECK(get(proxy, "/one", "gzip", {{"if-none-match", coded.field("etag")}}).status == 304);
  // What is validated with the origin is validated by the origin's own words.
  origin.on("GET", "/stale").reply(200, stale, text);
  origin.on("GET", "/stale").reply(304, {{"cache-control", "max-age=60"}});
  proxy.get("/stale");
  const RawResponse again = proxy.get("/stale", {{"if-none-match", tag}});
  CHECK(again.status == 304);
  CHECK_FALSE(origin.last_request("/stale").fields.has("if-none-match"));
  CHECK(origin.last_request("/stale").field("if-modified-since") == "Mon, 01 Jun 2020 12:00:00 GMT");
  origin.on("GET", "/pass").reply(200, {{"cache-control", "no-store"}}, "x");
  proxy.get("/pass");
  proxy.get("/pass", {{"if-none-match", tag + ", \"real\""}});
  CHECK(origin.last_request("/pass").field("if-none-match") == "\"real\"");
}

TEST_CASE("explain tells what is stored in which coding, and which one a request gets") {
  Origin origin;
  const Proxy proxy(patient(origin));
  origin.on("GET", "/a.css").reply(200, kCss, css_text(9000));
  get(proxy, "/a.css", "br");
  const std::string body = proxy.admin("GET", "/explain?url=http://shop.test/a.css&field=Accept-Encoding:+gzip").body;
  CHECK(body.find("\"stored_as\":\"identity\"") != std::string::npos);
  CHECK(body.find("\"coding\":\"br\"") != std::string::npos);
  CHECK(body.find("\"sent_as\":\"gzip\"") != std::string::npos);
}

TEST_CASE("a form's bytes may change under its date: If-Range with that gets the whole (RFC 9110 §13.1.5, §8.8.2.2)") {
  Origin origin;
  const Proxy proxy(patient(origin));
  const std::string text = css_text(64 << 10), date = http_date(std::chrono::seconds(-100'000));
  origin.on("GET", "/a.css").reply(200, FieldLines(kCss).add("last-modified", date), text);
  get(proxy, "/a.css", "gzip");
  const RawResponse form = get(proxy, "/a.css", "gzip", {{"range", "bytes=100-"}, {"if-range", date}});
  CHECK(form.status == 200);
  CHECK(unpacked(form) == text);
  const RawResponse plain = get(proxy, "/a.css", "identity", {{"range", "bytes=100-"}, {"if-range", date}});
  CHECK(plain.status == 206);
  CHECK(plain.body == text.substr(100));
  // What is coded on its way has no date that could be used so.
  origin.on("GET", "/private.css").reply(200, {{"cache-control", "private"}, {"content-type", "text/css"}, {"etag", "\"p\""}, {"last-modified", date}}, text);
  const RawResponse passed = get(proxy, "/private.css", "gzip");
  CHECK(passed.field("content-encoding") == "gzip");
  CHECK_FALSE(passed.fields.has("last-modified"));
}

TEST_CASE("a 304 to the tag of an answer that was coded on its way names that tag, and varies (RFC 9110 §15.4.5)") {
  Origin origin;
  const Proxy proxy(patient(origin));
  origin.on("GET", "/p").reply(200, {{"cache-control", "private"}, {"content-type", "text/css"}, {"etag", "\"pe\""}}, css_text(20'000));
  const std::string tag = get(proxy, "/p", "gzip").field("etag");
  CHECK(tag == "W/\"pe~gzip\"");
  origin.on("GET", "/p").reply(304, {{"etag", "\"pe\""}});
  const RawResponse same = get(proxy, "/p", "gzip", {{"if-none-match", tag}});
  CHECK(origin.last_request("/p").field("if-none-match") == "W/\"pe\"");
  CHECK(same.status == 304);
  CHECK(same.field("etag") == tag);
  CHECK(same.fields.combined("vary") == "Accept-Encoding");
}

TEST_CASE("who takes no coding waits with the others for what comes coded, and gets it unpacked: one fetch") {
  Origin origin;
  const Proxy proxy(patient(origin));
  const std::string text = css_text(64 << 10), coded = gzipped(text);
  Barrier asked{"the origin was asked"}, rest{"the rest may come"};
  origin.on("GET", "/a.css").reach(asked).head(200, FieldLines(kCss).add("content-encoding", "gzip").add("content-length", std::to_string(coded.size())))
      .raw(coded.substr(0, 100)).await(rest).raw(coded.substr(100));
  Clients plain = proxy.start_gets(4, "/a.css");
  asked.await();
  proxy.await_metric("coalesced_followers", 3);
  rest.open();
  for (const RawResponse& response : plain.join()) {
    CHECK_FALSE(response.fields.has("content-encoding"));
    CHECK(response.body == text);
  }
  CHECK(origin.requests("/a.css") == 1);
}

TEST_CASE("a hit does not wait for a neighbour that does not come") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "precompressed = true").add("route.cache", "compression.wait = \"100ms\""));
  const std::string text = css_text(20'000);
  Barrier never{"the neighbour may come"};
  origin.on("GET", "/a.css").reply(200, kCss, text);
  origin.on("GET", "/a.css.gz").await(never).reply(404);
  proxy.get("/a.css");
  CHECK(unpacked(get(proxy, "/a.css", "gzip")) == text);       // while the origin says nothing
  never.open();
}

TEST_SUITE_END();

TEST_CASE("a precompressed neighbour is used where it unpacks to the same bytes, and not asked for twice where there is none") {
  Origin origin;
  const Proxy proxy(patient(origin).add("route.cache", "precompressed = true"));
  const std::string text = css_text(20'000);
  for (const std::string path : {"/a.css", "/stale.css", "/none.css"}) origin.on("GET", path).reply(200, kCss, text);
  origin.on("GET", "/a.css.gz").reply(200, {{"content-type", "application/gzip"}}, gzipped(text));
  origin.on("GET", "/stale.css.gz").reply(200, {{"content-type", "application/gzip"}}, gzipped(css_text(20'000, 2)));
  origin.on("GET", "/none.css.gz").reply(404);
  for (const std::string path : {"/a.css", "/stale.css", "/none.css"}) {
    CAPTURE(path);
    for (int i = 0; i < 3; ++i) {
      const RawResponse answer = get(proxy, path, "gzip");
      CHECK(answer.field("content-encoding") == "gzip");
      CHECK(answer.field("content-type") == "text/css");
      CHECK(unpacked(answer) == text);
      const bool neighbour = path == "/a.css";       // made well, once, at the origin
      CHECK(answer.field("etag") == (neighbour ? "W/\"v1~gzip+\"" : "W/\"v1~gzip\""));
      CHECK((answer.body == gzipped(text)) == neighbour);
    }
    CHECK(origin.requests(path + ".gz") == 1);
    CHECK(origin.last_request(path + ".gz").field("accept-encoding") == "");
  }
  CHECK(proxy.metric("coded_forms", {{"effort", "fast"}}) == 2);
}
