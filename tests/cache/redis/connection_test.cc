// A connection against a server that says what the test tells it: what is received is handed on in order, whatever its pieces, and what is
// wrong ends the connection with everybody told.
#include "cache/redis/connection.h"

#include <doctest/doctest.h>

#include <deque>
#include <thread>

#include "support/socket.h"

namespace davenport::redis {
namespace {

using namespace std::chrono_literals;
using testing::Listener;
using testing::Socket;

constexpr std::string_view kGet[] = {"GET", "k"};
constexpr std::string_view kGetBytes = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", kPing = "*1\r\n$4\r\nPING\r\n";

// Answers the PING of the greeting, waits for `commands` GETs, and sends `pieces`, each after the one before was sent.
class Server {
 public:
  Server(std::size_t commands, std::vector<std::string> pieces, bool then_closes = false)
      : thread_([this, commands, pieces = std::move(pieces), then_closes] {
          Socket socket = listener_.accept();
          std::string got;
          while (got.size() < kPing.size() + commands * kGetBytes.size() && socket.read(got) == Socket::Got::bytes) {
          }
          socket.send_all("+PONG\r\n");
          for (const std::string& piece : pieces) socket.send_all(piece);
          if (!then_closes) socket.read(got);            // until the other side has closed
        }) {}
  ~Server() { thread_.join(); }
  ConnectionOptions options() const {
    ConnectionOptions options;
    options.host = "127.0.0.1";
    options.port = listener_.port();
    return options;
  }

 private:
  Listener listener_;
  std::thread thread_;
};

struct Answers final : Receiver {
  void answered(const Reply& reply) override {
    texts.emplace_back(reply.text());
    if (on_answer) on_answer();
    finish();
  }
  void lost() override {
    texts.emplace_back("lost");
    finish();
  }
  void finish() {
    if (texts.size() == awaited) loop->stop();
  }
  net::Loop* loop = nullptr;
  std::size_t awaited = 0;
  std::vector<std::string> texts;
  std::function<void()> on_answer;
};

// What `commands` GETs are told.
std::vector<std::string> ask(const ConnectionOptions& options, std::size_t commands, std::string* reason = nullptr) {
  net::Loop loop;
  Answers answers;
  answers.loop = &loop;
  answers.awaited = commands;
  Connection connection(loop, options);
  for (std::size_t i = 0; i < commands; ++i) connection.send(kGet, &answers, loop.now() + 5s);
  loop.run();
  if (reason != nullptr) *reason = connection.reason();
  return answers.texts;
}

TEST_CASE("replies are handed on in order, in one piece and in many, small and large") {
  const std::string large(300'000, 'x');
  const std::string all = "$1\r\na\r\n$" + std::to_string(large.size()) + "\r\n" + large + "\r\n$1\r\nb\r\n";
  const std::vector<std::string> wanted{"a", large, "b"};
  {
    const Server server(3, {all});
    CHECK(ask(server.options(), 3) == wanted);
  }
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < all.size(); at += 7'001) pieces.push_back(all.substr(at, 7'001));
  const Server server(3, pieces);
  CHECK(ask(server.options(), 3) == wanted);
}

TEST_CASE("a reply that nobody asked for, nonsense, one that is too large and an end close the connection, and all are told") {
  struct Row { std::string bytes; bool closes; std::vector<std::string> told; const char* rule; };
  for (const Row& row : {
           Row{"$1\r\na\r\nHTTP/1.1 400\r\n", false, {"a", "lost"}, "nonsense"},
           Row{"$1\r\na\r\n$9000000\r\n", false, {"a", "lost"}, "announced as larger than is taken"},
           Row{"$1\r\na\r\n", true, {"a", "lost"}, "closed by the server"}}) {
    CAPTURE(row.rule);
    const Server server(2, {row.bytes}, row.closes);
    std::string reason;
    CHECK(ask(server.options(), 2, &reason) == row.told);
    CHECK(reason != "");
  }
  const Server server(1, {"$1\r\na\r\n$1\r\nb\r\n"});
  net::Loop loop;
  Answers answers;
  answers.loop = &loop;
  Connection connection(loop, server.options(), [&] { loop.stop(); });
  connection.send(kGet, &answers, loop.now() + 5s);
  loop.run();
  CHECK(answers.texts == std::vector<std::string>{"a"});
  CHECK(connection.reason() == "a reply that nobody asked for");
}

TEST_CASE("a receiver may let go of the connection: the others are told once it has returned") {
  const Server server(3, {"$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"});
  net::Loop loop;
  Answers answers;
  answers.loop = &loop;
  answers.awaited = 3;
  auto connection = std::make_unique<Connection>(loop, server.options());
  std::size_t told_inside = 0;
  answers.on_answer = [&] {
    connection.reset();
    told_inside = answers.texts.size();
  };
  for (int i = 0; i < 3; ++i) connection->send(kGet, &answers, loop.now() + 5s);
  loop.run();
  CHECK(told_inside == 1);
  CHECK(answers.texts == std::vector<std::string>{"a", "lost", "lost"});
}

TEST_CASE("who has given up is not told, and the replies behind stay in step") {
  const Server server(2, {"$1\r\na\r\n$1\r\nb\r\n"});
  net::Loop loop;
  Answers left, stays;
  left.loop = stays.loop = &loop;
  stays.awaited = 1;
  Connection connection(loop, server.options());
  connection.send(kGet, &left, loop.now() + 5s)->abandon();
  connection.send(kGet, &stays, loop.now() + 5s);
  loop.run();
  CHECK(left.texts.empty());
  CHECK(stays.texts == std::vector<std::string>{"b"});
}

TEST_CASE("a command that is late ends the connection") {
  const Server server(2, {"$1\r\na\r\n"});
  net::Loop loop;
  Answers answers;
  answers.loop = &loop;
  answers.awaited = 2;
  Connection connection(loop, server.options());
  connection.send(kGet, &answers, loop.now() + 5s);
  connection.send(kGet, &answers, loop.now() + 50ms);
  loop.run();
  CHECK(answers.texts == std::vector<std::string>{"a", "lost"});
  CHECK(connection.reason() == "a command was not answered in time");
}

}  // namespace
}  // namespace davenport::redis
