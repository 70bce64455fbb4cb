#include "proxy/server/lead.h"

#include <algorithm>
#include <limits>

#include "cache/policy/storability.h"
#include "cache/policy/validate.h"
#include "cache/policy/vary.h"
#include "core/base/log.h"
#include "proxy/server/client.h"
#include "proxy/server/early_hints.h"
#include "proxy/server/forward.h"
#include "proxy/server/hit.h"
#include "proxy/server/inward.h"
#include "proxy/server/keep.h"
#include "proxy/server/part.h"
#include "proxy/server/relay.h"
#include "proxy/server/worker.h"

namespace davenport::server {
namespace {

constexpr Millis kWindowWait{30'000};     // how long a body that outgrew the store waits for its slowest reader
constexpr Millis kRoomWait{20};           // … and looks for room in a store that is full

// No longer joinable. Other instances that wait for what it would have put into the shared tier need not: where it did, there is
// nothing to give up.
void leave(Worker& worker, const Flight& flight) {
  if (worker.tier() != nullptr) worker.tier()->give_up(flight.parts());
  worker.shared().flights.remove(flight);
}

// The body is whole: into the store, and on to all who follow.
void land(Worker& worker, const Landing& landing) {
  store::StoredPtr stored;
  const policy::Storing storing = commit(worker, landing, stored);
  if (storing == policy::Storing::incomplete) {
    worker.metrics().origin_failures.add();
    landing.flight->fail({origin::FailureKind::protocol_error, "a body that is not as long as its range", false});
  } else {
    landing.flight->complete(landing.head, landing.fill, std::move(stored), storing);
  }
  leave(worker, *landing.flight);
}

// The rest of a body, after the leader's own look at it. Detached: it ends with the body, or by the origin's time limits.
net::Task<void> pump(Worker& worker, JoinedBody body, Landing landing, std::string leftover, bool end, std::uint64_t window_bytes) {
  Flight& flight = *landing.flight;
  net::Notify room(worker.loop());
  bool storing = true;
  std::uint64_t in_a_row = 0;                  // bytes since others were served
  std::string bytes = std::move(leftover);     // read, and not yet in the flight
  while (!end || !bytes.empty()) {
    if (bytes.empty()) {
      Result<origin::Piece, origin::Failure> piece = co_await body.read();
      if (!piece) {
        worker.metrics().origin_failures.add();
        worker.metrics().storing[static_cast<std::size_t>(policy::Storing::incomplete)].add();
        flight.fail(piece.error());
        leave(worker, flight);
        flight.set_leader_waiting(nullptr, nullptr);
        co_return;
      }
      worker.metrics().origin_bytes_in.add(piece->bytes.size());
      end = piece->end;
      in_a_row += piece->bytes.size();
      if (storing && (piece->bytes.empty() || flight.append(piece->bytes))) {
        if (in_a_row < net::kTurnBytes || end) continue;
        in_a_row = 0;
        co_await net::yield(worker.loop());
        continue;
      }
      bytes.assign(piece->bytes);
    }
    // No room for it in the store: from here on it is only passed on, at the pace of the slowest reader, and later requests
    // start a flight of their own.
    if (storing) {
      storing = false;
      flight.pass_on();
      flight.set_leader_waiting(&worker.loop(), &room);
      leave(worker, flight);
    }
    bool placed = bytes.empty();
    SteadyTime deadline = worker.loop().now() + kWindowWait;
    std::uint64_t held_before = std::numeric_limits<std::uint64_t>::max();
    while (!placed) {
      const std::uint64_t held = flight.drop_taken();
      if (held < held_before) deadline = worker.loop().now() + kWindowWait;      // the slowest has taken something
      held_before = held;
      if (!flight.has_followers()) {
        flight.fail({origin::FailureKind::client_gone, "nobody waits for it any more", false});
        flight.set_leader_waiting(nullptr, nullptr);
        co_return;
      }
      placed = held < window_bytes && flight.append(bytes);
      if (placed) break;
      // Where nothing is held, it is the store that has no room, and nobody tells when it has some again.
      const SteadyTime now = worker.loop().now();
      const net::Wake wake = co_await room.wait(held == 0 ? std::min(deadline, now + kRoomWait) : deadline);
      if (wake == net::Wake::timeout && worker.loop().now() < deadline) continue;
      if (wake == net::Wake::timeout && held > 0) {
        flight.leave_slowest_behind();
        held_before = std::numeric_limits<std::uint64_t>::max();
        continue;
      }
      if (wake != net::Wake::notified) {
        flight.fail({origin::FailureKind::cancelled, "its readers take nothing", false});
        flight.set_leader_waiting(nullptr, nullptr);
        co_return;
      }
    }
    bytes.clear();
  }
  flight.set_leader_waiting(nullptr, nullptr);
  if (storing) {
    land(worker, landing);
  } else {
    worker.metrics().storing[static_cast<std::size_t>(policy::Storing::too_large)].add();
    flight.complete(landing.head, landing.fill, {}, policy::Storing::too_large);
  }
}

// A 304 to our validators (RFC 9111 §4.3.4): a new head over the same body.
void land_304(Worker& worker, Request& request, Flight& flight, const http::ResponseHead& update, const policy::Times& times, Led& led) {
  Refreshed refreshed = refresh(worker, request, flight.parts(), flight.position(), update, times);
  led.storing = refreshed.storing;
  led.private_lines = std::move(refreshed.private_lines);
  flight.complete_by_304(std::move(refreshed.response), refreshed.storing);
  leave(worker, flight);
}

// For the requests that chose this answer: other variants of it may well be stored.
void remember_uncacheable(Worker& worker, const Request& request, const Flight& flight, const http::Fields& response, policy::Storing why, WallSeconds now) {
  const Seconds time = request.rules().hit_for_miss;
  if (time.count() <= 0 || request.decision.reason == policy::Reason::hit_for_miss) return;   // remembered already
  std::string selector;
  if (response.has(http::FieldId::vary) && !policy::varies_on_everything(response)) selector = policy::make_selector(response, request.head.fields, request.rules());
  if (selector.empty() && why != policy::Storing::vary_star && request.decision.reason == policy::Reason::vary_miss) return;
  store::Draft draft;
  draft.key = flight.parts();
  draft.selector = selector;
  draft.facts.response_time = now;
  draft.facts.date = now;
  draft.facts.lifetime = static_cast<std::uint32_t>(time.count());
  draft.position = flight.position();
  draft.marker = true;
  draft.head = policy::name_of(why);              // what `explain` says of it
  static_cast<void>(worker.shared().store.commit(nullptr, draft, worker.shared().purge_log, request.rules().max_variants));
}

// No host holds a slash, and every path begins with one.
bool spelled_as_keyed(std::string_view target, const policy::KeyParts& key) { return key.resource.substr(key.resource.find('/')) == target; }

// The tier that instances share, before the origin. True: it has answered the flight. Otherwise what it had, if anything, is in
// request.stored, for its validators.
net::Task<bool> answered_by_tier(Worker& worker, Request& request, Flight& flight, bool lease) {
  redis::Wanted wanted{flight.parts(), request.head.fields, request.rules()};
  wanted.lease = lease;
  if (request.stored && request.purge < policy::PurgeState::validate) wanted.newer_than = request.stored->facts().response_time;
  const store::StoredPtr found = co_await worker.tier()->find(wanted, read_clocks());
  if (!found) co_return false;
  if (outdated_head(*request.snapshot, *request.route, found->facts())) found->mark_soft_purged();
  const policy::PurgeState purge = found->soft_purged() ? policy::PurgeState::soft : policy::PurgeState::valid;
  const policy::Decision decision =
      policy::decide(request.ask, &found->facts(), purge, false, request.rules(), read_wall_seconds());
  request.stored = found;
  request.purge = purge;
  if (decision.action != policy::Action::serve && decision.action != policy::Action::serve_and_refresh) co_return false;
  leave(worker, flight);
  flight.complete_from_tier(found, decision.reason == policy::Reason::fresh_hit ? policy::Reason::redis_hit : decision.reason);
  co_return true;
}

// As the origin sent it, and as header rules change it where this cache is to obey them.
policy::StoreVerdict judge_answer(const Request& request, const http::ResponseHead& head, const policy::Times& times) {
  const policy::RuleSubject subject = rule_subject(request, head.status, head.fields.get(http::FieldId::content_type));
  const std::optional<http::ResponseHead> obeyed = policy::as_obeyed(request.route->headers, subject, head);
  return policy::judge(request.head, obeyed ? *obeyed : head, times, request.rules());
}

bool is_error_status(int status) { return status == 500 || status == 502 || status == 503 || status == 504; }

}  // namespace

bool may_be_shared(policy::Reason reason) {
  switch (reason) {
    case policy::Reason::uri_miss:
    case policy::Reason::vary_miss:
    case policy::Reason::stale:
    case policy::Reason::must_revalidate:
    case policy::Reason::stale_while_revalidate:
    case policy::Reason::purged:
    case policy::Reason::purged_soft:
    case policy::Reason::purge_unknown: return true;
    default: return false;
  }
}

net::Task<void> lead_in_tier(Worker& worker, Request& request, FlightPtr flight) {
  const bool answered = co_await answered_by_tier(worker, request, *flight, false);
  if (answered) co_return;
  leave(worker, *flight);
  flight->release();
}

net::Task<Led> lead(Worker& worker, Request& request, FlightPtr flight, Client* const& client) {
  Led led;
  observe::WorkerMetrics& metrics = worker.metrics();
  const config::CacheRules& rules = request.rules();
  metrics.flights.add();
  if (worker.tier() != nullptr && may_be_shared(request.decision.reason) && !request.ask.no_store) {
    const bool answered = co_await answered_by_tier(worker, request, *flight, true);
    if (answered) co_return std::move(led);
  }

  http::Fields fields;
  const std::string target = store_target(request);
  origin::OriginRequest ask;
  ask.method_name = "GET";                    // a HEAD too, for what it brings can be stored (`convert_head`)
  ask.method = http::Method::get;
  ask.target = target;
  ask.fields = &fields;
  ask.affinity = request.key.hash.low;

  const bool part_misses = request.stored && request.stored->facts().partial && !request.ask.partial_suffices;
  std::optional<Completion> completion = plan_completion(request);
  bool validating = request.stored && !part_misses && request.purge != policy::PurgeState::hard && request.stored->facts().has_validator &&
                    !outdated_head(*request.snapshot, *request.route, request.stored->facts());
  int stored_status = 0;
  std::string_view stored_reason;
  http::Fields stored_fields;
  if (validating) read_stored_head(*request.stored, stored_status, stored_reason, stored_fields);

  policy::Times times;
  std::unique_ptr<origin::Exchange> exchange;
  Result<const http::ResponseHead*, origin::Failure> head = nullptr;
  std::optional<http::ResponseHead> joined;          // what a stored part and this answer make together: it may be stored, in `fill`
  policy::StoreVerdict verdict;
  store::FillPtr fill;
  for (;;) {
    make_origin_fields(request, request.peer, Purpose::store, fields);
    if (validating) policy::add_validators(stored_fields, fields);
    if (completion) completion->ask(fields);
    times.request_time = read_wall_seconds();
    exchange = std::make_unique<origin::Exchange>(worker.connections(), request.snapshot->clusters[request.route->origin]);
    metrics.origin_requests.add();
    head = co_await exchange->request(ask);
    while (head && (*head)->status < 200) {
      if (client != nullptr) pass_interim(*client, request, **head);
      head = co_await exchange->next_head();
    }
    if (!head) break;
    const int status = (*head)->status;
    if (completion && (status == 206 || status == 416)) {
      joined = completed(*completion, **head);
      if (joined) verdict = judge_answer(request, *joined, {times.request_time, read_wall_seconds()});
      if (joined && verdict.ok() && joined->content_length <= most_bytes(request)) fill = worker.shared().store.begin_fill(joined->content_length);
      if (fill != nullptr) break;
      joined.reset();
      completion.reset();                            // the part is of another whole: ask once more, for all of it
      continue;
    }
    // A 304 that speaks of another response than ours says nothing about it (RFC 9111 §4.3.3): ask once more, for the whole.
    if (!validating || status != 304 || policy::selects((*head)->fields, stored_fields, true)) break;
    validating = false;
  }
  if (head && (*head)->status == 304 && !validating) {        // RFC 9110 §15.4.5: nobody has what it speaks of
    exchange->abandon();
    head = origin::Failure{origin::FailureKind::protocol_error, "304 to a request without conditions", false};
  }
  times.response_time = read_wall_seconds();
  led.server = exchange->server();
  led.first_byte = exchange->timings().to_first_byte();

  const auto stale_for = [&](policy::OriginTrouble trouble) -> std::optional<policy::Reason> {
    if (!request.stored) return std::nullopt;
    return policy::stale_instead(request.ask, request.stored->facts(), request.purge, trouble, rules, times.response_time);
  };
  if (!head) {
    metrics.origin_failures.add();
    log_debug("origin {}: {}", request.snapshot->config->origins[request.route->origin].name, head.error().detail);
    const auto reason = stale_for(policy::OriginTrouble::unreachable);
    leave(worker, *flight);
    if (reason) {
      flight->serve_stale(request.stored, *reason, 0);
    } else {
      flight->fail(head.error());
    }
    co_return std::move(led);
  }
  metrics.origin_first_byte.observe(led.first_byte);
  const auto note = [&](std::string_view selector) {
    if (client != nullptr) note_popular(worker, request.key, selector, led.first_byte);
  };
  const http::ResponseHead& response = joined ? *joined : **head;
  if (response.status >= 500) metrics.origin_errors.add();

  if (response.status == 304 && validating) {
    note(request.stored->selector());
    land_304(worker, request, *flight, response, times, led);
    co_return std::move(led);
  }
  if (is_error_status(response.status)) {
    if (const auto reason = stale_for(policy::OriginTrouble::error_status)) {
      exchange->abandon();
      leave(worker, *flight);
      flight->serve_stale(request.stored, *reason, response.status);
      co_return std::move(led);
    }
  }

  if (!joined) verdict = judge_answer(request, response, times);
  const bool has_body = response.framing != http::Framing::none;
  if (verdict.ok() && response.framing == http::Framing::length && response.content_length > most_bytes(request)) {
    verdict.storing = policy::Storing::too_large;
  }
  // A redirect from one spelling to another would be a loop for who asks for the other, and an error in reading one is nobody else's.
  const bool says_target = response.status == 200 || response.status == 206 || response.status == 203;
  if (verdict.ok() && !says_target && !spelled_as_keyed(target, request.key)) verdict.storing = policy::Storing::spelling;
  if (verdict.ok() && fill == nullptr) {
    fill = worker.shared().store.begin_fill(response.framing == http::Framing::length ? response.content_length : 0);
    if (fill == nullptr) verdict.storing = policy::Storing::memory_pinned;
  }
  if (!verdict.ok()) {
    metrics.storing[static_cast<std::size_t>(verdict.storing)].add();
    led.storing = verdict.storing;
    // An answer that replaces what is stored, and may not be stored itself, ends it (RFC 9111 §4.3.3); an error does not.
    const bool part = verdict.storing == policy::Storing::partial;
    const bool of_another = part || verdict.storing == policy::Storing::spelling;
    const bool speaks_of_it = !policy::says_nothing_of_stored(response.status);
    const bool of_asker = policy::refused_for_asker(verdict.storing) || request.decision.reason == policy::Reason::authorization;   // others have what is stored
    const bool ends_stored = speaks_of_it && !of_another && !of_asker;
    if (request.stored && (ends_stored || request.purge == policy::PurgeState::hard)) end_stored(worker, *request.stored);
    // A marker takes the place of what lies under the same selector: an error leaves that alone.
    const bool replaces = request.stored && request.purge != policy::PurgeState::hard;
    if (policy::worth_remembering(verdict.storing) && !of_asker && response.status < 500 && (speaks_of_it || !replaces)) {
      remember_uncacheable(worker, request, *flight, response.fields, led.storing, times.response_time);
    }
    leave(worker, *flight);
    flight->release();
    if (part) led.keeper = keep_beside(worker, request, flight, response, std::move(verdict), times.response_time);
    led.head = &response;
    led.exchange = std::move(exchange);
    co_return std::move(led);
  }

  auto flight_head = make_flight_head(worker, request, response, std::move(verdict), times.response_time, led.private_lines);
  note(flight_head->selector);
  flight_head->origin_status = (*head)->status;
  remember_hints(worker.shared().hints, request, flight_head->status, flight_head->fields, flight->position());
  Landing landing{flight, std::move(flight_head), std::move(fill), rules.max_variants};

  // What has arrived with the head, at once: most answers are whole here, and nobody waits.
  bool whole = !has_body;
  std::string leftover;
  JoinedBody body = joined ? JoinedBody(std::move(exchange), *completion) : JoinedBody(std::move(exchange));
  if (!has_body) {
    // Nothing follows; the exchange still has to see its end to give the connection back.
    static_cast<void>(body.try_read());
  }
  for (std::uint64_t in_a_row = 0; !whole && in_a_row < net::kTurnBytes;) {
    std::optional<Result<origin::Piece, origin::Failure>> piece = body.try_read();
    if (!piece) break;
    if (!*piece) {
      metrics.origin_failures.add();
      metrics.storing[static_cast<std::size_t>(policy::Storing::incomplete)].add();
      leave(worker, *flight);
      if (const auto reason = stale_for(policy::OriginTrouble::unreachable)) flight->serve_stale(request.stored, *reason, 0);
      else flight->fail((*piece).error());
      co_return std::move(led);
    }
    metrics.origin_bytes_in.add((**piece).bytes.size());
    whole = (**piece).end;
    in_a_row += (**piece).bytes.size();
    if ((**piece).bytes.empty()) continue;
    if (!landing.fill->append((**piece).bytes)) {
      leftover.assign((**piece).bytes);
      break;
    }
  }
  if (whole && leftover.empty()) {
    body.close();
    land(worker, landing);
    co_return std::move(led);
  }
  flight->stream(landing.head, landing.fill);
  const std::uint64_t window = request.snapshot->config->limits.window_bytes;
  net::spawn(pump(worker, std::move(body), std::move(landing), std::move(leftover), whole, window));
  co_return std::move(led);
}

net::Task<void> lead_behind(Worker& worker, std::unique_ptr<Request> request, FlightPtr flight, std::shared_ptr<Visitor> visitor) {
  worker.metrics().background_refreshes.add();
  const store::StoredPtr stored = request->stored;
  Led led = co_await lead(worker, *request, flight, visitor->client);
  // Before anybody who waits for the flight is woken: wakings are posted.
  if (visitor->client != nullptr) visitor->led = std::move(led);
  else if (led.exchange != nullptr) led.exchange->abandon();
  if (stored) stored->end_refresh();
}

}  // namespace davenport::server
