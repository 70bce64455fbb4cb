#include "proxy/server/client_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/log.h"
#include "core/http/proxy_protocol.h"
#include "proxy/server/answer.h"
#include "proxy/server/forward.h"
#include "proxy/server/http1_body.h"
#include "proxy/server/http2_connection.h"
#include "proxy/server/ready.h"
#include "proxy/server/story.h"
#include "proxy/server/tunnel.h"

namespace davenport::server {
namespace {

constexpr std::uint64_t kBatchBytes = 1 << 20;        // answers of one batch, before what is ready is sent
constexpr std::size_t kBatchItems = 96;
constexpr Millis kLingerTime{2'000};
constexpr std::uint8_t kStoriesInARow = 32;  // of one client, before the others' turn
constexpr Millis kFreshWait{500};             // while everybody is sent away, for the request of who has just come
constexpr std::size_t kLingerBytes = 256 << 10;
constexpr std::string_view kHttp2Line = "PRI * HTTP/2.0\r\n";      // how a client of HTTP/2 begins (RFC 9113 §3.4); nghttp2 reads the rest
constexpr std::size_t kProxyHeaderBytes = 4 << 10;

}  // namespace

ClientConnection::ClientConnection(Worker& worker, int fd, const net::SocketAddress& peer, const config::Listener& listener,
                                   std::size_t listener_index, bool by_address)
    : Client(worker),
      stream_(worker.loop(), fd),
      head_limits_of_(worker.snapshot()),
      listener_(static_cast<std::uint32_t>(listener_index)),
      by_address_(by_address),
      proxy_protocol_(listener.proxy_protocol) {
  peer_.address = peer.host();
  peer_.port = peer.port();
  peer_.https = greets_ = head_limits_of_->tls[listener_index] != nullptr;
  peer_.redirect_port = listener.redirect_to_https ? listener.https_port : std::uint16_t{0};
}

ClientConnection::~ClientConnection() = default;

SteadyTime ClientConnection::wait_deadline(SteadyTime now) const {
  const config::ClientLimits& limits = head_limits_of_->config->limits;
  if (requests_ == 0 && unread().empty() && draining()) return now + kFreshWait;
  return unread().empty() ? now + limits.idle_timeout : kept_->head_started + limits.head_timeout;
}

std::string ClientConnection::take_unread() {
  if (kept_ == nullptr) return {};
  std::string bytes = std::move(kept_->bytes);
  kept_.reset();
  return bytes;
}

void ClientConnection::say_and_close(int status, std::string_view sentence, std::string_view more_fields) {
  OwnAnswer own;
  own.status = status;
  own.sentence = sentence;
  own.more_fields = more_fields;
  Account account;
  pending_ = worker_.make_output();
  append_own_answer(*pending_, nullptr, own, *head_limits_of_, read_wall_seconds(), false, account);
  keep_alive_ = false;
}

void ClientConnection::count_address() {
  const std::uint32_t per_address = head_limits_of_->config->limits.connections_per_address;
  if (per_address == 0) return;
  by_address_ = worker_.shared().connections.enter_address(peer_.address, per_address);
  if (by_address_) return;
  worker_.metrics().connections_refused.add();
  say_and_close(503, "Too many connections from this address.", "Retry-After: 1\r\n");
}

// Every idle connection holds a frame of this, so that all but the wait is elsewhere.
net::Detached ClientConnection::run(ClientConnection* self) {
  Next next = self->proxy_protocol_ || self->greets_ ? Next::busy : self->next_turn();
  while (next != Next::leave) {
    if (next == Next::wait) {
      const net::Ready ready = co_await self->stream_.readable(self->wait_deadline(self->worker_.loop().coarse_now()));
      next = self->woken(ready);
    } else {
      co_await self->busy(next);
      next = next == Next::give_way ? Next::wait : self->next_turn();
    }
  }
  if (!self->broken_) co_await self->linger();
  self->worker_.shared().connections.leave(self->peer_.address, self->by_address_);
  self->worker_.remove(*self);
  delete self;
}

ClientConnection::Next ClientConnection::next_turn() {
  if (!keep_alive_ || broken_) return Next::leave;
  if (!starved_) return take_turn();
  idle_ = unread().empty();
  if (!idle_) stream_.doubt();               // a client that has gone must not count until its head is due
  if (idle_ && requests_ != 0 && draining()) return Next::leave;
  // It has said a lot, and there is more: the others' turn first.
  return requests_ != 0 && stream_.maybe_readable() ? Next::give_way : Next::wait;
}

bool ClientConnection::draining() const { return worker_.shared().draining.load(std::memory_order_relaxed); }

ClientConnection::Next ClientConnection::woken(net::Ready ready) {
  // Who is sent away may have asked already: what has come by now is answered.
  if (ready == net::Ready::cancelled) return idle_ && draining() && !worker_.loop().stopping() ? take_turn() : Next::leave;
  if (ready == net::Ready::yes) return take_turn();
  worker_.metrics().timeouts.add();
  if (unread().empty()) return Next::leave;
  say_and_close(408, "The request's head came too slowly.", {});
  return Next::busy;
}

ClientConnection::Next ClientConnection::take_turn() {
  do {
    idle_ = false;
    const Taken taken = take();
    if (taken == Taken::story || (pending_ != nullptr && !pending_->empty())) return Next::busy;
    if (pending_ != nullptr) worker_.give_back(std::move(pending_));
  } while (keep_alive_ && !broken_ && !starved_);
  return next_turn();
}

// What may suspend: the PROXY header, the TLS handshake, unsent answers, a request on the long way, and the others' turn.
net::Task<void> ClientConnection::busy(Next what) {
  if (what == Next::give_way || ++in_a_row_ % kStoriesInARow == 0) co_await net::yield(worker_.loop());
  if (what == Next::give_way) co_return;
  if (proxy_protocol_ || greets_) {
    idle_ = false;                            // its request is on its way
    bool welcome = true;
    if (proxy_protocol_) welcome = co_await read_proxy_header();
    if (welcome && greets_) welcome = co_await shake_hands();
    if (!welcome) broken_ = true;
    else if (proxy_protocol_) count_address();
    proxy_protocol_ = greets_ = false;
  }
  if (speaks_http2_) {
    if (!broken_) co_await speak_http2();
    co_return;
  }
  if (pending_ != nullptr && !pending_->empty()) {
    const bool drained = co_await drain();
    if (!drained) co_return;
  }
  if (request_ != nullptr) {
    if (pending_ == nullptr) pending_ = worker_.make_output();
    co_await answer(*this, *request_);
    worker_.give_back(std::move(request_));
    if (kept_ != nullptr) kept_->head_started = worker_.loop().now();      // what stands behind a body is the next head's
  }
  if (pending_ != nullptr) worker_.give_back(std::move(pending_));
}

ClientConnection::Taken ClientConnection::take() {
  // Bytes go into the worker's buffer, behind what is left of the last read: a request that came whole is never copied.
  std::vector<char>& buffer = worker_.read_buffer();
  const std::string_view before = unread();
  std::size_t size = before.size();
  if (buffer.size() < size + (16 << 10)) buffer.resize(size + (64 << 10));
  std::copy(before.begin(), before.end(), buffer.begin());
  if (starved_) {
    const net::Io io = stream_.read(std::span(buffer.data() + size, buffer.size() - size));
    switch (io.status) {
      case net::Io::Status::ok:
        size += io.bytes;
        worker_.metrics().bytes_in.add(io.bytes);
        break;
      case net::Io::Status::again: return Taken::starved;
      case net::Io::Status::end:
        // The client has closed its side; what is left is no whole request.
        keep_alive_ = false;
        if (!before.empty()) broken_ = true;
        return Taken::closing;
      case net::Io::Status::error: broken_ = true; return Taken::closing;
    }
  }
  starved_ = false;
  std::string_view in(buffer.data(), size);
  Taken result = Taken::starved;
  const Now now{read_wall_clock(), read_coarse_clock()};      // a hit takes no time that is worth a better one
  http::RequestHead& head = worker_.head();
  Output& out = worker_.output();
  http::RequestParser parser(head_limits_of_->config->limits.head);
  if (kept_ != nullptr && kept_->half) {
    parser = kept_->half->parser;
    head = std::move(kept_->half->head);
    kept_->half.reset();
  }
  while (true) {
    if (in.empty()) {
      starved_ = true;
      break;
    }
    const http::ParseResult parsed = parser.parse(in, head);
    if (parsed.state == http::ParseState::need_more) {
      starved_ = true;
      kept().half.emplace(HalfHead{parser, std::move(head)});
      break;
    }
    if (parsed.state == http::ParseState::error && may_speak_http2() && (in.starts_with(kHttp2Line) || kHttp2Line.starts_with(in))) {
      speaks_http2_ = in.starts_with(kHttp2Line);
      starved_ = !speaks_http2_;
      if (speaks_http2_) result = Taken::story;
      break;
    }
    if (parsed.state == http::ParseState::error) {
      refuse(parsed.fault);
      result = Taken::closing;
      in = {};
      break;
    }
    ++requests_;
    const config::ClientLimits& limits = worker_.snapshot()->config->limits;
    keep_alive_ = head.keep_alive && !worker_.shared().draining.load(std::memory_order_relaxed) &&
                  (limits.requests_per_connection == 0 || requests_ < limits.requests_per_connection);
    Looked looked;
    if (!answer_now(worker_, peer_, head, keep_alive_, now, out, looked)) {
      request_ = take_request(worker_, peer_, head, in.substr(0, parsed.consumed), {now.wall, read_steady_clock()}, looked);
      in.remove_prefix(parsed.consumed);
      result = Taken::story;
      break;
    }
    in.remove_prefix(parsed.consumed);
    if (!keep_alive_) {
      result = Taken::closing;
      break;
    }
    if (out.unsent_bytes() > kBatchBytes || out.items() > kBatchItems) {
      flush_batch();
      if (broken_) break;
      if (pending_ != nullptr) {
        result = Taken::blocked;
        break;
      }
    }
  }
  flush_batch();
  // What is left waits in a buffer of the connection's own; a request that came whole leaves nothing.
  if (in.empty()) {
    kept_.reset();
  } else if (in.data() != buffer.data() || in.size() != before.size()) {
    const bool begins = in.data() != buffer.data() || before.empty();
    kept().bytes.assign(in);
    if (begins) kept_->head_started = now.steady;
  }
  return result;
}

void ClientConnection::flush_batch() {
  Output& out = worker_.output();
  if (out.empty()) {
    worker_.hot().settle();
    return;
  }
  switch (out.write(stream_)) {
    case Sent::all: break;
    case Sent::failed:
      broken_ = true;
      out.clear();
      break;
    case Sent::some:
      // The client does not keep up: what is left becomes the connection's own.
      pending_ = worker_.make_output();
      std::swap(*pending_, out);
      break;
  }
  worker_.hot().settle();
}

void ClientConnection::refuse(http::ParseFault fault) {
  worker_.metrics().parse_errors.add();
  worker_.metrics().client_errors.add();
  keep_alive_ = false;
  OwnAnswer answer;
  answer.status = http::status_of(fault);
  answer.sentence = http::text_of(fault);
  http::RequestHead nothing;
  const std::string id = request_id(*worker_.snapshot(), peer_, nothing.fields);
  answer.request_id = id;
  Account account;
  const Now now = read_clocks();
  append_own_answer(worker_.output(), nullptr, answer, *worker_.snapshot(), now.wall_seconds(), false, account);
  nothing.method_name = "-";
  nothing.target = http::name_of(fault);
  record(worker_, nothing, peer_, id, account, now, now.steady);
}

bool ClientConnection::push() {
  switch (pending_->write_soon(stream_)) {
    case Sent::all: return true;
    case Sent::some: return false;
    case Sent::failed: broken_ = true; return false;
  }
  return false;
}

net::Task<bool> ClientConnection::drain() {
  const Millis patience = head_limits_of_->config->limits.send_timeout;
  while (!broken_ && (!pending_->empty() || stream_.holds_unsent())) {
    if (push() && !stream_.holds_unsent()) break;
    broken_ = broken_ || stream_.lost();
    if (broken_) break;
    const net::Ready ready = co_await stream_.writable(worker_.loop().now() + patience);
    if (ready == net::Ready::timeout) worker_.metrics().timeouts.add();
    if (ready != net::Ready::yes) {
      stream_.reset_on_close();
      broken_ = true;
    }
  }
  broken_ = broken_ || stream_.lost();
  if (broken_) worker_.metrics().clients_gone.add();
  co_return !broken_;
}

void ClientConnection::finish_uncleanly() {
  // What was sent so far still goes out, then a reset, so that no client takes the rest for whole.
  if (pending_ != nullptr) static_cast<void>(push());
  keep_alive_ = false;
  broken_ = true;
  stream_.reset_on_close();
}

net::Task<void> ClientConnection::finish() {
  if (!pending_->empty() && !push()) static_cast<void>(co_await drain());
}

std::unique_ptr<BodyReader> ClientConnection::read_body(const Request& request) { return std::make_unique<Http1Body>(*this, request); }

net::Task<long> ClientConnection::read_more(SteadyTime deadline, std::size_t most) {
  for (;;) {
    if (stream_.maybe_readable()) {
      std::string& bytes = kept().bytes;
      const std::size_t before = bytes.size();
      bytes.resize(before + most);
      const net::Io io = stream_.read(std::span(bytes.data() + before, most));
      bytes.resize(before + (io.status == net::Io::Status::ok ? io.bytes : 0));
      if (io.status == net::Io::Status::ok) {
        worker_.metrics().bytes_in.add(io.bytes);
        co_return static_cast<long>(io.bytes);
      }
      if (io.status == net::Io::Status::end) co_return 0;
      if (io.status == net::Io::Status::error) co_return -1;
    }
    stream_.doubt();
    const net::Ready ready = co_await stream_.readable(deadline);
    if (ready == net::Ready::timeout) co_return -2;
    if (ready == net::Ready::cancelled) co_return -3;
  }
}

net::Task<void> ClientConnection::tunnel(net::StreamPtr origin, std::string leftover, Millis idle) {
  pending_->text(leftover);
  const bool drained = co_await drain();
  if (!drained) co_return;
  const std::string early = take_unread();
  const bool forwarded = co_await write_all(*origin, early, idle);
  if (!forwarded) co_return;
  Tunnel both(worker_.loop(), idle);
  net::spawn(pump_tunnel(stream_, *origin, both));
  net::spawn(pump_tunnel(*origin, stream_, both));
  while (both.open > 0) static_cast<void>(co_await both.done.wait(SteadyTime::max()));
}

net::Task<bool> ClientConnection::read_proxy_header() {
  const SteadyTime deadline = worker_.loop().now() + head_limits_of_->config->limits.head_timeout;
  for (;;) {
    const http::ProxyHeader header = http::parse_proxy_header(unread());
    if (header.state == http::ParseState::error || unread().size() > kProxyHeaderBytes) co_return false;
    if (header.state == http::ParseState::done) {
      if (!header.local) {
        peer_.address = header.source_address;
        peer_.port = header.source_port;
      }
      kept().bytes.erase(0, header.consumed);
      kept_->head_started = worker_.loop().now();
      starved_ = kept_->bytes.empty();
      if (starved_) kept_.reset();
      co_return true;
    }
    const long got = co_await read_more(deadline, 4096);
    if (got <= 0) co_return false;
  }
}

// What came behind a PROXY header is TLS already.
net::Task<bool> ClientConnection::shake_hands() {
  const SteadyTime deadline = worker_.loop().now() + head_limits_of_->config->handshakes.timeout;
  stream_.start_tls(head_limits_of_->tls[listener_], take_unread());
  starved_ = true;
  const Result<std::monostate, net::TlsFault> shaken = co_await stream_.handshake(deadline);
  observe::WorkerMetrics& metrics = worker_.metrics();
  if (!shaken) {
    metrics.handshakes_failed.add();
    if (shaken.error().kind == net::TlsFault::Kind::timeout) metrics.timeouts.add();
    log_debug("TLS with {}: {}", peer_.address, shaken.error().text);
    co_return false;
  }
  metrics.handshakes.add();
  const net::TlsFacts facts = stream_.tls_facts();
  if (facts.resumed) metrics.handshakes_resumed.add();
  speaks_http2_ = facts.protocol == "h2";
  co_return true;
}

// In clear, by prior knowledge: the first that it says. Over TLS it is agreed on in the handshake.
bool ClientConnection::may_speak_http2() const {
  const config::Config& config = *head_limits_of_->config;
  return requests_ == 0 && !peer_.https && config.http2.enabled && config.listeners[listener_].http2;
}

net::Task<void> ClientConnection::speak_http2() {
  idle_ = false;
  http2_ = std::make_unique<Http2Connection>(worker_, stream_, peer_, head_limits_of_);
  const bool well = co_await http2_->run(take_unread());
  http2_.reset();
  keep_alive_ = false;
  if (!well) broken_ = true;
}

// A close with unread bytes sends RST, which may take the answer away from the client: read on for a moment.
net::Task<void> ClientConnection::linger() {
  while (stream_.holds_unsent()) {
    const net::Ready ready = co_await stream_.writable(worker_.loop().now() + head_limits_of_->config->limits.send_timeout);
    if (ready != net::Ready::yes) co_return;
  }
  stream_.shutdown_write();
  const SteadyTime deadline = worker_.loop().now() + kLingerTime;
  std::size_t read = 0;
  while (read < kLingerBytes) {
    const net::Io io = stream_.read(std::span(worker_.read_buffer().data(), worker_.read_buffer().size()));
    if (io.status == net::Io::Status::end || io.status == net::Io::Status::error) break;
    if (io.status == net::Io::Status::ok) {
      read += io.bytes;
      continue;
    }
    const net::Ready ready = co_await stream_.readable(deadline);
    if (ready != net::Ready::yes) break;
  }
}

void ClientConnection::close_if_idle() {
  if (http2_ != nullptr) http2_->drain();
  else if (idle_) stream_.cancel();
}

void ClientConnection::cancel() {
  if (http2_ != nullptr) http2_->cancel();
  else stream_.cancel();
}

}  // namespace davenport::server
