// tests/proxy/origin/origin_support.h: an origin that does what a test says, byte by byte, and a client that asks it.
//     ScriptedOrigin origin([](Peer& peer) { peer.read_head(); peer.send("HTTP/1.1 204 No Content\r\n\r\n"); });
//     Client client(origin.settings());      Answer answer = client.get("/");
// Each connection runs the script on a thread of its own; Peer::number says which connection it is (0 is the first). All waits
// of a peer end after kPatience, so that a broken test ends too.
#pragma once
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "proxy/origin/connections.h"
#include "proxy/origin/exchange.h"

namespace davenport::origin::test {

using namespace std::chrono_literals;

inline constexpr int kPatienceMillis = 10'000;

class Peer {
 public:
  Peer(int fd, int number_) : number(number_), fd_(fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Peer() { close(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const int number;

  // Up to and including the empty line; "" where the client has gone.
  std::string read_head() {
    for (;;) {
      if (const auto end = input_.find("\r\n\r\n"); end != std::string::npos) {
        std::string head = input_.substr(0, end + 4);
        input_.erase(0, end + 4);
        return head;
      }
      if (!more()) return {};
    }
  }
  std::string read(std::size_t bytes) {
    while (input_.size() < bytes && more()) {
    }
    std::string got = input_.substr(0, bytes);
    input_.erase(0, got.size());
    return got;
  }
  std::string read_to_end() {
    while (more()) {
    }
    return std::exchange(input_, {});
  }
  // Waits for the client's end without reading what it sends (a full socket stays full).
  bool closed_by_client() const {
    pollfd wait{fd_, POLLRDHUP, 0};
    return ::poll(&wait, 1, kPatienceMillis) != 0;
  }
  // True: the client has closed, and nothing stands before that.
  bool closed() { return input_.empty() && !more() && input_.empty(); }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

 private:
  bool more() {
    pollfd wait{fd_, POLLIN, 0};
    if (fd_ < 0 || ::poll(&wait, 1, kPatienceMillis) <= 0) return false;
    char bytes[4096];
    const ssize_t n = ::recv(fd_, bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    input_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }
  int fd_;
  std::string input_;
};

class ScriptedOrigin {
 public:
  using Script = std::function<void(Peer&)>;
  explicit ScriptedOrigin(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 128) == 0);
    socklen_t length = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~ScriptedOrigin() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (std::thread& thread : threads_) thread.join();
  }
  std::uint16_t port() const { return port_; }
  int accepted() const { return accepted_; }
  config::OriginServer server(std::uint32_t weight = 1) const {
    config::OriginServer server;
    server.address.host = "127.0.0.1";
    server.address.port = port_;
    server.weight = weight;
    return server;
  }
  config::Origin settings() const {
    config::Origin origin;
    origin.name = "shop";
    origin.servers = {server()};
    return origin;
  }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const int number = accepted_++;
      threads_.emplace_back([this, fd, number] {
        Peer peer(fd, number);
        script_(peer);
      });
    }
  }
  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread acceptor_;
  std::vector<std::thread> threads_;      // the acceptor's until it has ended
};

// A port on which nobody listens.
inline config::OriginServer dead_server() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(fd);
  config::OriginServer server;
  server.address.host = "127.0.0.1";
  server.address.port = ntohs(address.sin_port);
  return server;
}

// What came of one exchange.
struct Answer {
  int status = 0;                      // 0: no head
  std::vector<int> interim;
  std::string body;
  bool whole = false;                  // the body came to its end
  std::optional<FailureKind> failure;
  bool nothing_received = false;       // with failure
  std::string detail, server, trailer; // trailer: of the name X-Sum
  Timings timings;
};

struct Request {
  std::string method = "GET", target = "/";
  std::optional<std::string> body;     // with Content-Length, or chunked
  bool chunked = false;
  bool read_body = true;               // false: the exchange ends after the head
  std::uint64_t affinity = 0;
};

inline void note(Answer& answer, const Failure& failure) {
  answer.failure = failure.kind;
  answer.nothing_received = failure.nothing_received;
  answer.detail = failure.detail;
}

inline net::Task<void> read_answer(Exchange& exchange, Result<const http::ResponseHead*, Failure> head, bool body, Answer& answer) {
  while (head && (*head)->status < 200 && (*head)->status != 101) {
    answer.interim.push_back((*head)->status);
    head = co_await exchange.next_head();
  }
  if (!head) {
    note(answer, head.error());
    co_return;
  }
  answer.status = (*head)->status;
  while (body && !answer.whole) {
    Result<Piece, Failure> piece = co_await exchange.read_body();
    if (!piece) {
      note(answer, piece.error());
      co_return;
    }
    answer.body += piece->bytes;
    answer.whole = piece->end;
  }
  answer.trailer = exchange.trailers().get("X-Sum");
}

inline net::Task<Answer> fetch(Connections& connections, ClusterPtr cluster, Request request) {
  Answer answer;
  Exchange exchange(connections, std::move(cluster));
  http::Fields fields;
  fields.add("Host", "shop.example");
  OriginRequest ask;
  ask.method_name = request.method;
  ask.method = http::method_of(request.method);
  ask.target = request.target;
  ask.fields = &fields;
  ask.affinity = request.affinity;
  if (request.body) {
    ask.framing = request.chunked ? http::Framing::chunked : http::Framing::length;
    ask.content_length = request.body->size();
  }
  Result<const http::ResponseHead*, Failure> head = co_await exchange.request(ask);
  if (head && *head == nullptr) {
    Result<std::monostate, Failure> sent = co_await exchange.send_body(*request.body);
    if (sent) {
      const http::Fields trailers;
      sent = co_await exchange.end_body(trailers);
    }
    head = co_await exchange.next_head();
  }
  co_await read_answer(exchange, std::move(head), request.read_body, answer);
  answer.timings = exchange.timings();
  answer.server = exchange.server();
  co_return answer;
}

// A worker's loop and connections, driven by the test's thread.
struct Client {
  explicit Client(const config::Origin& settings) : connections(loop), cluster(make_cluster(settings, nullptr)) {}

  template <class T>
  T run(net::Task<T> task) {
    std::optional<T> result;
    net::spawn(keep(std::move(task), loop, result));
    if (!result) loop.run();
    else settle();
    REQUIRE(result.has_value());
    return std::move(*result);
  }
  Answer ask(Request request) { return run(fetch(connections, cluster, std::move(request))); }
  Answer get(std::string target = "/") {
    Request request;
    request.target = std::move(target);
    return ask(std::move(request));
  }
  // Runs what is posted already.
  void settle() {
    loop.stop();
    loop.run();
  }
  // Until `condition` holds, looking at each tick of the loop.
  template <class Condition>
  void await(Condition condition) {
    const SteadyTime end = loop.now() + Millis(kPatienceMillis);
    while (!condition() && loop.now() < end) run(tick(loop));
    REQUIRE(condition());
  }
  ServerState server(std::size_t at = 0) const { return state_of(*cluster, loop.now()).servers.at(at); }

  net::Loop loop;
  Connections connections;
  ClusterPtr cluster;

 private:
  template <class T>
  static net::Task<void> keep(net::Task<T> task, net::Loop& loop, std::optional<T>& result) {
    T value = co_await task;
    result.emplace(std::move(value));
    loop.stop();
  }
  static net::Task<bool> tick(net::Loop& loop) {
    const SteadyTime next = loop.now() + 1ms;
    co_return co_await net::sleep_until(loop, next);
  }
};

}  // namespace davenport::origin::test
