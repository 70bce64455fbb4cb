#include "proxy/server/relay.h"

#include "cache/policy/validate.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/serializer.h"
#include "proxy/server/answer.h"
#include "proxy/server/body_reader.h"
#include "proxy/server/cache_status.h"
#include "proxy/server/client.h"
#include "proxy/server/early_hints.h"
#include "proxy/server/forward.h"
#include "proxy/server/hit.h"
#include "proxy/server/keep.h"
#include "proxy/server/relay_answer.h"
#include "proxy/server/story.h"
#include "proxy/server/websocket.h"

namespace davenport::server {
namespace {

constexpr Millis kContinueWait{1'000};          // for an origin that never says 100 (RFC 9110 §10.1.1: a client may not wait for ever)

// The request's body on its way to the origin, beside the answer's way back. It lives in relay()'s frame, which waits for it.
struct BodyPump {
  BodyPump(Client& client, const Request& request, origin::Exchange& origin)
      : reader(client.read_body(request)), exchange(origin), finished(client.worker().loop()) {}
  const std::unique_ptr<BodyReader> reader;
  origin::Exchange& exchange;
  net::Notify finished;
  bool running = false;
  BodyReader::Fault fault = BodyReader::Fault::none;
  bool origin_failed = false;
};

net::Task<void> pump_body(BodyPump& pump) {
  for (;;) {
    const BodyReader::Piece piece = co_await pump.reader->read();
    pump.fault = piece.fault;
    if (piece.fault != BodyReader::Fault::none) break;
    if (!piece.bytes.empty()) {
      const auto sent = co_await pump.exchange.send_body(piece.bytes);
      if (!sent) {
        pump.origin_failed = true;
        break;
      }
    }
    if (piece.end) {
      const auto ended = co_await pump.exchange.end_body(pump.reader->trailers());
      pump.origin_failed = !ended;
      break;
    }
  }
  pump.running = false;
  if (pump.fault != BodyReader::Fault::none && !pump.finished.waiting()) {
    // A body that will not come whole ends the exchange, so that nobody waits for an answer to half a request. That resumes
    // relay(), which may end there and take `pump` with it: nothing of it is touched any more.
    pump.exchange.abandon();
    co_return;
  }
  pump.finished.notify();
}

void append_body_fault(Client& client, const Request& request, BodyReader::Fault fault, Account& account) {
  OwnAnswer own;
  switch (fault) {
    case BodyReader::Fault::slow:
      own.status = 408;
      own.sentence = "The request's body came too slowly.";
      break;
    case BodyReader::Fault::too_large:
      own.status = 413;
      own.sentence = "The request's body is larger than this server takes (limits.body).";
      break;
    case BodyReader::Fault::malformed:
      own.status = 400;
      own.sentence = "The request's chunked body is malformed.";
      break;
    case BodyReader::Fault::none:
    case BodyReader::Fault::gone:
    case BodyReader::Fault::cancelled:
      account.status = 499;                     // nobody to tell: the log's name for a client that left
      client.finish_uncleanly();
      return;
  }
  client.close_after_this();
  own.request_id = request.id;
  append_own_answer(client.output(), &request.head, own, *request.snapshot, read_wall_seconds(), false, account);
}

// After an unsafe request's non-error answer what it concerned is stale everywhere (RFC 9111 §4.4). The position of that purge.
std::optional<purge::Position> invalidate(Worker& worker, const Request& request, const http::ResponseHead& head) {
  if (http::is_safe(request.head.method)) return std::nullopt;
  purge::Request purge;
  for (const std::string& uri : policy::invalidated_by(request.head, request.scheme, head)) {
    std::string resource = policy::purge_resource(uri, request.head.authority, *request.snapshot->config);
    if (!resource.empty()) purge.targets.push_back({purge::Kind::url, std::move(resource)});
  }
  if (purge.targets.empty()) return std::nullopt;
  purge.by = "unsafe request";
  // It holds here when submit() returns; how far it comes in a fleet is not waited for.
  std::function<void(Result<purge::Receipt>)> done = [](const Result<purge::Receipt>& recorded) {
    if (!recorded) log_warning("an unsafe request's invalidation could not be recorded: {}", recorded.error().message);
  };
  worker.shared().purge_log.submit(purge, std::move(done));
  return worker.shared().purge_log.position();
}

// What the answer to a HEAD says of a stored GET (RFC 9111 §4.3.5).
void compare_with_stored(Worker& worker, const Request& request, const origin::OriginRequest& asked, purge::Position asked_at,
                         const http::ResponseHead& head, const policy::Times& times) {
  if (request.head.method != http::Method::head || !request.stored || request.stored->facts().partial) return;
  if (outdated_head(*request.snapshot, *request.route, request.stored->facts())) return;      // an update would make it seem new
  if (request.ask.authorization && !request.stored->facts().shared_with_authorization) return;   // what it says is said of another's
  if (head.status != 200 && !request.rules().trust_head) return;
  if (!asked_as_for_store(request, *asked.fields, asked.target, head)) return;
  int status = 0;
  std::string_view reason;
  http::Fields stored;
  read_stored_head(*request.stored, status, reason, stored);
  switch (policy::compare_head(head, stored, request.stored->body_bytes())) {
    case policy::HeadVerdict::updates:
      static_cast<void>(refresh(worker, request, request.key, asked_at, head, times));
      break;
    case policy::HeadVerdict::invalidates: end_stored(worker, *request.stored); break;
    case policy::HeadVerdict::says_nothing: break;
  }
}

// The answer to a POST that says it is what a GET of the same target would get (RFC 9110 §9.3.3) is stored on its way.
// `before`, `own`: the purge positions when the origin was asked, and of this request's own invalidation; a purge between the
// two may have meant this answer.
std::unique_ptr<Keeper> keep_post(Worker& worker, const Request& request, const origin::OriginRequest& asked, const http::ResponseHead& head,
                                  const policy::Times& times, purge::Position before, std::optional<purge::Position> own) {
  if (request.head.method != http::Method::post || own != before + 1) return nullptr;
  const policy::RuleSubject subject = rule_subject(request, head.status, head.fields.get(http::FieldId::content_type));
  const std::optional<http::ResponseHead> obeyed = policy::as_obeyed(request.route->headers, subject, head);
  policy::StoreVerdict verdict = policy::judge_post(request.head, request.scheme, obeyed ? *obeyed : head, times, request.rules());
  if (!verdict.ok() || !asked_as_for_store(request, *asked.fields, asked.target, head)) return nullptr;
  auto flight = std::make_shared<Flight>(request.key, kNoSlot, *own);
  return keep_beside(worker, request, std::move(flight), head, std::move(verdict), times.response_time);
}

// Why the answer to a request for another protocol can't be passed on; null: it can.
const char* fault_of_upgrade(const http::RequestHead& request, const http::ResponseHead& head) {
  const bool of_http2 = request.major == 2 && request.wants_upgrade;
  // Over HTTP/2 a 2xx says that the tunnel stands (RFC 8441 §4), which it does not.
  if (of_http2 && head.status >= 200 && head.status < 300) return "answered a WebSocket's opening without switching protocols";
  if (head.status != 101) return nullptr;
  if (!http::list_contains(request.fields.get(http::FieldId::upgrade), head.fields.get(http::FieldId::upgrade))) {
    return "switched to a protocol that was not asked for";                                                  // RFC 9110 §7.8
  }
  std::string scratch;
  if (of_http2 && trim_ows(head.fields.combined("sec-websocket-accept", scratch)) != websocket_accept(request.fields.get("sec-websocket-key"))) {
    return "accepted a WebSocket with another Sec-WebSocket-Accept than its key's";                         // RFC 6455 §4.1
  }
  return nullptr;
}

}  // namespace

void append_failure(Client& client, const Request& request, const origin::Failure& failure, Account& account) {
  static constexpr std::string_view kSentences[origin::kFailureKindCount] = {
      "The name of the origin server could not be resolved.",
      "The origin server refused the connection.",
      "The origin server did not accept the connection in time.",
      "The origin server closed the connection before its answer was whole.",
      "The origin server did not answer in time.",
      "The origin server's answer was not valid HTTP.",
      "The head of the origin server's answer was too large.",
      "The origin server's certificate is not trusted, or not for its name.",
      "No TLS connection to the origin server could be made.",
      "The origin server refused the TLS connection.",
      "No origin server is available. Try again soon.",
      "The origin is busy, and its queue is full. Try again soon.",
      "The origin is busy, and the wait for it took too long. Try again soon.",
      "This server is shutting down. Try again.",
      "The request ended early.",
  };
  OwnAnswer own;
  own.status = origin::name_of(failure.kind).status;
  // What is stored may not be used without its origin, and that is out of reach (RFC 9111 §5.2.2.2): 504, not 502.
  if (own.status == 502 && request.stored && !request.stored->marker()) own.status = 504;
  own.sentence = kSentences[static_cast<std::size_t>(failure.kind)];
  own.failure = failure.kind;
  own.request_id = request.id;
  append_own_answer(client.output(), &request.head, own, *request.snapshot, read_wall_seconds(), client.keeps_alive(), account);
}

void pass_interim(Client& client, const Request& request, const http::ResponseHead& head) {
  if (request.head.minor == 0 || head.status == 101) return;                          // RFC 9110 §15.2
  if (head.status == 103 && request.head.major == 1 && !request.snapshot->config->forwarding.pass_early_hints_http1) return;
  if (head.status == 100 && !request.head.expect_continue) return;
  http::Fields fields;
  const http::HopByHop hop(head.fields);
  for (const http::Field& field : head.fields) {
    if (!hop(field) && field.id != http::FieldId::content_length) fields.add(field.id, field.name, field.value);
  }
  std::string& text = client.output().begin_text();
  const std::size_t from = text.size();
  append_head(text, head.status, head.reason, fields);
  text.append("\r\n");
  client.output().end_text(from);
  static_cast<void>(client.push());
}

namespace {

// A GET or HEAD that passed only for its method may still have a stale answer to stand in.
void append_stale_or_failure(Client& client, const Request& request, const origin::Failure& failure, Account& account) {
  const auto stale = request.stored ? policy::stale_instead(request.ask, request.stored->facts(), request.purge,
                                                            policy::OriginTrouble::unreachable, request.rules(), request.now.wall_seconds())
                                    : std::nullopt;
  if (stale) {
    append_hit(client.output(), request.head, *request.stored,
               {*stale, false, false, false, 0, {}, client.keeps_alive()}, *request.snapshot, request.rules(), read_wall_seconds(), account);
  } else {
    append_failure(client, request, failure, account);
  }
}

}  // namespace

net::Task<void> relay(Client& client, Request& request, policy::Reason reason, Account& account) {
  Worker& worker = client.worker();
  account.reason = reason;
  account.has_reason = true;
  http::Fields fields;
  make_origin_fields(request, request.peer, Purpose::pass, fields);
  std::string target;
  const bool bare_options = request.head.major == 1 && request.head.method == http::Method::options && request.head.form == http::TargetForm::absolute &&
                            request.head.target.find('/', request.head.scheme.size() + 3) == std::string_view::npos && !request.head.has_query;   // RFC 9112 §3.2.4
  if (request.head.form == http::TargetForm::asterisk || bare_options) {
    target = "*";
  } else {
    append_origin_target(request.head, target);
  }
  origin::OriginRequest ask;
  ask.method_name = request.head.method_name;
  ask.method = request.head.method;
  ask.target = target;
  ask.fields = &fields;
  ask.framing = request.head.framing;
  ask.content_length = request.head.content_length;
  ask.affinity = request.key.hash.low;
  ask.expect_continue = request.head.expect_continue && request.head.framing != http::Framing::none;
  ask.upgrade = request.head.wants_upgrade;
  const bool has_body = request.head.framing != http::Framing::none &&
                        !(request.head.framing == http::Framing::length && request.head.content_length == 0);

  const purge::Position asked_at = worker.shared().purge_log.position();
  const WallSeconds request_time = read_wall_seconds();
  origin::Exchange exchange(worker.connections(), request.snapshot->clusters[request.route->origin]);
  const Watch watch(client, exchange);
  worker.metrics().origin_requests.add();
  Result<const http::ResponseHead*, origin::Failure> head = co_await exchange.request(ask);
  std::unique_ptr<BodyPump> body;
  bool continued = false;                          // we said 100 ourselves
  if (head && *head == nullptr) {
    // The body goes its own way; an origin may answer before it has all of it, or before any of it (Expect).
    body = std::make_unique<BodyPump>(client, request, exchange);
    bool waiting_for_continue = ask.expect_continue;
    if (waiting_for_continue) {
      // An origin that never says 100 must not hold up a client that waits for it, nor one that sends without waiting.
      const SteadyTime deadline = client.worker().loop().now() + (client.body_has_begun() ? Millis{0} : kContinueWait);
      const bool answered = co_await exchange.wait_for_head(deadline);
      if (!answered) {
        waiting_for_continue = false;
        if (!client.body_has_begun()) client.output().text("HTTP/1.1 100 Continue\r\n\r\n");
        static_cast<void>(client.push());
        continued = true;
        body->running = true;
        net::spawn(pump_body(*body));
      }
    }
    if (has_body && !ask.expect_continue) {
      body->running = true;
      net::spawn(pump_body(*body));
    } else if (!has_body) {
      static_cast<void>(co_await exchange.end_body(body->reader->trailers()));
    }
    head = co_await exchange.next_head();
    while (head && (*head)->status < 200 && (*head)->status != 101) {
      if (!continued || (*head)->status != 100) pass_interim(client, request, **head);
      if (waiting_for_continue && (*head)->status == 100) {
        waiting_for_continue = false;
        body->running = true;
        net::spawn(pump_body(*body));
      }
      head = co_await exchange.next_head();
    }
    if (waiting_for_continue && has_body) client.close_after_this();   // a final answer came instead: the body is not read
  } else {
    while (head && (*head)->status < 200 && (*head)->status != 101) {
      pass_interim(client, request, **head);
      head = co_await exchange.next_head();
    }
  }
  account.origin_time = exchange.timings().to_first_byte();
  account.origin_server = exchange.server();
  if (head) {
    if (const char* const fault = fault_of_upgrade(request.head, **head)) {
      exchange.abandon();
      head = origin::Failure{origin::FailureKind::protocol_error, fault, false};
    }
  }
  if (!head && client.gone()) {
    account.status = 499;
    client.finish_uncleanly();
  } else if (!head) {
    worker.metrics().origin_failures.add();
    log_debug("origin {}: {}", request.snapshot->config->origins[request.route->origin].name, head.error().detail);
    // A body that was not read to its end is no request (RFC 9112 §9.3), also where nobody has begun to read it.
    const bool unread = body == nullptr ? has_body : body->fault == BodyReader::Fault::none && !body->reader->finished();
    if (unread) client.close_after_this();
    if (body != nullptr && body->fault != BodyReader::Fault::none) {
      append_body_fault(client, request, body->fault, account);
    } else {
      append_stale_or_failure(client, request, head.error(), account);
    }
  } else {
    worker.metrics().origin_first_byte.observe(account.origin_time);
    if ((*head)->status >= 500) worker.metrics().origin_errors.add();
    const policy::Times times{request_time, read_wall_seconds()};
    if (request.rules().early_hints && asked_as_for_store(request, fields, target, **head)) remember_hints(worker.shared().hints, request, **head, asked_at);
    const std::optional<purge::Position> invalidated = invalidate(worker, request, **head);
    compare_with_stored(worker, request, ask, asked_at, **head, times);
    const std::unique_ptr<Keeper> keeper = keep_post(worker, request, ask, **head, times, asked_at, invalidated);
    // Answered early: the rest of the body is not waited for, and is no request (RFC 9112 §9.3). The origin may even have closed
    // already, so that the pump has ended without it.
    if (body != nullptr && (body->running || !body->reader->finished())) client.close_after_this();
    co_await relay_answer(client, request, exchange, **head, {}, keeper.get(), account);
  }
  if (body != nullptr && body->running) {
    exchange.abandon();
    client.stop_reading();
    while (body->running) static_cast<void>(co_await body->finished.wait(SteadyTime::max()));
  }
}

}  // namespace davenport::server
