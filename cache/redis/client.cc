#include "cache/redis/client.h"

#include <algorithm>

#include "core/base/log.h"
#include "core/net/address.h"
#include "core/net/resolver.h"

namespace davenport::redis {
namespace {

constexpr Millis kTryAgainAfter{10};
constexpr Millis kAvoidLoading{500};
constexpr Millis kRefreshWait{1'000};
constexpr std::size_t kMostNodes = 1'024;      // that are remembered

NodeAddress address_of(const config::Address& address) { return {address.host, address.port}; }

}  // namespace

// ---- one command ----------------------------------------------------------------------------------------------------

bool RoundTrip::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  sent_ = connection_.send(words_, this, late_);
  if (sent_ == nullptr) {
    answer_.loss = Loss::closed;
    return false;
  }
  arm(deadline_);
  return true;
}

void RoundTrip::answered(const Reply& reply) {
  disarm();
  sent_ = nullptr;
  answer_.reply = reply;
  waiter_.resume();
}

void RoundTrip::lost() {
  disarm();
  sent_ = nullptr;
  answer_.loss = Loss::closed;
  waiter_.resume();
}

void RoundTrip::expired(bool cancelled) {
  std::exchange(sent_, nullptr)->abandon();
  answer_.loss = cancelled ? Loss::cancelled : Loss::timeout;
  waiter_.resume();
}

// ---- nodes ----------------------------------------------------------------------------------------------------------

Client::Client(net::Loop& loop, const config::Redis& settings, Metrics& metrics)
    : loop_(loop), settings_(settings), metrics_(metrics), cluster_(settings.is_cluster()), refresh_wanted_(loop), random_(std::random_device{}()) {}

Client::~Client() {
  *alive_ = false;
  close();
}

// Not from within whoever noticed: that may stand in the middle of a connection's end.
void Client::want_refresh() {
  loop_.defer([this, alive = alive_] {
    if (*alive && !closed_) refresh_wanted_.notify();
  });
}

void Client::start() { net::spawn(keep_map(*this)); }

void Client::close() {
  closed_ = true;
  set_map({});
  for (const auto& [name, node] : nodes_) {
    if (const auto connection = std::exchange(node->connection, nullptr)) connection->close("shutting down");
  }
  nodes_.clear();
}

ConnectionOptions Client::options_for(const NodeAddress& address) const {
  ConnectionOptions options;
  options.host = address.host;
  options.port = address.port;
  options.user = settings_.user;
  options.password = settings_.password;
  options.database = cluster_ ? 0 : settings_.database;
  options.read_only = cluster_ && settings_.read_replicas;
  options.connect_timeout = settings_.connect_timeout;
  options.max_reply_bytes = std::max<std::uint64_t>(settings_.max_value_bytes + (1 << 20), 6 << 20);    // all lists of what is popular (popular.h)
  return options;
}

std::size_t Client::connected() const {
  return static_cast<std::size_t>(std::count_if(nodes_.begin(), nodes_.end(), [](const auto& each) {
    return each.second->connection != nullptr && each.second->connection->state() == Connection::State::ready;
  }));
}

NodeAddress Client::owner_of(std::string_view key) const {
  const NodeAddress* owner = map_.master(slot_of(key));
  return owner == nullptr ? NodeAddress{} : *owner;
}

Client::NodePtr Client::node_of(const NodeAddress& address) {
  if (closed_) return nullptr;
  std::string name = address.text();
  const auto found = nodes_.find(name);
  if (found != nodes_.end()) return found->second;
  if (nodes_.size() >= kMostNodes) return nullptr;
  auto node = std::make_shared<Node>();
  node->address = address;
  return nodes_.emplace(std::move(name), std::move(node)).first->second;
}

void Client::set_map(SlotMap map) {
  map_ = std::move(map);
  nodes_in_map_.clear();
}

// `address`: one of the map's own.
const Client::NodePtr& Client::node_in_map(const NodeAddress& address) {
  const auto index = static_cast<std::size_t>(&address - map_.nodes().data());
  if (nodes_in_map_.size() <= index) nodes_in_map_.resize(map_.nodes().size());
  NodePtr& node = nodes_in_map_[index];
  if (node == nullptr) node = node_of(address);
  return node;
}

Client::NodePtr Client::route(std::uint16_t slot, bool reads) {
  const NodeAddress* address = nullptr;
  if (reads && settings_.read_replicas) address = map_.replica(slot, static_cast<std::uint32_t>(random_()));
  if (address == nullptr) address = map_.master(slot);
  return address == nullptr ? nullptr : node_in_map(*address);
}

// Null: not now.
std::shared_ptr<Connection> Client::connection_of(const NodePtr& node, SteadyTime now) {
  if (now < node->avoid_until || !node->breaker.allows(now)) return nullptr;
  if (node->connection != nullptr && node->connection->state() != Connection::State::closed) return node->connection;
  if (!node->backoff.due(now)) return nullptr;
  // A name would block in hiredis' getaddrinfo(): only addresses are asked (cluster-preferred-endpoint-type ip, the default).
  if (node->address.port != 0 && !net::SocketAddress::numeric(node->address.host, node->address.port)) return nullptr;
  // Until it has answered, the next try waits its turn.
  node->backoff.failed(now, chance());
  metrics_.connects.add();
  const std::weak_ptr<Node> weak = node;
  node->connection = std::make_shared<Connection>(loop_, options_for(node->address), [this, weak] {
    metrics_.disconnects.add();
    const NodePtr ended = weak.lock();
    if (ended == nullptr || closed_) return;
    if (!std::exchange(ended->warned, true)) {
      log_warning("redis {}: {}", ended->address.text(), ended->connection != nullptr ? ended->connection->reason() : "closed");
    }
    if (ended->connection != nullptr && ended->connection->refused()) metrics_.refused.add();
    if (cluster_) want_refresh();
  });
  if (node->connection->state() == Connection::State::closed) {
    failed(*node);
    return nullptr;
  }
  return node->connection;
}

void Client::succeeded(Node& node, SteadyTime now) {
  if (std::exchange(node.warned, false)) log_info("redis {}: answers again", node.address.text());
  node.breaker.succeeded(now);
  node.backoff.succeeded();
}

void Client::failed(Node& node) {
  const bool was_open = node.breaker.open();
  node.breaker.failed(loop_.now(), chance());
  if (!was_open && node.breaker.open()) metrics_.breaker_openings.add();
}

void Client::count(Trouble trouble) {
  switch (trouble) {
    case Trouble::none: break;
    case Trouble::moved: metrics_.moved.add(); break;
    case Trouble::ask: metrics_.asked.add(); break;
    case Trouble::try_again: metrics_.try_again.add(); break;
    case Trouble::cluster_down: metrics_.cluster_down.add(); break;
    case Trouble::read_only: metrics_.read_only.add(); break;
    case Trouble::loading: metrics_.loading.add(); break;
    case Trouble::out_of_memory: metrics_.out_of_memory.add(); break;
    case Trouble::refused: metrics_.refused.add(); break;
    case Trouble::other: metrics_.other_errors.add(); break;
  }
}

void Client::note_trouble(const Redirection& trouble) {
  count(trouble.trouble);
  if (trouble.trouble == Trouble::moved) map_.move(trouble.slot, trouble.to);
  if (cluster_) want_refresh();
}

// ---- asking ---------------------------------------------------------------------------------------------------------

bool Client::may_ask(std::uint16_t slot, SteadyTime now) {
  const NodeAddress* owner = map_.master(slot);
  if (owner == nullptr) return false;
  const NodePtr& found = node_in_map(*owner);
  if (found == nullptr) return false;
  const Node& node = *found;
  if (now < node.avoid_until) return false;
  const bool usable = node.connection != nullptr && node.connection->state() != Connection::State::closed;
  return usable || node.backoff.due(now);
}

net::Task<Answer> Client::ask(Question question, SteadyTime now, SteadyTime deadline) {
  static constexpr std::string_view kAsking[] = {"ASKING"};
  NodePtr node = route(question.slot, question.reads);
  bool asking = false;
  Answer answer;
  for (int hop = 0; hop < kMaxHops; ++hop) {
    if (hop > 0) now = loop_.now();
    const std::shared_ptr<Connection> connection = node == nullptr ? nullptr : connection_of(node, now);
    if (connection == nullptr) {
      if (node == nullptr && cluster_) want_refresh();
      co_return Answer{Loss::unavailable, Trouble::none, {}};
    }
    const SteadyTime late = std::max(deadline, now + settings_.command_timeout);
    if (asking) static_cast<void>(connection->send(kAsking, nullptr, late));
    RoundTrip trip(loop_, *connection, question.words, deadline, late);
    answer = co_await trip;
    if (answer.loss == Loss::cancelled) co_return answer;
    if (answer.loss != Loss::none) {
      failed(*node);
      if (answer.loss == Loss::closed && cluster_) want_refresh();
      co_return answer;
    }
    if (answer.reply.kind() != Reply::Kind::error) {
      succeeded(*node, connection->read_at());
      co_return answer;
    }
    const Redirection redirection = read_trouble(answer.reply.text(), node->address.host);
    answer.trouble = redirection.trouble;
    count(redirection.trouble);
    asking = redirection.trouble == Trouble::ask;
    switch (redirection.trouble) {
      case Trouble::moved:
        node->breaker.succeeded(loop_.now());
        map_.move(redirection.slot, redirection.to);
        want_refresh();
        node = node_of(redirection.to);
        break;
      case Trouble::ask:
        node->breaker.succeeded(loop_.now());
        node = node_of(redirection.to);
        break;
      case Trouble::try_again: {
        const SteadyTime then = loop_.now() + kTryAgainAfter;
        if (then >= deadline) co_return answer;
        const bool goes_on = co_await net::sleep_until(loop_, then);
        if (!goes_on) co_return Answer{Loss::cancelled, Trouble::none, {}};
        break;
      }
      case Trouble::cluster_down:
      case Trouble::read_only:
        failed(*node);
        want_refresh();
        co_return answer;
      case Trouble::loading:
        node->avoid_until = loop_.now() + kAvoidLoading;
        want_refresh();
        co_return answer;
      case Trouble::refused:
        failed(*node);
        co_return answer;
      case Trouble::none:
      case Trouble::out_of_memory:
      case Trouble::other: co_return answer;
    }
    if (loop_.now() >= deadline) co_return Answer{Loss::timeout, Trouble::none, {}};
  }
  co_return Answer{Loss::unavailable, Trouble::none, {}};
}

// ---- the map --------------------------------------------------------------------------------------------------------

net::Task<void> Client::keep_map(Client& client) {
  for (;;) {
    const bool read = co_await client.refresh();
    const SteadyTime now = client.loop_.now();
    const bool goes_on = co_await net::sleep_until(client.loop_, now + with_jitter(kRefreshApart * 4 / 3, client.chance()));
    if (!goes_on) co_return;
    // A single server's address is looked up again only until it is known.
    const auto pause = read ? std::chrono::nanoseconds(kRefreshEvery) : std::chrono::nanoseconds(kRefreshApart);
    const net::Wake wake = co_await client.refresh_wanted_.wait(now + with_jitter(pause, client.chance()));
    if (wake == net::Wake::cancelled) co_return;
  }
}

// Known nodes in any order, then the seeds, as numeric addresses.
net::Task<std::vector<NodeAddress>> Client::candidates() {
  std::vector<NodeAddress> all = map_.nodes();
  std::shuffle(all.begin(), all.end(), random_);
  for (const config::Address& seed : settings_.seeds) {
    if (seed.kind != config::Address::Kind::name) {
      if (std::find(all.begin(), all.end(), address_of(seed)) == all.end()) all.push_back(address_of(seed));
      continue;
    }
    const Result<std::vector<net::SocketAddress>> found = co_await net::resolve(loop_, seed.host, seed.port, loop_.now() + kRefreshWait);
    if (!found) continue;
    for (const net::SocketAddress& address : *found) {
      const NodeAddress node{address.host(), address.port()};
      if (std::find(all.begin(), all.end(), node) == all.end()) all.push_back(node);
    }
  }
  co_return all;
}

net::Task<bool> Client::refresh() {
  const std::vector<NodeAddress> all = co_await candidates();
  if (!cluster_) {
    if (all.empty()) co_return false;
    if (map_.empty() || !(map_.nodes().front() == all.front())) set_map(SlotMap::single(all.front()));
    co_return true;
  }
  metrics_.refreshes.add();
  for (const NodeAddress& each : all) {
    const bool read = co_await refresh_from(each);
    if (read) co_return true;
    if (loop_.stopping()) co_return false;
  }
  metrics_.refresh_failures.add();
  co_return false;
}

net::Task<bool> Client::refresh_from(NodeAddress address) {
  static constexpr std::string_view kWords[] = {"CLUSTER", "SLOTS"};
  const NodePtr node = node_of(address);
  const SteadyTime now = loop_.now(), deadline = now + kRefreshWait;
  const std::shared_ptr<Connection> connection = node == nullptr ? nullptr : connection_of(node, now);
  if (connection == nullptr) co_return false;
  RoundTrip trip(loop_, *connection, kWords, deadline, deadline);
  const Answer answer = co_await trip;
  if (answer.loss == Loss::cancelled) co_return false;
  if (answer.loss != Loss::none) {
    failed(*node);
    co_return false;
  }
  Result<SlotMap> map = SlotMap::parse(answer.reply, address.host);
  if (!map) co_return false;
  succeeded(*node, loop_.now());
  set_map(std::move(*map));
  forget_strangers();
  co_return true;
}

void Client::forget_strangers() {
  std::erase_if(nodes_, [this](const auto& each) {
    const std::vector<NodeAddress>& known = map_.nodes();
    if (std::find(known.begin(), known.end(), each.second->address) != known.end()) return false;
    const bool idle = each.second->connection == nullptr || each.second->connection->pending() == 0;
    return idle;
  });
}

}  // namespace davenport::redis
