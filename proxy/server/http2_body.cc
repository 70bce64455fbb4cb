#include "proxy/server/http2_body.h"

#include "proxy/server/http1_body.h"
#include "proxy/server/http2_stream.h"

namespace davenport::server {

Http2Body::Http2Body(Http2Stream& stream, const Request& request)
    : stream_(stream), request_(request), started_(request.now.steady), finished_(request.head.framing == http::Framing::none) {}

Http2Body::~Http2Body() { stream_.consumed(unconsumed_); }

const http::Fields& Http2Body::trailers() const { return stream_.trailers_in(); }

BodyReader::Piece Http2Body::take() {
  Piece piece;
  const std::uint64_t most = request_.snapshot->config->limits.body_bytes;
  buffer_ = std::exchange(held_, {});
  const std::string arrived = stream_.take_inbox();
  buffer_.append(arrived);
  unconsumed_ = arrived.size();
  total_ += arrived.size();
  if (most != 0 && total_ > most) {
    piece.fault = Fault::too_large;
    return piece;
  }
  finished_ = stream_.body_ended();
  piece.end = finished_;
  if (!finished_ && request_.head.framing == http::Framing::length && total_ == request_.head.content_length && !buffer_.empty()) {
    held_.assign(1, buffer_.back());
    buffer_.pop_back();
  }
  piece.bytes = buffer_;
  return piece;
}

net::Task<BodyReader::Piece> Http2Body::read() {
  const config::ClientLimits& limits = request_.snapshot->config->limits;
  for (;;) {
    stream_.consumed(std::exchange(unconsumed_, 0));
    if (finished_) {
      Piece end;
      end.end = true;
      co_return end;
    }
    Piece fault;
    if (stream_.gone()) fault.fault = Fault::gone;
    else if (stream_.reading_stopped()) fault.fault = Fault::cancelled;
    if (fault.fault != Fault::none) co_return fault;
    const Piece piece = take();
    if (piece.fault != Fault::none || piece.end || !piece.bytes.empty()) co_return piece;
    const SteadyTime now = stream_.worker().loop().now();
    if (too_slow(limits, started_, now, total_)) {
      fault.fault = Fault::slow;
      co_return fault;
    }
    const net::Wake wake = co_await stream_.body_arrives(now + limits.body_timeout);
    if (wake == net::Wake::timeout) fault.fault = Fault::slow;
    if (wake == net::Wake::cancelled) fault.fault = Fault::cancelled;
    if (fault.fault != Fault::none) co_return fault;
  }
}

}  // namespace davenport::server
