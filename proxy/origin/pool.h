// proxy/origin/pool.h: one worker's open connections to origins: those that are idle, and what exchanges share on a worker.
//     Connection* c = pool.take(member, careful);     …     pool.park(std::move(connection), keep, now);
// Idle    last in, first out, so that what is not needed grows old and goes. A watcher waits on each idle connection: one that
//         becomes readable (the origin closed it, or sent what nobody asked for: RFC 9112 §9.2) or has been idle for too long
//         is closed at once. The watcher's frame is made once for a connection; parking and taking only resume it.
// Thread  the worker's.
#pragma once
#include <coroutine>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/net/loop.h"
#include "core/net/stream.h"
#include "proxy/origin/connections.h"
#include "proxy/origin/exchange.h"
#include "proxy/origin/input.h"
#include "proxy/origin/roster.h"

namespace davenport::origin {

class Pool;

struct Connection {
  Connection(Pool& home, Slot held, net::StreamPtr open);
  ~Connection();
  Member& member() const { return *slot.member(); }

  Pool& pool;
  Slot slot;
  net::StreamPtr stream;

 private:
  friend class Pool;
  struct Watch;                     // the watcher's coroutine
  struct Parked;                    // awaits the next parking
  Watch watch();

  std::coroutine_handle<> watcher_; // null: none, or it is the one that ends us
  SteadyTime idle_until_{};
  bool parked_ = false, closing_ = false;
};

struct Keep {                       // of the origin's settings
  std::uint32_t max_idle = 64;
  Millis idle_timeout{30'000};
};

class Pool : public IdleSource {
 public:
  explicit Pool(net::Loop& own);
  ~Pool() override;
  net::Loop& loop() { return loop_; }
  ReadBuffer& buffer() { return buffer_; }

  bool has_idle(const Member& member) const override;
  // The connection parked last that is still open, as far as the kernel has said; `careful` asks the kernel once more, for
  // requests that may not be sent twice. Null where there is none left.
  std::unique_ptr<Connection> take(const Member& member, bool careful);
  // After a whole exchange: to whoever waits for one, or idle, or closed where there are enough.
  void park(std::unique_ptr<Connection> connection, const Keep& keep, SteadyTime now);
  // Closes idle connections to `member` that the origin has closed: one was, so the others may be too.
  void sweep(const Member& member);
  void offer(Roster& roster);       // gives idle connections of this roster to those who wait
  void drop_all();
  void drop(const Member& member);
  void join(Roster& roster);        // from now on others may ask for our idle connections; once for a roster

  std::unique_ptr<Exchange::Impl> make_exchange(ClusterPtr cluster);   // with the buffers of one that has ended
  void end_exchange(std::unique_ptr<Exchange::Impl> exchange);

 private:
  friend struct Connection;
  using Idle = std::vector<std::unique_ptr<Connection>>;
  struct Shelf {
    MemberPtr member;                // so that the key is nobody else's address
    Idle idle;                       // the last is the newest
  };
  std::unique_ptr<Connection> unpark(Idle& idle, std::size_t at);
  void expire(Connection& connection);     // from its watcher

  net::Loop& loop_;
  ReadBuffer buffer_;
  std::unordered_map<const Member*, Shelf> shelves_;
  std::vector<std::weak_ptr<Roster>> joined_;
  std::vector<std::unique_ptr<Exchange::Impl>> spare_;
  std::shared_ptr<PoolLink> link_;
};

class Connections::Impl : public Pool {
 public:
  using Pool::Pool;
};

}  // namespace davenport::origin
