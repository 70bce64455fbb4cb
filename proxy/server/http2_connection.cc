#include "proxy/server/http2_connection.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/base/log.h"
#include "proxy/server/answer.h"
#include "proxy/server/forward.h"
#include "proxy/server/websocket.h"
#include "proxy/server/worker.h"

namespace davenport::server {
namespace {

constexpr Millis kLastCall{300};             // between the two GOAWAYs of a shutdown: requests that were on their way still come in
constexpr Millis kLook{1'000};                // silence after which a client is looked at once
constexpr std::size_t kHeadsSeen = 4;        // × limits.head: what is decoded of a head that is refused

}  // namespace

Http2Connection::Http2Connection(Worker& worker, net::Stream& stream, const Peer& peer, SnapshotPtr limits_of)
    : worker_(worker),
      stream_(stream),
      peer_(peer),
      limits_of_(std::move(limits_of)),
      session_(std::make_unique<Http2Session>(*this, *limits_of_->config, stream.is_tls())),
      head_(limits_of_->config->limits.head),
      resets_(limits_of_->config->http2.resets, limits_of_->config->http2.resets / 10, worker.loop().now()),
      control_(limits_of_->config->http2.control_frames, limits_of_->config->http2.control_frames / 4, worker.loop().now()),
      all_ended_(worker.loop()),
      now_(worker.loop().now()),
      idle_since_(now_),
      check_at_(now_) {
  worker_.metrics().http2_connections.add();
}

Http2Connection::~Http2Connection() = default;

net::Task<bool> Http2Connection::run(std::string early) {
  draining_ = draining_ || worker_.shared().draining.load(std::memory_order_relaxed);
  bool open = turn(early), looked = false;
  std::string().swap(early);
  while (open && !broken_ && !killed_) {
    if (draining_ && !announced_) {
      announce_end();
      continue;
    }
    if (stream_.maybe_readable()) {                    // it has said a lot: the others' turn first
      co_await net::yield(worker_.loop());
      open = turn({});
      continue;
    }
    // A client that is silent for a moment may have gone: a reset that came with its last bytes makes no edge of its own.
    const SteadyTime due = deadline();
    const net::Ready ready = co_await stream_.readable(looked ? due : std::min(due, worker_.loop().now() + kLook));
    if (broken_) break;
    const bool late = ready == net::Ready::timeout && worker_.loop().now() >= due;
    looked = ready == net::Ready::timeout && !late;
    if (looked) stream_.doubt();
    if (late) open = timed_out();
    else if (ready != net::Ready::cancelled) open = turn({});
    else open = !worker_.loop().stopping() && !session_->done();
  }
  end_streams();
  while (stories_ > 0 || writing_) static_cast<void>(co_await all_ended_.wait(SteadyTime::max()));
  if (out_ != nullptr) worker_.give_back(std::move(out_));
  co_return !broken_ && !killed_;
}

SteadyTime Http2Connection::deadline() const {
  SteadyTime due = goaway_at_;
  if (head_since_ != SteadyTime::max()) due = std::min(due, head_since_ + limits().head_timeout);
  return std::min(due, open_ == 0 ? idle_since_ + limits().idle_timeout : check_at_);
}

bool Http2Connection::head_is_late() const { return head_since_ != SteadyTime::max() && now_ > head_since_ + limits().head_timeout; }

bool Http2Connection::timed_out() {
  const Turn turn(*this);
  now_ = worker_.loop().now();
  if (head_is_late()) {
    worker_.metrics().timeouts.add();
    session_->end(Http2Error::calm);
  } else if (now_ >= goaway_at_) {
    goaway_at_ = SteadyTime::max();
    session_->end(Http2Error::none);
  } else if (open_ == 0 && now_ >= idle_since_ + limits().idle_timeout) {
    session_->end(Http2Error::none);
  }
  check_stalled();
  flush();
  return !session_->done();
}

// Answers that do not move, because their client opens no window for them.
void Http2Connection::check_stalled() {
  if (now_ < check_at_) return;
  check_at_ = now_ + limits().send_timeout / 2;
  for (Http2Stream* stream = streams_; stream != nullptr; stream = stream->next) {
    if (stream->closed || !stream->stalled_since(now_ - limits().send_timeout)) continue;
    worker_.metrics().timeouts.add();
    session_->reset(stream->id(), Http2Error::cancel);
  }
}

bool Http2Connection::turn(std::string_view early) {
  const Turn turn(*this);
  std::uint64_t moved = 0;
  std::string_view bytes = early;
  for (;;) {
    clocks_ = read_clocks();
    now_ = clocks_.steady;
    if (bytes.empty()) {
      const net::Io io = stream_.read(std::span(worker_.read_buffer().data(), worker_.read_buffer().size()));
      if (io.status == net::Io::Status::again) break;
      if (io.status != net::Io::Status::ok) {
        broken_ = true;
        break;
      }
      worker_.metrics().bytes_in.add(io.bytes);
      bytes = {worker_.read_buffer().data(), io.bytes};
    }
    moved += bytes.size();
    session_->receive(bytes);
    bytes = {};
    if (head_is_late()) session_->end(Http2Error::calm);
    if (open_ > 0) check_stalled();
    flush();
    // What hits have borrowed is written, or holds a reference of its own.
    for (Http2Stream* const stream : touched_) stream->output().settle();
    touched_.clear();
    worker_.hot().settle();
    if (broken_ || session_->done() || moved >= net::kTurnBytes) break;
  }
  return !broken_ && !session_->done();
}

void Http2Connection::flush() {
  while (!broken_) {
    if (flooded_ && !std::exchange(calmed_, true)) {
      worker_.metrics().http2_calmed.add();
      log_debug("{}: more HTTP/2 frames than a client may send", peer_.address);
      session_->end(Http2Error::calm);
    }
    if (out_ == nullptr) out_ = worker_.make_output();
    if (!over_) session_->send(*out_);                 // afterwards nghttp2 speaks of streams that are no more
    if (out_->empty()) break;
    const bool more = out_->unsent_bytes() >= Http2Session::kMostUnsent || (flooded_ && !calmed_);
    const Sent sent = out_->write(stream_);
    if (sent == Sent::failed) broken_ = true;
    if (sent == Sent::some && !writing_) write_on(this);
    if (sent != Sent::all || !more) break;
  }
  if (broken_ && out_ != nullptr) out_->clear();
  if (out_ != nullptr && out_->empty()) worker_.give_back(std::move(out_));
}

// Sends what the socket did not take at once.
net::Detached Http2Connection::write_on(Http2Connection* self) {
  self->writing_ = true;
  while (!self->broken_ && self->out_ != nullptr && !self->out_->empty()) {
    const net::Ready ready = co_await self->stream_.writable(self->worker_.loop().now() + self->limits().send_timeout);
    if (self->broken_) break;
    if (ready == net::Ready::cancelled && !self->killed_ && !self->worker_.loop().stopping()) continue;
    const Turn turn(*self);
    if (ready == net::Ready::yes) {
      self->now_ = self->worker_.loop().now();
      self->flush();
      continue;
    }
    if (ready == net::Ready::timeout) self->worker_.metrics().timeouts.add();
    self->worker_.metrics().clients_gone.add();
    self->stream_.reset_on_close();
    self->broken_ = true;
  }
  self->writing_ = false;
  const Turn turn(*self);
}

void Http2Connection::awake(Http2Stream& stream, net::Notify& what) {
  if (what.waiting()) awake_.push_back({&stream, &what});
}

// Whoever has to be told is told, one after the other; they may add to the lists. Nothing of the connection is touched behind a call
// that may end it.
void Http2Connection::after() {
  ++depth_;
  while (!fresh_.empty() || !leaving_.empty() || !awake_.empty()) {
    for (auto& [stream, request] : std::exchange(fresh_, {})) stream->start(std::move(request));
    for (Http2Stream* const stream : std::exchange(leaving_, {})) stream->leave();
    for (const Waiting& waiting : std::exchange(awake_, {})) {
      if (waiting.what->waiting()) waiting.what->notify();
    }
  }
  --depth_;
  reap();
  if (broken_ && !over_) {
    stream_.cancel();                                  // run() waits for bytes that nobody can answer
  } else if (over_ && stories_ == 0 && !writing_ && all_ended_.waiting()) {
    all_ended_.notify();
  }
}

void Http2Connection::reap() {
  for (Http2Stream* const stream : std::exchange(dead_, {})) {
    if (stream->previous != nullptr) stream->previous->next = stream->next;
    else streams_ = stream->next;
    if (stream->next != nullptr) stream->next->previous = stream->previous;
    delete stream;
  }
}

void Http2Connection::end_streams() {
  const Turn turn(*this);
  over_ = true;
  for (Http2Stream* stream = streams_; stream != nullptr; stream = stream->next) {
    if (!stream->closed) on_close(*stream);
  }
}

void Http2Connection::announce_end() {
  const Turn turn(*this);
  announced_ = true;
  now_ = worker_.loop().now();
  goaway_at_ = now_ + kLastCall;
  session_->announce_end();
  flush();
}

void Http2Connection::drain() {
  draining_ = true;
  stream_.cancel();                                    // run() sees to it
}

void Http2Connection::cancel() {
  killed_ = true;
  stream_.cancel();
}

Http2Stream* Http2Connection::on_head_begins(std::int32_t id) {
  head_.clear();
  const std::uint32_t most = limits_of_->config->http2.streams;
  head_refused_ = stories_ >= most || open_ >= most;
  if (head_refused_) {
    worker_.metrics().http2_refused_streams.add();
    return nullptr;
  }
  auto* const stream = new Http2Stream(*this, id);     // reap() deletes it
  stream->next = streams_;
  if (streams_ != nullptr) streams_->previous = stream;
  streams_ = head_of_ = stream;
  head_since_ = now_;
  ++open_;
  return stream;
}

void Http2Connection::on_field(std::string_view name, std::string_view value) {
  if (head_refused_) return;
  head_.add(name, value);
  if (head_.seen_bytes() > kHeadsSeen * limits().head.head_bytes) flooded_ = true;
}

void Http2Connection::on_request(Http2Stream& stream, bool ends) {
  if (ends) stream.on_body_ends();
  ++requests_;
  if (const std::uint32_t most = limits().requests_per_connection; most != 0 && requests_ == most) session_->end(Http2Error::none);
  if (const auto fault = head_.finish(ends, parsed_)) return refuse(stream, *fault);
  // Another scheme than the connection's is refused by the story, as that of an absolute target is.
  const bool own_scheme = parsed_.scheme.empty() || iequals(parsed_.scheme, peer_.https ? "https" : "http");
  if (!own_scheme && parsed_.form == http::TargetForm::origin) parsed_.form = http::TargetForm::absolute;
  Looked looked;
  if (own_scheme && answer_now(worker_, peer_, parsed_, true, clocks_, stream.output(), looked)) {
    stream.answer_is_whole();
    stream.say_heads();
    touched_.push_back(&stream);
    return;
  }
  begin_story(stream, looked);
}

void Http2Connection::begin_story(Http2Stream& stream, Looked& looked) {
  std::unique_ptr<Request> request = take_request(worker_, peer_, parsed_, head_.bytes(), clocks_, looked);
  if (request->head.wants_upgrade) {
    Peer nobody;
    request->head.fields.remove("sec-websocket-key");
    request->head.fields.add_copy("Sec-WebSocket-Key", websocket_key(request_id(*request->snapshot, nobody, {})));
  }
  if (const http::Field* const field = request->head.fields.find("priority")) stream.priority = http::read_priority(field->value, {});
  stream.story_is_coming();
  ++stories_;
  fresh_.emplace_back(&stream, std::move(request));
}

void Http2Connection::refuse(Http2Stream& stream, http::ParseFault fault) {
  worker_.metrics().parse_errors.add();
  worker_.metrics().client_errors.add();
  OwnAnswer answer;
  answer.status = http::status_of(fault);
  answer.sentence = http::text_of(fault);
  http::RequestHead nothing;
  nothing.major = 2;
  const std::string id = request_id(*worker_.snapshot(), peer_, nothing.fields);
  answer.request_id = id;
  Account account;
  append_own_answer(stream.output(), nullptr, answer, *worker_.snapshot(), clocks_.wall_seconds(), false, account);
  nothing.method_name = "-";
  nothing.target = http::name_of(fault);
  record(worker_, nothing, peer_, id, account, clocks_, clocks_.steady);
  stream.answer_is_whole();
  stream.say_heads();
}

void Http2Connection::on_close(Http2Stream& stream) {
  stream.closed = true;
  if (--open_ == 0) idle_since_ = now_;
  if (&stream == head_of_) on_head_ends();             // refused within its head
  if (stream.busy()) leaving_.push_back(&stream);
  else dead_.push_back(&stream);
}

void Http2Connection::story_ended(Http2Stream& stream) {
  const Turn turn(*this);
  --stories_;
  if (stream.closed) dead_.push_back(&stream);
}

void Http2Connection::on_control_frame() {
  if (!control_.take(now_)) flooded_ = true;
}

void Http2Connection::on_client_caused_reset() {
  worker_.metrics().http2_resets.add();
  if (!resets_.take(now_)) flooded_ = true;
}

}  // namespace davenport::server
