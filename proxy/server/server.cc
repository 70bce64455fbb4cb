#include "proxy/server/server.h"

#include <unistd.h>

#include <mutex>

#include "cache/purge/embedded_log.h"
#include "cache/redis/shared_log.h"
#include "cache/store/walk.h"
#include "config/describe.h"
#include "core/base/log.h"
#include "core/net/listener.h"
#include "proxy/origin/connections.h"
#include "proxy/server/shared.h"
#include "proxy/server/snapshot.h"
#include "proxy/server/tickets.h"
#include "proxy/server/warmer.h"
#include "proxy/server/worker.h"

namespace davenport::server {
namespace {

constexpr Millis kDrainLook{50};

Result<net::SocketAddress> socket_address(const config::Address& address) {
  if (address.kind == config::Address::Kind::unix_path) return net::SocketAddress::unix_path(address.host);
  return net::SocketAddress::numeric(address.host, address.port);
}

class ServerImpl final : public Server {
 public:
  ServerImpl(net::Loop& loop, SnapshotPtr snapshot, net::TicketKeysPtr tickets, std::unique_ptr<observe::AccessLog> log)
      : loop_(loop),
        access_log_(std::move(log)),
        store_(snapshot->config->cache),
        shared_log_(snapshot->config->redis.enabled() ? std::make_unique<redis::SharedLog>(snapshot->config->redis) : nullptr),
        purge_log_(shared_log_ != nullptr ? static_cast<purge::Log&>(*shared_log_) : embedded_log_),
        sweeper_(shared_log_ != nullptr ? shared_log_->applied() : embedded_log_, store::walk_of(store_), [this] { store_.drop_expired(read_wall_seconds()); }),
        coder_(std::make_unique<transform::Coder>(store_, snapshot->config->cache.coding_threads)),
        shared_{store_, purge_log_, sweeper_, *coder_, snapshot->config->redis, {}, {}, {}, {false}},
        webhooks_(loop),
        tickets_(std::move(tickets)),
        snapshot_(std::move(snapshot)) {
    shared_.webhooks = &webhooks_;
  }

  ~ServerImpl() override {
    health_.reset();
    warmer_.reset();
    popularity_.reset();
    for (auto& worker : workers_) worker->join();
    coder_.reset();                            // what it still has to say goes to loops that are there
    if (shared_log_ != nullptr) shared_log_->stop();     // it answers into the workers' loops
    // Their last posts are run by whoever is still there; flights end with the exchanges that fed them.
    workers_.clear();
  }

  Result<std::monostate> open() {
    const config::Config& config = *snapshot_->config;
    const Result<std::function<void()>> adopt_webhooks = webhooks_.prepare(config.purge.webhooks);
    if (!adopt_webhooks) return adopt_webhooks.error();
    (*adopt_webhooks)();
    webhooks_.restore(config.purge.webhook_state);
    for (std::uint32_t i = 0; i < config.workers; ++i) {
      workers_.push_back(std::make_unique<Worker>(shared_, snapshot_, access_log_ ? access_log_->make_ring() : nullptr));
    }
    for (std::size_t i = 0; i < config.listeners.size(); ++i) {
      if (Result<std::monostate> opened = open_listener(config.listeners[i], i); !opened) return opened;
    }
    if (shared_log_ != nullptr) shared_log_->start();
    for (auto& worker : workers_) worker->start();
    health_ = std::make_unique<origin::HealthChecks>(loop_, snapshot_->clusters);
    std::vector<Worker*> workers;
    for (auto& worker : workers_) workers.push_back(worker.get());
    popularity_ = std::make_unique<Popularity>(loop_, workers, *snapshot_->config, purge_log_);
    warmer_ = std::make_unique<Warmer>(loop_, std::move(workers),
                                       Warmer::World{[this] { return this->config(); }, [this] { return origin_sums(); }, [this] { return draining(); },
                                                     [this](bool give_way) { shared_.gives_way.store(give_way, std::memory_order_relaxed); }});
    popularity_->start();
    warmer_->start();
    return std::monostate{};
  }

  Result<std::monostate> reload(config::ConfigPtr next) override {
    // Which settings those are is said once, in the table of settings.
    const std::vector<std::string> fixed = config::needs_restart(*snapshot_->config, *next);
    if (!fixed.empty()) {
      std::string names;
      for (const std::string& name : fixed) names.append(names.empty() ? "" : ", ").append(name);
      return Error{"a change of " + names + " needs a restart"};
    }
    const Result<std::function<void()>> adopt_webhooks = webhooks_.prepare(next->purge.webhooks);
    if (!adopt_webhooks) return adopt_webhooks.error();
    const Result<SnapshotPtr> made = make_snapshot(std::move(next), snapshot_, tickets_, read_wall_seconds());
    if (!made) return made.error();
    const SnapshotPtr& snapshot = *made;
    (*adopt_webhooks)();                      // nothing can fail any more: the old clusters have given way
    tickets_->set(snapshot->config->handshakes.ticket_key_lifetime, ticket_secret(*snapshot->config));
    log_lone_tickets(*snapshot->config);
    set_log_level(snapshot->config->log_level);
    {
      const std::scoped_lock lock(mutex_);
      snapshot_ = snapshot;
    }
    for (auto& worker : workers_) worker->post([&each = *worker, snapshot] { each.adopt(snapshot); });
    health_->stop();
    health_ = std::make_unique<origin::HealthChecks>(loop_, snapshot->clusters);
    return std::monostate{};
  }

  void drain(std::function<void()> done) override {
    if (draining_announced_) return;
    draining_announced_ = true;
    net::spawn(drain_story(*this, std::move(done)));
  }
  bool draining() const override { return draining_announced_; }

  config::ConfigPtr config() const override {
    const std::scoped_lock lock(mutex_);
    return snapshot_->config;
  }
  bool outdated(const config::Route& route, const policy::StoredFacts& facts) const override {
    const std::scoped_lock lock(mutex_);
    return route.place < snapshot_->heads_since.size() && outdated_head(*snapshot_, route, facts);
  }
  net::TlsServerPtr admin_tls() const override {
    const std::scoped_lock lock(mutex_);
    return snapshot_->admin_tls;
  }
  store::MemoryStore& store() override { return store_; }
  purge::Log& purge_log() override { return purge_log_; }
  std::vector<purge::EmbeddedLog::Audited> audit() const override {
    return shared_log_ != nullptr ? shared_log_->applied().audit() : embedded_log_.audit();
  }
  purge::Sweeper& sweeper() override { return sweeper_; }
  const purge::TagNames& tag_names() const override { return shared_.tag_names; }
  transform::Coder::Stats coding() const override { return coder_->stats(); }
  std::vector<const redis::Metrics*> redis_metrics() const override {
    std::vector<const redis::Metrics*> all;
    for (const auto& worker : workers_) {
      if (worker->tier() != nullptr) all.push_back(&worker->tier()->metrics());
    }
    if (shared_log_ != nullptr) all.push_back(&shared_log_->metrics());
    return all;
  }
  std::vector<const observe::WorkerMetrics*> metrics() const override {
    std::vector<const observe::WorkerMetrics*> all;
    for (const auto& worker : workers_) all.push_back(&worker->metrics());
    return all;
  }
  std::vector<origin::ClusterState> origins() const override {
    SnapshotPtr snapshot;
    {
      const std::scoped_lock lock(mutex_);
      snapshot = snapshot_;
    }
    std::vector<origin::ClusterState> all;
    for (const auto& cluster : snapshot->clusters) all.push_back(origin::state_of(*cluster, read_steady_clock()));
    return all;
  }
  Popularity::Filled filled() const override { return popularity_->filled(); }
  Warmer* warmer() override { return warmer_.get(); }
  std::vector<std::string> listening() const override { return listening_; }
  void purged(const purge::Request& purge) override { webhooks_.send(purge); }
  WebhookStats webhooks() const override { return webhooks_.stats(); }
  void reopen_logs() override {
    if (access_log_) access_log_->reopen();
  }

 private:
  // How the origins are, for work that gives way to visitors.
  warm::Courtesy::Sums origin_sums() const {
    warm::Courtesy::Sums sums;
    for (const origin::ClusterState& origin : origins()) {
      sums.queues = sums.queues || origin.queued > 0;
      sums.gone = sums.gone || !origin.available;
    }
    for (const auto& worker : workers_) {
      const observe::WorkerMetrics& metrics = worker->metrics();
      sums.requests += metrics.origin_requests.value();
      sums.errors += metrics.origin_failures.value() + metrics.origin_errors.value();
    }
    return sums;
  }

  // A socket for each worker on the same port, so that the kernel spreads connections; a Unix socket is shared by dup().
  Result<std::monostate> open_listener(const config::Listener& listener, std::size_t index) {
    Result<net::SocketAddress> address = socket_address(listener.address);
    if (!address) return address.error();
    Result<int> first = net::open_listening_socket(*address, true);
    if (!first) return first.error();
    const Result<net::SocketAddress> local = net::local_address(*first);
    listening_.push_back((*address).is_unix() || !local ? (*address).text() : (*local).text());
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      int fd = *first;
      if (i > 0 && (*address).is_unix()) {
        fd = ::dup(*first);
      } else if (i > 0) {
        const Result<int> more = net::open_listening_socket(local ? *local : *address, true);
        if (!more) return more.error();
        fd = *more;
      }
      workers_[i]->listen(fd, index, listener);
    }
    return std::monostate{};
  }

  static net::Task<void> drain_story(ServerImpl& self, std::function<void()> done) {
    const config::ConfigPtr config = self.config();
    // /readyz has turned 503 (draining()); balancers in front get a moment to look before the listeners close.
    if (config->shutdown_pause.count() > 0) co_await net::sleep_until(self.loop_, self.loop_.now() + config->shutdown_pause);
    self.shared_.draining.store(true, std::memory_order_relaxed);
    for (auto& worker : self.workers_) {
      worker->post([&each = *worker] {
        each.close_listeners();
        each.close_idle_connections();
      });
    }
    const SteadyTime deadline = self.loop_.now() + config->shutdown_timeout;
    while (self.shared_.connections.open() > 0 && self.loop_.now() < deadline) {
      const bool goes_on = co_await net::sleep_until(self.loop_, self.loop_.now() + kDrainLook);
      if (!goes_on) break;
    }
    if (const std::uint32_t left = self.shared_.connections.open(); left > 0) {
      log_warning("{} connections did not end within server.shutdown_timeout and are cut", left);
    }
    self.health_->stop();
    done();
  }

  net::Loop& loop_;
  std::unique_ptr<observe::AccessLog> access_log_;
  store::MemoryStore store_;
  purge::EmbeddedLog embedded_log_;
  std::unique_ptr<redis::SharedLog> shared_log_;    // null: one instance on its own
  purge::Log& purge_log_;                           // the one of the two that is in use
  purge::Sweeper sweeper_;
  std::unique_ptr<transform::Coder> coder_;
  Shared shared_;
  Webhooks webhooks_;
  const net::TicketKeysPtr tickets_;
  mutable std::mutex mutex_;
  SnapshotPtr snapshot_;                       // guarded by mutex_ for readers of other threads
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<origin::HealthChecks> health_;
  std::unique_ptr<Popularity> popularity_;
  std::unique_ptr<Warmer> warmer_;
  std::vector<std::string> listening_;
  bool draining_announced_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(net::Loop& main_loop, config::ConfigPtr config) {
  std::unique_ptr<observe::AccessLog> log;
  if (config->access_log.format != config::LogFormat::off) {
    Result<std::unique_ptr<observe::AccessLog>> opened = observe::AccessLog::open(config->access_log);
    if (!opened) return opened.error();
    log = std::move(*opened);
  }
  auto tickets = std::make_shared<net::TicketKeys>(config->handshakes.ticket_key_lifetime, ticket_secret(*config));
  log_lone_tickets(*config);
  set_log_level(config->log_level);
  const Result<SnapshotPtr> snapshot = make_snapshot(std::move(config), nullptr, tickets, read_wall_seconds());
  if (!snapshot) return snapshot.error();
  auto server = std::make_unique<ServerImpl>(main_loop, *snapshot, std::move(tickets), std::move(log));
  if (Result<std::monostate> opened = server->open(); !opened) return opened.error();
  return Result<std::unique_ptr<Server>>(std::move(server));
}

}  // namespace davenport::server
