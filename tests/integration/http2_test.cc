// HTTP/2 with clients (RFC 9113): the same answers as over HTTP/1.1, by ALPN and by prior knowledge; bodies both ways within windows,
// trailers, interim answers, resets, shutdown, priorities (RFC 9218), WebSocket (RFC 8441).
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <thread>

#include "support/cache_status.h"
#include "support/http2_client.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}};
const FieldLines kNoStore{{"cache-control", "no-store"}};

std::string patterned(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 31 + i / 977) % 26);
  return text;
}

struct Shop {
  Origin origin;
  ProxyConfig config = config_for(origin);
};

}  // namespace

TEST_SUITE_BEGIN("http2");

TEST_CASE("misses, hits, passes, uploads and HEAD are what they are over HTTP/1.1, in clear and over TLS") {
  Shop shop;
  TempDir dir;
  Authority authority(dir.path());
  bool tls = false;
  SUBCASE("in clear") {}
  SUBCASE("over TLS") { tls = true; }
  TlsOptions options;
  options.ca = authority.file();
  if (tls) shop.config.listen_tls({authority.issue("shop", {"shop.test"})});
  const Proxy proxy(shop.config);
  const std::string large = patterned(3'000'000);
  shop.origin.on("GET", "/small").reply(200, kFresh, "small");
  shop.origin.on("GET", "/large").reply(200, kFresh, large);
  shop.origin.on("GET", "/pass").reply(200, kNoStore, large);
  shop.origin.on("POST", "/up").reply([](const SeenRequest& request) { return Reply{200, {}, request.body}; });
  Http2Client client = tls ? Http2Client(proxy.port(), options) : Http2Client(proxy.port());
  for (int i = 0; i < 3; ++i) {
    CHECK(client.get("/small").body == "small");
    CHECK(client.get("/large").body == large);
    CHECK(client.get("/pass").body == large);
    const std::uint32_t up = client.request("POST", "/up", {{"content-length", std::to_string(large.size())}}, false);
    client.send_body(up, large, true);
    CHECK(client.await(up).body == large);
    const std::uint32_t unknown = client.request("POST", "/up", {}, false);
    client.send_body(unknown, large, true);
    CHECK(client.await(unknown).body == large);
    const Http2Response head = client.await(client.request("HEAD", "/small"));
    CHECK(head.status == 200);
    CHECK(head.field("content-length") == "5");
    CHECK(head.body.empty());
    CHECK(head.complete);
  }
  CHECK(is_hit(client.get("/small")));
  CHECK(shop.origin.requests("/small") == 1);
  CHECK(shop.origin.requests("/large") == 1);
}

TEST_CASE("streams that miss together, and a client of HTTP/1.1, cost one origin request") {
  Shop shop;
  const Proxy proxy(shop.config);
  const Barrier asked{"origin was asked"}, answer{"origin may answer"};
  const std::string large = patterned(300'000);
  shop.origin.on("GET", "/milk").reach(asked).await(answer).reply(200, kFresh, large);
  Http2Client client(proxy.port());
  std::vector<std::uint32_t> streams;
  for (int i = 0; i < 20; ++i) streams.push_back(client.request("GET", "/milk"));
  asked.await();
  Clients others = proxy.start_gets(1, "/milk");
  proxy.await_metric("coalesced_followers", 20);
  answer.open();
  for (const std::uint32_t stream : streams) CHECK(client.await(stream).body == large);
  CHECK(others.join().front().body == large);
  CHECK(shop.origin.requests("/milk") == 1);
}

TEST_CASE("what the origin hears: one Host, cookie crumbs joined, Via 2.0, nothing that concerned the connection") {
  Shop shop;
  const Proxy proxy(shop.config);
  shop.origin.on("GET", "/a?x=1").reply(200, {{"cache-control", "no-store"}, {"connection", "x-one-hop"}, {"x-one-hop", "1"}, {"keep-alive", "5"}, {"X-Kept", "Yes"}}, "x");
  Http2Client client(proxy.port());
  const Http2Response response = client.await(
      client.request("GET", "/a?x=1", {{"cookie", "a=1"}, {"host", kHost}, {"cookie", "b=2"}, {"te", "trailers"}, {"cookie", "c=3"}, {"x-mine", "1"}}));
  CHECK(response.status == 200);
  for (const char* gone : {"connection", "keep-alive", "x-one-hop", "transfer-encoding"}) CHECK_FALSE(response.fields.has(gone));
  CHECK(std::any_of(response.fields.begin(), response.fields.end(), [](const auto& line) { return line.first == "x-kept" && line.second == "Yes"; }));
  const SeenRequest seen = shop.origin.last_request("/a?x=1");
  CHECK(seen.version == "HTTP/1.1");
  CHECK(seen.fields.count("host") == 1);
  CHECK(seen.field("host") == kHost);
  CHECK(seen.fields.count("cookie") == 1);
  CHECK(seen.field("cookie") == "a=1; b=2; c=3");
  CHECK(seen.field("via").starts_with("2.0 "));
  CHECK(seen.field("x-forwarded-proto") == "http");
  CHECK(seen.field("x-mine") == "1");
  CHECK_FALSE(seen.fields.has("te"));
}

TEST_CASE("an answer of unknown length, its trailers, and interim answers go through; a request's trailers too") {
  Shop shop;
  const Proxy proxy(shop.config);
  shop.origin.on("GET", "/t").interim(103, {{"link", "</a.css>; rel=preload"}}).head(200, {{"cache-control", "no-store"}, {"transfer-encoding", "chunked"}})
      .chunk("one").chunk("two").last_chunk({{"x-sum", "6"}});
  shop.origin.on("POST", "/t").reply(200, {}, "thanks");
  shop.origin.on("GET", "/until").head(200, {{"cache-control", "no-store"}}).raw("to the end").close();
  shop.origin.on("GET", "/none").reply(204, kNoStore);
  Http2Client client(proxy.port());
  const Http2Response response = client.get("/t");
  CHECK(response.body == "onetwo");
  CHECK(response.complete);
  CHECK(response.trailers.get("x-sum") == "6");
  REQUIRE(response.interim.size() == 1);
  CHECK(response.interim.front().status == 103);
  CHECK(response.interim.front().fields.get("link") == "</a.css>; rel=preload");
  const std::uint32_t post = client.request("POST", "/t", {}, false);
  client.send_body(post, "body", false);
  client.send(Frame{Frame::headers, Frame::kEndHeaders | Frame::kEndStream, post, Http2Client::block({{"x-check", "1"}})});
  CHECK(client.await(post).body == "thanks");
  CHECK(shop.origin.last_request("/t").trailers.get("x-check") == "1");
  CHECK_FALSE(shop.origin.last_request("/t").fields.has("x-check"));
  CHECK(client.get("/until").body == "to the end");
  const Http2Response none = client.get("/none");
  CHECK(none.status == 204);
  CHECK(none.complete);
}

TEST_CASE("Expect: 100-continue is answered before the body is sent") {
  Shop shop;
  const Proxy proxy(shop.config);
  shop.origin.on("POST", "/up").early().interim(100).read_body().reply([](const SeenRequest& request) { return Reply{200, {}, request.body}; });
  Http2Client client(proxy.port());
  const std::uint32_t stream = client.request("POST", "/up", {{"expect", "100-continue"}, {"content-length", "4"}}, false);
  client.await(stream, [](const Http2Response& response) { return !response.interim.empty(); });
  client.send_body(stream, "body", true);
  const Http2Response response = client.await(stream);
  CHECK(response.interim.front().status == 100);
  CHECK(response.body == "body");
}

TEST_CASE("an answer that was cut short ends with a reset, never with END_STREAM (RFC 9113 §8.1.1)") {
  Shop shop;
  const Proxy proxy(shop.config);
  const Barrier cut{"the client has the first bytes"}, reset{"the client has the first chunk"};
  shop.origin.on("GET", "/cut").head(200, {{"cache-control", "no-store"}, {"content-length", "1000"}}).raw("only so much").await(cut).close();
  shop.origin.on("GET", "/chunks").head(200, {{"cache-control", "max-age=60"}, {"transfer-encoding", "chunked"}}).chunk("only so much").await(reset).reset();
  shop.origin.on("GET", "/well").reply(200, kFresh, "well");
  Http2Client client(proxy.port());
  for (const std::string path : {"/cut", "/chunks"}) {
    CAPTURE(path);
    const std::uint32_t stream = client.request("GET", path);
    client.await(stream, [](const Http2Response& head) { return !head.body.empty(); });
    (path == "/cut" ? cut : reset).open();
    const Http2Response response = client.await(stream);
    CHECK_FALSE(response.complete);
    CHECK(response.code == H2::internal_error);
  }
  CHECK(client.get("/well").body == "well");
}

TEST_CASE("an answer that is cut while its frames wait for the socket is reset, and the others come whole") {
  Shop shop;
  const Proxy proxy(shop.config.add("origin.app", "retries = 0"));
  const Barrier cut{"the answer has begun"};
  const std::string large = patterned(12'000'000);
  shop.origin.on("GET", "/cut").head(200, {{"cache-control", "no-store"}, {"content-length", "20000000"}}).raw(large).await(cut).close();
  shop.origin.on("GET", "/large").reply(200, kFresh, large);
  CHECK(proxy.get("/large").body == large);
  Http2Client client(proxy.port(), 16 * 1024);
  client.settings({{4, 0x7fffffff}});
  client.window(0, 0x7fffffff - 65'535);
  client.auto_window(false);
  const std::uint32_t first = client.request("GET", "/large"), second = client.request("GET", "/cut"), third = client.request("GET", "/large");
  await_condition("the answer has begun", [&] { return proxy.metric("origin_bytes_in").value_or(0) > 12'000'000; });
  cut.open();
  CHECK((client.await(first).body == large));
  const Http2Response broken = client.await(second);
  CHECK_FALSE(broken.complete);
  CHECK(broken.code == H2::internal_error);
  CHECK((client.await(third).body == large));
}

TEST_CASE("a stream without a window waits alone; when it waits too long it is reset, and the connection goes on") {
  Shop shop;
  shop.config.add("limits", "send_timeout = \"600ms\"");
  const Proxy proxy(shop.config);
  const std::string large = patterned(400'000);
  shop.origin.on("GET", "/large").reply(200, kFresh, large);
  shop.origin.on("GET", "/pass").reply(200, kNoStore, large);
  shop.origin.on("GET", "/small").reply(200, kFresh, "small");
  Http2Client client(proxy.port());
  client.auto_window(false);
  client.window(0, 10'000'000);
  for (const char* path : {"/large", "/pass"}) {
    CAPTURE(path);
    const std::uint32_t waits = client.request("GET", path);
    client.await(waits, [](const Http2Response& response) { return response.body.size() == 65'535; });
    CHECK(client.get("/small").body == "small");
    client.window(waits, 1'000'000);
    CHECK(client.await(waits).body == large);
    const Http2Response stuck = client.await(client.request("GET", path));
    CHECK(stuck.code == H2::cancel);
    CHECK(client.get("/small").body == "small");
  }
}

TEST_CASE("a reset ends a passed request at its origin, and leaves a fetch for the store alone") {
  Shop shop;
  const Proxy proxy(shop.config);
  const Barrier asked{"origin was asked"}, answer{"origin may answer"}, passed{"origin was asked to pass"};
  shop.origin.on("GET", "/stored").reach(asked).await(answer).reply(200, kFresh, "stored");
  shop.origin.on("POST", "/passed").reach(passed).never();
  Http2Client client(proxy.port());
  const std::uint32_t stored = client.request("GET", "/stored");
  asked.await();
  client.reset(stored);
  const std::uint32_t post = client.request("POST", "/passed");
  passed.await();
  client.reset(post);
  await_condition("the origin's connection is closed", [&] { return shop.origin.open_connections() == 1; });
  answer.open();
  CHECK(client.get("/stored").body == "stored");
  CHECK(shop.origin.requests("/stored") == 1);
  proxy.await_metric("http2_resets", 2);
  shop.origin.forgive();
}

TEST_CASE("SIGTERM: GOAWAY, what has begun is finished, what was on its way still comes in") {
  Shop shop;
  Proxy proxy(shop.config);
  const Barrier asked{"origin was asked"}, answer{"origin may answer"};
  shop.origin.on("GET", "/slow").reach(asked).await(answer).reply(200, kNoStore, "slow");
  shop.origin.on("GET", "/late").reply(200, kNoStore, "late");
  Http2Client client(proxy.port()), idle(proxy.port());
  while (idle.peer_setting(4) == 0) REQUIRE(idle.read_frame());
  const std::uint32_t slow = client.request("GET", "/slow");
  asked.await();
  proxy.signal(SIGTERM);
  while (!client.goaway()) REQUIRE(client.read_frame());
  CHECK(client.goaway_stream() == 0x7fffffff);
  CHECK(client.get("/late").body == "late");
  answer.open();
  CHECK(client.await(slow).body == "slow");
  CHECK(client.await_goaway() == H2::no_error);
  CHECK(client.goaway_stream() == 3);
  CHECK(idle.await_goaway() == H2::no_error);
  CHECK(proxy.terminate() == 0);
}

TEST_CASE("where it is switched off, there is none: neither by ALPN nor by its preface") {
  Shop shop;
  TempDir dir;
  Authority authority(dir.path());
  TlsOptions options;
  options.ca = authority.file();
  const CertificateFiles files = authority.issue("shop", {"shop.test"});
  bool tls = false;
  SUBCASE("listener") { shop.config.listen("http2 = false"); }
  SUBCASE("all") { shop.config.add("http2", "enabled = false"); }
  SUBCASE("listener over TLS") {
    shop.config.listen("http2 = false").listen_tls({files});
    tls = true;
  }
  const Proxy proxy(shop.config);
  if (tls) {
    CHECK_THROWS(Http2Client(proxy.port(), options));
    return;
  }
  Client client = proxy.client();
  client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  CHECK(client.read().status == 505);
}

TEST_CASE("over TLS the preface counts only where ALPN agreed on HTTP/2, and ALPN takes whichever the client knows") {
  Shop shop;
  TempDir dir;
  Authority authority(dir.path());
  TlsOptions options;
  options.ca = authority.file();
  const Proxy proxy(shop.config.listen_tls({authority.issue("shop", {"shop.test"})}));
  shop.origin.on("GET", "/a").reply(200, kFresh, "a");
  options.protocols = {"http/1.1"};
  Client client(proxy.port(), options);
  CHECK(client.tls().facts().protocol == "http/1.1");
  client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  CHECK(client.read().status == 505);
  CHECK(Http2Client(proxy.port(), options).get("/a").body == "a");
  CHECK(shop.origin.last_request("/a").field("x-forwarded-proto") == "https");
}

TEST_CASE("the preface may come byte by byte, and behind a PROXY header") {
  Shop shop;
  SUBCASE("byte by byte") {
    const Proxy proxy(shop.config);
    shop.origin.on("GET", "/a").reply(200, kFresh, "a");
    Client slow = proxy.client();
    slow.send_slowly("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame{Frame::settings, 0, 0, ""}.bytes());
    CHECK(slow.read_bytes(9).substr(3, 1) == std::string(1, Frame::settings));
  }
  SUBCASE("behind a PROXY header") {
    const Proxy proxy(shop.config.listen_proxy_protocol());
    shop.origin.on("GET", "/a").reply(200, kNoStore, "a");
    Socket socket = Socket::connect(proxy.port());
    socket.send_all("PROXY TCP4 192.0.2.7 192.0.2.1 1000 80\r\n");
    Http2Client client(std::move(socket));
    CHECK(client.get("/a").body == "a");
    CHECK(shop.origin.last_request("/a").field("x-forwarded-for") == "192.0.2.7");
  }
}

TEST_CASE("the access log and the metrics tell HTTP/2 apart") {
  Shop shop;
  std::string format;
  SUBCASE("combined") { format = "combined"; }
  SUBCASE("json") { format = "json"; }
  Proxy proxy(shop.config.add("log.access", "format = \"" + format + "\""));
  shop.origin.on("GET", "/a").reply(200, kFresh, "a");
  {
    Http2Client client(proxy.port());
    CHECK(client.get("/a").status == 200);
    CHECK(client.get("/a").status == 200);
  }
  CHECK(proxy.get("/a").status == 200);
  CHECK(proxy.metric("http2_requests") == 2);
  CHECK(proxy.metric("client_requests") == 3);
  CHECK(proxy.metric("http2_connections") == 1);
  CHECK(proxy.terminate() == 0);
  const std::string log = proxy.standard_output();
  CHECK(log.find(format == "json" ? "\"http\":\"2.0\"" : "\"GET /a HTTP/2.0\"") != std::string::npos);
  CHECK(log.find(format == "json" ? "\"http\":\"1.1\"" : "\"GET /a HTTP/1.1\"") != std::string::npos);
}

TEST_CASE("PURGE, conditions, ranges, codings and 421 work as over HTTP/1.1") {
  Shop shop;
  shop.config.add("purge", "from = [\"127.0.0.1\"]").add("route", "hosts = [\"shop.test\"]");
  const Proxy proxy(shop.config);
  const std::string text = patterned(20'000);
  shop.origin.on("GET", "/a.css").reply(200, {{"cache-control", "max-age=60"}, {"etag", "\"1\""}, {"content-type", "text/css"}}, text);
  Http2Client client(proxy.port());
  CHECK(client.get("/a.css").body == text);
  CHECK(client.get("/a.css", {{"if-none-match", "\"1\""}}).status == 304);
  const Http2Response part = client.get("/a.css", {{"range", "bytes=10-19"}});
  CHECK(part.status == 206);
  CHECK(part.body == text.substr(10, 10));
  const Http2Response coded = client.get("/a.css", {{"accept-encoding", "gzip"}});
  CHECK(coded.field("content-encoding") == "gzip");
  CHECK(coded.body.size() < text.size());
  CHECK(client.await(client.request("PURGE", "/a.css")).status == 200);
  CHECK(client.get("/a.css").body == text);
  CHECK(shop.origin.requests("/a.css") == 2);
  const std::uint32_t elsewhere = client.open({{":method", "GET"}, {":scheme", "http"}, {":authority", "other.test"}, {":path", "/a.css"}}, true);
  CHECK(client.await(elsewhere).status == 421);
  const std::uint32_t https = client.open({{":method", "GET"}, {":scheme", "https"}, {":authority", kHost}, {":path", "/a.css"}}, true);
  CHECK(client.await(https).status == 421);
  CHECK(client.await(client.open({{":method", "CONNECT"}, {":authority", "shop.test:443"}}, true)).status == 405);
}

TEST_CASE("what is urgent is sent first (RFC 9218 §4.1), in a request's field or by PRIORITY_UPDATE") {
  Shop shop;
  const Proxy proxy(shop.config);
  const std::string large = patterned(200'000);
  shop.origin.on("GET", "*").reply(200, kFresh, large);
  CHECK(proxy.get("/late").body == large);
  CHECK(proxy.get("/soon").body == large);
  Http2Client client(proxy.port());
  client.auto_window(false);
  client.settings({{4, 1'000'000}});
  const auto block_of = [](const char* path, const FieldLines& more) {
    FieldLines lines{{":method", "GET"}, {":scheme", "http"}, {":authority", kHost}, {":path", path}};
    return Http2Client::block(lines.add(more));
  };
  std::string update("\0\0\0\3u=0", 7);
  std::uint32_t late = 0, soon = 0;
  SUBCASE("fields") {
    late = client.next_stream();
    soon = client.next_stream();
    client.send(Frame{Frame::headers, Frame::kEndHeaders | Frame::kEndStream, late, block_of("/late", {{"priority", "u=5"}})}.bytes() +
                Frame{Frame::headers, Frame::kEndHeaders | Frame::kEndStream, soon, block_of("/soon", {{"priority", "u=1"}})}.bytes());
  }
  SUBCASE("frame") {
    late = client.next_stream();
    soon = client.next_stream();
    client.send(Frame{Frame::headers, Frame::kEndHeaders | Frame::kEndStream, late, block_of("/late", {})}.bytes() + Frame{16, 0, 0, update}.bytes() +
                Frame{Frame::headers, Frame::kEndHeaders | Frame::kEndStream, soon, block_of("/soon", {})}.bytes());
  }
  client.await(soon, [](const Http2Response& response) { return response.status != 0; });
  client.await(late, [](const Http2Response& response) { return response.status != 0; });
  client.window(0, 200'000 - 65'535);                  // room for one of the two
  CHECK(client.await(soon).body.size() + 0 == large.size());
  CHECK(client.await(late, [](const Http2Response&) { return true; }).body.empty());
  client.window(0, 1'000'000);
  CHECK(client.await(late).body == large);
}

TEST_CASE("a WebSocket whose origin does not accept the key is a bad gateway (RFC 6455 §4.1)") {
  Shop shop;
  const Proxy proxy(shop.config);
  const FieldLines switched{{"connection", "upgrade"}, {"upgrade", "websocket"}};
  Http2Client client(proxy.port());
  for (const char* accept : {"", "x", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}) {      // none, nonsense, and that of the RFC's example
    CAPTURE(accept);
    FieldLines fields = switched;
    if (*accept != 0) fields.add("sec-websocket-accept", accept);
    shop.origin.on("GET", "/ws").head(101, fields).tunnel();
    const Http2Response refused = client.await(client.open({{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":authority", kHost}, {":path", "/ws"}, {"sec-websocket-version", "13"}}, false));
    CHECK(refused.status == 502);
  }
  // Over HTTP/1.1 the key is the client's, and so is the check.
  shop.origin.on("GET", "/1").head(101, FieldLines(switched).add("sec-websocket-accept", "x")).tunnel();
  Client old(proxy.port());
  old.send(request_bytes("GET", "/1", {{"connection", "upgrade"}, {"upgrade", "websocket"}, {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}}));
  const RawResponse response = old.read();
  CHECK(response.status == 101);
  CHECK(response.field("sec-websocket-accept") == "x");
}

TEST_CASE("a WebSocket opens by extended CONNECT and runs over HTTP/1.1's upgrade at the origin (RFC 8441)") {
  Shop shop;
  const Proxy proxy(shop.config);
  shop.origin.on("GET", "/ws").websocket({{"sec-websocket-protocol", "chat"}}).tunnel();
  shop.origin.on("GET", "/no").reply(403, {}, "no");
  shop.origin.on("GET", "/ok").reply(200, {}, "no websocket at all");
  Http2Client client(proxy.port());
  const auto open = [&](const char* path, const char* protocol = "websocket") {
    return client.open({{":method", "CONNECT"}, {":protocol", protocol}, {":scheme", "http"}, {":authority", kHost}, {":path", path}, {"sec-websocket-version", "13"}}, false);
  };
  const std::uint32_t stream = open("/ws");
  Http2Response& response = client.await(stream, [](const Http2Response& head) { return head.status != 0; });
  CHECK(client.peer_setting(8) == 1);
  CHECK(response.status == 200);
  CHECK(response.field("sec-websocket-protocol") == "chat");
  CHECK_FALSE(response.fields.has("sec-websocket-accept"));
  CHECK_FALSE(response.fields.has("upgrade"));
  const SeenRequest seen = shop.origin.last_request("/ws");
  CHECK(seen.field("upgrade") == "websocket");
  CHECK(same_name(seen.field("connection"), "upgrade"));
  CHECK(seen.field("sec-websocket-version") == "13");
  CHECK(seen.field("sec-websocket-key").size() == 24);
  const std::string large = patterned(500'000);
  client.send_body(stream, "hello", false);
  client.await(stream, [](const Http2Response& head) { return head.body == "hello"; });
  client.send_body(stream, large, true);
  CHECK(client.await(stream).body == "hello" + large);
  CHECK(client.await(stream).complete);
  CHECK(client.await(open("/no")).status == 403);
  CHECK(client.await(open("/ok")).status == 502);      // a 2xx would say that the tunnel stands
  CHECK(client.await(open("/ws", "connect-udp")).status == 501);
  const std::uint32_t left = open("/ws");
  client.await(left, [](const Http2Response& head) { return head.status != 0; });
  proxy.await_metric("tunnels_open", 1);
  client.reset(left);
  proxy.await_metric("tunnels_open", 0);
}

TEST_CASE("an upload goes at its origin's pace: no more than the windows is held") {
  Shop shop;
  const Proxy proxy(shop.config);
  const Barrier asked{"origin was asked"}, read{"origin may read"};
  shop.origin.on("POST", "/up").early().reach(asked).await(read).read_body().reply([](const SeenRequest& request) {
    return Reply{200, {}, std::to_string(request.body.size())};
  });
  Http2Client client(proxy.port());
  const std::uint32_t stream = client.request("POST", "/up", {}, false);
  asked.await();
  const std::string large = patterned(30'000'000);
  std::thread opener([&] {
    await_condition("more than the windows hold has come", [&] { return proxy.metric("bytes_in").value_or(0) > 1'500'000; });
    read.open();
  });
  client.send_body(stream, large, true);
  opener.join();
  CHECK(client.await(stream).body == "30000000");
}

TEST_CASE("curl and nghttp agree") {
  Shop shop;
  TempDir dir;
  Authority authority(dir.path());
  const Proxy plain(shop.config);
  const std::string large = patterned(1'000'000);
  shop.origin.on("GET", "/large").reply(200, kFresh, large);
  shop.origin.on("POST", "/up").reply([](const SeenRequest& request) { return Reply{200, {}, request.body}; });
  write_file(dir.file("body"), large);
  const std::string url = "http://127.0.0.1:" + std::to_string(plain.port());
  int runs = 0;
  const auto run = [&](const std::vector<std::string>& arguments) {
    const std::string out = dir.file("out" + std::to_string(++runs));
    Process process(arguments, out, dir.file("err"));
    CHECK(process.await_exit() == 0);
    return read_file(out);
  };
  CHECK((run({"/usr/bin/curl", "-sS", "--http2-prior-knowledge", url + "/large"}) == large));
  CHECK((run({"/usr/bin/curl", "-sS", "--http2-prior-knowledge", "--data-binary", "@" + dir.file("body"), url + "/up"}) == large));
  CHECK((run({"/usr/bin/curl", "-sS", "--http2", url + "/large"}) == large));       // an upgrade from HTTP/1.1, which is not taken
  CHECK((run({"/usr/bin/nghttp", "-d", dir.file("body"), url + "/up"}) == large));
  CHECK((run({"/usr/bin/nghttp", "-m", "3", url + "/large"}) == large + large + large));
  CHECK(run({"/usr/bin/h2load", "-n", "3000", "-c", "3", "-m", "50", url + "/large"}).find("3000 succeeded, 0 failed") != std::string::npos);
}

TEST_CASE("a WebSocket that its origin closes is over, though the client says nothing (RFC 8441 §5)") {
  Shop shop;
  const Proxy proxy(shop.config);
  shop.origin.on("GET", "/ws").websocket().raw("bye").close();
  Http2Client client(proxy.port());
  for (int i = 0; i < 5; ++i) {
    const std::uint32_t stream =
        client.open({{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":authority", kHost}, {":path", "/ws"}, {"sec-websocket-version", "13"}}, false);
    CHECK(client.await(stream).body == "bye");
  }
  proxy.await_metric("tunnels_open", 0);
}

TEST_CASE("a scheme's case says nothing, and OPTIONS of a path stays one (RFC 9110 §4.2.3)") {
  Shop shop;
  const Proxy proxy(shop.config);
  shop.origin.on("OPTIONS", "/x/y").reply(204);
  Http2Client client(proxy.port());
  const std::uint32_t stream = client.open({{":method", "OPTIONS"}, {":scheme", "HTTP"}, {":authority", kHost}, {":path", "/x/y"}}, true);
  CHECK(client.await(stream).status == 204);
  CHECK(shop.origin.requests("/x/y") == 1);
}

TEST_SUITE_END();
