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
