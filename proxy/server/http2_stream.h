// proxy/server/http2_stream.h: one request over HTTP/2 and its answer, as the story of a request sees its client.
//
//   on_head_begins ─▶ on_request ─┬─ answer_now(): a hit, in line ──────────────▶ on_close
//                                 └─ a coroutine: story's answer(), then finish() ─▶ on_close (or before, where the client resets)
//
// Bodies  of answers lie in output() until the windows let them out (give()); those of requests in a buffer that the stream's window
//         bounds, which is opened again by what has been passed on.
// Owner   the connection: it goes when both its story and nghttp2's stream have ended.
// Thread  the worker's.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/http/http2_head.h"
#include "core/net/loop.h"
#include "proxy/server/client.h"
#include "proxy/server/output.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Http2Connection;

struct Tunnel;

class Http2Stream final : public Client {
 public:
  Http2Stream(Http2Connection& connection, std::int32_t id);
  ~Http2Stream() override;
  std::int32_t id() const { return id_; }

  // For the story:
  Output& output() override { return *output_; }
  bool push() override;
  net::Task<bool> drain() override;
  net::Task<void> finish() override;
  void finish_uncleanly() override;
  bool gone() const override { return gone_; }
  void send_trailers(const http::Fields& fields) override;
  bool keeps_alive() override { return true; }
  void close_after_this() override {}                   // what is left of the request is refused once the answer is whole
  std::unique_ptr<BodyReader> read_body(const Request& request) override;
  bool body_has_begun() const override { return !inbox_.empty() || body_ended_; }
  void stop_reading() override;
  void set_exchange(origin::Exchange* exchange) override { exchange_ = exchange; }
  net::Task<void> tunnel(net::StreamPtr origin, std::string leftover, Millis idle) override;

  // From the session:
  bool on_body(std::string_view bytes);                 // false: nobody wants it
  bool on_trailer(std::string_view name, std::string_view value);   // false: malformed
  void on_body_ends();
  void give(std::size_t bytes, Output& into);           // the next bytes of the answer's body

  // For the connection:
  void story_is_coming() { busy_ = true; }
  void start(std::unique_ptr<Request> request);         // the story; the stream may be gone afterwards
  void answer_is_whole() { answer_ended_ = true; }      // all of it is in the output
  void say_heads();                                     // those in the output go to the session
  void leave();                                         // the client has left: whoever works for it is told
  bool answer_ended() const { return answer_ended_; }
  bool body_ended() const { return body_ended_; }
  const http::Fields& trailers_out() const { return trailers_out_; }
  bool stalled_since(SteadyTime time) const { return !output_->empty() && moved_at_ < time; }
  bool busy() const { return busy_; }

  // For the body's reader:
  net::Task<net::Wake> body_arrives(SteadyTime deadline);
  std::string take_inbox();
  void consumed(std::size_t bytes);
  bool reading_stopped() const { return reading_stopped_; }
  const http::Fields& trailers_in() const { return trailers_in_; }

  Http2Stream* next = nullptr;                          // the connection's list
  Http2Stream* previous = nullptr;
  bool closed = false;                                  // nghttp2 knows it no more
  http::Priority priority;                              // as the client's field says

 private:
  static net::Detached run(Http2Stream* self);
  static net::Task<void> pump_to_origin(Http2Stream& self, net::Stream& origin, Tunnel& tunnel);
  static net::Task<void> pump_to_client(Http2Stream& self, net::Stream& origin, Tunnel& tunnel);

  Http2Connection& connection_;
  const std::int32_t id_;
  std::unique_ptr<Output> output_;                      // the worker's, with the room it has taken
  std::unique_ptr<Request> request_;
  std::string inbox_;                                   // of the request's body: here and not yet taken
  http::Fields trailers_in_, trailers_out_;
  origin::Exchange* exchange_ = nullptr;
  net::Notify moved_, arrived_;
  SteadyTime moved_at_;
  std::size_t trailer_bytes_ = 0;
  bool head_said_ = false, answer_ended_ = false, body_ended_ = false, reading_stopped_ = false, gone_ = false, busy_ = false;
  net::Stream* tunnel_ = nullptr;                       // to the origin
};

}  // namespace davenport::server
