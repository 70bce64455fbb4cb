// tests/support/socket.h: a blocking TCP or Unix socket on this machine, every wait bounded by kPatience.
// Thread  one, but shutdown_both() may be called by another one to wake it.
// Errors  no patience left: TimedOut. No connection: std::system_error. What the peer does is a value, never an exception.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "support/patience.h"

namespace davenport::testing {

class TlsLayer;            // support/tls.h

class Socket {
 public:
  enum class Got { bytes, end /* FIN */, reset /* RST */ };

  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.release()), tls_(std::move(other.tls_)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  // 127.0.0.1:port. `receive_buffer_bytes`: a small kernel buffer for clients that are to be slow.
  static Socket connect(std::uint16_t port, std::optional<int> receive_buffer_bytes = {});
  static Socket connect_unix(const std::string& path);

  bool send_all(std::string_view bytes, Deadline deadline = within());   // false: the peer is gone
  std::size_t send_some(std::string_view bytes);                         // what the kernel takes now, 0 when it is full
  Got read(std::string& append_to, Deadline deadline = within(), std::size_t at_most = 64 * 1024);

  void shutdown_write();
  void shutdown_both();
  void reset();            // closes with RST
  void close();
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  void set_tls(std::shared_ptr<TlsLayer> tls) { tls_ = std::move(tls); }   // all bytes from now on are its own
  const std::shared_ptr<TlsLayer>& tls() const { return tls_; }

 private:
  int release() { return fd_.exchange(-1); }
  std::atomic<int> fd_{-1};
  std::shared_ptr<TlsLayer> tls_;
};

// A TCP listener on 127.0.0.1. While it is paused it refuses connections and keeps its port.
class Listener {
 public:
  Listener();
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const { return port_; }
  Socket accept();         // not open when paused or closed meanwhile
  void pause();
  void resume(int backlog = 128);

 private:
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

// A port that nobody had a moment ago.
std::uint16_t free_port();

// A listener whose queue is full, so that a connect() to it gets no answer at all: neither accepted nor refused.
class DeafListener {
 public:
  DeafListener();
  std::uint16_t port() const { return listener_.port(); }

 private:
  Listener listener_;
  Socket fillers_[3];
};

}  // namespace davenport::testing
