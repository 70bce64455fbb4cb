// bench/client.cc: an HTTP client that wrk is not: it keeps a rate whatever the server does, asks for a given number of
// different paths, and checks every byte of every body.
//     bench_client --port P --path /hit/1k/{} [--keys 1000] [--first 0] [--count N | --seconds S] [--rate R] [--connections C]
//                  [--list FILE] [--header 'Name: value'] [--uncheck]
// Path     `{}` is a number from --first on, --keys of them and then anew; /KIND/SIZE/NAME (bench/load/pattern.h). A list has a
//          path on each line, asked for one after the other.
// Rate     requests fall due evenly, R a second, and a latency counts from then: a server that stalls delays all that falls due
//          meanwhile, as its users would see it (no coordinated omission). Without a rate: as fast as the answers come.
// Prints   one line of JSON: requests, errors (no answer within 5 s after the end), wrong (status 200, other bytes), statuses,
//          latencies in µs: as this program saw them, and `server`: without the waits of this program for its own core, namely
//          from send() until the kernel had received the last byte (SO_TIMESTAMPNS), and of the time for which it was due before
//          that all in which the server still owed an answer on each connection.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/pattern.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;
// What is missing then counts as errors: so long after the end of the time, and when no byte came from anywhere for so long.
constexpr std::chrono::seconds kPatience{5}, kStall{20};

struct Options {
  std::uint16_t port = 0;
  std::string path = "/hit/1k/0", headers;
  std::vector<std::string> list;
  std::uint64_t keys = 1, first = 0, count = 0;
  double seconds = 1, rate = 0;
  std::size_t connections = 64;
  bool check = true;
};

struct Connection {
  int fd = -1;
  bool busy = false, in_body = false, keep = true;
  Clock::time_point due, sent_at;
  Clock::duration held_back{};
  std::string request, input;
  std::size_t sent = 0;
  std::uint64_t path_hash = 0, got = 0, length = 0;
  int status = 0;
};

class Client {
 public:
  explicit Client(const Options& options) : options_(options), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (std::size_t i = 0; i < options.connections; ++i) {
      connections_.push_back(std::make_unique<Connection>());
      open(*connections_.back());
      idle_.push_back(connections_.back().get());
    }
  }

  void run() {
    ::prctl(PR_SET_TIMERSLACK, 1UL);       // a sleep ends when it should, not up to 50 µs later
    started_ = Clock::now();
    const auto until = started_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options_.seconds));
    std::array<epoll_event, 256> events;
    while (true) {
      const auto now = Clock::now();
      steady_behind_ = std::chrono::system_clock::now().time_since_epoch() - now.time_since_epoch();
      const bool over = options_.count != 0 ? made_ >= options_.count : now >= until;
      if (!over) release(now);
      start_waiting();
      if (over && waiting_.empty() && idle_.size() == connections_.size()) break;
      if (over && options_.count == 0 && now >= until + kPatience) break;
      if (now - std::max(progress_, started_) > kStall) break;
      const timespec wait = wait_for(over);
      const int ready = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
      first_arrival_ = Clock::time_point::max();
      for (int i = 0; i < ready; ++i) progress(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
      if (idle_.empty() || first_arrival_ == Clock::time_point::max() || !all_owed_) continue;
      owed_.push_back({all_owed_since_, std::max(all_owed_since_, first_arrival_)});
      all_owed_ = false;
    }
    ended_ = Clock::now();
    for (const auto& connection : connections_) errors_ += connection->busy ? 1 : 0;
    errors_ += waiting_.size();
  }

  void print() {
    std::string statuses;
    for (const auto& [status, number] : statuses_) {
      statuses += (statuses.empty() ? "\"" : ", \"") + std::to_string(status) + "\": " + std::to_string(number);
    }
    std::printf("{\"requests\": %zu, \"errors\": %llu, \"wrong\": %llu, \"bytes\": %llu, \"seconds\": %.3f, \"statuses\": {%s}, "
                "%s, \"server\": {%s}}\n",
                latencies_.size(), static_cast<unsigned long long>(errors_), static_cast<unsigned long long>(wrong_),
                static_cast<unsigned long long>(bytes_), std::chrono::duration<double>(ended_ - started_).count(), statuses.c_str(),
                percentiles(latencies_).c_str(), percentiles(server_latencies_).c_str());
  }

 private:
  static std::string percentiles(std::vector<float>& latencies) {
    std::sort(latencies.begin(), latencies.end());
    std::string text;
    for (const auto& [name, share] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1.0}}) {
      const auto index = static_cast<std::size_t>(share * static_cast<double>(latencies.size()));
      const double value = latencies.empty() ? 0 : latencies[std::min(index, latencies.size() - 1)];
      char field[64];
      text.append(field, static_cast<std::size_t>(std::snprintf(field, sizeof field, "%s\"%s\": %.1f", text.empty() ? "" : ", ", name, value)));
    }
    return text;
  }

  void open(Connection& connection) {
    connection.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("connect");
      std::exit(1);
    }
    const int on = 1;
    ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(connection.fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &connection;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
  }

  // What has fallen due by now is waiting for a connection.
  void release(Clock::time_point now) {
    if (options_.rate == 0) {
      while (waiting_.size() < idle_.size() && (options_.count == 0 || made_ < options_.count)) {
        waiting_.push_back(now);
        ++made_;
      }
      return;
    }
    while (options_.count == 0 || made_ < options_.count) {
      const auto due = started_ + std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(made_) * 1e9 / options_.rate));
      if (due > now) break;
      waiting_.push_back(due);
      ++made_;
    }
  }

  // Under a rate the client sleeps until the next request falls due, and 50 µs at least, which count as latency: one that looked again
  // and again would be the hog of its core, whom the scheduler lets wait, and would measure that.
  timespec wait_for(bool over) const {
    constexpr std::int64_t kLeast = 50'000, kLongest = 100'000'000;
    std::int64_t left = kLongest;
    if (!over && options_.rate != 0) {
      const auto due = started_ + std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(made_) * 1e9 / options_.rate));
      left = std::clamp<std::int64_t>(std::chrono::nanoseconds(due - Clock::now()).count(), kLeast, kLongest);
    }
    return {0, static_cast<long>(left)};
  }

  void start_waiting() {
    while (!waiting_.empty() && !idle_.empty()) {
      Connection& connection = *idle_.back();
      idle_.pop_back();
      connection.due = waiting_.front();
      waiting_.pop_front();
      begin(connection);
      if (idle_.empty() && !all_owed_) {
        all_owed_ = true;
        all_owed_since_ = connection.sent_at;
      }
    }
    const Clock::time_point oldest = waiting_.empty() ? Clock::now() : waiting_.front();
    while (!owed_.empty() && owed_.front().until < oldest) owed_.pop_front();
  }

  // Of the time since the request fell due, all in which the server owed an answer on each connection.
  Clock::duration held_back(Clock::time_point due) const {
    Clock::duration sum{};
    for (auto span = owed_.rbegin(); span != owed_.rend() && span->until > due; ++span) sum += span->until - std::max(span->since, due);
    return sum;
  }

  void begin(Connection& connection) {
    std::string path = options_.list.empty() ? options_.path : options_.list[next_++ % options_.list.size()];
    if (const std::size_t at = path.find("{}"); at != std::string::npos) {
      path.replace(at, 2, std::to_string(options_.first + next_++ % options_.keys));
    }
    connection.path_hash = hash_of(path);
    connection.request = "GET " + path + " HTTP/1.1\r\nHost: bench.test\r\n" + options_.headers + "\r\n";
    connection.busy = true;
    connection.in_body = false;
    connection.got = 0;
    connection.held_back = held_back(connection.due);
    connection.sent_at = Clock::now();
    const ssize_t n = ::send(connection.fd, connection.request.data(), connection.request.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(connection.request.size())) fail(connection);
  }

  void fail(Connection& connection) {
    if (connection.busy) ++errors_;
    reopen(connection);
  }

  void reopen(Connection& connection) {
    first_arrival_ = std::min(first_arrival_, Clock::now());
    ::close(connection.fd);
    connection.input.clear();
    if (connection.busy) idle_.push_back(&connection);
    connection.busy = false;
    open(connection);
  }

  void progress(Connection& connection) {
    Clock::time_point arrived;
    const ssize_t n = receive(connection.fd, arrived);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return fail(connection);
    progress_ = Clock::now();
    if (arrived == Clock::time_point()) arrived = progress_;
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(n));
    if (!connection.in_body) {
      connection.input.append(bytes);
      const std::size_t end = connection.input.find("\r\n\r\n");
      if (end == std::string::npos) return;
      read_head(connection, std::string_view(connection.input).substr(0, end + 2));
      const std::string rest = connection.input.substr(end + 4);
      connection.input.clear();
      return take_body(connection, rest, arrived);
    }
    take_body(connection, bytes, arrived);
  }

  // recv(), with the time at which the last of these bytes came, if the kernel tells it.
  ssize_t receive(int fd, Clock::time_point& arrived) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
    iovec piece{buffer_.data(), buffer_.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = ::recvmsg(fd, &message, MSG_DONTWAIT);
    const cmsghdr* stamp = n > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
    if (stamp != nullptr && stamp->cmsg_level == SOL_SOCKET && stamp->cmsg_type == SCM_TIMESTAMPNS) {
      timespec at{};
      std::memcpy(&at, CMSG_DATA(stamp), sizeof at);
      arrived = Clock::time_point(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec) - steady_behind_);
    }
    return n;
  }

  static void read_head(Connection& connection, std::string_view head) {
    connection.status = std::atoi(std::string(head.substr(9, 3)).c_str());
    connection.length = 0;
    connection.keep = true;
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
      const std::size_t end = head.find("\r\n", at);
      std::string line(head.substr(at, end - at));
      for (char& c : line) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
      if (line.starts_with("content-length:")) connection.length = std::strtoull(line.c_str() + 15, nullptr, 10);
      if (line == "connection: close") connection.keep = false;
      at = end + 2;
    }
    if (connection.status == 304 || connection.status == 204) connection.length = 0;
    connection.in_body = true;
  }

  void take_body(Connection& connection, std::string_view bytes, Clock::time_point arrived) {
    if (options_.check && connection.status == 200 && !pattern_.matches(connection.path_hash, connection.got, bytes)) ++wrong_;
    connection.got += bytes.size();
    bytes_ += bytes.size();
    if (connection.got < connection.length) return;
    if (connection.got > connection.length) ++wrong_;
    server_latencies_.push_back(std::chrono::duration<float, std::micro>(connection.held_back + arrived - connection.sent_at).count());
    latencies_.push_back(std::chrono::duration<float, std::micro>(Clock::now() - connection.due).count());
    first_arrival_ = std::min(first_arrival_, arrived);
    ++statuses_[connection.status];
    if (!connection.keep) return reopen(connection);
    connection.busy = false;
    idle_.push_back(&connection);
  }

  Options options_;
  int epoll_;
  Pattern pattern_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;
  std::deque<Clock::time_point> waiting_;        // due and not sent: all connections are busy
  std::vector<float> latencies_, server_latencies_;
  std::chrono::nanoseconds steady_behind_{};     // what CLOCK_REALTIME is ahead
  std::map<int, std::uint64_t> statuses_;
  std::uint64_t made_ = 0, next_ = 0, errors_ = 0, wrong_ = 0, bytes_ = 0;
  Clock::time_point started_, ended_, progress_{};
  struct Span {
    Clock::time_point since, until;
  };
  std::deque<Span> owed_;                        // when no connection was free; as far back as what is due
  bool all_owed_ = false;
  Clock::time_point all_owed_since_, first_arrival_;
  std::array<char, 256 << 10> buffer_;
};

void read_list(Options& options, const char* file) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) options.list.push_back(line);
}

bool apply(Options& options, std::string_view name, const char* value) {
  if (name == "--port") options.port = static_cast<std::uint16_t>(std::atoi(value));
  else if (name == "--path") options.path = value;
  else if (name == "--keys") options.keys = std::strtoull(value, nullptr, 10);
  else if (name == "--first") options.first = std::strtoull(value, nullptr, 10);
  else if (name == "--count") options.count = std::strtoull(value, nullptr, 10);
  else if (name == "--seconds") options.seconds = std::atof(value);
  else if (name == "--rate") options.rate = std::atof(value);
  else if (name == "--connections") options.connections = std::strtoull(value, nullptr, 10);
  else if (name == "--list") read_list(options, value);
  else if (name == "--header") options.headers.append(value).append("\r\n");
  else return false;
  return true;
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
  bench::Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    if (name == "--uncheck") {
      options.check = false;
    } else if (i + 1 >= count || !bench::apply(options, name, arguments[++i])) {
      std::fprintf(stderr, "%s: unknown, or lacks its value\n", arguments[i]);
      return 2;
    }
  }
  if (options.port == 0) {
    std::fprintf(stderr, "bench_client: --port is missing\n");
    return 2;
  }
  const auto client = std::make_unique<bench::Client>(options);
  client->run();
  client->print();
  return 0;
}
