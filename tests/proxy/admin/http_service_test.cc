#include "proxy/admin/http_service.h"

#include "proxy/admin/admin_support.h"
#include "core/net/listener.h"

using namespace davenport;
using namespace davenport::admin;
using namespace std::chrono_literals;
using admin_test::BlockingClient;
using admin_test::LoopThread;
using admin_test::RawAnswer;

namespace {

// Tells what it was asked; refuses DELETE at once; waits for the test where the path says so.
class Echo final : public Handler {
 public:
  explicit Echo(net::Loop& loop) : loop_(loop), gate_(loop) {}
  std::optional<Answer> refuse(const http::RequestHead& head, std::string_view) override {
    if (head.method == http::Method::delete_) return problem(403, "no");
    return std::nullopt;
  }
  net::Task<Answer> handle(Incoming request) override {
    std::string body = std::string(request.head.method_name) + " " + std::string(request.head.path) + " " +
                       std::to_string(request.body.size()) + " " + std::string(request.body.substr(0, 10));
    if (request.head.path == "/big") body.assign(8 << 20, 'x');
    if (request.head.path == "/wait") {
      waiting = true;
      const net::Wake wake = co_await gate_.wait(loop_.now() + 10s);
      body += wake == net::Wake::notified ? " notified" : " late";
      finished = true;
    }
    Answer answer;
    answer.content_type = "text/plain";
    answer.body = std::move(body);
    answer.fields.emplace_back("X-Peer", std::string(request.peer));
    co_return answer;
  }
  void open_gate() { gate_.notify(); }

  std::atomic<bool> waiting{false}, finished{false};

 private:
  net::Loop& loop_;
  net::Notify gate_;
};

class Service {
 public:
  explicit Service(ServiceLimits limits = {}) {
    thread_.run([&] {
      Result<int> fd = net::open_listening_socket(*net::SocketAddress::numeric("127.0.0.1", 0), false);
      REQUIRE(fd);
      port = net::local_address(*fd)->port();
      echo = std::make_unique<Echo>(thread_.loop());
      service_ = std::make_unique<HttpService>(thread_.loop(), *fd, *echo, limits);
    });
  }
  ~Service() {
    stop();
    thread_.run([&] { echo.reset(); });
  }
  void stop() {
    thread_.run([&] { service_.reset(); });
  }
  std::size_t connections() {
    std::size_t count = 0;
    thread_.run([&] { count = service_->connections(); });
    return count;
  }
  template <class Work>
  void run(Work work) {
    thread_.run(work);
  }

  std::uint16_t port = 0;
  std::unique_ptr<Echo> echo;

 private:
  LoopThread thread_;
  std::unique_ptr<HttpService> service_;
};

template <class Condition>
bool await(Condition condition) {
  const SteadyTime end = read_steady_clock() + 10s;
  while (!condition()) {
    if (read_steady_clock() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("a request gets its answer, and the connection is kept for the next one (RFC 9112 §9.3)") {
  Service service;
  BlockingClient client(service.port);
  REQUIRE(client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
  const RawAnswer first = client.read();
  CHECK(first.status == 200);
  CHECK(first.body == "GET /a 0 ");
  CHECK(first.has("Connection: keep-alive\r\n"));
  CHECK(first.has("Date: "));
  CHECK(first.has("Cache-Control: no-store\r\n"));
  CHECK(first.has("X-Peer: 127.0.0.1\r\n"));
  REQUIRE(client.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"));
  const RawAnswer second = client.read();
  CHECK(second.body == "POST /b 5 hello");
  CHECK(second.has("Connection: close\r\n"));
  CHECK(client.at_end());
}

TEST_CASE("requests may come together, a byte at a time, or in chunks") {
  Service service;
  BlockingClient client(service.port);
  const std::string pipelined =
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nX-Trailer: 1\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n";
  REQUIRE(client.send(pipelined));
  CHECK(client.read().body == "GET /a 0 ");
  CHECK(client.read().body == "POST /b 5 hello");
  CHECK(client.read().body == "GET /c 0 ");
  for (const char c : pipelined) REQUIRE(client.send({&c, 1}));
  CHECK(client.read().body == "GET /a 0 ");
  CHECK(client.read().body == "POST /b 5 hello");
  CHECK(client.read().body == "GET /c 0 ");
}

TEST_CASE("HEAD gets the head alone (RFC 9110 §9.3.2)") {
  Service service;
  BlockingClient client(service.port);
  REQUIRE(client.send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"));
  const RawAnswer head = client.read(true);
  CHECK(head.status == 200);
  CHECK(head.has("Content-Length: 10\r\n"));
  CHECK(client.read().body == "GET /b 0 ");
}

TEST_CASE("a client that has sent all it wants to say is still answered") {
  Service service;
  BlockingClient client(service.port);
  REQUIRE(client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
  client.half_close();
  CHECK(client.read().status == 200);
  CHECK(client.at_end());
}

TEST_CASE("what is no HTTP is refused with the parser's status, and the connection ends") {
  Service service;
  struct Row { const char* bytes; int status; };
  for (const Row& row : {
           Row{"nonsense\r\n\r\n", 400}, Row{"GET / HTTP/1.1\r\n\r\n", 400}, Row{"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
           Row{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
           Row{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
           Row{"DELETE / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", 403}}) {
    CAPTURE(row.bytes);
    BlockingClient client(service.port);
    REQUIRE(client.send(row.bytes));
    const RawAnswer answer = client.read();
    CHECK(answer.status == row.status);
    CHECK(answer.has("Content-Type: application/problem+json\r\n"));
    CHECK(answer.has("Connection: close\r\n"));
    CHECK(client.at_end());
  }
}

TEST_CASE("heads and bodies are bounded") {
  Service service;
  const std::string long_target = "GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string long_head = "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n";
  const std::string announced = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2097153\r\n\r\n";
  std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 33; ++i) chunked += "10000\r\n" + std::string(65'536, 'x') + "\r\n";
  struct Row { const std::string& bytes; int status; };
  for (const Row& row : {Row{long_target, 414}, Row{long_head, 431}, Row{announced, 413}, Row{chunked, 413}}) {
    CAPTURE(row.bytes.substr(0, 60));
    BlockingClient client(service.port);
    client.send(row.bytes);
    CHECK(client.read().status == row.status);
  }
  BlockingClient client(service.port);
  REQUIRE(client.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n" + std::string(2 << 20, 'x')));
  CHECK(client.read().body == "POST /b 2097152 xxxxxxxxxx");
}

TEST_CASE("a client that asks first is told to go on (RFC 9110 §10.1.1)") {
  Service service;
  BlockingClient client(service.port);
  REQUIRE(client.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
  CHECK(client.read().status == 100);
  REQUIRE(client.send("hello"));
  CHECK(client.read().body == "POST /b 5 hello");
}

TEST_CASE("a client that is too slow gets 408, an idle one just an end") {
  ServiceLimits limits;
  limits.head_timeout = limits.body_timeout = 50ms;
  limits.idle_timeout = 50ms;
  Service service(limits);
  for (const char* bytes : {"GET / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel",
                            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"}) {
    CAPTURE(bytes);
    BlockingClient client(service.port);
    REQUIRE(client.send(bytes));
    CHECK(client.read().status == 408);
    CHECK(client.at_end());
  }
  BlockingClient idle(service.port);
  CHECK(idle.at_end());
  CHECK(await([&] { return service.connections() == 0; }));
}

TEST_CASE("an answer larger than the socket's buffer arrives whole, and one that is not taken is given up") {
  {
    Service service;
    BlockingClient client(service.port);
    REQUIRE(client.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(client.read().body == std::string(8 << 20, 'x'));
  }
  ServiceLimits limits;
  limits.send_timeout = 50ms;
  Service service(limits);
  BlockingClient client(service.port);
  REQUIRE(client.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n"));
  CHECK(await([&] { return service.connections() == 1; }));
  CHECK(await([&] { return service.connections() == 0; }));
}

TEST_CASE("above the bound a connection gets 503, and room made is room again") {
  Service service;
  {
    std::vector<std::unique_ptr<BlockingClient>> clients;
    for (std::size_t i = 0; i < kConnectionsMax; ++i) clients.push_back(std::make_unique<BlockingClient>(service.port));
    REQUIRE(await([&] { return service.connections() == kConnectionsMax; }));
    BlockingClient more(service.port);
    CHECK(more.read().status == 503);
    REQUIRE(clients.back()->send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(clients.back()->read().status == 200);
  }
  CHECK(await([&] { return service.connections() == 0; }));
  BlockingClient client(service.port);
  REQUIRE(client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
  CHECK(client.read().status == 200);
}

TEST_CASE("a client may leave at any time") {
  Service service;
  for (const char* bytes : {"", "GET", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe",
                            "GET /big HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    BlockingClient client(service.port);
    client.send(bytes);
  }
  {
    BlockingClient client(service.port);
    REQUIRE(client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
    REQUIRE(await([&] { return service.echo->waiting.load(); }));
  }
  service.run([&] { service.echo->open_gate(); });
  CHECK(await([&] { return service.connections() == 0; }));
}

TEST_CASE("the end of the service ends its connections; one that is being answered ends with its answer") {
  Service service;
  BlockingClient idle(service.port), half(service.port), waiting(service.port);
  REQUIRE(half.send("GET / HT"));
  REQUIRE(waiting.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
  REQUIRE(await([&] { return service.echo->waiting && service.connections() == 3; }));
  service.stop();
  CHECK(idle.at_end());
  CHECK(half.at_end());
  CHECK_FALSE(service.echo->finished);
  service.run([&] { service.echo->open_gate(); });
  CHECK(service.echo->finished);
  CHECK(waiting.at_end());
}
