#include "proxy/server/worker.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/server/answer.h"
#include "proxy/server/client_connection.h"
#include "proxy/server/refresh_ahead.h"

namespace davenport::server {
namespace {

constexpr Millis kTick{100};
constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::size_t kSpares = 64, kSpareBytes = 8 << 10;   // of requests and outputs: how many are kept, and how large ones

}  // namespace

bool ConnectionCount::enter(const std::string& address, std::uint32_t most, std::uint32_t per_address) {
  if (open_.fetch_add(1, std::memory_order_relaxed) >= most) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  if (per_address == 0 || enter_address(address, per_address)) return true;
  open_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

bool ConnectionCount::enter_address(const std::string& address, std::uint32_t per_address) {
  const std::scoped_lock lock(mutex_);
  std::uint32_t& count = by_address_[address];
  if (count >= per_address) return false;
  ++count;
  return true;
}

void ConnectionCount::leave(const std::string& address, bool by_address) {
  open_.fetch_sub(1, std::memory_order_relaxed);
  if (!by_address) return;
  const std::scoped_lock lock(mutex_);
  const auto found = by_address_.find(address);
  if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

// What a worker does ten times a second besides requests: lets go of responses that the store dropped.
class Worker::Tick final : private net::Timer {
 public:
  explicit Tick(Worker& worker) : Timer(worker.loop_.timers()), worker_(worker) { arm(worker.loop_.now() + kTick); }

 private:
  void expired(bool cancelled) override {
    if (cancelled) return;
    worker_.hot_.sweep();
    arm(worker_.loop_.now() + kTick);
  }
  Worker& worker_;
};

Worker::Worker(Shared& shared, SnapshotPtr snapshot, std::unique_ptr<observe::AccessLogRing> ring)
    : shared_(shared),
      snapshot_(std::move(snapshot)),
      connections_(std::make_unique<origin::Connections>(loop_)),
      tier_(snapshot_->config->redis.enabled()
                ? std::make_unique<redis::Tier>(loop_, shared.redis_settings, shared.store, shared.purge_log)
                : nullptr),
      ring_(std::move(ring)),
      sketch_(snapshot_->config->warm.popular),
      tick_(std::make_unique<Tick>(*this)),
      read_buffer_(kReadBytes),
      output_(shared.store) {}

Worker::~Worker() { join(); }

void Worker::listen(int fd, std::size_t index, const config::Listener& listener) {
  listeners_.push_back(std::make_unique<net::Listener>(
      loop_, fd, [this, index, listener](int client, const net::SocketAddress& peer) { accepted(client, peer, index, listener); }));
}

void Worker::start() {
  thread_ = std::thread([this] {
    if (tier_ != nullptr) tier_->start();
    net::spawn(refresh_ahead(*this));
    loop_.run();
    // On the way out, still on this thread: what waits is resumed as cancelled and leaves.
    listeners_.clear();
    cancel_connections();
    loop_.cancel_waiters();
    if (tier_ != nullptr) tier_->close();
    connections_->close_idle();
    hot_.clear();
  });
}

void Worker::join() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void Worker::accepted(int fd, const net::SocketAddress& peer, std::size_t index, const config::Listener& listener) {
  const config::ClientLimits& limits = snapshot_->config->limits;
  const net::TlsServerPtr& tls = snapshot_->tls[index];
  if (tls != nullptr && !shared_.handshakes.admit(loop_.now(), snapshot_->config->handshakes.per_second)) {
    metrics_.handshakes_refused.add();
    ::close(fd);
    return;
  }
  const bool by_address = limits.connections_per_address != 0 && !listener.proxy_protocol;
  if (!shared_.connections.enter(peer.host(), limits.connections, by_address ? limits.connections_per_address : 0)) {
    metrics_.connections_refused.add();
    if (tls == nullptr) {                  // a client that waits for a handshake could read none of it
      Output busy(shared_.store);
      Account account;
      append_own_answer(busy, nullptr, {503, "Too many connections.", "Retry-After: 1\r\n"}, *snapshot_,
                        read_wall_seconds(), false, account);
      const std::string_view bytes = busy.text_view();
      [[maybe_unused]] const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    ::close(fd);
    return;
  }
  if (!peer.is_unix()) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  metrics_.connections_accepted.add();
  metrics_.connections_open.add();
  auto* const client = new ClientConnection(*this, fd, peer, listener, index, by_address);   // owns itself: run() deletes it
  client->next_in_worker = clients_;
  if (clients_ != nullptr) clients_->previous_in_worker = client;
  clients_ = client;
  ClientConnection::run(client);
}

void Worker::remove(ClientConnection& client) {
  if (client.previous_in_worker != nullptr) {
    client.previous_in_worker->next_in_worker = client.next_in_worker;
  } else {
    clients_ = client.next_in_worker;
  }
  if (client.next_in_worker != nullptr) client.next_in_worker->previous_in_worker = client.previous_in_worker;
  metrics_.connections_open.sub();
}

std::unique_ptr<Request> Worker::make_request() {
  if (spare_requests_.empty()) return std::make_unique<Request>();
  std::unique_ptr<Request> request = std::move(spare_requests_.back());
  spare_requests_.pop_back();
  return request;
}

void Worker::give_back(std::unique_ptr<Request> request) {
  if (spare_requests_.size() >= kSpares || request->bytes.capacity() > kSpareBytes) return;
  request->reset();
  spare_requests_.push_back(std::move(request));
}

std::unique_ptr<Output> Worker::make_output() {
  if (spare_outputs_.empty()) return std::make_unique<Output>(shared_.store);
  std::unique_ptr<Output> output = std::move(spare_outputs_.back());
  spare_outputs_.pop_back();
  return output;
}

void Worker::give_back(std::unique_ptr<Output> output) {
  if (spare_outputs_.size() >= kSpares || output->text_capacity() > kSpareBytes) return;
  output->clear();
  spare_outputs_.push_back(std::move(output));
}

FlightPtr Worker::make_lone_flight(const policy::KeyParts& key, purge::Position position) {
  if (spare_flights_.empty()) return std::make_shared<Flight>(key, kNoSlot, position);
  FlightPtr flight = std::move(spare_flights_.back());
  spare_flights_.pop_back();
  flight->begin(key, kNoSlot, position);
  return flight;
}

void Worker::give_back(FlightPtr flight) {
  // Somebody else may still hold it: the pump of its body, a keeper of a part. They are this worker's too, so the count is exact.
  if (spare_flights_.size() >= kSpares || flight.use_count() > 1) return;
  flight->begin({}, kNoSlot, 0);                  // what it held of the store is freed now
  spare_flights_.push_back(std::move(flight));
}

void Worker::adopt(SnapshotPtr snapshot) {
  for (const origin::ClusterPtr& before : snapshot_->clusters) {
    bool stays = false;
    for (const origin::ClusterPtr& now : snapshot->clusters) stays = stays || now == before;
    if (!stays) connections_->forget(before);
  }
  snapshot_ = std::move(snapshot);
  hot_.clear();                                        // what it holds was looked at under the old rules
  wants_.forget();
}

void Worker::close_listeners() { listeners_.clear(); }

void Worker::close_idle_connections() {
  for (ClientConnection* client = clients_; client != nullptr;) {
    ClientConnection* const next = client->next_in_worker;   // it may leave the list, and nobody else does meanwhile
    client->close_if_idle();
    client = next;
  }
}

void Worker::cancel_connections() {
  for (ClientConnection* client = clients_; client != nullptr;) {
    ClientConnection* const next = client->next_in_worker;
    client->cancel();
    client = next;
  }
}

}  // namespace davenport::server
