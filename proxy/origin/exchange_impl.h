// proxy/origin/exchange_impl.h: an exchange from within. Its parts: exchange.cc (the story of a request, retries),
// exchange_connect.cc (a server and a connection), exchange_send.cc and exchange_read.cc.
//
//     idle --request()--> awaiting --final head--> answering --body whole--> done
//                           | ^1xx |                                           |
//                           +-+    +--101, where asked for--> tunnel           +--request whole, both keep alive--> pool
// A failure leaves the phase and sets broken_: the connection is closed at the end. (After one in sending, a head may still be
// read.) The request's body has a count of its own, for an answer may come before it was sent.
// Owner   Exchange; between two of them the worker's pool, for its buffers.
// Thread  the worker's.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/http/parser.h"
#include "proxy/origin/exchange.h"
#include "proxy/origin/input.h"
#include "proxy/origin/pool.h"

namespace davenport::origin {

using HeadResult = Result<const http::ResponseHead*, Failure>;
using PieceResult = Result<Piece, Failure>;
using SendResult = Result<std::monostate, Failure>;

class Exchange::Impl {
 public:
  static constexpr int kMaxInterimHeads = 16;
  static constexpr int kMaxStale = 2;                // pooled connections found closed, for one request

  explicit Impl(Pool& pool);
  void begin(ClusterPtr cluster);
  void finish();                                     // the exchange ends here: pool or close, report, forget
  bool worth_keeping() const;                        // for another exchange: no huge buffers

  net::Task<HeadResult> request(const OriginRequest& request);
  net::Task<SendResult> send_body(std::string_view bytes);
  net::Task<SendResult> end_body(const http::Fields& trailers);
  net::Task<HeadResult> next_head();
  bool head_waiting() const;
  net::Task<bool> wait_for_head(SteadyTime deadline);
  net::Task<PieceResult> read_body();
  std::optional<PieceResult> try_read_body();
  net::StreamPtr take_stream(std::string& leftover);

  Pool& pool() { return pool_; }
  const http::Fields& trailers() const { return trailers_; }
  const Timings& timings() const { return timings_; }
  std::string server() const { return member_ != nullptr ? member_->text : std::string(); }
  // Whoever waits in this exchange is resumed with a failure: nobody waits for what nobody wants.
  void abandon() {
    abandoned_ = true;
    if (connection_ != nullptr && connection_->stream != nullptr) connection_->stream->cancel();
  }

 private:
  enum class Phase : std::uint8_t { idle, awaiting, answering, done, tunnel };

  // exchange.cc
  bool may_try_again(const Failure& failure);
  void leave_server();                               // after a failed try: the connection and the claim on a server
  Failure fail(FailureKind kind, std::string_view detail);
  Failure failure(FailureKind kind, std::string_view detail) const;   // the same, but the server is not blamed
  SteadyTime now() const { return pool_.loop().now(); }
  SteadyTime coarse_now() const { return pool_.loop().coarse_now(); }
  net::Stream& stream() { return *connection_->stream; }
  bool bodys_turn() const { return request_framing_ != http::Framing::none && !request_whole_ && !broken_; }    // it still has to come
  bool replayable() const { return request_framing_ == http::Framing::none && http::is_idempotent(method_); }

  // exchange_connect.cc
  bool take_pooled(const WaiterPtr& waiter);         // true: connected. Else grant_ says what may be done
  net::Task<std::optional<Failure>> get_connection();
  net::Task<std::optional<Failure>> wait_in_queue(WaiterPtr waiter);
  net::Task<std::optional<Failure>> resolve_names(WaiterPtr waiter);
  net::Task<std::optional<Failure>> open(Slot slot);
  void claim(MemberPtr member);
  void use(std::unique_ptr<Connection> connection, bool reused);

  // exchange_send.cc
  void write_head(const OriginRequest& request);
  std::optional<Failure> send_some(std::span<iovec>& pieces);     // what fits; pieces are what is left
  net::Task<std::optional<Failure>> send_rest(std::span<iovec> pieces);
  bool final_answer_waiting();

  // exchange_read.cc
  net::Task<HeadResult> read_head();
  SteadyTime head_deadline() const;
  std::optional<Failure> parse_head(bool& done);     // of what was read
  std::optional<Failure> accept_head();              // what a parsed head means for the exchange
  std::optional<PieceResult> piece_of_unread();      // what can be said without reading
  std::optional<PieceResult> chunked_piece();
  Piece whole(std::string_view bytes);               // the body's last piece
  Failure broken(const net::Io& io);
  Failure not_ready(net::Ready ready, std::string_view what);

  Pool& pool_;
  ClusterPtr cluster_;
  Grant grant_;
  MemberPtr member_;                                 // outstanding there while counted_
  std::unique_ptr<Connection> connection_;
  Slot tunnel_slot_;
  std::vector<MemberPtr> tried_;

  std::string out_;                                  // the request's head, and small pieces of framing
  Input input_;
  std::string head_bytes_;                           // what head_'s views borrow from
  http::ResponseHead head_;
  std::optional<http::ResponseParser> parser_;
  std::optional<http::ChunkedDecoder> decoder_;
  http::Fields trailers_;
  Timings timings_;

  SteadyTime request_whole_at_{};                    // of a request with a body
  std::uint64_t affinity_ = 0;
  std::uint64_t request_left_ = 0;                   // of a body with a length
  std::uint64_t body_left_ = 0;                      // of a response's
  std::size_t bytes_sent_ = 0;                       // in this try
  std::uint32_t retries_ = 0;
  int stale_ = 0, interim_ = 0;
  http::Method method_ = http::Method::get;
  http::Framing request_framing_ = http::Framing::none;
  Phase phase_ = Phase::idle;
  bool upgrade_ = false;
  bool careful_ = false;                             // ask the kernel before a pooled connection is used
  bool others_only_ = false;                         // this retry: not on a server that was tried
  bool expects_continue_ = false;
  bool body_begun_ = false;                          // bytes of it were handed to us
  bool request_whole_ = false;                       // sent to its end
  bool received_ = false;                            // a byte, in this try
  bool counted_ = false, reported_ = false, broken_ = false, abandoned_ = false;
};

}  // namespace davenport::origin
