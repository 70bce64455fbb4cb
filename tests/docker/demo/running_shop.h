// tests/docker/demo/running_shop.h: the shop on a free port of loopback, and a client that speaks bytes to it.
#pragma once
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "docker/demo/shop.h"

// One connection; every read is bounded by 20 s and fails the test after it.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval bound{20, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(std::string_view bytes) {
    REQUIRE(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  void close_sending() { ::shutdown(socket_, SHUT_WR); }

  // One answer: its head in `head`, its body as the result. `bodiless` for HEAD.
  std::string receive(bool bodiless = false) {
    while (buffer_.find("\r\n\r\n") == std::string::npos) REQUIRE(more());
    head = buffer_.substr(0, buffer_.find("\r\n\r\n") + 2);
    buffer_.erase(0, head.size() + 2);
    const std::string length = field("Content-Length");
    const std::size_t bytes = bodiless || length.empty() ? 0 : std::stoul(length);
    while (buffer_.size() < bytes) REQUIRE(more());
    const std::string body = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    return body;
  }
  std::string ask(const std::string& method, const std::string& path, const std::string& fields = "", const std::string& body = "") {
    send(method + " " + path + " HTTP/1.1\r\nHost: shop.test\r\n" + fields +
         (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body);
    return receive(method == "HEAD");
  }
  std::string get(const std::string& path, const std::string& fields = "") { return ask("GET", path, fields); }
  bool at_end() { return buffer_.empty() && !more(); }

  int status() const { return std::stoi(head.substr(9, 3)); }
  std::string field(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }

  std::string head;

 private:
  bool more() {
    char bytes[16384];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    if (got > 0) buffer_.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
  }
  int socket_;
  std::string buffer_;
};

class RunningShop {
 public:
  explicit RunningShop(demo::Options options = quick(), std::chrono::seconds request_bound = std::chrono::seconds(15))
      : options_(std::move(options)),
        socket_(demo::open_listening_socket("127.0.0.1", 0, port)),
        database_(std::make_unique<demo::Database>(options_.db_delay, options_.db_limit, options_.db_queue)),
        shop_(std::make_unique<demo::Shop>(options_, *database_, connections, std::time(nullptr))) {
    REQUIRE(socket_ >= 0);
    for (int i = 0; i < options_.threads; ++i) {
      demo::ServerLimits limits{connections, options_.max_connections};
      limits.request = request_bound;
      servers_.push_back(std::make_unique<demo::Server>(
          [this](demo::Request request, demo::Reply reply) { shop_->handle(std::move(request), std::move(reply)); }, limits));
      servers_.back()->listen(socket_);
      threads_.emplace_back([server = servers_.back().get()] { server->run(); });
    }
  }
  ~RunningShop() {
    for (const auto& server : servers_) server->stop();
    for (std::thread& thread : threads_) thread.join();
    database_.reset();
    servers_.clear();
    ::close(socket_);
  }

  static demo::Options quick() {
    demo::Options options;
    options.db_delay = std::chrono::microseconds(0);
    return options;
  }

  std::uint16_t port = 0;
  std::atomic<std::size_t> connections = 0;

 private:
  demo::Options options_;
  int socket_;
  std::unique_ptr<demo::Database> database_;
  std::unique_ptr<demo::Shop> shop_;
  std::vector<std::unique_ptr<demo::Server>> servers_;
  std::vector<std::thread> threads_;
};
