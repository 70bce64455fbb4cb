// Hostile requests, each seen from all sides (support/stage.h): what the client gets and whether its connection ends, every byte
// that reaches the origin, what is stored afterwards, and that the next request is answered with its own answer.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "support/stage.h"

using namespace davenport::testing;
using namespace std::string_literals;

namespace {

constexpr bool kStays = false;
const std::vector<std::string> kNothing{};
const std::string kHello = "5\r\nhello\r\n0\r\n\r\n";

std::string inner_get() { return get("/inner"); }

// SIGSTOP, and waits until every thread of the proxy, which is our only child, stands still.
void freeze(Proxy& proxy) {
  std::string child = read_file("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  child.resize(child.find(' '));
  proxy.signal(SIGSTOP);
  await_condition("the proxy to stand still", [&child] {
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + child + "/task")) {
      if (read_file(thread.path().string() + "/stat").find(") T ") == std::string::npos) return false;    // "1234 (name) T …"
    }
    return true;
  });
}

std::vector<Got> ok(const std::string& body) { return {Got(200, body)}; }

}  // namespace

TEST_SUITE_BEGIN("hostile_table");

TEST_CASE("CL.TE, TE.CL, TE.TE, 0.CL: a body has one length, or there is no request (RFC 9112 §6)") {
  Stage stage;
  const std::string inner = get("/inner");
  const std::string as_chunk = "1e\r\n" + inner.substr(0, 30) + "\r\n0\r\n\r\n";
  for (const Act& act : {
           Act{"CL.TE, the length is short (§6.1)", post("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG"), {400}},
           Act{"CL.TE, the length covers a request (§6.1)", post("Content-Length: 46\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + inner), {400}},
           Act{"TE.CL (§6.1)", post("Transfer-Encoding: chunked\r\nContent-Length: 4", as_chunk), {400}},
           Act{"TE.CL with a length of 0", post("Transfer-Encoding: chunked\r\nContent-Length: 0", kHello), {400}},
           Act{"TE.CL in one line of a fold (§5.2)", post("Content-Length: 5\r\n\tTransfer-Encoding: chunked", "hello"), {400}},
           Act{"TE.CL on GET", "GET /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" + kHello, {400}},
           Act{"TE.TE, chunked twice in two lines (§7.1)", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", kHello), {400}},
           Act{"TE.TE, identity behind chunked", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", kHello), {400}},
           Act{"TE.TE, identity before chunked (§6.1: a coding that is unknown)", post("Transfer-Encoding: identity, chunked", kHello), {501}},
           Act{"TE.TE, a nameless coding", post("Transfer-Encoding: , chunked", kHello), {400}},
           Act{"TE.TE, a comma behind", post("Transfer-Encoding: chunked,", kHello), {400}},
           Act{"TE.TE, x before", post("Transfer-Encoding: x\r\nTransfer-Encoding: chunked", kHello), {501}},
           Act{"TE.TE, x behind", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", kHello), {400}},
           Act{"TE: cow", post("Transfer-Encoding: cow", kHello), {400}},
           Act{"TE: chunked with a weight", post("Transfer-Encoding: chunked;q=0.5", kHello), {400}},
           Act{"TE: chunked in single quotes", post("Transfer-Encoding: 'chunked'", kHello), {400}},
           Act{"TE: a vertical tab before the value", post("Transfer-Encoding:\vchunked", kHello), {400}},
           Act{"TE: a form feed behind the value", post("Transfer-Encoding: chunked\f", kHello), {400}},
           Act{"TE: NUL behind the value", post("Transfer-Encoding: chunked\0"s, kHello), {400}},
           Act{"TE: a no-break space", post("Transfer-Encoding:\xc2\xa0" "chunked", kHello), {400}},
           Act{"TE: dotless letters", post("Transfer-Encoding: chun\xe2\x84\xaa" "ed", kHello), {400}},
           Act{"TE in HTTP/1.0 (§6.1)", "POST /a HTTP/1.0\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n" + kHello, {400}},
           Act{"TE and CL in HTTP/1.0", "POST /a HTTP/1.0\r\nHost: shop.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + kHello, {400}},
           Act{"TE before a space and the colon (§5.1)", post("Transfer-Encoding : chunked", kHello), {400}},
           Act{"TE behind a bare CR (§2.2)", post("X: a\rTransfer-Encoding: chunked", kHello), {400}},
           Act{"TE behind a bare LF (§2.2)", post("X: a\nTransfer-Encoding: chunked", kHello), {400}},
           Act{"TE behind NUL", post("X: a\0Transfer-Encoding: chunked"s, kHello), {400}},
           Act{"TE as a continued line (§5.2)", post("X: a\r\n Transfer-Encoding: chunked", kHello), {400}},
           Act{"TE's value on the next line (§5.2)", post("Transfer-Encoding:\r\n chunked", kHello), {400}},
           Act{"TE's name cut by a fold", post("Transfer-\r\n Encoding: chunked", kHello), {400}},
           Act{"CL twice, different (§6.3)", post("Content-Length: 5\r\nContent-Length: 0", "hello"), {400}},
           Act{"CL twice, the same", post("Content-Length: 5\r\ncontent-length: 5", "hello"), {400}},
           Act{"CL as a list", post("Content-Length: 5, 5", "hello"), {400}},
           Act{"CL with an empty member", post("Content-Length: ,5", "hello"), {400}},
           Act{"CL plus", post("Content-Length: +5", "hello"), {400}},
           Act{"CL minus", post("Content-Length: -1", "hello"), {400}},
           Act{"CL minus zero", post("Content-Length: -0", "hello"), {400}},
           Act{"CL hexadecimal", post("Content-Length: 0x5", "hello"), {400}},
           Act{"CL with an exponent", post("Content-Length: 5e0", "hello"), {400}},
           Act{"CL with an underscore", post("Content-Length: 0_5", "hello"), {400}},
           Act{"CL with a space inside", post("Content-Length: 0 5", "hello"), {400}},
           Act{"CL in other digits", post("Content-Length: \xd9\xa5", "hello"), {400}},
           Act{"CL above 63 bits", post("Content-Length: 9223372036854775808", "hello"), {400}},
           Act{"CL that wraps to 5 in 64 bits", post("Content-Length: 18446744073709551621", "hello"), {400}},
           Act{"CL before a space and the colon", post("Content-Length : 5", "hello"), {400}},
           Act{"CL in a fold", post("Content-Length:\r\n 5", "hello"), {400}},
           Act{"CL behind a bare CR", post("Content-Length: 5\rX: y", "hello"), {400}},
           Act{"CL empty", post("Content-Length: ", "hello"), {400}},
           Act{"CL above limits.body is refused before a byte of it", post("Content-Length: 9223372036854775807", "hello"), {413}}}) {
    stage.play(act);
  }
  CHECK(stage.acts() >= 49);
}

TEST_CASE("what is well framed is forwarded in one spelling, and what follows it is the next request (RFC 9112 §6, §7)") {
  Stage stage;
  const std::string sent = seen("POST /a", "", "Transfer-Encoding: chunked\r\n", kHello);
  const std::string by_length = seen("POST /a", "", "Content-Length: 5\r\n", "hello");
  for (const Act& act : {
           Act{"0.CL: no body, then a request", post("Content-Length: 0", inner_get()), {Got(200, "POST /a"), Got(200, "GET /inner")},
               {seen("POST /a", "", "Content-Length: 0\r\n"), seen("GET /inner")}, "", kStays},
           Act{"no CL at all: no body (§6.3)", "POST /a HTTP/1.1\r\nHost: shop.test\r\n\r\n" + inner_get(), {Got(200, "POST /a"), Got(200, "GET /inner")},
               {seen("POST /a", "", "Content-Length: 0\r\n"), seen("GET /inner")}, "", kStays},
           Act{"leading zeros are digits (RFC 9110 §8.6)", post("Content-Length: 0005", "hello"), ok("POST /a hello"), {by_length}, "", kStays},
           Act{"tabs around a value (RFC 9110 §5.5)", post("Content-Length:\t 5 \t", "hello"), ok("POST /a hello"), {by_length}, "", kStays},
           Act{"names in any case", post("cONTENT-lENGTH: 5", "hello"), ok("POST /a hello"), {by_length}, "", kStays},
           Act{"codings in any case (§7)", post("tRANSFER-eNCODING: ChUnKeD", kHello), ok("POST /a hello"), {sent}, "", kStays},
           Act{"a body that holds a request", post("Content-Length: 43", get("/smuggled")), ok("POST /a " + get("/smuggled")),
               {seen("POST /a", "", "Content-Length: 43\r\n", get("/smuggled"))}, "", kStays},
           Act{"chunk extensions are dropped (§7.1.1)", chunked("5;a=b;c=\"d;e\"\r\nhello\r\n0;last\r\n\r\n"), ok("POST /a hello"), {sent}, "", kStays},
           Act{"a quoted extension that looks like lines' ends", chunked("5;a=\"\\\"0\\\"\"\r\nhello\r\n0\r\n\r\n"), ok("POST /a hello"), {sent}, "", kStays},
           Act{"white space around an extension (§7.1.1: BWS)", chunked("5 ; a = b\r\nhello\r\n0\r\n\r\n"), ok("POST /a hello"), {sent}, "", kStays},
           Act{"sizes in any case and with zeros", chunked("0000A\r\n0123456789\r\n000\r\n\r\n"), ok("POST /a 0123456789"),
               {seen("POST /a", "", "Transfer-Encoding: chunked\r\n", "a\r\n0123456789\r\n0\r\n\r\n")}, "", kStays},
           Act{"an unkeyed body with GET is no GET for the cache (RFC 9110 §9.3.1)", "GET /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\nhello",
               ok("GET /a hello"), {seen("GET /a", "", "Content-Length: 5\r\n", "hello")}, "", kStays},
           Act{"the same in chunks", "GET /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n" + kHello, ok("GET /a hello"),
               {seen("GET /a", "", "Transfer-Encoding: chunked\r\n", kHello)}, "", kStays},
           Act{"an empty body in chunks with GET", "GET /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ok("GET /a"),
               {seen("GET /a", "", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n")}, "", kStays},
           Act{"a GET that says it has no body", get("/a", "Content-Length: 0"), ok("GET /a"), {seen("GET /a")}, "GET /a", kStays},
           Act{"a few empty lines before a request (§2.2)", "\r\n\r\n" + get("/a"), ok("GET /a"), {seen("GET /a")}, "GET /a", kStays},
           Act{"methods are case-sensitive: get is not GET (RFC 9110 §9.1)", line("get /a HTTP/1.1"), ok("get /a"), {seen("get /a")}, "", kStays},
           Act{"a method that only begins as GET", line("GETS /a HTTP/1.1"), ok("GETS /a"), {seen("GETS /a")}, "", kStays},
           Act{"pipelined: a miss, a hit, a body, a miss", get("/a") + get("/a") + post("Content-Length: 5", "hello") + get("/b"),
               {Got(200, "GET /a"), Got(200, "GET /a"), Got(200, "POST /a hello"), Got(200, "GET /b")},
               {seen("GET /a"), by_length, seen("GET /b")}, "", kStays}}) {
    stage.play(act);
  }
}

TEST_CASE("chunked bodies that are broken never become whole requests at the origin (RFC 9112 §7.1)") {
  Stage stage;
  const std::string begun = seen("POST /a", "", "Transfer-Encoding: chunked\r\n") + "…";
  for (const Act& act : {
           Act{"a size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), {400}, {begun}}, Act{"a size with a sign", chunked("+5\r\nhello\r\n0\r\n\r\n"), {400}, {begun}},
           Act{"a negative size", chunked("-1\r\nhello\r\n0\r\n\r\n"), {400}, {begun}}, Act{"an empty size", chunked("\r\nhello\r\n0\r\n\r\n"), {400}, {begun}},
           Act{"a space before the size", chunked(" 5\r\nhello\r\n0\r\n\r\n"), {400}, {begun}}, Act{"a space behind it", chunked("5 \r\nhello\r\n0\r\n\r\n"), {400}, {begun}},
           Act{"a tab behind it", chunked("5\t\r\nhello\r\n0\r\n\r\n"), {400}, {begun}}, Act{"NUL behind it", chunked("5\0\r\nhello\r\n0\r\n\r\n"s), {400}, {begun}},
           Act{"a size of 2^64 + 5", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), {400}, {begun}},
           Act{"a size of 2^64 - 1", chunked("ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), {400}, {begun}},
           Act{"bare LF behind the size", chunked("5\nhello\r\n0\r\n\r\n"), {400}, {begun}}, Act{"bare CR behind the size", chunked("5\rhello\r\n0\r\n\r\n"), {400}, {begun}},
           Act{"CR CR LF behind the size", chunked("5\r\r\nhello\r\n0\r\n\r\n"), {400}, {begun}}, Act{"bare LF behind the content", chunked("5\r\nhello\n0\r\n\r\n"), {400}, {begun}},
           Act{"no line's end behind the content", chunked("5\r\nhello0\r\n\r\n"), {400}, {begun}}, Act{"content longer than its size", chunked("4\r\nhello\r\n0\r\n\r\n"), {400}, {begun}},
           Act{"bare LF in an extension", chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"), {400}, {begun}}, Act{"bare CR in an extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), {400}, {begun}},
           Act{"an extension that is not closed", chunked("5;a=\"b\r\nhello\r\n0\r\n\r\n"), {400}, {begun}}, Act{"an extension without a name", chunked("5;=b\r\nhello\r\n0\r\n\r\n"), {400}, {begun}},
           Act{"an extension without a semicolon", chunked("5 a\r\nhello\r\n0\r\n\r\n"), {400}, {begun}}, Act{"an endless extension", chunked("5;" + std::string(40'000, 'a')), {400}, {begun}},
           Act{"many zeros", chunked(std::string(40, '0') + "5\r\nhello\r\n0\r\n\r\n"), {400}, {begun}},
           Act{"bare LF as the end", chunked("5\r\nhello\r\n0\n\n"), {400}, {begun}}, Act{"bare LF as the end of trailers", chunked("5\r\nhello\r\n0\r\n\n"), {400}, {begun}},
           Act{"a folded trailer", chunked("5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n"), {400}, {begun}}, Act{"a trailer without a name", chunked("5\r\nhello\r\n0\r\n: a\r\n\r\n"), {400}, {begun}},
           Act{"a trailer with a space before the colon", chunked("5\r\nhello\r\n0\r\nX : a\r\n\r\n"), {400}, {begun}},
           Act{"a length in the trailers (RFC 9110 §6.5.1)", chunked("5\r\nhello\r\n0\r\nContent-Length: 0\r\n\r\n"), {400}, {begun}},
           Act{"a coding in the trailers", chunked("5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"), {400}, {begun}},
           Act{"a Host in the trailers", chunked("5\r\nhello\r\n0\r\nHost: evil.test\r\n\r\n"), {400}, {begun}},
           Act{"a Connection in the trailers", chunked("5\r\nhello\r\n0\r\nConnection: close\r\n\r\n"), {400}, {begun}},
           Act{"more trailers than fields", chunked("5\r\nhello\r\n0\r\n" + [] { std::string many; for (int i = 0; i < 200; ++i) many += "X: y\r\n"; return many; }() + "\r\n"), {400}, {begun}},
           Act{"a request where a size should be", chunked("5\r\nhello\r\n" + get("/inner")), {400}, {begun}}}) {
    stage.play(act);
  }
  for (const SeenRequest& request : stage.origin.all_requests()) CHECK((request.method != "POST" || !request.complete));
}

TEST_CASE("requests that the proxy answers itself leave nothing behind them that could be taken for a request") {
  Stage stage;
  const std::string body = "Content-Length: 43\r\n\r\n" + get("/smuggled");
  for (const Act& act : {
           Act{"CONNECT (RFC 9110 §9.3.6)", "CONNECT shop.test:80 HTTP/1.1\r\nHost: shop.test:80\r\n\r\n", {405}},
           Act{"CONNECT with a path", line("CONNECT /a HTTP/1.1"), {400}},
           Act{"CONNECT without a port", "CONNECT shop.test HTTP/1.1\r\nHost: shop.test\r\n\r\n", {400}},
           Act{"CONNECT with a body", "CONNECT shop.test:80 HTTP/1.1\r\nHost: shop.test:80\r\n" + body, {405}},
           Act{"TRACE (§9.3.8)", line("TRACE /a HTTP/1.1"), {405}, {}, "", kStays},
           Act{"TRACE with a body", "TRACE /a HTTP/1.1\r\nHost: shop.test\r\n" + body, {405}},
           Act{"PURGE by nobody in particular", line("PURGE /a HTTP/1.1"), {403}, {}, "", kStays},
           Act{"PURGE with a body", "PURGE /a HTTP/1.1\r\nHost: shop.test\r\n" + body, {403}},
           Act{"BAN by nobody in particular", line("BAN /a HTTP/1.1"), {403}, {}, "", kStays},
           Act{"a body above limits.body", post("Content-Length: 99999999999", get("/smuggled")), {413}},
           Act{"an expectation that nobody knows (§10.1.1)", post("Content-Length: 43\r\nExpect: 101-upgrade", get("/smuggled")), {417}},
           Act{"an expectation twice", post("Content-Length: 43\r\nExpect: 100-continue, 100-continue", get("/smuggled")), {417}},
           Act{"good requests before a bad one are answered", get("/a") + get("/b") + "GET /c HTTP/1.1\r\nHost : x\r\n\r\n",
               {Got(200, "GET /a"), Got(200, "GET /b"), 400}, {seen("GET /a"), seen("GET /b")}, "GET /a"},
           Act{"what follows Connection: close is not read (RFC 9112 §9.6)", get("/a", "Connection: close"), ok("GET /a"), {seen("GET /a")}, "GET /a"},
           Act{"close among others", get("/a", "Connection: keep-alive, ,CLOSE"), ok("GET /a"), {seen("GET /a")}, "GET /a"},
           Act{"what follows HTTP/1.0 is not read (§9.3)", "GET /a HTTP/1.0\r\nHost: shop.test\r\n\r\n", ok("GET /a"), {"GET /a HTTP/1.1\r\nHost: shop.test\r\nVia: 1.0 davenport\r\n\r\n"}, "GET /a"},
           Act{"white space behind a request", get("/a") + " " + get("/b"), {Got(200, "GET /a"), 400}, {seen("GET /a")}, "GET /a"},
           Act{"HTTP/2's preface behind a request (RFC 9113 §3.4)", get("/a") + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {Got(200, "GET /a"), 505}, {seen("GET /a")}, "GET /a"},
           Act{"TLS on a plain port", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"s, {400}}}) {
    stage.play(act);
  }
}

TEST_CASE("hop-by-hop fields end here, and nobody can have another field taken away (RFC 9110 §7.6.1)") {
  Stage stage;
  const std::vector<std::string> plain{seen("GET /a")};
  for (const Act& act : {
           Act{"the fields that are for one hop", get("/a", "Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Authorization: Basic eDp5"),
               ok("GET /a"), plain, "GET /a", kStays},
           Act{"a field that Connection names", get("/a", "Connection: X-Secret\r\nX-Secret: 1"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"in any case and in any place", get("/a", "x-SECRET: 1\r\nConnection: keep-alive\r\nConnection: a,, X-Secret ,b"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"Connection names Host", get("/a", "Connection: Host"), {400}}, Act{"… Cookie", get("/a", "Connection: cookie\r\nCookie: a=b"), {400}},
           Act{"… Authorization", get("/a", "Connection: close, authorization\r\nAuthorization: Basic eDp5"), {400}},
           Act{"… Content-Length", post("Connection: Content-Length\r\nContent-Length: 5", "hello"), {400}},
           Act{"… Transfer-Encoding", post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked", kHello), {400}},
           Act{"… Cache-Control", get("/a", "Connection: cache-control\r\nCache-Control: no-store"), {400}}, Act{"… Range", get("/a", "Connection: range\r\nRange: bytes=0-"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"… Accept-Encoding, that a variant is chosen by", get("/a", "Connection: accept-encoding\r\nAccept-Encoding: gzip"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"… If-None-Match", get("/a", "Connection: if-none-match\r\nIf-None-Match: *"), ok("GET /a"), plain, "GET /a", kStays}, Act{"… Via", get("/a", "Connection: via"), {400}},
           Act{"… X-Forwarded-For", get("/a", "Connection: x-forwarded-for"), {400}}, Act{"… X-Forwarded-Anything", get("/a", "Connection: x-forwarded-port"), {400}},
           Act{"… X-Real-IP", get("/a", "Connection: X-Real-IP"), {400}}, Act{"… Forwarded", get("/a", "Connection: forwarded"), {400}},
           Act{"… X-Request-Id", get("/a", "Connection: x-request-id"), {400}}, Act{"… what is no token", get("/a", "Connection: a b"), {400}},
           Act{"… a quoted string", get("/a", "Connection: \"close\""), {400}}, Act{"… a name with a colon", get("/a", "Connection: X-Secret:"), {400}},
           Act{"an upgrade that Connection does not name is none (§7.8)", get("/a", "Upgrade: websocket"), ok("GET /a"), plain, "GET /a", kStays},
           Act{"an upgrade in HTTP/1.0 is none (§7.8)", "GET /a HTTP/1.0\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", ok("GET /a"),
               {"GET /a HTTP/1.1\r\nHost: shop.test\r\nVia: 1.0 davenport\r\n\r\n"}, "GET /a"},
           Act{"an upgrade that the origin declines: the next request is one (premature upgrade)", get("/a", "Connection: upgrade\r\nUpgrade: websocket") + get("/inner"),
               {Got(200, "GET /a"), Got(200, "GET /inner")}, {seen("GET /a", "Upgrade: websocket\r\n", "Connection: upgrade\r\n"), seen("GET /inner")}, "", kStays},
           Act{"h2c is no upgrade any more (RFC 9113 §3.1)", get("/a", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"), ok("GET /a"), plain,
               "GET /a", kStays}}) {
    stage.play(act);
  }
}

TEST_CASE("an origin that switches protocols in the middle of a request's body is broken (RFC 9110 §7.8)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1").add("origin.app", "eject_after = 0"));
  const std::string switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
  origin.on("POST", "/early").early().raw(switched).never();
  origin.on("GET", "/unasked").raw(switched).never();
  origin.on("POST", "/whole").raw(switched).tunnel();
  origin.on("GET", "/well").reply(200, {{"cache-control", "no-store"}}, "well");
  const std::string upgrade = " HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: x\r\n";
  for (const char* framing : {"Content-Length: 50\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "Content-Length: 50\r\n\r\n",
                              "Content-Length: 50\r\nExpect: 100-continue\r\n\r\n"}) {
    CAPTURE(framing);
    Client client = proxy.client();
    client.send("POST /early" + upgrade + framing);
    CHECK(client.read().status == 502);
    client.send("more of the body" + get("/well"));
    CHECK(client.await_close() == "");
    CHECK(proxy.get("/well").body == "well");
  }
  Client unasked = proxy.client();
  CHECK(unasked.get("/unasked").status == 502);
  CHECK(unasked.get("/well").body == "well");
  Client whole = proxy.client();                       // behind the whole body it is allowed, and what came early goes through
  whole.send("POST /whole" + upgrade + "Content-Length: 5\r\n\r\nhelloearly");
  CHECK(whole.read().status == 101);
  CHECK(whole.read_bytes(5) == "early");
  whole.send("later");
  CHECK(whole.read_bytes(5) == "later");
}

TEST_CASE("a body that its origin did not take is never read as requests (RFC 9112 §9.3)") {
  for (const bool chunked_body : {false, true}) {
    CAPTURE(chunked_body);
    Origin origin;
    Proxy proxy(config_for(origin).add("", "workers = 1").add("origin.app", "eject_after = 0"));
    Barrier asked{"the origin was asked"}, answer{"it may answer"}, answered{"it has answered and reset"};
    origin.on("POST", "/a").early().reach(asked).await(answer).raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly").run([point = answered.point()](Exchange& exchange) {
      exchange.keep_connection = false;
      exchange.wire.socket().reset();
      point->open();
    });
    origin.on("GET", "*").reply(200, {}, "smuggled");
    Client client = proxy.client();
    const std::string piece = chunked_body ? "5\r\nhello\r\n" : "hello";
    client.send(std::string("POST /a HTTP/1.1\r\nHost: shop.test\r\n") + (chunked_body ? "Transfer-Encoding: chunked" : "Content-Length: 500") + "\r\n\r\n" + piece);
    asked.await();
    // Both come while the proxy does not look: it finds the client's bytes first, and that the origin takes no more of them.
    freeze(proxy);
    client.send(piece);
    answer.open();
    answered.await();
    proxy.signal(SIGCONT);
    const RawResponse response = client.read();
    CHECK(response.status == 200);
    CHECK(response.body == "early");
    client.send(get("/smuggled"));
    CHECK(client.await_close() == "");
    CHECK(origin.requests("/smuggled") == 0);
  }
}

TEST_SUITE_END();
