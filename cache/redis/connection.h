// cache/redis/connection.h: one pipelined connection to one Redis node. hiredis connects; reading and writing are ours, because that is the
// way of every look-up: all commands of one turn of the loop leave in one write, one read takes as many replies as have come, and a
// value is handed on from where it was received.
//     Connection connection(loop, options);
//     Command* sent = connection.send(arguments, receiver, loop.now() + 1s);   // null: not sent, nobody is told
// Deadlines  connecting has one, and so has each command; since replies are told apart by their order alone, a command that is late
//            closes the connection, and all that wait there are told `lost`.
// Giving up  a receiver that no longer waits calls Command::abandon(): the late reply finds the command, which lives until then.
// Bound      a reply larger than `max_reply_bytes`, one that nobody asked for, and one of absurd size end the connection.
// Owner      may be destroyed at any time; what waits is told `lost`, once the receiver that is being told something has returned.
// Thread     the loop's.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "cache/redis/reply.h"
#include "core/net/loop.h"

namespace davenport::redis {

enum class Loss : std::uint8_t {
  none,
  unavailable,     // nobody to ask now: no owner, breaker open, waiting to reconnect
  timeout,         // the caller's deadline
  closed,          // the connection ended: refused, reset, a late reply, nonsense
  cancelled,       // shutting down
};

class Receiver {
 public:
  virtual void answered(const Reply& reply) = 0;   // the view is good for the call
  virtual void lost() = 0;

 protected:
  ~Receiver() = default;
};

// A command that was sent. Owned by the connection; good until its receiver was told.
class Command {
 public:
  Command(Receiver* receiver, SteadyTime deadline) : receiver_(receiver), deadline_(deadline) {}
  void abandon() { receiver_ = nullptr; }
  Receiver* receiver() const { return receiver_; }
  SteadyTime deadline() const { return deadline_; }

 private:
  Receiver* receiver_;
  SteadyTime deadline_;
};

struct ConnectionOptions {
  std::string host;                  // numeric, or a path with port 0
  std::uint16_t port = 0;
  std::string user, password;        // AUTH goes first; "" password: none
  std::uint32_t database = 0;        // SELECT, where it is not 0
  bool read_only = false;            // READONLY: replicas of a cluster answer too
  Millis connect_timeout{250};
  std::size_t max_reply_bytes = 8 << 20;
};

class Link;

class Connection final {
 public:
  enum class State : std::uint8_t { connecting, ready /* authenticated, answers */, closed };

  // Connects at once; commands may be sent before it is ready. `ended`, if any, is called once, when it is closed: not from within
  // the constructor.
  Connection(net::Loop& loop, ConnectionOptions options, std::function<void()> ended = {});
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // A null receiver: the reply is dropped.
  Command* send(std::span<const std::string_view> arguments, Receiver* receiver, SteadyTime deadline);
  void close(std::string_view why);

  State state() const { return state_; }
  const std::string& reason() const { return reason_; }      // why it was closed
  bool refused() const { return refused_; }                  // by AUTH, SELECT: a matter of the configuration
  std::size_t pending() const;
  SteadyTime read_at() const;                                // when what is being handed on was received

 private:
  class Greeting;
  void greet();

  net::Loop& loop_;
  const ConnectionOptions options_;
  std::function<void()> ended_;
  std::shared_ptr<Link> link_;       // null when closed
  std::unique_ptr<Greeting> greeting_;
  State state_ = State::connecting;
  bool refused_ = false;
  std::string reason_;
};

}  // namespace davenport::redis
