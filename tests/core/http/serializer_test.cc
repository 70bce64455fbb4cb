#include <doctest/doctest.h>

#include <limits>

#include "core/http/parser.h"
#include "core/http/serializer.h"

namespace davenport::http {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

template <class Append>
std::string written(Append append) {
  std::string out = "|";
  append(out);
  return out;
}

TEST_CASE("lines are appended in their one spelling (RFC 9112 §3, §4, §5)") {
  CHECK(written([](auto& out) { append_request_line(out, "GET", "/a?b"); }) == "|GET /a?b HTTP/1.1\r\n");
  CHECK(written([](auto& out) { append_status_line(out, 404); }) == "|HTTP/1.1 404 Not Found\r\n");
  CHECK(written([](auto& out) { append_status_line(out, 200, "Fine"); }) == "|HTTP/1.1 200 Fine\r\n");
  CHECK(written([](auto& out) { append_status_line(out, 299); }) == "|HTTP/1.1 299 \r\n");
  CHECK(written([](auto& out) { append_field(out, "Age", "7"); }) == "|Age: 7\r\n");
  CHECK(written([](auto& out) { append_field(out, "X", ""); }) == "|X: \r\n");
  CHECK(written([](auto& out) { append_field(out, "Age", kMost); }) == "|Age: 18446744073709551615\r\n");
}

// The lines of `head` as they are written again, without those of `without`.
std::string rewritten(const std::string& head, std::uint64_t without = 0) {
  ResponseHead parsed;
  const std::string bytes = "HTTP/1.1 200 OK\r\n" + head + "\r\n";
  const HeadLimits limits;
  ResponseParser parser(limits);
  REQUIRE(parser.parse(bytes, Method::get, parsed).state == ParseState::done);
  std::string out = "|";
  append_fields(out, parsed.fields, without);
  return out;
}

TEST_CASE("all lines of a head are written in their one spelling, however they came") {
  struct Case {
    std::string head, written;
  };
  const Case cases[] = {
      {"", "|"},
      {"A: 1\r\n", "|A: 1\r\n"},
      {"A: 1\r\nB: 2\r\nEtag: \"3\"\r\n", "|A: 1\r\nB: 2\r\nEtag: \"3\"\r\n"},
      {"A:1\r\nB: 2\r\n", "|A: 1\r\nB: 2\r\n"},
      {"A:   1\r\nB: 2  \r\nC: 3\r\n", "|A: 1\r\nB: 2\r\nC: 3\r\n"},
      {"A: 1\r\nB:\r\nC: \r\nD: 4\r\n", "|A: 1\r\nB: \r\nC: \r\nD: 4\r\n"},
      {"A:\t1\r\nB: 2\r\n", "|A: 1\r\nB: 2\r\n"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.head);
    CHECK(rewritten(each.head) == each.written);
  }
}

TEST_CASE("lines that are left out leave no trace between their neighbours") {
  const std::string head = "A: 1\r\nDate: x\r\nB: 2\r\nC: 3\r\nETag: \"4\"\r\n";
  CHECK(rewritten(head, field_bit(FieldId::date)) == "|A: 1\r\nB: 2\r\nC: 3\r\nETag: \"4\"\r\n");
  CHECK(rewritten(head, field_bit(FieldId::etag) | field_bit(FieldId::date)) == "|A: 1\r\nB: 2\r\nC: 3\r\n");
  Fields mixed;
  const std::string bytes = "X: 1\r\nY: 2\r\n";
  const std::string_view read = bytes;
  mixed.add(read.substr(0, 1), read.substr(3, 1));
  mixed.add("Between", "b");
  mixed.add(read.substr(6, 1), read.substr(9, 1));
  mixed.add_value(FieldId::via, "Via", {"1.1 a", ", ", "1.1 b"});
  std::string out;
  append_fields(out, mixed);
  CHECK(out == "X: 1\r\nBetween: b\r\nY: 2\r\nVia: 1.1 a, 1.1 b\r\n");
  CHECK(mixed.has(FieldId::via));
}

TEST_CASE("chunk sizes are lower-case hexadecimal (RFC 9112 §7.1)") {
  CHECK(written([](auto& out) { append_chunk_size(out, 0); }) == "|0\r\n");
  CHECK(written([](auto& out) { append_chunk_size(out, 26); }) == "|1a\r\n");
  CHECK(written([](auto& out) { append_chunk_size(out, kMost); }) == "|ffffffffffffffff\r\n");
}

std::string passed_on(std::vector<std::pair<std::string_view, std::string_view>> lines) {
  Fields fields;
  for (const auto& [name, value] : lines) fields.add(name, value);
  fields.remove_if(HopByHop(fields));
  std::string out;
  for (const Field& field : fields) out.append(field.name).append(" ");
  return out;
}

TEST_CASE("what is for one hop stays behind (RFC 9110 §7.6.1, RFC 9111 §3.1)") {
  for (const std::string_view name : {"Connection", "Proxy-Connection", "Keep-Alive", "TE", "Transfer-Encoding",
                                      "Upgrade", "Proxy-Authenticate",
                                      "Proxy-Authentication-Info", "Proxy-Authorization", "connection", "te"}) {
    CAPTURE(name);
    CHECK(passed_on({{"A", "1"}, {name, "x"}, {"Age", "1"}}) == "A Age ");
  }
  CHECK(passed_on({{"A", "1"}, {"Trailer", "x"}, {"Date", "1"}, {"Set-Cookie", "a"},
                   {"Via", "1.1 a"}}) == "A Trailer Date Set-Cookie Via ");
}

TEST_CASE("what Connection names stays behind, from all its lines and in any case") {
  CHECK(passed_on({{"X-Hop", "1"}, {"Connection", "close, x-hop"}, {"X-Hops", "2"},
                   {"Trailer", "a"}}) == "X-Hops Trailer ");
  CHECK(passed_on({{"Connection", "X-One"}, {"x-one", "1"}, {"X-Two", "2"}, {"X-Three", "3"},
                   {"Connection", "trailer,,X-TWO"}, {"Trailer", "a"}}) ==
        "X-Three ");
  CHECK(passed_on({{"Connection", ""}, {"X", "1"}}) == "X ");
  CHECK(passed_on({{"Connection", "close"}, {"Close", "1"}}) == "Close ");
}

TEST_CASE("what belongs to a head does not go behind a body (RFC 9110 §6.5.1)") {
  for (const char* yes : {"X-Sum", "ETag", "Server-Timing", "Digest", "grpc-status", "Date", "x_own"}) {
    CAPTURE(yes);
    CHECK(may_trail({yes, "1", field_id(yes)}));
  }
  for (const char* no : {"Content-Length", "Host", "Transfer-Encoding", "Authorization", "Cookie", "Set-Cookie", "Content-Type", "Content-Encoding", "Range",
                         "If-None-Match", "Cache-Control", "Vary", "X-Forwarded-For", "Forwarded", "Via", "Connection", "TE", "Trailer", "Expect",
                         "Content_Length", "X_FORWARDED_FOR"}) {
    CAPTURE(no);
    CHECK_FALSE(may_trail({no, "1", field_id(no)}));
  }
}

TEST_CASE("a copy of HopByHop answers alike after the first is gone") {
  Fields fields;
  fields.add("Connection", "a");
  fields.add("Connection", "b");
  std::optional<HopByHop> first(fields);
  const HopByHop copy = *first;
  first.reset();
  CHECK(copy(Field{"B", "", FieldId::other}));
  CHECK(copy(Field{"a", "", FieldId::other}));
  CHECK(!copy(Field{"c", "", FieldId::other}));
}

}  // namespace
}  // namespace davenport::http
