// bench/load/serve.h: the least that answers HTTP/1.1 GETs over raw epoll: what the kernel costs. One read takes what has come;
// one writev answers all of it. Edge-triggered and registered once, so that a request makes no other system call than its
// read, its writev and its share of an epoll_wait. Floor and origin give it an `answer(path, head)`.
// Trusts  its clients: no limits, no errors, no bodies in requests. For benchmarks on loopback only.
// Thread  one.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/pattern.h"

namespace bench {

struct Answer {
  std::string_view head;           // stays until the write has been made
  std::uint64_t path_hash = 0;     // which bytes the body has
  std::uint64_t body_bytes = 0;
};

inline int listen_at(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 4096) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return fd;
}

// `Answerer`: Answer answer(std::string_view path, std::string_view request_head).
template <class Answerer>
class EpollServer {
 public:
  EpollServer(Answerer& answerer, int listener) : answerer_(answerer), listener_(listener), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 128> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        if (events[static_cast<std::size_t>(i)].data.ptr == nullptr) {
          accept_all();
        } else {
          serve(static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
        }
      }
    }
  }

 private:
  struct Unsent {
    std::string head;
    Answer answer;
    std::uint64_t sent = 0;          // of head and body together
  };
  struct Connection {
    int fd;
    std::string input;               // part of a request; empty most of the time
    std::vector<Unsent> unsent;
  };

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      epoll_event event{};
      event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
      event.data.ptr = new Connection{fd, {}, {}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
  }

  void close(Connection* connection) {
    ::close(connection->fd);
    delete connection;
  }

  void serve(Connection* connection) {
    if (!connection->unsent.empty() && !flush(connection)) return;
    for (;;) {
      const ssize_t n = ::recv(connection->fd, buffer_.data(), buffer_.size(), 0);
      if (n <= 0) {
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        return close(connection);
      }
      std::string_view in(buffer_.data(), static_cast<std::size_t>(n));
      if (!connection->input.empty()) {
        connection->input.append(in);
        in = connection->input;
      }
      const std::size_t used = answer_batch(in);
      const std::string rest(in.substr(used));
      connection->input = rest;
      if (!send(connection)) return;
      if (static_cast<std::size_t>(n) < buffer_.size()) return;      // emptied: the next bytes make an edge
    }
  }

  // Fills batch_ with the answers to all whole requests of `in`; returns how much they take.
  std::size_t answer_batch(std::string_view in) {
    batch_.clear();
    std::size_t at = 0;
    for (;;) {
      const std::string_view rest = in.substr(at);
      const std::size_t end = rest.find("\r\n\r\n");
      if (end == std::string_view::npos) return at;
      const std::size_t begin = rest.find(' ') + 1;
      const std::string_view path = rest.substr(begin, rest.find(' ', begin) - begin);
      batch_.push_back(answerer_.answer(path, rest.substr(0, end + 2)));
      at += end + 4;
    }
  }

  bool send(Connection* connection) {
    if (batch_.empty()) return true;
    pieces_.clear();
    std::uint64_t total = 0;
    for (const Answer& answer : batch_) {
      pieces_.push_back({const_cast<char*>(answer.head.data()), answer.head.size()});
      total += answer.head.size() + answerer_.pattern().pieces(answer.path_hash, 0, answer.body_bytes, pieces_);
      if (pieces_.size() > 900) break;
    }
    ssize_t n = ::writev(connection->fd, pieces_.data(), static_cast<int>(pieces_.size()));
    if (n < 0) {
      if (errno != EAGAIN) return close(connection), false;
      n = 0;
    }
    auto left = static_cast<std::uint64_t>(n);
    for (const Answer& answer : batch_) {
      const std::uint64_t whole = answer.head.size() + answer.body_bytes;
      const std::uint64_t sent = std::min(left, whole);
      left -= sent;
      if (sent < whole) connection->unsent.push_back({std::string(answer.head), answer, sent});
    }
    return connection->unsent.empty() || static_cast<std::uint64_t>(n) < total || flush(connection);
  }

  // False: something is left (or the connection has gone); the kernel tells when there is room.
  bool flush(Connection* connection) {
    std::size_t done = 0;
    for (Unsent& unsent : connection->unsent) {
      const std::uint64_t head = unsent.head.size();
      while (unsent.sent < head + unsent.answer.body_bytes) {
        pieces_.clear();
        if (unsent.sent < head) pieces_.push_back({unsent.head.data() + unsent.sent, head - unsent.sent});
        const std::uint64_t from = unsent.sent < head ? 0 : unsent.sent - head;
        answerer_.pattern().pieces(unsent.answer.path_hash, from, unsent.answer.body_bytes - from, pieces_);
        const ssize_t n = ::writev(connection->fd, pieces_.data(), static_cast<int>(pieces_.size()));
        if (n < 0) {
          if (errno != EAGAIN) return close(connection), false;
          connection->unsent.erase(connection->unsent.begin(), connection->unsent.begin() + static_cast<std::ptrdiff_t>(done));
          return false;
        }
        unsent.sent += static_cast<std::uint64_t>(n);
      }
      ++done;
    }
    connection->unsent.clear();
    return true;
  }

  Answerer& answerer_;
  int listener_, epoll_;
  std::array<char, 64 << 10> buffer_;
  std::vector<Answer> batch_;
  std::vector<iovec> pieces_;
};

// The first argument as a port.
inline std::uint16_t port_of(int count, char** arguments) {
  std::uint16_t port = 0;
  if (count > 1) std::from_chars(arguments[1], arguments[1] + std::string_view(arguments[1]).size(), port);
  if (port == 0) {
    std::fprintf(stderr, "%s PORT\n", arguments[0]);
    std::exit(2);
  }
  return port;
}

}  // namespace bench
