// Answers of an origin that are broken or made to be misread (RFC 9112 §6, §8): the client gets 502, or a body that
// visibly was cut; nothing is stored; the origin's connection is not used again; the client's stays in step.
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;
using namespace std::string_literals;

namespace {

const std::string kStored = "Cache-Control: max-age=600\r\n";

std::string ok(const std::string& field_lines, const std::string& body = "hello") {
  return "HTTP/1.1 200 OK\r\n" + kStored + field_lines + "\r\n\r\n" + body;
}
std::string start(const std::string& status_line) { return status_line + "\r\n" + kStored + "Content-Length: 5\r\n\r\nhello"; }

struct Row { std::string bytes; const char* rule; };

// One worker and one server: a connection that should not have been kept would be used for the next request.
ProxyConfig config(const Origin& origin) { return config_for(origin).add("", "workers = 1").add("origin.app", "retries = 0").add("origin.app", "eject_after = 0"); }

}  // namespace

TEST_SUITE_BEGIN("hostile_responses");

TEST_CASE("heads that are none are 502, and nothing of them is stored (RFC 9112 §4, §5, §6)") {
  Origin origin;
  const Proxy proxy(config(origin));
  origin.on("GET", "/well").reply(200, {{"cache-control", "no-store"}}, "well");
  int number = 0;
  for (const Row& row : {
           Row{start("HTTP/1.1 99 X"), "three digits"}, Row{start("HTTP/1.1 1000 X"), "three digits"}, Row{start("HTTP/1.1 abc X"), "digits"},
           Row{start("HTTP/1.1 600 X"), "RFC 9110 §15"}, Row{start("HTTP/1.1 099 X"), "RFC 9110 §15"}, Row{start("HTTP/1.1 -200 X"), "digits"},
           Row{start("HTTP/1.1  200 OK"), "one space"}, Row{start("HTTP/1.1\t200 OK"), "a space"}, Row{start("HTTP/1.1200 OK"), "a space"},
           Row{start("HTTP/2.0 200 OK"), "§2.3"}, Row{start("HTTP/1.10 200 OK"), "§2.3"}, Row{start("http/1.1 200 OK"), "§2.3"}, Row{start("HTTX/1.1 200 OK"), "§2.3"},
           Row{start("200 OK"), "§4"}, Row{start(" HTTP/1.1 200 OK"), "§4"}, Row{start("HTTP/1.1 200 O\0K"s), "§4: NUL in the reason"},
           Row{start("HTTP/1.1 200 O\rK"), "§2.2: bare CR"}, Row{"<html>an HTTP/0.9 answer</html>", "HTTP/0.9"}, Row{"", "closed at once"},
           Row{"HTTP/1.1 200 OK\r\nContent-Le", "closed within the head"}, Row{"HTTP/1.1 100 Continue\r\n\r\n", "nothing after an interim answer"},
           Row{"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "§2.2: bare LF"}, Row{ok("Content-Length: 5\r\nX: a\r\n folded"), "obs-fold"},
           Row{ok("Content-Length: 5\r\nX : a"), "§5.1"}, Row{ok("Content-Length: 5\r\nno colon"), "§5"}, Row{ok("Content-Length: 5\r\n: a"), "§5.1"},
           Row{ok("Content-Length: 5\r\nX\xc3\xa9: a"), "§5.1"}, Row{ok("Content-Length: 5\r\nX: a\0b"s), "RFC 9110 §5.5"}, Row{ok("Content-Length: 5\r\nX: a\rb"), "§2.2"},
           Row{ok("Content-Length: 5\r\nX: a\nSet-Cookie: b"), "§2.2"}, Row{ok("Content-Length: 5\r\nX: a\x01"), "RFC 9110 §5.5"},
           Row{ok("Content-Length: 5\r\nContent-Length: 6"), "§6.3"}, Row{ok("Content-Length: 5, 6"), "§6.3"}, Row{ok("Content-Length: -5"), "RFC 9110 §8.6"},
           Row{ok("Content-Length: +5"), "RFC 9110 §8.6"}, Row{ok("Content-Length: 5a"), "RFC 9110 §8.6"}, Row{ok("Content-Length: 18446744073709551617"), "2^64 + 1"},
           Row{ok("Content-Length:"), "RFC 9110 §8.6"}, Row{ok("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), "§6.3: both"},
           Row{ok("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"), "§7.1"}, Row{ok("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), "§6.1: unknown"},
           Row{ok("Transfer-Encoding: xchunked", "0\r\n\r\n"), "§6.1"}, Row{ok("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"), "§6.3: chunked not last"},
           Row{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "§6.1: not in HTTP/1.0"},
           Row{ok("Content-Length: 5\r\nX: " + std::string(100'000, 'y')), "a head above max_response_head"}}) {
    CAPTURE(row.bytes.substr(0, 120));
    CAPTURE(row.rule);
    const std::string path = "/row" + std::to_string(number++);
    origin.on("GET", path).raw(row.bytes).close();
    Client client = proxy.client();
    const RawResponse response = client.get(path);
    CHECK(response.status == 502);
    CHECK(response.complete);
    CHECK(proxy_status(response).has("error"));
    CHECK_FALSE(response.fields.has("cache-status"));
    CHECK_FALSE(response.fields.has("set-cookie"));
    CHECK(client.get("/well").body == "well");
    CHECK(proxy.get(path).status == 502);
    CHECK(origin.requests(path) == 2);
  }
}

TEST_CASE("bodies that break off or break their framing never end cleanly and are not stored (RFC 9112 §8)") {
  Origin origin;
  const Proxy proxy(config(origin));
  const std::string chunked = "Transfer-Encoding: chunked";
  int number = 0;
  for (const Row& row : {
           Row{ok("Content-Length: 6"), "shorter than its length"}, Row{ok("Content-Length: 1000000000000000"), "much shorter"}, Row{ok(chunked, "5\r\nhello\r\n"), "no last chunk"},
           Row{ok(chunked, "5\r\nhello\r\n0\r\n"), "no end of the trailers"}, Row{ok(chunked, "9\r\nhello"), "within a chunk"}, Row{ok(chunked, "5\r\nhello\r\nxyz\r\n"), "no size"},
           Row{ok(chunked, "5\r\nhelloXX0\r\n\r\n"), "no CRLF after the content"}, Row{ok(chunked, "5\nhello\n0\n\n"), "bare LF"}, Row{ok(chunked, "-5\r\nhello\r\n0\r\n\r\n"), "a sign"},
           Row{ok(chunked, "0x5\r\nhello\r\n0\r\n\r\n"), "0x"}, Row{ok(chunked, "5\r\nhello\r\nffffffffffffffffff\r\n"), "more than 64 bits"},
           Row{ok(chunked, "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n"), "a trailer without colon"}, Row{ok(chunked, "5;" + std::string(100'000, 'x') + "\r\nhello\r\n0\r\n\r\n"), "an endless extension"},
           Row{ok(chunked, "5\r\nhello\r\n0\r\nX: " + std::string(200'000, 'y') + "\r\n\r\n"), "endless trailers"}}) {
    for (const bool stored : {true, false}) {
      CAPTURE(row.rule);
      CAPTURE(stored);
      const std::string path = "/row" + std::to_string(number++);
      std::string bytes = row.bytes;
      if (!stored) bytes.replace(bytes.find("max-age=600"), 11, "no-store");
      origin.on("GET", path).raw(bytes).close();
      origin.on("GET", path).reply(200, {{"cache-control", "max-age=600"}}, "whole");
      Client client = proxy.client();
      const RawResponse response = client.get(path);
      CHECK((response.status == 502 || !response.complete));
      if (response.status == 200) client.await_close();
      CHECK(proxy.get(path).body == "whole");
    }
  }
}

TEST_CASE("what an origin sends beyond its answer is never taken for the next one (RFC 9112 §9.2)") {
  const std::string poison = "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: 8\r\n\r\npoisoned";
  struct Case { const char* method; std::string bytes; int status; const char *body, *rule; };
  for (const Case& one : {Case{"GET", "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\nok", 200, "ok", "behind a length"},
                          Case{"GET", "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok", "behind the last chunk"},
                          Case{"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 8\r\n\r\n", 204, "", "behind a 204"},
                          Case{"HEAD", "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 8\r\n\r\n", 200, "", "behind a HEAD"}}) {
    CAPTURE(one.rule);
    Origin origin;
    const Proxy proxy(config(origin).add("route.cache", "convert_head = false"));
    origin.on(one.method, "/a").raw(one.bytes + poison);
    origin.on("GET", "/b").reply(200, {{"cache-control", "no-store"}}, "b");
    Client client = proxy.client();
    const RawResponse first = client.request(one.method, "/a");
    CHECK(first.status == one.status);
    CHECK(first.body == one.body);
    for (int i = 0; i < 3; ++i) CHECK(client.get("/b").body == "b");
  }
}

TEST_CASE("a late answer on an idle connection is not the answer to the next request") {
  Origin origin;
  const Proxy proxy(config(origin));
  Barrier late{"the unasked answer may come"}, sent{"it was sent"};
  origin.on("GET", "/a").reply(200, {{"cache-control", "no-store"}}, "a").await(late)
      .raw("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned").reach(sent);
  origin.on("GET", "/b").reply(200, {{"cache-control", "no-store"}}, "b");
  Client client = proxy.client();
  CHECK(client.get("/a").body == "a");
  late.open();
  sent.await();
  CHECK(client.get("/b").body == "b");
}

TEST_CASE("interim answers without end do not hold a request for ever") {
  Origin origin;
  const Proxy proxy(config(origin).add("origin.app", "first_byte_timeout = \"2s\""));
  origin.on("GET", "/a").run([](Exchange& exchange) {
    exchange.keep_connection = false;
    std::string interim;
    for (int i = 0; i < 1000; ++i) interim += "HTTP/1.1 102 Processing\r\n\r\n";
    while (exchange.wire.socket().send_all(interim)) {
    }
  });
  Client client = proxy.client();
  client.send_request("GET", "/a");
  RawResponse response;
  int interim = 0;
  do {
    response = client.read_head();
  } while (response.status == 102 && ++interim < 2'000'000);
  CHECK((response.status == 502 || response.status == 0 || response.status == 504));
}

TEST_CASE("a partial answer that nobody asked for is not stored as the whole (RFC 9111 §3.3)") {
  Origin origin;
  const Proxy proxy(config(origin));
  origin.on("GET", "/a").reply(206, {{"cache-control", "max-age=600"}, {"content-range", "bytes 0-1/10"}}, "01");
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=600"}}, "0123456789");
  proxy.get("/a");
  const RawResponse next = proxy.get("/a");
  CHECK(next.status == 200);
  CHECK(next.body == "0123456789");
}

TEST_CASE("a 304 that answers no condition is not an empty 200 (RFC 9110 §15.4.5)") {
  Origin origin;
  const Proxy proxy(config(origin));
  origin.on("GET", "/a").reply(304, {{"cache-control", "max-age=600"}});
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=600"}}, "whole");
  CHECK(proxy.get("/a").status != 200);
  CHECK(proxy.get("/a").body == "whole");
}

TEST_SUITE_END();
