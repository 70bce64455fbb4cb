#include "proxy/server/client_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/log.h"
#include "core/http/proxy_protocol.h"
#include "proxy/server/answer.h"
#include "proxy/server/form.h"
#include "proxy/server/forward.h"
#include "proxy/server/story.h"

namespace davenport::server {
namespace {

using http::FieldId;

constexpr std::uint64_t kBatchBytes = 1 << 20;        // answers of one batch, before what is ready is sent
constexpr std::size_t kBatchItems = 96;
constexpr Millis kLingerTime{2'000};
constexpr std::size_t kLingerBytes = 256 << 10;
constexpr std::size_t kProxyHeaderBytes = 4 << 10;

// What makes a request more than a plain GET of what is stored. Conditions and ranges are not among them: hit.cc makes
// those answers without suspending.
constexpr std::uint64_t kLongWay = http::field_bit(FieldId::upgrade) | http::field_bit(FieldId::expect);

}  // namespace

ClientConnection::ClientConnection(Worker& worker, int fd, const net::SocketAddress& peer, const config::Listener& listener,
                                   std::size_t listener_index, bool by_address)
    : worker_(worker),
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
  return input_.empty() ? now + limits.idle_timeout : head_started_ + limits.head_timeout;
}

void ClientConnection::say_and_close(int status, std::string_view sentence, std::string_view more_fields) {
  OwnAnswer own;
  own.status = status;
  own.sentence = sentence;
  own.more_fields = more_fields;
  Account account;
  pending_ = worker_.make_output();
  append_own_answer(*pending_, nullptr, own, *head_limits_of_, std::chrono::floor<Seconds>(read_wall_clock()), false, account);
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
      const net::Ready ready = co_await self->stream_.readable(self->wait_deadline(self->worker_.loop().now()));
      next = self->woken(ready);
    } else {
      co_await self->busy();
      next = self->next_turn();
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
  idle_ = input_.empty();
  return idle_ && worker_.shared().draining.load(std::memory_order_relaxed) ? Next::leave : Next::wait;
}

ClientConnection::Next ClientConnection::woken(net::Ready ready) {
  if (ready == net::Ready::cancelled) return Next::leave;
  if (ready == net::Ready::yes) return take_turn();
  worker_.metrics().timeouts.add();
  if (input_.empty()) return Next::leave;
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

// What may suspend: the PROXY header, the TLS handshake, unsent answers, a request on the long way.
net::Task<void> ClientConnection::busy() {
  if (proxy_protocol_ || greets_) {
    bool welcome = true;
    if (proxy_protocol_) welcome = co_await read_proxy_header();
    if (welcome && greets_) welcome = co_await shake_hands();
    if (!welcome) broken_ = true;
    else if (proxy_protocol_) count_address();
    proxy_protocol_ = greets_ = false;
  }
  if (pending_ != nullptr && !pending_->empty()) {
    const bool drained = co_await drain();
    if (!drained) co_return;
  }
  if (request_ != nullptr) {
    if (pending_ == nullptr) pending_ = worker_.make_output();
    co_await answer(*this, *request_);
    worker_.give_back(std::move(request_));
  }
  if (pending_ != nullptr) worker_.give_back(std::move(pending_));
}

ClientConnection::Taken ClientConnection::take() {
  // Bytes go into the worker's buffer, behind what is left of the last read: a request that came whole is never copied.
  std::vector<char>& buffer = worker_.read_buffer();
  std::size_t size = input_.size();
  if (buffer.size() < size + (16 << 10)) buffer.resize(size + (64 << 10));
  std::memcpy(buffer.data(), input_.data(), size);
  if (starved_) {
    const net::Io io = stream_.read(std::span(buffer.data() + size, buffer.size() - size));
    switch (io.status) {
      case net::Io::Status::ok:
        if (size == 0) head_started_ = worker_.loop().now();
        size += io.bytes;
        worker_.metrics().bytes_in.add(io.bytes);
        break;
      case net::Io::Status::again: return Taken::starved;
      case net::Io::Status::end:
        // The client has closed its side; what is left is no whole request.
        keep_alive_ = false;
        if (!input_.empty()) broken_ = true;
        return Taken::closing;
      case net::Io::Status::error: broken_ = true; return Taken::closing;
    }
  }
  starved_ = false;
  std::string_view in(buffer.data(), size);
  const std::string_view before = input_;
  Taken result = Taken::starved;
  const Now now = read_clocks();
  http::RequestHead& head = worker_.head();
  Output& out = worker_.output();
  http::RequestParser parser = half_parsed_ != nullptr ? *half_parsed_ : http::RequestParser(head_limits_of_->config->limits.head);
  if (half_parsed_ != nullptr) half_parsed_.reset();
  while (true) {
    if (in.empty()) {
      starved_ = true;
      break;
    }
    const http::ParseResult parsed = parser.parse(in, head);
    if (parsed.state == http::ParseState::need_more) {
      starved_ = true;
      half_parsed_ = std::make_unique<http::RequestParser>(parser);
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
    if (!answer_now(head, now)) {
      request_ = worker_.make_request();
      Request& request = *request_;
      request.snapshot = worker_.snapshot();
      request.now = now;
      request.take(head, in.substr(0, parsed.consumed));
      request.peer = peer_;
      request.scheme = peer_.https ? "https" : "http";
      request.route = route_of(*request.snapshot, request.head.authority, request.head.path, worker_.text_scratch());
      request.id = request_id(*request.snapshot, peer_, request.head.fields);
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
    if (!input_.empty()) std::string().swap(input_);
  } else if (in.data() != buffer.data() || in.size() != before.size()) {
    const bool fresh = in.data() != buffer.data();
    input_.assign(in);
    if (fresh) head_started_ = now.steady;
  }
  return result;
}

bool ClientConnection::answer_now(const http::RequestHead& head, const Now& now) {
  if (head.method != http::Method::get && head.method != http::Method::head) return false;
  if (head.framing != http::Framing::none || (head.fields.present() & kLongWay) != 0 || peer_.redirect_port != 0) return false;
  const Snapshot& snapshot = *worker_.snapshot();
  const config::Route* const route = route_of(snapshot, head.authority, head.path, worker_.text_scratch());
  if (route == nullptr) return false;
  const config::CacheRules& rules = route->cache;
  if (policy::must_pass(head, rules)) return false;
  const std::string_view host = route->hosts.empty() ? std::string_view{} : policy::canonical_host(*route, head.authority);
  const policy::KeyParts key = policy::make_key(head, peer_.https ? "https" : "http", host, rules, worker_.key_scratch());
  const purge::Log& log = worker_.shared().purge_log;
  HotTable& hot = worker_.hot();
  HotTable::Formatted* formatted = nullptr;
  const store::StoredResponse* stored = hot.find(key, formatted);
  if (stored != nullptr) {
    stored->mark_hit();
  } else {
    store::Lookup found = worker_.shared().store.find(key, head.fields, rules, worker_.text_scratch());
    if (!found.stored || found.stored->marker()) return false;
    stored = hot.keep(key.hash, std::move(found.stored));
  }
  const purge::Position position = log.position();
  if (stored->checked_at() != position) {
    if (log.check(stored->names(), stored->checked_at()) != policy::PurgeState::valid) return false;
    stored->mark_checked(position);
  }
  if (stored->soft_purged() || stored->facts().partial) return false;
  const WallSeconds wall = now.wall_seconds();
  policy::Reason reason = policy::Reason::fresh_hit;
  constexpr std::uint64_t kAsks = http::field_bit(FieldId::cache_control) | http::field_bit(FieldId::pragma) | http::field_bit(FieldId::authorization);
  const policy::StoredFacts& facts = stored->facts();
  if ((head.fields.present() & kAsks) != 0 || !facts.fresh(wall) || facts.no_cache) {
    const policy::Decision decision =
        policy::decide(policy::read_ask(head, rules), &facts, policy::PurgeState::valid, false, rules, wall);
    if (decision.action != policy::Action::serve) return false;
    reason = decision.reason;
  }
  const store::StoredResponse* sent = stored;
  if (stored->codable()) {
    sent = form_now(head, rules.compression, key.hash, *stored, formatted);
    if (sent == nullptr) return false;
  }
  Account account;
  HitLabel label;
  label.reason = reason;
  label.keep_alive = keep_alive_;
  if (formatted != nullptr && reason == policy::Reason::fresh_hit && keep_alive_ && head.minor != 0 && is_plain(head)) {
    append_hot_hit(worker_.output(), head, *sent, label, *formatted, snapshot, rules, wall, account);
  } else {
    append_hit(worker_.output(), head, *sent, label, snapshot, rules, wall, account);
  }
  if (sent != stored) count_saved(worker_, *stored, *sent, account);
  record(worker_, head, peer_, worker_.ring() != nullptr ? request_id(snapshot, peer_, head.fields) : std::string{}, account, now, now.steady);
  return true;
}

// What is sent of a source without waiting, and where its head is kept as formatted; null: the long way has it made, or asks the
// origin.
const store::StoredResponse* ClientConnection::form_now(const http::RequestHead& head, const config::Compression& rules,
                                                        const Hash128& hash, const store::StoredResponse& source,
                                                        HotTable::Formatted*& formatted) {
  const Wants& wants = worker_.wants().of(head.fields, rules);
  const Shape shape = shape_for(source, head.fields, wants, rules);
  if (shape.kind == Shape::Kind::source) return &source;
  if (shape.kind == Shape::Kind::ask_origin) return nullptr;
  HotTable::Form* const hot = worker_.hot().form(hash, source, shape.coding);
  const store::StoredResponse* form = nullptr;
  if (hot != nullptr) {
    form = &*hot->response;
    form->mark_hit();
    if (++hot->served == rules.popular_after) order_strong(worker_, source, *form, rules);
  } else {
    store::StoredPtr found = worker_.shared().store.form(source, shape.coding);
    if (!found) return nullptr;
    // Too large or too many for the table, where hits are counted: the store's own small counter has to do.
    const bool popular = rules.popular_after != 0 && found->often_hit() && !worker_.hot().holds(hash, source);
    form = worker_.hot().keep_form(hash, source, std::move(found));
    if (popular) order_strong(worker_, source, *form, rules);
  }
  if (!worth_sending(source, *form, wants)) return &source;
  formatted = hot == nullptr ? nullptr : &hot->formatted;
  return form;
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
  switch (pending_->write(stream_)) {
    case Sent::all: return true;
    case Sent::some: return false;
    case Sent::failed: broken_ = true; return false;
  }
  return false;
}

net::Task<bool> ClientConnection::drain() {
  const Millis patience = head_limits_of_->config->limits.send_timeout;
  while (!broken_ && !pending_->empty()) {
    if (push()) break;
    if (broken_) break;
    const net::Ready ready = co_await stream_.writable(worker_.loop().now() + patience);
    if (ready == net::Ready::timeout) worker_.metrics().timeouts.add();
    if (ready != net::Ready::yes) {
      stream_.reset_on_close();
      broken_ = true;
    }
  }
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

net::Task<long> ClientConnection::read_more(SteadyTime deadline, std::size_t most) {
  for (;;) {
    const std::size_t before = input_.size();
    if (stream_.maybe_readable()) {
      input_.resize(before + most);
      const net::Io io = stream_.read(std::span(input_.data() + before, most));
      input_.resize(before + (io.status == net::Io::Status::ok ? io.bytes : 0));
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

net::Task<bool> ClientConnection::read_proxy_header() {
  const SteadyTime deadline = worker_.loop().now() + head_limits_of_->config->limits.head_timeout;
  for (;;) {
    const http::ProxyHeader header = http::parse_proxy_header(input_);
    if (header.state == http::ParseState::error || input_.size() > kProxyHeaderBytes) co_return false;
    if (header.state == http::ParseState::done) {
      if (!header.local) {
        peer_.address = header.source_address;
        peer_.port = header.source_port;
      }
      input_.erase(0, header.consumed);
      starved_ = input_.empty();
      head_started_ = worker_.loop().now();
      co_return true;
    }
    const long got = co_await read_more(deadline, 4096);
    if (got <= 0) co_return false;
  }
}

// What came behind a PROXY header is TLS already.
net::Task<bool> ClientConnection::shake_hands() {
  const SteadyTime deadline = worker_.loop().now() + head_limits_of_->config->handshakes.timeout;
  stream_.start_tls(head_limits_of_->tls[listener_], std::exchange(input_, {}));
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
  if (stream_.tls_facts().resumed) metrics.handshakes_resumed.add();
  co_return true;
}

// A close with unread bytes sends RST, which may take the answer away from the client: read on for a moment.
net::Task<void> ClientConnection::linger() {
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
  if (idle_) stream_.cancel();
}

void ClientConnection::cancel() { stream_.cancel(); }

}  // namespace davenport::server
