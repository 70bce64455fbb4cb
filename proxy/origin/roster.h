// proxy/origin/roster.h: who is asked next and who waits. One Roster for a line of clusters that reloads turn into one another:
// its mutex guards them all, and the queue, the retry budget and the counters go on through a reload.
//
//     Grant grant = cluster->acquire(ask, pool, nullptr);       // chosen: go on. busy: make a Waiter, ask again with it, wait
//
// Slots   a Member's `connections` never exceeds max_connections: an open connection, pooled or in use, holds one slot. What
//         frees a slot (release_slot) or has a connection that nobody needs (hand_over) serves the first of the queue.
// Queue   first in, first out over all workers; whoever comes while others wait stands behind them. Who waits for another server than the
//         one that failed it lets others have that. A waiter of another worker is woken through its loop.
// Missed wake-ups: a waiter counts itself in `queued` before it looks at `idle`; a worker adds to `idle` before it looks at
//         `queued`. One of them sees the other.
#pragma once
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/net/loop.h"
#include "proxy/origin/balance.h"
#include "proxy/origin/cluster.h"
#include "proxy/origin/failure.h"
#include "proxy/origin/member.h"
#include "proxy/origin/retry_budget.h"

namespace davenport::origin {

struct Connection;        // pool.h
class Pool;

// A request in the queue. `notify` is its coroutine's, used by its own loop's thread alone and null after it has left; what
// stands below is guarded by the mutex while queued, and belongs to that thread once it was woken.
struct Waiter {
  explicit Waiter(net::Loop& own, std::uint64_t wanted);
  ~Waiter();
  net::Loop& loop;
  net::Notify* notify = nullptr;
  std::uint64_t affinity = 0;
  std::vector<MemberPtr> tried;              // as in Ask
  bool others_only = false;

  bool queued = false;
  std::list<std::shared_ptr<Waiter>>::iterator place;
  MemberPtr member;                          // granted: with a slot for a connection to it
  int fd = -1;                               // and, where this is not -1, the connection itself, from another worker
  std::unique_ptr<Connection> connection;    // or from this one
  std::optional<FailureKind> refused;
};
using WaiterPtr = std::shared_ptr<Waiter>;

// What acquire() asks of a worker's pool.
class IdleSource {
 public:
  virtual ~IdleSource() = default;
  virtual bool has_idle(const Member& member) const = 0;
};

// A pool as others may reach it: from any thread, for as long as it lives.
class PoolLink {
 public:
  PoolLink(net::Loop& loop, Pool& pool) : loop_(&loop), pool_(&pool) {}
  void close();                              // the pool's thread: nothing is posted or called afterwards
  // Asks the pool to give an idle connection to whoever waits. Any thread.
  static void request_idle(const std::shared_ptr<PoolLink>& link, const std::shared_ptr<Roster>& roster);
  bool closed() const;

 private:
  mutable std::mutex mutex_;
  net::Loop* loop_;                          // null when closed; guarded
  Pool* pool_;                               // the pool's thread
};

class Roster : public std::enable_shared_from_this<Roster> {
 public:
  explicit Roster(double retry_ratio) : budget(retry_ratio) {}

  // Gives a slot back, and serves the queue. The clock is read where somebody waits.
  void release_slot(Member& member);
  // Gives an idle connection and its slot to the first of the queue; null then. Otherwise the connection comes back.
  std::unique_ptr<Connection> hand_over(std::unique_ptr<Connection> connection, SteadyTime now);
  // A waiter whose time is over. False: it was served meanwhile, and its grant is to be used.
  bool leave(Waiter& waiter);
  void add_pool(const std::shared_ptr<PoolLink>& link);
  // Asks all pools for an idle connection, where there is one.
  void request_idle();

  std::atomic<std::uint32_t> queued{0};
  std::atomic<std::uint64_t> retries{0}, queue_timeouts{0}, queue_rejections{0};

 private:
  friend class Cluster;
  friend ClusterPtr make_cluster(const config::Origin& origin, const ClusterPtr& predecessor, net::TlsClientPtr tls);
  using Queue = std::list<WaiterPtr>;
  WaiterPtr take(Queue::iterator place);     // mutex held
  void refuse_first(FailureKind kind);       // mutex held
  void pump(SteadyTime now);                 // mutex held; grants what can be granted

  std::mutex mutex_;
  // All below is guarded by mutex_.
  Cluster* current = nullptr;                // the newest of the line, for which waiters are served
  Queue queue;
  std::vector<std::weak_ptr<PoolLink>> pools;
  RetryBudget budget;
};

// The right to one open connection: given back when it goes.
class Slot {
 public:
  Slot() = default;
  explicit Slot(MemberPtr member) : member_(std::move(member)) {}
  Slot(Slot&& other) noexcept : member_(std::move(other.member_)) {}
  Slot& operator=(Slot&& other) noexcept {
    std::swap(member_, other.member_);
    return *this;
  }
  ~Slot() {
    if (member_ != nullptr) member_->roster->release_slot(*member_);
  }
  Member* member() const { return member_.get(); }
  const MemberPtr& shared() const { return member_; }
  MemberPtr leave() { return std::move(member_); }      // whoever gets the member holds the slot from now on

 private:
  MemberPtr member_;
};

struct Ask {
  std::uint64_t affinity = 0;
  std::span<const MemberPtr> tried;          // others are preferred
  bool others_only = false;                  // no_server where nothing but what was tried is left
  bool retry = false;                        // not a new request: earns nothing for the retry budget
};

struct Grant {
  enum class Outcome : std::uint8_t {
    pooled,        // this worker has an idle connection to `member`
    slot,          // a connection to `member` may be opened
    busy,          // all are at their limit: wait (the waiter, if one was given, is in the queue)
    no_server,
    queue_full,
    unresolved,    // no name of the origin has an address yet
  };
  Outcome outcome = Outcome::no_server;
  MemberPtr member;        // counted as outstanding
};

class Cluster {
 public:
  Cluster(const config::Origin& origin, std::shared_ptr<Roster> roster, net::TlsClientPtr tls);
  ~Cluster();

  const config::Origin& settings() const { return settings_; }
  const http::HeadLimits& head_limits() const { return head_limits_; }
  const std::shared_ptr<Roster>& roster() const { return roster_; }
  const net::TlsClientPtr& tls() const { return tls_; }  // null: plain
  std::string server_name(const Member& member) const;   // what its certificate is for

  Grant acquire(const Ask& ask, const IdleSource& idle, const WaiterPtr& waiter, SteadyTime now);
  bool may_retry();                                      // takes from the budget and counts

  // How an exchange with `member` went. A failure is one of the server's own making (connect, reset, time-out).
  void head_received(Member& member);
  void succeeded(Member& member);
  void failed(Member& member, SteadyTime now, std::string_view why);
  void ended(Member& member);                            // after either, or neither: it is outstanding no more

  void set_healthy(Member& member, bool healthy, SteadyTime now);

  // The addresses of the configured servers (by index) that are names. Replaces what was known of that name.
  void set_addresses(std::size_t server, const std::vector<net::SocketAddress>& addresses, SteadyTime now);
  // True for the one caller that shall resolve the names now, because there is no address at all; others wait in the queue.
  // A look-up that failed is not repeated for kResolvePause.
  static constexpr Millis kResolvePause{1'000};
  enum class Resolve : std::uint8_t { yours, wait, failed, queue_full };
  Resolve begin_resolving(const WaiterPtr& waiter, SteadyTime now);   // with `wait` the waiter is in the queue
  void end_resolving(SteadyTime now);

  std::vector<MemberPtr> members() const;
  bool newest() const;                                   // of its line: no reload has replaced it
  void retire_all();                                     // its origin is gone
  ClusterState state(SteadyTime now) const;

 private:
  friend class Roster;
  friend ClusterPtr make_cluster(const config::Origin& origin, const ClusterPtr& predecessor, net::TlsClientPtr tls);

  struct Listed {
    std::size_t server;          // index into settings_.servers
    MemberPtr member;
  };
  // All with the mutex held.
  void adopt(const Cluster* predecessor);
  void adopt_addresses(const Cluster& predecessor);
  void begin(const Cluster* predecessor);
  void list(std::size_t server, MemberPtr member);
  MemberPtr find(const net::SocketAddress& address) const;
  bool any_idle() const;
  bool tells_of(std::uint32_t lone_failures) const;
  bool lists_here(const Member& member) const;
  bool admits(const Member& member, SteadyTime now) const;
  enum class Pick : std::uint8_t { chosen, busy, none };
  Pick pick(const Ask& ask, const IdleSource* idle, SteadyTime now, MemberPtr& member);
  bool enqueue(const WaiterPtr& waiter);                 // false: the queue is full
  void refuse_all(FailureKind kind);

  const config::Origin settings_;
  const http::HeadLimits head_limits_;
  const std::shared_ptr<Roster> roster_;
  const net::TlsClientPtr tls_;
  EjectionRules ejection_rules_;
  // Guarded by the roster's mutex:
  std::vector<Listed> listed_;
  std::vector<Place> places_;    // beside listed_
  std::uint64_t random_;
  bool resolving_ = false;
  SteadyTime resolve_again_{};    // not before: a look-up failed
};

}  // namespace davenport::origin
