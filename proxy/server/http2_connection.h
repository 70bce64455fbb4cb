// proxy/server/http2_connection.h: one client that speaks HTTP/2. What has arrived with one read is taken apart; hits are answered in
// line, other requests get a coroutine each; all that is ready then leaves in one write.
//
//   run():  wait ─▶ turn(): read, receive(), stories, flush() ─▶ wait …
//   a story that has something to send:  push() ─▶ flush();  what the socket does not take is sent by a coroutine of its own
//
// Turns   nothing is resumed from within nghttp2's callbacks: who is to be told is noted, and told when the outermost Turn ends.
// Abuse   budgets for resets that a client causes and for frames that bring nothing; requests whose streams were reset count until
//         their stories have ended; more than that, and the connection ends (ENHANCE_YOUR_CALM).
// Time    an answer that cannot move for limits.send_timeout is reset; a head that does not end within limits.head_timeout, and a
//         connection without requests for limits.idle_timeout, end the connection.
// Owner   run()'s caller; it is gone when run() has returned. Thread  the worker's.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/loop.h"
#include "core/net/stream.h"
#include "core/net/task.h"
#include "proxy/server/http2_budget.h"
#include "proxy/server/http2_session.h"
#include "proxy/server/http2_stream.h"
#include "proxy/server/ready.h"
#include "proxy/server/request.h"
#include "proxy/server/snapshot.h"

namespace davenport::server {

class Http2Connection {
 public:
  static constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

  Http2Connection(Worker& worker, net::Stream& stream, const Peer& peer, SnapshotPtr limits_of);
  ~Http2Connection();
  Http2Connection(const Http2Connection&) = delete;
  Http2Connection& operator=(const Http2Connection&) = delete;

  // To the connection's end. `early`: bytes that were read already. False: the socket is broken.
  net::Task<bool> run(std::string early);
  void drain();                                // GOAWAY; what is under way is finished
  void cancel();                               // at once

  // From the session, within receive() or send():
  Http2Stream* on_head_begins(std::int32_t id);           // null: refused
  void on_field(std::string_view name, std::string_view value);
  void on_head_ends() {
    head_since_ = SteadyTime::max();
    head_of_ = nullptr;
  }
  void on_request(Http2Stream& stream, bool ends);
  void on_close(Http2Stream& stream);
  void on_control_frame();
  void on_client_caused_reset();
  void on_body_sent() { control_.earn(2); }               // a client answers frames of an answer with window updates
  void on_flood() { flooded_ = true; }                    // the connection ends as soon as it may
  bool flooded() const { return flooded_; }
  bool ending() const { return flooded_ || broken_ || session_->done(); }

  // From streams:
  class Turn {                                 // work on the connection; the outermost one tells whoever has to be told
   public:
    explicit Turn(Http2Connection& connection) : connection_(connection) { ++connection.depth_; }
    ~Turn() {
      if (--connection_.depth_ == 0) connection_.after();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Http2Connection& connection_;
  };
  void flush();
  void awake(Http2Stream& stream, net::Notify& what);     // at the end of the turn
  void story_ended(Http2Stream& stream);
  Http2Session& session() { return *session_; }
  Worker& worker() { return worker_; }
  const config::ClientLimits& limits() const { return limits_of_->config->limits; }
  SteadyTime now() const { return now_; }
  bool broken() const { return broken_; }

 private:
  bool turn(std::string_view early);           // false: it is over
  bool timed_out();
  void announce_end();
  void after();
  void reap();
  void check_stalled();
  void refuse(Http2Stream& stream, http::ParseFault fault);
  void begin_story(Http2Stream& stream, Looked& looked);
  SteadyTime deadline() const;
  void end_streams();
  bool head_is_late() const;
  static net::Detached write_on(Http2Connection* self);

  Worker& worker_;
  net::Stream& stream_;
  const Peer& peer_;
  const SnapshotPtr limits_of_;
  std::unique_ptr<Http2Session> session_;
  std::unique_ptr<Output> out_;                // frames on their way to the socket; null: none
  http::Http2Head head_;
  http::RequestHead parsed_;
  Http2Stream* streams_ = nullptr;
  struct Waiting {
    Http2Stream* stream;
    net::Notify* what;
  };
  std::vector<Waiting> awake_;
  std::vector<std::pair<Http2Stream*, std::unique_ptr<Request>>> fresh_;
  std::vector<Http2Stream*> leaving_, touched_, dead_;
  Http2Budget resets_, control_;
  net::Notify all_ended_;
  Now clocks_;
  SteadyTime now_, idle_since_, head_since_ = SteadyTime::max(), check_at_, goaway_at_ = SteadyTime::max();
  Http2Stream* head_of_ = nullptr;             // whose head has begun and not ended
  std::uint32_t requests_ = 0, stories_ = 0, open_ = 0, depth_ = 0;
  bool broken_ = false, killed_ = false, writing_ = false, calmed_ = false, flooded_ = false, draining_ = false, announced_ = false;
  bool head_refused_ = false, over_ = false;
};

}  // namespace davenport::server
