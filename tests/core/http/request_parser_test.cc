#include <doctest/doctest.h>

#include "core/http/parser.h"
#include "support/heads.h"
#include "support/splits.h"

namespace davenport::http {
namespace {

using test::Arrival;

const HeadLimits kLimits{.head_bytes = 2048, .field_count = 12, .target_bytes = 64};

std::string parse(std::string_view bytes, const HeadLimits& limits = kLimits) {
  return test::check_splits(bytes, [&](Arrival arrival) { return test::run_request(std::move(arrival), limits); });
}

// A request with these lines behind a good request line and Host.
std::string with(std::string_view lines, std::string_view line = "POST / HTTP/1.1") {
  return std::string(line).append("\r\nHost: a\r\n").append(lines).append("\r\n");
}

std::string error(std::string_view fault) { return "error " + std::string(fault); }

// The whole text of a request, parsed in one call into `head`, which borrows from `bytes`.
void parse_into(RequestHead& head, std::string_view bytes) {
  RequestParser parser(kLimits);
  const ParseResult result = parser.parse(bytes, head);
  REQUIRE(name_of(result.fault) == name_of(ParseFault{}));
  REQUIRE(result.state == ParseState::done);
}

TEST_CASE("a request head is read whole, byte by byte and at every split") {
  CHECK(parse("GET /milk?fat=3.5 HTTP/1.1\r\nHost: shop.example:8080\r\nAccept: */*\r\nX-Custom:  a\tb \r\n\r\nGET") ==
        "done 85: GET origin /milk?fat=3.5\n[][shop.example:8080][/milk]?[fat=3.5]\nnone\n"
        "Host=shop.example:8080\nAccept=*/*\nX-Custom=a\tb\n1.1 keep_alive");
}

TEST_CASE("the four forms of a target are told apart (RFC 9112 §3.2)") {
  struct Row { std::string_view line, host, form, parts; };
  for (const Row& row : {
           Row{"GET / HTTP/1.1", "a", "origin", "[][a][/]["},
           Row{"GET /? HTTP/1.1", "a", "origin", "[][a][/]?["},
           Row{"GET //x//?a?b HTTP/1.1", "a", "origin", "[][a][//x//]?[a?b"},
           Row{"GET /|^`[]{} HTTP/1.1", "a", "origin", "[][a][/|^`[]{}]["},
           Row{"GET http://a HTTP/1.1", "a", "absolute", "[http][a][/]["},
           Row{"GET http://a?x HTTP/1.1", "a", "absolute", "[http][a][/]?[x"},
           Row{"GET HTTPS://A:443/b?c HTTP/1.1", "a", "absolute", "[HTTPS][A:443][/b]?[c"},
           Row{"GET http://a/ HTTP/1.1", "a:80", "absolute", "[http][a][/]["},
           Row{"GET http://a:/ HTTP/1.1", "A:080", "absolute", "[http][a:][/]["},
           Row{"GET http://[::1]:81/ HTTP/1.1", "[::1]:81", "absolute", "[http][[::1]:81][/]["},
           Row{"OPTIONS * HTTP/1.1", "a", "asterisk", "[][a][*]["},
           Row{"OPTIONS http://a HTTP/1.1", "a", "absolute", "[http][a][/]["},
           Row{"CONNECT a:443 HTTP/1.1", "a", "authority", "[][a:443][]["}}) {
    CAPTURE(row.line);
    const std::string said = parse(std::string(row.line).append("\r\nHost: ").append(row.host).append("\r\n\r\n"));
    CHECK(said.find(std::string(" ").append(row.form).append(" ")) != std::string::npos);
    CHECK(said.find(std::string("\n").append(row.parts).append("]\n")) != std::string::npos);
  }
}

TEST_CASE("a request line that breaks a rule is refused by the rule's name (RFC 9112 §3)") {
  struct Row { std::string_view line, fault, rule; };
  for (const Row& row : {
           Row{" GET / HTTP/1.1", "bad_method", "§3: no white space before the method"},
           Row{"G(T / HTTP/1.1", "bad_method", "RFC 9110 §9.1: a token"},
           Row{"GET", "bad_method", "§3: a method alone"},
           Row{"G\x01T / HTTP/1.1", "control_byte", "§2.2"},
           Row{"GET\t/ HTTP/1.1", "bad_method", "§3: SP only"},
           Row{"GET  / HTTP/1.1", "bad_request_line", "§3: one space"},
           Row{"GET /  HTTP/1.1", "bad_version", "§3: one space"},
           Row{"GET /", "bad_request_line", "HTTP/0.9"},
           Row{"GET / ", "bad_version", "no version"},
           Row{"GET / HTTP/1.1 ", "bad_request_line", "§3: nothing behind the version"},
           Row{"GET / HTTP/1.1x", "bad_request_line", "§3"},
           Row{"GET / HTTP/1.10", "bad_version", "§2.3: one digit"},
           Row{"GET / HTTP/1.1.1", "bad_version", "§2.3"},
           Row{"GET / HTTP/11", "bad_version", "§2.3"},
           Row{"GET / HTTP/1", "bad_version", "§2.3"},
           Row{"GET / HTTP/2", "bad_version", "§2.3: malformed rather than unsupported"},
           Row{"GET / HTTP/a.1", "bad_version", "§2.3"},
           Row{"GET / http/1.1", "bad_version", "§2.3: case-sensitive"},
           Row{"GET / HTTQ/1.1", "bad_version", "§2.3"},
           Row{"GET / HTTP /1.1", "bad_version", "§2.3"},
           Row{"GET / HTTP/0.9", "unsupported_version", "RFC 9110 §15.6.6"},
           Row{"GET / HTTP/2.0", "unsupported_version", "RFC 9110 §15.6.6"},
           Row{"GET / HTTP/3.7", "unsupported_version", "RFC 9110 §15.6.6"},
           Row{"GET /a b HTTP/1.1", "bad_version", "§3.2: no white space in a target"},
           Row{"GET /a\tb HTTP/1.1", "bad_target", "§3.2"},
           Row{"GET /#f HTTP/1.1", "bad_target", "§3.2: no fragment"},
           Row{"GET /\"x\" HTTP/1.1", "bad_target", "RFC 3986 §2"},
           Row{"GET /<x> HTTP/1.1", "bad_target", "RFC 3986 §2"},
           Row{"GET /a\\b HTTP/1.1", "bad_target", "RFC 3986 §2"},
           Row{"GET /\x7f HTTP/1.1", "control_byte", "RFC 3986 §2"},
           Row{"GET /caf\xc3\xa9 HTTP/1.1", "bad_target", "RFC 3986 §2: ASCII only"},
           Row{"GET /a\x01 HTTP/1.1", "control_byte", "§2.2"},
           Row{"GET milk HTTP/1.1", "bad_target", "§3.2: no form"},
           Row{"GET ftp://a/ HTTP/1.1", "bad_target", "§3.2.2: http and https"},
           Row{"GET http:/a HTTP/1.1", "bad_target", "RFC 9110 §4.2.1"},
           Row{"GET http:///a HTTP/1.1", "bad_target", "RFC 9110 §4.2.1: an empty host"},
           Row{"GET http://u@a/ HTTP/1.1", "bad_target", "RFC 9110 §4.2.4: userinfo"},
           Row{"GET http://a:x/ HTTP/1.1", "bad_target", "RFC 3986 §3.2.3"},
           Row{"GET http://a:65536/ HTTP/1.1", "bad_target", "a port has 16 bits"},
           Row{"GET * HTTP/1.1", "bad_target", "§3.2.4: OPTIONS only"},
           Row{"GET a:443 HTTP/1.1", "bad_target", "§3.2.3: CONNECT only"},
           Row{"CONNECT / HTTP/1.1", "bad_target", "§3.2.3"},
           Row{"CONNECT a HTTP/1.1", "bad_target", "§3.2.3: the port is needed"},
           Row{"CONNECT http://a:1/ HTTP/1.1", "bad_target", "§3.2.3"},
           Row{"OPTIONS *x HTTP/1.1", "bad_target", "§3.2.4"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.line);
    CHECK(parse(with("", row.line)) == error(row.fault));
  }
}

TEST_CASE("a method has at most 32 bytes") {
  CHECK(parse(with("", std::string(32, 'M') + " / HTTP/1.1")).starts_with("done"));
  CHECK(parse(with("", std::string(33, 'M') + " / HTTP/1.1")) == error("bad_method"));
}

TEST_CASE("line ends are CR LF and nothing else (RFC 9112 §2.2)") {
  struct Row { std::string_view bytes, fault; };
  using namespace std::string_view_literals;
  for (const Row& row : {
           Row{"GET / HTTP/1.1\nHost: a\r\n\r\n", "bare_lf"}, Row{"GET / HTTP/1.1\r\nHost: a\n\r\n", "bare_lf"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\n\n", "bare_lf"}, Row{"GET\n", "bare_lf"}, Row{"GET /\n", "bare_lf"},
           Row{"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare_lf"}, Row{"GET / HTTP/1.1\rHost: a\r\n\r\n", "bare_cr"},
           Row{"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "bare_cr"}, Row{"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "bare_cr"},
           Row{"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "bare_cr"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n", "bare_cr"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nX\rY: b\r\n\r\n", "bad_field_name"},
           Row{"\rGET / HTTP/1.1\r\n", "bare_cr"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"sv, "control_byte"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nX: a\x1f\r\n\r\n", "control_byte"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", "control_byte"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"sv, "control_byte"}}) {
    CAPTURE(row.bytes);
    CHECK(parse(row.bytes) == error(row.fault));
  }
}

TEST_CASE("a few empty lines before a request are skipped, and no more (RFC 9112 §2.2)") {
  const std::string request = with("", "GET / HTTP/1.1");
  CHECK(parse("\r\n" + request).starts_with("done 29: GET"));
  CHECK(parse("\r\n\r\n\r\n\r\n" + request).starts_with("done 35: GET"));
  CHECK(parse("\r\n\r\n\r\n\r\n\r\n" + request) == error("bad_request_line"));
  CHECK(parse("\r\n") == "need_more");
}

TEST_CASE("a field line that breaks a rule is refused by the rule's name (RFC 9112 §5)") {
  struct Row { std::string_view lines, fault, rule; };
  for (const Row& row : {
           Row{"X : a\r\n", "space_before_colon", "§5.1"}, Row{"X\t: a\r\n", "space_before_colon", "§5.1"},
           Row{"Content-Length : 5\r\n", "space_before_colon", "§5.1: known names too"},
           Row{": a\r\n", "bad_field_name", "§5: an empty name"}, Row{"X\r\n", "bad_field_name", "§5: no colon"},
           Row{"X(: a\r\n", "bad_field_name", "RFC 9110 §5.1"}, Row{"X\xe9: a\r\n", "bad_field_name", "RFC 9110 §5.1"},
           Row{"X a: b\r\n", "space_before_colon", "§5.1"}, Row{"X: a\r\n b\r\n", "obs_fold", "§5.2"},
           Row{"X: a\r\n\tb\r\n", "obs_fold", "§5.2"}, Row{"X: a\r\n \r\n", "obs_fold", "§5.2"},
           Row{"accept\rencoding: a\r\n", "bad_field_name", "a CR is no hyphen"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.lines);
    CHECK(parse(with(row.lines)) == error(row.fault));
  }
  CHECK(parse("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == error("obs_fold"));
}

TEST_CASE("values keep their inside, lose the white space around them, and may be empty or not ASCII (RFC 9110 §5.5)") {
  const std::string said = parse(with("A:\r\nB: \t \r\nC:x\r\nD: \xc3\xa9 \"a, b\"\t\r\n"));
  CHECK(said.find("A=\nB=\nC=x\nD=\xc3\xa9 \"a, b\"\n") != std::string::npos);
}

TEST_CASE("Host is needed, single and valid, and an absolute target stands over it (RFC 9112 §3.2, §3.2.2)") {
  struct Row { std::string_view bytes, fault; };
  for (const Row& row : {
           Row{"GET / HTTP/1.1\r\n\r\n", "missing_host"}, Row{"GET / HTTP/1.1\r\nHosts: a\r\n\r\n", "missing_host"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "repeated_host"},
           Row{"GET / HTTP/1.0\r\nHost: a\r\nhOST: a\r\n\r\n", "repeated_host"},
           Row{"GET / HTTP/1.1\r\nHost:\r\n\r\n", "bad_host"}, Row{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "bad_host"},
           Row{"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "bad_host"},
           Row{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "bad_host"},
           Row{"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "bad_host"},
           Row{"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "bad_host"},
           Row{"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", "bad_host"},
           Row{"GET / HTTP/1.1\r\nHost: a:-1\r\n\r\n", "bad_host"},
           Row{"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "bad_host"},
           Row{"GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n", "bad_host"},
           Row{"GET / HTTP/1.1\r\nHost: a#\r\n\r\n", "bad_host"}, Row{"GET / HTTP/1.0\r\nHost: ?\r\n\r\n", "bad_host"},
           Row{"GET http://a/ HTTP/1.1\r\nHost: u@a\r\n\r\n", "bad_host"},
           Row{"GET http://a/ HTTP/1.1\r\n\r\n", "missing_host"}}) {
    CAPTURE(row.bytes);
    CHECK(parse(row.bytes) == error(row.fault));
  }
  CHECK(parse("GET / HTTP/1.0\r\n\r\n") == "done 18: GET origin /\n[][][/][]\nnone\n1.0");
  CHECK(parse("GET http://a/ HTTP/1.0\r\n\r\n").find("[http][a][/]") != std::string::npos);
  CHECK(parse("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n").find("[http][a][/]") != std::string::npos);
}

TEST_CASE("a body is delimited by one Content-Length or one chunked, and by nothing doubtful (RFC 9112 §6)") {
  struct Row { std::string_view lines, said; };
  for (const Row& row : {
           Row{"", "none"}, Row{"Content-Length: 0\r\n", "length 0"}, Row{"content-length:  42 \r\n", "length 42"},
           Row{"Content-Length: 0042\r\n", "length 42"},
           Row{"Content-Length: 9223372036854775807\r\n", "length 9223372036854775807"},
           Row{"Transfer-Encoding: chunked\r\n", "chunked"}, Row{"transfer-encoding: \tChUnKeD \r\n", "chunked"},
           Row{"Content-Length:\r\n", "bad_content_length"}, Row{"Content-Length: 0x10\r\n", "bad_content_length"},
           Row{"Content-Length: +5\r\n", "bad_content_length"}, Row{"Content-Length: -5\r\n", "bad_content_length"},
           Row{"Content-Length: 5 5\r\n", "bad_content_length"}, Row{"Content-Length: 1_000\r\n", "bad_content_length"},
           Row{"Content-Length: 5;\r\n", "bad_content_length"}, Row{"Content-Length: \"5\"\r\n", "bad_content_length"},
           Row{"Content-Length: 5.0\r\n", "bad_content_length"}, Row{"Content-Length: 5e1\r\n", "bad_content_length"},
           Row{"Content-Length: 9223372036854775808\r\n", "bad_content_length"},
           Row{"Content-Length: 18446744073709551621\r\n", "bad_content_length"},
           Row{"Content-Length: \xd9\xa5\r\n", "bad_content_length"},
           Row{"Content-Length: 5, 5\r\n", "repeated_content_length"},
           Row{"Content-Length: 5,\r\n", "repeated_content_length"},
           Row{"Content-Length: 5\r\nContent-Length: 5\r\n", "repeated_content_length"},
           Row{"Content-Length: 5\r\nContent-Length: 6\r\n", "repeated_content_length"},
           Row{"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "length_with_transfer_encoding"},
           Row{"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "length_with_transfer_encoding"},
           Row{"Transfer-Encoding: identity\r\nContent-Length: 0\r\n", "length_with_transfer_encoding"},
           Row{"Transfer-Encoding:\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: gzip\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: identity\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: chunked, gzip\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: chunked, chunked\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: chunked,\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: , chunked\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: xchunked\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: chunked;a=b\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: \"chunked\"\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: chunked foo\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: 'chunked'\r\n", "bad_transfer_encoding"},
           Row{"Transfer-Encoding: \x0b"
               "chunked\r\n", "control_byte"},
           Row{"Transfer-Encoding: gzip, chunked\r\n", "unknown_transfer_coding"},
           Row{"Transfer-Encoding: identity, chunked\r\n", "unknown_transfer_coding"},
           Row{"Transfer-Encoding: gzip;q=\"1\", chunked\r\n", "unknown_transfer_coding"},
           Row{"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "unknown_transfer_coding"}}) {
    CAPTURE(row.lines);
    const std::string said = parse(with(row.lines));
    if (said.starts_with("error")) CHECK(said == error(row.said));
    else CHECK(said.find("\n" + std::string(row.said) + "\nHost") != std::string::npos);
  }
  CHECK(parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == error("bad_transfer_encoding"));
  CHECK(parse("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n").find("length 3\n") != std::string::npos);
}

TEST_CASE("a Connection field names what is for one hop, and nothing that others rely on (RFC 9110 §7.6.1)") {
  for (const std::string_view name :
       {"Host", "Authorization", "Cookie", "Content-Length", "Cache-Control", "Set-Cookie", "X-Forwarded-For",
        "X-Forwarded-Host", "X-Forwarded-Proto", "x-forwarded-port", "X-Real-IP", "Forwarded", "Via",
            "Transfer-Encoding",
        "X-Request-Id"}) {
    CAPTURE(name);
    CHECK(parse(with("Connection: " + std::string(name) + "\r\n")) == error("bad_connection"));
    CHECK(parse(with("Connection: close, " + std::string(name) + " , x\r\n")) == error("bad_connection"));
    CHECK(parse(with("Connection: close\r\nConnection: " + std::string(name) + "\r\n")) == error("bad_connection"));
  }
  for (const std::string_view value : {"a b", "\"close\"", "close;x", "(close)"}) {
    CAPTURE(value);
    CHECK(parse(with("Connection: " + std::string(value) + "\r\n")) == error("bad_connection"));
  }
  for (const std::string_view value : {"", ",", "close", "Keep-Alive, TE, Upgrade", "HTTP2-Settings,Trailer",
                                       "X-Own"}) {
    CAPTURE(value);
    CHECK(parse(with("Connection: " + std::string(value) + "\r\n")).starts_with("done"));
  }
}

TEST_CASE("what Connection names is gone when the head is read, so that no key, variant or decision knows it (RFC 9110 §7.6.1)") {
  RequestParser parser(kLimits);
  RequestHead head;
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nFoo: 1\r\nConnection: foo, Accept-Language\r\nAccept-Language: de\r\nBar: 2\r\n"
                           "FOO: 3\r\nTE: trailers\r\nConnection: close, te, , X-Not-There\r\n\r\n";
  REQUIRE(parser.parse(text, head).state == ParseState::done);
  CHECK(!head.fields.has(FieldId::accept_language));
  CHECK(head.fields.find("foo") == nullptr);
  CHECK(head.fields.get("bar") == "2");
  CHECK(head.fields.get(FieldId::te) == "trailers");       // read by us, and never passed on
  CHECK(head.fields.count(FieldId::connection) == 2);
  CHECK_FALSE(head.keep_alive);
}

TEST_CASE("a connection lives on by version and Connection (RFC 9112 §9.3)") {
  struct Row { std::string_view version, lines, tail; };
  for (const Row& row : {
           Row{"1.1", "", "1.1 keep_alive"}, Row{"1.1", "Connection: close\r\n", "1.1"},
           Row{"1.1", "Connection: keep-alive, Close\r\n", "1.1"}, Row{"1.1", "Connection: x\r\n", "1.1 keep_alive"},
           Row{"1.2", "", "1.1 keep_alive"}, Row{"1.9", "Connection: CLOSE\r\n", "1.1"}, Row{"1.0", "", "1.0"},
           Row{"1.0", "Connection: Keep-Alive\r\n", "1.0 keep_alive"},
           Row{"1.0", "Connection: x\r\nConnection: keep-alive\r\n", "1.0 keep_alive"},
           Row{"1.0", "Connection: keep-alive\r\nConnection: close\r\n", "1.0"},
           Row{"1.1", "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n", "1.1 keep_alive upgrade"},
           Row{"1.1", "Upgrade: websocket\r\n", "1.1 keep_alive"},
           Row{"1.1", "Connection: upgrade\r\n", "1.1 keep_alive"},
           Row{"1.0", "Upgrade: websocket\r\nConnection: Upgrade\r\n", "1.0"}}) {
    CAPTURE(row.version);
    CAPTURE(row.lines);
    const std::string said = parse(with(row.lines, "GET / HTTP/" + std::string(row.version)));
    CHECK(said.substr(said.rfind('\n') + 1) == row.tail);
  }
}

TEST_CASE("100-continue is the one expectation, and is met where a body comes (RFC 9110 §10.1.1)") {
  CHECK(parse(with("Expect: 100-Continue\r\nContent-Length: 1\r\n")).ends_with("1.1 keep_alive expect_continue"));
  CHECK(parse(with("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n")).ends_with(" expect_continue"));
  CHECK(parse(with("Expect: 100-continue\r\n")).ends_with("1.1 keep_alive"));
  CHECK(parse(with("Expect: 100-continue\r\nContent-Length: 1\r\n", "POST / HTTP/1.0")).ends_with("1.0"));
  CHECK(parse(with("Expect: 200-ok\r\n")) == error("bad_expect"));
  CHECK(parse(with("Expect:\r\n")) == error("bad_expect"));
  CHECK(parse(with("Expect: 100-continue, x\r\n")) == error("bad_expect"));
}

TEST_CASE("limits are exact: the last byte, field and character that fit, and one more") {
  const HeadLimits exact{.head_bytes = 64, .field_count = 3, .target_bytes = 16};
  const std::string head = "GET /234567890123456 HTTP/1.1\r\nHost: a\r\nX: " + std::string(17, 'x') + "\r\n\r\n";
  REQUIRE(head.size() == 64);
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string other = head;
    return other.replace(other.find(from), from.size(), to);
  };
  SUBCASE("head_bytes") {
    CHECK(parse(replaced("/234567890123456", "/23456789012345"), exact).starts_with("done 63"));
    CHECK(parse(replaced("/234567890123456", "/2345678901234").insert(30, "Y: bcd\r\n").substr(0, 64),
                exact) == error("head_too_large"));
    CHECK(parse(replaced("X: ", "X: y"), exact) == error("head_too_large"));
    CHECK(parse(replaced("X: ", "X: y") + "GET", exact) == error("head_too_large"));
    CHECK(parse(std::string(100, 'G'), exact) == error("head_too_large"));
    CHECK(parse(std::string(63, 'G'), exact) == "need_more");
    CHECK(parse(head, exact).starts_with("done 64"));
  }
  SUBCASE("a fault before the limit is told rather than the limit") {
    CHECK(parse(replaced("X: x", "X: \x01" + std::string(80, 'x')), exact) == error("control_byte"));
  }
  SUBCASE("target_bytes") {
    CHECK(parse(replaced("/234567890123456", "/2345678901234567"),
                {.head_bytes = 99, .target_bytes = 16}) == error("target_too_long"));
    CHECK(parse("GET /" + std::string(200, 'a'), {.head_bytes = 99, .target_bytes = 16}) == error("target_too_long"));
  }
  SUBCASE("field_count") {
    CHECK(parse("GET / HTTP/1.1\r\nHost:a\r\nA:\r\nB:\r\n\r\n", exact).starts_with("done"));
    CHECK(parse("GET / HTTP/1.1\r\nHost:a\r\nA:\r\nB:\r\nC:\r\n\r\n", exact) == error("too_many_fields"));
  }
}

TEST_CASE("an unfinished head asks for more, wherever it ends") {
  const std::string head = with("Content-Length: 3\r\nX: y\r\n");
  for (std::size_t size = 0; size < head.size(); ++size) {
    CAPTURE(size);
    CHECK(parse(head.substr(0, size)) == "need_more");
  }
}

TEST_CASE("what was parsed and is written again parses to the same") {
  for (const std::string& text : {with("Content-Length: 3\r\nX:  y \r\n"), with("Transfer-Encoding: chunked\r\n"),
                                  with("", "GET http://a:80/x?y HTTP/1.1"), with("", "OPTIONS * HTTP/1.0")}) {
    CAPTURE(text);
    RequestHead first, second;
    parse_into(first, text);
    const std::string again = test::serialize(first);
    parse_into(second, again);
    CHECK(test::content_of(first) == test::content_of(second));
  }
}

}  // namespace
}  // namespace davenport::http
