// cache/redis/lane.h: a connection of one's own to the node that owns a key, for commands that hold up what is behind them (XREAD
// BLOCK, WAIT) and for those that must go in one write. It follows the owner: who got an error drops it, and the next use connects
// to whoever owns the key then. Where the key is on its way to another node (ASK), that node is asked until it gives an error too.
// Thread  the loop's.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/redis/client.h"

namespace davenport::redis {

class Lane {
 public:
  Lane(net::Loop& loop, Client& client, std::string key) : loop_(loop), client_(client), key_(std::move(key)) {}

  // Null: there is no owner now, or it is too early to try this one again. A new owner is tried at once.
  std::shared_ptr<Connection> connection();
  void worked() { backoff_.succeeded(); }
  // Right before each command for the key.
  void prepare(Connection& connection, SteadyTime deadline);
  bool asking() const { return !asked_.host.empty(); }
  // After a loss or an error on a connection of this lane: the map is read anew, and it is not used again. Others may have dropped it already.
  void drop(const std::shared_ptr<Connection>& used, const Answer& why);
  void drop(const std::shared_ptr<Connection>& used, std::string_view error);
  void close();

 private:
  net::Loop& loop_;
  Client& client_;
  const std::string key_;
  std::shared_ptr<Connection> connection_;
  NodeAddress tried_;                         // whom the backoff is about
  NodeAddress asked_;                         // where ASK has sent us
  Backoff backoff_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace davenport::redis
