#include "core/net/stream.h"

#include <event2/event.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/net/tls_session.h"

namespace davenport::net {
namespace {

constexpr std::size_t kSideBySideBytes = 2 << 10;

}  // namespace

Stream::Stream(Loop& loop, int fd)
    : loop_(loop),
      event_(event_new(loop.base(), fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, &Stream::on_event, this)),
      fd_(fd),
      reader_(loop.timers()) {
  event_add(event_, nullptr);
}

Stream::More::More(TimerWheel& wheel) : writer(wheel) {}
Stream::More::~More() = default;

Stream::~Stream() {
  if (queued_) loop_.forget_behind(*this);
  if (holds_unsent()) reset_on_close();                // never a clean end of what was cut
  if (TlsSession* const session = tls()) session->close_notify();
  event_free(event_);
  ::close(fd_);
  if (destroyed_ != nullptr) *destroyed_ = true;
}

void Stream::on_event(int, short what, void* self) {
  auto* const stream = static_cast<Stream*>(self);
  if ((what & EV_CLOSED) != 0) stream->peer_closed_ = true;
  if ((what & (EV_READ | EV_CLOSED)) != 0) stream->readable_ = true;
  if ((what & EV_WRITE) != 0) stream->writable_ = true;
  if (stream->writable_ && stream->more_ != nullptr && !stream->more_->held.empty()) {
    // Who waits for room counts its patience from the last byte that moved.
    const bool moved = stream->send_held();
    if (moved && !stream->writable_) stream->touched_ = true;
  }
  if (TlsSession* const tls = stream->tls(); tls != nullptr && stream->writable_ && tls->held()) tls->flush();
  if (!stream->behind_) return stream->wake();
  if (!std::exchange(stream->queued_, true)) stream->loop_.wake_behind(*stream);
}

void Stream::wake() {
  bool destroyed = false;
  bool* const outer = std::exchange(destroyed_, &destroyed);
  if (readable_ && reader_.waiter) reader_.wake(Ready::yes);
  if (!destroyed && (std::exchange(touched_, false) || writable_) && more_ != nullptr && more_->writer.waiter) more_->writer.wake(Ready::yes);
  if (!destroyed) {
    destroyed_ = outer;
  } else if (outer != nullptr) {
    *outer = true;
  }
}

void Stream::cancel() {
  bool destroyed = false;
  bool* const outer = std::exchange(destroyed_, &destroyed);
  if (reader_.waiter) reader_.wake(Ready::cancelled);
  if (!destroyed && more_ != nullptr && more_->writer.waiter) more_->writer.wake(Ready::cancelled);
  if (!destroyed) {
    destroyed_ = outer;
  } else if (outer != nullptr) {
    *outer = true;
  }
}

Io Stream::read(std::span<char> into) {
  const iovec piece{into.data(), into.size()};
  return readv(&piece, 1, into.size());
}

Io Stream::readv(const iovec* pieces, int count, std::size_t room_bytes) {
  if (!readable_) return {Io::Status::again, 0, 0};
  TlsSession* const session = tls();
  return session == nullptr ? receive(pieces, count, room_bytes) : session->readv(pieces, count);
}

Io Stream::receive(const iovec* pieces, int count, std::size_t room_bytes) {
  if (lost_) return {Io::Status::error, 0, ECONNRESET};
  for (;;) {
    const ssize_t n = count == 1 ? ::recv(fd_, pieces->iov_base, pieces->iov_len, 0) : ::readv(fd_, pieces, count);
    if (n > 0) {
      // A short read emptied the socket, and the next bytes make an edge (epoll(7)); but an end that has been announced
      // already makes none.
      if (static_cast<std::size_t>(n) < room_bytes && !peer_closed_) {
        readable_ = false;
        short_read_ = true;
      }
      return {Io::Status::ok, static_cast<std::size_t>(n), 0};
    }
    if (n == 0) return {Io::Status::end, 0, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      readable_ = short_read_ = false;
      return {Io::Status::again, 0, 0};
    }
    return {Io::Status::error, 0, errno};
  }
}

Io Stream::writev(const iovec* pieces, int count, std::size_t total_bytes) {
  if (soon_) loop_.sends().flush(*this);
  if (lost_) return {Io::Status::error, 0, ECONNRESET};
  if (!writable_) return {Io::Status::again, 0, 0};
  TlsSession* const session = tls();
  return session == nullptr ? send(pieces, count, total_bytes) : session->writev(pieces, count);
}

Io Stream::write_soon(const iovec* pieces, int count, std::size_t total_bytes) {
  if (!writable_ || lost_ || total_bytes > SendBatch::kPieceBytes || is_tls()) return writev(pieces, count, total_bytes);
  loop_.sends_of_turn().add(*this, pieces, count, total_bytes);
  soon_ = true;
  return {Io::Status::ok, total_bytes, 0};
}

void Stream::send_batched(std::string_view bytes) {
  if (writable_) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    const Io io = send(&piece, 1, bytes.size());
    if (io.status == Io::Status::error) {
      // Whoever wrote them has gone on, and waits for an answer: its next read says so.
      lost_ = readable_ = true;
      event_active(event_, EV_READ, 0);
      return;
    }
    bytes.remove_prefix(io.bytes);
  }
  if (!bytes.empty()) more().held.append(bytes);
}

bool Stream::send_held() {
  const std::string held = std::exchange(more_->held, {});
  send_batched(held);
  return more_->held.size() < held.size();
}

bool Stream::holds_unsent() {
  if (soon_) loop_.sends().flush(*this);
  return more_ != nullptr && !more_->held.empty();
}

Io Stream::send(const iovec* pieces, int count, std::size_t total_bytes) {
  if (!writable_) return {Io::Status::again, 0, 0};
  // The kernel takes one piece for less than a list of them, by more than it costs to put small ones side by side.
  std::array<char, kSideBySideBytes> gathered;
  iovec whole{gathered.data(), 0};
  if (count > 1 && total_bytes <= gathered.size()) {
    for (const iovec& piece : std::span(pieces, static_cast<std::size_t>(count))) {
      if (piece.iov_len > 0) std::memcpy(gathered.data() + whole.iov_len, piece.iov_base, piece.iov_len);
      whole.iov_len += piece.iov_len;
    }
    pieces = &whole;
    count = 1;
  }
  for (;;) {
    ssize_t n = 0;
    if (count == 1) {
      n = ::send(fd_, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(pieces);
      message.msg_iovlen = static_cast<std::size_t>(count);
      n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    }
    if (n >= 0) {
      if (static_cast<std::size_t>(n) < total_bytes) writable_ = false;   // full: the kernel makes an edge when it drains
      return {Io::Status::ok, static_cast<std::size_t>(n), 0};
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      writable_ = false;
      return {Io::Status::again, 0, 0};
    }
    return {Io::Status::error, 0, errno};
  }
}

Io Stream::peek(std::span<char> into) {
  if (TlsSession* const session = tls()) return session->peek(into.data(), into.size());
  const ssize_t n = ::recv(fd_, into.data(), into.size(), MSG_PEEK | MSG_DONTWAIT);
  if (n > 0) return {Io::Status::ok, static_cast<std::size_t>(n), 0};
  if (n == 0) return {Io::Status::end, 0, 0};
  if (errno == EAGAIN || errno == EINTR) return {};
  return {Io::Status::error, 0, errno};
}

bool Stream::quiet() {
  char byte;
  const ssize_t n = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0 || !is_tls()) return false;
  readable_ = true;                                  // records that are not data: a session ticket
  return tls()->peek(&byte, 1).status == Io::Status::again;
}

void Stream::shutdown_write() {
  if (soon_) loop_.sends().flush(*this);
  if (TlsSession* const session = tls()) session->close_notify();
  ::shutdown(fd_, SHUT_WR);
}

void Stream::start_tls(TlsServerPtr server, std::string already_read) {
  more().tls = std::make_unique<TlsSession>(*this, std::move(server), std::move(already_read));
}

void Stream::start_tls(TlsClientPtr client, const std::string& host) {
  more().tls = std::make_unique<TlsSession>(*this, std::move(client), host);
}

TlsFacts Stream::tls_facts() const { return tls()->facts(); }

Task<Result<std::monostate, TlsFault>> Stream::handshake(SteadyTime deadline) {
  TlsFault fault;
  for (;;) {
    const TlsSession::Step step = tls()->shake(fault);
    if (step == TlsSession::Step::done) co_return std::monostate{};
    if (step == TlsSession::Step::failed) co_return std::move(fault);
    Ready ready = Ready::yes;
    if (step == TlsSession::Step::read) {
      doubt();
      ready = co_await readable(deadline);
    } else {
      ready = co_await writable(deadline);
    }
    if (ready == Ready::yes) continue;
    fault.kind = ready == Ready::timeout ? TlsFault::Kind::timeout : TlsFault::Kind::cancelled;
    fault.text = ready == Ready::timeout ? "no TLS handshake in time" : "shutting down";
    co_return std::move(fault);
  }
}

void Stream::reset_on_close() {
  if (soon_) loop_.sends().flush(*this);
  if (TlsSession* const session = tls()) session->keep_silent();
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

Task<Result<StreamPtr>> connect(Loop& loop, SocketAddress address, SteadyTime deadline) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return Error{std::string("socket: ") + std::strerror(errno)};      // our own: it says nothing of the other side
  if (!address.is_unix()) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const int started = ::connect(fd, address.get(), address.length());
  if (started != 0 && errno != EINPROGRESS) {
    Error error{"connect to " + address.text() + ": " + std::strerror(errno), true};
    ::close(fd);
    co_return error;
  }
  auto stream = std::make_unique<Stream>(loop, fd);
  if (started != 0) {
    stream->writable_ = false;              // optimistic otherwise; here only the kernel's word counts
    const Ready ready = co_await stream->writable(deadline);
    if (ready == Ready::timeout) co_return Error{"connect to " + address.text() + ": no answer in time", true};
    if (ready == Ready::cancelled) co_return Error{"connect to " + address.text() + ": shutting down"};
    int code = 0;
    socklen_t size = sizeof code;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size);
    if (code != 0) co_return Error{"connect to " + address.text() + ": " + std::strerror(code), true};
  }
  co_return Result<StreamPtr>(std::move(stream));
}

}  // namespace davenport::net
