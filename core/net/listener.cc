#include "core/net/listener.h"

#include <event2/event.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/log.h"

namespace davenport::net {
namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsPerWake = 64;     // others of the loop get their turn in a flood of connections
constexpr Millis kRetryAccept{100};     // when descriptors have run out

}  // namespace

Result<int> open_listening_socket(const SocketAddress& address, bool shared) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Error{std::string("socket: ") + std::strerror(errno)};
  const int on = 1;
  if (address.is_unix()) {
    const std::string path = address.text().substr(5);
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(path.c_str());
  } else {
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address.family() == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);   // inherited by what is accepted
  }
  if (::bind(fd, address.get(), address.length()) != 0 || ::listen(fd, kBacklog) != 0) {
    const int code = errno;
    ::close(fd);
    std::string hint;
    if (code == EADDRINUSE) hint = " (another program listens there: `ss -ltnp` names it)";
    if (code == ENOENT) hint = " (make its directory)";
    if (code == EACCES && address.is_unix()) hint = " (let Davenport's user write there)";
    else if (code == EACCES) hint = " (ports below 1024 need CAP_NET_BIND_SERVICE)";
    return Error{"cannot listen on " + address.text() + ": " + std::strerror(code) + hint};
  }
  return fd;
}

Result<SocketAddress> local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return Error{std::string("getsockname: ") + std::strerror(errno)};
  }
  return SocketAddress::of(reinterpret_cast<sockaddr*>(&storage), length);
}

Listener::Listener(Loop& loop, int fd, Accepted accepted)
    : Timer(loop.timers()),
      loop_(loop),
      fd_(fd),
      event_(event_new(loop.base(), fd, EV_READ | EV_PERSIST, &Listener::on_event, this)),
      accepted_(std::move(accepted)) {
  event_add(event_, nullptr);
}

Listener::~Listener() {
  event_free(event_);
  ::close(fd_);
}

void Listener::on_event(int, short, void* self) { static_cast<Listener*>(self)->accept_some(); }

void Listener::accept_some() {
  for (int i = 0; i < kAcceptsPerWake; ++i) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&storage), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      accepted_(fd, SocketAddress::of(reinterpret_cast<sockaddr*>(&storage), length));
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      log_warning("cannot accept: {}; trying again in {} ms (raise `ulimit -n`, or lower limits.connections)",
                  std::strerror(errno), kRetryAccept.count());
      event_del(event_);
      arm(loop_.now() + kRetryAccept);
      return;
    }
    if (errno != EINTR && errno != ECONNABORTED) return;   // EAGAIN: all accepted
  }
}

void Listener::expired(bool cancelled) {
  if (!cancelled) event_add(event_, nullptr);
}

}  // namespace davenport::net
