#include "support/redis.h"

#include <signal.h>
#include <unistd.h>


#include "support/socket.h"

namespace davenport::testing {
namespace {

constexpr const char* kServer = "/usr/bin/redis-server";
constexpr const char* kCli = "/usr/bin/redis-cli";
constexpr std::chrono::seconds kStart{30};

std::string run(const std::vector<std::string>& arguments, const std::string& directory, std::chrono::milliseconds patience) {
  const std::string out = directory + "/out", err = directory + "/err";
  ::unlink(out.c_str());
  Process process(arguments, out, err);
  process.await_exit(patience);
  std::string text = read_file(out);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

}  // namespace

RedisServer::RedisServer(std::vector<std::string> options) : port_(free_port()), options_(std::move(options)) { start(); }

void RedisServer::start() {
  std::vector<std::string> arguments{kServer, "--port", std::to_string(port_), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                                     "--dir", dir_.path(), "--repl-diskless-sync-delay", "0"};
  arguments.insert(arguments.end(), options_.begin(), options_.end());
  process_ = std::make_unique<Process>(arguments, dir_.file("log"), dir_.file("log"));
  await_condition("redis-server on port " + std::to_string(port_), [this] { return answers(); }, kStart);
}

bool RedisServer::answers() const {
  try {
    Socket socket = Socket::connect(port_);
    std::string got;
    if (!socket.send_all("PING\r\n")) return false;
    return socket.read(got) == Socket::Got::bytes;       // an error is an answer too
  } catch (const std::exception&) {
    return false;
  }
}

void RedisServer::kill() {
  process_->signal(SIGKILL);
  process_->await_exit();
}
void RedisServer::pause() { process_->signal(SIGSTOP); }
void RedisServer::resume() { process_->signal(SIGCONT); }

std::string RedisServer::cli(const std::vector<std::string>& words) const {
  TempDir dir;
  std::vector<std::string> arguments{kCli, "-h", "127.0.0.1", "-p", std::to_string(port_)};
  for (std::size_t i = 0; i + 1 < options_.size(); ++i) {
    if (options_[i] == "--requirepass") arguments.insert(arguments.end(), {"--no-auth-warning", "-a", options_[i + 1]});
  }
  arguments.insert(arguments.end(), words.begin(), words.end());
  return run(arguments, dir.path(), kPatience);
}

RedisCluster::RedisCluster() {
  std::vector<std::string> create{kCli, "--cluster", "create"};
  for (int i = 0; i < 6; ++i) {
    nodes_.push_back(std::make_unique<RedisServer>(std::vector<std::string>{
        "--cluster-enabled", "yes", "--cluster-port", std::to_string(free_port()), "--cluster-node-timeout", kNodeTimeout,
        "--cluster-require-full-coverage", "no"}));
    create.push_back(nodes_.back()->address());
  }
  create.insert(create.end(), {"--cluster-replicas", "1", "--cluster-yes"});
  run(create, dir_.path(), kStart);
  await_healthy();
}

bool RedisCluster::healthy() const {
  for (const auto& node : nodes_) {
    const std::string info = node->cli({"cluster", "info"});
    if (info.find("cluster_state:ok") == std::string::npos || info.find("cluster_slots_ok:16384") == std::string::npos ||
        info.find("cluster_known_nodes:6") == std::string::npos) {
      return false;
    }
    const std::string replication = node->cli({"info", "replication"});
    if (replication.find("role:slave") != std::string::npos && replication.find("master_link_status:up") == std::string::npos) return false;
    if (replication.find("role:master") != std::string::npos && replication.find("connected_slaves:1") == std::string::npos) return false;
  }
  return true;
}

void RedisCluster::await_healthy() const {
  await_condition("a healthy cluster", [this] { return healthy(); }, kStart);
}

std::string RedisCluster::toml() const {
  std::string out = "cluster = [";
  for (std::size_t i = 0; i < nodes_.size(); ++i) out += (i == 0 ? "\"" : ", \"") + nodes_[i]->address() + "\"";
  return out + "]\nnode_timeout = \"" + std::string(kNodeTimeout) + "ms\"";
}

std::size_t RedisCluster::master_of(const std::string& key) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i]->answers()) continue;
    // The owner knows the key's slot as its own; the others say MOVED.
    const std::string answer = nodes_[i]->cli({"get", key});
    const std::size_t colon = answer.rfind(':');
    if (!answer.starts_with("MOVED") || colon == std::string::npos) return i;
    const std::string port = answer.substr(colon + 1);
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      if (std::to_string(nodes_[n]->port()) == port) return n;
    }
  }
  throw std::runtime_error("nobody owns " + key);
}

}  // namespace davenport::testing
