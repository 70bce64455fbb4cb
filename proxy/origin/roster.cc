#include "proxy/origin/roster.h"

#include <unistd.h>

#include <algorithm>

#include "proxy/origin/pool.h"

namespace davenport::origin {
namespace {

// On the waiter's own loop, and never from inside the caller's work. Its loop lives: it can't leave the queue, and so its
// coroutine can't end, without the mutex that the caller holds.
void wake(const WaiterPtr& waiter) {
  waiter->loop.post([waiter] {
    if (waiter->notify != nullptr) waiter->notify->notify();
  });
}

}  // namespace

Waiter::Waiter(net::Loop& own, std::uint64_t wanted) : loop(own), affinity(wanted) {}
Waiter::~Waiter() = default;

void PoolLink::close() {
  const std::scoped_lock lock(mutex_);
  loop_ = nullptr;
}

bool PoolLink::closed() const {
  const std::scoped_lock lock(mutex_);
  return loop_ == nullptr;
}

void PoolLink::request_idle(const std::shared_ptr<PoolLink>& link, const std::shared_ptr<Roster>& roster) {
  const std::scoped_lock lock(link->mutex_);
  if (link->loop_ == nullptr) return;
  link->loop_->post([link, roster] {
    if (!link->closed()) link->pool_->offer(*roster);
  });
}

WaiterPtr Roster::take(Queue::iterator place) {
  WaiterPtr waiter = std::move(*place);
  queue.erase(place);
  waiter->queued = false;
  queued.fetch_sub(1);
  return waiter;
}

void Roster::pump(SteadyTime now) {
  for (auto next = queue.begin(); next != queue.end();) {
    const auto place = next++;
    const Waiter& waits = **place;
    const Ask ask{waits.affinity, waits.tried, waits.others_only, false};
    MemberPtr member;
    const Cluster::Pick pick = current == nullptr ? Cluster::Pick::none : current->pick(ask, nullptr, now, member);
    if (pick == Cluster::Pick::busy && !waits.others_only) return;
    if (pick == Cluster::Pick::busy) continue;             // whoever comes behind may have what this one does not want
    if (pick == Cluster::Pick::none && current != nullptr && current->resolving_) return;
    const WaiterPtr waiter = take(place);
    if (pick == Cluster::Pick::none) {
      waiter->refused = FailureKind::no_server;
    } else {
      member->connections.fetch_add(1);
      waiter->member = std::move(member);
    }
    wake(waiter);
  }
}

void Roster::refuse_first(FailureKind kind) {
  const WaiterPtr waiter = take(queue.begin());
  waiter->refused = kind;
  wake(waiter);
}

void Roster::release_slot(Member& member) {
  const std::scoped_lock lock(mutex_);
  member.connections.fetch_sub(1);
  if (!queue.empty()) pump(read_steady_clock());
}

std::unique_ptr<Connection> Roster::hand_over(std::unique_ptr<Connection> connection, SteadyTime now) {
  const std::scoped_lock lock(mutex_);
  Member& member = connection->member();
  const auto place = std::find_if(queue.begin(), queue.end(), [&](const WaiterPtr& each) {
    return !each->others_only || std::none_of(each->tried.begin(), each->tried.end(), [&](const MemberPtr& one) { return one.get() == &member; });
  });
  if (place == queue.end() || current == nullptr || !current->lists_here(member) || !current->admits(member, now)) return connection;
  Waiter& first = **place;
  if (&first.loop != &connection->pool.loop() && connection->stream->is_tls()) {
    connection->stream.reset();                         // its secrets can't move: the other makes one of its own
    first.member = connection->slot.leave();
  } else if (&first.loop != &connection->pool.loop()) {
    const int fd = ::dup(connection->stream->fd());     // registered with the other loop there, closed with this one here
    if (fd < 0) return connection;
    first.fd = fd;
    connection->stream.reset();
    first.member = connection->slot.leave();
  } else {
    first.member = connection->slot.shared();
    first.connection = std::move(connection);
  }
  first.member->ejection.chosen();
  first.member->outstanding.fetch_add(1);
  wake(take(place));
  return nullptr;
}

bool Roster::leave(Waiter& waiter) {
  const std::scoped_lock lock(mutex_);
  if (!waiter.queued) return false;
  waiter.queued = false;
  queue.erase(waiter.place);
  queued.fetch_sub(1);
  return true;
}

void Roster::add_pool(const std::shared_ptr<PoolLink>& link) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(pools, [](const auto& each) { return each.expired(); });
  pools.push_back(link);
}

void Roster::request_idle() {
  const std::scoped_lock lock(mutex_);
  if (current == nullptr || !current->any_idle()) return;
  for (const auto& each : pools) {
    if (const auto link = each.lock()) PoolLink::request_idle(link, shared_from_this());
  }
}

}  // namespace davenport::origin
