// proxy/server/client_connection.h: one client, which speaks HTTP/1.1 unless it says otherwise (http2_connection.h). What has arrived is answered in order and leaves in one writev. A hit is
// a plain call; only what needs the origin, a large body or a full socket suspends.
//
//   waiting ──bytes──▶ take(): parse, answer hits ──▶ flush ──▶ waiting
//                        │ a request that needs the long way        │ idle, error, "close"
//                        ▼                                          ▼
//                      Story (story.h) ──────────────────────────▶ linger ──▶ gone
//
// Owner   itself: run() is detached and deletes the connection at its end; the worker lists it only to reach it.
// Thread  the worker's.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/parser.h"
#include "core/net/stream.h"
#include "core/net/task.h"
#include "proxy/server/client.h"
#include "proxy/server/output.h"
#include "proxy/server/request.h"
#include "proxy/server/worker.h"

namespace davenport::server {

class Http2Connection;

class ClientConnection final : public Client {
 public:
  ClientConnection(Worker& worker, int fd, const net::SocketAddress& peer, const config::Listener& listener,
                   std::size_t listener_index, bool by_address);
  ~ClientConnection() override;

  static net::Detached run(ClientConnection* self);      // the connection's life
  void close_if_idle();
  void cancel();

  // For the story of a request:
  Output& output() override { return *pending_; }        // made by the connection before a story begins
  bool push() override;
  net::Task<bool> drain() override;
  net::Task<void> finish() override;
  void finish_uncleanly() override;                      // RST, never a clean end
  bool gone() const override { return broken_; }
  void send_trailers(const http::Fields&) override {}
  bool keeps_alive() override {                          // a drain that has begun meanwhile ends the connection with this answer
    keep_alive_ = keep_alive_ && !worker_.shared().draining.load(std::memory_order_relaxed);
    return keep_alive_;
  }
  void close_after_this() override { keep_alive_ = false; }
  std::unique_ptr<BodyReader> read_body(const Request& request) override;
  bool body_has_begun() const override { return !unread().empty(); }
  void stop_reading() override { stream_.cancel(); }
  void set_exchange(origin::Exchange*) override {}       // it learns that the client has left when it writes
  net::Task<void> tunnel(net::StreamPtr origin, std::string leftover, Millis idle) override;

  // For the body's reader:
  net::Stream& stream() { return stream_; }
  std::string& input() { return kept().bytes; }          // bytes read and not yet used
  // Reads more into input(): at once if there is something, else waits. 0: the end; -1: error; -2: the deadline passed; -3: cancelled.
  net::Task<long> read_more(SteadyTime deadline, std::size_t most);

  ClientConnection* next_in_worker = nullptr;
  ClientConnection* previous_in_worker = nullptr;

 private:
  enum class Next : std::uint8_t { wait, give_way, busy, leave };
  Next next_turn();                                      // between two requests
  Next woken(net::Ready ready);                          // after a wait
  Next take_turn();
  net::Task<void> busy(Next what);
  enum class Taken : std::uint8_t { starved, story, blocked, closing };
  Taken take();
  void refuse(http::ParseFault fault);
  void say_and_close(int status, std::string_view sentence, std::string_view more_fields);   // into pending_
  void count_address();                                  // once a PROXY header has named it
  net::Task<bool> read_proxy_header();
  net::Task<bool> shake_hands();
  net::Task<void> speak_http2();
  bool may_speak_http2() const;
  net::Task<void> linger();
  void flush_batch();
  SteadyTime wait_deadline(SteadyTime now) const;
  bool draining() const;

  // The worker's head is whoever's turn it is: what a connection has read of one lies here until its next turn.
  struct HalfHead {
    http::RequestParser parser;
    http::RequestHead head;
  };
  // What was read and not yet used. An idle connection has none.
  struct Kept {
    std::string bytes;
    std::optional<HalfHead> half;                        // of a head that has begun and not ended
    SteadyTime head_started{};                           // when it began
  };
  Kept& kept() {
    if (kept_ == nullptr) kept_ = std::make_unique<Kept>();
    return *kept_;
  }
  std::string_view unread() const { return kept_ == nullptr ? std::string_view{} : kept_->bytes; }
  std::string take_unread();                             // the connection keeps nothing of it

  net::Stream stream_;
  std::unique_ptr<Kept> kept_;
  std::unique_ptr<Output> pending_;                      // unsent answers; null most of the time
  std::unique_ptr<Http2Connection> http2_;               // once the client has turned out to speak it
  std::unique_ptr<Request> request_;                     // the one whose story is under way
  Peer peer_;
  SnapshotPtr head_limits_of_;                           // keeps the limits that a parser borrows
  std::uint32_t requests_ = 0;
  std::uint32_t listener_;                               // index into the configuration's
  bool keep_alive_ = true, broken_ = false, starved_ = true, by_address_ = false, proxy_protocol_ = false, idle_ = true;
  bool speaks_http2_ : 1 = false;                        // it has said so, and nothing was done about it yet
  bool greets_ : 1 = false;                              // a TLS handshake stands before the first request
  std::uint8_t in_a_row_ = 0;                            // stories
};

}  // namespace davenport::server
