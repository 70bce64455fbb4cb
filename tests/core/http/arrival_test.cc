// How heads and bodies arrive: in pieces, one behind the other, in buffers that move, slowly. What they may say is in
// request_parser_test.cc, response_parser_test.cc and chunked_decoder_test.cc.
#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <utility>

#include "core/http/parser.h"
#include "support/heads.h"

namespace davenport::http {
namespace {

const HeadLimits kLimits{.head_bytes = 2048, .field_count = 12, .target_bytes = 64};

std::string with(std::string_view lines, std::string_view line = "POST / HTTP/1.1") {
  return std::string(line).append("\r\nHost: a\r\n").append(lines).append("\r\n");
}

TEST_CASE("a fault is found with the first byte that shows it, not at the end of the head") {
  RequestParser parser(kLimits);
  RequestHead head;
  CHECK(parser.parse("GET / HTTP/1.1\r\nHost: a\r\nX: b", head).state == ParseState::need_more);
  const ParseResult result = parser.parse("GET / HTTP/1.1\r\nHost: a\r\nX: b\n", head);
  CHECK(result.state == ParseState::error);
  CHECK(result.fault == ParseFault::bare_lf);

  // A control byte needs no end of its line, nor does a CR that no LF follows.
  for (const char byte : {'\x01', '\x7f', '\0'}) {
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: b";
    REQUIRE(parser.parse(text, head).state == ParseState::need_more);
    REQUIRE(parser.parse(text.append("cd"), head).state == ParseState::need_more);
    CHECK(parser.parse(text.append(1, byte), head).fault == ParseFault::control_byte);
  }
  for (const bool with_first : {true, false}) {             // the CR ends the first call's bytes, or comes alone
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: b";
    if (with_first) text.append("\r");
    REQUIRE(parser.parse(text, head).state == ParseState::need_more);
    if (!with_first) REQUIRE(parser.parse(text.append("\r"), head).state == ParseState::need_more);
    CHECK(parser.parse(text.append("c"), head).fault == ParseFault::bare_cr);
    parser.reset();
  }
}

TEST_CASE("pipelined requests are parsed one behind the other by the same parser and head") {
  const std::string one = with("Content-Length: 0\r\nExpect: 100-continue\r\n"), two = with("", "GET /2 HTTP/1.0");
  const std::string both = one + two;
  RequestParser parser(kLimits);
  RequestHead head;
  const ParseResult first = parser.parse(both, head);
  REQUIRE(first.state == ParseState::done);
  CHECK(first.consumed == one.size());
  const ParseResult second = parser.parse(std::string_view(both).substr(first.consumed), head);
  REQUIRE(second.state == ParseState::done);
  CHECK(test::describe(head) == "GET origin /2\n[][a][/2][]\nnone\nHost=a\n1.0");
}

TEST_CASE("views follow when the buffer moves between calls, whether the caller rebases or the parser does") {
  const std::string text = with("X: y\r\nZ: w\r\n");
  for (const bool caller_rebases : {false, true}) {
    CAPTURE(caller_rebases);
    RequestParser parser(kLimits);
    RequestHead head;
    std::string old = text.substr(0, text.size() - 4);
    REQUIRE(parser.parse(old, head).state == ParseState::need_more);
    const std::string moved = text;
    if (caller_rebases) head.rebase(old.data(), old.size(), moved.data());
    REQUIRE(parser.parse(moved, head).state == ParseState::done);
    old.assign(old.size(), '!');
    CHECK(test::content_of(head) == "POST origin /\n[][a][/][]\nnone\nHost=a\nX=y\nZ=w\n");
  }
}

TEST_CASE("a head that was cleared or exchanged between calls is begun anew") {
  const std::string text = with("X: y\r\n");
  RequestParser parser(kLimits);
  RequestHead head, other;
  REQUIRE(parser.parse(std::string_view(text).substr(0, 30), head).state == ParseState::need_more);
  REQUIRE(parser.parse(text, other).state == ParseState::done);
  CHECK(test::content_of(other) == "POST origin /\n[][a][/][]\nnone\nHost=a\nX=y\n");
}

TEST_CASE("after an error or a reset the parser starts anew") {
  RequestParser parser(kLimits);
  RequestHead head;
  CHECK(parser.parse("GET / HTTP/1.1\r\nHost: a\r\nX\r\n", head).state == ParseState::error);
  CHECK(parser.parse(with("", "GET / HTTP/1.1"), head).state == ParseState::done);
  CHECK(parser.parse("GET / HTTP/1.1\r\nHost: a\r\n", head).state == ParseState::need_more);
  parser.reset();
  CHECK(parser.parse(with("", "PUT / HTTP/1.1"), head).state == ParseState::done);
  CHECK(head.method == Method::put);
}

// The processor time of a run.
template <class Run>
double cost(Run run) {
  const std::clock_t start = std::clock();
  run();
  return std::max(static_cast<double>(std::clock() - start), 1.0);
}

// Whether the second run costs less than `times` what the first costs. A host that is slow for a while can make a run dearer, never
// cheaper: the least of up to nine each, in turns, no more of them than it takes to see it.
template <class First, class Second>
bool stays_below(double times, First first, Second second) {
  double least_first = 1e9, least_second = 1e9;
  for (int i = 0; i < 9; ++i) {
    least_first = std::min(least_first, cost(first));
    least_second = std::min(least_second, cost(second));
    if (least_second < times * least_first) return true;
  }
  MESSAGE("dearer by " << least_second / least_first);
  return false;
}

// Bytes that come one by one into a parser that says need_more until the last.
void drip_head(const std::string& text) {
  const HeadLimits limits{.head_bytes = 8u << 20, .field_count = 1u << 20, .target_bytes = 8u << 20};
  RequestParser parser(limits);
  RequestHead head;
  ParseResult result;
  for (std::size_t size = 1; size <= text.size(); ++size) {
    result = parser.parse(std::string_view(text).substr(0, size), head);
  }
  CHECK(result.state == ParseState::done);
}

void drip_body(const std::string& text) {
  const HeadLimits limits{.head_bytes = 8u << 20, .field_count = 1u << 20};
  ChunkedDecoder decoder(limits);
  Fields trailers;
  ChunkedDecoder::Step step;
  std::size_t from = 0;
  for (std::size_t size = 1; size <= text.size(); ++size) {
    do {
      step = decoder.feed(std::string_view(text).substr(from, size - from), trailers);
      from += step.consumed;
    } while (step.state == ParseState::content);
  }
  CHECK(step.state == ParseState::done);
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out.append(text);
  return out;
}

TEST_CASE("what drips in byte by byte costs in proportion to its length, in lines short and long") {
  struct Row { const char* shape; void (*drip)(const std::string&); std::string (*text)(std::size_t); };
  for (const Row& row : {
           Row{"one long value", drip_head, [](std::size_t n) { return with("X: " + std::string(n, 'v') + "\r\n"); }},
           Row{"one long target", drip_head,
               [](std::size_t n) { return with("", "GET /" + std::string(n, 't') + " HTTP/1.1"); }},
           Row{"many lines", drip_head, [](std::size_t n) { return with(repeated("X: value\r\n", n / 10)); }},
           Row{"small chunks", drip_body,
               [](std::size_t n) { return repeated("1;a=b\r\nx\r\n", n / 10) + "0\r\n\r\n"; }},
           Row{"one long trailer", drip_body,
               [](std::size_t n) { return "0\r\nX: " + std::string(n, 'v') + "\r\n\r\n"; }}}) {
    CAPTURE(row.shape);
    const std::string small = row.text(4'000), large = row.text(400'000);
    // 100 when linear, about 10,000 when each call looks at all bytes again: room on both sides for a host that is busy.
    CHECK(stays_below(1000, [&] { row.drip(small); }, [&] { row.drip(large); }));
  }
}

}  // namespace
}  // namespace davenport::http
