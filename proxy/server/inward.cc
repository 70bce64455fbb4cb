#include "proxy/server/inward.h"

#include <algorithm>
#include <limits>

#include "cache/policy/key_request.h"
#include "cache/policy/reuse.h"
#include "cache/policy/selector.h"
#include "cache/policy/vary.h"
#include "core/base/text.h"
#include "core/http/parser.h"
#include "core/http/serializer.h"
#include "core/http/uri.h"
#include "proxy/origin/exchange.h"
#include "proxy/server/form.h"
#include "proxy/server/forward.h"
#include "proxy/server/lead.h"
#include "proxy/server/story.h"
#include "proxy/server/worker.h"
#include "proxy/transform/unpack.h"

namespace davenport::server {
namespace {

using policy::Action;
using warm::Outcome;
using warm::Warmed;

using FieldLines = std::vector<std::pair<std::string, std::string>>;

constexpr Millis kFlightWait{3'600'000};     // a flight ends by the origin's time limits; this only bounds a bug

std::string_view scheme_here(const Snapshot& snapshot, std::string_view wanted) {
  const config::Forwarding& forwarding = snapshot.config->forwarding;
  if (forwarding.x_forwarded && !forwarding.trusted_proxies.empty()) return iequals(wanted, "https") ? "https" : "http";   // it may be spoken there
  bool plain = false, tls = false;
  for (const config::Listener& listener : snapshot.config->listeners) {
    tls = tls || listener.tls.on();
    plain = plain || (!listener.tls.on() && !listener.redirect_to_https);
  }
  const bool https = iequals(wanted, "https") ? tls || !plain : tls && !plain;
  return https ? "https" : "http";
}

// What became of a flight that has ended.
Warmed outcome_of(const FlightView& view) {
  switch (view.stage) {
    case Stage::asking:
    case Stage::streaming: return {Outcome::failed, "it came too slowly"};
    case Stage::released: return {Outcome::not_stored, {}};
    case Stage::failed: return {Outcome::failed, view.failure.detail};
    case Stage::stale: return {Outcome::failed, "the origin is in trouble; a stale answer stands in"};
    case Stage::complete: break;
  }
  if (view.shared) return {Outcome::already_warm, {}};
  const int status = view.head != nullptr ? view.head->status : view.origin_status;
  if (status >= 400) return {Outcome::failed, "status " + std::to_string(status)};
  return {view.stored ? Outcome::fetched : Outcome::not_stored, {}};
}

net::Task<FlightView> await_end(Worker& worker, Follower& seat) {
  seat.taken(std::numeric_limits<std::uint64_t>::max());      // it reads nothing, and holds up nobody who does
  seat.attend();
  FlightView view = seat.flight().view();
  while (view.stage == Stage::asking || view.stage == Stage::streaming) {
    const net::Wake wake = co_await seat.changed().wait(worker.loop().now() + kFlightWait);
    if (wake != net::Wake::notified) break;
    view = seat.flight().view();
  }
  co_return view;
}

bool knows_by_itself(policy::Reason reason) { return reason == policy::Reason::hit_for_miss; }

}  // namespace

namespace {

std::unique_ptr<Request> make_request(Worker& worker, std::string_view url, const FieldLines& fields, bool scheme_as_it_is,
                                      std::string_view forwarded_host = {}) {
  const auto parts = http::parse_http_uri(url);
  if (!parts) return nullptr;
  std::string target(parts->path.empty() ? "/" : parts->path);
  if (parts->has_query) target.append("?").append(parts->query);
  std::string bytes;
  http::append_request_line(bytes, "GET", target);
  http::append_field(bytes, "Host", parts->authority);
  const bool named = std::any_of(fields.begin(), fields.end(), [](const auto& field) { return iequals(field.first, "user-agent"); });
  if (!named) http::append_field(bytes, "User-Agent", "davenport-warm");
  for (const auto& [name, value] : fields) http::append_field(bytes, name, value);
  bytes += "\r\n";
  auto request = worker.make_request();
  request->snapshot = worker.snapshot();
  http::RequestHead head;
  http::RequestParser parser(request->snapshot->config->limits.head);
  if (parser.parse(bytes, head).state != http::ParseState::done) return nullptr;
  request->take(head, bytes);
  request->now = read_clocks();
  const bool https = iequals(parts->scheme, "https");
  request->scheme = !scheme_as_it_is ? scheme_here(*request->snapshot, parts->scheme) : https ? "https" : "http";
  request->forwarded_host.assign(forwarded_host);
  request->peer.address = "127.0.0.1";
  request->peer.https = request->scheme == "https";
  request->route = route_of(*request->snapshot, request->head.authority, request->head.path, worker.text_scratch());
  if (request->route == nullptr) return nullptr;
  request->id = request_id(*request->snapshot, request->peer, request->head.fields);
  request->key = policy::make_key(request->head, request->scheme, policy::canonical_host(*request->route, request->head.authority),
                                  request->rules(), request->key_bytes, request->forwarded_host);
  return request;
}

}  // namespace

std::unique_ptr<Request> make_inward_request(Worker& worker, std::string_view url, std::string_view coding) {
  FieldLines fields;
  if (!coding.empty()) fields.emplace_back("Accept-Encoding", coding);
  return make_request(worker, url, fields, false);
}

std::unique_ptr<Request> make_keyed_request(Worker& worker, std::string_view key, std::string_view selector) {
  auto told = policy::request_of_key(key);
  const auto chosen = policy::fields_of_selector(selector);
  if (!told || !chosen) return nullptr;
  const config::Forwarding& forwarding = worker.snapshot()->config->forwarding;
  if (!told->forwarded_host.empty() && (!forwarding.x_forwarded || forwarding.trusted_proxies.empty())) return nullptr;     // no origin would hear of it
  for (const auto& [name, value] : *chosen) {                  // what both tell stands there once
    std::erase_if(told->fields, [&name = name](const auto& field) { return iequals(field.first, name); });
    if (name != "host") told->fields.emplace_back(name, value);
  }
  std::unique_ptr<Request> request = make_request(worker, told->url, told->fields, true, told->forwarded_host);
  if (request == nullptr || request->key.key != key || policy::must_pass(request->head, request->rules())) return nullptr;
  if (!policy::selector_matches(selector, request->head.fields, request->rules(), worker.text_scratch())) return nullptr;
  return request;
}

void note_popular(Worker& worker, const policy::KeyParts& key, std::string_view selector, std::optional<Micros> origin_time) {
  if (selector.size() > warm::Sketch::kMostSelector || (!selector.empty() && !policy::fields_of_selector(selector))) return;
  const warm::Of of{key.key, key.hash, selector};
  if (origin_time) worker.sketch().missed(of, *origin_time);
  else worker.sketch().hit(of);
}

net::Task<Warmed> warm_up(Worker& worker, std::string url, std::string coding) {
  const std::unique_ptr<Request> request = make_inward_request(worker, url, coding);
  if (request == nullptr) co_return Warmed{Outcome::failed, "no route takes it"};
  if (policy::must_pass(request->head, request->rules())) co_return Warmed{Outcome::not_stored, {}};
  look_up(worker, *request);
  Warmed warmed{Outcome::already_warm, {}};
  if (request->decision.action != Action::serve) {
    if (knows_by_itself(request->decision.reason)) co_return Warmed{Outcome::not_stored, {}};
    Shared& shared = worker.shared();
    const Flights::Joined joined = shared.flights.join(request->key, request->key.hash, shared.purge_log);
    Follower seat(joined.flight, worker.loop());
    if (joined.leader) {
      Client* const nobody = nullptr;
      const Led led = co_await lead(worker, *request, joined.flight, nobody);
      if (led.exchange != nullptr) {
        const int status = led.head->status;
        led.exchange->abandon();
        if (status >= 400) co_return Warmed{Outcome::failed, "status " + std::to_string(status)};
        co_return Warmed{Outcome::not_stored, {}};
      }
    }
    const FlightView view = co_await await_end(worker, seat);
    warmed = outcome_of(view);
    request->stored = view.stored;
  }
  if (request->stored && !coding.empty() && warmed.outcome != Outcome::failed) {
    static_cast<void>(co_await find_form(worker, *request));
  }
  co_return warmed;
}

net::Task<Result<std::string>> load_source(Worker& worker, std::string url, std::uint64_t most_bytes) {
  const std::unique_ptr<Request> request = make_inward_request(worker, url, "");
  if (request == nullptr) co_return Error{"no route takes it"};
  http::Fields fields;
  make_origin_fields(*request, request->peer, Purpose::store, fields);
  std::string target;
  append_origin_target(request->head, target);
  origin::OriginRequest ask;
  ask.method_name = "GET";
  ask.target = target;
  ask.fields = &fields;
  origin::Exchange exchange(worker.connections(), request->snapshot->clusters[request->route->origin]);
  Result<const http::ResponseHead*, origin::Failure> head = co_await exchange.request(ask);
  while (head && (*head)->status < 200) head = co_await exchange.next_head();
  if (!head) co_return Error{head.error().detail};
  const int status = (*head)->status;
  std::string body;
  for (bool end = (*head)->framing == http::Framing::none; !end && status == 200;) {
    const Result<origin::Piece, origin::Failure> piece = co_await exchange.read_body();
    if (!piece) co_return Error{piece.error().detail};
    body.append(piece->bytes);
    end = piece->end;
    if (body.size() > most_bytes) {
      exchange.abandon();
      co_return Error{"it is larger than " + std::to_string(most_bytes) + " bytes"};
    }
  }
  if (status != 200) {
    exchange.abandon();
    co_return Error{"status " + std::to_string(status)};
  }
  Result<std::string> text = transform::unpack_gzip(std::move(body), most_bytes);
  if (!text) co_return Error{"it " + text.error().message};
  co_return text;
}

}  // namespace davenport::server
