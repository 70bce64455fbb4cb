// tests/support/redis.h: real redis-servers, started by the test on free ports, and ended with it.
//     RedisServer redis;                       config.add("redis", "server = \"" + redis.address() + "\"");
//     RedisCluster cluster;                    // 3 masters, 3 replicas; healthy when the constructor returns
// Nothing is written to disk. Thread: one.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/process.h"

namespace davenport::testing {

class RedisServer {
 public:
  // `options`: further arguments of redis-server ("--requirepass", "secret").
  explicit RedisServer(std::vector<std::string> options = {});
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void kill();                                         // SIGKILL
  void pause();                                        // SIGSTOP: hangs, with its connections open
  void resume();
  void start();                                        // again, empty, on the same port
  bool answers() const;

  // What redis-cli prints, without the last line end.
  std::string cli(const std::vector<std::string>& words) const;

 private:
  const std::uint16_t port_;
  const std::vector<std::string> options_;
  TempDir dir_;
  std::unique_ptr<Process> process_;
};

class RedisCluster {
 public:
  RedisCluster();
  std::string toml() const;                            // cluster = ["…", …] and node_timeout, for [redis]
  RedisServer& node(std::size_t i) { return *nodes_[i]; }
  std::size_t size() const { return nodes_.size(); }
  std::size_t master_of(const std::string& key) const; // index of the node that owns it, as the others say
  void await_healthy() const;
  static constexpr const char* kNodeTimeout = "1500";

 private:
  bool healthy() const;
  std::vector<std::unique_ptr<RedisServer>> nodes_;
  TempDir dir_;
};

}  // namespace davenport::testing
