#include "proxy/admin/http_service.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "core/http/grammar.h"
#include "core/http/parser.h"
#include "core/http/serializer.h"
#include "core/net/listener.h"
#include "core/net/stream.h"

namespace davenport::admin {
namespace {

constexpr std::size_t kReadBytes = 16 * 1024;

}  // namespace

struct ServiceState {
  net::Loop& loop;
  Handler& handler;
  const ServiceLimits limits;
  const http::HeadLimits head_limits;
  const HttpService::Tls tls;
  std::unique_ptr<net::Listener> listener;
  std::vector<net::Stream*> streams;       // of open connections
  bool stopping = false;
};

namespace {

// What reading a request came to. `answer`: send `refusal`, then close.
enum class Got : std::uint8_t { request, answer, closed };

class Connection {
 public:
  Connection(std::shared_ptr<ServiceState> state, int fd, std::string peer)
      : state_(std::move(state)), stream_(state_->loop, fd), peer_(std::move(peer)), parser_(state_->head_limits) {
    state_->streams.push_back(&stream_);
  }
  ~Connection() { std::erase(state_->streams, &stream_); }

  net::Task<void> run();
  net::Task<bool> shake_hands(net::TlsServerPtr tls);

 private:
  net::Task<Got> read_head();
  net::Task<Got> read_body();
  net::Task<Got> read_chunks(SteadyTime deadline);
  net::Task<bool> fill(SteadyTime deadline);           // false: see timed_out_
  net::Task<bool> send(std::string bytes);
  std::string bytes_of(const Answer& answer, bool keep) const;
  Got refuse(int status, std::string_view detail) {
    refusal_ = problem(status, detail);
    return Got::answer;
  }
  Got after_failed_fill(std::string_view what) {
    return timed_out_ ? refuse(408, "The " + std::string(what) + " did not come in time.") : Got::closed;
  }

  const std::shared_ptr<ServiceState> state_;
  net::Stream stream_;
  const std::string peer_;
  http::RequestParser parser_;
  std::string input_;                      // not yet consumed
  std::string head_bytes_;                 // of the request under way; head_ points into it
  http::RequestHead head_;
  std::string body_;
  Answer refusal_;
  bool timed_out_ = false;
  bool head_only_ = false;                 // the answer has no body: HEAD
};

net::Task<bool> Connection::fill(SteadyTime deadline) {
  timed_out_ = false;
  for (;;) {
    const net::Ready ready = co_await stream_.readable(deadline);
    if (ready != net::Ready::yes || state_->stopping) {
      timed_out_ = ready == net::Ready::timeout;
      co_return false;
    }
    const std::size_t before = input_.size();
    input_.resize(before + kReadBytes);
    const net::Io io = stream_.read({input_.data() + before, kReadBytes});
    input_.resize(before + (io.status == net::Io::Status::ok ? io.bytes : 0));
    if (io.status == net::Io::Status::ok) co_return true;
    if (io.status != net::Io::Status::again) co_return false;
  }
}

net::Task<Got> Connection::read_head() {
  head_.clear();
  head_only_ = false;
  if (input_.empty()) {
    const bool any = co_await fill(state_->loop.now() + state_->limits.idle_timeout);
    if (!any) co_return Got::closed;
  }
  const SteadyTime deadline = state_->loop.now() + state_->limits.head_timeout;
  for (;;) {
    const http::ParseResult parsed = parser_.parse(input_, head_);
    if (parsed.state == http::ParseState::error) co_return refuse(http::status_of(parsed.fault), http::text_of(parsed.fault));
    if (parsed.state == http::ParseState::done) {
      head_bytes_.assign(input_, 0, parsed.consumed);
      head_.rebase(input_.data(), input_.size(), head_bytes_.data());
      input_.erase(0, parsed.consumed);
      co_return Got::request;
    }
    const bool more = co_await fill(deadline);
    if (!more) co_return after_failed_fill("head of the request");
  }
}

net::Task<Got> Connection::read_body() {
  body_.clear();
  if (head_.framing == http::Framing::none) co_return Got::request;
  const bool chunked = head_.framing == http::Framing::chunked;
  if (!chunked && head_.content_length > kAdminBodyBytesMax) co_return refuse(413, "A body here may have 2 MiB.");
  if (head_.expect_continue && input_.empty()) {
    std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const bool sent = co_await send(std::move(go_on));
    if (!sent) co_return Got::closed;
  }
  const SteadyTime deadline = state_->loop.now() + state_->limits.body_timeout;
  if (chunked) {
    const Got got = co_await read_chunks(deadline);
    co_return got;
  }
  while (input_.size() < head_.content_length) {
    const bool more = co_await fill(deadline);
    if (!more) co_return after_failed_fill("body of the request");
  }
  body_.assign(input_, 0, head_.content_length);
  input_.erase(0, head_.content_length);
  co_return Got::request;
}

net::Task<Got> Connection::read_chunks(SteadyTime deadline) {
  http::ChunkedDecoder decoder(state_->head_limits);
  http::Fields trailers;
  for (;;) {
    const http::ChunkedDecoder::Step step = decoder.feed(input_, trailers);
    if (step.state == http::ParseState::error) co_return refuse(http::status_of(step.fault), http::text_of(step.fault));
    if (body_.size() + step.content.size() > kAdminBodyBytesMax) co_return refuse(413, "A body here may have 2 MiB.");
    body_.append(step.content);
    input_.erase(0, step.consumed);
    if (step.state == http::ParseState::done) co_return Got::request;
    if (step.state == http::ParseState::content) continue;
    const bool more = co_await fill(deadline);
    if (!more) co_return after_failed_fill("body of the request");
  }
}

net::Task<bool> Connection::send(std::string bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const iovec piece{bytes.data() + sent, bytes.size() - sent};
    const net::Io io = stream_.writev(&piece, 1, piece.iov_len);
    if (io.status == net::Io::Status::error) co_return false;
    if (io.status == net::Io::Status::ok) {
      sent += io.bytes;
      continue;
    }
    const net::Ready ready = co_await stream_.writable(state_->loop.now() + state_->limits.send_timeout);
    if (ready != net::Ready::yes || state_->stopping) co_return false;
  }
  co_return true;
}

std::string Connection::bytes_of(const Answer& answer, bool keep) const {
  std::string out;
  out.reserve(answer.body.size() + 512);
  http::append_status_line(out, answer.status);
  http::append_field(out, "Date", http::http_date(read_wall_seconds()));
  http::append_field(out, "Content-Type", answer.content_type);
  http::append_field(out, "Content-Length", std::uint64_t{answer.body.size()});
  http::append_field(out, "Cache-Control", "no-store");
  http::append_field(out, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : answer.fields) http::append_field(out, name, value);
  http::append_field(out, "Connection", keep ? "keep-alive" : "close");
  out += "\r\n";
  if (!head_only_) out += answer.body;
  return out;
}

net::Task<bool> Connection::shake_hands(net::TlsServerPtr tls) {
  stream_.start_tls(std::move(tls), {});
  const Result<std::monostate, net::TlsFault> shaken = co_await stream_.handshake(state_->loop.now() + state_->limits.handshake_timeout);
  if (!shaken) log_debug("admin: TLS with {}: {}", peer_, shaken.error().text);
  co_return shaken && !state_->stopping;
}

net::Task<void> Connection::run() {
  for (;;) {
    Got got = co_await read_head();
    if (got == Got::request) {
      head_only_ = head_.method == http::Method::head;
      if (std::optional<Answer> refused = state_->handler.refuse(head_, peer_)) {
        refusal_ = std::move(*refused);
        got = Got::answer;
      }
    }
    if (got == Got::request) got = co_await read_body();
    if (got == Got::closed) co_return;
    if (got == Got::answer) break;
    const Incoming incoming{head_, body_, peer_};
    const Answer answer = co_await state_->handler.handle(incoming);
    if (state_->stopping) co_return;
    const bool keep = head_.keep_alive;
    std::string bytes = bytes_of(answer, keep);
    const bool sent = co_await send(std::move(bytes));
    if (!sent || !keep) co_return;
  }
  std::string bytes = bytes_of(refusal_, false);
  const bool sent = co_await send(std::move(bytes));
  if (!sent) co_return;
  // What is still under way to us would turn our close into a reset, and the answer would be lost with it.
  stream_.shutdown_write();
  const SteadyTime deadline = state_->loop.now() + Seconds{2};
  for (std::size_t drained = 0; drained < kAdminBodyBytesMax; drained += input_.size()) {
    input_.clear();
    const bool more = co_await fill(deadline);
    if (!more) co_return;
  }
}

net::Task<void> serve(std::shared_ptr<ServiceState> state, int fd, std::string peer) {
  const net::TlsServerPtr tls = state->tls ? state->tls() : nullptr;
  Connection connection(std::move(state), fd, std::move(peer));
  if (tls != nullptr) {
    const bool shaken = co_await connection.shake_hands(tls);
    if (!shaken) co_return;
  }
  co_await connection.run();
}

}  // namespace

HttpService::HttpService(net::Loop& loop, int listening_fd, Handler& handler, ServiceLimits limits, Tls tls)
    : state_(new ServiceState{loop, handler, limits, {}, std::move(tls), nullptr, {}, false}) {
  const std::weak_ptr<ServiceState> weak = state_;
  state_->listener = std::make_unique<net::Listener>(loop, listening_fd, [weak](int fd, const net::SocketAddress& peer) {
    const std::shared_ptr<ServiceState> shared = weak.lock();
    if (shared == nullptr || shared->streams.size() >= kConnectionsMax) {
      constexpr std::string_view kBusy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      static_cast<void>(::send(fd, kBusy.data(), kBusy.size(), MSG_NOSIGNAL));      // as far as it goes
      ::close(fd);
      return;
    }
    net::spawn(serve(shared, fd, peer.host()));
  });
}

HttpService::~HttpService() {
  state_->stopping = true;
  state_->listener.reset();
  // Each ends its connection, which takes itself off the list; one that waits for the handler stays on it.
  for (net::Stream* const stream : std::vector<net::Stream*>(state_->streams)) {
    if (std::find(state_->streams.begin(), state_->streams.end(), stream) != state_->streams.end()) stream->cancel();
  }
}

std::size_t HttpService::connections() const { return state_->streams.size(); }

}  // namespace davenport::admin
