#include "support/message.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include "support/cache_status.h"
#include "support/client.h"

using namespace davenport::testing;

namespace {

// What a reader makes of bytes after which the peer closes.
struct Pair {
  explicit Pair(std::string_view bytes) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    wire = Wire(Socket(ends[0]));
    Socket peer(ends[1]);
    REQUIRE(peer.send_all(bytes));
  }
  Wire wire;
};

RawResponse read_all(std::string_view bytes, std::string_view method = "GET") {
  Pair pair(bytes);
  RawResponse response = read_response_head(pair.wire);
  if (response.status != 0) read_response_body(pair.wire, method, response);
  return response;
}

}  // namespace

TEST_CASE("field lines keep order and repeats and are found in any case") {
  FieldLines fields{{"A", "1"}, {"b", "2"}, {"a", "3"}};
  CHECK(fields.get("a") == "1");
  CHECK(fields.combined("A") == "1, 3");
  CHECK(fields.count("a") == 2);
  CHECK(fields.get("c").empty());
  CHECK_FALSE(fields.has("c"));
  CHECK(fields.bytes() == "A: 1\r\nb: 2\r\na: 3\r\n");
}

TEST_CASE("a body is read as its framing says (RFC 9112 §6.3), and one that falls short is not complete") {
  struct Row { const char *bytes, *method; int status; const char* body; bool complete; };
  for (const Row& row : {
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nmilk!", "GET", 200, "milk!", true},
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nmilk!", "GET", 200, "milk!", false},
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD", 200, "", true},
           Row{"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "GET", 304, "", true},
           Row{"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204, "", true},
           Row{"HTTP/1.1 200 OK\r\n\r\nto the end", "GET", 200, "to the end", true},
           Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nmil\r\n2;x=y\r\nk!\r\n0\r\n\r\n", "GET", 200, "milk!", true},
           Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nmil\r\n", "GET", 200, "mil", false},
           Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nmil", "GET", 200, "mil", false},
           Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "GET", 200, "", false},
           Row{"HTTP/1.1 20", "GET", 0, "", false}}) {
    CAPTURE(row.bytes);
    const RawResponse response = read_all(row.bytes, row.method);
    CHECK(response.status == row.status);
    CHECK(response.body == row.body);
    CHECK(response.complete == row.complete);
  }
}

TEST_CASE("a response shows its version, reason, trailers and head as they came") {
  const RawResponse response =
      read_all("HTTP/1.0 404 Not Here\r\nX: a\r\nx:b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n.\r\n0\r\nSum: 7\r\n\r\n");
  CHECK(response.version == "HTTP/1.0");
  CHECK(response.reason == "Not Here");
  CHECK(response.fields.combined("x") == "a, b");
  CHECK(response.trailers.get("sum") == "7");
  CHECK(response.head.ends_with("chunked\r\n\r\n"));
}

TEST_CASE("a request is recorded with every byte, whatever follows it") {
  const std::string first = "POST /a?b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nT: 1\r\n\r\n";
  Pair pair(first + "GET / HTTP/1.1\r\n\r\n");
  SeenRequest request, next;
  REQUIRE(read_request_head(pair.wire, request));
  read_request_body(pair.wire, request);
  CHECK(request.method == "POST");
  CHECK(request.target == "/a?b");
  CHECK(request.version == "HTTP/1.1");
  CHECK(request.body == "hi");
  CHECK(request.trailers.get("t") == "1");
  CHECK(request.raw == first);
  CHECK(request.complete);
  REQUIRE(read_request_head(pair.wire, next));
  CHECK(next.raw == "GET / HTTP/1.1\r\n\r\n");
  SeenRequest none;
  CHECK_FALSE(read_request_head(pair.wire, none));
}

TEST_CASE("a request is written with Host and Content-Length unless the fields say otherwise") {
  CHECK(request_bytes("GET", "/x") == "GET /x HTTP/1.1\r\nhost: shop.test\r\n\r\n");
  CHECK(request_bytes("POST", "/x", {{"Host", "a"}}, "body") == "POST /x HTTP/1.1\r\nHost: a\r\ncontent-length: 4\r\n\r\nbody");
  CHECK(request_bytes("PUT", "/x", {{"host", "a"}, {"transfer-encoding", "chunked"}}, "0\r\n\r\n") ==
        "PUT /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST_CASE("a status list is read to its last member, with quoted strings and bare parameters") {
  const CacheStatus status = parse_status("edge; hit, davenport; fwd=uri-miss; stored; ttl=-5; detail=\"a, b; c\"");
  CHECK(status.name == "davenport");
  CHECK(status.get("fwd") == "uri-miss");
  CHECK(status.get("stored") == "?1");
  CHECK(status.number("ttl") == -5);
  CHECK(status.get("detail") == "a, b; c");
  CHECK_FALSE(status.has("hit"));
}

TEST_CASE("a date is written as IMF-fixdate") {
  const std::string date = http_date(std::chrono::hours(1));
  CHECK(date.size() == 29);
  CHECK(date.ends_with(" GMT"));
}
