#include "proxy/server/story.h"

#include <optional>

#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/uri.h"
#include "proxy/server/answer.h"
#include "proxy/server/client.h"
#include "proxy/server/early_hints.h"
#include "proxy/server/follow.h"
#include "proxy/server/forward.h"
#include "proxy/server/hit.h"
#include "proxy/server/lead.h"
#include "proxy/server/relay.h"
#include "proxy/server/relay_answer.h"
#include "proxy/server/traffic_purge.h"

namespace davenport::server {
namespace {

using policy::Action;
using policy::Reason;

constexpr Millis kRefreshBurst{250};
constexpr std::string_view kAllow = "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n";


void own(Client& client, const Request& request, OwnAnswer answer, Account& account) {
  answer.request_id = request.id;
  append_own_answer(client.output(), &request.head, answer, *request.snapshot, read_wall_seconds(), client.keeps_alive(), account);
}

// To the same URL under https (RFC 9110 §15.4.9); what proves to an authority whose host this is goes its usual way.
bool redirected(Client& client, Request& request, bool has_body, Account& account) {
  const http::RequestHead& head = request.head;
  if (request.peer.redirect_port == 0 || head.path.starts_with("/.well-known/acme-challenge/")) return false;
  if (has_body) client.close_after_this();
  const auto host = http::parse_host_port(head.authority);
  if (!host || head.form == http::TargetForm::asterisk || head.form == http::TargetForm::authority) {
    own(client, request, {400, "This listener only redirects to https, and the request names no host and path.", {}}, account);
    return true;
  }
  std::string location = "Location: https://" + std::string(host->host);
  if (request.peer.redirect_port != 443) location.append(":").append(std::to_string(request.peer.redirect_port));
  append_origin_target(head, location);
  location.append("\r\n");
  own(client, request, {308, "Only https is spoken here.", location}, account);
  return true;
}

bool is_purge(const http::RequestHead& head) { return head.method == http::Method::purge || head.method == http::Method::ban; }

// What is answered without a look at route or store. False: go on.
bool answer_itself(Client& client, Request& request, Account& account) {
  const http::RequestHead& head = request.head;
  const config::ClientLimits& limits = request.snapshot->config->limits;
  const bool has_body = head.framing != http::Framing::none && !(head.framing == http::Framing::length && head.content_length == 0);
  if (redirected(client, request, has_body, account)) return true;
  if (head.method == http::Method::connect || head.method == http::Method::trace) {
    if (has_body || head.method == http::Method::connect) client.close_after_this();
    own(client, request, {405, "CONNECT and TRACE are not offered here.", kAllow}, account);
    return true;
  }
  if (head.framing == http::Framing::length && limits.body_bytes != 0 && head.content_length > limits.body_bytes) {
    client.close_after_this();
    own(client, request, {413, "The request's body is larger than this server takes (limits.body)."}, account);
    return true;
  }
  if (head.form == http::TargetForm::asterisk && request.route == nullptr) {
    if (has_body) client.close_after_this();
    own(client, request, {204, "", kAllow}, account);
    return true;
  }
  if (is_purge(head)) {
    if (has_body) client.close_after_this();
    return false;
  }
  if (head.method == http::Method::options && http::parse_delta_seconds(head.fields.get("max-forwards")) == Seconds{0}) {   // RFC 9110 §7.6.2
    if (has_body) client.close_after_this();
    own(client, request, {204, "", kAllow}, account);
    return true;
  }
  if (head.form == http::TargetForm::absolute && !iequals(head.scheme, request.peer.https ? "https" : "http")) {
    if (has_body) client.close_after_this();
    own(client, request, {421, "The target's scheme is not that of this connection (RFC 9110 section 7.4)."}, account);
    return true;
  }
  if (request.route == nullptr) {
    if (has_body) client.close_after_this();
    own(client, request, {421, "No site of this name is served here (no route names this host)."}, account);
    return true;
  }
  return false;
}

// Conditional and range requests of a private fetch go to the origin as they are; see look_up().
bool wants_more_than_whole(const http::RequestHead& head) {
  using http::FieldId;
  constexpr std::uint64_t mask = http::field_bit(FieldId::range) | http::field_bit(FieldId::if_none_match) |
                                 http::field_bit(FieldId::if_modified_since) | http::field_bit(FieldId::if_match) |
                                 http::field_bit(FieldId::if_unmodified_since);
  return (head.fields.present() & mask) != 0;
}

// A flight of one request's own is used again when that has ended.
struct GiveBack {
  GiveBack(Worker& owner, FlightPtr& of) : worker(owner), flight(of) {}
  ~GiveBack() {
    if (flight->slot() == kNoSlot) worker.give_back(std::move(flight));
  }
  GiveBack(const GiveBack&) = delete;
  GiveBack& operator=(const GiveBack&) = delete;
  Worker& worker;
  FlightPtr& flight;
};

// An answer that can't be shared, to the one whose it is.
net::Task<void> relay_led(Client& client, Request& request, const Led& led, purge::Position asked_at, Account& account) {
  account.origin_server = led.server;
  account.origin_time = led.first_byte;
  account.storing = led.storing;
  remember_hints(client.worker().shared().hints, request, *led.head, asked_at);
  if (led.keeper == nullptr && led.private_lines.empty() && answered_not_modified(client, request, *led.exchange, *led.head, account)) co_return;
  co_await relay_answer(client, request, *led.exchange, *led.head, led.private_lines, led.keeper.get(), account);
}

// The origin has to be asked. `alone`: nobody else may wait for this answer, and it waits for nobody.
net::Task<Followed> fetch(Client& client, Request& request, bool alone, Hash128 slot, Account& account) {
  Worker& worker = client.worker();
  Shared& shared = worker.shared();
  Flights::Joined joined;
  if (alone || !request.rules().coalesce) {
    joined = {worker.make_lone_flight(request.key, shared.purge_log.position()), true};
  } else {
    joined = shared.flights.join(request.key, slot, shared.purge_log);
  }
  account.reason = request.decision.reason;
  account.has_reason = true;
  const GiveBack lone{worker, joined.flight};
  Follower seat(joined.flight, worker.loop());
  if (!joined.leader) {
    worker.metrics().coalesced_followers.add();
    co_return co_await follow(client, request, seat, nullptr, account);
  }
  // A visitor who may be served stale if the origin is slow does not lead himself: the fetch goes on behind.
  const bool behind = request.stored && request.rules().stale_if_slow.count() > 0 &&
                      policy::stale_instead(request.ask, request.stored->facts(), request.purge, policy::OriginTrouble::slow,
                                            request.rules(), request.now.wall_seconds());
  if (behind) {
    static_cast<void>(request.stored->begin_refresh());
    const auto visitor = std::make_shared<Visitor>(Visitor{&client, {}});
    net::spawn(lead_behind(worker, request.copy(), joined.flight, visitor));
    const Followed followed = co_await follow(client, request, seat, visitor.get(), account);
    visitor->client = nullptr;
    if (visitor->led.exchange == nullptr || followed != Followed::released) co_return followed;
    co_await relay_led(client, request, visitor->led, joined.flight->position(), account);
    co_return Followed::answered;
  }
  Client* const here = &client;
  Led led = co_await lead(worker, request, joined.flight, here);
  if (led.exchange == nullptr) {
    Visitor visitor{&client, std::move(led)};
    co_return co_await follow(client, request, seat, &visitor, account);
  }
  co_await relay_led(client, request, led, joined.flight->position(), account);
  co_return Followed::answered;
}

// Who may ask no origin (only-if-cached, RFC 9111 §5.2.1.7), or asks it for a head alone, takes what another instance of the fleet has stored.
// Those who come together look once, in a flight that no fetch follows: who joins a fetch would wait for an origin.
net::Task<bool> answered_from_tier(Client& client, Request& request, policy::Reason reason, Account& account) {
  Worker& worker = client.worker();
  if (worker.tier() == nullptr || !may_be_shared(reason)) co_return false;
  Shared& shared = worker.shared();
  const Hash128 slot{~request.key.hash.low, request.key.hash.high};
  for (const bool alone : {false, true}) {        // alone: the others' flight brought another variant
    Flights::Joined joined;
    if (alone) joined = {worker.make_lone_flight(request.key, shared.purge_log.position()), true};
    else joined = shared.flights.join(request.key, slot, shared.purge_log);
    Follower seat(joined.flight, worker.loop());
    if (joined.leader) co_await lead_in_tier(worker, request, joined.flight);
    else worker.metrics().coalesced_followers.add();
    Visitor visitor{&client, {}};
    const Followed followed = co_await follow(client, request, seat, joined.leader ? &visitor : nullptr, account);
    if (followed != Followed::unsuited) co_return followed == Followed::answered;
  }
  co_return false;
}

// Why the origin would have to be asked, were that allowed.
policy::Reason reason_to_ask(const Request& request) {
  policy::Ask ask = request.ask;
  ask.only_if_cached = false;
  return policy::decide(ask, request.stored ? &request.stored->facts() : nullptr, request.purge, false, request.rules(), request.now.wall_seconds()).reason;
}

// Softly purged answers are validated at the pace that their origin is given.
bool may_refresh(const Request& request) {
  const std::uint32_t origin = request.route->origin;
  const double rate = request.snapshot->config->origins[origin].background_rate;
  return request.snapshot->background[origin]->admit(request.now.steady, rate, kRefreshBurst);
}

net::Task<void> from_cache(Client& client, Request& request, Account& account) {
  Worker& worker = client.worker();
  bool alone = false;
  Hash128 slot{};
  for (int turn = 0; turn < 3; ++turn) {
    look_up(worker, request);
    account.reason = request.decision.reason;
    account.has_reason = true;
    HitLabel label;
    switch (request.decision.action) {
      case Action::serve_and_refresh:
        // A purge of everything makes everything due at once: what is served meanwhile waits for its turn at the origin.
        if (request.purge == policy::PurgeState::soft && !may_refresh(request)) {
          worker.metrics().refreshes_put_off.add();
        } else if (request.stored->begin_refresh()) {
          const Flights::Joined joined = worker.shared().flights.join(request.key, request.key.hash, worker.shared().purge_log);
          if (joined.leader) {
            net::spawn(lead_behind(worker, request.copy(), joined.flight, std::make_shared<Visitor>()));
          } else {
            request.stored->end_refresh();
          }
        }
        [[fallthrough]];
      case Action::serve:
        label.reason = request.decision.reason;
        co_await answer_from_store(client, request, label, account);
        co_return;
      case Action::refuse: {
        const bool answered = co_await answered_from_tier(client, request, reason_to_ask(request), account);
        if (answered) co_return;
        own(client, request, {504, "Nothing usable is stored, and the request said only-if-cached."}, account);
        co_return;
      }
      case Action::validate:
      case Action::fetch: break;
    }
    const Reason reason = request.decision.reason;
    // What is validated at each use is nobody's but the one's who asks: such requests don't wait for one another.
    const bool unshared = request.stored && (request.stored->facts().no_cache || request.stored->facts().lifetime == 0);
    const bool of_another = reason == Reason::authorization;                        // what is stored is not for this client
    const bool for_itself = alone || unshared || of_another || reason == Reason::hit_for_miss || request.ask.no_store;
    const bool head_only = request.head.method == http::Method::head;
    // A HEAD asks as a GET only where its answer would be new to the store: beside a stored GET its own answer tells
    // whether that still holds (RFC 9111 §4.3.5), and what isn't stored needs no body.
    const bool stands = request.stored && request.purge != policy::PurgeState::hard;
    if (head_only && (for_itself || stands || !request.rules().convert_head)) {
      bool answered = false;
      if (!for_itself) answered = co_await answered_from_tier(client, request, reason, account);
      if (answered) co_return;
      co_await relay(client, request, reason, account);
      co_return;
    }
    // If-Match and If-Unmodified-Since are an origin's to evaluate (RFC 9110 §13.1.1, §13.1.4): they reach it.
    constexpr std::uint64_t kOfTheOrigin = http::field_bit(http::FieldId::if_match) | http::field_bit(http::FieldId::if_unmodified_since);
    const bool for_the_origin = (request.head.fields.present() & kOfTheOrigin) != 0;
    const bool likely_its_own = for_itself || request.ask.authorization;
    if (for_the_origin || (likely_its_own && wants_more_than_whole(request.head) && (!request.stored || of_another))) {
      co_await relay(client, request, reason, account);     // its own conditions and ranges, asked of the origin
      co_return;
    }
    hint_early(client, request);
    if (turn == 0) slot = request.key.hash;
    const Followed followed = co_await fetch(client, request, for_itself, slot, account);
    if (followed == Followed::answered) co_return;
    if (followed == Followed::released) {
      alone = true;
      request.decision.reason = Reason::hit_for_miss;
    } else {
      // Another variant than the flight's: the next turn finds it stored, or leads a flight of this request's own.
      alone = turn > 0;
      std::string own_slot(request.key.key);
      for (const http::Field& field : request.head.fields) own_slot.append(field.name).append(":").append(field.value).append("\n");
      slot = hash128(own_slot, process_seed());
    }
  }
  co_await relay(client, request, Reason::hit_for_miss, account);
}

}  // namespace

void look_up(Worker& worker, Request& request) {
  const purge::Log& log = worker.shared().purge_log;
  store::Lookup found = request.found ? std::move(*request.found)
                                      : worker.shared().store.find(request.key, request.head.fields, request.rules(), worker.text_scratch());
  request.found.reset();
  request.purge = policy::PurgeState::valid;
  if (found.stored) {
    if (outdated_head(*request.snapshot, *request.route, found.stored->facts())) found.stored->mark_soft_purged();
    const purge::Position position = log.position();
    if (found.stored->checked_at() != position) {
      request.purge = log.check(found.stored->names(), found.stored->checked_at());
      if (request.purge == policy::PurgeState::valid) found.stored->mark_checked(position);
      if (request.purge == policy::PurgeState::soft) found.stored->mark_soft_purged();
    }
    if (request.purge == policy::PurgeState::valid && found.stored->soft_purged()) request.purge = policy::PurgeState::soft;
  }
  const WallSeconds now = request.now.wall_seconds();
  request.ask = policy::read_ask(request.head, request.rules());
  if (found.stored && found.stored->marker()) {
    const bool holds = request.purge == policy::PurgeState::valid && found.stored->facts().fresh(now);
    request.stored.reset();
    request.decision = policy::decide(request.ask, nullptr, policy::PurgeState::valid, found.other_variants, request.rules(), now);
    if (holds && request.decision.action == Action::fetch) request.decision.reason = Reason::hit_for_miss;
    return;
  }
  request.stored = std::move(found.stored);
  if (request.stored && request.stored->facts().partial) request.ask.partial_suffices = part_suffices(request.head, *request.stored);
  request.decision = policy::decide(request.ask, request.stored ? &request.stored->facts() : nullptr, request.purge,
                                    found.other_variants, request.rules(), now);
}

net::Task<void> answer(Client& client, Request& request) {
  Worker& worker = client.worker();
  Account account;
  const bool answered = answer_itself(client, request, account);
  if (!answered && is_purge(request.head)) {
    co_await answer_purge(client, request, account);
  } else if (!answered) {
    std::optional<Reason> pass = policy::must_pass(request.head, request.rules());
    if (!pass && request.head.wants_upgrade) pass = Reason::upgrade;
    if (request.key.key.empty()) {
      request.key = policy::make_key(request.head, request.scheme, policy::canonical_host(*request.route, request.head.authority),
                                     request.rules(), request.key_bytes, request.forwarded_host);
    }
    if (pass) {
      if (!request.head.wants_upgrade) hint_early(client, request);
      co_await relay(client, request, *pass, account);
    } else {
      co_await from_cache(client, request, account);
    }
  }
  co_await client.finish();
  record(worker, request.head, request.peer, request.id, account, request.now, client.worker().loop().now());
}

}  // namespace davenport::server
