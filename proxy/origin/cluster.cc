#include "proxy/origin/cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/hash.h"
#include "core/base/log.h"
#include "proxy/origin/roster.h"

namespace davenport::origin {
namespace {

constexpr std::size_t kResponseFields = 1'000;

http::HeadLimits head_limits_of(const config::Origin& origin) {
  http::HeadLimits limits;
  limits.head_bytes = origin.max_response_head_bytes;
  limits.field_count = kResponseFields;
  return limits;
}

Result<net::SocketAddress> address_of(const config::Address& address) {
  return address.kind == config::Address::Kind::unix_path ? net::SocketAddress::unix_path(address.host)
                                                          : net::SocketAddress::numeric(address.host, address.port);
}

bool is_name(const config::OriginServer& server) { return server.address.kind == config::Address::Kind::name; }

}  // namespace

Cluster::Cluster(const config::Origin& origin, std::shared_ptr<Roster> roster, net::TlsClientPtr tls)
    : settings_(origin),
      head_limits_(head_limits_of(origin)),
      roster_(std::move(roster)),
      tls_(std::move(tls)),
      ejection_rules_{origin.eject_after, origin.eject_time, origin.eject_max},
      random_(process_seed()) {}

Cluster::~Cluster() {
  const std::scoped_lock lock(roster_->mutex_);
  if (roster_->current != this) return;
  refuse_all(FailureKind::no_server);
  roster_->current = nullptr;
  for (const Listed& each : listed_) each.member->retired = true;
}

void Cluster::adopt(const Cluster* predecessor) {
  // Connections that were made by other rules of trust are nobody's any more: their servers are new ones here.
  if (predecessor != nullptr && (predecessor->settings_.https() != settings_.https() || predecessor->settings_.tls != settings_.tls)) {
    return adopt_addresses(*predecessor);
  }
  for (std::size_t i = 0; i < settings_.servers.size(); ++i) {
    const config::OriginServer& server = settings_.servers[i];
    if (is_name(server)) {
      if (predecessor == nullptr) continue;
      for (const Listed& old : predecessor->listed_) {
        if (predecessor->settings_.servers[old.server].address == server.address) list(i, old.member);
      }
      continue;
    }
    const Result<net::SocketAddress> address = address_of(server.address);
    if (!address) {
      log_error("origin {}: server {} is left out: {}", settings_.name, server.address.text(), address.error().message);
      continue;
    }
    MemberPtr member = find(*address);
    if (member == nullptr && predecessor != nullptr) member = predecessor->find(*address);
    if (member == nullptr) member = std::make_shared<Member>(roster_, *address);
    list(i, std::move(member));
  }
  begin(predecessor);
}

// Of what stays by name, the addresses that are known; no member, so no connection and no health.
void Cluster::adopt_addresses(const Cluster& predecessor) {
  adopt(nullptr);
  for (std::size_t i = 0; i < settings_.servers.size(); ++i) {
    if (!is_name(settings_.servers[i])) continue;
    for (const Listed& old : predecessor.listed_) {
      if (predecessor.settings_.servers[old.server].address != settings_.servers[i].address) continue;
      const MemberPtr known = find(old.member->address);
      list(i, known != nullptr ? known : std::make_shared<Member>(roster_, old.member->address));
    }
  }
  begin(&predecessor);
}

void Cluster::begin(const Cluster* predecessor) {
  if (predecessor != nullptr) {
    for (const Listed& old : predecessor->listed_) old.member->retired = !lists_here(*old.member);
  }
  for (const Listed& each : listed_) {
    // What is watched no longer can't come back either.
    if (!settings_.health.enabled) each.member->healthy = true;
    if (settings_.eject_after == 0) each.member->ejection.success();
  }
  roster_->current = this;
  roster_->budget.set_ratio(settings_.retry_budget);
}

void Cluster::list(std::size_t server, MemberPtr member) {
  const std::uint32_t weight = std::max(1u, settings_.servers[server].weight);
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    if (listed_[i].member != member) continue;
    places_[i].weight += weight;         // named twice
    return;
  }
  Place place;
  place.identity = hash64(member->text, 0);
  place.weight = weight;
  places_.push_back(place);
  listed_.push_back({server, std::move(member)});
}

MemberPtr Cluster::find(const net::SocketAddress& address) const {
  for (const Listed& each : listed_) {
    if (each.member->address == address) return each.member;
  }
  return nullptr;
}

std::string Cluster::server_name(const Member& member) const {
  if (!settings_.tls.server_name.empty()) return settings_.tls.server_name;
  const std::scoped_lock lock(roster_->mutex_);
  for (const Listed& each : listed_) {
    const config::Address& address = settings_.servers[each.server].address;
    if (each.member.get() == &member && address.kind != config::Address::Kind::unix_path) return address.host;
  }
  return "";
}

bool Cluster::lists_here(const Member& member) const {
  return std::any_of(listed_.begin(), listed_.end(), [&](const Listed& each) { return each.member.get() == &member; });
}

bool Cluster::any_idle() const {
  return std::any_of(listed_.begin(), listed_.end(), [](const Listed& each) { return each.member->idle.load() > 0; });
}

// The only server is never refused for its failures: an error of its own says more than ours.
bool Cluster::admits(const Member& member, SteadyTime now) const {
  return member.healthy.load(std::memory_order_relaxed) && (listed_.size() == 1 || member.ejection.admits(now));
}

Cluster::Pick Cluster::pick(const Ask& ask, const IdleSource* idle, SteadyTime now, MemberPtr& member) {
  const auto was_tried = [&](const MemberPtr& each) {
    return std::find(ask.tried.begin(), ask.tried.end(), each) != ask.tried.end();
  };
  bool any_admitted = false;
  for (const bool tried : {false, true}) {
    if (tried && (ask.tried.empty() || ask.others_only)) break;
    bool any_usable = false;
    for (std::size_t i = 0; i < listed_.size(); ++i) {
      const Member& each = *listed_[i].member;
      Place& place = places_[i];
      place.usable = was_tried(listed_[i].member) == tried && admits(each, now);
      if (!place.usable) continue;
      any_admitted = true;
      place.outstanding = each.outstanding.load(std::memory_order_relaxed);
      place.usable = each.connections.load(std::memory_order_relaxed) < settings_.max_connections ||
                     (idle != nullptr && idle->has_idle(each));
      any_usable |= place.usable;
    }
    if (!any_usable) continue;
    const std::size_t at = choose(settings_.balance, places_, ask.affinity, next_random(random_));
    member = listed_[at].member;
    member->outstanding.fetch_add(1, std::memory_order_relaxed);
    member->ejection.chosen();
    return Pick::chosen;
  }
  return any_admitted ? Pick::busy : Pick::none;
}

Grant Cluster::acquire(const Ask& ask, const IdleSource& idle, const WaiterPtr& waiter, SteadyTime now) {
  const std::scoped_lock lock(roster_->mutex_);
  Grant grant;
  if (!ask.retry && waiter == nullptr) roster_->budget.request();
  if (listed_.empty()) {
    const bool names = std::any_of(settings_.servers.begin(), settings_.servers.end(), is_name);
    grant.outcome = names ? Grant::Outcome::unresolved : Grant::Outcome::no_server;
    return grant;
  }
  if (!roster_->queue.empty()) roster_->pump(now);
  grant.outcome = Grant::Outcome::busy;
  if (roster_->queue.empty()) {
    switch (pick(ask, &idle, now, grant.member)) {
      case Pick::none: grant.outcome = Grant::Outcome::no_server; return grant;
      case Pick::busy: break;
      case Pick::chosen:
        grant.outcome = idle.has_idle(*grant.member) ? Grant::Outcome::pooled : Grant::Outcome::slot;
        if (grant.outcome == Grant::Outcome::slot) grant.member->connections.fetch_add(1);
        return grant;
    }
  }
  if (waiter == nullptr) return grant;
  if (!enqueue(waiter)) grant.outcome = Grant::Outcome::queue_full;
  else roster_->pump(now);                    // those before it may wait for another server than the one that is free
  return grant;
}

bool Cluster::enqueue(const WaiterPtr& waiter) {
  if (roster_->queue.size() >= settings_.queue) {
    roster_->queue_rejections.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  roster_->queue.push_back(waiter);
  waiter->place = std::prev(roster_->queue.end());
  waiter->queued = true;
  roster_->queued.fetch_add(1);
  return true;
}

void Cluster::refuse_all(FailureKind kind) {
  while (!roster_->queue.empty()) roster_->refuse_first(kind);
}

bool Cluster::may_retry() {
  const std::scoped_lock lock(roster_->mutex_);
  if (!roster_->budget.withdraw()) return false;
  roster_->retries.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Cluster::head_received(Member& member) {
  if (!member.troubled.load(std::memory_order_relaxed)) return;
  const std::scoped_lock lock(roster_->mutex_);
  if (member.ejection.ejected()) log_info("origin {}: server {} answers again", settings_.name, member.text);
  member.ejection.head_received(ejection_rules_);
}

void Cluster::succeeded(Member& member) {
  if (!member.troubled.load(std::memory_order_relaxed)) return;
  const std::scoped_lock lock(roster_->mutex_);
  if (tells_of(member.lone_failures)) log_info("origin {}: server {} answers again", settings_.name, member.text);
  member.lone_failures = 0;
  member.ejection.success();
  member.troubled = false;
}

// An only server is not ejected, but its failures and its return are told as if it were.
bool Cluster::tells_of(std::uint32_t failures) const { return ejection_rules_.after > 0 && failures >= ejection_rules_.after; }

void Cluster::failed(Member& member, SteadyTime now, std::string_view why) {
  member.failures.fetch_add(1, std::memory_order_relaxed);
  const std::scoped_lock lock(roster_->mutex_);
  if (listed_.size() <= 1) {
    const bool told = tells_of(member.lone_failures++);
    member.troubled = true;
    if (!told && tells_of(member.lone_failures)) {
      log_warning("origin {}: server {} has failed {} times in a row, last: {}; it is the only one, so it is asked on", settings_.name, member.text,
                  member.lone_failures, why);
    }
    return;
  }
  const bool ejected = member.ejection.failure(ejection_rules_, now);
  member.troubled = member.ejection.troubled();
  if (!ejected) return;
  member.ejections.fetch_add(1, std::memory_order_relaxed);
  log_warning("origin {}: server {} has failed too often and is left alone for a while; last: {}", settings_.name, member.text, why);
  roster_->pump(now);          // where nobody is left, those who wait are told
}

void Cluster::ended(Member& member) {
  member.outstanding.fetch_sub(1, std::memory_order_relaxed);
  if (!member.troubled.load(std::memory_order_relaxed)) return;
  const std::scoped_lock lock(roster_->mutex_);
  member.ejection.unknown();
}

void Cluster::set_healthy(Member& member, bool healthy, SteadyTime now) {
  if (member.healthy.exchange(healthy) == healthy) return;
  const std::scoped_lock lock(roster_->mutex_);
  roster_->pump(now);
}

void Cluster::set_addresses(std::size_t server, const std::vector<net::SocketAddress>& addresses, SteadyTime now) {
  const std::scoped_lock lock(roster_->mutex_);
  if (roster_->current != this) return;
  const std::vector<Listed> before = std::move(listed_);
  const std::vector<Place> places_before = std::move(places_);
  listed_.clear();
  places_.clear();
  // In the order of the configuration, whatever changed.
  for (std::size_t i = 0; i < settings_.servers.size(); ++i) {
    if (i != server) {
      for (const Listed& each : before) {
        if (each.server == i) list(i, each.member);
      }
      continue;
    }
    for (const net::SocketAddress& address : addresses) {
      const auto known = std::find_if(before.begin(), before.end(), [&](const Listed& each) { return each.member->address == address; });
      list(i, known != before.end() ? known->member : std::make_shared<Member>(roster_, address));
    }
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    before[i].member->retired = !lists_here(*before[i].member);
    for (std::size_t j = 0; j < listed_.size(); ++j) {
      if (listed_[j].member == before[i].member) places_[j].credit = places_before[i].credit;
    }
  }
  roster_->pump(now);
}

Cluster::Resolve Cluster::begin_resolving(const WaiterPtr& waiter, SteadyTime now) {
  const std::scoped_lock lock(roster_->mutex_);
  if (!resolving_ && now < resolve_again_) return Resolve::failed;
  if (!resolving_) {
    resolving_ = true;
    return Resolve::yours;
  }
  return enqueue(waiter) ? Resolve::wait : Resolve::queue_full;
}

void Cluster::end_resolving(SteadyTime now) {
  const std::scoped_lock lock(roster_->mutex_);
  resolving_ = false;
  if (listed_.empty()) {
    resolve_again_ = now + kResolvePause;
    refuse_all(FailureKind::dns_error);
  } else {
    roster_->pump(now);
  }
}

std::vector<MemberPtr> Cluster::members() const {
  const std::scoped_lock lock(roster_->mutex_);
  std::vector<MemberPtr> all;
  for (const Listed& each : listed_) all.push_back(each.member);
  return all;
}

bool Cluster::newest() const {
  const std::scoped_lock lock(roster_->mutex_);
  return roster_->current == this;
}

void Cluster::retire_all() {
  const std::scoped_lock lock(roster_->mutex_);
  if (roster_->current != this) return;
  for (const Listed& each : listed_) each.member->retired = true;
}

ClusterState Cluster::state(SteadyTime now) const {
  const std::scoped_lock lock(roster_->mutex_);
  ClusterState state;
  state.name = settings_.name;
  state.queued = roster_->queued.load();
  state.retries = roster_->retries.load();
  state.queue_timeouts = roster_->queue_timeouts.load();
  state.queue_rejections = roster_->queue_rejections.load();
  // A name that was not looked up yet is no reason for doubt.
  state.available = listed_.empty() && now >= resolve_again_ && !settings_.servers.empty();
  for (const Listed& each : listed_) {
    const Member& member = *each.member;
    ServerState server;
    server.address = member.text;
    server.name = settings_.servers[each.server].address.text();
    server.healthy = member.healthy.load();
    server.ejected = listed_.size() > 1 && member.ejection.ejected();
    server.connections = member.connections.load();
    server.outstanding = member.outstanding.load();
    server.requests = member.requests.load();
    server.failures = member.failures.load();
    server.ejections = member.ejections.load();
    state.available |= admits(member, now);
    state.servers.push_back(std::move(server));
  }
  return state;
}

ClusterPtr make_cluster(const config::Origin& origin, const ClusterPtr& predecessor, net::TlsClientPtr tls) {
  auto roster = predecessor != nullptr ? predecessor->roster() : std::make_shared<Roster>(origin.retry_budget);
  auto cluster = std::make_shared<Cluster>(origin, roster, std::move(tls));
  const std::scoped_lock lock(roster->mutex_);
  cluster->adopt(predecessor.get());
  if (!roster->queue.empty()) roster->pump(read_steady_clock());     // there may be room now
  return cluster;
}

ClusterState state_of(const Cluster& cluster, SteadyTime now) { return cluster.state(now); }

}  // namespace davenport::origin
