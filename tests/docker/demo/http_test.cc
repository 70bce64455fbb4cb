#include "docker/demo/http.h"

#include <doctest/doctest.h>

using namespace demo;
using State = ParsedRequest::State;

namespace {

// Whole, and with every shorter beginning: a beginning is never a different answer, only "more is needed" or the same
// refusal earlier.
ParsedRequest parse_everywhere(const std::string& bytes) {
  const ParsedRequest whole = parse_request(bytes);
  const std::size_t needed = whole.state == State::done ? whole.consumed : bytes.size();
  for (std::size_t length = 0; length < needed; ++length) {
    const ParsedRequest part = parse_request(std::string_view(bytes).substr(0, length));
    CAPTURE(length);
    CHECK(part.state != State::done);
    if (part.state == State::failed) CHECK(part.error == whole.error);
  }
  return whole;
}

}  // namespace

TEST_CASE("a request is read with its path, query and fields, and what follows is left") {
  const std::string first = "GET /search?q=tea HTTP/1.1\r\nHost: shop\r\ncookie:  a=1 \r\n\r\n";
  const ParsedRequest parsed = parse_everywhere(first + "GET / HTTP/1.1\r\n");
  REQUIRE(parsed.state == State::done);
  CHECK(parsed.consumed == first.size());
  CHECK(parsed.request.method == "GET");
  CHECK(parsed.request.path == "/search");
  CHECK(parsed.request.query == "q=tea");
  CHECK(parsed.request.field("Cookie") == "a=1");
  CHECK(parsed.request.field("missing") == "");
  CHECK(parsed.request.keep_alive);
}

TEST_CASE("a body comes by length or in chunks, and is the same") {
  for (const char* bytes :
       {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nproduct=17&",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nprod\r\n7;x=y\r\nuct=17&\r\n0\r\nT: 1\r\n\r\n"}) {
    const ParsedRequest parsed = parse_everywhere(bytes);
    REQUIRE(parsed.state == State::done);
    CHECK(parsed.request.body == "product=17&");
    CHECK(parsed.consumed == std::string_view(bytes).size());
  }
}

TEST_CASE("connections persist by version and Connection (RFC 9112 §9.3)") {
  struct Row { const char* bytes; bool keep_alive; };
  for (const Row& row : {Row{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
                         Row{"GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n", false},
                         Row{"GET / HTTP/1.0\r\n\r\n", false},
                         Row{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true}}) {
    CAPTURE(row.bytes);
    const ParsedRequest parsed = parse_everywhere(row.bytes);
    REQUIRE(parsed.state == State::done);
    CHECK(parsed.request.keep_alive == row.keep_alive);
  }
}

TEST_CASE("what is not HTTP/1.1, or not bounded, is refused with its own status") {
  const std::string host = " HTTP/1.1\r\nHost: x\r\n";
  const std::string long_text(kMaxHeadBytes, 'a');
  std::string many = "GET /" + host;
  for (std::size_t i = 0; i <= kMaxFields; ++i) many += "a: b\r\n";
  struct Row { std::string bytes; int status; const char* why; };
  for (const Row& row : {
           Row{"GET /\r\n\r\n", 400, "RFC 9112 §3: no version"},
           Row{"G{T / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "RFC 9110 §9.1: a method is a token"},
           Row{"GET / HTTP/1.1\r\n\r\n", 400, "RFC 9112 §3.2: Host is required"},
           Row{"GET x" + host + "\r\n", 400, "RFC 9112 §3.2: no known form of a target"},
           Row{"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505, "RFC 9110 §15.6.6"},
           Row{"GET / FTP/1.1\r\nHost: x\r\n\r\n", 400, "RFC 9112 §2.3"},
           Row{"GET /" + host + "bad field: x\r\n\r\n", 400, "RFC 9112 §5.1: a space in a name"},
           Row{"GET /" + host + "a : x\r\n\r\n", 400, "RFC 9112 §5.1: a space before the colon"},
           Row{"GET /" + host + "a: b\r\n c\r\n\r\n", 400, "RFC 9112 §5.2: obs-fold"},
           Row{"POST /" + host + "Content-Length: -1\r\n\r\n", 400, "RFC 9110 §8.6"},
           Row{"POST /" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400, "RFC 9112 §6.3"},
           Row{"POST /" + host + "Content-Length: 65537\r\n\r\n", 413, "body bound"},
           Row{"POST /" + host + "Content-Length: 99999999999999\r\n\r\n", 413, "body bound"},
           Row{"POST /" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "RFC 9112 §6.1"},
           Row{"POST /" + host + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400, "RFC 9112 §6.1"},
           Row{"POST /" + host + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, "RFC 9112 §7.1"},
           Row{"POST /" + host + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc", 400, "RFC 9112 §7.1"},
           Row{"POST /" + host + "Transfer-Encoding: chunked\r\n\r\n10001\r\n", 413, "body bound"},
           Row{"POST /" + host + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400, "RFC 9112 §7.1"},
           Row{"GET /" + long_text, 414, "head bound, within the request line"},
           Row{"GET /" + host + "a: " + long_text, 431, "head bound"},
           Row{many + "\r\n", 431, "field bound"}}) {
    CAPTURE(row.why);
    const ParsedRequest parsed = parse_everywhere(row.bytes);
    CHECK(parsed.state == State::failed);
    CHECK(parsed.error == row.status);
  }
}

TEST_CASE("an absolute target is taken, and empty lines before a request are skipped (RFC 9112 §2.2, §3.2.2)") {
  const ParsedRequest parsed = parse_everywhere("\r\n\r\nGET http://shop.test/a?b HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(parsed.state == State::done);
  CHECK(parsed.request.path == "/a");
  CHECK(parsed.request.query == "b");
}

TEST_CASE("a client that waits for 100 is noticed before its body is there (RFC 9110 §10.1.1)") {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  CHECK(parse_request(head).wants_continue);
  CHECK_FALSE(parse_request(head + "a").wants_continue);
  CHECK(parse_request(head + "abc").request.body == "abc");
}

TEST_CASE("a head says how long the body is, but for 304 (RFC 9110 §8.6)") {
  Response response;
  response.with("ETag", "\"a\"");
  response.body = std::make_shared<std::string>("hello");
  CHECK(format_head(response, true, 784111777) ==
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n");
  response.status = 304;
  CHECK(format_head(response, false, 784111777) ==
        "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"a\"\r\nConnection: close\r\n\r\n");
}
