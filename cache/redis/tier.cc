#include "cache/redis/tier.h"

#include <algorithm>
#include <array>

#include "cache/policy/coding.h"
#include "cache/policy/selector.h"
#include "cache/policy/vary.h"
#include "core/base/log.h"
#include "core/http/serializer.h"

namespace davenport::redis {
namespace {

constexpr std::size_t kMostLeases = 4'096;
constexpr Millis kLeaseLook{20};               // between two looks for what another instance is fetching

std::vector<std::string_view> pieces_of(const store::StoredResponse& stored) {
  std::vector<std::string_view> out;
  std::array<iovec, 32> pieces;
  for (std::uint64_t offset = 0; offset < stored.body_bytes();) {
    std::uint64_t covered = 0;
    const std::size_t count = stored.body(offset, stored.body_bytes() - offset, pieces, covered);
    for (std::size_t i = 0; i < count; ++i) out.emplace_back(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    if (covered == 0) break;
    offset += covered;
  }
  return out;
}

}  // namespace

Tier::Tier(net::Loop& loop, const config::Redis& settings, store::MemoryStore& store, const purge::Log& log)
    : loop_(loop), settings_(settings), store_(store), log_(log), client_(loop, settings, metrics_), popular_(client_, settings.prefix) {}

// ---- reading --------------------------------------------------------------------------------------------------------

Tier::Place Tier::place_of(const policy::KeyParts& key) const {
  std::string name = record_key(settings_.prefix, key.key);
  const std::uint16_t slot = slot_of(name);
  return {std::move(name), slot};
}

// Counts what is no record; a record is counted by who uses it.
Result<Record, Damage> Tier::read(const Answer& answer, std::string_view key) {
  if (answer.loss == Loss::timeout) metrics_.read_late.add();
  else if (answer.loss == Loss::unavailable) metrics_.read_skipped.add();
  else if (!answer.ok()) metrics_.read_failed.add();
  else if (answer.reply.kind() == Reply::Kind::nil) metrics_.absent.add();
  else {
    Result<Record, Damage> record = decode(answer.reply.text(), key, settings_.hmac_key);
    if (record) return record;
    metrics_.damaged.add();
    log_debug("redis: a record is no good: {}", name_of(record.error()));
    return record;
  }
  return Damage::truncated;
}

net::Task<store::StoredPtr> Tier::find(Wanted wanted, Now now) {
  const Place place = place_of(wanted.key);
  if (!client_.may_ask(place.slot, now.steady)) {
    metrics_.read_skipped.add();
    co_return store::StoredPtr{};
  }
  Look found = co_await look(wanted, place, now);
  if (found.stored || found.lease.empty() || !wanted.lease || settings_.fetch_wait.count() == 0) co_return std::move(found.stored);
  const std::string lease = found.lease;
  const Leased leased = co_await take_lease(lease);
  if (leased == Leased::ours) {
    if (leases_.size() >= kMostLeases) leases_.clear();        // of fetches that failed: they end by themselves
    leases_.insert_or_assign(place.key, lease);
    // Another one may have had it between our look and this, and have put what it fetched.
    found = co_await look(wanted, place, read_clocks());
    if (found.stored) give_up(wanted.key);
    co_return std::move(found.stored);
  }
  if (leased != Leased::others) co_return store::StoredPtr{};
  const SteadyTime patience = loop_.now() + settings_.fetch_wait;
  for (;;) {
    metrics_.lease_waits.add();
    now = read_clocks();
    const SteadyTime next = now.steady + kLeaseLook;
    if (next >= patience) co_return store::StoredPtr{};
    const bool goes_on = co_await net::sleep_until(loop_, next);
    now = read_clocks();
    if (!goes_on || !client_.may_ask(place.slot, now.steady)) co_return store::StoredPtr{};
    // Given back before the look, so that nothing can have been put in between: then nothing will be, and all go themselves.
    const bool held = co_await is_held(lease);
    found = co_await look(wanted, place, now);
    if (found.stored || found.lease.empty() || !held) co_return std::move(found.stored);
  }
}

net::Task<Tier::Look> Tier::look(const Wanted& wanted, const Place& place, Now now) {
  const SteadyTime deadline = now.steady + budget();
  const std::string_view words[] = {"GET", place.key};
  const Answer first = co_await client_.ask({words, place.slot, true}, now.steady, deadline);
  const bool absent = first.ok() && first.reply.kind() == Reply::Kind::nil;
  Result<Record, Damage> record = read(first, wanted.key.key);
  if (!record) co_return Look{{}, absent ? place.key + ":lease" : ""};
  if (record->kind == Record::Kind::response) {
    if (record->selector.empty()) {
      store::StoredPtr stored = keep(wanted, *record, now.wall_seconds());
      if (stored) co_return Look{std::move(stored)};
      co_return Look{{}, place.key + ":lease"};
    }
    metrics_.damaged.add();
    co_return Look{};
  }
  // The names belong to a version too: its pid comes before the variant is chosen.
  const std::optional<purge::Position> since = log_.local_of(record->pid);
  const purge::Names names{wanted.key.resource_hash, wanted.key.resource, nullptr, 0};
  if (!since || log_.check(names, *since) >= policy::PurgeState::validate) {
    metrics_.unusable.add();
    co_return Look{{}, place.key + ":lease"};
  }
  std::string selector;
  {
    const std::string vary(record->vary);
    http::Fields response;
    response.add("Vary", vary);
    selector = policy::make_selector(response, wanted.request, wanted.rules);
  }
  const std::string variant = variant_key(place.key, selector);
  const std::string_view variant_words[] = {"GET", variant};
  const Answer second = co_await client_.ask({variant_words, place.slot, true}, deadline);
  const bool no_variant = second.ok() && second.reply.kind() == Reply::Kind::nil;
  record = read(second, wanted.key.key);
  if (!record) co_return Look{{}, no_variant ? variant + ":lease" : ""};
  if (record->kind != Record::Kind::response || policy::plain_selector(record->selector) != selector) {
    metrics_.damaged.add();
    co_return Look{};
  }
  store::StoredPtr stored = keep(wanted, *record, now.wall_seconds());
  std::string lease = stored ? "" : variant + ":lease";
  co_return Look{std::move(stored), std::move(lease)};
}

net::Task<Tier::Leased> Tier::take_lease(const std::string& lease) {
  const std::string milliseconds = std::to_string((settings_.fetch_wait * 2).count());
  const std::string_view words[] = {"SET", lease, "1", "NX", "PX", milliseconds};
  const Answer answer = co_await client_.ask({words, lease}, loop_.now() + budget());
  if (!answer.ok()) co_return Leased::unknown;
  co_return answer.reply.kind() == Reply::Kind::nil ? Leased::others : Leased::ours;
}

net::Task<bool> Tier::is_held(const std::string& lease) {
  const std::string_view words[] = {"EXISTS", lease};
  const Answer answer = co_await client_.ask({words, lease}, loop_.now() + budget());
  co_return !answer.ok() || answer.reply.kind() != Reply::Kind::integer || answer.reply.integer() != 0;
}

void Tier::forget(const store::StoredResponse& stored) {
  const std::string key = record_key(settings_.prefix, stored.key());
  if (!client_.may_ask(slot_of(key), loop_.now())) return;
  net::spawn(drop(*this, stored.selector().empty() ? key : variant_key(key, policy::plain_selector(stored.selector()))));
}

std::string Tier::held_lease(const std::string& key) {
  const auto held = leases_.find(key);
  if (held == leases_.end()) return {};
  std::string lease = std::move(held->second);
  leases_.erase(held);
  return lease;
}

void Tier::give_up(const policy::KeyParts& parts) {
  if (leases_.empty()) return;
  std::string lease = held_lease(record_key(settings_.prefix, parts.key));
  if (!lease.empty()) net::spawn(drop(*this, std::move(lease)));
}

net::Task<void> Tier::drop(Tier& tier, std::string key) {
  const std::string_view words[] = {"DEL", key};
  const Answer answer = co_await tier.client_.ask({words, key}, tier.loop_.now() + tier.settings_.command_timeout);
  static_cast<void>(answer);                       // it ends by itself
}

// Forms are made of it at all instances or at none: where these rules make none, who takes no such coding could not be served.
bool Tier::fits(const Record& record, const config::CacheRules& rules, http::Fields& fields) {
  fields.clear();
  http::read_lines(record.head, fields);
  return !record.codable || policy::codable(record.facts.status, fields, rules.compression) == policy::Codable::yes;
}

store::StoredPtr Tier::keep(const Wanted& wanted, const Record& record, WallSeconds now) {
  const std::optional<purge::Position> since = log_.local_of(record.pid);
  const purge::Names names{wanted.key.resource_hash, wanted.key.resource, record.tags.data(), record.tags.size()};
  const bool usable = since && log_.check(names, *since) < policy::PurgeState::validate && !record.facts.outlived(now) &&
                      record.facts.response_time > wanted.newer_than;
  http::Fields fields;
  const store::FillPtr fill = usable && fits(record, wanted.rules, fields) ? store_.begin_fill(record.body.size()) : nullptr;
  if (fill == nullptr || (!record.body.empty() && !fill->append(record.body))) {
    metrics_.unusable.add();
    return {};
  }
  store::Draft draft;
  draft.key = wanted.key;
  draft.selector = record.selector;
  draft.head = record.head;
  draft.facts = record.facts;
  draft.tags = record.tags;
  draft.position = *since;
  draft.codable = record.codable;
  if (record.codable) draft.coding = policy::source_coding(fields);
  store::StoredPtr stored;
  if (store_.commit(fill, draft, log_, wanted.rules.max_variants, &stored) != store::PutResult::stored) {
    metrics_.unusable.add();
    return {};
  }
  metrics_.found.add();
  return stored;
}

// ---- writing --------------------------------------------------------------------------------------------------------

void Tier::put(const store::StoredPtr& stored, purge::Position position) {
  const std::string key = record_key(settings_.prefix, stored->key());
  std::string lease = leases_.empty() ? "" : held_lease(key);
  Writes writes;
  if (make_writes(stored, position, key, writes)) {
    writes.lease = std::move(lease);
    metrics_.write_bytes_pending.add(writes.bytes());
    net::spawn(write(*this, std::move(writes)));
  } else if (!lease.empty()) {
    net::spawn(drop(*this, std::move(lease)));
  }
}

// False: it does not go to Redis, and why was counted.
bool Tier::make_writes(const store::StoredPtr& stored, purge::Position position, const std::string& key, Writes& writes) {
  if (stored->marker() || stored->facts().partial) return false;
  const auto refuse = [](Counter& why) {
    why.add();
    return false;
  };
  const std::optional<purge::Pid> pid = log_.pid_at(position);
  if (!pid) return refuse(metrics_.write_no_position);
  if (stored->body_bytes() + stored->head().size() + stored->key().size() > settings_.max_value_bytes) return refuse(metrics_.write_too_large);
  const WallSeconds now = read_wall_seconds();
  const std::int64_t left = std::min(stored->facts().retention() - stored->facts().age(now), settings_.max_ttl.count());
  if (left <= 0) return false;
  if (!client_.may_ask(slot_of(key), loop_.now())) return refuse(metrics_.write_dropped);
  if (metrics_.write_bytes_pending.value() + stored->body_bytes() > settings_.pending_writes_bytes) return refuse(metrics_.write_dropped);

  Record record;
  record.pid = *pid;
  record.key = stored->key();
  record.selector = stored->selector();
  record.head = stored->head();
  record.facts = stored->facts();
  record.codable = stored->codable();
  record.tags.assign(stored->tags().begin(), stored->tags().end());
  writes.value = encode(record, pieces_of(*stored), settings_.hmac_key);
  writes.ttl_ms = std::to_string(left * 1000);
  writes.key = key;
  if (!record.selector.empty()) {
    Record names;
    names.kind = Record::Kind::varies;
    names.pid = *pid;
    names.key = stored->key();
    // By the selector's own names, not by those of the head's Vary: that may be withheld from clients, and has Accept-Encoding in it
    // where every coding is made here.
    const std::string vary = policy::names_of_selector(record.selector);
    if (vary.empty()) return false;
    names.vary = vary;
    writes.index_key = key;
    writes.index_value = encode(names, {}, settings_.hmac_key);
    writes.key = variant_key(key, policy::plain_selector(record.selector));
  }
  return true;
}

net::Task<Answer> Tier::set(std::string_view key, std::string_view value, std::string_view ttl_ms, SteadyTime deadline) {
  const std::string_view words[] = {"SET", key, value, "PX", ttl_ms};
  const Answer answer = co_await client_.ask({words, key}, deadline);
  co_return answer;
}

net::Task<void> Tier::write(Tier& tier, Writes writes) {
  const SteadyTime deadline = tier.loop_.now() + tier.settings_.command_timeout;
  Answer answer = co_await tier.set(writes.key, writes.value, writes.ttl_ms, deadline);
  if (answer.ok() && !writes.index_key.empty()) answer = co_await tier.set(writes.index_key, writes.index_value, writes.ttl_ms, deadline);
  if (answer.ok()) tier.metrics_.written.add();
  else tier.metrics_.write_failed.add();
  tier.metrics_.write_bytes_pending.sub(writes.bytes());
  if (!writes.lease.empty()) co_await drop(tier, std::move(writes.lease));
}

}  // namespace davenport::redis
