#include "proxy/server/http2_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/text.h"
#include "core/http/serializer.h"
#include "proxy/server/http2_body.h"
#include "proxy/server/http2_connection.h"
#include "proxy/server/story.h"
#include "proxy/server/tunnel.h"

namespace davenport::server {

using Turn = Http2Connection::Turn;

Http2Stream::Http2Stream(Http2Connection& connection, std::int32_t id)
    : Client(connection.worker()),
      connection_(connection),
      id_(id),
      output_(connection.worker().make_output()),
      moved_(connection.worker().loop()),
      arrived_(connection.worker().loop()),
      moved_at_(connection.now()) {}

Http2Stream::~Http2Stream() { worker().give_back(std::move(output_)); }

void Http2Stream::start(std::unique_ptr<Request> request) {
  request_ = std::move(request);
  if (!closed && !connection_.ending()) {
    run(this);
    return;
  }
  worker().give_back(std::move(request_));             // reset before it began, or of a client that is being sent away
  stop_reading();
  busy_ = false;
  connection_.story_ended(*this);
}

net::Detached Http2Stream::run(Http2Stream* self) {
  co_await answer(*self, *self->request_);
  self->worker().give_back(std::move(self->request_));
  self->stop_reading();
  self->busy_ = false;
  self->connection_.story_ended(*self);
}

void Http2Stream::say_heads() {
  thread_local std::string scratch;
  thread_local std::vector<http::Field> lines;
  while (!head_said_) {
    const std::string_view head = output_->take_head(scratch);
    if (head.empty()) return;
    int status = http::read_answer_head(head, lines);
    if (status == 101) {                               // RFC 8441 §5: that the tunnel stands is said by a 200
      status = 200;
      std::erase_if(lines, [](const http::Field& line) { return iequals(line.name, "sec-websocket-accept"); });
    }
    if (status < 200) {
      connection_.session().interim(*this, status, lines);
      continue;
    }
    head_said_ = true;
    moved_at_ = connection_.now();
    // RFC 9218 §8: the origin knows what its answer is worth.
    for (const http::Field& line : lines) {
      if (iequals(line.name, "priority")) connection_.session().prioritize(id_, http::read_priority(line.value, priority));
    }
    const bool whole = answer_ended_ && output_->empty() && trailers_out_.empty();
    connection_.session().respond(*this, status, lines, !whole);
  }
}

bool Http2Stream::push() {
  if (gone_) return false;
  const Turn turn(connection_);
  say_heads();
  if (head_said_) connection_.session().resume(id_);
  connection_.flush();
  if (output_->empty()) return true;
  output_->settle();
  return false;
}

net::Task<bool> Http2Stream::drain() {
  static_cast<void>(push());
  while (!gone_ && !output_->empty()) static_cast<void>(co_await moved_.wait(SteadyTime::max()));
  if (gone_) worker().metrics().clients_gone.add();
  co_return !gone_;
}

net::Task<void> Http2Stream::finish() {
  if (gone_) co_return;
  answer_ended_ = true;
  if (!push()) static_cast<void>(co_await drain());
  if (!gone_ && !head_said_) finish_uncleanly();       // no answer at all
}

void Http2Stream::finish_uncleanly() {
  if (gone_) return;
  const Turn turn(connection_);
  static_cast<void>(push());                           // what was sent so far still goes out, then the reset
  connection_.session().reset(id_, Http2Error::internal);
  gone_ = true;
  output_->clear();
  connection_.flush();
}

void Http2Stream::send_trailers(const http::Fields& fields) {
  const http::HopByHop hop(fields);
  for (const http::Field& field : fields) {
    if (!hop(field) && http::may_trail(field)) trailers_out_.add_copy(field.name, field.value);
  }
}

void Http2Stream::give(std::size_t bytes, Output& into) {
  output_->hand_over(bytes, into);
  moved_at_ = connection_.now();
  if (output_->empty()) connection_.awake(*this, moved_);
}

void Http2Stream::leave() {
  if (gone_ || (tunnel_ == nullptr && answer_ended_ && output_->empty())) return;      // a tunnel has two ends
  gone_ = true;
  output_->clear();
  if (arrived_.waiting()) arrived_.notify();
  if (moved_.waiting()) moved_.notify();
  if (exchange_ != nullptr) exchange_->abandon();
  if (tunnel_ != nullptr) tunnel_->cancel();
}

// The request's body.

bool Http2Stream::on_body(std::string_view bytes) {
  if (!busy_ || gone_ || reading_stopped_) return false;
  inbox_.append(bytes);
  connection_.awake(*this, arrived_);
  return true;
}

bool Http2Stream::on_trailer(std::string_view name, std::string_view value) {
  if (http::check_http2_trailer(name, value)) return false;
  const http::HeadLimits& limits = connection_.limits().head;
  trailer_bytes_ += name.size() + value.size();
  if (trailer_bytes_ > limits.head_bytes || trailers_in_.size() >= limits.field_count) return false;
  if (busy_) trailers_in_.add_copy(name, value);
  return true;
}

void Http2Stream::on_body_ends() {
  body_ended_ = true;
  connection_.awake(*this, arrived_);
}

std::unique_ptr<BodyReader> Http2Stream::read_body(const Request& request) { return std::make_unique<Http2Body>(*this, request); }

net::Task<net::Wake> Http2Stream::body_arrives(SteadyTime deadline) { co_return co_await arrived_.wait(deadline); }

std::string Http2Stream::take_inbox() { return std::exchange(inbox_, {}); }

void Http2Stream::consumed(std::size_t bytes) {
  if (bytes == 0 || connection_.broken()) return;
  const Turn turn(connection_);
  connection_.session().consume(id_, bytes);
  connection_.flush();
}

void Http2Stream::stop_reading() {
  reading_stopped_ = true;
  consumed(take_inbox().size());
  if (arrived_.waiting()) arrived_.notify();
}

// A tunnel: DATA one way and the other (RFC 8441 §5).

net::Task<void> Http2Stream::pump_to_origin(Http2Stream& self, net::Stream& origin, Tunnel& tunnel) {
  bool failed = false;
  for (;;) {
    const std::string bytes = self.take_inbox();
    if (!bytes.empty()) {
      tunnel.moved = tunnel.loop.now();
      const bool passed_on = co_await write_all(origin, bytes, tunnel.idle);
      self.consumed(bytes.size());
      failed = !passed_on;
      if (failed) break;
      continue;
    }
    if (self.gone_ || self.body_ended_) break;
    const net::Wake wake = co_await self.arrived_.wait(tunnel.ends());
    if (wake == net::Wake::timeout && tunnel.ends() > tunnel.loop.now()) continue;      // the other direction is at work
    failed = wake != net::Wake::notified;
    if (failed) break;
  }
  if (failed || self.gone_) origin.cancel();
  else origin.shutdown_write();
  if (--tunnel.open == 0) tunnel.done.notify();
}

net::Task<void> Http2Stream::pump_to_client(Http2Stream& self, net::Stream& origin, Tunnel& tunnel) {
  std::string bytes(kTunnelBytes, '\0');
  bool failed = false;
  while (!self.gone_) {
    origin.doubt();
    const net::Ready ready = co_await origin.readable(tunnel.ends());
    if (ready == net::Ready::timeout && tunnel.ends() > tunnel.loop.now()) continue;
    failed = ready != net::Ready::yes;
    if (failed) break;
    const net::Io got = origin.read(bytes);
    if (got.status == net::Io::Status::again) continue;
    if (got.status == net::Io::Status::end) break;
    failed = got.status == net::Io::Status::error;
    if (failed) break;
    tunnel.moved = tunnel.loop.now();
    self.output_->borrowed(std::string_view(bytes).substr(0, got.bytes));
    if (self.push()) continue;
    const bool drained = co_await self.drain();
    failed = !drained;
    if (failed) break;
  }
  if (failed) self.finish_uncleanly();
  else co_await self.finish();
  if (failed) self.stop_reading();
  if (--tunnel.open == 0) tunnel.done.notify();
}

net::Task<void> Http2Stream::tunnel(net::StreamPtr origin, std::string leftover, Millis idle) {
  output_->text(leftover);
  const bool drained = co_await drain();
  if (!drained) co_return;
  tunnel_ = origin.get();
  Tunnel both(worker().loop(), idle);
  net::spawn(pump_to_origin(*this, *origin, both));
  net::spawn(pump_to_client(*this, *origin, both));
  while (both.open > 0) static_cast<void>(co_await both.done.wait(SteadyTime::max()));
  tunnel_ = nullptr;
}

}  // namespace davenport::server
