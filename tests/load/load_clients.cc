// load_clients PORT[,PORT...] CONNECTIONS REQUESTS KEYS FILE [RATE]: the clients of load.py and fleet.py. Each connection has one request
// under way, for a key whose body carries its name and version; all of what comes back is checked. No two heads are alike, and one of ten
// comes in two pieces, with others' between them.
//     PORT   of several, connection i speaks to the i-th, modulo their number.
//     FILE   shared with the script: for each port, for each key, the least version that an answer may have to a request that is sent now
//            (int64), then the number of answers so far.
//     RATE   requests a second, to the ports in turn, and each answer is told; without it a connection asks as soon as it was answered.
//     output a line for each event, with wall-clock seconds: "error STATUS SENT ENDED", "cut … SENT ENDED", "wrong TEXT"; with RATE also
//            "answer NUMBER-OF-PORT SENT MILLISECONDS memory|redis|origin"; at the end, which SIGTERM brings early, "done ANSWERS
//            BYTES". Errors and cuts are judged by the script, which knows when an origin was down.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t kLine = 32;                    // "k%014d v%014d\n", repeated
constexpr std::int64_t kHotKeys = 64;                // get nine of ten requests

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::size_t size_of(std::int64_t key) { return 1024 * (1 + static_cast<std::size_t>(key) * 7919 % 32); }

volatile std::sig_atomic_t g_ended = 0;

struct Connection {
  int fd = -1;
  std::size_t port = 0;                              // its number
  bool asks = false;
  std::int64_t key = 0, least = 0;
  double sent = 0;
  std::string got;
  std::string rest;                                  // of a request that was sent in part
};

struct Answer {
  int status = 0;
  std::string_view head, body;
  bool closes = false;
};

std::vector<std::uint16_t> read_ports(const char* text) {
  std::vector<std::uint16_t> out;
  for (char* at = const_cast<char*>(text); *at != '\0'; at += *at == ',' ? 1 : 0) {
    out.push_back(static_cast<std::uint16_t>(std::strtoul(at, &at, 10)));
  }
  return out;
}

class Load {
 public:
  Load(char** arguments, double rate)
      : ports_(read_ports(arguments[1])),
        connections_(static_cast<std::size_t>(std::atoi(arguments[2]))),
        left_(std::atoll(arguments[3])),
        keys_(std::atoll(arguments[4])),
        rate_(rate),
        idle_(ports_.size()),
        random_(42) {
    for (std::size_t i = 0; i < connections_.size(); ++i) connections_[i].port = i % ports_.size();
    const int file = ::open(arguments[5], O_RDWR | O_CLOEXEC);
    const std::size_t bytes = (static_cast<std::size_t>(keys_) * ports_.size() + 1) * sizeof(std::int64_t);
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) std::exit(2);
    shared_ = static_cast<volatile std::int64_t*>(memory);
  }

  void run() {
    poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (Connection& one : connections_) open_and_ask(one);
    epoll_event events[256];
    double progress = wall_clock();
    due_ = progress;
    while (open_ > 0 && g_ended == 0) {
      const int ready = ::epoll_wait(poll_, events, 256, rate_ > 0 || !halves_.empty() ? 1 : 1'000);
      for (Connection* const one : std::exchange(halves_, {})) send_rest(*one);
      for (int i = 0; i < ready; ++i) read(*static_cast<Connection*>(events[i].data.ptr));
      if (rate_ > 0) ask_what_is_due();
      shared_[static_cast<std::size_t>(keys_) * ports_.size()] = answers_;
      if (ready > 0) progress = wall_clock();
      if (wall_clock() - progress < 60) continue;
      std::printf("wrong %zu connections get nothing for a minute\n", open_);
      break;
    }
    std::printf("done %lld %llu\n", static_cast<long long>(answers_), static_cast<unsigned long long>(bytes_));
  }

 private:
  void open_and_ask(Connection& one) {
    if (left_ <= 0) return;
    one.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(ports_[one.port]);
    if (::connect(one.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      std::printf("wrong no connection to the proxy\n");
      std::exit(1);
    }
    const int on = 1;
    ::setsockopt(one.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &one;
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, one.fd, &event);
    ++open_;
    next(one);
  }

  void close(Connection& one) {
    ::close(one.fd);
    one.asks = false;
    --open_;
  }

  // With a rate it waits for its turn.
  void next(Connection& one) {
    if (rate_ <= 0) return ask(one);
    one.asks = false;
    idle_[one.port].push_back(&one);
  }
  // Where all connections of a port wait for answers, its turn is lost: the rate is a bound.
  void ask_what_is_due() {
    for (const double now = wall_clock(); due_ <= now; due_ += 1 / rate_) {
      std::deque<Connection*>& idle = idle_[turn_++ % ports_.size()];
      if (idle.empty()) continue;
      Connection& one = *idle.front();                 // in turns: none is idle for so long that the proxy ends it
      idle.pop_front();
      ask(one);
    }
  }

  void ask(Connection& one) {
    if (left_ <= 0) return close(one);
    --left_;
    const bool hot = std::uniform_int_distribution<int>(0, 9)(random_) > 0;
    one.key = std::uniform_int_distribution<std::int64_t>(0, (hot ? kHotKeys : keys_) - 1)(random_);
    one.least = shared_[static_cast<std::int64_t>(one.port) * keys_ + one.key];
    one.asks = true;
    one.sent = wall_clock();
    one.got.clear();
    const auto any = [this](std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_); };
    one.rest = "GET /k/" + std::to_string(one.key) + " HTTP/1.1\r\nHost: load.test\r\nX-Pad: " + std::string(any(200), 'x') + "\r\n";
    if (any(2) == 0) one.rest.append("User-Agent: " + std::to_string(one.key) + "\r\nCookie:\r\n");
    one.rest.append("\r\n");
    const std::size_t first = any(10) == 0 ? 1 + any(one.rest.size() - 1) : one.rest.size();
    if (!send_some(one, first)) return cut(one);
    if (!one.rest.empty()) halves_.push_back(&one);
  }

  bool send_some(Connection& one, std::size_t size) {
    if (::send(one.fd, one.rest.data(), size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) return false;
    one.rest.erase(0, size);
    return true;
  }
  void send_rest(Connection& one) {
    if (one.asks && !one.rest.empty() && !send_some(one, one.rest.size())) cut(one);
  }

  void cut(Connection& one) {
    if (!one.asks) {
      std::erase(idle_[one.port], &one);
    } else {
      std::printf("cut from port %d for key %lld after %zu bytes, sent %.3f %.3f\n", ports_[one.port], static_cast<long long>(one.key),
                  one.got.size(), one.sent, wall_clock());
    }
    close(one);
    open_and_ask(one);
  }

  void read(Connection& one) {
    const std::size_t before = one.got.size();
    one.got.resize(before + 65'536);
    const ssize_t got = ::recv(one.fd, one.got.data() + before, 65'536, MSG_DONTWAIT);
    one.got.resize(before + static_cast<std::size_t>(std::max<ssize_t>(0, got)));
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return cut(one);
    Answer answer;
    if (!whole(one.got, answer)) return;
    ++answers_;
    bytes_ += answer.body.size();
    if (answer.status >= 500) std::printf("error %d %.3f %.3f\n", answer.status, one.sent, wall_clock());
    else check(one, answer);
    if (rate_ > 0) tell(one, answer);
    if (!answer.closes && std::uniform_int_distribution<int>(0, 999)(random_) > 0) return next(one);
    close(one);                                      // some come anew
    open_and_ask(one);
  }

  static const char* way_of(const Answer& answer) {
    if (answer.head.find("redis_hit") != std::string_view::npos) return "redis";
    return answer.head.find("; hit") != std::string_view::npos ? "memory" : "origin";
  }
  static void tell(const Connection& one, const Answer& answer) {
    std::printf("answer %zu %.3f %.2f %s\n", one.port, one.sent, (wall_clock() - one.sent) * 1e3, way_of(answer));
  }

  // False: more has to come.
  bool whole(std::string& got, Answer& answer) {
    const std::size_t end = got.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string_view head = std::string_view(got).substr(0, end + 2), rest = std::string_view(got).substr(end + 4);
    answer.status = std::atoi(got.c_str() + 9);
    answer.head = head;
    answer.closes = head.find("\r\nConnection: close") != std::string_view::npos;
    const std::size_t length = head.find("\r\nContent-Length: ");
    if (length != std::string_view::npos) {
      const std::size_t size = std::strtoull(head.data() + length + 18, nullptr, 10);
      if (rest.size() < size) return false;
      if (rest.size() > size) std::printf("wrong bytes behind an answer\n");
      answer.body = rest.substr(0, size);
      return true;
    }
    if (!rest.ends_with("\r\n0\r\n\r\n")) return false;
    decoded_.clear();
    for (std::size_t at = 0;;) {
      char* digits_end = nullptr;
      const std::size_t size = std::strtoull(rest.data() + at, &digits_end, 16);
      at = static_cast<std::size_t>(digits_end - rest.data()) + 2;
      if (size == 0) break;
      if (at + size + 2 > rest.size()) return false;
      decoded_.append(rest.substr(at, size));
      at += size + 2;
    }
    answer.body = decoded_;
    return true;
  }

  void check(const Connection& one, const Answer& answer) {
    const std::string_view body = answer.body;
    long long key = -1, version = -1;
    const bool read = body.size() == size_of(one.key) && std::sscanf(std::string(body.substr(0, kLine)).c_str(), "k%lld v%lld", &key, &version) == 2;
    const bool even = read && std::memcmp(body.data(), body.data() + kLine, body.size() - kLine) == 0;
    if (even && answer.status == 200 && key == one.key && version >= one.least) return;
    std::printf("wrong status %d, %zu bytes from port %d for key %lld, at least version %lld: key %lld version %lld, %s, sent %.3f, %s\n",
                answer.status, body.size(), ports_[one.port], static_cast<long long>(one.key), static_cast<long long>(one.least), key, version,
                even ? "one body" : "several", one.sent, way_of(answer));
  }

  const std::vector<std::uint16_t> ports_;
  std::vector<Connection> connections_;
  long long left_;
  const std::int64_t keys_;
  const double rate_;                                // 0: none
  std::vector<std::deque<Connection*>> idle_;        // by port
  std::size_t turn_ = 0;
  double due_ = 0;
  std::vector<Connection*> halves_;                  // the rest of their request is sent in the next round
  std::mt19937_64 random_;
  volatile std::int64_t* shared_ = nullptr;
  int poll_ = -1;
  std::size_t open_ = 0;
  long long answers_ = 0;
  unsigned long long bytes_ = 0;
  std::string decoded_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 6 && count != 7) return 2;
  std::signal(SIGTERM, [](int) { g_ended = 1; });
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Load(arguments, count == 7 ? std::atof(arguments[6]) : 0).run();
  return 0;
}
