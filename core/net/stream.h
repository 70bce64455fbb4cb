// core/net/stream.h: a connected, non-blocking socket. One libevent event, edge-triggered and never changed again: what
// the kernel said last is remembered in two flags, so that a request costs one read and one writev and no epoll_ctl.
//     Io got = stream.read(buffer);                        // at once; Io::Status::again: nothing there
//     if (!co_await stream.readable(deadline)) …           // false: see last(): timeout, cancelled
//     Io sent = stream.writev(pieces, count);
// TLS     start_tls() turns the bytes into records (tls.h): what is read and written afterwards is plain again. A plain stream pays
//         one test of a pointer for it. After a writev() that was not whole, the next one begins with the bytes that were left.
// Waiters one coroutine for reading and one for writing. Whoever destroys the stream has ended both before.
// Thread  the loop's.
#pragma once
#include <sys/uio.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/net/address.h"
#include "core/net/loop.h"
#include "core/net/task.h"
#include "core/net/tls.h"

namespace davenport::net {

struct Io {
  enum class Status : std::uint8_t { ok, again, end /* orderly, reading only */, error };
  Status status = Status::again;
  std::size_t bytes = 0;           // with ok; at least 1
  int code = 0;                    // errno, with error; EKEYREJECTED where a TLS peer has refused us by an alert
};

enum class Ready : std::uint8_t { yes, timeout, cancelled };

class Stream;
class TlsSession;
using StreamPtr = std::unique_ptr<Stream>;

// Connects without blocking; an error says whether another try may help.
Task<Result<StreamPtr>> connect(Loop& loop, SocketAddress address, SteadyTime deadline);

class Stream {
 public:
  Stream(Loop& loop, int fd);      // takes the descriptor; registers it
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Io read(std::span<char> into);
  Io readv(const iovec* pieces, int count, std::size_t room_bytes);
  Io writev(const iovec* pieces, int count, std::size_t total_bytes);   // total_bytes: their sum
  // Goes out together with what other connections say in this turn of the loop, and counts as sent. What the socket did not take is kept
  // here and sent first, until when writable() waits. A failure to send is found by the next read or write. Longer things go at once, as
  // do TLS's.
  Io write_soon(const iovec* pieces, int count, std::size_t total_bytes);
  bool holds_unsent();             // something of what write_soon() took, after a try to send it
  bool lost() const { return lost_; }      // what counted as sent could not be
  Io peek(std::span<char> into);   // reads and leaves it there
  // Nothing to read, and no end of it, as far as the kernel knows: may this idle connection be used?
  bool quiet();
  void shutdown_write();           // TLS: says so to the peer before (close_notify)
  void reset_on_close();           // closing sends RST: for an answer that must not end cleanly

  // `already_read`: bytes of the first record that were read with what came before it.
  void start_tls(TlsServerPtr server, std::string already_read);
  void start_tls(TlsClientPtr client, const std::string& host);   // a name to ask for and to verify, or a numeric address
  Task<Result<std::monostate, TlsFault>> handshake(SteadyTime deadline);
  bool is_tls() const { return tls() != nullptr; }
  TlsFacts tls_facts() const;      // after the handshake

  class Awaiter;
  Awaiter readable(SteadyTime deadline);
  Awaiter writable(SteadyTime deadline);
  bool maybe_readable() const { return readable_; }
  // A reset that came together with bytes makes one edge for both, and libevent does not tell it from bytes alone. Who has read
  // some and is about to wait for more calls this first: the next read asks the kernel once, and finds the reset if there is one.
  // Who is about to write need not: the write fails.
  void doubt() {
    if (std::exchange(short_read_, false)) readable_ = true;
  }
  // The peer has closed or reset its side, as far as the kernel has said (bytes may still be there to read).
  bool peer_closed() const { return peer_closed_; }

  // From now on who waits for this stream is resumed behind those of other streams (Loop::wake_behind): an origin's.
  void step_back() { behind_ = true; }

  // Resumes both waiters as cancelled, from within any call of the loop's thread.
  void cancel();

  int fd() const { return fd_; }
  Loop& loop() const { return loop_; }

 private:
  class Side final : public Timer {      // one direction's waiter and its deadline
   public:
    explicit Side(TimerWheel& wheel) : Timer(wheel) {}
    void wake(Ready why) {
      disarm();
      result = why;
      if (waiter) std::exchange(waiter, nullptr).resume();
    }
    std::coroutine_handle<> waiter;
    Ready result = Ready::yes;

   private:
    void expired(bool cancelled) override { wake(cancelled ? Ready::cancelled : Ready::timeout); }
  };

  friend class TlsSession;
  friend class SendBatch;
  friend class Loop;
  void wake();
  void wake_from_behind() {
    queued_ = false;
    wake();
  }
  void send_batched(std::string_view bytes);
  bool send_held();                // false: nothing has moved
  TlsSession* tls() const;         // null: plain
  Io receive(const iovec* pieces, int count, std::size_t room_bytes);   // from the socket
  Io send(const iovec* pieces, int count, std::size_t total_bytes);     // to it
  friend Task<Result<StreamPtr>> connect(Loop& loop, SocketAddress address, SteadyTime deadline);
  static void on_event(int, short what, void* self);

  Loop& loop_;
  event* event_;
  int fd_;
  bool readable_ = false, writable_ = true, peer_closed_ = false;
  bool behind_ = false, queued_ = false;
  bool soon_ = false;              // the loop's batch has bytes of this stream
  bool touched_ = false;           // some of what is held has gone, not all
  bool lost_ = false;              // bytes that counted as sent could not be
  bool short_read_ = false;        // the socket was empty by the last read's size, not by EAGAIN
  bool* destroyed_ = nullptr;      // set while on_event is on the stack
  Side reader_;
  struct More;                     // what most idle connections never need: one pointer for all of it
  std::unique_ptr<More> more_;     // null: plain, and it never had to wait for room
  More& more();

 public:
  class Awaiter {
   public:
    Awaiter(Side& side, const bool& flag, SteadyTime deadline) : side_(side), flag_(flag), deadline_(deadline) {}
    bool await_ready() const noexcept {
      if (flag_) side_.result = Ready::yes;
      return flag_;
    }
    void await_suspend(std::coroutine_handle<> waiter) const {
      side_.waiter = waiter;
      side_.arm(deadline_);
    }
    // The time may run out while the stream waits behind others to wake us: what it has for us counts.
    Ready await_resume() const noexcept { return side_.result == Ready::timeout && flag_ ? Ready::yes : side_.result; }

   private:
    Side& side_;
    const bool& flag_;
    SteadyTime deadline_;
  };
};

inline Stream::Awaiter Stream::readable(SteadyTime deadline) { return Awaiter(reader_, readable_, deadline); }

struct Stream::More {
  explicit More(TimerWheel& wheel);      // both where a TlsSession is known
  ~More();
  Side writer;
  std::string held;                // of write_soon(); not empty: not writable_
  std::unique_ptr<TlsSession> tls;
};

inline Stream::More& Stream::more() {
  if (more_ == nullptr) more_ = std::make_unique<More>(loop_.timers());
  return *more_;
}
inline TlsSession* Stream::tls() const { return more_ == nullptr ? nullptr : more_->tls.get(); }
inline Stream::Awaiter Stream::writable(SteadyTime deadline) { return Awaiter(more().writer, writable_, deadline); }

}  // namespace davenport::net
