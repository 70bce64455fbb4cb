// HTTP/1.1 connections with clients (RFC 9112): order, reuse, versions, bodies, interim answers, tunnels.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}};
const FieldLines kNoStore{{"cache-control", "no-store"}};

}  // namespace

TEST_SUITE_BEGIN("connections");

TEST_CASE("a connection serves many requests, and so does the one to the origin (RFC 9112 §9.3)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1"));
  origin.on("GET", "/a").reply(200, kNoStore, "x");
  Client client = proxy.client();
  for (int i = 0; i < 20; ++i) CHECK(client.get("/a").body == "x");
  CHECK(origin.requests("/a") == 20);
  CHECK(origin.connections() == 1);
}

TEST_CASE("pipelined requests are answered in their order, hits, misses and errors mixed (RFC 9112 §9.3.2)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/hit").reply(200, kFresh, "hit");
  origin.on("GET", "/pass").reply(200, kNoStore, "pass");
  origin.on("POST", "/post").reply([](const SeenRequest& request) { return Reply{200, {}, request.body}; });
  origin.on("GET", "/missing").reply(404, {}, "missing");
  proxy.get("/hit");
  Client client = proxy.client();
  std::string batch;
  for (const char* path : {"/hit", "/pass", "/hit", "/missing", "/hit"}) batch += request_bytes("GET", path);
  batch += request_bytes("POST", "/post", {}, "posted") + request_bytes("HEAD", "/hit") + request_bytes("GET", "/hit");
  client.send(batch);
  for (const char* body : {"hit", "pass", "hit", "missing", "hit", "posted"}) CHECK(client.read().body == body);
  CHECK(client.read("HEAD").field("content-length") == "3");
  CHECK(client.read().body == "hit");
}

TEST_CASE("a batch of a thousand pipelined hits is answered whole") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/hit").reply(200, kFresh, std::string(1000, 'h'));
  proxy.get("/hit");
  Client client = proxy.client();
  std::string batch;
  for (int i = 0; i < 1000; ++i) batch += request_bytes("GET", "/hit");
  client.send(batch);
  int whole = 0;
  for (int i = 0; i < 1000; ++i) whole += client.read().body == std::string(1000, 'h');
  CHECK(whole == 1000);
  CHECK(origin.requests() == 1);
}

TEST_CASE("a request that trickles in byte by byte is a request") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("POST", "/a").reply([](const SeenRequest& request) { return Reply{200, {}, request.body}; });
  Client client = proxy.client();
  client.send_slowly(request_bytes("POST", "/a", {}, "the body"));
  CHECK(client.read().body == "the body");
}

TEST_CASE("heads that come in pieces on several connections of one worker are not mixed up") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1"));
  origin.on("GET", "/pub").reply(200, {{"cache-control", "max-age=60"}}, "pub");
  origin.on("POST", "/me").reply([](const SeenRequest& request) {
    return Reply{200, {}, request.body + "|" + request.field("x-a") + "|" + request.field("cookie") + "|" + request.field("x-e") + "|" + request.field("x-last")};
  });
  CHECK(proxy.get("/pub").body == "pub");
  const std::string whole = "POST /me HTTP/1.1\r\nHost: shop.test\r\nX-A: 1\r\nCookie: a=A\r\nContent-Length: 3\r\nX-Last: z\r\n\r\nabc";
  const std::string others[] = {
      "GET /pub HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n\r\n",                       // a hit
      "GET /pub HTTP/1.1\r\nHost: shop.test\r\nX-E: \r\nCookie: session=OF-ANOTHER\r\n\r\n",
      "HEAD /pub HTTP/1.1\r\nHost: shop.test\r\n\r\n",
      "B d: x\r\n\r\n",                                                                                                   // refused
      "GET /never-whole HTTP/1.1\r\nHost: shop.test\r\nCookie: session=OF-ANOTHER\r\nX-"};                              // half as well
  for (const std::string& other : others) {
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
      CAPTURE(other);
      CAPTURE(cut);
      Client first = proxy.client(), second = proxy.client();
      const double before = proxy.metric("bytes_in_total").value_or(0);
      const auto await_bytes = [&](std::size_t more) {
        await_condition("the worker to have read it", [&] { return proxy.metric("bytes_in_total") >= before + static_cast<double>(more); });
      };
      first.send(whole.substr(0, cut));
      await_bytes(cut);
      second.send(other);
      await_bytes(cut + other.size());
      first.send(whole.substr(cut));
      CHECK(first.read().body == "abc|1|a=A||z");
    }
  }
}

TEST_CASE("an empty line before a request is skipped (RFC 9112 §2.2)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  Client client = proxy.client();
  client.send("\r\n" + request_bytes("GET", "/a"));
  CHECK(client.read().body == "x");
  client.send("\r\n" + request_bytes("GET", "/a"));
  CHECK(client.read().body == "x");
}

TEST_CASE("Connection: close is answered and obeyed (RFC 9112 §9.6)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  for (int i = 0; i < 2; ++i) {                       // a miss and a hit
    Client client = proxy.client();
    client.send(request_bytes("GET", "/a", {{"connection", "close"}}) + request_bytes("GET", "/never"));
    const RawResponse response = client.read();
    CHECK(response.body == "x");
    CHECK(same_name(response.field("connection"), "close"));
    CHECK(client.await_close().empty());
  }
  CHECK(origin.requests("/never") == 0);
}

TEST_CASE("a client that has sent its request and half-closed still gets its answer") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/a").reach(asked).await(answer).reply(200, kFresh, "x");
  Client client = proxy.client();
  client.send_request("GET", "/a");
  client.half_close();
  asked.await();
  answer.open();
  CHECK(client.read().body == "x");
  CHECK(client.await_close().empty());
}

TEST_CASE("HTTP/1.0 clients: no Host, no chunks, closed unless they ask (RFC 9112 §9.3, §7)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  origin.on("GET", "/chunked").head(200, {{"cache-control", "no-store"}, {"transfer-encoding", "chunked"}}).chunk("mi").chunk("lk").last_chunk();
  {
    Client client = proxy.client();
    client.send("GET /a HTTP/1.0\r\n\r\n");
    const RawResponse response = client.read();
    CHECK(response.status == 200);
    CHECK(response.body == "x");
    CHECK(client.await_close().empty());
  }
  {
    Client client = proxy.client();
    client.send("GET /chunked HTTP/1.0\r\nHost: shop.test\r\n\r\n");
    const RawResponse response = client.read();
    CHECK_FALSE(response.fields.has("transfer-encoding"));
    CHECK(response.body == "milk");
    CHECK(response.complete);
  }
  {
    Client client = proxy.client();
    for (int i = 0; i < 2; ++i) {
      client.send("GET /a HTTP/1.0\r\nHost: shop.test\r\nConnection: keep-alive\r\n\r\n");
      const RawResponse response = client.read();
      CHECK(response.body == "x");
      CHECK(same_name(response.field("connection"), "keep-alive"));
    }
  }
}

TEST_CASE("a cut answer to an HTTP/1.0 client ends with a reset, since a clean end would mean the whole") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").head(200, {{"cache-control", "no-store"}, {"transfer-encoding", "chunked"}}).chunk("half").close();
  Client client = proxy.client();
  client.send("GET /a HTTP/1.0\r\nHost: shop.test\r\n\r\n");
  const RawResponse response = client.read();
  CHECK((response.reset || response.status == 502));
}

TEST_CASE("OPTIONS * goes on as such, and OPTIONS of a target too (RFC 9110 §9.3.7)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("OPTIONS", "*").reply(204, {{"allow", "GET"}});
  origin.on("OPTIONS", "/a").reply(200, {}, "options");
  CHECK(proxy.request("OPTIONS", "*").field("allow") == "GET");
  CHECK(proxy.request("OPTIONS", "/a").body == "options");
}

TEST_CASE("methods that nobody knows are passed on and never cached") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("PROPFIND", "/a").reply(207, kFresh, "x");
  for (int i = 0; i < 2; ++i) CHECK(proxy.request("PROPFIND", "/a").status == 207);
  CHECK(origin.requests("/a") == 2);
}

TEST_CASE("Expect: 100-continue works end to end: the body is sent only when the origin asks for it (RFC 9110 §10.1.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, go{"the origin wants the body"};
  origin.on("POST", "/a").early().reach(asked).await(go).interim(100).read_body().reply(
      [](const SeenRequest& request) { return Reply{201, {}, request.body}; });
  Client client = proxy.client();
  client.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  asked.await();
  CHECK(origin.last_request("/a").field("expect") == "100-continue");
  go.open();
  CHECK(client.read_head().status == 100);
  client.send("body");
  const RawResponse response = client.read();
  CHECK(response.status == 201);
  CHECK(response.body == "body");
}

TEST_CASE("an origin that refuses an expectation is believed, and the body is not asked for") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("POST", "/a").early().reply(401, {{"connection", "close"}}, "no").close();
  Client client = proxy.client();
  client.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n");
  const RawResponse response = client.read();
  CHECK(response.status == 401);
  CHECK(response.interim.empty());
  CHECK(response.body == "no");
}

TEST_CASE("request bodies arrive whole, with a length and in chunks, small and large (RFC 9112 §6, §7)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("POST", "/a").reply([](const SeenRequest& request) {
    return Reply{200, {{"x-length", std::to_string(request.body.size())}}, request.body.substr(0, 100)};
  });
  std::string large;
  for (int i = 0; large.size() < 3'000'000; ++i) large += std::to_string(i) + ",";
  Client client = proxy.client();
  for (const std::string& body : {std::string(""), std::string("x"), large}) {
    const RawResponse response = client.request("POST", "/a", {{"content-length", std::to_string(body.size())}}, body);
    CHECK(response.field("x-length") == std::to_string(body.size()));
    CHECK(origin.last_request("/a").body == body);
  }
  client.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n");
  CHECK(client.read().body == "hello world");
  CHECK_FALSE(origin.last_request("/a").fields.has("x-sum"));     // a trailer is never merged (RFC 9110 §6.5.1)
  CHECK(origin.last_request("/a").fields.count("content-length") + origin.last_request("/a").fields.count("transfer-encoding") == 1);
  client.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  CHECK(client.read().field("x-length") == "0");
}

TEST_CASE("a GET with a body passes it on and keeps the connection in step") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply([](const SeenRequest& request) { return Reply{200, kNoStore, "got " + request.body}; });
  Client client = proxy.client();
  CHECK(client.request("GET", "/a", {}, "abc").body == "got abc");
  CHECK(client.request("GET", "/a", {}, "def").body == "got def");
}

TEST_CASE("an origin that answers before it has the body ends the request, and the client hears it") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("POST", "/a").early().reply(413, {{"connection", "close"}}, "too much").close();
  Client client = proxy.client();
  client.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5000000\r\n\r\n0123456789");
  const RawResponse response = client.read();
  CHECK(response.status == 413);
  CHECK(response.body == "too much");
}

TEST_CASE("trailers of an answer are passed as trailers or dropped, never as fields (RFC 9110 §6.5.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").head(200, {{"cache-control", "no-store"}, {"trailer", "x-sum"}, {"transfer-encoding", "chunked"}})
      .chunk("milk").last_chunk({{"x-sum", "4"}, {"set-cookie", "a=1"}, {"content_length", "9"}});
  Client client = proxy.client();
  for (int i = 0; i < 2; ++i) {
    const RawResponse response = client.get("/a", {{"te", "trailers"}, {"connection", "te"}});
    CHECK(response.body == "milk");
    CHECK_FALSE(response.trailers.has("set-cookie"));
    CHECK_FALSE(response.trailers.has("content_length"));
    CHECK(response.complete);
    CHECK_FALSE(response.fields.has("x-sum"));
  }
}

TEST_CASE("interim answers are passed on, 103 only where it is allowed, and none is stored (RFC 9110 §15.2, RFC 8297)") {
  for (const bool early_hints : {false, true}) {
    CAPTURE(early_hints);
    Origin origin;
    ProxyConfig config = config_for(origin);
    if (early_hints) config.add("forwarding", "early_hints_http1 = true");
    const Proxy proxy(config);
    origin.on("GET", "/a").interim(102).interim(103, {{"link", "</style.css>"}, {"x-interim", "1"}}).reply(200, kFresh, "x");
    const RawResponse response = proxy.get("/a");
    CHECK(response.status == 200);
    REQUIRE(response.interim.size() == (early_hints ? 2 : 1));
    CHECK(response.interim[0].status == 102);
    if (early_hints) CHECK(response.interim[1].field("link") == "</style.css>");
    CHECK_FALSE(response.fields.has("x-interim"));
    const RawResponse hit = proxy.get("/a");
    CHECK(is_hit(hit));
    CHECK(hit.interim.empty());
    CHECK_FALSE(hit.fields.has("link"));
  }
}

TEST_CASE("an HTTP/1.0 client gets no interim answer (RFC 9110 §15.2)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").interim(102).reply(200, kNoStore, "x");
  Client client = proxy.client();
  client.send("GET /a HTTP/1.0\r\nHost: shop.test\r\n\r\n");
  CHECK(client.read().interim.empty());
}

TEST_CASE("after a 101 the connection is a tunnel in both directions (RFC 9110 §7.8)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/ws").head(101, {{"upgrade", "echo"}, {"connection", "upgrade"}}).raw("hello ").tunnel();
  Client client = proxy.client();
  client.send_request("GET", "/ws", {{"upgrade", "echo"}, {"connection", "upgrade"}, {"sec-key", "1"}});
  const RawResponse response = client.read();
  CHECK(response.status == 101);
  CHECK(response.field("upgrade") == "echo");
  CHECK(same_name(response.field("connection"), "upgrade"));
  CHECK(origin.last_request("/ws").field("upgrade") == "echo");
  CHECK(same_name(origin.last_request("/ws").field("connection"), "upgrade"));
  CHECK(client.read_bytes(6) == "hello ");
  for (int i = 0; i < 3; ++i) {
    const std::string bytes = "GET /smuggled HTTP/1.1\r\n\r\n";     // only bytes now
    client.send(bytes);
    CHECK(client.read_bytes(bytes.size()) == bytes);
  }
  const std::string large(300'000, 'w');
  client.send(large);
  CHECK((client.read_bytes(large.size()) == large));
  client.half_close();
  CHECK(client.await_close().empty());
  CHECK(origin.requests() == 1);
}

TEST_CASE("an origin that does not switch protocols answers like any other, and the connection goes on") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/ws").reply(200, kNoStore, "plain");
  Client client = proxy.client();
  for (int i = 0; i < 2; ++i) {
    CHECK(client.get("/ws", {{"upgrade", "echo"}, {"connection", "upgrade"}}).body == "plain");
  }
}

TEST_CASE("what a client sends before the 101 is not taken for the tunnel's until the origin has switched") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/ws").reach(asked).await(answer).reply(200, kNoStore, "plain");
  origin.on("GET", "/a").reply(200, kNoStore, "a");
  Client client = proxy.client();
  client.send(request_bytes("GET", "/ws", {{"upgrade", "echo"}, {"connection", "upgrade"}}) + request_bytes("GET", "/a"));
  asked.await();
  answer.open();
  CHECK(client.read().body == "plain");
  CHECK(client.read().body == "a");                            // an ordinary second request
  CHECK(origin.requests("/a") == 1);
}

TEST_CASE("a 101 that nobody asked for is an error of the origin's") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("origin.app", "retries = 0"));
  origin.on("GET", "/a").head(101, {{"upgrade", "echo"}, {"connection", "upgrade"}}).tunnel();
  const RawResponse response = proxy.get("/a");
  CHECK(response.status == 502);
}

TEST_CASE("CONNECT and TRACE are refused and reach nobody (RFC 9110 §9.3.6, §9.3.8)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Client connect = proxy.client(), trace = proxy.client();
  connect.send("CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n");
  const RawResponse refused = connect.read();
  CHECK(refused.status >= 400);
  CHECK(refused.status <= 501);
  trace.send("TRACE /a HTTP/1.1\r\nHost: shop.test\r\nCookie: secret=1\r\n\r\n");
  const RawResponse traced = trace.read();
  CHECK(traced.status >= 400);
  CHECK(traced.body.find("secret") == std::string::npos);
  CHECK(origin.bytes_received() == 0);
}

TEST_CASE("a client that goes away in the middle of everything leaves the proxy well") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/big").reply(200, kNoStore, std::string(2'000'000, 'b'));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  origin.on("POST", "/post").reply(200);
  for (int i = 0; i < 10; ++i) {
    Client half_head = proxy.client(), half_body = proxy.client(), half_answer = proxy.client();
    half_head.send("GET /a HTTP/1.1\r\nHos");
    half_body.send("POST /post HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100\r\n\r\nhalf");
    half_answer.send_request("GET", "/big");
    half_answer.read_bytes(1000);
    half_head.reset();
    half_body.reset();
    half_answer.reset();
    CHECK(proxy.get("/a").body == "x");
  }
  await_condition("closed connections", [&] { return proxy.metric("connections_open") <= 1; });
}

TEST_CASE("a client that leaves an answer of small pieces that never ends takes the origin's connection with it") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  std::atomic<bool> ended{false};      // nobody cut it
  origin.on("GET", "/events").head(200, {{"content-type", "text/event-stream"}, {"cache-control", "no-store"}, {"transfer-encoding", "chunked"}})
      .run([&ended](Exchange& exchange) {
        for (int i = 0; i < 3000 && exchange.wire.socket().send_all("5\r\ntick\n\r\n"); ++i) {
          std::this_thread::sleep_for(std::chrono::milliseconds(10));     // the shape of the input, not a wait for anything
          ended = i == 2999;
        }
        exchange.keep_connection = false;
      });
  Client client = proxy.client();
  client.send_request("GET", "/events");
  client.read_bytes(100);
  client.reset();
  await_condition("the origin's connection cut", [&] { return origin.open_connections() == 0; });
  CHECK_FALSE(ended);
  await_condition("closed connections", [&] { return proxy.metric("connections_open") <= 1; });
}

TEST_CASE("an origin that never says 100 gets the body all the same, soon or as soon as it comes (RFC 9110 §10.1.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("POST", "/up").early().read_body().reply([](const SeenRequest& request) { return Reply{200, {{"cache-control", "no-store"}}, request.body}; });
  const std::string head = "POST /up HTTP/1.1\r\nHost: shop.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
  Client eager = proxy.client(), waiting = proxy.client();
  eager.send(head + "body");
  CHECK(eager.read().body == "body");
  waiting.send(head);
  CHECK(waiting.read_head().status == 100);              // of our own, after a moment
  waiting.send("body");
  CHECK(waiting.read().body == "body");
}

TEST_CASE("a tunnel that either side resets ends both, and nothing else") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1"));
  origin.on("GET", "/stays").websocket().tunnel();
  origin.on("GET", "/resets").websocket().run([](Exchange& exchange) { static_cast<void>(exchange.wire.take(2)); }).reset();
  const FieldLines opening{{"connection", "upgrade"}, {"upgrade", "websocket"}, {"sec-websocket-version", "13"}, {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  Client other = proxy.client();
  other.send_request("GET", "/stays", opening);
  CHECK(other.read().status == 101);
  for (int i = 0; i < 20; ++i) {
    const bool by_origin = i % 2 == 0;
    Client client = proxy.client();
    client.send_request("GET", by_origin ? "/resets" : "/stays", opening);
    CHECK(client.read().status == 101);
    client.send("hi");
    if (by_origin) {
      client.await_close();
    } else {
      CHECK(client.read_bytes(2) == "hi");
      client.reset();
    }
    proxy.await_metric("tunnels_open", 1);
  }
  other.send("still here");
  CHECK(other.read_bytes(10) == "still here");
}

TEST_CASE("a tunnel in which one side alone speaks goes on") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "idle_timeout = \"100ms\""));     // ten times that for a tunnel
  origin.on("GET", "/push").websocket().run([](Exchange& exchange) {
    for (int i = 0; i < 30; ++i) {
      if (!exchange.wire.socket().send_all("tick")) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(60));     // the shape of the input, not a wait
    }
  }).close();
  Client client = proxy.client();
  client.send_request("GET", "/push", {{"connection", "upgrade"}, {"upgrade", "websocket"}, {"sec-websocket-version", "13"}, {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}});
  CHECK(client.read().status == 101);
  CHECK(client.read_bytes(120).size() == 120);
}

TEST_CASE("an upgrade to another HTTP is ignored, and a switch to what was not asked for is no tunnel (RFC 9110 §7.8)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/h2c").reply(200, {{"cache-control", "no-store"}}, "plain");
  const RawResponse plain = proxy.get("/h2c", {{"connection", "Upgrade, HTTP2-Settings"}, {"upgrade", "h2c"}, {"http2-settings", "AAMAAABkAAQAAP__"}});
  CHECK(plain.status == 200);
  CHECK_FALSE(origin.last_request("/h2c").fields.has("upgrade"));
  origin.on("GET", "/other").head(101, {{"connection", "upgrade"}, {"upgrade", "other"}});
  CHECK(proxy.get("/other", {{"connection", "upgrade"}, {"upgrade", "websocket"}}).status == 502);
}

TEST_CASE("OPTIONS counts Max-Forwards down, and is answered here at 0 (RFC 9110 §7.6.2)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("OPTIONS", "/a").reply(204);
  CHECK(proxy.request("OPTIONS", "/a", {{"max-forwards", "5"}}).status == 204);
  CHECK(origin.last_request("/a").field("max-forwards") == "4");
  CHECK(proxy.request("OPTIONS", "/a", {{"max-forwards", "0"}}).fields.has("allow"));
  CHECK(proxy.request("OPTIONS", "/a", {{"max-forwards", "00"}}).fields.has("allow"));
  CHECK(origin.requests("/a") == 1);
  proxy.request("OPTIONS", "/a", {{"max-forwards", "99999999999999999999"}});
  CHECK(origin.last_request("/a").field("max-forwards") == "2147483647");
}

TEST_CASE("OPTIONS of a whole server, asked for in absolute form, goes on as OPTIONS * (RFC 9112 §3.2.4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("OPTIONS", "*").reply(204, {{"allow", "GET"}});
  origin.on("OPTIONS", "/").reply(204, {{"allow", "POST"}});
  for (const auto& [target, allow] : {std::pair{"http://shop.test", "GET"}, {"http://shop.test/", "POST"}}) {
    CAPTURE(target);
    Client client = proxy.client();
    client.send("OPTIONS " + std::string(target) + " HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    CHECK(client.read("OPTIONS").field("allow") == allow);
  }
}

TEST_CASE("an https target on a plain connection is misdirected, also where its path is stored (RFC 9110 §7.4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "a");
  proxy.get("/a");
  REQUIRE(is_hit(proxy.get("/a")));
  Client client = proxy.client();
  client.send("GET https://shop.test/a HTTP/1.1\r\nHost: shop.test\r\n\r\n");
  CHECK(client.read().status == 421);
  CHECK(origin.requests() == 1);
}

TEST_CASE("every error of ours says so in Proxy-Status (RFC 9209)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Client bad = proxy.client();
  bad.send("GET / HTTP/1.1\r\n\r\n");
  const RawResponse refused = bad.read();
  CHECK(refused.status == 400);
  CHECK(proxy_status(refused).get("error") == "http_request_error");
  CHECK(refused.fields.has("x-request-id"));
  CHECK(proxy_status(proxy.request("PURGE", "/a")).get("error") == "http_request_denied");
  CHECK(proxy_status(proxy.get("/a", {{"cache-control", "only-if-cached"}})).get("error") == "proxy_internal_response");
}

TEST_SUITE_END();
