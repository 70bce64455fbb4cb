// bench/redis_floor.cc: what a look-up in Redis costs when nothing is done with what it finds: GETs of a list of keys, so many at a time
// by hiredis' asynchronous API with its own libevent adapter; with 1, in a plain loop by its blocking one.
//     redis_floor LIST [AT_A_TIME]       LIST: "PORT KEY" a line; each is asked of the node on that port of loopback
// Prints one line of JSON: gets, bytes, errors (also a key that is not there), CPU and wall time of the loop alone.
#include <event2/event.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

// The adapter is C, and casts as C does.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <hiredis/adapters/libevent.h>
#pragma GCC diagnostic pop

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace bench {
namespace {

struct Get {
  redisAsyncContext* node;
  std::string key;
};

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void print(std::size_t gets, std::uint64_t bytes, std::size_t errors, double cpu, std::chrono::steady_clock::time_point began) {
  std::printf("{\"gets\": %zu, \"bytes\": %llu, \"errors\": %zu, \"cpu_s\": %.6f, \"seconds\": %.6f}\n", gets,
              static_cast<unsigned long long>(bytes), errors, cpu_seconds() - cpu,
              std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
}

// One after the other.
void get_in_turn(const char* list) {
  std::ifstream in(list);
  std::map<int, redisContext*> nodes;
  std::vector<std::pair<redisContext*, std::string>> gets;
  int port = 0;
  for (std::string key; in >> port >> key;) {
    redisContext*& node = nodes[port];
    if (node == nullptr) node = redisConnect("127.0.0.1", port);
    gets.emplace_back(node, key);
  }
  std::uint64_t bytes = 0;
  std::size_t errors = 0;
  const double cpu = cpu_seconds();
  const auto began = std::chrono::steady_clock::now();
  for (const auto& [node, key] : gets) {
    auto* const reply = static_cast<redisReply*>(redisCommand(node, "GET %b", key.data(), key.size()));
    if (reply == nullptr || reply->type != REDIS_REPLY_STRING) ++errors;
    else bytes += reply->len;
    if (reply != nullptr) freeReplyObject(reply);
  }
  print(gets.size(), bytes, errors, cpu, began);
  for (const auto& [number, node] : nodes) redisFree(node);
}

class Gets {
 public:
  explicit Gets(const char* list) : base_(event_base_new()) {
    std::ifstream in(list);
    int port = 0;
    std::string key;
    std::map<int, redisAsyncContext*> nodes;
    while (in >> port >> key) {
      redisAsyncContext*& node = nodes[port];
      if (node == nullptr) node = connect(port);
      gets_.push_back({node, key});
    }
  }

  void run(std::size_t at_a_time) {
    const double cpu = cpu_seconds();
    const auto began = std::chrono::steady_clock::now();
    while (next_ < at_a_time && next_ < gets_.size()) ask();
    event_base_dispatch(base_);
    print(answered_, bytes_, errors_ + gets_.size() - answered_, cpu, began);
  }

 private:
  redisAsyncContext* connect(int port) {
    redisAsyncContext* const node = redisAsyncConnect("127.0.0.1", port);
    if (node == nullptr || node->err != 0 || redisLibeventAttach(node, base_) != REDIS_OK) {
      std::fprintf(stderr, "no Redis on port %d\n", port);
      std::exit(1);
    }
    return node;
  }

  void ask() {
    const Get& get = gets_[next_++];
    const char* const words[] = {"GET", get.key.c_str()};
    const std::size_t sizes[] = {3, get.key.size()};
    redisAsyncCommandArgv(get.node, &Gets::on_reply, this, 2, const_cast<const char**>(words), sizes);
  }

  static void on_reply(redisAsyncContext*, void* got, void* self) { static_cast<Gets*>(self)->answered(static_cast<redisReply*>(got)); }
  void answered(const redisReply* reply) {
    if (reply == nullptr || reply->type != REDIS_REPLY_STRING) ++errors_;
    else bytes_ += reply->len;
    ++answered_;
    if (next_ < gets_.size()) ask();
    else if (answered_ == gets_.size()) event_base_loopbreak(base_);
  }

  event_base* base_;
  std::vector<Get> gets_;
  std::size_t next_ = 0, answered_ = 0, errors_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "%s LIST [AT_A_TIME]\n", arguments[0]);
    return 2;
  }
  const std::size_t at_a_time = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 64;
  if (at_a_time == 1) bench::get_in_turn(arguments[1]);
  else bench::Gets(arguments[1]).run(at_a_time);
}
