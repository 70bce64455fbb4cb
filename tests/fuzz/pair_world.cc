#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cache/store/walk.h"
#include "fuzz/fuzz.h"
#include "fuzz/pair.h"
#include "proxy/server/snapshot.h"

namespace davenport::fuzz {
namespace {

const http::HeadLimits kWide{.head_bytes = 1 << 20, .field_count = 10'000, .target_bytes = 1 << 20};
constexpr int kTurns = 64;                         // of the loop, for one piece of input
constexpr int kLastTurns = 2'000;

sockaddr_un address_of(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = Pair::directory() + "/" + name;
  require(path.size() < sizeof address.sun_path, "the directory's name is short");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Two sockets for the whole run: the proxy's, of which each world gets a duplicate, and the origin's.
struct Sockets {
  Sockets() : clients(listening("clients")), origin(listening("origin")) {}
  static int listening(const char* name) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const sockaddr_un address = address_of(name);
    require(fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(fd, 64) == 0,
            "a Unix socket can be opened");
    return fd;
  }
  const int clients, origin;
};

const Sockets& sockets() {
  static const Sockets instance;
  return instance;
}

// Appends what is there. False: the peer has closed, or reset, its side.
bool take_all(int fd, std::string& into) {
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) into.append(buffer, static_cast<std::size_t>(got));
    else return got < 0 && (errno == EAGAIN || errno == EINTR);
  }
}

void put(int fd, std::string_view bytes) {         // a peer that reads nothing loses the rest: nobody waits here
  [[maybe_unused]] const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

const std::string& Pair::directory() {
  static const std::string path = [] {
    char name[] = "/tmp/davenport-fuzz-XXXXXX";
    require(::mkdtemp(name) != nullptr, "a directory can be made");
    static const std::string made = name;
    std::atexit([] {
      for (const char* socket : {"/clients", "/origin"}) ::unlink((made + socket).c_str());
      ::rmdir(made.c_str());
    });
    return made;
  }();
  return path;
}

Pair::Pair(const config::ConfigPtr& config)
    : store_(config->cache), sweeper_(log_, store::walk_of(store_)), coder_(store_, config->cache.coding_threads), shared_{store_, log_, sweeper_, coder_, {}, {}, {}, {}, {false}} {
  worker_ = std::make_unique<server::Worker>(shared_, *server::make_snapshot(config, nullptr, nullptr, {}), nullptr);
  worker_->listen(::fcntl(sockets().clients, F_DUPFD_CLOEXEC, 0), 0, config->listeners.front());
}

Pair::~Pair() {
  for (Client& client : clients_) ::close(client.fd);
  for (auto& connection : connections_) ::close(connection->fd);
  worker_->close_listeners();
  worker_->cancel_connections();
  worker_->loop().cancel_waiters();
  worker_->connections().close_idle();
  worker_->hot().clear();
  for (const int listening : {sockets().clients, sockets().origin}) {     // what nobody has taken
    for (int fd = 0; (fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) ::close(fd);
  }
}

void Pair::send(std::size_t client, std::string_view bytes) {
  Client& one = clients_[client];
  if (one.fd < 0) {
    one.fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const sockaddr_un address = address_of("clients");
    require(::connect(one.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "a client can connect");
  }
  one.sent.append(bytes);
  put(one.fd, bytes);
}

void Pair::half_close(std::size_t client) {
  if (clients_[client].fd >= 0) ::shutdown(clients_[client].fd, SHUT_WR);
}

void Pair::leave(std::size_t client) {
  if (clients_[client].fd < 0) return;
  take_all(clients_[client].fd, clients_[client].received);
  ::shutdown(clients_[client].fd, SHUT_RDWR);
}

void Pair::read_requests(Connection& connection) {
  while (!connection.tunnel) {
    if (connection.in_body) {
      if (connection.body) {
        http::Fields trailers;
        const http::ChunkedDecoder::Step step = connection.body->feed(connection.unread, trailers);
        require(step.state != http::ParseState::error, "a chunked body at the origin is well formed");
        connection.unread.erase(0, step.consumed);
        if (step.state == http::ParseState::need_more) return;
        connection.in_body = step.state != http::ParseState::done;
      } else {
        const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(connection.body_left, connection.unread.size()));
        connection.unread.erase(0, size);
        connection.body_left -= size;
        connection.in_body = connection.body_left > 0;
        if (connection.in_body) return;
      }
      if (!connection.in_body) connection.exchange->request_whole = true;
      continue;
    }
    if (connection.unread.empty()) return;
    // Of a client of HTTP/1.0 that named none (RFC 9112 §3.2); our parser would refuse it of HTTP/1.1.
    static constexpr std::string_view kNoHost = " HTTP/1.1\r\nHost: \r\n";
    if (const std::size_t at = connection.unread.find(kNoHost); at != std::string::npos && at < connection.unread.find('\r')) {
      connection.unread.insert(at + kNoHost.size() - 2, "none");
    }
    http::RequestParser parser(kWide);
    http::RequestHead& head = connection.head;
    head.clear();
    const http::ParseResult result = parser.parse(connection.unread, head);
    require(result.state != http::ParseState::error, "what reaches the origin is a request");
    if (result.state == http::ParseState::need_more) return;
    require(head.fields.has(http::FieldId::via), "a request at the origin is one that we wrote");
    require(connection.exchange == nullptr || (connection.exchange->request_whole && !connection.exchange->answer.empty()),
            "no request before the last one is whole and answered");
    exchanges_.push_back(std::make_unique<Exchanged>());
    Exchanged& exchange = *exchanges_.back();
    connection.exchange = &exchange;
    exchange.method = head.method_name;
    exchange.target = head.target;
    exchange.upgrade = head.wants_upgrade;
    for (const http::Field& field : head.fields) {
      const bool words = field.id == http::FieldId::other || field.id == http::FieldId::cookie || field.id == http::FieldId::authorization;
      if (words && !head.wants_upgrade) exchange.own.emplace_back(field.value);
    }
    connection.in_body = head.framing == http::Framing::chunked || (head.framing == http::Framing::length && head.content_length > 0);
    connection.body_left = head.content_length;
    connection.body = head.framing == http::Framing::chunked ? std::make_unique<http::ChunkedDecoder>(kWide) : nullptr;
    exchange.request_whole = !connection.in_body;
    connection.unread.erase(0, result.consumed);
  }
}

bool Pair::serve(Connection& connection) {
  const std::size_t before = connection.unread.size();
  const bool open = take_all(connection.fd, connection.unread);
  const bool moved = connection.unread.size() != before;
  if (moved) read_requests(connection);
  if (!open) close(connection);
  return moved;
}

void Pair::close(Connection& connection) {
  ::close(connection.fd);
  const auto at = std::find_if(connections_.begin(), connections_.end(), [&](const auto& each) { return each.get() == &connection; });
  connections_.erase(at);
}

Pair::Connection* Pair::waiting() {
  for (const auto& connection : connections_) {
    if (connection->exchange != nullptr) return connection.get();
  }
  return nullptr;
}

void Pair::answer(std::string_view bytes) {
  // The oldest exchange that has no answer yet, else the one that was answered last: its answer goes on.
  Connection* to = nullptr;
  for (const auto& connection : connections_) {
    if (connection->exchange != nullptr && connection->exchange->answer.empty()) {
      to = connection.get();
      break;
    }
  }
  if (to == nullptr && !exchanges_.empty()) {
    for (const auto& connection : connections_) {
      if (connection->exchange == exchanges_.back().get()) to = connection.get();
    }
  }
  if (to == nullptr) return;
  std::string own(bytes);
  const auto at = std::find_if(exchanges_.begin(), exchanges_.end(), [&](const auto& each) { return each.get() == to->exchange; });
  std::replace(own.begin(), own.end(), '@', static_cast<char>('A' + (at - exchanges_.begin()) % 26));
  to->exchange->answer.append(own);
  if (to->exchange->upgrade && to->exchange->answer.find(" 101") != std::string::npos) to->tunnel = true;
  put(to->fd, own);
}

void Pair::close_origin() {
  if (Connection* const connection = waiting()) {
    take_all(connection->fd, connection->unread);  // unread bytes would make a reset of it
    read_requests(*connection);
    connection->exchange->ended = true;
    close(*connection);
  }
}

void Pair::purge() {
  purge::Request request;
  request.targets.push_back({purge::Kind::all, ""});
  require(log_.record(request).has_value(), "a purge can be recorded");
}

// One turn of everything; false: nothing has moved.
bool Pair::step() {
  event_base_loop(worker_->loop().base(), EVLOOP_NONBLOCK);
  bool moved = worker_->loop().has_more();
  for (int fd = 0; (fd = ::accept4(sockets().origin, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0; moved = true) {
    connections_.push_back(std::make_unique<Connection>());
    connections_.back()->fd = fd;
  }
  for (std::size_t i = connections_.size(); i-- > 0;) moved |= serve(*connections_[i]);
  for (Client& client : clients_) {
    const std::size_t before = client.received.size();
    if (client.fd >= 0) take_all(client.fd, client.received);
    moved |= client.received.size() != before;
  }
  return moved;
}

void Pair::turn() {
  int quiet = 0;
  for (int i = 0; i < kTurns && quiet < 3; ++i) quiet = step() ? 0 : quiet + 1;
}

void Pair::end() {
  turn();
  for (Client& client : clients_) {
    if (client.fd >= 0) ::shutdown(client.fd, SHUT_WR);
  }
  turn();
  while (Connection* const connection = waiting()) {
    close_origin();
    static_cast<void>(connection);
    turn();
  }
  for (std::size_t i = 0; i < kClients; ++i) leave(i);
  for (int i = 0; i < kLastTurns && (open_connections() > 0 || flights() > 0); ++i) {
    step();
    while (waiting() != nullptr) close_origin();
  }
  require(open_connections() == 0, "a connection ends when both its sides have");
  require(flights() == 0, "a flight ends when its origin has");
}

}  // namespace davenport::fuzz
