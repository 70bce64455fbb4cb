// The answer as it arrives: heads, then the body by its framing (RFC 9112 §6).
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "proxy/origin/exchange_impl.h"

namespace davenport::origin {

using net::Io;

Failure Exchange::Impl::broken(const Io& io) {
  // A TLS 1.3 server looks at our certificate when we hold the connection for made: its refusal is read here.
  if (io.status == Io::Status::error && io.code == EKEYREJECTED && !received_) return fail(FailureKind::tls_alert_received, "TLS alert");
  if (io.status == Io::Status::error) return fail(FailureKind::connection_terminated, std::strerror(io.code));
  return fail(FailureKind::connection_terminated,
              received_ ? "closed before its response was whole" : "closed without a response");
}

Failure Exchange::Impl::not_ready(net::Ready ready, std::string_view what) {
  if (ready == net::Ready::cancelled) return fail(FailureKind::cancelled, abandoned_ ? "given up" : "shutting down");
  return fail(FailureKind::response_timeout, what);
}

net::Task<HeadResult> Exchange::Impl::next_head() {
  // Given up before anybody waited (a request's body that was broken from its first byte): there is nothing to wait for.
  if (abandoned_ || connection_ == nullptr || phase_ != Phase::awaiting) {
    HeadResult nothing = abandoned_ ? failure(FailureKind::cancelled, "given up")
                                    : fail(FailureKind::connection_terminated, "there is no other response head");
    return [](HeadResult result) -> net::Task<HeadResult> { co_return result; }(std::move(nothing));
  }
  return read_head();
}

// An origin may take its time from the end of the request on. While a body is on its way, another coroutine's, or is waited for, its pauses
// are the client's, and a socket that takes nothing is the sender's to find out.
SteadyTime Exchange::Impl::head_deadline() const {
  const Millis patience = cluster_->settings().first_byte_timeout;
  if (bodys_turn() && (body_begun_ || !expects_continue_)) return now() + patience;
  return request_whole_at_ + patience;
}

net::Task<HeadResult> Exchange::Impl::read_head() {
  const config::Origin& settings = cluster_->settings();
  SteadyTime deadline = coarse_now() + settings.first_byte_timeout;
  SteadyTime latest{};                             // of a head that comes in drops
  bool begun = false;
  for (;;) {
    bool done = false;
    if (!input_.unread().empty()) {
      if (std::optional<Failure> failed = parse_head(done)) co_return std::move(*failed);
      if (done) co_return &head_;
    }
    const Io io = input_.read(stream());
    if (io.status == Io::Status::ok) {
      const SteadyTime time = now();
      if (!begun) latest = std::max(time, head_deadline()) + settings.between_bytes_timeout;
      received_ = begun = true;
      if (timings_.first_byte == SteadyTime{}) timings_.first_byte = time;
      deadline = std::min(time + settings.between_bytes_timeout, latest);
    } else if (io.status == Io::Status::again) {
      if (begun) stream().doubt();
      const net::Ready ready = co_await stream().readable(deadline);
      if (ready == net::Ready::timeout && !begun) {
        deadline = std::max(deadline, head_deadline());
        if (deadline > now()) continue;
      }
      if (ready == net::Ready::timeout && bodys_turn()) {         // nobody can blame the server
        broken_ = true;
        co_return failure(FailureKind::response_timeout, "no response head in time, before the request was whole");
      }
      if (ready != net::Ready::yes) co_return not_ready(ready, "no response head in time");
    } else {
      co_return broken(io);
    }
  }
}

std::optional<Failure> Exchange::Impl::parse_head(bool& done) {
  const std::string_view unread = input_.unread();
  const http::ParseResult result = parser_->parse(unread, method_, head_);
  if (result.state == http::ParseState::error) {
    const bool large = result.fault == http::ParseFault::head_too_large || result.fault == http::ParseFault::too_many_fields;
    return fail(large ? FailureKind::head_too_large : FailureKind::protocol_error, http::text_of(result.fault));
  }
  if (result.state != http::ParseState::done) return std::nullopt;
  head_bytes_.assign(unread.data(), result.consumed);          // the head outlives the shared buffer's next use
  head_.rebase(unread.data(), result.consumed, head_bytes_.data());
  input_.consume(result.consumed);
  done = true;
  return accept_head();
}

std::optional<Failure> Exchange::Impl::accept_head() {
  if (head_.status == 101) {
    if (!upgrade_) return fail(FailureKind::protocol_error, "101 was not asked for");
    // The client is still sending its message in the old protocol (RFC 9110 §7.8).
    if (!request_whole_) return fail(FailureKind::protocol_error, "101 before the request was whole");
    cluster_->head_received(*member_);
    cluster_->succeeded(*member_);                     // what the tunnel's end will say is of two others
    phase_ = Phase::tunnel;
    return std::nullopt;
  }
  if (head_.status < 200) {
    if (++interim_ > kMaxInterimHeads) return fail(FailureKind::protocol_error, "too many interim responses");
    return std::nullopt;
  }
  cluster_->head_received(*member_);
  phase_ = Phase::answering;
  switch (head_.framing) {
    case http::Framing::none: whole({}); break;
    case http::Framing::length:
      body_left_ = head_.content_length;
      if (body_left_ == 0) whole({});
      break;
    case http::Framing::chunked: decoder_.emplace(cluster_->head_limits()); break;
    case http::Framing::until_close: break;
  }
  return std::nullopt;
}

bool Exchange::Impl::head_waiting() const {
  return connection_ != nullptr &&
         (!input_.unread().empty() || connection_->stream->maybe_readable() || connection_->stream->peer_closed());
}

net::Task<bool> Exchange::Impl::wait_for_head(SteadyTime deadline) {
  if (connection_ == nullptr || head_waiting()) co_return true;
  const net::Ready ready = co_await stream().readable(deadline);
  co_return ready == net::Ready::yes;
}

Piece Exchange::Impl::whole(std::string_view bytes) {
  phase_ = Phase::done;
  cluster_->succeeded(*member_);
  return {bytes, true};
}

std::optional<PieceResult> Exchange::Impl::piece_of_unread() {
  if (phase_ == Phase::done) return PieceResult(Piece{{}, true});
  if (phase_ != Phase::answering || connection_ == nullptr) return fail(FailureKind::connection_terminated, "there is no body");
  const std::string_view unread = input_.unread();
  if (unread.empty()) return std::nullopt;
  if (head_.framing == http::Framing::chunked) return chunked_piece();
  const std::size_t bytes = head_.framing == http::Framing::length
                                ? static_cast<std::size_t>(std::min<std::uint64_t>(unread.size(), body_left_))
                                : unread.size();
  input_.consume(bytes);
  if (head_.framing == http::Framing::length) {
    body_left_ -= bytes;
    if (body_left_ == 0) return whole(unread.substr(0, bytes));
  }
  return Piece{unread.substr(0, bytes), false};
}

// All runs of content that have arrived, moved together in the buffer, so that small chunks don't make small pieces.
std::optional<PieceResult> Exchange::Impl::chunked_piece() {
  char* begin = nullptr;
  std::size_t size = 0;
  for (;;) {
    char* const base = input_.data();
    const std::string_view unread = input_.unread();
    const http::ChunkedDecoder::Step step = decoder_->feed(unread, trailers_);
    if (!step.content.empty()) {
      char* const content = base + (step.content.data() - base);
      if (begin == nullptr) begin = content;
      else if (begin + size != content) std::memmove(begin + size, content, step.content.size());
      size += step.content.size();
    }
    input_.consume(step.consumed);
    switch (step.state) {
      case http::ParseState::content: continue;
      case http::ParseState::done: return whole({begin, size});
      case http::ParseState::error: return fail(FailureKind::protocol_error, http::text_of(step.fault));
      case http::ParseState::need_more: break;
    }
    if (size == 0) return std::nullopt;
    return Piece{{begin, size}, false};
  }
}

std::optional<PieceResult> Exchange::Impl::try_read_body() {
  for (;;) {
    if (std::optional<PieceResult> piece = piece_of_unread()) return piece;
    const Io io = input_.read(stream());
    switch (io.status) {
      case Io::Status::ok: continue;
      case Io::Status::again: return std::nullopt;
      case Io::Status::end:
        if (head_.framing == http::Framing::until_close) return whole({});
        return broken(io);
      case Io::Status::error: return broken(io);
    }
  }
}

net::Task<PieceResult> Exchange::Impl::read_body() {
  for (;;) {
    if (std::optional<PieceResult> piece = try_read_body()) co_return std::move(*piece);
    stream().doubt();
    const net::Ready ready = co_await stream().readable(now() + cluster_->settings().between_bytes_timeout);
    if (ready != net::Ready::yes) co_return not_ready(ready, "nothing more of its response in time");
  }
}

net::StreamPtr Exchange::Impl::take_stream(std::string& leftover) {
  leftover.assign(input_.unread());
  input_.clear();
  tunnel_slot_ = std::move(connection_->slot);
  net::StreamPtr taken = std::move(connection_->stream);
  connection_.reset();
  return taken;
}

}  // namespace davenport::origin
