// load_clients PORT CONNECTIONS REQUESTS KEYS FILE: the clients of load.py. Each connection has one request under way, for a key whose
// body carries its name and version; all of what comes back is checked.
//     FILE   shared with load.py: for each key the least version that an answer may have to a request that is sent now (int64), then
//            the number of answers so far.
//     output a line for each event, with wall-clock seconds: "error STATUS SENT ENDED", "cut SENT ENDED", "wrong TEXT"; at the end
//            "done ANSWERS BYTES". Errors and cuts are judged by load.py, which knows when an origin was down.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kLine = 32;                    // "k%014d v%014d\n", repeated
constexpr std::int64_t kHotKeys = 64;                // get nine of ten requests

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::size_t size_of(std::int64_t key) { return 1024 * (1 + static_cast<std::size_t>(key) * 7919 % 32); }

struct Connection {
  int fd = -1;
  std::int64_t key = 0, least = 0;
  double sent = 0;
  std::string got;
};

struct Answer {
  int status = 0;
  std::string_view body;
  bool closes = false;
};

class Load {
 public:
  Load(char** arguments)
      : port_(static_cast<std::uint16_t>(std::atoi(arguments[1]))),
        connections_(static_cast<std::size_t>(std::atoi(arguments[2]))),
        left_(std::atoll(arguments[3])),
        keys_(std::atoll(arguments[4])),
        random_(42) {
    const int file = ::open(arguments[5], O_RDWR | O_CLOEXEC);
    const std::size_t bytes = static_cast<std::size_t>(keys_ + 1) * sizeof(std::int64_t);
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) std::exit(2);
    shared_ = static_cast<volatile std::int64_t*>(memory);
  }

  void run() {
    poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (Connection& one : connections_) open_and_ask(one);
    epoll_event events[256];
    while (open_ > 0) {
      const int ready = ::epoll_wait(poll_, events, 256, 60'000);
      if (ready == 0) {
        std::printf("wrong %zu connections get nothing for a minute\n", open_);
        break;
      }
      for (int i = 0; i < ready; ++i) read(*static_cast<Connection*>(events[i].data.ptr));
      shared_[keys_] = answers_;
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
    address.sin_port = htons(port_);
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
    ask(one);
  }

  void close(Connection& one) {
    ::close(one.fd);
    --open_;
  }

  void ask(Connection& one) {
    if (left_ <= 0) return close(one);
    --left_;
    const bool hot = std::uniform_int_distribution<int>(0, 9)(random_) > 0;
    one.key = std::uniform_int_distribution<std::int64_t>(0, (hot ? kHotKeys : keys_) - 1)(random_);
    one.least = shared_[one.key];
    one.sent = wall_clock();
    one.got.clear();
    char request[96];
    const int size = std::snprintf(request, sizeof request, "GET /k/%lld HTTP/1.1\r\nHost: load.test\r\n\r\n", static_cast<long long>(one.key));
    if (::send(one.fd, request, static_cast<std::size_t>(size), MSG_NOSIGNAL) != size) cut(one);
  }

  void cut(Connection& one) {
    std::printf("cut %.3f %.3f\n", one.sent, wall_clock());
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
    if (!answer.closes && std::uniform_int_distribution<int>(0, 999)(random_) > 0) return ask(one);
    close(one);                                      // some come anew
    open_and_ask(one);
  }

  // False: more has to come.
  bool whole(std::string& got, Answer& answer) {
    const std::size_t end = got.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string_view head = std::string_view(got).substr(0, end + 2), rest = std::string_view(got).substr(end + 4);
    answer.status = std::atoi(got.c_str() + 9);
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
    std::printf("wrong status %d, %zu bytes for key %lld, at least version %lld: key %lld version %lld, %s\n", answer.status, body.size(),
                static_cast<long long>(one.key), static_cast<long long>(one.least), key, version, even ? "one body" : "several");
  }

  const std::uint16_t port_;
  std::vector<Connection> connections_;
  long long left_;
  const std::int64_t keys_;
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
  if (count != 6) return 2;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Load(arguments).run();
  return 0;
}
