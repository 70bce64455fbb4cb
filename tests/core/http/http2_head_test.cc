#include "core/http/http2_head.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace davenport::http;

namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

const Lines kGet{{":method", "GET"}, {":scheme", "https"}, {":authority", "shop.test"}, {":path", "/a?b=c"}};

Lines with(Lines lines, const Lines& more) {
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}
Lines but(const std::string& name, const std::string& value) {
  Lines lines = kGet;
  for (auto& line : lines) {
    if (line.first == name) line.second = value;
  }
  return lines;
}
Lines without(const std::string& name) {
  Lines lines = kGet;
  std::erase_if(lines, [&](const auto& line) { return line.first == name; });
  return lines;
}

struct Read {
  std::string fault;                  // "" where there is none
  RequestHead head;
  Http2Head reader;
};

void read(Read& into, const Lines& lines, bool end = true) {
  for (const auto& [name, value] : lines) into.reader.add(name, value);
  const auto fault = into.reader.finish(end, into.head);
  into.fault = fault ? std::string(name_of(*fault)) : "";
}

std::string fault_of(const Lines& lines, bool end = true, HeadLimits limits = {}) {
  Read result{"", {}, Http2Head(limits)};
  read(result, lines, end);
  return result.fault;
}

const HeadLimits kLimits;

}  // namespace

TEST_CASE("a request becomes what the HTTP/1.1 parser would give") {
  Read got{"", {}, Http2Head(kLimits)};
  read(got, with(kGet, {{"accept", "*/*"}, {"cookie", "a=1"}, {"x-empty", ""}, {"cookie", "b=2"}}));
  REQUIRE(got.fault.empty());
  const RequestHead& head = got.head;
  CHECK(head.major == 2);
  CHECK(head.method == Method::get);
  CHECK(head.method_name == "GET");
  CHECK(head.form == TargetForm::origin);
  CHECK(head.target == "/a?b=c");
  CHECK(head.path == "/a");
  CHECK(head.query == "b=c");
  CHECK(head.scheme == "https");
  CHECK(head.authority == "shop.test");
  CHECK(head.framing == Framing::none);
  CHECK(head.keep_alive);
  CHECK(head.fields.count(FieldId::host) == 1);
  CHECK(head.fields.get(FieldId::host) == "shop.test");
  CHECK(head.fields.count(FieldId::cookie) == 1);
  CHECK(head.fields.get(FieldId::cookie) == "a=1; b=2");
  CHECK(head.fields.size() == 4);
}

TEST_CASE("malformed requests (RFC 9113 §8)") {
  struct Row { Lines lines; const char* fault; const char* rule; };
  for (const Row& row : {
           Row{kGet, "", "as it should be"},
           Row{without(":method"), "bad_pseudo_field", "§8.3.1: :method is required"},
           Row{without(":scheme"), "bad_pseudo_field", "§8.3.1: :scheme is required"},
           Row{without(":path"), "bad_pseudo_field", "§8.3.1: :path is required"},
           Row{without(":authority"), "missing_host", "§8.3.1: a host has to be said somewhere"},
           Row{with(without(":authority"), {{"host", "shop.test"}}), "", "§8.3.1: … in Host, where it came from HTTP/1.1"},
           Row{but(":path", ""), "bad_pseudo_field", "§8.3.1: :path is not empty"},
           Row{but(":authority", ""), "bad_pseudo_field", "§8.3.1: an empty authority names nobody"},
           Row{but(":method", ""), "bad_pseudo_field", "RFC 9110 §9.1"},
           Row{but(":method", "GE T"), "bad_method", "RFC 9110 §9.1"},
           Row{but(":method", "GET\r\nX: y"), "bad_method", "no line of HTTP/1.1 may be made of it"},
           Row{but(":scheme", "ftp"), "bad_target", "§8.3.1"},
           Row{but(":scheme", "http://x/?"), "bad_target", "a scheme that would rewrite the target"},
           Row{but(":path", "a"), "bad_target", "§8.3.1: begins with a slash"},
           Row{but(":path", "*"), "bad_target", "§8.3.1: for OPTIONS alone"},
           Row{with(without(":method"), {}), "bad_pseudo_field", "§8.3.1"},
           Row{but(":path", "/a b"), "bad_target", "RFC 3986 §3.3"},
           Row{but(":path", "/a\r\nx: y"), "bad_target", "§10.3: no CR, LF or NUL"},
           Row{but(":path", "/a#b"), "bad_target", "RFC 9110 §7.1: no fragment"},
           Row{but(":path", "/\xc3\xa4"), "bad_target", "RFC 3986 §2.1"},
           Row{but(":path", "http://other.test/"), "bad_target", "§8.3.1: origin-form"},
           Row{but(":authority", "user@shop.test"), "bad_host", "§8.3.1: no userinfo"},
           Row{but(":authority", "shop.test/x"), "bad_host", "§8.3.1: a host and a port"},
           Row{but(":authority", "shop.test:x"), "bad_host", "§8.3.1: a host and a port"},
           Row{but(":authority", "shop.test, other.test"), "bad_host", "one host"},
           Row{but(":authority", " shop.test"), "bad_host", "§8.2.1"},
           Row{with(kGet, {{"host", "other.test"}}), "bad_host", "§8.3.1: Host may not differ"},
           Row{with(kGet, {{"host", "SHOP.test:443"}}), "", "§8.3.1: the same, after normalisation"},
           Row{with(kGet, {{"host", "shop.test"}, {"host", "shop.test"}}), "repeated_host", "RFC 9112 §3.2"},
           Row{with(kGet, {{":path", "/b"}}), "bad_pseudo_field", "§8.3: repeated"},
           Row{with(kGet, {{":status", "200"}}), "bad_pseudo_field", "§8.3: of an answer"},
           Row{with(kGet, {{":colour", "red"}}), "bad_pseudo_field", "§8.3: unknown"},
           Row{with(kGet, {{":protocol", "websocket"}}), "bad_pseudo_field", "RFC 8441 §4: of CONNECT alone"},
           Row{with({{"accept", "*/*"}}, kGet), "bad_pseudo_field", "§8.3: behind a field"},
           Row{with(kGet, {{"", "x"}}), "bad_field_name", "§8.2.1"},
           Row{with(kGet, {{"X-Upper", "x"}}), "bad_field_name", "§8.2.1: lower-case"},
           Row{with(kGet, {{"x y", "x"}}), "bad_field_name", "§8.2.1"},
           Row{with(kGet, {{"x:y", "x"}}), "bad_field_name", "§8.2.1: a colon"},
           Row{with(kGet, {{"x-\xff", "x"}}), "bad_field_name", "§8.2.1"},
           Row{with(kGet, {{"x", "a\rb"}}), "bad_field_value", "§8.2.1: CR"},
           Row{with(kGet, {{"x", "a\nb"}}), "bad_field_value", "§8.2.1: LF"},
           Row{with(kGet, {{"x", std::string("a\0b", 3)}}), "bad_field_value", "§8.2.1: NUL"},
           Row{with(kGet, {{"x", "a\x01"}}), "bad_field_value", "RFC 9110 §5.5"},
           Row{with(kGet, {{"x", " a"}}), "bad_field_value", "§8.2.1: white space before it"},
           Row{with(kGet, {{"x", "a\t"}}), "bad_field_value", "§8.2.1: … and behind"},
           Row{with(kGet, {{"connection", "close"}}), "connection_field", "§8.2.2"},
           Row{with(kGet, {{"keep-alive", "5"}}), "connection_field", "§8.2.2"},
           Row{with(kGet, {{"proxy-connection", "close"}}), "connection_field", "§8.2.2"},
           Row{with(kGet, {{"transfer-encoding", "chunked"}}), "connection_field", "§8.2.2"},
           Row{with(kGet, {{"upgrade", "h2c"}}), "connection_field", "§8.2.2"},
           Row{with(kGet, {{"te", "gzip"}}), "bad_te", "§8.2.2"},
           Row{with(kGet, {{"te", "trailers, gzip"}}), "bad_te", "§8.2.2"},
           Row{with(kGet, {{"te", "trailers"}}), "", "§8.2.2"},
           Row{with(kGet, {{"content-length", "1"}}), "bad_content_length", "§8.1.1: the block has ended the stream"},
           Row{with(kGet, {{"content-length", "0"}}), "", "§8.1.1"},
           Row{with(kGet, {{"content-length", "-1"}}), "bad_content_length", "RFC 9110 §8.6"},
           Row{with(kGet, {{"content-length", "1, 1"}}), "repeated_content_length", "RFC 9110 §8.6"},
           Row{with(kGet, {{"content-length", "0"}, {"content-length", "0"}}), "repeated_content_length", "RFC 9110 §8.6"},
           Row{with(kGet, {{"expect", "miracles"}}), "bad_expect", "RFC 9110 §10.1.1"}}) {
    CAPTURE(row.rule);
    CHECK(fault_of(row.lines) == row.fault);
  }
}

TEST_CASE("the limits of HTTP/1.1 hold, and every crumb counts") {
  HeadLimits limits;
  limits.head_bytes = 400;
  limits.field_count = 5;
  limits.target_bytes = 20;
  CHECK(fault_of(with(kGet, {{"x", std::string(200, 'x')}}), true, limits).empty());
  CHECK(fault_of(with(kGet, {{"x", std::string(400, 'x')}}), true, limits) == "head_too_large");
  CHECK(fault_of(but(":path", "/" + std::string(20, 'x')), true, limits) == "target_too_long");
  CHECK(fault_of(with(kGet, Lines(5, {"cookie", "a=1"})), true, limits).empty());
  CHECK(fault_of(with(kGet, Lines(6, {"cookie", "a=1"})), true, limits) == "too_many_fields");
  Http2Head reader(limits);
  for (int i = 0; i < 100; ++i) reader.add("x", std::string(1'000, 'x'));
  CHECK(reader.seen_bytes() > 100'000);
  CHECK(reader.bytes().size() < 1'000);
}

TEST_CASE("how a body is framed (RFC 9113 §8.1.1)") {
  Read got{"", {}, Http2Head(kLimits)};
  SUBCASE("known") {
    read(got, with(but(":method", "POST"), {{"content-length", "5"}, {"expect", "100-continue"}}), false);
    CHECK(got.head.framing == Framing::length);
    CHECK(got.head.content_length == 5);
    CHECK(got.head.expect_continue);
  }
  SUBCASE("unknown") {
    read(got, but(":method", "POST"), false);
    CHECK(got.head.framing == Framing::chunked);
  }
  SUBCASE("empty, and said so") {
    read(got, with(but(":method", "POST"), {{"content-length", "0"}}));
    CHECK(got.head.framing == Framing::length);
    CHECK(got.head.content_length == 0);
  }
  CHECK(got.fault.empty());
}

TEST_CASE("CONNECT and its extension (RFC 9113 §8.5, RFC 8441 §4)") {
  const Lines plain{{":method", "CONNECT"}, {":authority", "shop.test:443"}};
  CHECK(fault_of(plain).empty());
  CHECK(fault_of({{":method", "CONNECT"}, {":authority", "shop.test"}}) == "bad_target");
  CHECK(fault_of(with(plain, {{":path", "/"}})) == "bad_pseudo_field");
  const Lines extended = with(but(":method", "CONNECT"), {{":protocol", "websocket"}});
  CHECK(fault_of(with(extended, {{"content-length", "1"}}), false) == "bad_content_length");
  CHECK(fault_of(with(but(":method", "CONNECT"), {{":protocol", "connect-udp"}})) == "unknown_protocol");
  CHECK(fault_of(with(but(":method", "CONNECT"), {{":protocol", "web socket"}})) == "bad_pseudo_field");
  CHECK(fault_of({{":method", "CONNECT"}, {":authority", "shop.test"}, {":protocol", "websocket"}}) == "bad_pseudo_field");
  Read got{"", {}, Http2Head(kLimits)};
  read(got, extended, false);
  CHECK(got.fault.empty());
  CHECK(got.head.method == Method::get);
  CHECK(got.head.wants_upgrade);
  CHECK(got.head.framing == Framing::none);
  CHECK(got.head.fields.get(FieldId::upgrade) == "websocket");
}

TEST_CASE("OPTIONS * keeps its form") {
  Read got{"", {}, Http2Head(kLimits)};
  Lines lines = but(":method", "OPTIONS");
  lines.back().second = "*";
  read(got, lines);
  CHECK(got.fault.empty());
  CHECK(got.head.form == TargetForm::asterisk);
  CHECK(got.head.path == "*");
}

TEST_CASE("trailers decide nothing (RFC 9113 §8.1)") {
  CHECK_FALSE(check_http2_trailer("x-sum", "1"));
  for (const char* name : {":path", "X-Sum", "", "content-length", "transfer-encoding", "host", "connection", "te", "upgrade", "trailer", "expect"}) {
    CAPTURE(name);
    CHECK(check_http2_trailer(name, "1"));
  }
  CHECK(check_http2_trailer("x-sum", "1\r\n"));
}

TEST_CASE("an answer's head for HTTP/2: its fields without those of the connection (§8.2.2)") {
  std::vector<Field> lines;
  CHECK(read_answer_head("HTTP/1.1 404 Not Found\r\nConnection: close\r\nETag: \"1\"\r\nX-Empty:\r\nTransfer-Encoding: chunked\r\nKeep-Alive: 5\r\n\r\n", lines) == 404);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].name == "ETag");
  CHECK(lines[0].value == "\"1\"");
  CHECK(lines[1].value.empty());
  CHECK(read_answer_head("HTTP/1.1 103 Early Hints\r\n\r\n", lines) == 103);
  CHECK(lines.empty());
}

TEST_CASE("Priority (RFC 9218 §4)") {
  struct Row { const char* field; int urgency; bool incremental; };
  for (const Row& row : {Row{"u=0, i", 0, true}, Row{"", 3, false}, Row{"u=8", 3, false}, Row{"u=-1", 3, false}, Row{"i=?0,u=7", 7, false},
                         Row{"u=1.0", 3, false}, Row{"u", 3, false}, Row{"(", 3, false}, Row{"u=1;x=2, other=5", 1, false}}) {
    CAPTURE(row.field);
    const Priority priority = read_priority(row.field, {});
    CHECK(priority.urgency == row.urgency);
    CHECK(priority.incremental == row.incremental);
  }
  CHECK(read_priority("u=1", {5, true}).incremental);
}
