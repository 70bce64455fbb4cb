// A server and a connection to it: pooled, new, or waited for.
#include <unistd.h>

#include "core/net/resolver.h"
#include "proxy/origin/exchange_impl.h"

namespace davenport::origin {
namespace {

FailureKind kind_of(const net::TlsFault& fault) {
  switch (fault.kind) {
    case net::TlsFault::Kind::closed: return FailureKind::connection_terminated;
    case net::TlsFault::Kind::timeout: return FailureKind::connection_timeout;
    case net::TlsFault::Kind::cancelled: return FailureKind::cancelled;
    case net::TlsFault::Kind::certificate: return FailureKind::tls_certificate_error;
    case net::TlsFault::Kind::protocol: return FailureKind::tls_protocol_error;
    case net::TlsFault::Kind::alert: return FailureKind::tls_alert_received;
  }
  return FailureKind::tls_protocol_error;
}

}  // namespace

void Exchange::Impl::claim(MemberPtr member) {
  member_ = std::move(member);
  counted_ = true;
  reported_ = false;
  received_ = false;
  bytes_sent_ = 0;
  timings_.reused = false;
  timings_.first_byte = {};
}

void Exchange::Impl::use(std::unique_ptr<Connection> connection, bool reused) {
  connection->stream->step_back();
  connection_ = std::move(connection);
  parser_->reset();
  head_.clear();
  interim_ = 0;
  broken_ = false;
  phase_ = Phase::idle;
  timings_.reused = reused;
  timings_.connected = reused ? timings_.started : now();
  member_->requests.fetch_add(1, std::memory_order_relaxed);
}

bool Exchange::Impl::take_pooled(const WaiterPtr& waiter) {
  Ask ask;
  ask.affinity = affinity_;
  ask.tried = tried_;
  ask.others_only = others_only_;
  ask.retry = timings_.attempts > 1;
  for (;;) {
    grant_ = cluster_->acquire(ask, pool_, waiter, coarse_now());
    if (grant_.outcome != Grant::Outcome::pooled) return false;
    if (std::unique_ptr<Connection> connection = pool_.take(*grant_.member, careful_)) {
      claim(std::move(grant_.member));
      use(std::move(connection), true);
      return true;
    }
    cluster_->ended(*grant_.member);                 // all were closed: there is no idle one now
    ask.retry = true;
  }
}

net::Task<std::optional<Failure>> Exchange::Impl::get_connection() {
  for (;;) {
    switch (grant_.outcome) {
      case Grant::Outcome::slot: {
        Slot slot(grant_.member);
        claim(std::move(grant_.member));
        co_return co_await open(std::move(slot));
      }
      case Grant::Outcome::no_server: co_return fail(FailureKind::no_server, "no server is up");
      case Grant::Outcome::queue_full: co_return fail(FailureKind::queue_full, "all connections are busy and the queue is full");
      case Grant::Outcome::unresolved: {
        std::optional<Failure> failed = co_await resolve_names(std::make_shared<Waiter>(pool_.loop(), affinity_));
        if (failed || connection_ != nullptr) co_return failed;
        if (take_pooled(nullptr)) co_return std::nullopt;
        break;
      }
      case Grant::Outcome::busy: {
        const WaiterPtr waiter = std::make_shared<Waiter>(pool_.loop(), affinity_);
        waiter->tried.assign(tried_.begin(), tried_.end());
        waiter->others_only = others_only_;
        if (take_pooled(waiter)) co_return std::nullopt;
        if (grant_.outcome == Grant::Outcome::busy) co_return co_await wait_in_queue(waiter);
        break;
      }
      case Grant::Outcome::pooled: break;            // take_pooled() has used it
    }
  }
}

net::Task<std::optional<Failure>> Exchange::Impl::wait_in_queue(WaiterPtr waiter) {
  net::Notify notify(pool_.loop());
  waiter->notify = &notify;
  Roster& roster = *cluster_->roster();
  roster.request_idle();
  const net::Wake wake = co_await notify.wait(now() + cluster_->settings().queue_timeout);
  waiter->notify = nullptr;
  if (wake != net::Wake::notified && roster.leave(*waiter)) {
    if (wake == net::Wake::cancelled) co_return fail(FailureKind::cancelled, "shutting down");
    roster.queue_timeouts.fetch_add(1, std::memory_order_relaxed);
    co_return fail(FailureKind::queue_timeout, "no connection became free in time");
  }
  if (waiter->refused) co_return fail(*waiter->refused, "no server is left for a waiting request");
  // Served, be it in the moment in which the time was over.
  claim(waiter->member);
  Slot slot;
  if (waiter->connection != nullptr) {
    if (waiter->connection->stream->quiet()) {
      use(std::move(waiter->connection), true);
      co_return std::nullopt;
    }
    slot = std::move(waiter->connection->slot);
    waiter->connection.reset();
  } else {
    slot = Slot(member_);
  }
  if (waiter->fd >= 0) {
    auto stream = std::make_unique<net::Stream>(pool_.loop(), std::exchange(waiter->fd, -1));
    if (stream->quiet()) {
      use(std::make_unique<Connection>(pool_, std::move(slot), std::move(stream)), true);
      co_return std::nullopt;
    }
  }
  co_return co_await open(std::move(slot));
}

// At most one look-up for an origin that has no address at all; the others wait for it in the queue.
net::Task<std::optional<Failure>> Exchange::Impl::resolve_names(WaiterPtr waiter) {
  switch (cluster_->begin_resolving(waiter, now())) {
    case Cluster::Resolve::wait: co_return co_await wait_in_queue(std::move(waiter));
    case Cluster::Resolve::queue_full: co_return fail(FailureKind::queue_full, "the name is being resolved and the queue is full");
    case Cluster::Resolve::failed: co_return fail(FailureKind::dns_error, "its name could not be resolved a moment ago");
    case Cluster::Resolve::yours: break;
  }
  const ClusterPtr cluster = cluster_;
  const SteadyTime deadline = now() + cluster->settings().connect_timeout;
  std::string detail = "no name";
  bool found = false;
  for (std::size_t i = 0; i < cluster->settings().servers.size(); ++i) {
    const config::Address& address = cluster->settings().servers[i].address;
    if (address.kind != config::Address::Kind::name) continue;
    Result<std::vector<net::SocketAddress>> addresses =
        co_await net::resolve(pool_.loop(), address.host, address.port, deadline);
    if (addresses) {
      found = true;
      cluster->set_addresses(i, *addresses, now());
    } else {
      detail = addresses.error().message;
    }
  }
  cluster->end_resolving(now());
  if (!found) co_return fail(FailureKind::dns_error, detail);
  co_return std::nullopt;
}

net::Task<std::optional<Failure>> Exchange::Impl::open(Slot slot) {
  const SteadyTime deadline = now() + cluster_->settings().connect_timeout;
  Result<net::StreamPtr> stream = co_await net::connect(pool_.loop(), member_->address, deadline);
  if (stream) {
    if (const net::TlsClientPtr& tls = cluster_->tls()) {
      (*stream)->start_tls(tls, cluster_->server_name(*member_));
      const Result<std::monostate, net::TlsFault> shaken = co_await (*stream)->handshake(deadline);
      if (!shaken) co_return fail(kind_of(shaken.error()), "TLS: " + shaken.error().text);
    }
    use(std::make_unique<Connection>(pool_, std::move(slot), std::move(*stream)), false);
    co_return std::nullopt;
  }
  const Error& error = stream.error();
  if (!error.retryable) co_return fail(abandoned_ || pool_.loop().stopping() ? FailureKind::cancelled : FailureKind::no_server, error.message);
  if (now() >= deadline) co_return fail(FailureKind::connection_timeout, error.message);
  co_return fail(FailureKind::connection_refused, error.message);
}

}  // namespace davenport::origin
