// tests/proxy/admin/admin_support.h: a proxy without workers, for the admin API to look at: a real store, purge log and sweeper,
// and counters that the test sets. And a loop on a thread, with clients that block.
#pragma once
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cache/policy/storability.h"
#include "cache/policy/vary.h"
#include "cache/store/walk.h"
#include "core/http/parser.h"
#include "proxy/server/server.h"

namespace davenport::admin_test {

inline config::Config shop_config() {
  config::Config config;
  config.cache.memory_bytes = 16u << 20;
  config::Origin origin;
  origin.name = "shop";
  config.origins.push_back(origin);
  config::Route route;
  route.hosts = {"shop.test", "www.shop.test"};
  config.routes.push_back(route);
  config.admin.address.port = 0;
  return config;
}

class FakeServer final : public server::Server {
 public:
  explicit FakeServer(config::Config config = shop_config())
      : config_(std::make_shared<const config::Config>(std::move(config))),
        store_(config_->cache),
        sweeper_(log_, held_walk()) {
    origin::ServerState server;
    server.address = "10.0.0.1:80";
    origin::ClusterState cluster;
    cluster.name = "shop";
    cluster.servers = {server};
    clusters = {cluster};
  }

  Result<std::monostate> reload(config::ConfigPtr config) override {
    config_ = std::move(config);
    return std::monostate{};
  }
  void drain(std::function<void()> done) override {
    is_draining = true;
    done();
  }
  bool draining() const override { return is_draining; }
  config::ConfigPtr config() const override { return config_; }
  net::TlsServerPtr admin_tls() const override { return nullptr; }
  store::MemoryStore& store() override { return store_; }
  purge::Log& purge_log() override { return log_; }
  std::vector<purge::EmbeddedLog::Audited> audit() const override { return log_.audit(); }
  purge::Sweeper& sweeper() override { return sweeper_; }
  const purge::TagNames& tag_names() const override { return known_tags; }
  transform::Coder::Stats coding() const override { return coding_stats; }
  std::vector<const observe::WorkerMetrics*> metrics() const override { return {&workers[0], &workers[1]}; }
  std::vector<origin::ClusterState> origins() const override { return clusters; }
  server::Popularity::Filled filled() const override { return fill; }
  std::vector<std::string> listening() const override { return {"127.0.0.1:8080"}; }
  void reopen_logs() override {}

  // Walks of the sweeper wait while it is held.
  void hold_sweeper(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    released_.notify_all();
  }

  observe::WorkerMetrics workers[2];
  std::vector<origin::ClusterState> clusters;
  std::atomic<bool> is_draining{false};
  server::Popularity::Filled fill;
  transform::Coder::Stats coding_stats;
  purge::TagNames known_tags;

 private:
  purge::Sweeper::Walk held_walk() {
    return [this, walk = store::walk_of(store_)](const purge::Sweeper::Judge& judge) {
      std::unique_lock lock(mutex_);
      released_.wait(lock, [this] { return !held_; });
      lock.unlock();
      walk(judge);
    };
  }

  std::mutex mutex_;
  std::condition_variable released_;
  bool held_ = false;
  config::ConfigPtr config_;
  store::MemoryStore store_;
  purge::EmbeddedLog log_;
  purge::Sweeper sweeper_;
};

// What the proxy would do with an answer to GET http://shop.test<target>.
inline policy::Storing put(FakeServer& server, const std::string& target, const std::string& response_fields,
                           const std::string& body = "milk", const std::string& request_fields = "", WallSeconds at = {}) {
  if (at == WallSeconds{}) at = read_wall_seconds();
  const http::HeadLimits limits;
  const std::string asked = "GET " + target + " HTTP/1.1\r\nHost: shop.test\r\n" + request_fields + "\r\n";
  const std::string answered = "HTTP/1.1 200 OK\r\n" + response_fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  http::RequestParser request_parser(limits);
  http::RequestHead request;
  REQUIRE(request_parser.parse(asked, request).state == http::ParseState::done);
  http::ResponseParser response_parser(limits);
  http::ResponseHead response;
  REQUIRE(response_parser.parse(answered, http::Method::get, response).state == http::ParseState::done);
  const config::ConfigPtr config = server.config();
  const config::CacheRules& rules = config->routes[0].cache;
  const policy::StoreVerdict verdict = policy::judge(request, response, {at, at}, rules);
  std::string scratch;
  store::Draft draft;
  draft.key = policy::make_key(request, "http", "shop.test", rules, scratch);
  draft.position = server.purge_log().position();
  const std::string selector = policy::make_selector(response.fields, request.fields, rules);
  const std::string head = answered.substr(0, answered.size() - 2);
  std::vector<Hash128> tags;
  for (const std::string& tag : policy::tags_of(response.fields, rules)) {
    tags.push_back(purge::tag_hash(tag));
    server.known_tags.note(tags.back(), tag);
  }
  if (verdict.ok()) {
    draft.selector = selector;
    draft.head = head;
    draft.facts = verdict.facts;
    draft.tags = tags;
  } else {
    draft.marker = true;
    draft.facts.date = draft.facts.response_time = at;
    draft.facts.lifetime = 10;
    draft.head = policy::name_of(verdict.storing);
  }
  store::FillPtr fill;
  if (verdict.ok()) {
    fill = server.store().begin_fill(body.size());
    REQUIRE(fill != nullptr);
    REQUIRE(fill->append(body));
  }
  REQUIRE(server.store().commit(fill, draft, server.purge_log(), 64) == store::PutResult::stored);
  return verdict.storing;
}

// A loop that runs on a thread of its own.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop_.run(); }) {}
  ~LoopThread() {
    loop_.post([this] { loop_.stop(); });
    thread_.join();
  }
  net::Loop& loop() { return loop_; }

  // Runs `work` on the loop and waits for it.
  template <class Work>
  void run(Work work) {
    std::promise<void> done;
    loop_.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

 private:
  net::Loop loop_;
  std::thread thread_;
};

struct RawAnswer {
  int status = 0;
  std::string head, body;
  bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
};

// A client that blocks, 10 seconds at most.
class BlockingClient {
 public:
  explicit BlockingClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~BlockingClient() { ::close(fd_); }
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // The next answer, by its Content-Length; status 0 where the connection ended before it.
  RawAnswer read(bool head_only = false) {
    RawAnswer answer;
    while (bytes_.find("\r\n\r\n") == std::string::npos) {
      if (!more()) return answer;
    }
    const std::size_t head_size = bytes_.find("\r\n\r\n") + 4;
    answer.head = bytes_.substr(0, head_size);
    bytes_.erase(0, head_size);
    const int status = std::stoi(answer.head.substr(9, 3));
    const std::size_t at = answer.head.find("Content-Length: ");
    const std::size_t length = at == std::string::npos || head_only ? 0 : std::stoul(answer.head.substr(at + 16));
    while (bytes_.size() < length) {
      if (!more()) return {};
    }
    answer.body = bytes_.substr(0, length);
    bytes_.erase(0, length);
    answer.status = status;
    return answer;
  }
  bool at_end() { return bytes_.empty() && !more(); }
  void half_close() { ::shutdown(fd_, SHUT_WR); }

 private:
  bool more() {
    char piece[4096];
    const ssize_t got = ::recv(fd_, piece, sizeof piece, 0);
    if (got <= 0) return false;
    bytes_.append(piece, static_cast<std::size_t>(got));
    return true;
  }
  int fd_;
  std::string bytes_;
};

}  // namespace davenport::admin_test
