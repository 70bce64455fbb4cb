#include "proxy/server/http1_body.h"

#include <algorithm>

#include "proxy/server/client_connection.h"

namespace davenport::server {
namespace {

constexpr std::size_t kReadBytes = 32 << 10;

}  // namespace

bool too_slow(const config::ClientLimits& limits, SteadyTime started, SteadyTime now, std::uint64_t received) {
  const auto taken = now - started;
  if (limits.min_rate_bytes == 0 || taken <= limits.body_timeout) return false;
  const auto seconds = std::chrono::duration_cast<Seconds>(taken).count();
  return received < limits.min_rate_bytes * static_cast<std::uint64_t>(seconds);
}

Http1Body::Http1Body(ClientConnection& client, const Request& request)
    : client_(client),
      request_(request),
      decoder_(request.snapshot->config->limits.head),
      started_(request.now.steady),
      left_(request.head.framing == http::Framing::length ? request.head.content_length : 0),
      chunked_(request.head.framing == http::Framing::chunked),
      finished_(!chunked_ && left_ == 0) {}

BodyReader::Piece Http1Body::take() {
  std::string& input = client_.input();
  Piece piece;
  if (finished_) {
    piece.end = true;
    return piece;
  }
  if (input.empty()) return piece;
  const std::uint64_t most = request_.snapshot->config->limits.body_bytes;
  if (!chunked_) {
    // The connection's input becomes this reader's buffer; what lies behind the body stays there.
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
    buffer_.assign(input, 0, size);
    input.erase(0, size);
    left_ -= size;
    finished_ = left_ == 0;
    piece.bytes = buffer_;
    piece.end = finished_;
    return piece;
  }
  buffer_.clear();
  std::size_t used = 0;
  while (!finished_) {
    const auto step = decoder_.feed(std::string_view(input).substr(used), trailers_);
    used += step.consumed;
    buffer_.append(step.content);
    total_ += step.content.size();
    if (most != 0 && total_ > most) piece.fault = Fault::too_large;
    if (step.state == http::ParseState::error) piece.fault = Fault::malformed;
    if (piece.fault != Fault::none) return piece;
    if (step.state == http::ParseState::done) finished_ = true;
    if (step.state == http::ParseState::need_more) break;
  }
  input.erase(0, used);
  piece.bytes = buffer_;
  piece.end = finished_;
  return piece;
}

net::Task<BodyReader::Piece> Http1Body::read() {
  const config::ClientLimits& limits = request_.snapshot->config->limits;
  for (;;) {
    Piece piece = take();
    if (piece.fault != Fault::none || piece.end || !piece.bytes.empty()) co_return piece;
    const SteadyTime now = client_.stream().loop().now();
    const long got = co_await client_.read_more(now + limits.body_timeout, kReadBytes);
    if (got == -2) piece.fault = Fault::slow;
    if (got == -3) piece.fault = Fault::cancelled;
    if (got == 0 || got == -1) piece.fault = Fault::gone;
    if (got <= 0) co_return piece;
    // A body that trickles.
    const std::uint64_t received = (chunked_ ? total_ : request_.head.content_length - left_) + static_cast<std::uint64_t>(got);
    if (too_slow(limits, started_, client_.stream().loop().now(), received)) {
      piece.fault = Fault::slow;
      co_return piece;
    }
  }
}

}  // namespace davenport::server
