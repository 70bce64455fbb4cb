// The request on its way: its head as one piece of bytes, its body as the caller brings it.
#include <array>
#include <cassert>
#include <cstring>

#include "core/http/serializer.h"
#include "proxy/origin/exchange_impl.h"

namespace davenport::origin {
namespace {

// While a full socket is waited for, how often it is asked whether the origin has answered already.
constexpr Millis kLookForAnswer{200};

// Written here and not taken from the caller's fields.
constexpr std::uint64_t kOurs = http::field_bit(http::FieldId::content_length) |
                                http::field_bit(http::FieldId::transfer_encoding) | http::field_bit(http::FieldId::connection) |
                                http::field_bit(http::FieldId::expect);

// Methods whose requests are expected to have content say that there is none (RFC 9110 §8.6).
bool expects_content(http::Method method) {
  return method == http::Method::post || method == http::Method::put || method == http::Method::patch;
}

}  // namespace

void Exchange::Impl::write_head(const OriginRequest& request) {
  out_.clear();
  http::append_request_line(out_, request.method_name, request.target);
  http::append_fields(out_, *request.fields, kOurs);
  if (request.upgrade) http::append_field(out_, "Connection", "upgrade");
  if (request.framing == http::Framing::chunked) {
    http::append_field(out_, "Transfer-Encoding", "chunked");
  } else if (request.framing == http::Framing::length) {
    http::append_field(out_, "Content-Length", request.content_length);
  } else if (expects_content(request.method)) {
    http::append_field(out_, "Content-Length", std::uint64_t{0});
  }
  if (request.expect_continue) http::append_field(out_, "Expect", "100-continue");
  out_ += "\r\n";
}

std::optional<Failure> Exchange::Impl::send_some(std::span<iovec>& pieces) {
  while (!pieces.empty()) {
    std::size_t total = 0;
    for (const iovec& piece : pieces) total += piece.iov_len;
    if (total == 0) {
      pieces = {};
      return std::nullopt;
    }
    // A failure of what is sent soon is found when the answer is read, which is too late for what may be sent once only.
    const bool soon = replayable() && cluster_->settings().retries > 0;
    const net::Io io = soon ? stream().write_soon(pieces.data(), static_cast<int>(pieces.size()), total)
                            : stream().writev(pieces.data(), static_cast<int>(pieces.size()), total);
    if (io.status == net::Io::Status::again) return std::nullopt;
    if (io.status == net::Io::Status::error && phase_ == Phase::idle) return broken(io);
    if (io.status == net::Io::Status::error) {
      broken_ = true;                                // not blamed yet: it may have answered before it closed
      return failure(FailureKind::connection_terminated, std::strerror(io.code));
    }
    bytes_sent_ += io.bytes;
    std::size_t done = io.bytes;
    while (!pieces.empty() && done >= pieces.front().iov_len) {
      done -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
    if (!pieces.empty()) {
      pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + done;
      pieces.front().iov_len -= done;
    }
  }
  return std::nullopt;
}

// Waits for the socket. An origin that has answered and takes no more would keep us here until the time is over (RFC 9112 §9.3:
// a client that is sending should look for an error response).
net::Task<std::optional<Failure>> Exchange::Impl::send_rest(std::span<iovec> pieces) {
  SteadyTime deadline = now() + cluster_->settings().between_bytes_timeout;
  while (!pieces.empty()) {
    const SteadyTime time = now();
    const net::Ready ready = co_await stream().writable(std::min(deadline, time + kLookForAnswer));
    if (ready == net::Ready::yes) {
      const std::size_t before = bytes_sent_;
      if (std::optional<Failure> failed = send_some(pieces)) co_return failed;
      if (bytes_sent_ != before) deadline = now() + cluster_->settings().between_bytes_timeout;
      continue;
    }
    const bool answered = ready == net::Ready::timeout && final_answer_waiting();
    if (ready == net::Ready::timeout && !answered && now() < deadline) continue;
    broken_ = true;
    stream().reset_on_close();                       // or the kernel would keep what nobody takes
    if (answered) co_return failure(FailureKind::connection_terminated, "answered before it had taken the request");
    co_return not_ready(ready, "it takes no more of the request");
  }
  co_return std::nullopt;
}

bool Exchange::Impl::final_answer_waiting() {
  if (!input_.unread().empty() || !stream().maybe_readable()) return false;   // unread: an interim head, half read
  std::array<char, 10> begin{};                                               // "HTTP/1.1 4"
  const net::Io io = stream().peek(begin);
  return io.status == net::Io::Status::ok && io.bytes == begin.size() && begin.back() != '1';
}

net::Task<SendResult> Exchange::Impl::send_body(std::string_view bytes) {
  if (bytes.empty()) co_return std::monostate{};     // an empty chunk would be the end
  body_begun_ = true;
  std::array<iovec, 3> parts{};
  std::span<iovec> pieces;
  const iovec content{const_cast<char*>(bytes.data()), bytes.size()};
  if (request_framing_ == http::Framing::chunked) {
    static char line_end[] = "\r\n";
    out_.clear();
    http::append_chunk_size(out_, bytes.size());
    parts = {iovec{out_.data(), out_.size()}, content, iovec{line_end, 2}};
    pieces = parts;
  } else {
    assert(bytes.size() <= request_left_);
    request_left_ -= bytes.size();
    parts[0] = content;
    pieces = std::span(parts).first(1);
  }
  std::optional<Failure> failed = send_some(pieces);
  if (!failed && !pieces.empty()) failed = co_await send_rest(pieces);
  if (failed) co_return std::move(*failed);
  co_return std::monostate{};
}

net::Task<SendResult> Exchange::Impl::end_body(const http::Fields& trailers) {
  if (request_framing_ != http::Framing::chunked) {
    if (request_left_ > 0) co_return fail(FailureKind::client_gone, "the request's body ended early");
    request_whole_ = true;
    request_whole_at_ = now();
    co_return std::monostate{};
  }
  out_ = "0\r\n";
  for (const http::Field& field : trailers) {
    if (http::may_trail(field)) http::append_field(out_, field.name, field.value);
  }
  out_ += "\r\n";
  iovec end{out_.data(), out_.size()};
  std::span<iovec> pieces(&end, 1);
  std::optional<Failure> failed = send_some(pieces);
  if (!failed && !pieces.empty()) failed = co_await send_rest(pieces);
  if (failed) co_return std::move(*failed);
  request_whole_ = true;
  request_whole_at_ = now();
  co_return std::monostate{};
}

}  // namespace davenport::origin
