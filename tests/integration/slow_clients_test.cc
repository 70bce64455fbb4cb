// Thousands of clients that send or read a byte a second hold nothing that others need.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

using std::chrono::steady_clock;

constexpr int kSlow = 5'000, kHonest = 100, kSeconds = 5;
constexpr const char* kHead = "GET /page HTTP/1.1\r\nHost: shop.test\r\nX-Slow: ";

// Both programs together hold three ends of each connection at most.
void raise_descriptor_limit() {
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  files.rlim_cur = files.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
  REQUIRE(files.rlim_cur > static_cast<rlim_t>(kSlow) + 1'000);
}

// Every other one sends a head, a byte a second; the rest have asked for something large and take a byte a second of it.
class SlowClients {
 public:
  explicit SlowClients(std::uint16_t port) {
    sockets_.reserve(kSlow);
    for (int i = 0; i < kSlow; ++i) {
      sockets_.push_back(Socket::connect(port, reads(i) ? std::optional<int>(4096) : std::nullopt));
      sockets_.back().send_some(reads(i) ? "GET /large HTTP/1.1\r\nHost: shop.test\r\n\r\n" : kHead);
    }
    trickle_ = std::thread([this] {
      for (auto next = steady_clock::now(); !done_; next += std::chrono::seconds(1)) {
        for (int i = 0; i < kSlow && !done_; ++i) move_one(i);
        rounds_.fetch_add(1);
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next + std::chrono::seconds(1) - steady_clock::now());
        if (left.count() > 0) ::poll(nullptr, 0, static_cast<int>(left.count()));   // what makes them slow
      }
    });
  }
  ~SlowClients() {
    done_ = true;
    trickle_.join();
  }
  int rounds() const { return rounds_; }

 private:
  static bool reads(int i) { return i % 2 == 1; }
  void move_one(int i) {
    char byte = 'x';
    if (reads(i)) static_cast<void>(::recv(sockets_[static_cast<std::size_t>(i)].fd(), &byte, 1, MSG_DONTWAIT));
    else sockets_[static_cast<std::size_t>(i)].send_some({&byte, 1});
  }

  std::vector<Socket> sockets_;
  std::atomic<bool> done_{false};
  std::atomic<int> rounds_{0};
  std::thread trickle_;
};

}  // namespace

TEST_SUITE_BEGIN("slow_clients");

TEST_CASE("5,000 clients that send or read a byte a second do not keep 100 honest ones from their answers") {
  raise_descriptor_limit();
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "head_timeout = \"10m\""));     // they are to stay
  const std::string large(400'000, 'l'), page(1'024, 'p');
  origin.on("GET", "/large").reply(200, {{"cache-control", "max-age=600"}}, large);
  origin.on("GET", "/page").reply(200, {{"cache-control", "max-age=600"}}, page);
  origin.on("GET", "/fresh").reply(200, {{"cache-control", "no-store"}}, "fresh");
  CHECK(proxy.get("/large").body == large);
  CHECK(proxy.get("/page").body == page);
  const SlowClients slow(proxy.port());
  await_condition("the slow clients to be taken in", [&] { return proxy.metric("connections_open").value_or(0) >= kSlow; });

  std::vector<Client> honest;
  for (int i = 0; i < kHonest; ++i) honest.push_back(proxy.client());
  auto slowest = steady_clock::duration::zero();
  while (slow.rounds() < kSeconds) {
    const auto began = steady_clock::now();
    for (std::size_t i = 0; i < honest.size(); ++i) honest[i].send_request("GET", i % 10 == 0 ? "/fresh" : i % 10 == 1 ? "/large" : "/page");
    for (std::size_t i = 0; i < honest.size(); ++i) {
      const RawResponse response = honest[i].read();
      REQUIRE(response.status == 200);
      CHECK(response.body == (i % 10 == 0 ? "fresh" : i % 10 == 1 ? large : page));
    }
    slowest = std::max(slowest, steady_clock::now() - began);
  }
  MESSAGE("a hundred answers took at most ", std::chrono::duration_cast<std::chrono::milliseconds>(slowest).count(), " ms");
  CHECK(slowest < std::chrono::seconds(8));                    // 0.2 s on a machine that does nothing else
  CHECK(proxy.metric("connections_open").value_or(0) >= kSlow);           // they were there all the time
}

TEST_SUITE_END();
