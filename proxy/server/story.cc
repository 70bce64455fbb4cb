#include "proxy/server/story.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "cache/policy/validate.h"
#include "cache/policy/vary.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/http/serializer.h"
#include "core/http/uri.h"
#include "proxy/server/answer.h"
#include "proxy/server/cache_status.h"
#include "proxy/server/client.h"
#include "proxy/server/early_hints.h"
#include "proxy/server/form.h"
#include "proxy/server/forward.h"
#include "proxy/server/hit.h"
#include "proxy/server/lead.h"
#include "proxy/server/passing.h"
#include "proxy/server/relay.h"
#include "proxy/server/traffic_purge.h"

namespace davenport::server {
namespace {

using policy::Action;
using policy::Reason;

constexpr Millis kRefreshBurst{250};
constexpr Millis kFlightWait{3'600'000};     // a flight ends by the origin's time limits; this only bounds a bug
constexpr std::string_view kAllow = "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n";

WallSeconds wall_now() { return std::chrono::floor<Seconds>(read_wall_clock()); }

void own(Client& client, const Request& request, OwnAnswer answer, Account& account) {
  answer.request_id = request.id;
  append_own_answer(client.output(), &request.head, answer, *request.snapshot, wall_now(), client.keeps_alive(), account);
}

// What is stored, in the coding that suits the client.
net::Task<void> hit(Client& client, Request& request, HitLabel label, Account& account) {
  const store::StoredPtr sent = co_await find_form(client.worker(), request);
  if (!sent) {
    co_await relay(client, request, Reason::vary_miss, account);   // no coding of it that we could make is acceptable
    co_return;
  }
  label.keep_alive = client.keeps_alive();
  label.took = took(request, client.worker().loop().now());
  append_hit(client.output(), request.head, *sent, label, *request.snapshot, request.rules(), wall_now(), account);
  if (sent != request.stored) count_saved(client.worker(), *request.stored, *sent, account);
  client.output().hold(sent);
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
  if (head.method == http::Method::options && head.fields.get("max-forwards") == "0") {   // RFC 9110 §7.6.2
    if (has_body) client.close_after_this();
    own(client, request, {204, "", kAllow}, account);
    return true;
  }
  if (head.form == http::TargetForm::absolute && !iequals(head.scheme, request.scheme)) {
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

// May this request have what the flight brings? By Vary, and by purges that came since the flight left.
bool suits(Worker& worker, const Request& request, const FlightView& view, Flight& flight) {
  const purge::Log& log = worker.shared().purge_log;
  std::string scratch;
  if (view.stored && view.stored->facts().partial && !part_suffices(request.head, *view.stored)) return false;
  const std::string_view selector = view.stored ? view.stored->selector() : view.head ? std::string_view(view.head->selector) : "";
  if (!policy::selector_matches(selector, request.head.fields, request.rules(), scratch)) return false;
  // While it arrives it can be coded for this client, but not be unpacked: the bytes may never come to an end.
  const bool coded = view.head && view.head->codable && view.head->coding != policy::Coding::identity;
  if (coded && !(view.stage == Stage::complete && view.stored) &&
      !worker.wants().of(request.head.fields, request.rules().compression).accepted.takes(view.head->coding)) {
    return false;
  }
  if (log.position() == flight.position()) return true;
  if (view.stored) return log.check(view.stored->names(), flight.position()) != policy::PurgeState::hard;
  const policy::KeyParts parts = flight.parts();
  const std::vector<Hash128> none;
  const std::vector<Hash128>& tags = view.head ? view.head->tags : none;
  return log.check({parts.resource_hash, parts.resource, tags.data(), tags.size()}, flight.position()) != policy::PurgeState::hard;
}

// May a follower have what another request brought? Only what would be served to it from the store: fresh, and not to be validated at
// each use, for then it may be one visitor's own (RFC 9111 §4, §5.2.2.4). What the client asks of freshness is no question: nothing
// is newer than a fetch that was under way when it asked.
bool may_share(const Request& request, const policy::StoredFacts& facts) {
  policy::Ask ask;
  ask.authorization = request.ask.authorization;
  ask.partial_suffices = true;                    // suits() has looked
  const Action action = policy::decide(ask, &facts, policy::PurgeState::valid, false, request.rules(), wall_now()).action;
  return action == Action::serve || action == Action::serve_and_refresh;
}

// What came from the tier is no newer than the request: there the client's own wishes count.
bool takes(const Request& request, const policy::StoredFacts& facts) {
  const Action action = policy::decide(request.ask, &facts, policy::PurgeState::valid, false, request.rules(), wall_now()).action;
  return action == Action::serve || action == Action::serve_and_refresh;
}

// The range of a body that is still arriving. Single: it can be sent as it comes; whole: so can all of it.
policy::RangePlan range_of(const Request& request, const FlightHead& head) {
  if (!head.length_known || head.status != 200) return {};
  return policy::plan_range(request.head, head.fields, head.length);
}

// Some answers to a range are made of a stored whole only.
bool needs_whole(const Request& request, const FlightHead& head) {
  const policy::RangePlan::Kind kind = range_of(request, head).kind;
  return kind == policy::RangePlan::Kind::several || kind == policy::RangePlan::Kind::unsatisfiable;
}

// The body of a flight, as it arrives or whole, to a client that has not got its head yet.
net::Task<void> stream(Client& client, Request& request, Follower& seat, const FlightView& first, bool leader,
                       std::string_view private_lines, Account& account) {
  Output& out = client.output();
  const FlightHead& head = *first.head;
  const bool known = head.length_known || first.stage == Stage::complete;
  const std::uint64_t length = first.stage == Stage::complete ? first.fill->size() : head.length;
  const bool no_body = head.status == 204 || head.status == 304;
  const bool head_only = request.head.method == http::Method::head;
  const policy::RangePlan plan = range_of(request, head);
  const bool part = plan.kind == policy::RangePlan::Kind::single;
  Passing passing(client, request, account);
  http::Fields coded_fields;
  if (!part) passing.choose(head.status, head.fields, known ? std::optional(length) : std::nullopt, false);
  if (passing.codes()) coded_fields = passing.fields(head.fields);
  const Ending ending = ending_of(request.head);
  const bool chunked = (!known || passing.codes()) && ending == Ending::chunks;
  if (!known && ending == Ending::close && !head_only) client.close_after_this();
  const policy::StoredFacts& facts = head.verdict.facts;
  const WallSeconds now = wall_now();
  account.status = part ? 206 : head.status;
  account.storing = policy::Storing::stored;
  {
    std::string& text = out.begin_text();
    const std::size_t from = text.size();
    append_head(text, account.status, part ? "" : head.reason, passing.codes() ? coded_fields : head.fields);
    if (part) append_content_range(text, plan.ranges.front(), head.length);
    if (known && !no_body && !passing.codes()) http::append_field(text, "Content-Length", part ? plan.ranges.front().size() : length);
    if (chunked && !head_only) text.append("Transfer-Encoding: chunked\r\n");
    http::append_field(text, "Age", static_cast<std::uint64_t>(std::max<std::int64_t>(0, facts.age(now))));
    append_forwarded_status(text, request.snapshot->config->cache.name,
                            {account.reason, policy::Storing::stored, head.origin_status, true, !leader, true, facts.ttl(now)});
    if (request.rules().server_timing) append_server_timing(text, "miss", took(request, client.worker().loop().now()), account.origin_time);
    text.append(leader ? private_lines : std::string_view{});
    text.append(connection_line(request.head, client.keeps_alive()));
    text.append("\r\n");
    out.end_text(from);
  }
  if (head_only) co_return;                       // the body goes on to the store without it
  std::uint64_t offset = part ? plan.ranges.front().first : 0;
  const std::uint64_t end = part ? plan.ranges.front().last + 1 : std::numeric_limits<std::uint64_t>::max();
  std::uint64_t in_a_row = 0;                      // bytes since others were served
  while (offset < end) {
    const FlightView view = seat.flight().view();
    std::array<iovec, 16> pieces;
    std::uint64_t covered = 0;
    const std::uint64_t most = passing.codes() ? Passing::kSliceBytes : 1 << 20;
    const std::size_t count = seat.pieces(offset, std::min<std::uint64_t>(most, end - offset), pieces, covered);
    if (covered > 0 && passing.codes()) {
      for (std::size_t i = 0; i < count; ++i) passing.append({static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len});
      offset += covered;
    } else if (covered > 0) {
      if (chunked) {
        std::string& size = out.begin_text();
        const std::size_t at = size.size();
        http::append_chunk_size(size, covered);
        out.end_text(at);
      }
      for (std::size_t i = 0; i < count; ++i) out.pinned(first.fill, static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      if (chunked) out.text("\r\n");
      offset += covered;
      account.body_bytes += covered;
    } else if (view.stage == Stage::complete) {
      passing.finish();
      if (passing.failed()) {
        client.finish_uncleanly();
      } else if (chunked) {
        out.text("0\r\n\r\n");
      }
      co_return;                                  // what is left is drained by the connection
    } else if (view.stage != Stage::streaming) {
      account.storing = policy::Storing::incomplete;
      client.finish_uncleanly();                  // cut short: never a clean end (RFC 9112 §8)
      co_return;
    }
    if (covered == 0) passing.flush();            // nothing more has come: the client gets all that there is
    if (passing.failed()) {
      client.finish_uncleanly();
      co_return;
    }
    if (!client.push()) {
      const bool drained = co_await client.drain();
      if (!drained) co_return;
    }
    seat.taken(offset);
    if (covered > 0 && passing.codes()) {
      co_await passing.pause();
      continue;
    }
    in_a_row += covered;
    if (in_a_row >= net::kTurnBytes) {
      in_a_row = 0;
      co_await net::yield(client.worker().loop());
    }
    if (covered > 0) continue;
    const net::Wake wake = co_await seat.changed().wait(client.worker().loop().now() + kFlightWait);
    if (wake != net::Wake::notified) {
      client.finish_uncleanly();
      co_return;
    }
  }
}

// A 304 can be told from the head alone, while the body is still arriving.
bool not_modified_already(Client& client, const Request& request, const FlightView& view, Account& account) {
  if (view.head->status < 200 || view.head->status > 299) return false;
  if (policy::evaluate(request.head, view.head->fields, view.head->verdict.facts, wall_now()) != policy::Precondition::not_modified) return false;
  std::string& text = client.output().begin_text();
  const std::size_t from = text.size();
  append_304(text, request.head, view.head->fields);
  append_forwarded_status(text, request.snapshot->config->cache.name,
                          {account.reason, policy::Storing::stored, view.head->origin_status, true, false, false, 0});
  text.append(connection_line(request.head, client.keeps_alive())).append("\r\n");
  client.output().end_text(from);
  account.status = 304;
  return true;
}

enum class Followed : std::uint8_t { answered, unsuited /* look again */, released /* go alone */ };

// Waits for the flight and answers from it.
net::Task<Followed> follow(Client& client, Request& request, Follower& seat, bool leader, std::string_view private_lines,
                           Account& account) {
  Worker& worker = client.worker();
  Flight& flight = seat.flight();
  const config::CacheRules& rules = request.rules();
  // Slow is dead: with a stale answer in hand, a visitor waits only so long (a setting).
  std::optional<Reason> if_slow;
  if (request.stored && rules.stale_if_slow.count() > 0) {
    if_slow = policy::stale_instead(request.ask, request.stored->facts(), request.purge, policy::OriginTrouble::slow, rules, request.now.wall_seconds());
  }
  const bool range = request.head.fields.has(http::FieldId::range);
  seat.attend();
  FlightView view = flight.view();
  while (view.stage == Stage::asking || (view.stage == Stage::streaming && range && needs_whole(request, *view.head))) {
    const bool may_leave = if_slow && view.stage == Stage::asking;
    const SteadyTime deadline = may_leave ? request.now.steady + rules.stale_if_slow : client.worker().loop().now() + kFlightWait;
    const net::Wake wake = co_await seat.changed().wait(deadline);
    if (wake == net::Wake::timeout && may_leave) {
      HitLabel label;
      label.reason = *if_slow;
      co_await hit(client, request, label, account);
      co_return Followed::answered;
    }
    if (wake != net::Wake::notified) {
      append_failure(client, request, {origin::FailureKind::cancelled, "", true}, account);
      co_return Followed::answered;
    }
    view = flight.view();
  }
  account.origin_server = leader ? account.origin_server : std::string{};
  switch (view.stage) {
    case Stage::asking: break;                    // not here: the loop above
    case Stage::released: co_return Followed::released;
    case Stage::failed: append_failure(client, request, view.failure, account); co_return Followed::answered;
    case Stage::stale: {
      const store::StoredPtr stored = view.stored;
      std::string scratch;
      const bool part_misses = stored->facts().partial && !part_suffices(request.head, *stored);
      if (!leader && (part_misses || !policy::selector_matches(stored->selector(), request.head.fields, rules, scratch))) co_return Followed::unsuited;
      request.stored = stored;
      HitLabel label;
      label.reason = view.stale_reason;
      co_await hit(client, request, label, account);
      co_return Followed::answered;
    }
    case Stage::streaming:
    case Stage::complete: {
      if (!leader && (!suits(worker, request, view, flight) || (view.shared && !takes(request, view.stored->facts())))) co_return Followed::unsuited;
      if (!leader && !may_share(request, view.stored ? view.stored->facts() : view.head->verdict.facts)) co_return Followed::released;
      if (view.shared) {
        request.stored = view.stored;
        HitLabel label;
        label.reason = *view.shared;
        co_await hit(client, request, label, account);
        co_return Followed::answered;
      }
      if (!leader || account.storing == policy::Storing::not_asked) {
        account.storing = view.revalidated ? policy::Storing::updated : policy::Storing::stored;
      }
      if (view.stage == Stage::complete && view.stored) {
        request.stored = view.stored;
        HitLabel label{account.reason, true, view.revalidated, !leader, view.origin_status, {}, true, request.stored->live()};
        if (leader) label.private_fields = private_lines;
        co_await hit(client, request, label, account);
        co_return Followed::answered;
      }
      if (not_modified_already(client, request, view, account)) co_return Followed::answered;
      co_await stream(client, request, seat, view, leader, private_lines, account);
      co_return Followed::answered;
    }
  }
  co_return Followed::answered;
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
    co_return co_await follow(client, request, seat, false, {}, account);
  }
  // A visitor who may be served stale if the origin is slow does not lead himself: the fetch goes on behind.
  const bool behind = request.stored && request.rules().stale_if_slow.count() > 0 &&
                      policy::stale_instead(request.ask, request.stored->facts(), request.purge, policy::OriginTrouble::slow,
                                            request.rules(), request.now.wall_seconds());
  if (behind) {
    static_cast<void>(request.stored->begin_refresh());
    net::spawn(lead_behind(worker, request.copy(), joined.flight));
    co_return co_await follow(client, request, seat, true, {}, account);
  }
  Led led = co_await lead(worker, request, joined.flight, &client);
  account.origin_server = led.server;
  account.origin_time = led.first_byte;
  account.storing = led.storing;
  if (led.exchange != nullptr) {
    co_await relay_answer(client, request, *led.exchange, *led.head, led.private_lines, led.keeper.get(), account);
    co_return Followed::answered;
  }
  co_return co_await follow(client, request, seat, true, led.private_lines, account);
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
    const Followed followed = co_await follow(client, request, seat, joined.leader, {}, account);
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
            net::spawn(lead_behind(worker, request.copy(), joined.flight));
          } else {
            request.stored->end_refresh();
          }
        }
        [[fallthrough]];
      case Action::serve:
        label.reason = request.decision.reason;
        co_await hit(client, request, label, account);
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
    const bool for_itself = alone || unshared || reason == Reason::hit_for_miss || reason == Reason::request_no_store || reason == Reason::authorization;
    const bool head_only = request.head.method == http::Method::head;
    // A HEAD asks as a GET only where its answer would be new to the store: beside a stored GET its own answer tells
    // whether that still holds (RFC 9111 §4.3.5), and what isn't stored needs no body.
    if (head_only && (for_itself || request.stored || !request.rules().convert_head)) {
      bool answered = false;
      if (!for_itself) answered = co_await answered_from_tier(client, request, reason, account);
      if (answered) co_return;
      co_await relay(client, request, reason, account);
      co_return;
    }
    // If-Match and If-Unmodified-Since are an origin's to evaluate (RFC 9110 §13.1.1, §13.1.4): they reach it.
    constexpr std::uint64_t kOfTheOrigin = http::field_bit(http::FieldId::if_match) | http::field_bit(http::FieldId::if_unmodified_since);
    const bool for_the_origin = (request.head.fields.present() & kOfTheOrigin) != 0;
    if (for_the_origin || (for_itself && wants_more_than_whole(request.head) && !request.stored)) {
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
                                     request.rules(), request.key_bytes);
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
