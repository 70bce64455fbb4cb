#include "proxy/server/lead.h"

#include "cache/policy/storability.h"
#include "cache/policy/validate.h"
#include "cache/policy/vary.h"
#include "core/base/log.h"
#include "core/http/serializer.h"
#include "proxy/server/client_connection.h"
#include "proxy/server/forward.h"
#include "proxy/server/hit.h"
#include "proxy/server/relay.h"
#include "proxy/server/worker.h"

namespace davenport::server {
namespace {

constexpr Millis kWindowWait{30'000};     // how long a body that outgrew the store waits for its slowest reader

struct Landing {                          // what a response needs at its commit
  FlightPtr flight;
  std::shared_ptr<const FlightHead> head;
  store::FillPtr fill;
  std::uint32_t max_variants = 0;
};

std::vector<Hash128> hashes_of(const std::vector<std::string>& tags) {
  std::vector<Hash128> hashes;
  hashes.reserve(tags.size());
  for (const std::string& tag : tags) hashes.push_back(hash128(tag, process_seed()));
  return hashes;
}

std::string stored_head_text(int status, std::string_view reason, const http::Fields& fields, std::uint64_t body_bytes) {
  std::string text;
  append_head(text, status, reason, fields);
  if (status != 204) http::append_field(text, "Content-Length", body_bytes);
  text.append("\r\n");
  return text;
}

// The body is whole: into the store, and on to all who follow.
void land(Worker& worker, const Landing& landing) {
  const FlightHead& head = *landing.head;
  const std::string text = stored_head_text(head.status, head.reason, head.fields, landing.fill->size());
  store::Draft draft;
  draft.key = landing.flight->parts();
  draft.selector = head.selector;
  draft.head = text;
  draft.facts = head.verdict.facts;
  draft.tags = head.tags;
  draft.position = landing.flight->position();
  store::StoredPtr stored;
  const store::PutResult put = worker.shared().store.commit(landing.fill, draft, worker.shared().purge_log, landing.max_variants, &stored);
  policy::Storing storing = policy::Storing::stored;
  switch (put) {
    case store::PutResult::stored: break;
    case store::PutResult::too_large: storing = policy::Storing::too_large; break;
    case store::PutResult::too_many_variants: storing = policy::Storing::too_many_variants; break;
    case store::PutResult::no_room: storing = policy::Storing::memory_pinned; break;
    case store::PutResult::purged: storing = policy::Storing::purged_meanwhile; break;
  }
  worker.metrics().storing[static_cast<std::size_t>(storing)].add();
  if (put != store::PutResult::stored) stored.reset();
  landing.flight->complete(landing.head, landing.fill, std::move(stored), head.status, false);
  worker.shared().flights.remove(*landing.flight);
}

// The rest of a body, after the leader's own look at it. Detached: it ends with the body, or by the origin's time limits.
net::Task<void> pump(Worker& worker, std::unique_ptr<origin::Exchange> exchange, Landing landing, std::string leftover,
                     bool end, std::uint64_t window_bytes) {
  Flight& flight = *landing.flight;
  net::Notify room(worker.loop());
  bool storing = true;
  std::string bytes = std::move(leftover);     // read, and not yet in the flight
  while (!end || !bytes.empty()) {
    if (bytes.empty()) {
      Result<origin::Piece, origin::Failure> piece = co_await exchange->read_body();
      if (!piece) {
        worker.metrics().origin_failures.add();
        worker.metrics().storing[static_cast<std::size_t>(policy::Storing::incomplete)].add();
        flight.fail(piece.error());
        worker.shared().flights.remove(flight);
        flight.set_leader_waiting(nullptr, nullptr);
        co_return;
      }
      worker.metrics().origin_bytes_in.add(piece->bytes.size());
      end = piece->end;
      if (storing && (piece->bytes.empty() || flight.append(piece->bytes))) continue;
      bytes.assign(piece->bytes);
    }
    // No room for it in the store: from here on it is only passed on, at the pace of the slowest reader, and later requests
    // start a flight of their own.
    if (storing) {
      storing = false;
      flight.set_leader_waiting(&worker.loop(), &room);
      worker.shared().flights.remove(flight);
    }
    bool placed = bytes.empty();
    const SteadyTime deadline = worker.loop().now() + kWindowWait;
    while (!placed) {
      const std::uint64_t held = flight.drop_taken();
      if (!flight.has_followers()) {
        flight.fail({origin::FailureKind::client_gone, "nobody waits for it any more", false});
        flight.set_leader_waiting(nullptr, nullptr);
        co_return;
      }
      placed = held < window_bytes && flight.append(bytes);
      if (placed) break;
      const net::Wake wake = co_await room.wait(deadline);
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
    flight.complete(landing.head, landing.fill, {}, landing.head->status, false);
  }
}

// A 304 to our validators (RFC 9111 §4.3.4): a new head over the same body.
void land_304(Worker& worker, Request& request, Flight& flight, const http::ResponseHead& update, const policy::Times& times) {
  const store::StoredPtr old = request.stored;
  int status = 0;
  std::string_view reason;
  http::Fields stored_fields;
  read_stored_head(old->head(), status, reason, stored_fields);
  http::Fields merged = stored_fields.clone();
  http::Fields update_fields;
  std::string private_lines;
  make_client_fields(update, request.rules(), nullptr, times.response_time, update_fields, private_lines);
  policy::merge_304(merged, update_fields);
  http::ResponseHead head;
  head.status = static_cast<std::uint16_t>(status);
  head.framing = http::Framing::length;
  head.content_length = old->body_bytes();
  for (const http::Field& field : merged) head.fields.add(field.id, field.name, field.value);
  const policy::StoreVerdict verdict = policy::judge_updated(request.head, head, update.fields, old->facts(), times, request.rules());
  store::StoredPtr result;
  if (verdict.ok()) {
    http::Fields kept;
    for (const http::Field& field : merged) {
      if (field.id != http::FieldId::content_length && policy::is_stored_field(field, verdict, request.rules(), head)) {
        kept.add(field.id, field.name, field.value);
      }
    }
    const std::string text = stored_head_text(status, reason, kept, old->body_bytes());
    store::Draft draft;
    draft.key = flight.parts();
    draft.selector = old->selector();
    draft.head = text;
    draft.facts = verdict.facts;
    // Tags go out with the first answer only, where they are not kept: a 304 without any keeps those that are known.
    const std::vector<Hash128> tags = update.fields.has(http::FieldId::surrogate_key) || update.fields.has(http::FieldId::cache_tag)
                                          ? hashes_of(policy::tags_of(update.fields, request.rules()))
                                          : std::vector<Hash128>(old->tags().begin(), old->tags().end());
    draft.tags = tags;
    draft.position = flight.position();
    static_cast<void>(worker.shared().store.replace_head(old, draft, worker.shared().purge_log, &result));
  } else {
    worker.shared().store.erase(*old);
  }
  worker.metrics().storing[static_cast<std::size_t>(verdict.ok() ? policy::Storing::updated : verdict.storing)].add();
  flight.complete(nullptr, nullptr, result ? std::move(result) : old, 304, true);
  worker.shared().flights.remove(flight);
}

void remember_uncacheable(Worker& worker, const Request& request, const Flight& flight, WallSeconds now) {
  const Seconds time = request.rules().hit_for_miss;
  if (time.count() <= 0) return;
  store::Draft draft;
  draft.key = flight.parts();
  draft.facts.response_time = now;
  draft.facts.date = now;
  draft.facts.lifetime = static_cast<std::uint32_t>(time.count());
  draft.position = flight.position();
  draft.marker = true;
  static_cast<void>(worker.shared().store.commit(nullptr, draft, worker.shared().purge_log, request.rules().max_variants));
}

bool is_error_status(int status) { return status == 500 || status == 502 || status == 503 || status == 504; }

}  // namespace

net::Task<Led> lead(Worker& worker, Request& request, FlightPtr flight, ClientConnection* client) {
  Led led;
  observe::WorkerMetrics& metrics = worker.metrics();
  const config::CacheRules& rules = request.rules();
  metrics.flights.add();

  http::Fields fields;
  std::string target;
  append_origin_target(request.head, target);
  origin::OriginRequest ask;
  ask.method_name = request.head.method_name;
  ask.method = request.head.method;
  ask.target = target;
  ask.fields = &fields;
  ask.affinity = request.key.hash.low;

  bool validating = request.stored && request.purge != policy::PurgeState::hard && request.stored->facts().has_validator;
  int stored_status = 0;
  std::string_view stored_reason;
  http::Fields stored_fields;
  if (validating) read_stored_head(request.stored->head(), stored_status, stored_reason, stored_fields);

  policy::Times times;
  std::unique_ptr<origin::Exchange> exchange;
  Result<const http::ResponseHead*, origin::Failure> head = nullptr;
  for (;;) {
    make_origin_fields(request, request.peer, Purpose::store, fields);
    if (validating) policy::add_validators(stored_fields, fields);
    times.request_time = std::chrono::floor<Seconds>(read_wall_clock());
    exchange = std::make_unique<origin::Exchange>(worker.connections(), request.snapshot->clusters[request.route->origin]);
    metrics.origin_requests.add();
    head = co_await exchange->request(ask);
    while (head && (*head)->status < 200) {
      if (client != nullptr) pass_interim(*client, request, **head);
      head = co_await exchange->next_head();
    }
    // A 304 that speaks of another response than ours says nothing about it (RFC 9111 §4.3.3): ask once more, for the whole.
    if (!validating || !head || (*head)->status != 304 || policy::selects((*head)->fields, stored_fields, true)) break;
    validating = false;
  }
  times.response_time = std::chrono::floor<Seconds>(read_wall_clock());
  led.server = exchange->server();
  led.first_byte = std::chrono::duration_cast<Micros>(exchange->timings().first_byte - exchange->timings().started);

  const auto stale_for = [&](policy::OriginTrouble trouble) -> std::optional<policy::Reason> {
    if (!request.stored) return std::nullopt;
    return policy::stale_instead(request.ask, request.stored->facts(), request.purge, trouble, rules, times.response_time);
  };
  if (!head) {
    metrics.origin_failures.add();
    log_debug("origin {}: {}", request.snapshot->config->origins[request.route->origin].name, head.error().detail);
    const auto reason = stale_for(policy::OriginTrouble::unreachable);
    worker.shared().flights.remove(*flight);
    if (reason) {
      flight->serve_stale(request.stored, *reason, 0);
    } else {
      flight->fail(head.error());
    }
    co_return std::move(led);
  }
  metrics.origin_first_byte.observe(led.first_byte);
  const http::ResponseHead& response = **head;

  if (response.status == 304 && validating) {
    land_304(worker, request, *flight, response, times);
    co_return std::move(led);
  }
  if (is_error_status(response.status)) {
    if (const auto reason = stale_for(policy::OriginTrouble::error_status)) {
      exchange->abandon();
      worker.shared().flights.remove(*flight);
      flight->serve_stale(request.stored, *reason, response.status);
      co_return std::move(led);
    }
  }

  policy::StoreVerdict verdict = policy::judge(request.head, response, times, rules);
  const std::uint64_t most = rules.max_object_bytes != 0 ? std::min(rules.max_object_bytes, request.snapshot->config->cache.max_object_bytes)
                                                         : request.snapshot->config->cache.max_object_bytes;
  const bool has_body = response.framing != http::Framing::none;
  if (verdict.ok() && response.framing == http::Framing::length && response.content_length > most) {
    verdict.storing = policy::Storing::too_large;
  }
  store::FillPtr fill;
  if (verdict.ok()) {
    fill = worker.shared().store.begin_fill(response.framing == http::Framing::length ? response.content_length : 0);
    if (fill == nullptr) verdict.storing = policy::Storing::memory_pinned;
  }
  if (!verdict.ok()) {
    metrics.storing[static_cast<std::size_t>(verdict.storing)].add();
    led.storing = verdict.storing;
    // An answer that replaces what is stored, and may not be stored itself, ends it (RFC 9111 §4.3.3); an error does not.
    if (request.stored && response.status < 500 && response.status != 304) worker.shared().store.erase(*request.stored);
    // A marker takes the place of what lies under the same selector: an error leaves that alone.
    if (policy::worth_remembering(verdict.storing) && response.status < 500) remember_uncacheable(worker, request, *flight, times.response_time);
    worker.shared().flights.remove(*flight);
    flight->release();
    led.head = &response;
    led.exchange = std::move(exchange);
    co_return std::move(led);
  }

  auto flight_head = std::make_shared<FlightHead>();
  const bool whole_206 = response.status == 206;         // judged as the 200 that it stands for (policy/storability.h)
  flight_head->status = verdict.facts.status;
  flight_head->reason = whole_206 ? "" : std::string(response.reason);
  flight_head->selector = policy::make_selector(response.fields, request.head.fields, rules);
  flight_head->tags = hashes_of(policy::tags_of(response.fields, rules));
  flight_head->length_known = response.framing != http::Framing::chunked && response.framing != http::Framing::until_close;
  flight_head->length = response.framing == http::Framing::length ? response.content_length : 0;
  {
    http::Fields client_fields;
    make_client_fields(response, rules, &verdict, times.response_time, client_fields, led.private_lines);
    flight_head->fields = client_fields.clone();
  }
  flight_head->verdict = std::move(verdict);
  Landing landing{flight, std::move(flight_head), std::move(fill), rules.max_variants};

  // What has arrived with the head, at once: most answers are whole here, and nobody waits.
  bool whole = !has_body;
  std::string leftover;
  if (!has_body) {
    // Nothing follows; the exchange still has to see its end to give the connection back.
    static_cast<void>(exchange->try_read_body());
  }
  while (!whole) {
    std::optional<Result<origin::Piece, origin::Failure>> piece = exchange->try_read_body();
    if (!piece) break;
    if (!*piece) {
      metrics.origin_failures.add();
      metrics.storing[static_cast<std::size_t>(policy::Storing::incomplete)].add();
      worker.shared().flights.remove(*flight);
      flight->fail((*piece).error());
      co_return std::move(led);
    }
    metrics.origin_bytes_in.add((**piece).bytes.size());
    whole = (**piece).end;
    if ((**piece).bytes.empty()) continue;
    if (!landing.fill->append((**piece).bytes)) {
      leftover.assign((**piece).bytes);
      break;
    }
  }
  if (whole && leftover.empty()) {
    exchange.reset();
    land(worker, landing);
    co_return std::move(led);
  }
  flight->stream(landing.head, landing.fill);
  const std::uint64_t window = request.snapshot->config->limits.window_bytes;
  net::spawn(pump(worker, std::move(exchange), std::move(landing), std::move(leftover), whole, window));
  co_return std::move(led);
}

net::Task<void> lead_behind(Worker& worker, std::unique_ptr<Request> request, FlightPtr flight) {
  worker.metrics().background_refreshes.add();
  const store::StoredPtr stored = request->stored;
  const Led led = co_await lead(worker, *request, flight, nullptr);
  if (led.exchange != nullptr) led.exchange->abandon();
  if (stored) stored->end_refresh();
}

}  // namespace davenport::server
