// What no client of HTTP/2 should send: malformed requests reach no origin in any form, and cost their stream alone; what breaks the
// connection's rules ends it; who asks for much and takes nothing is told to calm down (RFC 9113 §8.1.1, §5.4, §10.5).
#include <doctest/doctest.h>

#include <algorithm>

#include "support/http2_client.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;
using namespace std::string_literals;

namespace {

using Lines = std::vector<FieldLines::Line>;

const Lines kPost{{":method", "POST"}, {":scheme", "http"}, {":authority", kHost}, {":path", "/a"}};
constexpr std::uint8_t kWhole = Frame::kEndHeaders | Frame::kEndStream;

FieldLines all(const Lines& lines) {
  FieldLines fields;
  for (const auto& [name, value] : lines) fields.add(name, value);
  return fields;
}
FieldLines with(const Lines& more) {
  FieldLines fields = all(kPost);
  for (const auto& [name, value] : more) fields.add(name, value);
  return fields;
}
FieldLines but(const std::string& changed, const std::string& value) {
  FieldLines fields;
  for (const auto& [name, old] : kPost) fields.add(name, name == changed ? value : old);
  return fields;
}
FieldLines without(const std::string& dropped) {
  FieldLines fields;
  for (const auto& [name, value] : kPost) {
    if (name != dropped) fields.add(name, value);
  }
  return fields;
}

using Settings = std::vector<std::pair<std::string, std::string>>;      // tables and lines

// An origin that answers anything, so that whatever slips through is seen there, and a hit to ask the proxy how it is.
struct Target {
  explicit Target(const Settings& settings = {}) {
    ProxyConfig config = config_for(origin).add("", "workers = 1");
    for (const auto& [table, line] : settings) config.add(table, line);
    proxy.emplace(config);
    origin.on("GET", "/well").reply(200, {{"cache-control", "max-age=600"}}, "well");
    for (const char* method : {"GET", "POST", "PUT", "HEAD", "OPTIONS"}) origin.on(method, "*").reply(200, {{"cache-control", "no-store"}}, "leaked");
    REQUIRE(proxy->get("/well").body == "well");
    baseline = origin.bytes_received();
  }
  Origin origin;
  std::optional<Proxy> proxy;
  std::uint64_t baseline = 0;
};

struct Malformed {
  FieldLines lines;
  std::string rule;
  std::string body = {};               // behind the head, which then does not end the stream
  Lines trailers = {};
};

std::string ping() { return Frame{Frame::ping, 0, 0, "12345678"}.bytes(); }
std::string repeat(const std::string& bytes, int times) {
  std::string all_of_it;
  for (int i = 0; i < times; ++i) all_of_it += bytes;
  return all_of_it;
}
std::string head(std::uint32_t stream, const FieldLines& lines, std::uint8_t flags = kWhole) {
  return Frame{Frame::headers, flags, stream, Http2Client::block(lines)}.bytes();
}

}  // namespace

TEST_SUITE_BEGIN("http2_hostile");

TEST_CASE("a malformed request gets 400 or a reset, reaches no origin, and leaves its connection alone (RFC 9113 §8.1.1)") {
  Target target;
  for (const Malformed& row : {
           Malformed{without(":method"), "§8.3.1"}, Malformed{without(":scheme"), "§8.3.1"}, Malformed{without(":path"), "§8.3.1"},
           Malformed{without(":authority"), "§8.3.1: nor a Host"}, Malformed{but(":path", ""), "§8.3.1"}, Malformed{but(":path", "a"), "§8.3.1"},
           Malformed{but(":path", "*"), "§8.3.1: for OPTIONS alone"}, Malformed{but(":path", "/a b"), "a space would end HTTP/1.1's target"},
           Malformed{but(":path", "/a HTTP/1.1\r\nHost: shop.test\r\n\r\nGET /smuggled"), "§10.3: a request within a target"},
           Malformed{but(":path", "/a#b"), "RFC 9110 §7.1"}, Malformed{but(":path", "/\x80"), "RFC 3986 §2.1"},
           Malformed{but(":path", "http://evil.test/"), "§8.3.1"}, Malformed{but(":method", "PO ST"), "RFC 9110 §9.1"},
           Malformed{but(":method", "GET /smuggled HTTP/1.1\r\nx:"), "§10.3: a request within a method"}, Malformed{but(":method", ""), "RFC 9110 §9.1"},
           Malformed{but(":scheme", "ftp"), "§8.3.1"}, Malformed{but(":scheme", "http://evil.test/?"), "§8.3.1: a scheme with more in it"},
           Malformed{but(":authority", ""), "§8.3.1"}, Malformed{but(":authority", "user@shop.test"), "§8.3.1: userinfo"},
           Malformed{but(":authority", "shop.test/x"), "§8.3.1"}, Malformed{but(":authority", "shop.test:port"), "§8.3.1"},
           Malformed{but(":authority", "shop.test\r\nx: y"), "§10.3"}, Malformed{with({{":path", "/b"}}), "§8.3: repeated"},
           Malformed{with({{":status", "200"}}), "§8.3: of an answer"}, Malformed{with({{":colour", "red"}}), "§8.3: unknown"},
           Malformed{with({{":protocol", "websocket"}}), "RFC 8441 §4: of CONNECT alone"},
           Malformed{FieldLines{{"accept", "*/*"}}.add(all(kPost)), "§8.3: behind a field"}, Malformed{with({{"host", "evil.test"}}), "§8.3.1: differs"},
           Malformed{with({{"host", kHost}, {"host", kHost}}), "RFC 9112 §3.2"}, Malformed{with({{"X-Upper", "x"}}), "§8.2.1"},
           Malformed{with({{"content-Length", "0"}}), "§8.2.1"}, Malformed{with({{"", "x"}}), "§8.2.1"}, Malformed{with({{"x y", "x"}}), "§8.2.1"},
           Malformed{with({{"x:", "x"}}), "§8.2.1"}, Malformed{with({{"x\r\ny", "x"}}), "§8.2.1"}, Malformed{with({{"x\x80", "x"}}), "§8.2.1"},
           Malformed{with({{"x", "a\r\nsmuggled: 1"}}), "§8.2.1"}, Malformed{with({{"x", "a\nb"}}), "§8.2.1"}, Malformed{with({{"x", "a\0b"s}}), "§8.2.1"},
           Malformed{with({{"x", " a"}}), "§8.2.1"}, Malformed{with({{"x", "a "}}), "§8.2.1"}, Malformed{with({{"x", "\ta"}}), "§8.2.1"},
           Malformed{with({{"connection", "close"}}), "§8.2.2"}, Malformed{with({{"connection", "x-forwarded-for"}}), "§8.2.2"},
           Malformed{with({{"keep-alive", "5"}}), "§8.2.2"}, Malformed{with({{"proxy-connection", "close"}}), "§8.2.2"},
           Malformed{with({{"transfer-encoding", "chunked"}}), "§8.2.2"}, Malformed{with({{"transfer-encoding", "identity"}}), "§8.2.2"},
           Malformed{with({{"upgrade", "h2c"}}), "§8.2.2"}, Malformed{with({{"te", "gzip"}}), "§8.2.2"}, Malformed{with({{"te", "trailers, deflate"}}), "§8.2.2"},
           Malformed{with({{"content-length", "5"}}), "§8.1.1: the head ends the stream"}, Malformed{with({{"content-length", "-0"}}), "RFC 9110 §8.6"},
           Malformed{with({{"content-length", "0x0"}}), "RFC 9110 §8.6"}, Malformed{with({{"content-length", "0, 0"}}), "RFC 9110 §8.6"},
           Malformed{with({{"content-length", "0"}, {"content-length", "0"}}), "RFC 9110 §8.6"},
           Malformed{with({{"content-length", "18446744073709551616"}}), "RFC 9110 §8.6"}, Malformed{with({{"expect", "miracles"}}), "RFC 9110 §10.1.1"},
           Malformed{with({{"content-length", "5"}}), "§8.1.1: DATA is less", "four"}, Malformed{with({{"content-length", "3"}}), "§8.1.1: DATA is more", "four"},
           Malformed{with({{"content-length", "5"}}), "§8.1.1: trailers end it early", "four", {{"x-sum", "1"}}},
           Malformed{with({}), "§8.1: a pseudo-field in trailers", "four", {{":path", "/b"}}},
           Malformed{with({}), "§8.1: a length in trailers", "four", {{"content-length", "4"}}},
           Malformed{with({}), "§8.1: a Host in trailers", "four", {{"host", "evil.test"}}},
           Malformed{with({}), "§8.2.2: … and what concerns a connection", "four", {{"transfer-encoding", "chunked"}}},
           Malformed{with({}), "§8.2.1: … in upper case", "four", {{"X-Sum", "1"}}}, Malformed{with({}), "§8.2.1: … with a line in it", "four", {{"x", "a\r\nb: c"}}}}) {
    CAPTURE(row.rule);
    Http2Client client(target.proxy->port());
    const std::uint32_t stream = client.next_stream();
    const bool ends = row.body.empty();
    std::string bytes = head(stream, row.lines, ends ? kWhole : Frame::kEndHeaders);
    if (!ends) bytes += Frame{Frame::data, row.trailers.empty() ? Frame::kEndStream : std::uint8_t{0}, stream, row.body}.bytes();
    if (!row.trailers.empty()) bytes += head(stream, all(row.trailers));
    client.send(bytes);
    const Http2Response response = client.await(stream);
    CAPTURE(response.status);
    CHECK((response.reset ? response.status == 0 || response.status >= 400 : response.status == 400 || response.status == 417));
    CHECK(response.body.find("leaked") == std::string::npos);
    CHECK(client.get("/well").body == "well");
  }
  CHECK(target.origin.requests() == 1);
  CHECK(target.origin.bytes_received() == target.baseline);
}

TEST_CASE("a body that turns out longer than it said never makes a whole request at the origin") {
  Target target;
  Http2Client client(target.proxy->port());
  const std::uint32_t stream = client.open(with({{"content-length", "4"}}), false);
  client.send(Frame{Frame::data, 0, stream, "four"});
  client.send(ping());
  while (client.pings_answered() == 0 && client.read_frame()) continue;
  client.send(Frame{Frame::data, Frame::kEndStream, stream, "GET /smuggled HTTP/1.1"});
  const Http2Response response = client.await(stream);
  CHECK(response.reset);
  CHECK(response.code == H2::protocol_error);
  CHECK(client.get("/well").body == "well");
  CHECK(target.origin.requests_where([](const SeenRequest& request) { return request.complete && request.target != "/well"; }) == 0);
}

TEST_CASE("padding is no content (RFC 9113 §8.1.1)") {
  Target target;
  Http2Client client(target.proxy->port());
  const std::uint32_t stream = client.open(with({{"content-length", "4"}}), false);
  client.send(Frame{Frame::data, Frame::kPadded | Frame::kEndStream, stream, "\x03" "four"s + "\0\0\0"s});
  CHECK(client.await(stream).body == "leaked");
  CHECK(target.origin.last_request("/a").body == "four");
}

TEST_CASE("the limits of HTTP/1.1 hold: 414, 431, 413") {
  const Settings settings{{"limits", "body = \"1KiB\""}};
  Target target(settings);
  Http2Client client(target.proxy->port());
  CHECK(client.await(client.open(but(":path", "/" + std::string(9'000, 'x')), true)).status == 414);
  CHECK(client.await(client.open(with({{"x", std::string(40'000, 'x')}}), true)).status == 431);
  CHECK(client.await(client.open(with(Lines(101, {"cookie", "a=b"})), true)).status == 431);
  CHECK(client.await(client.open(with({{"content-length", "2000"}}), false)).status == 413);
  const std::uint32_t unknown = client.open(with({}), false);
  client.send_body(unknown, std::string(2'000, 'x'), false);
  CHECK(client.await(unknown).status == 413);
  for (int i = 0; i < 40; ++i) {                       // what nobody wants is given back to the connection's window
    const std::uint32_t stream = client.open(with({{"content-length", "60000"}}), false);
    for (int piece = 0; piece < 4; ++piece) client.send(Frame{Frame::data, piece == 3 ? Frame::kEndStream : std::uint8_t{0}, stream, std::string(15'000, 'x')});
    CHECK(client.await(stream).status == 413);
  }
  CHECK(client.goaway() == std::nullopt);
  CHECK(client.get("/well").body == "well");
}

TEST_CASE("what breaks the rules of the connection ends it (RFC 9113 §5.4.1)") {
  struct Row { std::string what; std::string bytes; H2 code; };
  Target target;
  const std::string open = head(1, with({}), Frame::kEndHeaders);
  for (const Row& row : {
           Row{"DATA of no stream (§6.1)", Frame{Frame::data, 0, 0, "x"}.bytes(), H2::protocol_error},
           Row{"DATA of an idle stream (§5.1)", Frame{Frame::data, 0, 7, "x"}.bytes(), H2::protocol_error},
           Row{"HEADERS of no stream (§6.2)", head(0, with({})), H2::protocol_error},
           Row{"HEADERS of an even stream (§5.1.1)", head(2, with({})), H2::protocol_error},
           Row{"another frame within a head (§6.10)", Frame{Frame::headers, 0, 1, Http2Client::block(with({}))}.bytes() + ping(), H2::protocol_error},
           Row{"CONTINUATION behind no head (§6.10)", Frame{Frame::continuation, Frame::kEndHeaders, 1, ""}.bytes(), H2::protocol_error},
           Row{"a head that is no HPACK (§4.3)", Frame{Frame::headers, kWhole, 1, "\xff\xff\xff\xff\xff\xff"}.bytes(), H2::compression_error},
           Row{"SETTINGS of a wrong size (§6.5)", Frame{Frame::settings, 0, 0, "12345"}.bytes(), H2::frame_size_error},
           Row{"SETTINGS of a stream (§6.5)", Frame{Frame::settings, 0, 1, ""}.bytes(), H2::protocol_error},
           Row{"ENABLE_PUSH that is no switch (§6.5.2)", Frame{Frame::settings, 0, 0, "\0\2\0\0\0\2"s}.bytes(), H2::protocol_error},
           Row{"a window above 2^31 - 1 (§6.5.2)", Frame{Frame::settings, 0, 0, "\0\4\x80\0\0\0"s}.bytes(), H2::flow_control_error},
           Row{"a frame size below 2^14 (§6.5.2)", Frame{Frame::settings, 0, 0, "\0\5\0\0\0\1"s}.bytes(), H2::protocol_error},
           Row{"PING of a wrong size (§6.7)", Frame{Frame::ping, 0, 0, "1"}.bytes(), H2::frame_size_error},
           Row{"WINDOW_UPDATE by nothing (§6.9)", Frame{Frame::window_update, 0, 0, "\0\0\0\0"s}.bytes(), H2::protocol_error},
           Row{"the connection's window overflows (§6.9.1)", Frame{Frame::window_update, 0, 0, "\x7f\xff\xff\xff"s}.bytes(), H2::flow_control_error},
           Row{"RST_STREAM of an idle stream (§6.4)", Frame{Frame::rst_stream, 0, 9, "\0\0\0\0"s}.bytes(), H2::protocol_error},
           Row{"PUSH_PROMISE from a client (§8.4)", Frame{Frame::push_promise, Frame::kEndHeaders, 1, "\0\0\0\2"s}.bytes(), H2::protocol_error},
           Row{"a frame above 2^14 (§4.2)", Frame{Frame::data, 0, 1, std::string(16'385, 'x')}.bytes(), H2::frame_size_error},
           Row{"padding longer than its frame (§6.1)", open + Frame{Frame::data, Frame::kPadded, 1, "\x09x"}.bytes(), H2::protocol_error}}) {
    CAPTURE(row.what);
    Http2Client client(target.proxy->port());
    client.send(row.bytes);
    CHECK(client.await_goaway() == row.code);
    CHECK(target.proxy->get("/well").body == "well");
  }
  {
    Client client = target.proxy->client();
    client.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    client.await_close();
  }
  CHECK(target.origin.requests("/smuggled") == 0);
}

TEST_CASE("floods end in ENHANCE_YOUR_CALM (RFC 9113 §10.5)") {
  struct Row { std::string what; std::string bytes; };
  const Settings settings{{"http2", "control_frames = 100"}, {"http2", "resets = 20"}};
  Target target(settings);
  const std::string open = head(1, with({}), Frame::kEndHeaders);
  std::string rapid, made, malformed, trailers;
  for (std::uint32_t stream = 1; stream < 201; stream += 2) {
    rapid += head(stream, but(":path", "/rapid")) + Frame{Frame::rst_stream, 0, stream, "\0\0\0\x08"s}.bytes();
    // MadeYouReset: streams that the server resets, since the client breaks a rule of theirs.
    made += head(stream, but(":path", "/made")) + Frame{Frame::window_update, 0, stream, "\x7f\xff\xff\xff"s}.bytes();
    malformed += head(stream, with({{"content-length", "5"}}));
    trailers += head(stream, with({}), Frame::kEndHeaders) + Frame{Frame::headers, kWhole, stream, Http2Client::block({{"content-length", "3"}})}.bytes();
  }
  std::string bomb = Frame{Frame::headers, Frame::kEndStream, 1, Http2Client::block(with({}))}.bytes();
  bomb += repeat(Frame{Frame::continuation, 0, 1, ""}.bytes(), 1'000);
  // One entry of 4,000 bytes into the table, then named again and again by one byte each.
  std::string indexed = Http2Client::block(with({})) + "\x40\x01x\x7f\xa1\x1e" + std::string(4'000, 'x') + std::string(10'000, '\xbe');
  for (const Row& row : {
           Row{"SETTINGS", repeat(Frame{Frame::settings, 0, 0, "\0\3\0\0\0\1"s}.bytes(), 2'000)}, Row{"PING", repeat(ping(), 2'000)},
           Row{"PRIORITY", repeat(Frame{Frame::priority, 0, 1, "\0\0\0\0\x10"s}.bytes(), 2'000)},
           Row{"WINDOW_UPDATE", repeat(Frame{Frame::window_update, 0, 0, "\0\0\0\1"s}.bytes(), 2'000)},
           Row{"empty DATA", open + repeat(Frame{Frame::data, 0, 1, ""}.bytes(), 2'000)},
          
           Row{"CONTINUATION", bomb}, Row{"a head that unpacks to megabytes", Frame{Frame::headers, kWhole, 1, indexed}.bytes()},
           Row{"Rapid Reset", rapid}, Row{"MadeYouReset: windows that overflow", made}, Row{"MadeYouReset: bodies that are not there", malformed},
           Row{"MadeYouReset: trailers that are none", trailers}}) {
    CAPTURE(row.what);
    Http2Client client(target.proxy->port());
    client.send(row.bytes);
    CHECK(client.await_goaway() == H2::enhance_your_calm);
    CHECK(target.proxy->get("/well").body == "well");
  }
  CHECK(target.proxy->metric("http2_calmed") == 11);
  CHECK(target.origin.requests("/rapid") + target.origin.requests("/made") <= 60);
  target.origin.forgive();
}

TEST_CASE("requests whose streams were reset count until they have ended: no more than http2.streams are at the origin") {
  const Settings settings{{"http2", "streams = 5"}, {"route.cache", "enabled = true"}};
  Target target(settings);
  Barrier answer{"origin may answer"};
  for (int i = 0; i < 40; ++i) target.origin.on("GET", "/slow" + std::to_string(i)).await(answer).reply(200, {{"cache-control", "max-age=60"}}, "slow");
  Http2Client client(target.proxy->port());
  CHECK(client.get("/well").body == "well");
  CHECK(client.peer_setting(3) == 5);
  std::size_t refused = 0;
  for (int i = 0; i < 40; ++i) {
    const std::uint32_t stream = client.request("GET", "/slow" + std::to_string(i));
    const std::size_t before = client.pings_answered();
    for (std::size_t round = 1; round <= 2; ++round) {   // an answer to a ping overtakes what else is to be sent
      client.send(ping());
      while (client.pings_answered() < before + round && client.read_frame()) continue;
    }
    if (client.await(stream, [](const Http2Response&) { return true; }).code == H2::refused_stream) ++refused;
    else client.reset(stream);
  }
  CHECK(refused == 35);
  CHECK(target.origin.requests_where([](const SeenRequest& request) { return request.target.starts_with("/slow"); }) <= 5);
  answer.open();
  CHECK(target.proxy->get("/slow0").body == "slow");
  await_condition("streams are taken again", [&] { return client.get("/well").status == 200; });
}

TEST_CASE("streams above what was granted are refused, and the others are answered (RFC 9113 §5.1.2)") {
  const Settings settings{{"http2", "streams = 3"}};
  Target target(settings);
  Barrier answers[2]{Barrier{"origin may answer the first"}, Barrier{"origin may answer the second"}};
  for (const bool acknowledged : {false, true}) {        // before the client has seen the limit, and after
    CAPTURE(acknowledged);
    const std::string path = acknowledged ? "/second" : "/first";
    target.origin.on("POST", path).await(answers[acknowledged]).reply(200, {}, "waited");
    Http2Client client(target.proxy->port());
    if (acknowledged) CHECK(client.get("/well").body == "well");
    std::vector<std::uint32_t> streams;
    for (int i = 0; i < 5; ++i) streams.push_back(client.open(but(":path", path), true));
    for (std::size_t i = 3; i < 5; ++i) CHECK(client.await(streams[i]).code == H2::refused_stream);
    CHECK(client.peer_setting(3) == 3);
    answers[acknowledged].open();
    for (std::size_t i = 0; i < 3; ++i) CHECK(client.await(streams[i]).body == "waited");
    CHECK(client.get("/well").body == "well");
    CHECK_FALSE(client.goaway());
    CHECK(target.origin.requests(path) == 3);
  }
}

TEST_CASE("a client that is refused streams and does not read is told to calm down: refusals are not kept for it without end") {
  const Settings settings{{"http2", "streams = 3"}};
  Target target(settings);
  Barrier answer{"origin may answer"};
  target.origin.on("POST", "/slow").await(answer).reply(200, {}, "waited");
  Http2Client client(target.proxy->port(), 4'096);
  std::string requests;
  for (std::uint32_t stream = 1; stream < 7; stream += 2) requests += head(stream, but(":path", "/slow"));
  for (std::uint32_t stream = 7; stream < 2'000'000; stream += 2) requests += Frame{Frame::headers, kWhole, stream, "\x82\x86\x84"}.bytes();
  static_cast<void>(client.send(requests));             // more refusals than the socket takes
  target.proxy->await_metric("http2_calmed", 1);
  answer.open();
  CHECK(target.proxy->get("/well").body == "well");
  target.origin.forgive();
}

TEST_CASE("a stored answer that waits for a window counts as a stream") {
  const Settings settings{{"http2", "streams = 2"}, {"route.cache", "enabled = true"}};
  Target target(settings);
  target.origin.on("GET", "/large").reply(200, {{"cache-control", "max-age=60"}}, std::string(100'000, 'x'));
  Http2Client client(target.proxy->port());
  CHECK(client.get("/large").body.size() == 100'000);
  client.settings({{4, 0}});                             // no window for any stream
  const std::uint32_t first = client.request("GET", "/large"), second = client.request("GET", "/large");
  CHECK(client.await(client.request("GET", "/large")).code == H2::refused_stream);
  client.reset(first);
  client.window(second, 100'000);
  CHECK(client.await(second).body.size() == 100'000);
}

TEST_CASE("deadlines: a head that does not end, a body that does not come, a connection that asks for nothing") {
  const Settings settings{{"limits", "head_timeout = \"300ms\""}, {"limits", "body_timeout = \"300ms\""}, {"limits", "idle_timeout = \"500ms\""}};
  Target target(settings);
  {
    Http2Client client(target.proxy->port());
    CHECK(client.get("/well").body == "well");         // SETTINGS are acknowledged: nothing may come between a head's frames
    client.send(Frame{Frame::headers, 0, 3, Http2Client::block(with({}))});
    CHECK(client.await_goaway() == H2::enhance_your_calm);
  }
  {
    Http2Client client(target.proxy->port());
    CHECK(client.await(client.open(with({}), false)).status == 408);
  }
  Http2Client client(target.proxy->port());
  CHECK(client.get("/well").body == "well");
  CHECK(client.await_goaway() == H2::no_error);
}

TEST_SUITE_END();
