// Requests with bodies, early answers, 100-continue and upgrades.
#include "origin_support.h"

using namespace davenport;
using namespace davenport::origin;
using namespace davenport::origin::test;

namespace {

constexpr std::string_view kEnd = "\r\n0\r\nX-Sum: 9\r\n\r\n";
constexpr std::string_view kDone = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct Post {
  explicit Post(Client& own, http::Framing framing, std::uint64_t length = 0) : client(own) {
    fields.add("Host", "shop");
    ask.method_name = "POST";
    ask.method = http::Method::post;
    ask.target = "/";
    ask.fields = &fields;
    ask.framing = framing;
    ask.content_length = length;
  }
  Client& client;
  http::Fields fields;
  OriginRequest ask;
};

}  // namespace

TEST_CASE("a body arrives as its framing says, and the connection is used again") {
  std::string got;
  ScriptedOrigin origin([&](Peer& peer) {
    for (int turn = 0; turn < 2; ++turn) {
      const std::string head = peer.read_head();
      got = head.find("chunked") != std::string::npos ? peer.read(15) : peer.read(5);
      peer.send(kDone);
    }
    peer.closed();
  });
  Client client(origin.settings());
  Request request;
  request.method = "POST";
  request.body = "hello";
  Answer answer = client.ask(request);
  CHECK(answer.body == "ok");
  CHECK(got == "hello");
  request.chunked = true;
  answer = client.ask(request);
  CHECK(answer.body == "ok");
  CHECK(got == "5\r\nhello\r\n0\r\n\r\n");
  CHECK(answer.timings.reused);
}

TEST_CASE("a large body waits for a slow reader, and trailers follow it") {
  const std::string large(8 << 20, 'z');
  std::string end;
  std::size_t size = 0;
  ScriptedOrigin origin([&](Peer& peer) {
    peer.read_head();
    ::usleep(20'000);                    // the socket fills
    const std::string all = peer.read(std::string_view("800000\r\n").size() + large.size() + kEnd.size());
    size = all.size();
    end = all.substr(all.size() - kEnd.size());
    peer.send(kDone);
  });
  Client client(origin.settings());
  const auto story = [](Client& own, const std::string& body) -> net::Task<Answer> {
    Answer answer;
    Post post(own, http::Framing::chunked);
    Exchange exchange(own.connections, own.cluster);
    const auto begun = co_await exchange.request(post.ask);
    REQUIRE(begun);
    auto sent = co_await exchange.send_body(body);
    REQUIRE(sent);
    http::Fields trailers;
    trailers.add("X-Sum", "9");
    sent = co_await exchange.end_body(trailers);
    REQUIRE(sent);
    auto head = co_await exchange.next_head();
    co_await read_answer(exchange, std::move(head), true, answer);
    co_return answer;
  };
  const Answer answer = client.run(story(client, large));
  CHECK(answer.body == "ok");
  CHECK(end == kEnd);
  CHECK(size == 8 + large.size() + kEnd.size());
}

TEST_CASE("an answer before the body is whole is read, and the connection is not used again (RFC 9112 §9.3)") {
  ScriptedOrigin origin([&](Peer& peer) {
    if (peer.read_head().empty()) return;
    peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
    peer.closed();
  });
  Client client(origin.settings());
  const auto story = [](Client& own, bool finish) -> net::Task<Answer> {
    Answer answer;
    Post post(own, http::Framing::length, 10);
    Exchange exchange(own.connections, own.cluster);
    const auto begun = co_await exchange.request(post.ask);
    REQUIRE(begun);
    REQUIRE(*begun == nullptr);
    const bool came = co_await exchange.wait_for_head(own.loop.now() + 5s);
    CHECK(came);
    CHECK(exchange.head_waiting());
    auto head = co_await exchange.next_head();
    co_await read_answer(exchange, std::move(head), true, answer);
    if (finish) {                         // the body may still be sent to its end: then all is well
      auto sent = co_await exchange.send_body("0123456789");
      CHECK(sent);
      const http::Fields none;
      sent = co_await exchange.end_body(none);
      CHECK(sent);
    }
    co_return answer;
  };
  Answer answer = client.run(story(client, false));
  CHECK(answer.status == 413);
  CHECK(answer.body == "no");
  CHECK(client.server().connections == 0);
  answer = client.run(story(client, true));
  CHECK(answer.status == 413);
  CHECK(client.server().connections == 1);
}

TEST_CASE("an origin that has answered and takes no more of the body does not hold the sender") {
  ScriptedOrigin origin([&](Peer& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    CHECK(peer.closed_by_client());
  });
  config::Origin settings = origin.settings();
  settings.between_bytes_timeout = 8s;
  Client client(settings);
  const auto story = [](Client& own) -> net::Task<Answer> {
    Answer answer;
    const std::string large(64 << 20, 'z');
    Post post(own, http::Framing::length, large.size());
    Exchange exchange(own.connections, own.cluster);
    const auto begun = co_await exchange.request(post.ask);
    REQUIRE(begun);
    const auto sent = co_await exchange.send_body(large);
    CHECK_FALSE(sent);
    auto head = co_await exchange.next_head();
    co_await read_answer(exchange, std::move(head), true, answer);
    co_return answer;
  };
  const SteadyTime start = client.loop.now();
  CHECK(client.run(story(client)).status == 413);
  CHECK(client.loop.now() - start < 4s);
  CHECK(client.server().connections == 0);
}

TEST_CASE("a client's body that ends early leaves no connection behind") {
  ScriptedOrigin origin([&](Peer& peer) {
    peer.read_head();
    CHECK(peer.read_to_end() == "half");
  });
  Client client(origin.settings());
  const auto story = [](Client& own) -> net::Task<std::optional<FailureKind>> {
    Post post(own, http::Framing::length, 10);
    Exchange exchange(own.connections, own.cluster);
    const auto begun = co_await exchange.request(post.ask);
    REQUIRE(begun);
    auto sent = co_await exchange.send_body("half");
    REQUIRE(sent);
    const http::Fields none;
    sent = co_await exchange.end_body(none);
    std::optional<FailureKind> kind;
    if (!sent) kind = sent.error().kind;
    co_return kind;
  };
  CHECK(client.run(story(client)) == FailureKind::client_gone);
  CHECK(client.server().connections == 0);
  CHECK(client.server().failures == 0);
}

TEST_CASE("100-continue: the interim head comes before the body, or the wait for it ends (RFC 9110 §10.1.1)") {
  for (const bool answers : {true, false}) {
    CAPTURE(answers);
    ScriptedOrigin origin([&](Peer& peer) {
      CHECK(peer.read_head().find("Expect: 100-continue\r\n") != std::string::npos);
      if (answers) peer.send("HTTP/1.1 100 Continue\r\n\r\n");
      CHECK(peer.read(5) == "hello");
      peer.send(kDone);
      CHECK(peer.closed());
    });
    Client client(origin.settings());
    const auto story = [](Client& own, bool expected) -> net::Task<Answer> {
      Answer answer;
      Post post(own, http::Framing::length, 5);
      post.ask.expect_continue = true;
      Exchange exchange(own.connections, own.cluster);
      const auto begun = co_await exchange.request(post.ask);
      REQUIRE(begun);
      const SteadyTime deadline = own.loop.now() + (expected ? Millis(5'000) : Millis(30));
      const bool came = co_await exchange.wait_for_head(deadline);
      CHECK(came == expected);
      if (came) {
        const auto interim = co_await exchange.next_head();
        REQUIRE(interim);
        CHECK((*interim)->status == 100);
      }
      auto sent = co_await exchange.send_body("hello");
      REQUIRE(sent);
      const http::Fields none;
      sent = co_await exchange.end_body(none);
      REQUIRE(sent);
      auto head = co_await exchange.next_head();
      co_await read_answer(exchange, std::move(head), true, answer);
      co_return answer;
    };
    CHECK(client.run(story(client, answers)).body == "ok");
    CHECK(client.server().connections == 1);
  }
}

TEST_CASE("a request with a body is not sent twice") {
  ScriptedOrigin origin([&](Peer& peer) {
    peer.read_head();
    peer.reset();
  });
  Client client(origin.settings());
  Request request;
  request.method = "PUT";
  request.body = "hello";
  const Answer answer = client.ask(request);
  CHECK(answer.failure == FailureKind::connection_terminated);
  CHECK(origin.accepted() == 1);
}

TEST_CASE("an upgrade hands the connection out with what was sent behind the head") {
  ScriptedOrigin origin([&](Peer& peer) {
    CHECK(peer.read_head().find("Connection: upgrade\r\n") != std::string::npos);
    peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nfirst");
    CHECK(peer.read(4) == "ping");
    peer.send("pong");
    CHECK(peer.closed());
  });
  Client client(origin.settings());
  const auto story = [](Client& own) -> net::Task<std::string> {
    http::Fields fields;
    fields.add("Host", "shop");
    fields.add("Upgrade", "echo");
    OriginRequest ask;
    ask.method_name = "GET";
    ask.target = "/";
    ask.fields = &fields;
    ask.upgrade = true;
    Exchange exchange(own.connections, own.cluster);
    const auto head = co_await exchange.request(ask);
    REQUIRE(head);
    CHECK((*head)->status == 101);
    std::string text;
    const net::StreamPtr stream = exchange.take_stream(text);
    CHECK(own.server().connections == 1);
    char ping[] = "ping";
    const iovec piece{ping, 4};
    CHECK(stream->writev(&piece, 1, 4).bytes == 4);
    const net::Ready ready = co_await stream->readable(own.loop.now() + 5s);
    CHECK(ready == net::Ready::yes);
    char bytes[16];
    const net::Io io = stream->read(bytes);
    text.append(bytes, io.bytes);
    co_return text;
  };
  CHECK(client.run(story(client)) == "firstpong");
  CHECK(client.server().connections == 0);
}

TEST_CASE("an upgrade that is refused is an ordinary answer") {
  ScriptedOrigin origin([&](Peer& peer) {
    while (!peer.read_head().empty()) peer.send(kDone);
  });
  Client client(origin.settings());
  CHECK(client.get().body == "ok");
  CHECK(client.get().timings.reused);
}

namespace {

// Sends a body in two parts with a pause between them, beside whoever waits for the answer.
net::Task<void> send_slowly(Client& own, Exchange& exchange, Millis pause, bool& done) {
  auto sent = co_await exchange.send_body("01234");
  CHECK(sent);
  const SteadyTime later = own.loop.now() + pause;
  co_await net::sleep_until(own.loop, later);
  sent = co_await exchange.send_body("56789");
  CHECK(sent);
  const http::Fields none;
  sent = co_await exchange.end_body(none);
  CHECK(sent);
  done = true;
}

}  // namespace

TEST_CASE("the first byte of the answer is due from the end of the request on, however long that takes") {
  for (const bool answers : {true, false}) {
    CAPTURE(answers);
    ScriptedOrigin origin([&](Peer& peer) {
      peer.read_head();
      CHECK(peer.read(10) == "0123456789");
      if (answers) peer.send(kDone);
      CHECK(peer.closed());
    });
    config::Origin settings = origin.settings();
    settings.first_byte_timeout = 60ms;
    Client client(settings);
    const auto story = [](Client& own) -> net::Task<Answer> {
      Answer answer;
      Post post(own, http::Framing::length, 10);
      Exchange exchange(own.connections, own.cluster);
      const auto begun = co_await exchange.request(post.ask);
      REQUIRE(begun);
      bool done = false;
      net::spawn(send_slowly(own, exchange, 250ms, done));
      auto head = co_await exchange.next_head();
      CHECK(done);
      co_await read_answer(exchange, std::move(head), true, answer);
      co_return answer;
    };
    const Answer answer = client.run(story(client));
    CHECK(answer.status == (answers ? 200 : 0));
    if (!answers) CHECK(answer.failure == FailureKind::response_timeout);
  }
}

TEST_CASE("an origin that never answers Expect is not waited for beyond its time") {
  ScriptedOrigin origin([](Peer& peer) {
    peer.read_head();
    CHECK(peer.closed());
  });
  config::Origin settings = origin.settings();
  settings.first_byte_timeout = 40ms;
  Client client(settings);
  const auto story = [](Client& own) -> net::Task<std::optional<FailureKind>> {
    Post post(own, http::Framing::length, 5);
    post.ask.expect_continue = true;
    Exchange exchange(own.connections, own.cluster);
    const auto begun = co_await exchange.request(post.ask);
    REQUIRE(begun);
    const auto head = co_await exchange.next_head();
    std::optional<FailureKind> kind;
    if (!head) kind = head.error().kind;
    co_return kind;
  };
  CHECK(client.run(story(client)) == FailureKind::response_timeout);
}

TEST_CASE("giving an exchange up resumes whoever waits in it") {
  ScriptedOrigin origin([](Peer& peer) {
    peer.read_head();
    CHECK(peer.closed());
  });
  Client client(origin.settings());
  const auto story = [](Client& own) -> net::Task<std::optional<FailureKind>> {
    Post post(own, http::Framing::length, 5);
    Exchange exchange(own.connections, own.cluster);
    const auto begun = co_await exchange.request(post.ask);
    REQUIRE(begun);
    own.loop.post([&exchange] { exchange.abandon(); });
    const auto head = co_await exchange.next_head();
    std::optional<FailureKind> kind;
    if (!head) kind = head.error().kind;
    co_return kind;
  };
  CHECK(client.run(story(client)) == FailureKind::cancelled);
  CHECK(client.server().connections == 0);
  CHECK(client.server().failures == 0);
}
