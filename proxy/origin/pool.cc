#include "proxy/origin/pool.h"

#include <algorithm>

#include "proxy/origin/exchange_impl.h"

namespace davenport::origin {
namespace {

constexpr std::size_t kSpareExchanges = 256;

}  // namespace

struct Connection::Watch {
  struct promise_type {
    Watch get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

struct Connection::Parked {
  explicit Parked(Connection& owner) : connection(owner) {}
  bool await_ready() const noexcept { return connection.parked_; }
  void await_suspend(std::coroutine_handle<> self) const noexcept { connection.watcher_ = self; }
  void await_resume() const noexcept {}
  Connection& connection;
};

Connection::Connection(Pool& home, Slot held, net::StreamPtr open)
    : pool(home), slot(std::move(held)), stream(std::move(open)) {}

Connection::~Connection() {
  if (watcher_) {
    closing_ = true;
    std::exchange(watcher_, nullptr).resume();      // its frame ends
  }
  stream.reset();                                   // closed before its slot is free
}

// Waits while parked. unpark() cancels the wait, and the watcher sleeps until the connection is parked again or ends.
Connection::Watch Connection::watch() {
  for (;;) {
    co_await Parked(*this);
    watcher_ = nullptr;
    if (closing_) co_return;
    co_await stream->readable(idle_until_);         // bytes, an end, the time is over, or the loop is shut down
    if (parked_) {
      pool.expire(*this);                           // *this is gone
      co_return;
    }
  }
}

Pool::Pool(net::Loop& own) : loop_(own), link_(std::make_shared<PoolLink>(own, *this)) {}

Pool::~Pool() {
  link_->close();
  drop_all();
}

std::unique_ptr<Exchange::Impl> Pool::make_exchange(ClusterPtr cluster) {
  std::unique_ptr<Exchange::Impl> exchange;
  if (spare_.empty()) {
    exchange = std::make_unique<Exchange::Impl>(*this);
  } else {
    exchange = std::move(spare_.back());
    spare_.pop_back();
  }
  exchange->begin(std::move(cluster));
  return exchange;
}

void Pool::end_exchange(std::unique_ptr<Exchange::Impl> exchange) {
  exchange->finish();
  if (spare_.size() < kSpareExchanges && exchange->worth_keeping()) spare_.push_back(std::move(exchange));
}

bool Pool::has_idle(const Member& member) const {
  const auto found = shelves_.find(&member);
  return found != shelves_.end() && !found->second.idle.empty();
}

std::unique_ptr<Connection> Pool::unpark(Idle& idle, std::size_t at) {
  std::unique_ptr<Connection> connection = std::move(idle[at]);
  idle.erase(idle.begin() + static_cast<std::ptrdiff_t>(at));
  connection->member().idle.fetch_sub(1);
  connection->parked_ = false;
  connection->stream->cancel();                     // the watcher goes back to sleep
  return connection;
}

std::unique_ptr<Connection> Pool::take(const Member& member, bool careful) {
  const auto found = shelves_.find(&member);
  if (found == shelves_.end()) return nullptr;
  Idle& idle = found->second.idle;
  while (!idle.empty()) {
    std::unique_ptr<Connection> connection = unpark(idle, idle.size() - 1);
    net::Stream& stream = *connection->stream;
    if (!stream.maybe_readable() && !stream.peer_closed() && (!careful || stream.quiet())) return connection;
  }
  return nullptr;
}

void Pool::park(std::unique_ptr<Connection> connection, const Keep& keep, SteadyTime now) {
  Member& member = connection->member();
  const std::shared_ptr<Roster> roster = member.roster;
  net::Stream& stream = *connection->stream;
  if (stream.peer_closed()) return;
  // A read that filled its buffer left it marked as readable; what is there, if anything, nobody asked for.
  char byte;
  if (stream.maybe_readable() && stream.read({&byte, 1}).status != net::Io::Status::again) return;
  if (roster->queued.load() > 0) {
    connection = roster->hand_over(std::move(connection), now);
    if (connection == nullptr) return;
  }
  if (member.retired.load(std::memory_order_relaxed) || keep.max_idle == 0) return;
  Shelf& shelf = shelves_[&member];
  if (shelf.member == nullptr) {
    shelf.member = connection->slot.shared();
    std::erase_if(shelves_, [&](const auto& each) { return each.second.idle.empty() && each.first != &member; });
    join(*roster);
  }
  Idle& idle = shelves_[&member].idle;
  if (idle.size() >= keep.max_idle) unpark(idle, 0).reset();
  Connection& parked = *connection;
  parked.parked_ = true;
  parked.idle_until_ = now + keep.idle_timeout;
  idle.push_back(std::move(connection));
  member.idle.fetch_add(1);
  if (parked.watcher_) {
    parked.watcher_.resume();
  } else {
    parked.watch();
  }
  if (roster->queued.load() > 0) offer(*roster);    // who began to wait while we parked it
}

void Pool::expire(Connection& connection) {
  Idle& idle = shelves_.find(&connection.member())->second.idle;
  const auto at = std::find_if(idle.begin(), idle.end(), [&](const auto& each) { return each.get() == &connection; });
  std::unique_ptr<Connection> mine = std::move(*at);
  idle.erase(at);
  mine->member().idle.fetch_sub(1);
}

void Pool::sweep(const Member& member) {
  const auto found = shelves_.find(&member);
  if (found == shelves_.end()) return;
  Idle& idle = found->second.idle;
  for (std::size_t i = idle.size(); i-- > 0;) {
    if (!idle[i]->stream->quiet()) unpark(idle, i).reset();
  }
}

void Pool::offer(Roster& roster) {
  const SteadyTime now = loop_.now();
  for (auto& [member, shelf] : shelves_) {
    Idle& idle = shelf.idle;
    if (member->roster.get() != &roster) continue;
    while (!idle.empty() && roster.queued.load() > 0) {
      std::unique_ptr<Connection> connection = unpark(idle, 0);
      if (connection->stream->maybe_readable() || connection->stream->peer_closed()) continue;
      const SteadyTime idle_until = connection->idle_until_;
      connection = roster.hand_over(std::move(connection), now);
      if (connection == nullptr) continue;
      connection->parked_ = true;                   // nobody wanted it: back where it was
      connection->idle_until_ = idle_until;
      Connection& parked = *connection;
      idle.insert(idle.begin(), std::move(connection));
      parked.member().idle.fetch_add(1);
      parked.watcher_.resume();
      break;
    }
  }
}

void Pool::drop_all() {
  for (auto& [member, shelf] : shelves_) {
    Idle& idle = shelf.idle;
    while (!idle.empty()) unpark(idle, idle.size() - 1).reset();
  }
  shelves_.clear();
}

void Pool::drop(const Member& member) {
  const auto found = shelves_.find(&member);
  if (found == shelves_.end()) return;
  Idle& idle = found->second.idle;
  while (!idle.empty()) unpark(idle, idle.size() - 1).reset();
  shelves_.erase(found);
}

void Pool::join(Roster& roster) {
  for (const auto& each : joined_) {
    if (each.lock().get() == &roster) return;
  }
  std::erase_if(joined_, [](const auto& each) { return each.expired(); });
  joined_.push_back(roster.weak_from_this());
  roster.add_pool(link_);
}

Connections::Connections(net::Loop& loop) : impl_(std::make_unique<Impl>(loop)) {}
Connections::~Connections() = default;
net::Loop& Connections::loop() { return impl_->loop(); }
void Connections::close_idle() { impl_->drop_all(); }

void Connections::forget(const ClusterPtr& cluster) {
  if (!cluster->newest()) return;                   // a successor has its servers
  cluster->retire_all();
  for (const MemberPtr& member : cluster->members()) impl_->drop(*member);
}

}  // namespace davenport::origin
