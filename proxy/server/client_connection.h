// proxy/server/client_connection.h: one HTTP/1.1 client. What has arrived is answered in order and leaves in one writev. A hit is
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
#include <string>
#include <string_view>

#include "core/http/parser.h"
#include "core/net/stream.h"
#include "core/net/task.h"
#include "proxy/server/hit.h"
#include "proxy/server/output.h"
#include "proxy/server/request.h"
#include "proxy/server/worker.h"

namespace davenport::server {

class ClientConnection {
 public:
  ClientConnection(Worker& worker, int fd, const net::SocketAddress& peer, const config::Listener& listener,
                   std::size_t listener_index, bool by_address);
  ~ClientConnection();

  static net::Detached run(ClientConnection* self);      // the connection's life
  void close_if_idle();
  void cancel();

  // For the story of a request (story.h):
  Worker& worker() { return worker_; }
  net::Stream& stream() { return stream_; }
  const Peer& peer() const { return peer_; }
  std::string& input() { return input_; }                // bytes read and not yet used
  Output& output() { return *pending_; }                 // made by the connection before a story begins
  // Sends what the output holds. False: the client has gone or takes nothing; give up on it.
  net::Task<bool> drain();
  // Tries once. True: nothing is left. Otherwise drain().
  bool push();
  bool broken() const { return broken_; }
  bool keeps_alive() {                                   // a drain that has begun meanwhile ends the connection with this answer
    keep_alive_ = keep_alive_ && !worker_.shared().draining.load(std::memory_order_relaxed);
    return keep_alive_;
  }
  void close_after_this() { keep_alive_ = false; }
  void finish_uncleanly();                               // the answer was cut: RST, never a clean end
  // Reads more into input(): at once if there is something, else waits. 0: the end; -1: error; -2: the deadline passed; -3: cancelled.
  net::Task<long> read_more(SteadyTime deadline, std::size_t most);

  ClientConnection* next_in_worker = nullptr;
  ClientConnection* previous_in_worker = nullptr;

 private:
  enum class Next : std::uint8_t { wait, busy, leave };
  Next next_turn();                                      // between two requests
  Next woken(net::Ready ready);                          // after a wait
  Next take_turn();
  net::Task<void> busy();
  enum class Taken : std::uint8_t { starved, story, blocked, closing };
  Taken take();
  bool answer_now(const http::RequestHead& head, const Now& now);
  const store::StoredResponse* form_now(const http::RequestHead& head, const config::Compression& rules, const Hash128& hash,
                                        const store::StoredResponse& source, HotTable::Formatted*& formatted);
  void refuse(http::ParseFault fault);
  void say_and_close(int status, std::string_view sentence, std::string_view more_fields);   // into pending_
  void count_address();                                  // once a PROXY header has named it
  net::Task<bool> read_proxy_header();
  net::Task<bool> shake_hands();
  net::Task<void> linger();
  void flush_batch();
  SteadyTime wait_deadline(SteadyTime now) const;

  Worker& worker_;
  net::Stream stream_;
  std::string input_;
  std::unique_ptr<http::RequestParser> half_parsed_;     // where in input_'s head it stands; null between requests
  std::unique_ptr<Output> pending_;                      // unsent answers; null most of the time
  std::unique_ptr<Request> request_;                     // the one whose story is under way
  Peer peer_;
  SteadyTime head_started_{};                            // of a head that has begun and not ended
  SnapshotPtr head_limits_of_;                           // keeps the limits that a parser borrows
  std::uint32_t requests_ = 0;
  std::uint32_t listener_;                               // index into the configuration's
  bool keep_alive_ = true, broken_ = false, starved_ = true, by_address_ = false, proxy_protocol_ = false, idle_ = true;
  bool greets_ = false;                                  // a TLS handshake stands before the first request
};

}  // namespace davenport::server
