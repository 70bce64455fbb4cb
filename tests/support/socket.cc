#include "support/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "support/tls.h"

namespace davenport::testing {
namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// False when the deadline has passed.
bool wait_for(int fd, short events, Deadline deadline) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) fail("poll");
  }
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
    tls_ = std::move(other.tls_);
  }
  return *this;
}

Socket Socket::connect(std::uint16_t port, std::optional<int> receive_buffer_bytes) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) fail("socket");
  if (receive_buffer_bytes) {
    ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &*receive_buffer_bytes, sizeof(int));
  }
  const sockaddr_in address = loopback(port);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("connect");
  const int on = 1;   // each send() of a test is a segment of its own
  ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

Socket Socket::connect_unix(const std::string& path) {
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!socket.is_open() || path.size() >= sizeof address.sun_path) fail("socket");
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("connect");
  return socket;
}

bool Socket::send_all(std::string_view bytes, Deadline deadline) {
  if (tls_ != nullptr) return tls_->write(bytes);
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for(fd_, POLLOUT, deadline)) throw TimedOut("a peer that takes bytes");
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

std::size_t Socket::send_some(std::string_view bytes) {
  const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

Socket::Got Socket::read(std::string& append_to, Deadline deadline, std::size_t at_most) {
  if (!is_open()) return Got::end;
  if (tls_ != nullptr) return tls_->read(append_to, at_most);
  if (!wait_for(fd_, POLLIN, deadline)) throw TimedOut("bytes from the peer");
  const std::size_t before = append_to.size();
  append_to.resize(before + at_most);
  ssize_t got = 0;
  do {
    got = ::recv(fd_, append_to.data() + before, at_most, 0);
  } while (got < 0 && errno == EINTR);
  append_to.resize(before + static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  if (got > 0) return Got::bytes;
  return got == 0 ? Got::end : Got::reset;
}

void Socket::shutdown_write() {
  if (tls_ != nullptr) tls_->close_notify();
  ::shutdown(fd_, SHUT_WR);
}

void Socket::shutdown_both() {
  if (const int fd = fd_; fd >= 0) ::shutdown(fd, SHUT_RDWR);
}

void Socket::reset() {
  tls_.reset();
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Socket::close() {
  if (tls_ != nullptr && is_open()) tls_->close_notify();
  if (const int fd = release(); fd >= 0) ::close(fd);
}

// The kernel lets a socket keep its port over pause() only where the port was named in bind(): so a first socket is given
// a free one, and the listener asks for that one while the first still holds it.
Listener::Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const Socket scout(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  for (const int fd : {scout.fd(), fd_}) {
    if (fd < 0 || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      fail("bind");
    }
  }
  port_ = ntohs(address.sin_port);
  resume();
}

Listener::~Listener() {
  if (fd_ >= 0) ::close(fd_);
}

Socket Listener::accept() {
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return Socket();
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return Socket(fd);
}

// shutdown() takes a Linux listener out of LISTEN and leaves its port bound: connections are refused, and nobody else
// can take the port meanwhile.
void Listener::pause() { ::shutdown(fd_, SHUT_RDWR); }

void Listener::resume(int backlog) {
  if (::listen(fd_, backlog) != 0) fail("listen");
}

std::uint16_t free_port() { return Listener().port(); }

DeafListener::DeafListener() {
  listener_.pause();
  listener_.resume(0);
  for (Socket& filler : fillers_) {   // a backlog of 0 holds one or two; further SYNs are dropped
    filler = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_in address = loopback(listener_.port());
    if (::connect(filler.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
      fail("connect");
    }
  }
}

}  // namespace davenport::testing
