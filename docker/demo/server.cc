#include "docker/demo/server.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "docker/demo/connection.h"

namespace demo {
namespace {

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

template <void (Server::*kMember)()>
void call(int, short, void* server) {
  (static_cast<Server*>(server)->*kMember)();
}

}  // namespace

void Reply::send(Response response) const {
  const auto found = server_->connections_.find(connection_);
  if (found != server_->connections_.end()) found->second->answer(request_, std::move(response));
}

Server::Server(Handler handler, ServerLimits limits)
    : handler_(std::move(handler)), limits_(limits), base_(event_base_new()), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (base_ == nullptr || wake_fd_ < 0) throw std::runtime_error("no event loop: out of descriptors or memory");
  wake_ = event_new(base_, wake_fd_, EV_READ | EV_PERSIST, call<&Server::run_posted>, this);
  tick_ = event_new(base_, -1, EV_PERSIST, call<&Server::close_overdue>, this);
  resume_ = event_new(
      base_, -1, 0, [](int, short, void* self) { evconnlistener_enable(static_cast<Server*>(self)->listener_); }, this);
  const timeval second{1, 0};
  event_add(wake_, nullptr);
  event_add(tick_, &second);
}

Server::~Server() {
  connections_.clear();
  if (listener_ != nullptr) evconnlistener_free(listener_);
  for (event* const each : {wake_, tick_, resume_}) event_free(each);
  event_base_free(base_);
  ::close(wake_fd_);
}

void Server::listen(int socket) {
  listener_ = evconnlistener_new(
      base_,
      [](evconnlistener*, int client, sockaddr*, int, void* self) { static_cast<Server*>(self)->accepted(client); },
      this, LEV_OPT_CLOSE_ON_EXEC, 0, socket);
  if (listener_ == nullptr) throw std::runtime_error("cannot watch the listening socket");
  evconnlistener_set_error_cb(
      listener_, [](evconnlistener*, void* self) { static_cast<Server*>(self)->pause_accepting(); });
}

void Server::pause_accepting() {
  // Out of descriptors: the socket stays readable, and without a pause the loop would do nothing but fail.
  evconnlistener_disable(listener_);
  const timeval pause{0, 100'000};
  event_add(resume_, &pause);
}

void Server::accepted(int socket) {
  if (limits_.open_connections.load() >= limits_.max_connections) {
    [[maybe_unused]] const auto sent = ::send(socket, kFull.data(), kFull.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(socket);
    return;
  }
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::uint64_t id = next_connection_++;
  connections_.emplace(id, std::make_unique<Connection>(*this, id, socket));
}

void Server::forget(std::uint64_t connection) { connections_.erase(connection); }

void Server::run() {
  while (!stopping_) event_base_loop(base_, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
}

void Server::stop() {
  post([this] { stopping_ = true; });
}

void Server::post(std::function<void()> work) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(work));
    if (posted_.size() > 1) return;                  // the loop has been woken and has not looked yet
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

void Server::run_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_fd_, &count, sizeof count);
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (const auto& each : work) each();
}

void Server::close_overdue() {
  const TimePoint now = Clock::now();
  std::erase_if(connections_, [now](const auto& entry) { return entry.second->overdue(now); });
}

int open_listening_socket(const std::string& address, std::uint16_t port, std::uint16_t& bound_port) {
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  sockaddr* name = nullptr;
  socklen_t length = 0;
  if (inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    name = reinterpret_cast<sockaddr*>(&v4);
    length = sizeof v4;
  } else if (inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    name = reinterpret_cast<sockaddr*>(&v6);
    length = sizeof v6;
  } else {
    errno = EINVAL;
    return -1;
  }
  const int socket = ::socket(name->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket, name, length) != 0 || ::listen(socket, 1024) != 0 || getsockname(socket, name, &length) != 0) {
    const int error = errno;
    ::close(socket);
    errno = error;
    return -1;
  }
  bound_port = ntohs(name->sa_family == AF_INET ? v4.sin_port : v6.sin6_port);
  return socket;
}

}  // namespace demo
