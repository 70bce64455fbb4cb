// Hostile answers of an origin, each seen from all sides: what the client gets and whether that ends cleanly, what is stored, whether
// the origin's connection is used again, and that the client's next request is answered with its own answer.
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;
using namespace std::string_literals;

namespace {

enum class Ends { stays, closes };                  // what the origin does behind its bytes
enum class Kept { kept, dropped };                  // the proxy's connection to it

struct Row {
  const char* name;
  std::string bytes;                                // of the origin
  Ends ends;
  int status;                                       // that the client gets; 502 is of our own making; kCut: that, or a cut 200
  std::string body;
  bool whole;                                       // false: it is cut, and that shows
  const char* stored;                               // its body; "": nothing is
  Kept connection;
};

constexpr int kCut = 0;                             // whether anything was sent on before it broke off is the kernel's timing
constexpr Ends kStays = Ends::stays, kCloses = Ends::closes;
constexpr Kept kKept = Kept::kept, kDropped = Kept::dropped;

std::string head(const std::string& lines, const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nCache-Control: max-age=600\r\n" + lines + (lines.empty() ? "\r\n" : "\r\n\r\n");
}
std::string sized(const std::string& lines, const std::string& body = "hello") {
  return head("Content-Length: " + std::to_string(body.size()) + (lines.empty() ? "" : "\r\n" + lines)) + body;
}
std::string chunked(const std::string& body, const std::string& lines = "") {
  return head("Transfer-Encoding: chunked" + (lines.empty() ? "" : "\r\n" + lines)) + body;
}
const std::string kHello = "5\r\nhello\r\n0\r\n\r\n", kPoison = "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: 8\r\n\r\npoisoned";

// One worker and no retries: what is kept is used for the next request, and each row is asked for once.
ProxyConfig config(const Origin& origin) {
  return config_for(origin).add("", "workers = 1").add("origin.app", "retries = 0").add("origin.app", "eject_after = 0");
}

class Stage {
 public:
  Stage() : proxy_(config(origin_)) { origin_.on("GET", "/next").reply(200, {{"cache-control", "no-store"}}, "next"); }

  void play(const Row& row) {
    CAPTURE(row.name);
    CAPTURE(row.bytes.substr(0, 200));
    const std::string path = "/row" + std::to_string(++number_);
    Answer& answer = origin_.on("GET", path).raw(row.bytes);
    if (row.ends == kCloses) answer.close();
    Client client = proxy_.client();
    const RawResponse response = client.get(path);
    const int status = row.status == kCut ? response.status : row.status;
    const bool whole = row.status == kCut ? status == 502 : row.whole;
    CHECK(response.status == status);
    if (status != 502) CHECK(response.body == row.body);
    CHECK(response.complete == whole);
    CHECK_FALSE(response.fields.has("x-secret"));
    CHECK(response.fields.has("cache-status") == (status != 502));
    CHECK(response.head.find("poison") == std::string::npos);
    if (whole) {
      const RawResponse next = client.get("/next");
      CHECK(next.status == 200);
      CHECK(next.body == "next");
    } else {
      CHECK(client.await_close() == "");
      CHECK(proxy_.get("/next").body == "next");
    }
    const int asked_on = origin_.last_request(path).connection, next_on = origin_.last_request("/next").connection;
    CHECK((asked_on == next_on) == (row.connection == kKept));
    const RawResponse stored = proxy_.get(path, {{"cache-control", "only-if-cached"}});
    CHECK((stored.status == 504 ? "" : stored.body) == row.stored);
    CHECK(origin_.requests(path) == 1);
  }
  int rows() const { return number_; }

 private:
  Origin origin_;
  const Proxy proxy_;
  int number_ = 0;
};

}  // namespace

TEST_SUITE_BEGIN("hostile_answers");

TEST_CASE("where an answer ends is said once, or it is none (RFC 9112 §6)") {
  Stage stage;
  for (const Row& row : {
           Row{"CL.TE", head("Content-Length: 5\r\nTransfer-Encoding: chunked") + kHello, kStays, 502, "", true, "", kDropped},
           Row{"TE.CL", head("Transfer-Encoding: chunked\r\nContent-Length: 5") + kHello, kStays, 502, "", true, "", kDropped},
           Row{"CL twice, different", head("Content-Length: 5\r\nContent-Length: 50") + "hello", kStays, 502, "", true, "", kDropped},
           Row{"CL twice, the same", head("Content-Length: 5\r\nContent-Length: 5") + "hello", kStays, 502, "", true, "", kDropped},
           Row{"CL as a list", head("Content-Length: 5, 5") + "hello", kStays, 502, "", true, "", kDropped},
           Row{"CL in a fold (§5.2)", head("Content-Length:\r\n 5") + "hello", kStays, 502, "", true, "", kDropped},
           Row{"CL before a space and the colon (§5.1)", head("Content-Length : 5") + "hello", kStays, 502, "", true, "", kDropped},
           Row{"CL with a sign", head("Content-Length: +5") + "hello", kStays, 502, "", true, "", kDropped},
           Row{"CL above 63 bits", head("Content-Length: 9223372036854775808") + "hello", kStays, 502, "", true, "", kDropped},
           Row{"TE: chunked twice", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked") + kHello, kStays, 502, "", true, "", kDropped},
           Row{"TE: identity", head("Transfer-Encoding: identity") + "hello", kCloses, 502, "", true, "", kDropped},
           Row{"TE: gzip before chunked", head("Transfer-Encoding: gzip, chunked") + kHello, kStays, 502, "", true, "", kDropped},
           Row{"TE: gzip alone", head("Transfer-Encoding: gzip") + "hello", kCloses, 502, "", true, "", kDropped},
           Row{"TE in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + kHello, kCloses, 502, "", true, "", kDropped},
           Row{"TE behind a bare LF", head("X: a\nTransfer-Encoding: chunked") + kHello, kCloses, 502, "", true, "", kDropped},
           Row{"neither: until the end (§6.3)", head("") + "hello", kCloses, 200, "hello", true, "hello", kDropped},
           Row{"neither, in HTTP/1.0 with keep-alive", "HTTP/1.0 200 OK\r\nCache-Control: max-age=600\r\nConnection: keep-alive\r\n\r\nhello", kCloses, 200, "hello", true, "hello", kDropped},
           Row{"204 has none, whatever it says", head("Content-Length: 5", "204 No Content"), kStays, 204, "", true, "", kDropped},
           Row{"204 that says so", head("Content-Length: 0", "204 No Content"), kStays, 204, "", true, "", kKept},
           Row{"204 with a body all the same", head("Content-Length: 5", "204 No Content") + "hello", kStays, 204, "", true, "", kDropped},
           Row{"204 in chunks", head("Transfer-Encoding: chunked", "204 No Content") + kHello, kStays, 204, "", true, "", kDropped},
           Row{"304 that nobody asked for, with a body", head("Content-Length: 8\r\nETag: \"1\"", "304 Not Modified") + "poisoned", kStays, 502, "", true, "", kDropped},
           Row{"another answer behind a length", sized("") + kPoison, kStays, 200, "hello", true, "hello", kDropped},
           Row{"another answer behind the last chunk", chunked(kHello + kPoison), kStays, 200, "hello", true, "hello", kDropped},
           Row{"one line's end too many behind a length", sized("") + "\r\n", kStays, 200, "hello", true, "hello", kDropped},
           Row{"chunk extensions are dropped (§7.1.1)", chunked("5;a=\"b;c\"\r\nhello\r\n0;d\r\n\r\n"), kStays, 200, "hello", true, "hello", kKept},
           Row{"Connection: close", sized("Connection: close"), kCloses, 200, "hello", true, "hello", kDropped},
           Row{"Connection: close among others, and it does not close", sized("Connection: keep-alive, x, Close"), kStays, 200, "hello", true, "hello", kDropped},
           Row{"HTTP/1.0 without keep-alive, and it does not close", "HTTP/1.0 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: 5\r\n\r\nhello", kStays, 200, "hello", true, "hello", kDropped}}) {
    stage.play(row);
  }
}

TEST_CASE("an answer that is cut or breaks its framing never ends cleanly and is never stored (RFC 9112 §8, RFC 9111 §3.3)") {
  Stage stage;
  for (const Row& row : {
           Row{"shorter than its length", head("Content-Length: 50") + "hello", kCloses, kCut, "hello", false, "", kDropped},
           Row{"by one byte", head("Content-Length: 6") + "hello", kCloses, kCut, "hello", false, "", kDropped},
           Row{"no last chunk", chunked("5\r\nhello\r\n"), kCloses, kCut, "hello", false, "", kDropped},
           Row{"no end of the trailers", chunked("5\r\nhello\r\n0\r\n"), kCloses, kCut, "hello", false, "", kDropped},
           Row{"within the last line", chunked("5\r\nhello\r\n0\r\n\r"), kCloses, kCut, "hello", false, "", kDropped},
           Row{"within a chunk", chunked("9\r\nhello"), kCloses, kCut, "hello", false, "", kDropped},
           Row{"within a size", chunked("5\r\nhello\r\n5"), kCloses, kCut, "hello", false, "", kDropped}}) {
    stage.play(row);
  }
  for (const char* broken : {"5\r\nhelloXX0\r\n\r\n", "5\nhello\n0\n\n", "5\rhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n", "\r\nhello\r\n",
                             "ffffffffffffffff\r\nhello", "10000000000000005\r\nhello\r\n0\r\n\r\n", "5;\r\nhello\r\n0\r\n\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n",
                             "5\r\nhello\r\n0\r\nbad\r\n\r\n", "5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n", "5\r\nhello\r\n0\r\nX : a\r\n\r\n", "5\r\nhello\r\n0\r\n\n",
                             "5\r\nhello\r\n0\r\nContent-Length: 8\r\n\r\n", "5\r\nhello\r\n0\r\nTransfer-Encoding: x\r\n\r\n"}) {
    stage.play({"a chunked body that is broken", chunked(broken), kCloses, 502, "", true, "", kDropped});
  }
}

TEST_CASE("an answer that is cut when its head has gone on to the client ends by a reset, for every framing and both versions") {
  Origin origin;
  const Proxy proxy(config(origin));
  int number = 0;
  for (const std::string& begin : {head("Content-Length: 50") + "hello", chunked("5\r\nhello\r\n"), chunked("9\r\nhello"), head("Transfer-Encoding: chunked\r\nVary: *") + "5\r\nhello\r\n",
                                   "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 50\r\n\r\nhello"s}) {
    for (const char* version : {"HTTP/1.1", "HTTP/1.0"}) {
      CAPTURE(begin);
      CAPTURE(version);
      const std::string path = "/cut" + std::to_string(++number);
      Barrier taken{"the client has the first bytes"};
      origin.on("GET", path).raw(begin).await(taken).reset();
      origin.on("GET", path).reply(200, {{"cache-control", "no-store"}}, "whole");
      Client client = proxy.client();
      client.send("GET " + path + " " + version + "\r\nHost: shop.test\r\n\r\n");
      RawResponse response = client.read_head();
      CHECK(response.status == 200);
      taken.open();
      client.read_body(response);
      CHECK_FALSE(response.complete);
      CHECK(proxy.get(path).body == "whole");
    }
  }
}

TEST_CASE("fields that split an answer, smuggle one or end here (RFC 9110 §5.5, §7.6.1)") {
  Stage stage;
  for (const Row& row : {
           Row{"a bare CR in a value", sized("X: a\rSet-Cookie: poison"), kStays, 502, "", true, "", kDropped},
           Row{"a bare LF in a value", sized("X: a\nSet-Cookie: poison"), kStays, 502, "", true, "", kDropped},
           Row{"a fold", sized("X: a\r\n Set-Cookie: poison"), kStays, 502, "", true, "", kDropped},
           Row{"NUL in a value", sized("X: a\0poison"s), kStays, 502, "", true, "", kDropped},
           Row{"a name with a space", sized("X y: poison"), kStays, 502, "", true, "", kDropped},
           Row{"no name", sized(": poison"), kStays, 502, "", true, "", kDropped},
           Row{"no colon", sized("poison"), kStays, 502, "", true, "", kDropped},
           Row{"white space before the first field", "HTTP/1.1 200 OK\r\n X: poison\r\nContent-Length: 5\r\n\r\nhello", kStays, 502, "", true, "", kDropped},
           Row{"a reason that splits", "HTTP/1.1 200 O\rK\r\nContent-Length: 5\r\n\r\nhello", kStays, 502, "", true, "", kDropped},
           Row{"NUL in the reason", "HTTP/1.1 200 O\0K\r\nContent-Length: 5\r\n\r\nhello"s, kStays, 502, "", true, "", kDropped},
           Row{"an end of the head in an end of the head", "HTTP/1.1 200 OK\r\n\n\r\nContent-Length: 5\r\n\r\nhello", kCloses, 502, "", true, "", kDropped},
           Row{"an answer before the answer", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", kStays, 502, "", true, "", kDropped},
           Row{"HTTP/0.9", "<html>poison", kCloses, 502, "", true, "", kDropped}, Row{"HTTP/2", "HTTP/2 200\r\n\r\npoison", kCloses, 502, "", true, "", kDropped},
           Row{"a status above 599", "HTTP/1.1 999 X\r\nContent-Length: 5\r\n\r\nhello", kStays, 502, "", true, "", kDropped},
           Row{"an upgrade that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", kStays, 502, "", true, "", kDropped},
           Row{"a field that Connection names", sized("Connection: x-secret\r\nX-Secret: 1"), kStays, 200, "hello", true, "hello", kKept},
           Row{"Connection names Content-Length", sized("Connection: content-length"), kStays, 502, "", true, "", kDropped},
           Row{"Connection names Cache-Control", sized("Connection: cache-control"), kStays, 502, "", true, "", kDropped},
           Row{"Connection names Set-Cookie", sized("Connection: set-cookie\r\nSet-Cookie: a"), kStays, 502, "", true, "", kDropped},
           Row{"Connection names Vary", sized("Connection: vary\r\nVary: X"), kStays, 502, "", true, "", kDropped},
           Row{"proxy fields are the origin's own (RFC 9111 §3.1)", sized("Proxy-Authenticate: Basic\r\nKeep-Alive: timeout=1"), kStays, 200, "hello", true, "hello", kKept},
           Row{"interim answers, then the answer", "HTTP/1.1 102 P\r\nX-Secret: 1\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + sized(""), kStays, 200, "hello", true, "hello", kKept},
           Row{"an interim answer with a length has no body (RFC 9110 §15.2)", "HTTP/1.1 102 P\r\nContent-Length: 5\r\n\r\n" + sized(""), kStays, 200, "hello", true, "hello", kKept},
           Row{"an interim answer and nothing more", "HTTP/1.1 102 P\r\n\r\n", kCloses, 502, "", true, "", kDropped},
           Row{"seventeen interim answers", [] { std::string many; for (int i = 0; i < 17; ++i) many += "HTTP/1.1 102 P\r\n\r\n"; return many; }() + sized(""), kStays, 502, "", true, "", kDropped},
           Row{"a head above max_response_head", sized("X: " + std::string(70'000, 'x')), kStays, 502, "", true, "", kDropped},
           Row{"more fields than are taken", sized([] { std::string many = "Y: z"; for (int i = 0; i < 10'000; ++i) many += "\r\nY: z"; return many; }()), kStays, 502, "", true, "", kDropped}}) {
    stage.play(row);
  }
}

TEST_CASE("what may not be stored is not, and what is stored is told no lies about (RFC 9111 §3, §4.1)") {
  Stage stage;
  for (const Row& row : {
           Row{"no-store in any case and any place", sized("Cache-Control: NO-STORE"), kStays, 200, "hello", true, "", kKept},
           Row{"private", sized("Cache-Control: Private"), kStays, 200, "hello", true, "", kKept},
           Row{"Vary: *", sized("Vary: X, *"), kStays, 200, "hello", true, "", kKept},
           Row{"Vary holds no token", sized("Vary: a b"), kStays, 200, "hello", true, "", kKept},
           Row{"an Age beyond its lifetime", sized("Age: 601"), kStays, 200, "hello", true, "", kKept},
           Row{"an Age beyond 32 bits", sized("Age: 99999999999999999999"), kStays, 200, "hello", true, "", kKept},
           Row{"a Set-Cookie that is not explicitly shared", sized("Set-Cookie: a=b"), kStays, 200, "hello", true, "", kKept},
           Row{"a part that nobody asked for", head("Content-Length: 2\r\nContent-Range: bytes 0-1/10", "206 P") + "he", kStays, 206, "he", true, "", kKept},
           Row{"a part that lies about its length", head("Content-Length: 2\r\nContent-Range: bytes 0-8/10\r\nETag: \"1\"", "206 P") + "he", kStays, 206, "he", true, "", kKept},
           Row{"a part beyond its whole", head("Content-Length: 2\r\nContent-Range: bytes 9-10/10\r\nETag: \"1\"", "206 P") + "he", kStays, 206, "he", true, "", kKept},
           Row{"416 to no range", head("Content-Length: 0\r\nContent-Range: bytes */5", "416 X"), kStays, 416, "", true, "", kKept}}) {
    stage.play(row);
  }
  CHECK(stage.rows() >= 11);
}

TEST_SUITE_END();
