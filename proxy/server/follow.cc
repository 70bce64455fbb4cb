#include "proxy/server/follow.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "cache/policy/coding.h"
#include "cache/policy/validate.h"
#include "cache/policy/vary.h"
#include "core/http/serializer.h"
#include "proxy/server/answer.h"
#include "proxy/server/cache_status.h"
#include "proxy/server/client.h"
#include "proxy/server/form.h"
#include "proxy/server/forward.h"
#include "proxy/server/lead.h"
#include "proxy/server/passing.h"
#include "proxy/server/relay.h"

namespace davenport::server {
namespace {

using policy::Action;
using policy::Reason;

constexpr std::uint64_t kArrivingBytes = 64 << 10;
constexpr Millis kFlightWait{3'600'000};     // a flight ends by the origin's time limits; this only bounds a bug


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
// each use, for then it may be one visitor's own (RFC 9111 §4, §5.2.2.4). What the client asks of freshness is no question where the origin
// answered after it had asked: nothing is newer.
bool may_share(const Request& request, const policy::StoredFacts& facts) {
  policy::Ask ask;
  if (facts.response_time < request.now.wall_seconds()) ask = request.ask;
  ask.authorization = request.ask.authorization;
  ask.partial_suffices = true;                    // suits() has looked
  const Action action = policy::decide(ask, &facts, policy::PurgeState::valid, false, request.rules(), read_wall_seconds()).action;
  return action == Action::serve || action == Action::serve_and_refresh;
}

// What came from the tier is no newer than the request: there the client's own wishes count.
bool takes(const Request& request, const policy::StoredFacts& facts) {
  const Action action = policy::decide(request.ask, &facts, policy::PurgeState::valid, false, request.rules(), read_wall_seconds()).action;
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

// A part has other bytes (policy/coding.h).
http::Fields without_digests(const http::Fields& fields) {
  http::Fields out;
  for (const http::Field& field : fields) {
    if (field.id != http::FieldId::other || !policy::is_content_digest(field.name)) out.add(field.id, field.name, field.value);
  }
  return out;
}

// How a body that is still arriving goes to one client.
struct Arrival {
  bool known = false;                          // its length
  std::uint64_t length = 0;
  std::optional<policy::ByteRange> part;       // all that this client wants of it
  bool chunked = false;
};

void append_arriving_head(Client& client, const Request& request, const FlightHead& head, const Arrival& arrival, Passing& passing,
                          bool leader, std::string_view private_lines, const Account& account) {
  const policy::StoredFacts& facts = head.verdict.facts;
  const WallSeconds now = read_wall_seconds();
  const bool no_body = head.status == 204 || head.status == 304;
  std::string& text = client.output().begin_text();
  const std::size_t from = text.size();
  if (passing.codes()) append_head(text, account.status, head.reason, passing.fields(head.fields));
  else if (arrival.part) append_head(text, account.status, "", without_digests(head.fields));
  else append_head(text, account.status, head.reason, head.fields);
  if (arrival.part) append_content_range(text, *arrival.part, head.length);
  if (arrival.known && !no_body && !passing.codes()) {
    http::append_field(text, "Content-Length", arrival.part ? arrival.part->size() : arrival.length);
  }
  if (arrival.chunked && request.head.method != http::Method::head) text.append("Transfer-Encoding: chunked\r\n");
  http::append_field(text, "Age", static_cast<std::uint64_t>(std::max<std::int64_t>(0, facts.age(now))));
  append_forwarded_status(text, request.snapshot->config->cache.name,
                          {account.reason, account.storing, head.origin_status, account.storing == policy::Storing::stored, !leader, true, facts.ttl(now)});
  if (request.rules().server_timing) append_server_timing(text, "miss", took(request, client.worker().loop().now()), account.origin_time);
  text.append(leader ? private_lines : std::string_view{});
  text.append(connection_line(request.head, client.keeps_alive()));
  text.append("\r\n");
  client.output().end_text(from);
}

// The body of a flight, as it arrives or whole, to a client that has not got its head yet.
net::Task<void> stream(Client& client, Request& request, Follower& seat, const FlightView& first, bool leader,
                       std::string_view private_lines, Account& account) {
  Output& out = client.output();
  const FlightHead& head = *first.head;
  const bool head_only = request.head.method == http::Method::head;
  Arrival arrival;
  arrival.known = head.length_known || first.stage == Stage::complete;
  arrival.length = first.stage == Stage::complete ? first.fill->size() : head.length;
  if (const policy::RangePlan plan = range_of(request, head); plan.kind == policy::RangePlan::Kind::single) arrival.part = plan.ranges.front();
  Passing passing(client, request, account);
  if (!arrival.part && head.codable) passing.choose(head.status, head.fields, arrival.known ? std::optional(arrival.length) : std::nullopt, false);
  const Ending ending = ending_of(request.head);
  const bool chunked = arrival.chunked = (!arrival.known || passing.codes()) && ending == Ending::chunks;
  if (!arrival.known && ending == Ending::close && !head_only) client.close_after_this();
  account.status = arrival.part ? 206 : head.status;
  account.storing = first.storing;
  append_arriving_head(client, request, head, arrival, passing, leader, private_lines, account);
  if (head_only) co_return;                       // the body goes on to the store without it
  std::uint64_t offset = arrival.part ? arrival.part->first : 0;
  const std::uint64_t promised = arrival.part ? arrival.part->last + 1 : arrival.known ? arrival.length : 0;      // to the client, or by the origin
  // What is coded goes to the end of its flight, where its coding ends too.
  const std::uint64_t end = (arrival.part || arrival.known) && !passing.codes() ? promised : std::numeric_limits<std::uint64_t>::max();
  std::uint64_t in_a_row = 0;                      // bytes since others were served
  while (offset < end) {
    const FlightView view = seat.flight().view();
    std::array<iovec, 16> pieces;
    std::uint64_t covered = 0;
    // While it arrives its bytes may go once they are counted as taken: they are borrowed, in pieces whose rest can be copied.
    const bool arriving = view.stage == Stage::streaming;
    const std::uint64_t most = passing.codes() ? Passing::kSliceBytes : arriving ? kArrivingBytes : 1 << 20;
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
      for (std::size_t i = 0; i < count; ++i) {
        const std::string_view piece(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
        if (arriving) out.borrowed(piece);
        else out.pinned(first.fill, piece.data(), piece.size());
      }
      if (chunked) out.text("\r\n");
      offset += covered;
      account.body_bytes += covered;
    } else if (view.stage == Stage::complete && offset >= promised && !seat.left_behind()) {
      passing.finish();
      if (passing.failed()) {
        client.finish_uncleanly();
      } else if (chunked) {
        out.text("0\r\n\r\n");
      }
      co_return;                                  // what is left is drained by the connection
    } else if (view.stage != Stage::streaming || seat.left_behind()) {
      account.storing = policy::Storing::incomplete;
      client.finish_uncleanly();                  // cut short: never a clean end (RFC 9112 §8)
      co_return;
    }
    if (covered == 0) passing.flush();            // nothing more has come: the client gets all that there is
    if (passing.failed()) {
      client.finish_uncleanly();
      co_return;
    }
    const bool pushed = client.push();
    seat.taken(offset);
    if (!pushed) {
      const bool drained = co_await client.drain();
      if (!drained) co_return;
    }
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

// It comes in a coding that this client does not take, and is unpacked once it is stored. Not for what outgrows the store.
bool waits_to_unpack(Worker& worker, const Request& request, const FlightView& view) {
  if (!view.head->codable || view.head->coding == policy::Coding::identity || view.storing != policy::Storing::stored) return false;
  return !worker.wants().of(request.head.fields, request.rules().compression).accepted.takes(view.head->coding);
}

// A 304 can be told from the head alone, while the body is still arriving.
bool not_modified_already(Client& client, const Request& request, const FlightView& view, bool leader, Account& account) {
  if (view.head->status < 200 || view.head->status > 299) return false;
  if (policy::evaluate(request.head, view.head->fields, view.head->verdict.facts, read_wall_seconds()) != policy::Precondition::not_modified) return false;
  std::string& text = client.output().begin_text();
  const std::size_t from = text.size();
  append_304(text, request.head, view.head->fields);
  const WallSeconds now = read_wall_seconds();
  const policy::StoredFacts& facts = view.head->verdict.facts;
  http::append_field(text, "Age", static_cast<std::uint64_t>(std::max<std::int64_t>(0, facts.age(now))));     // RFC 9111 §4
  append_forwarded_status(text, request.snapshot->config->cache.name,
                          {account.reason, account.storing, view.head->origin_status, account.storing == policy::Storing::stored, !leader, true, facts.ttl(now)});
  text.append(connection_line(request.head, client.keeps_alive())).append("\r\n");
  client.output().end_text(from);
  account.status = 304;
  return true;
}

}  // namespace

net::Task<void> answer_from_store(Client& client, Request& request, HitLabel label, Account& account) {
  const store::StoredPtr sent = co_await find_form(client.worker(), request);
  if (!sent) {
    co_await relay(client, request, Reason::vary_miss, account);   // no coding of it that we could make is acceptable
    co_return;
  }
  label.keep_alive = client.keeps_alive();
  label.took = took(request, client.worker().loop().now());
  append_hit(client.output(), request.head, *sent, label, *request.snapshot, request.rules(), read_wall_seconds(), account);
  if (sent != request.stored) count_saved(client.worker(), *request.stored, *sent, account);
  client.output().hold(sent);
}

net::Task<Followed> follow(Client& client, Request& request, Follower& seat, Visitor* visitor, Account& account) {
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
  while (view.stage == Stage::asking ||
         (view.stage == Stage::streaming && ((range && view.storing == policy::Storing::stored && needs_whole(request, *view.head)) || waits_to_unpack(worker, request, view)))) {
    const bool may_leave = if_slow && view.stage == Stage::asking;
    const SteadyTime deadline = may_leave ? request.now.steady + rules.stale_if_slow : client.worker().loop().now() + kFlightWait;
    const net::Wake wake = co_await seat.changed().wait(deadline);
    if (wake == net::Wake::timeout && may_leave) {
      if (visitor != nullptr) visitor->client = nullptr;
      HitLabel label;
      label.reason = *if_slow;
      co_await answer_from_store(client, request, label, account);
      co_return Followed::answered;
    }
    if (wake != net::Wake::notified) {
      append_failure(client, request, {origin::FailureKind::cancelled, "", true}, account);
      co_return Followed::answered;
    }
    view = flight.view();
    if (seat.look_left_behind()) {                // it waited for a whole that will not be kept
      append_failure(client, request, {origin::FailureKind::queue_timeout, "what its answer is made of is not kept", true}, account);
      co_return Followed::answered;
    }
  }
  const bool leader = visitor != nullptr;
  const std::string_view private_lines = leader ? std::string_view(visitor->led.private_lines) : std::string_view{};
  account.origin_server = leader ? visitor->led.server : std::string{};
  if (leader) account.origin_time = visitor->led.first_byte;
  if (leader) account.storing = visitor->led.storing;
  switch (view.stage) {
    case Stage::asking: break;                    // not here: the loop above
    case Stage::released: co_return Followed::released;
    case Stage::failed: {
      // Nothing of it has gone to this client: what is stale may stand in still.
      const auto reason = request.stored ? policy::stale_instead(request.ask, request.stored->facts(), request.purge, policy::OriginTrouble::unreachable, rules,
                                                                 read_wall_seconds())
                                         : std::nullopt;
      if (!reason) {
        append_failure(client, request, view.failure, account);
        co_return Followed::answered;
      }
      HitLabel label;
      label.reason = *reason;
      co_await answer_from_store(client, request, label, account);
      co_return Followed::answered;
    }
    case Stage::stale: {
      const store::StoredPtr stored = view.stored;
      std::string scratch;
      const bool part_misses = stored->facts().partial && !part_suffices(request.head, *stored);
      if (!leader && (part_misses || !policy::selector_matches(stored->selector(), request.head.fields, rules, scratch))) co_return Followed::unsuited;
      // What the one who leads may have, by what it says, is nobody else's right (RFC 9111 §5.2.1, RFC 5861 §4).
      const policy::OriginTrouble trouble = view.origin_status != 0 ? policy::OriginTrouble::error_status : policy::OriginTrouble::unreachable;
      if (!leader && !policy::stale_instead(request.ask, stored->facts(), request.purge, trouble, rules, read_wall_seconds())) co_return Followed::released;
      request.stored = stored;
      HitLabel label;
      label.reason = view.stale_reason;
      label.forwarded = view.origin_status != 0;        // it was asked, and answered (RFC 9211 §2.2)
      label.origin_status = view.origin_status;
      label.stored = false;
      label.collapsed = !leader;
      co_await answer_from_store(client, request, label, account);
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
        co_await answer_from_store(client, request, label, account);
        co_return Followed::answered;
      }
      if (!leader || account.storing == policy::Storing::not_asked) {
        account.storing = view.storing;
      }
      if (view.stage == Stage::complete && view.stored) {
        request.stored = view.stored;
        HitLabel label{account.reason, true, view.revalidated, !leader, view.origin_status, {}, true, request.stored->live()};
        if (leader) label.private_fields = private_lines;
        co_await answer_from_store(client, request, label, account);
        co_return Followed::answered;
      }
      if (not_modified_already(client, request, view, leader, account)) co_return Followed::answered;
      co_await stream(client, request, seat, view, leader, private_lines, account);
      co_return Followed::answered;
    }
  }
  co_return Followed::answered;
}

}  // namespace davenport::server
