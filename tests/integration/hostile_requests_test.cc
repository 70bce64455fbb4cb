// Requests that are made to be misread: each is refused, nothing of it reaches an origin, what follows it on its
// connection is not taken for a request, and the next connection is served as if nothing had been.
#include <doctest/doctest.h>

#include <algorithm>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;
using namespace std::string_literals;

namespace {

struct Hostile {
  std::string bytes;
  std::vector<int> statuses;     // any of them; 0: closed without an answer
  const char* rule;
};

constexpr const char* kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n";

std::string line(const std::string& request_line) { return request_line + "\r\nHost: shop.test\r\n\r\n"; }
std::string field(const std::string& field_line) { return "GET /a HTTP/1.1\r\nHost: shop.test\r\n" + field_line + "\r\n\r\n"; }
std::string host(const std::string& value) { return "GET /a HTTP/1.1\r\nHost:" + value + "\r\n\r\n"; }
std::string post(const std::string& field_lines, const std::string& body = "") {
  return "POST /a HTTP/1.1\r\nHost: shop.test\r\n" + field_lines + "\r\n\r\n" + body;
}
std::string chunks(const std::string& body) { return post("Transfer-Encoding: chunked", body); }

// An origin that answers anything, so that whatever slips through is seen there, and a hit to ask the proxy how it is.
struct Target {
  Target() {
    origin.on("GET", "/well").reply(200, {{"cache-control", "max-age=600"}}, "well");
    for (const char* method : {"GET", "POST", "PUT", "HEAD", "OPTIONS"}) origin.on(method, "*").reply(200, {{"cache-control", "no-store"}}, "leaked");
    REQUIRE(proxy.get("/well").body == "well");
    baseline = origin.bytes_received();
  }
  Origin origin;
  const Proxy proxy{config_for(origin)};
  std::uint64_t baseline = 0;
};

void expect_refused(Target& target, const Hostile& hostile) {
  CAPTURE(hostile.bytes.substr(0, 200));
  CAPTURE(hostile.rule);
  Client client = target.proxy.client();
  client.send(hostile.bytes + kSmuggled);
  const RawResponse response = client.read();
  CAPTURE(response.status);
  CHECK(std::count(hostile.statuses.begin(), hostile.statuses.end(), response.status) == 1);
  if (response.status != 0) {
    CHECK(response.complete);
    CHECK(same_name(response.field("connection"), "close"));
  }
  CHECK(client.await_close().empty());                        // one answer, then the end
  CHECK(target.proxy.get("/well").body == "well");
}

}  // namespace

TEST_SUITE_BEGIN("hostile_requests");

TEST_CASE("request lines that are none (RFC 9112 §2.2, §3)") {
  const std::vector<int> bad{400};
  Target target;
  for (const Hostile& hostile : {
           Hostile{line("GET  /a HTTP/1.1"), bad, "§3: single spaces"}, Hostile{line("GET /a  HTTP/1.1"), bad, "§3"},
           Hostile{line(" GET /a HTTP/1.1"), bad, "§3"}, Hostile{line("GET\t/a HTTP/1.1"), bad, "§3: not a tab"},
           Hostile{line("GET /a HTTP/1.1 "), bad, "§3"}, Hostile{line("GET /a HTTP/1.1 x"), bad, "§3"},
           Hostile{line("GET /a b HTTP/1.1"), bad, "§3.2: no white space in a target"},
           Hostile{line("GET /a"), bad, "HTTP/0.9"}, Hostile{line("GET"), bad, "§3"},
           Hostile{line("GET /a http/1.1"), bad, "§2.3: case-sensitive"}, Hostile{line("GET /a HTTP/1.10"), bad, "§2.3: one digit"},
           Hostile{line("GET /a HTTP/1."), bad, "§2.3"}, Hostile{line("GET /a HTTP/11"), bad, "§2.3"},
           Hostile{line("GET /a HTTP/01.1"), bad, "§2.3"}, Hostile{line("GET /a HTTP/1.1\v"), bad, "§2.3"},
           Hostile{line("GET /a XTTP/1.1"), bad, "§2.3"}, Hostile{line("GET /a HTTP/-1.1"), bad, "§2.3"},
           Hostile{line("GET /a HTTP/2.0"), {505}, "RFC 9110 §15.6.6"}, Hostile{line("GET /a HTTP/3.1"), {505}, "RFC 9110 §15.6.6"},
           Hostile{line("GET /a HTTP/0.9"), {400, 505}, "RFC 9110 §15.6.6"},
           Hostile{line("G@T /a HTTP/1.1"), bad, "§3.1: a token"}, Hostile{line("GE(T /a HTTP/1.1"), bad, "§3.1"},
           Hostile{line("G\0T /a HTTP/1.1"s), bad, "§3.1"}, Hostile{line("G\x80T /a HTTP/1.1"), bad, "§3.1"},
           Hostile{line("\xef\xbb\xbfGET /a HTTP/1.1"), bad, "a byte order mark"},
           Hostile{line(std::string(20'000, 'M') + " /a HTTP/1.1"), {400, 414, 431, 501}, "§3: an absurd method"},
           Hostile{line("GET /a\0b HTTP/1.1"s), bad, "§3.2: NUL"}, Hostile{line("GET /a\x7f HTTP/1.1"), bad, "§3.2: DEL"},
           Hostile{line("GET /a\x01 HTTP/1.1"), bad, "§3.2"}, Hostile{line("GET /caf\xc3\xa9 HTTP/1.1"), bad, "§3.2: not ASCII"},
           Hostile{line("GET /a\rb HTTP/1.1"), bad, "§2.2: bare CR"}, Hostile{line("GET /a#f HTTP/1.1"), bad, "§3.2.1: no fragment"},
           Hostile{line("GET a HTTP/1.1"), bad, "§3.2.1: begins with a slash"}, Hostile{line("GET ?a HTTP/1.1"), bad, "§3.2.1"},
           Hostile{line("GET shop.test:80 HTTP/1.1"), bad, "§3.2.3: authority-form is for CONNECT"},
           Hostile{line("GET * HTTP/1.1"), bad, "§3.2.4: asterisk-form is for OPTIONS"}, Hostile{line("OPTIONS ** HTTP/1.1"), bad, "§3.2.4"},
           Hostile{line("OPTIONS shop.test HTTP/1.1"), bad, "§3.2.3"},
           Hostile{line("GET http:///a HTTP/1.1"), bad, "RFC 9110 §4.2.1: an empty host"},
           Hostile{line("GET http:/shop.test/a HTTP/1.1"), bad, "§3.2.2"}, Hostile{line("GET http://user@shop.test/a HTTP/1.1"), bad, "RFC 9110 §4.2.4"},
           Hostile{line("GET http://user:pw@shop.test/a HTTP/1.1"), bad, "RFC 9110 §4.2.4"},
           Hostile{line("GET ftp://shop.test/a HTTP/1.1"), bad, "not a scheme of ours"},
           Hostile{line("GET http://shop.test:99999/a HTTP/1.1"), bad, "RFC 3986 §3.2.3"},
           Hostile{line("GET http://shop.test:8x/a HTTP/1.1"), bad, "RFC 3986 §3.2.3"},
           Hostile{line("GET http://[::1/a HTTP/1.1"), bad, "RFC 3986 §3.2.2"}, Hostile{line("GET http://shop test/a HTTP/1.1"), bad, "§3.2"},
           Hostile{line("GET http://shop.test\\@evil.test/a HTTP/1.1"), bad, "RFC 3986 §3.2"},
           Hostile{"GET /a HTTP/1.1\nHost: shop.test\n\n", bad, "§2.2: bare LF"},
           Hostile{"GET /a HTTP/1.1\r\nHost: shop.test\n\r\n", bad, "§2.2: bare LF"},
           Hostile{"GET /a HTTP/1.1\rHost: shop.test\r\r", bad, "§2.2: bare CR"},
           Hostile{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s, {0, 400}, "a TLS hello"},
           Hostile{"\0\0\0\0\r\n\r\n"s, {0, 400}, "no HTTP at all"},
           Hostile{"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", bad, "§2.2: a few empty lines at most"}}) {
    expect_refused(target, hostile);
  }
  CHECK(target.origin.bytes_received() == target.baseline);
}

TEST_CASE("fields that are none (RFC 9112 §5, RFC 9110 §5)") {
  const std::vector<int> bad{400};
  Target target;
  for (const Hostile& hostile : {
           Hostile{field("Na me: x"), bad, "RFC 9110 §5.1: a token"}, Hostile{field("Name : x"), bad, "§5.1: no space before the colon"},
           Hostile{field("Name\t: x"), bad, "§5.1"}, Hostile{field(": x"), bad, "§5.1: an empty name"}, Hostile{field("Name"), bad, "§5: no colon"},
           Hostile{field("N\0me: x"s), bad, "§5.1"}, Hostile{field("N\xc3\xa9: x"), bad, "§5.1"}, Hostile{field("N(me: x"), bad, "§5.1"},
           Hostile{field("N\"me: x"), bad, "§5.1"}, Hostile{field("Name: a\0b"s), bad, "RFC 9110 §5.5: NUL"},
           Hostile{field("Name: a\x01" "b"), bad, "RFC 9110 §5.5"}, Hostile{field("Name: a\x7f"), bad, "RFC 9110 §5.5"},
           Hostile{field("Name: a\rb"), bad, "§2.2: bare CR"}, Hostile{field("Name: a\nX: b"), bad, "§2.2: bare LF"},
           Hostile{field("Name: a\r\n folded"), bad, "§5.2: obs-fold"}, Hostile{field("Name: a\r\n\tfolded"), bad, "§5.2: obs-fold"},
           Hostile{field("Name:\r\n Content-Length: 5"), bad, "§5.2: obs-fold hides a length"},
           Hostile{"GET /a HTTP/1.1\r\n Host: shop.test\r\n\r\n", bad, "§2.2: white space before the first field"},
           Hostile{"GET /a HTTP/1.1\r\n \r\nHost: shop.test\r\n\r\n", bad, "§2.2"},
           Hostile{field("\rName: x"), bad, "§2.2: bare CR"}, Hostile{"GET /a HTTP/1.1\r\nHost: shop.test\r\r\n\r\n", bad, "§2.2"},
           Hostile{field("Connection: host"), bad, "a field that must not be lost"}, Hostile{field("Connection: close, Authorization"), bad, "the same"},
           Hostile{field("Connection: cookie"), bad, "the same"}, Hostile{field("Connection: content-length"), bad, "the same"},
           Hostile{field("Connection: cache-control"), bad, "the same"}, Hostile{field("Connection: X-Forwarded-For"), bad, "a field that we add"},
           Hostile{field("Connection: via"), bad, "a field that we add"}, Hostile{field("Connection: x-request-id"), bad, "a field that we add"},
           Hostile{field("Expect: 200-ok"), {417}, "RFC 9110 §10.1.1"}}) {
    expect_refused(target, hostile);
  }
  CHECK(target.origin.bytes_received() == target.baseline);
}

TEST_CASE("hosts that are none, or two (RFC 9112 §3.2)") {
  const std::vector<int> bad{400};
  Target target;
  for (const Hostile& hostile : {
           Hostile{"GET /a HTTP/1.1\r\n\r\n", bad, "§3.2: required"}, Hostile{"GET http://shop.test/a HTTP/1.1\r\n\r\n", bad, "§3.2: required"},
           Hostile{host(" shop.test\r\nHost: shop.test"), bad, "§3.2: one only"}, Hostile{host(" shop.test\r\nhost: evil.test"), bad, "§3.2: one only"},
           Hostile{"GET /a HTTP/1.0\r\nHost: a.test\r\nHost: b.test\r\n\r\n", bad, "§3.2: one only"},
           Hostile{host(" shop.test, evil.test"), bad, "§3.2"}, Hostile{host(" shop.test evil.test"), bad, "§3.2"},
           Hostile{host(" shop.test/a"), bad, "§3.2"}, Hostile{host(" user@shop.test"), bad, "§3.2: no userinfo"},
           Hostile{host(" shop.test:x"), bad, "RFC 3986 §3.2.3"}, Hostile{host(" shop.test:70000"), bad, "RFC 3986 §3.2.3"},
           Hostile{host(" shop.test:80:80"), bad, "RFC 3986 §3.2.3"}, Hostile{host(" [::1"), bad, "RFC 3986 §3.2.2"},
           Hostile{host(" \"shop.test\""), bad, "§3.2"}, Hostile{host(" http://shop.test"), bad, "§3.2"}, Hostile{host(" shop.test?x"), bad, "§3.2"},
           Hostile{host(" shop.test#x"), bad, "§3.2"}, Hostile{host(" shop.test\\evil.test"), bad, "§3.2"}, Hostile{host(" caf\xc3\xa9.test"), bad, "§3.2"},
           Hostile{host(""), {400, 421}, "§3.2: an empty one where there is an authority"}}) {
    expect_refused(target, hostile);
  }
  CHECK(target.origin.bytes_received() == target.baseline);
}

TEST_CASE("framing that two readers could read in two ways (RFC 9112 §6)") {
  const std::vector<int> bad{400}, unknown{400, 501};
  Target target;
  for (const Hostile& hostile : {
           Hostile{post("Content-Length: 5\r\nContent-Length: 6", "hello"), bad, "§6.3: two lengths"},
           Hostile{post("Content-Length: 5\r\nContent-Length: 5", "hello"), bad, "§6.3: twice the same"},
           Hostile{post("Content-Length: 5, 6", "hello"), bad, "§6.3"}, Hostile{post("Content-Length: 5, 5", "hello"), bad, "§6.3"},
           Hostile{post("Content-Length: +5", "hello"), bad, "RFC 9110 §8.6: digits"}, Hostile{post("Content-Length: -5", "hello"), bad, "§8.6"},
           Hostile{post("Content-Length: 5 5", "hello"), bad, "§8.6"}, Hostile{post("Content-Length: 0x5", "hello"), bad, "§8.6"},
           Hostile{post("Content-Length: 5.0", "hello"), bad, "§8.6"}, Hostile{post("Content-Length: 5;", "hello"), bad, "§8.6"},
           Hostile{post("Content-Length:", "hello"), bad, "§8.6"}, Hostile{post("Content-Length: five", "hello"), bad, "§8.6"},
           Hostile{post("Content-Length: \"5\"", "hello"), bad, "§8.6"}, Hostile{post("Content-Length: 5\x0b", "hello"), bad, "§8.6"},
           Hostile{post("Content-Length: 18446744073709551616", "hello"), {400, 413}, "2^64"},
           Hostile{post("Content-Length: 99999999999999999999999999", "hello"), {400, 413}, "more than 64 bits"},
           Hostile{post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), bad, "§6.1: both"},
           Hostile{post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"), bad, "§6.1: both"},
           Hostile{post("Content-Length: 0\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), bad, "§6.1: both"},
           Hostile{post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"), bad, "§7.1: chunked once"},
           Hostile{post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), bad, "§7.1: chunked once"},
           Hostile{post("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"), unknown, "§6.3: chunked not last"},
           Hostile{post("Transfer-Encoding: gzip", "0\r\n\r\n"), unknown, "§6.3: chunked not last"},
           Hostile{post("Transfer-Encoding: identity", "0\r\n\r\n"), unknown, "§7: no longer a coding"},
           Hostile{post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), {501}, "§6.1: a coding that we do not know"},
           Hostile{post("Transfer-Encoding: x, chunked", "0\r\n\r\n"), {501}, "§6.1"},
           Hostile{post("Transfer-Encoding: xchunked", "0\r\n\r\n"), unknown, "§6.1"}, Hostile{post("Transfer-Encoding: chunked;q=1", "0\r\n\r\n"), unknown, "§7.1: no parameters"},
           Hostile{post("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"), unknown, "§6.1"}, Hostile{post("Transfer-Encoding:", "0\r\n\r\n"), unknown, "§6.1: empty"},
           Hostile{post("Transfer-Encoding: \x0b" "chunked", "0\r\n\r\n"), bad, "RFC 9110 §5.5"},
           Hostile{post("Transfer-Encoding: chunked\x0b", "0\r\n\r\n"), bad, "RFC 9110 §5.5"},
           Hostile{post("Transfer-Encoding : chunked", "0\r\n\r\n"), bad, "§5.1"}, Hostile{post("Transfer-Encoding\r\n: chunked", "0\r\n\r\n"), bad, "§5"},
           Hostile{post("X: y\r\n Transfer-Encoding: chunked", "0\r\n\r\n"), bad, "§5.2"}, Hostile{post("\rTransfer-Encoding: chunked", "0\r\n\r\n"), bad, "§2.2"},
           Hostile{post("X: y\nTransfer-Encoding: chunked", "0\r\n\r\n"), bad, "§2.2"},
           Hostile{post("Transfer-Encoding: chun ked", "0\r\n\r\n"), unknown, "§6.1"},
           Hostile{"POST /a HTTP/1.0\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad, "§6.1: not in HTTP/1.0"}}) {
    expect_refused(target, hostile);
  }
  CHECK(target.origin.bytes_received() == target.baseline);
}

// Here the head was right, so the origin may have heard of the request; it must not get a whole one.
TEST_CASE("chunked bodies that are broken never become whole requests at the origin (RFC 9112 §7.1)") {
  struct Row { std::string body; const char* rule; };
  Target target;
  for (const Row& row : {
           Row{"0x5\r\nhello\r\n0\r\n\r\n", "hexadecimal digits only"}, Row{"+5\r\nhello\r\n0\r\n\r\n", "no sign"}, Row{"-5\r\nhello\r\n0\r\n\r\n", "no sign"},
           Row{"\r\nhello\r\n0\r\n\r\n", "an empty size"}, Row{"g\r\nhello\r\n0\r\n\r\n", "not a digit"}, Row{" 5\r\nhello\r\n0\r\n\r\n", "no space before"},
           Row{"5\nhello\r\n0\r\n\r\n", "bare LF"}, Row{"5\rhello\r\n0\r\n\r\n", "bare CR"}, Row{"5\r\nhelloXX0\r\n\r\n", "no CRLF after the content"},
           Row{"5\r\nhello\n0\r\n\r\n", "bare LF after the content"}, Row{"5\r\nhello\r\n0\r\n\n", "bare LF at the end"},
           Row{"ffffffffffffffffff\r\nhello", "more than 64 bits"}, Row{"7fffffffffffffff\r\nhello", "more than any limit"}, Row{"5;a\0b\r\nhello\r\n0\r\n\r\n"s, "NUL in an extension"},
           Row{"5;a\nb\r\nhello\r\n0\r\n\r\n", "bare LF in an extension"}, Row{"5;" + std::string(100'000, 'x') + "\r\nhello\r\n0\r\n\r\n", "an endless extension"},
           Row{"00000000000000000000000000000000000000000005\r\nhello\r\n0\r\n\r\n", "an absurd number of zeros"}, Row{"5,5\r\nhello\r\n0\r\n\r\n", "a list"},
           Row{"0\r\nX y\r\n\r\n", "a trailer without colon"}, Row{"0\r\nX : y\r\n\r\n", "a space before the colon"}, Row{"0\r\n folded: y\r\n\r\n", "white space first"},
           Row{"0\r\nX: a\0b\r\n\r\n"s, "NUL in a trailer"}, Row{"0\r\nX: y\nZ: 1\r\n\r\n", "bare LF in a trailer"},
           Row{"0\r\nX: " + std::string(200'000, 'y') + "\r\n\r\n", "endless trailers"}}) {
    CAPTURE(row.body.substr(0, 60));
    CAPTURE(row.rule);
    Client client = target.proxy.client();
    client.send(chunks(row.body) + kSmuggled);
    const RawResponse response = client.read();
    CHECK((response.status == 0 || (response.status >= 400 && response.status < 500)));
    client.await_close();
    CHECK(target.proxy.get("/well").body == "well");
  }
  for (const SeenRequest& request : target.origin.all_requests()) {
    CAPTURE(request.raw.substr(0, 300));
    CHECK((request.target == "/well" || !request.complete));
    CHECK(request.target != "/smuggled");
  }
}

TEST_CASE("fields in trailers do not become fields of the request") {
  Target target;
  Client client = target.proxy.client();
  client.send(chunks("5\r\nhello\r\n0\r\nHost: evil.test\r\nContent-Length: 0\r\nAuthorization: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
  const RawResponse response = client.read();
  CHECK((response.status == 200 || response.status == 400));
  for (const SeenRequest& request : target.origin.all_requests()) {
    CHECK_FALSE(request.fields.has("authorization"));
    CHECK(request.fields.get("host") == kHost);
  }
}

TEST_CASE("a cache key cannot be forged with what a target may hold") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "*").reply([](const SeenRequest& request) {
    return Reply{200, {{"cache-control", "max-age=60"}}, request.field("host") + request.target};
  });
  for (const char* path : {"/k", "/k?", "/k?a", "/k?a=1&b=2", "/k?b=2&a=1", "/k%3Fa", "/k/a", "/k/../k", "//k", "/k;a", "/K"}) {
    CAPTURE(path);
    CHECK(proxy.get(path).body == kHost + std::string(path));
    CHECK(proxy.get(path).body == kHost + std::string(path));
  }
}

TEST_CASE("the body of a request whose origin cannot be reached is no request (RFC 9112 §9.3)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("origin.app", "retries = 0"));
  origin.stop();
  const std::string inner = "GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n";
  for (const std::string& request : {post("Content-Length: " + std::to_string(inner.size()), inner),
                                     post("Transfer-Encoding: chunked", "2c\r\n" + inner.substr(0, 44) + "\r\n0\r\n\r\n"),
                                     post("Expect: 100-continue\r\nContent-Length: " + std::to_string(inner.size()), inner)}) {
    CAPTURE(request);
    Client client = proxy.client();
    client.send(request);
    const RawResponse response = client.read();
    CHECK(response.status >= 502);
    CHECK(same_name(response.field("connection"), "close"));
    CHECK(client.await_close().empty());
  }
}

TEST_SUITE_END();
