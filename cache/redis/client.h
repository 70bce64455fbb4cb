// cache/redis/client.h: asks the right node of a Redis Cluster, or the one server, from one loop.
//     Client client(loop, settings, metrics);  client.start();
//     const std::string_view words[] = {"GET", key};
//     Answer answer = co_await client.ask({words, key}, loop.now() + 20ms);     // answer.reply is good until the next suspension
// Ways    MOVED is followed at once and remembered, ASK with ASKING before it, TRYAGAIN after a moment; CLUSTERDOWN, READONLY and
//         lost connections have the map read anew. All within the caller's deadline and kMaxHops.
// Failing a breaker for each node makes later calls cost nothing; reconnecting waits 50 ms to 5 s. A call that failed says so
//         in `loss`, and an error of Redis' is a reply of kind `error`.
// Map     read by one at a time, at least 500 ms apart, every 30 s, and when something says that it is wrong.
// Owner   start() spawns a coroutine that leaves at the loop's cancel_waiters(); close() after that, on the loop's thread.
// Thread  the loop's.
#pragma once
#include <coroutine>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "cache/redis/breaker.h"
#include "cache/redis/connection.h"
#include "cache/redis/metrics.h"
#include "cache/redis/redirection.h"
#include "cache/redis/slots.h"
#include "config/config.h"
#include "core/net/loop.h"
#include "core/net/task.h"

namespace davenport::redis {

struct Answer {
  Loss loss = Loss::none;
  Trouble trouble = Trouble::none;   // of an error reply
  Reply reply{};
  bool ok() const { return loss == Loss::none && trouble == Trouble::none; }
};

struct Question {
  Question(std::span<const std::string_view> command, std::string_view key) : words(command), slot(slot_of(key)) {}
  Question(std::span<const std::string_view> command, std::uint16_t of_key, bool only_reads) : words(command), slot(of_key), reads(only_reads) {}

  std::span<const std::string_view> words;
  std::uint16_t slot;                // of the command's key
  bool reads = false;                // a replica may answer, where the settings say so
};

// One command and its reply, or the deadline. Named before it is awaited.
class RoundTrip final : private Receiver, private net::Timer {
 public:
  RoundTrip(net::Loop& loop, Connection& connection, std::span<const std::string_view> words, SteadyTime deadline, SteadyTime late)
      : Timer(loop.timers()), connection_(connection), words_(words), deadline_(deadline), late_(late) {}
  ~RoundTrip() override {
    if (sent_ != nullptr) sent_->abandon();
  }
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiter);
  Answer await_resume() const noexcept { return answer_; }

 private:
  void answered(const Reply& reply) override;
  void lost() override;
  void expired(bool cancelled) override;

  Connection& connection_;
  const std::span<const std::string_view> words_;
  const SteadyTime deadline_, late_;
  Command* sent_ = nullptr;
  Answer answer_{};
  std::coroutine_handle<> waiter_;
};

class Client {
 public:
  Client(net::Loop& loop, const config::Redis& settings, Metrics& metrics);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void start();
  void close();

  net::Task<Answer> ask(Question question, SteadyTime deadline) { return ask(question, loop_.now(), deadline); }
  net::Task<Answer> ask(Question question, SteadyTime now, SteadyTime deadline);     // for who has just looked at the clock
  // Is there any point in asking for a key of this slot now? False costs nothing.
  bool may_ask(std::uint16_t slot, SteadyTime now);

  // The address that owns the key now, for a connection of one's own; a default-made one where nobody is known.
  NodeAddress owner_of(std::string_view key) const;
  void note_wrong_map() { want_refresh(); }
  void note_trouble(const Redirection& trouble);     // of such a connection
  ConnectionOptions options_for(const NodeAddress& address) const;
  std::size_t connected() const;

  static constexpr int kMaxHops = 5;
  static constexpr Millis kRefreshApart{500}, kRefreshEvery{30'000};

 private:
  struct Node {
    NodeAddress address;
    std::shared_ptr<Connection> connection;
    Breaker breaker;
    Backoff backoff;
    SteadyTime avoid_until{};
    bool warned = false;
  };
  using NodePtr = std::shared_ptr<Node>;

  NodePtr node_of(const NodeAddress& address);
  const NodePtr& node_in_map(const NodeAddress& address);
  NodePtr route(std::uint16_t slot, bool reads);
  std::shared_ptr<Connection> connection_of(const NodePtr& node, SteadyTime now);
  void set_map(SlotMap map);
  void succeeded(Node& node, SteadyTime now);
  void failed(Node& node);
  void count(Trouble trouble);
  double chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  void want_refresh();
  static net::Task<void> keep_map(Client& client);
  net::Task<bool> refresh();
  net::Task<std::vector<NodeAddress>> candidates();
  net::Task<bool> refresh_from(NodeAddress address);
  void forget_strangers();

  net::Loop& loop_;
  const config::Redis settings_;
  Metrics& metrics_;
  const bool cluster_;
  SlotMap map_;
  std::map<std::string, NodePtr> nodes_;
  std::vector<NodePtr> nodes_in_map_;        // as map_.nodes(), as far as they were looked for: no look-up by name for each command
  net::Notify refresh_wanted_;
  std::minstd_rand random_;
  bool closed_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace davenport::redis
