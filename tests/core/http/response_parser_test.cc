#include <doctest/doctest.h>

#include "core/http/parser.h"
#include "support/heads.h"
#include "support/splits.h"

namespace davenport::http {
namespace {

using test::Arrival;

const HeadLimits kLimits{.head_bytes = 512, .field_count = 8};

std::string parse(std::string_view bytes, Method method = Method::get) {
  return test::check_splits(bytes, [&](Arrival arrival) { return test::run_response(std::move(arrival), kLimits,
      method); });
}
std::string error(std::string_view fault) { return "error " + std::string(fault); }

TEST_CASE("a response head is read whole, byte by byte and at every split") {
  CHECK(parse("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: \"a\"\r\n\r\nmilk") ==
        "done 49: 200 OK\nlength 4\nContent-Length=4\nETag=\"a\"\n1.1 keep_alive");
}

TEST_CASE("a status line is a version, three digits and a reason that may be missing (RFC 9112 §4)") {
  struct Row { std::string_view line, said; };
  for (const Row& row : {
           Row{"HTTP/1.1 200 OK", "200 OK\n"}, Row{"HTTP/1.1 404 Not  Found ", "404 Not  Found \n"},
           Row{"HTTP/1.1 200 ", "200 \n"}, Row{"HTTP/1.1 200", "200 \n"},
           Row{"HTTP/1.0 599 \xc3\xa9", "599 \xc3\xa9\n"},
           Row{"HTTP/1.3 299 x", "299 x\n"}, Row{"HTTP/1.1 20 OK", "bad_status_line"},
           Row{"HTTP/1.1 2000 OK", "bad_status_line"},
           Row{"HTTP/1.1 2x0 OK", "bad_status_line"}, Row{"HTTP/1.1 099 OK", "bad_status_line"},
           Row{"HTTP/1.1 600 OK", "bad_status_line"}, Row{"HTTP/1.1 +20 OK", "bad_status_line"},
           Row{"HTTP/1.1  200 OK", "bad_status_line"}, Row{"HTTP/1.1 ", "bad_status_line"},
           Row{"HTTP/1.1", "bad_status_line"},
           Row{"HTTP/1.1 200OK", "bad_status_line"}, Row{"HTTP/1.1 200\tOK", "bad_status_line"},
           Row{"HTTP/1.1 200 a\x01", "control_byte"}, Row{"HTTP/2.0 200 OK", "unsupported_version"},
           Row{"HTTP/0.9 200 OK", "unsupported_version"}, Row{"HTTP/2 200 OK", "bad_version"},
           Row{"ICY 200 OK", "bad_version"},
           Row{"http/1.1 200 OK", "bad_version"}, Row{" HTTP/1.1 200 OK", "bad_version"}, Row{"", "bad_version"}}) {
    CAPTURE(row.line);
    const std::string said = parse(std::string(row.line).append("\r\nContent-Length: 0\r\n\r\n"));
    if (said.starts_with("error")) CHECK(said == error(row.said));
    else CHECK(said.substr(said.find(": ") + 2, row.said.size()) == row.said);
  }
}

TEST_CASE("an origin's lines are held to the same rules as a client's (RFC 9112 §2.2, §5)") {
  struct Row { std::string_view bytes, fault; };
  using namespace std::string_view_literals;
  for (const Row& row : {
           Row{"HTTP/1.1 200 OK\n\r\n", "bare_lf"}, Row{"HTTP/1.1 200\n", "bare_lf"},
           Row{"HTTP/1.1 200 OK\r\nA: b\n\r\n", "bare_lf"}, Row{"HTTP/1.1 200 OK\r\n\n", "bare_lf"},
           Row{"HTTP/1.1 200 OK\rA: b\r\n\r\n", "bare_cr"}, Row{"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "bare_cr"},
           Row{"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "obs_fold"},
           Row{"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "obs_fold"},
           Row{"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "space_before_colon"},
           Row{"HTTP/1.1 200 OK\r\n: b\r\n\r\n", "bad_field_name"},
           Row{"HTTP/1.1 200 OK\r\nA\r\n\r\n", "bad_field_name"},
           Row{"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n"sv, "control_byte"},
           Row{"\r\nHTTP/1.1 200 OK\r\n\r\n", "bad_version"}}) {
    CAPTURE(row.bytes);
    CHECK(parse(row.bytes) == error(row.fault));
  }
}

TEST_CASE("where a body ends is decided by status, method and fields, in that order (RFC 9112 §6.3)") {
  struct Row { std::string_view head; Method method; std::string_view said; };
  for (const Row& row : {
           Row{"HTTP/1.1 200 OK\r\n", Method::get, "until_close\n1.1"},
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n", Method::get, "length 7\nContent-Length=7\n1.1 keep_alive"},
           Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", Method::post,
           "chunked\nTransfer-Encoding=chunked\n1.1 keep_alive"},
           Row{"HTTP/1.1 200 OK\r\n", Method::head, "none\n1.1 keep_alive"},
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n", Method::head, "none\nContent-Length=7\n1.1 keep_alive"},
           Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", Method::head,
           "none\nTransfer-Encoding=chunked\n1.1 keep_alive"},
           Row{"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n", Method::get,
           "none\nContent-Length=7\n1.1 keep_alive"},
           Row{"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n", Method::get, "none\n1.1"},      // what it says may follow all the same
           Row{"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n", Method::get, "none\n1.1 keep_alive"},
           Row{"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n", Method::get, "none\n1.1"},
           Row{"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 7\r\n", Method::get,
           "none\nLink=</a>\n1.1 keep_alive"},
           Row{"HTTP/1.1 100 Continue\r\n", Method::post, "none\n1.1 keep_alive"},
           Row{"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n", Method::get,
           "length 0\nContent-Length=0\n1.1 keep_alive"},
           Row{"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n", Method::get, "length 7\nContent-Length=7\n1.0"},
           Row{"HTTP/1.0 200 OK\r\nContent-Length: 7\r\nConnection: keep-alive\r\n", Method::get,
               "length 7\nContent-Length=7\nConnection=keep-alive\n1.0 keep_alive"},
           Row{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", Method::get, "until_close\nConnection=keep-alive\n1.0"},
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n", Method::get,
               "length 7\nContent-Length=7\nConnection=close\n1.1"}}) {
    CAPTURE(row.head);
    const std::string said = parse(std::string(row.head).append("\r\n"), row.method);
    CHECK(said.substr(std::min(said.size(), said.find('\n') + 1)) == row.said);
  }
}

TEST_CASE("the length of a HEAD or 304 answer is kept beside its missing body") {
  for (const std::string_view text : {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
                                      "HTTP/1.1 304 x\r\nContent-Length: 7\r\n\r\n"}) {
    ResponseParser parser(kLimits);
    ResponseHead head;
    REQUIRE(parser.parse(text, Method::head, head).state == ParseState::done);
    CHECK(head.framing == Framing::none);
    CHECK(head.content_length == 7);
  }
}

TEST_CASE("framing that two readers could read in two ways is an error (RFC 9112 §6.3)") {
  struct Row { std::string_view version, lines, fault; };
  for (const Row& row : {
           Row{"1.1", "Content-Length: 5\r\nContent-Length: 5\r\n", "repeated_content_length"},
           Row{"1.1", "Content-Length: 5, 6\r\n", "repeated_content_length"},
           Row{"1.1", "Content-Length: x\r\n", "bad_content_length"},
           Row{"1.1", "Content-Length: -1\r\n", "bad_content_length"},
           Row{"1.1", "Content-Length:\r\n", "bad_content_length"},
           Row{"1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "length_with_transfer_encoding"},
           Row{"1.1", "Transfer-Encoding: gzip\r\n", "bad_transfer_encoding"},
           Row{"1.1", "Transfer-Encoding: gzip, chunked\r\n", "unknown_transfer_coding"},
           Row{"1.1", "Transfer-Encoding: chunked, chunked\r\n", "bad_transfer_encoding"},
           Row{"1.0", "Transfer-Encoding: chunked\r\n", "bad_transfer_encoding"},
           Row{"1.1", "Connection: Cache-Control\r\n", "bad_connection"},
           Row{"1.1", "Connection: set-cookie\r\n", "bad_connection"},
           Row{"1.1", "Connection: a b\r\n", "bad_connection"}}) {
    CAPTURE(row.lines);
    const std::string line = "HTTP/" + std::string(row.version) + " 200 OK\r\n";
    CHECK(parse(line + std::string(row.lines) + "\r\n") == error(row.fault));
  }
  CHECK(parse("HTTP/1.1 200 OK\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n")
            .starts_with("done"));
}

TEST_CASE("limits hold for responses too") {
  CHECK(parse("HTTP/1.1 200 OK\r\nX: " + std::string(600, 'x')) == error("head_too_large"));
  CHECK(parse("HTTP/1.1 200 " + std::string(600, 'x')) == error("head_too_large"));
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 9; ++i) many.append("A:\r\n");
  CHECK(parse(many + "\r\n") == error("too_many_fields"));
}

TEST_CASE("an unfinished response head asks for more, wherever it ends") {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: y\r\n\r\n";
  for (std::size_t size = 0; size < head.size(); ++size) {
    CAPTURE(size);
    CHECK(parse(head.substr(0, size)) == "need_more");
  }
}

TEST_CASE("an interim response and the final one behind it are two heads") {
  const std::string_view both =
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  ResponseParser parser(kLimits);
  ResponseHead head;
  const ParseResult first = parser.parse(both, Method::get, head);
  REQUIRE(first.state == ParseState::done);
  CHECK(head.status == 103);
  REQUIRE(parser.parse(both.substr(first.consumed), Method::get, head).state == ParseState::done);
  CHECK(test::describe(head) == "200 OK\nlength 0\nContent-Length=0\n1.1 keep_alive");
}

}  // namespace
}  // namespace davenport::http
