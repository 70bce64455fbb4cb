// One exchange with a scripted origin: framing, truncation, interim heads, time-outs (RFC 9112 §6, §9; RFC 9110 §15.2).
#include "origin_support.h"

using namespace davenport;
using namespace davenport::origin;
using namespace davenport::origin::test;

namespace {

// An origin that sends `bytes` for each request head it reads, in two parts, and closes where `close` says so.
ScriptedOrigin::Script answering(std::string bytes, std::size_t split = 0, bool close = false) {
  return [=](Peer& peer) {
    while (!peer.read_head().empty()) {
      if (split > 0) peer.send(std::string_view(bytes).substr(0, split));
      peer.send(std::string_view(bytes).substr(split));
      if (close) return;
    }
  };
}

constexpr std::string_view kPlain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 7\r\n\r\n";

}  // namespace

TEST_CASE("a response is the same wherever its bytes are cut") {
  struct Row { std::string_view bytes; const char* trailer; };
  for (const Row& row : {Row{kPlain, ""}, Row{kChunked, "7"}}) {
    // One origin for all cuts: the request's target says where.
    ScriptedOrigin origin([&](Peer& peer) {
      for (;;) {
        const std::string head = peer.read_head();
        if (head.empty()) return;
        const std::size_t cut = std::stoul(head.substr(head.find('/') + 1));
        peer.send(row.bytes.substr(0, cut));
        ::usleep(300);        // two reads for most cuts; the answer is the same if it is one
        peer.send(row.bytes.substr(cut));
      }
    });
    Client client(origin.settings());
    for (std::size_t cut = 1; cut < row.bytes.size(); ++cut) {
      CAPTURE(cut);
      const Answer answer = client.get("/" + std::to_string(cut));
      CHECK(answer.status == 200);
      CHECK(answer.body == "hello");
      CHECK(answer.whole);
      CHECK(answer.trailer == row.trailer);
    }
    CHECK(origin.accepted() == 1);
    CHECK(client.server().requests == row.bytes.size() - 1);
  }
}

TEST_CASE("a response that ends early never ends cleanly (RFC 9112 §8)") {
  for (const std::string_view bytes : {kPlain, kChunked}) {
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      CAPTURE(cut);
      ScriptedOrigin origin(answering(std::string(bytes.substr(0, cut)), 0, true));
      config::Origin settings = origin.settings();
      settings.retries = 0;
      Client client(settings);
      const Answer answer = client.get();
      CHECK(answer.failure == FailureKind::connection_terminated);
      CHECK_FALSE(answer.whole);
      CHECK(answer.nothing_received == (cut == 0));
      CHECK(client.server().connections == 0);
      CHECK(client.server().outstanding == 0);
    }
  }
}

TEST_CASE("what delimits a body, and whether its connection may be used again (RFC 9112 §6.3, §9.3)") {
  struct Row { const char* method; std::string bytes; int status; std::string body; bool reused; const char* rule; };
  const std::string large(300'000, 'x');
  for (const Row& row : {
           Row{"GET", std::string(kPlain), 200, "hello", true, "§6.3.6"},
           Row{"GET", std::string(kChunked), 200, "hello", true, "§6.3.4"},
           Row{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true, "§6.3.6"},
           Row{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "", true, "§6.3.1: HEAD"},
           Row{"GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true, "§6.3.1: 204"},
           Row{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", true, "§6.3.1: 304"},
           Row{"GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 404, "no", true, "an error is an answer"},
           Row{"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false, "§9.6"},
           Row{"GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false, "§9.3: 1.0"},
           Row{"GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true, "§9.3"},
           Row{"GET", std::string(kPlain) + "x", 200, "hello", false, "§6.3: more than was said"},
           Row{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "", false, "a body where none is"},
           Row{"GET", std::string(kChunked) + "HTTP/1.1 200 OK\r\n", 200, "hello", false, "§9.2: nobody asked for another"},
           Row{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + large, 200, large, true, "larger than the buffer"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.bytes.substr(0, 80));
    ScriptedOrigin origin(answering(row.bytes));
    Client client(origin.settings());
    Request request;
    request.method = row.method;
    for (int turn = 0; turn < 2; ++turn) {
      const Answer answer = client.ask(request);
      CHECK(answer.status == row.status);
      CHECK(answer.body == row.body);
      CHECK(answer.whole);
      CHECK(answer.timings.reused == (turn == 1 && row.reused));
      CHECK(client.server().connections == (row.reused ? 1 : 0));
    }
    CHECK(origin.accepted() == (row.reused ? 1 : 2));
  }
}

TEST_CASE("a body without a length ends with its connection; a reset is no end (RFC 9112 §6.3.8)") {
  const std::string head = "HTTP/1.1 200 OK\r\n\r\nall there is";
  SUBCASE("an orderly end") {
    ScriptedOrigin origin(answering(head, 0, true));
    Client client(origin.settings());
    const Answer answer = client.get();
    CHECK(answer.whole);
    CHECK(answer.body == "all there is");
    CHECK(client.server().connections == 0);
  }
  SUBCASE("a reset") {
    ScriptedOrigin origin([&](Peer& peer) {
      peer.read_head();
      peer.send(head);
      peer.read(1);               // until the client has seen the head and sends a byte
      peer.reset();
    });
    Client client(origin.settings());
    Answer answer;
    const auto story = [](Client& own, Answer& out) -> net::Task<bool> {
      Exchange exchange(own.connections, own.cluster);
      http::Fields fields;
      fields.add("Host", "shop");
      OriginRequest ask;
      ask.method_name = "POST";
      ask.method = http::Method::post;
      ask.target = "/";
      ask.fields = &fields;
      ask.framing = http::Framing::length;
      ask.content_length = 1;
      Result<const http::ResponseHead*, Failure> head_or = co_await exchange.request(ask);
      Result<const http::ResponseHead*, Failure> answered = co_await exchange.next_head();
      REQUIRE(answered);
      const auto sent = co_await exchange.send_body("x");
      REQUIRE(sent);
      co_await read_answer(exchange, std::move(answered), true, out);
      co_return true;
    };
    client.run(story(client, answer));
    CHECK(answer.failure == FailureKind::connection_terminated);
    CHECK_FALSE(answer.whole);
  }
}

TEST_CASE("an origin that breaks the rules gets a failure with a name, and never more memory than its limits") {
  struct Row { std::string bytes; FailureKind kind; const char* what; };
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 1'100; ++i) many += "a: b\r\n";
  for (const Row& row : {
           Row{"SSH-2.0-OpenSSH_9.2\r\n", FailureKind::protocol_error, "another protocol"},
           Row{"HTTP/2.0 200 OK\r\n\r\n", FailureKind::protocol_error, "a version that we don't speak"},
           Row{"HTTP/1.1 99 Low\r\n\r\n", FailureKind::protocol_error, "RFC 9110 §15"},
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", FailureKind::protocol_error, "§6.3.5"},
           Row{"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", FailureKind::protocol_error, "§6.3.5"},
           Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", FailureKind::protocol_error, "§6.3.3"},
           Row{"HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", FailureKind::protocol_error, "obs-fold, §5.2"},
           Row{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", FailureKind::protocol_error,
               "101 that nobody asked for, RFC 9110 §7.8"},
           Row{"HTTP/1.1 200 OK\r\na: " + std::string(100'000, 'x') + "\r\n\r\n", FailureKind::head_too_large, "one long line"},
           Row{many + "\r\n", FailureKind::head_too_large, "too many lines"},
           Row{std::string(200'000, 'y'), FailureKind::protocol_error, "no line at all"}}) {
    CAPTURE(row.what);
    ScriptedOrigin origin(answering(row.bytes));
    Client client(origin.settings());
    const Answer answer = client.get();
    CHECK(answer.failure == row.kind);
    CHECK_FALSE(answer.nothing_received);
    CHECK(answer.detail.find("origin shop: 127.0.0.1:") == 0);
    CHECK(client.server().connections == 0);
    CHECK(origin.accepted() == 1);              // never tried again: it has answered
  }
}

TEST_CASE("broken chunks end the body with a failure (RFC 9112 §7.1)") {
  for (const char* chunks : {"x\r\nhello", "5\r\nhelloXX", "5\nhello\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "5\r\nhello\r\n0\r\nContent-Length: 1\r\n\r\n"}) {
    CAPTURE(chunks);
    ScriptedOrigin origin(answering(std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") + chunks));
    Client client(origin.settings());
    const Answer answer = client.get();
    CHECK(answer.status == 200);
    CHECK(answer.failure == FailureKind::protocol_error);
    CHECK_FALSE(answer.whole);
    CHECK(client.server().connections == 0);
  }
}

TEST_CASE("many small chunks come together as one piece") {
  std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", body;
  for (int i = 0; i < 1'000; ++i) {
    bytes += "3\r\nab" + std::string(1, static_cast<char>('a' + i % 26)) + "\r\n";
    body += "ab" + std::string(1, static_cast<char>('a' + i % 26));
  }
  bytes += "0\r\n\r\n";
  ScriptedOrigin origin(answering(bytes));
  Client client(origin.settings());
  const Answer answer = client.get();
  CHECK(answer.body == body);
  CHECK(answer.whole);
}

TEST_CASE("interim heads come before the final one, but not without end (RFC 9110 §15.2)") {
  for (const int count : {1, 16, 17}) {
    CAPTURE(count);
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes += "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    ScriptedOrigin origin(answering(bytes + std::string(kPlain)));
    Client client(origin.settings());
    const Answer answer = client.get();
    if (count > 16) {
      CHECK(answer.failure == FailureKind::protocol_error);
    } else {
      CHECK(answer.interim == std::vector<int>(static_cast<std::size_t>(count), 103));
      CHECK(answer.body == "hello");
      CHECK(client.get().timings.reused);
    }
  }
}

TEST_CASE("each wait has its own deadline and failure") {
  struct Row { const char* sends; FailureKind kind; bool nothing_received; };
  for (const Row& row : {Row{"", FailureKind::response_timeout, true}, Row{"HTTP/1.1 200", FailureKind::response_timeout, false},
                         Row{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", FailureKind::response_timeout, false}}) {
    CAPTURE(row.sends);
    ScriptedOrigin origin([&](Peer& peer) {
      peer.read_head();
      peer.send(row.sends);
      CHECK(peer.closed());
    });
    config::Origin settings = origin.settings();
    settings.first_byte_timeout = 50ms;
    settings.between_bytes_timeout = 50ms;
    settings.retries = 0;
    Client client(settings);
    const Answer answer = client.get();
    CHECK(answer.failure == row.kind);
    CHECK(answer.nothing_received == row.nothing_received);
    CHECK(client.server().failures == 1);
  }
}

TEST_CASE("a connection that cannot be made is refused or takes too long") {
  config::Origin settings;
  settings.name = "shop";
  settings.servers = {dead_server()};
  Client client(settings);
  const Answer refused = client.get();
  CHECK(refused.failure == FailureKind::connection_refused);
  CHECK(refused.nothing_received);
  CHECK(client.server().connections == 0);
  CHECK(client.server().outstanding == 0);

  // A listener whose backlog is full answers no SYN.
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  socklen_t length = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  std::vector<int> fill;
  for (int i = 0; i < 4; ++i) {
    fill.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    ::connect(fill.back(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  settings.servers[0].address.port = ntohs(address.sin_port);
  settings.connect_timeout = 60ms;
  Client patient(settings);
  CHECK(patient.get().failure == FailureKind::connection_timeout);
  for (const int fd : fill) ::close(fd);
  ::close(listener);
}

TEST_CASE("the head that is sent carries our framing and none of the caller's") {
  std::vector<std::string> heads;
  std::mutex mutex;
  ScriptedOrigin origin([&](Peer& peer) {
    const std::string head = peer.read_head();
    const std::scoped_lock lock(mutex);
    heads.push_back(head);
    peer.send(kPlain);
  });
  Client client(origin.settings());
  const auto story = [](Client& own, http::Method method, const char* name, http::Framing framing) -> net::Task<bool> {
    Exchange exchange(own.connections, own.cluster);
    http::Fields fields;
    fields.add("Host", "shop.example");
    fields.add("Content-Length", "77");
    fields.add("Transfer-Encoding", "gzip");
    fields.add("Connection", "close");
    fields.add("X-Other", "1");
    OriginRequest ask;
    ask.method_name = name;
    ask.method = method;
    ask.target = "/a?b";
    ask.fields = &fields;
    ask.framing = framing;
    ask.content_length = 5;
    ask.expect_continue = framing != http::Framing::none;
    ask.upgrade = framing == http::Framing::none && method == http::Method::get;
    const auto head = co_await exchange.request(ask);
    if (head && *head == nullptr) {
      const auto final_head = co_await exchange.next_head();
      REQUIRE(final_head);
    }
    co_return static_cast<bool>(head);
  };
  CHECK(client.run(story(client, http::Method::get, "GET", http::Framing::none)));
  CHECK(client.run(story(client, http::Method::post, "POST", http::Framing::none)));
  CHECK(client.run(story(client, http::Method::post, "POST", http::Framing::length)));
  CHECK(client.run(story(client, http::Method::put, "PUT", http::Framing::chunked)));
  REQUIRE(heads.size() == 4);
  const std::string rest = "Host: shop.example\r\nX-Other: 1\r\n";
  CHECK(heads[0] == "GET /a?b HTTP/1.1\r\n" + rest + "Connection: upgrade\r\n\r\n");
  CHECK(heads[1] == "POST /a?b HTTP/1.1\r\n" + rest + "Content-Length: 0\r\n\r\n");
  CHECK(heads[2] == "POST /a?b HTTP/1.1\r\n" + rest + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  CHECK(heads[3] == "PUT /a?b HTTP/1.1\r\n" + rest + "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
}
