#include "proxy/origin/exchange.h"

#include <fmt/format.h>

#include "proxy/origin/exchange_impl.h"

namespace davenport::origin {
namespace {

constexpr std::size_t kKeepBytes = 16 * 1024;

// A failure of the server's own making: towards ejection, and worth another server.
bool is_servers(FailureKind kind) {
  return kind == FailureKind::connection_refused || kind == FailureKind::connection_timeout ||
         kind == FailureKind::connection_terminated || kind == FailureKind::response_timeout ||
         kind == FailureKind::tls_certificate_error || kind == FailureKind::tls_protocol_error ||
         kind == FailureKind::tls_alert_received;
}

}  // namespace

Exchange::Impl::Impl(Pool& pool) : pool_(pool), input_(pool.buffer()) {}

void Exchange::Impl::begin(ClusterPtr cluster) {
  cluster_ = std::move(cluster);
  parser_.emplace(cluster_->head_limits());
}

void Exchange::Impl::finish() {
  const bool reusable = connection_ != nullptr && phase_ == Phase::done && request_whole_ && head_.keep_alive && !broken_ &&
                        !abandoned_ && input_.unread().empty() && !stream().holds_unsent();
  input_.clear();
  if (counted_) cluster_->ended(*member_);
  if (reusable) {
    const Keep keep{cluster_->settings().max_idle, cluster_->settings().idle_timeout};
    pool_.park(std::move(connection_), keep, coarse_now());
  }
  connection_.reset();
  tunnel_slot_ = {};
  member_.reset();
  grant_ = {};
  tried_.clear();
  head_.clear();
  trailers_.clear();
  decoder_.reset();
  parser_.reset();
  cluster_.reset();
  timings_ = {};
  request_whole_at_ = {};
  affinity_ = request_left_ = body_left_ = 0;
  bytes_sent_ = 0;
  retries_ = 0;
  stale_ = interim_ = 0;
  phase_ = Phase::idle;
  upgrade_ = careful_ = others_only_ = body_begun_ = request_whole_ = received_ = counted_ = reported_ = broken_ = abandoned_ = false;
}

bool Exchange::Impl::worth_keeping() const { return out_.capacity() <= kKeepBytes && head_bytes_.capacity() <= kKeepBytes; }

// From the connection to the first head; a try that failed is made again where that is allowed.
net::Task<HeadResult> Exchange::Impl::request(const OriginRequest& request) {
  method_ = request.method;
  request_framing_ = request.framing;
  expects_continue_ = request.expect_continue;
  request_left_ = request.framing == http::Framing::length ? request.content_length : 0;
  upgrade_ = request.upgrade;
  affinity_ = request.affinity;
  careful_ = !replayable();
  const bool has_body = request_framing_ != http::Framing::none;
  timings_.started = now();
  write_head(request);
  co_await net::step_back(pool_.loop());             // hits first
  if (abandoned_) co_return failure(FailureKind::cancelled, "given up");

  std::optional<Failure> earlier;                    // why we are here again
  for (;;) {
    ++timings_.attempts;
    std::optional<Failure> failed;
    if (!take_pooled(nullptr)) failed = co_await get_connection();
    if (failed && earlier && !is_servers(failed->kind)) {
      --timings_.attempts;                           // nobody else to ask: the first answer stands
      co_return std::move(*earlier);
    }
    if (abandoned_) co_return failure(FailureKind::cancelled, "given up");    // while there was no connection yet
    if (!failed) {
      iovec head{out_.data(), out_.size()};
      std::span<iovec> pieces(&head, 1);
      failed = send_some(pieces);
      if (!failed && !pieces.empty()) failed = co_await send_rest(pieces);
    }
    if (!failed) {
      phase_ = Phase::awaiting;
      request_whole_ = !has_body || (request_framing_ == http::Framing::length && request_left_ == 0);
      if (has_body) co_return static_cast<const http::ResponseHead*>(nullptr);
      HeadResult head = co_await read_head();
      if (head) co_return head;
      failed = std::move(head.error());
    }
    if (!may_try_again(*failed)) co_return std::move(*failed);
    leave_server();
    earlier = std::move(failed);
  }
}

bool Exchange::Impl::may_try_again(const Failure& failure) {
  if (received_ || !is_servers(failure.kind) || member_ == nullptr) return false;
  const bool sent = bytes_sent_ > 0;
  const config::Origin& settings = cluster_->settings();
  if (timings_.reused && failure.kind == FailureKind::connection_terminated && stale_ < kMaxStale &&
      (!sent || (replayable() && settings.retries > 0))) {
    ++stale_;                                        // closed by the origin while it was idle (RFC 9112 §9.5)
    careful_ = true;
    pool_.sweep(*member_);
    others_only_ = false;
    return true;
  }
  if (sent && !replayable()) return false;           // RFC 9110 §9.2.2
  if (retries_ >= settings.retries || !cluster_->may_retry()) return false;
  ++retries_;
  tried_.push_back(member_);
  others_only_ = failure.kind != FailureKind::connection_terminated;
  return true;
}

void Exchange::Impl::leave_server() {
  input_.clear();
  connection_.reset();
  if (counted_) cluster_->ended(*member_);
  counted_ = false;
}

Failure Exchange::Impl::fail(FailureKind kind, std::string_view detail) {
  broken_ = true;
  // A pooled connection that was closed meanwhile is nobody's fault.
  const bool stale = timings_.reused && !received_ && kind == FailureKind::connection_terminated;
  if (is_servers(kind) && counted_ && !reported_ && !stale) {
    reported_ = true;
    cluster_->failed(*member_, now(), detail);
  }
  return failure(kind, detail);
}

Failure Exchange::Impl::failure(FailureKind kind, std::string_view detail) const {
  std::string text = fmt::format("origin {}: ", cluster_->settings().name);
  if (member_ != nullptr) fmt::format_to(std::back_inserter(text), "{}: ", member_->text);
  text += detail;
  return Failure{kind, std::move(text), !received_};
}

Exchange::Exchange(Connections& connections, ClusterPtr cluster) : impl_(connections.impl_->make_exchange(std::move(cluster))) {}

Exchange::~Exchange() {
  Pool& pool = impl_->pool();
  pool.end_exchange(std::move(impl_));
}

net::Task<HeadResult> Exchange::request(const OriginRequest& request) { return impl_->request(request); }
net::Task<SendResult> Exchange::send_body(std::string_view bytes) { return impl_->send_body(bytes); }
net::Task<SendResult> Exchange::end_body(const http::Fields& trailers) { return impl_->end_body(trailers); }
net::Task<HeadResult> Exchange::next_head() { return impl_->next_head(); }
bool Exchange::head_waiting() const { return impl_->head_waiting(); }
net::Task<bool> Exchange::wait_for_head(SteadyTime deadline) { return impl_->wait_for_head(deadline); }
net::Task<PieceResult> Exchange::read_body() { return impl_->read_body(); }
std::optional<PieceResult> Exchange::try_read_body() { return impl_->try_read_body(); }
const http::Fields& Exchange::trailers() const { return impl_->trailers(); }
net::StreamPtr Exchange::take_stream(std::string& leftover) { return impl_->take_stream(leftover); }
void Exchange::abandon() { impl_->abandon(); }
const Timings& Exchange::timings() const { return impl_->timings(); }
std::string Exchange::server() const { return impl_->server(); }

}  // namespace davenport::origin
