// Choosing, slots, the queue and reloads, without a socket: time is passed in.
#include <doctest/doctest.h>

#include <thread>

#include "proxy/origin/pool.h"

using namespace davenport;
using namespace davenport::origin;
using namespace std::chrono_literals;
using Outcome = Grant::Outcome;

namespace {

const SteadyTime kNow{std::chrono::hours(1)};

struct NoIdle final : IdleSource {
  bool has_idle(const Member&) const override { return false; }
};
struct AllIdle final : IdleSource {
  bool has_idle(const Member&) const override { return true; }
};

config::Origin settings(int servers) {
  config::Origin origin;
  origin.name = "shop";
  for (int i = 1; i <= servers; ++i) {
    config::OriginServer server;
    server.address.host = "10.0.0." + std::to_string(i);
    server.address.port = 80;
    origin.servers.push_back(server);
  }
  origin.balance = config::Balance::round_robin;
  origin.eject_after = 2;
  return origin;
}

Grant acquire(const ClusterPtr& cluster, SteadyTime now = kNow, const WaiterPtr& waiter = nullptr) {
  return cluster->acquire(Ask{}, NoIdle{}, waiter, now);
}

// A request that comes and goes.
std::string one(const ClusterPtr& cluster, SteadyTime now = kNow) {
  const Grant grant = acquire(cluster, now);
  if (grant.outcome != Outcome::slot) return "";
  const Slot slot(grant.member);
  cluster->ended(*grant.member);
  return grant.member->text;
}

void fail(const ClusterPtr& cluster, std::size_t at, int times, SteadyTime now = kNow) {
  for (int i = 0; i < times; ++i) cluster->failed(*cluster->members().at(at), now, "reset");
}

config::OriginServer name_server(const std::string& name) {
  config::OriginServer server;
  server.address.kind = config::Address::Kind::name;
  server.address.host = name;
  server.address.port = 80;
  return server;
}

std::vector<net::SocketAddress> addresses(std::initializer_list<const char*> hosts) {
  std::vector<net::SocketAddress> all;
  for (const char* host : hosts) all.push_back(*net::SocketAddress::numeric(host, 80));
  return all;
}

}  // namespace

TEST_CASE("requests are spread over the servers and counted") {
  const ClusterPtr cluster = make_cluster(settings(2), nullptr);
  const Grant a = acquire(cluster);
  const Grant b = acquire(cluster);
  const Slot slot_a(a.member), slot_b(b.member);
  CHECK(a.member->text == "10.0.0.1:80");
  CHECK(b.member->text == "10.0.0.2:80");
  ClusterState state = state_of(*cluster, kNow);
  CHECK(state.name == "shop");
  CHECK(state.available);
  CHECK(state.servers.at(0).connections == 1);
  CHECK(state.servers.at(0).outstanding == 1);
  CHECK(state.servers.at(0).name == "10.0.0.1:80");
  cluster->ended(*a.member);
  CHECK(state_of(*cluster, kNow).servers.at(0).outstanding == 0);
}

TEST_CASE("an idle connection is used before a slot, and at the limit too") {
  config::Origin origin = settings(1);
  origin.max_connections = 1;
  const ClusterPtr cluster = make_cluster(origin, nullptr);
  const Grant first = acquire(cluster);
  const Slot slot(first.member);
  CHECK(first.outcome == Outcome::slot);
  CHECK(acquire(cluster).outcome == Outcome::busy);
  CHECK(cluster->acquire(Ask{}, AllIdle{}, nullptr, kNow).outcome == Outcome::pooled);
  CHECK(first.member->connections == 1);
}

TEST_CASE("a server at its limit is passed over while another has room") {
  config::Origin origin = settings(2);
  origin.max_connections = 1;
  const ClusterPtr cluster = make_cluster(origin, nullptr);
  std::vector<Slot> slots;
  for (int i = 0; i < 2; ++i) slots.emplace_back(acquire(cluster).member);
  CHECK(slots[0].member() != slots[1].member());
  CHECK(acquire(cluster).outcome == Outcome::busy);
  slots.pop_back();
  CHECK(one(cluster) == "10.0.0.2:80");
}

TEST_CASE("a server that fails is left alone, tried once after its time, and taken back when it answers") {
  const ClusterPtr cluster = make_cluster(settings(2), nullptr);
  fail(cluster, 0, 2);
  CHECK(state_of(*cluster, kNow).servers.at(0).ejected);
  CHECK(state_of(*cluster, kNow).servers.at(0).ejections == 1);
  CHECK(state_of(*cluster, kNow).servers.at(0).failures == 2);
  for (int i = 0; i < 4; ++i) CHECK(one(cluster) == "10.0.0.2:80");
  const SteadyTime later = kNow + 1s;
  std::vector<Grant> grants;
  std::vector<Slot> slots;
  int probes = 0;
  for (int i = 0; i < 6; ++i) {
    grants.push_back(acquire(cluster, later));
    slots.emplace_back(grants.back().member);
    probes += grants.back().member->text == "10.0.0.1:80";
  }
  CHECK(probes == 1);
  for (const Grant& grant : grants) {
    if (grant.member->text == "10.0.0.1:80") cluster->head_received(*grant.member);
  }
  CHECK_FALSE(state_of(*cluster, later).servers.at(0).ejected);
  probes = 0;
  for (int i = 0; i < 6; ++i) probes += one(cluster, later) == "10.0.0.1:80";
  CHECK(probes == 3);
}

TEST_CASE("no_server when all are ejected or unhealthy; the only server is never ejected but may be unhealthy") {
  const ClusterPtr two = make_cluster(settings(2), nullptr);
  fail(two, 0, 2);
  two->set_healthy(*two->members()[1], false, kNow);
  CHECK(acquire(two).outcome == Outcome::no_server);
  CHECK_FALSE(state_of(*two, kNow).available);
  two->set_healthy(*two->members()[1], true, kNow);
  CHECK(one(two) == "10.0.0.2:80");

  const ClusterPtr single = make_cluster(settings(1), nullptr);
  fail(single, 0, 100);
  CHECK(one(single) == "10.0.0.1:80");
  CHECK(state_of(*single, kNow).available);
  single->set_healthy(*single->members()[0], false, kNow);
  CHECK(acquire(single).outcome == Outcome::no_server);
}

TEST_CASE("a retry prefers a server that was not tried") {
  const ClusterPtr cluster = make_cluster(settings(2), nullptr);
  const std::vector<MemberPtr> members = cluster->members();
  const std::vector<MemberPtr> first{members[0]};
  for (int i = 0; i < 4; ++i) {
    Ask ask;
    ask.tried = first;
    ask.retry = true;
    const Grant grant = cluster->acquire(ask, NoIdle{}, nullptr, kNow);
    const Slot slot(grant.member);
    CHECK(grant.member == members[1]);
  }
  Ask ask;
  ask.tried = members;
  CHECK(Slot(cluster->acquire(ask, NoIdle{}, nullptr, kNow).member).member() != nullptr);
  ask.others_only = true;
  CHECK(cluster->acquire(ask, NoIdle{}, nullptr, kNow).outcome == Outcome::no_server);
}

TEST_CASE("the queue is bounded, first in first out, and newcomers stand behind it") {
  config::Origin origin = settings(1);
  origin.max_connections = 1;
  origin.queue = 2;
  const ClusterPtr cluster = make_cluster(origin, nullptr);
  net::Loop loop;
  std::optional<Slot> slot(acquire(cluster).member);
  const auto waiter = [&] { return std::make_shared<Waiter>(loop, 0); };
  const WaiterPtr a = waiter(), b = waiter(), c = waiter();
  CHECK(acquire(cluster, kNow, a).outcome == Outcome::busy);
  CHECK(acquire(cluster, kNow, b).outcome == Outcome::busy);
  CHECK(acquire(cluster, kNow, c).outcome == Outcome::queue_full);
  CHECK(state_of(*cluster, kNow).queued == 2);
  CHECK(state_of(*cluster, kNow).queue_rejections == 1);
  slot.reset();
  REQUIRE(a->member != nullptr);
  CHECK(b->member == nullptr);
  CHECK(a->member->connections == 1);
  CHECK_FALSE(cluster->roster()->leave(*a));        // it was served: its grant is to be used
  CHECK(acquire(cluster, kNow, c).outcome == Outcome::busy);
  slot.emplace(a->member);
  slot.reset();
  REQUIRE(b->member != nullptr);
  CHECK(c->member == nullptr);
  CHECK(cluster->roster()->leave(*c));
  CHECK(state_of(*cluster, kNow).queued == 0);
  slot.emplace(b->member);
}

TEST_CASE("those who wait are told when no server is left, and served when one comes back") {
  config::Origin origin = settings(2);
  origin.max_connections = 1;
  const ClusterPtr cluster = make_cluster(origin, nullptr);
  net::Loop loop;
  std::vector<Slot> slots;
  for (int i = 0; i < 2; ++i) slots.emplace_back(acquire(cluster).member);
  const auto a = std::make_shared<Waiter>(loop, 0);
  REQUIRE(acquire(cluster, kNow, a).outcome == Outcome::busy);
  fail(cluster, 0, 2);
  CHECK(a->queued);
  cluster->set_healthy(*cluster->members()[1], false, kNow);
  CHECK(a->refused == FailureKind::no_server);
  CHECK(acquire(cluster).outcome == Outcome::no_server);
}

TEST_CASE("a reload keeps the health, the counters and the slots of servers that stay") {
  config::Origin origin = settings(3);
  origin.max_connections = 1;
  origin.health.enabled = true;
  const ClusterPtr old = make_cluster(origin, nullptr);
  const MemberPtr gone = old->members()[0], stays = old->members()[1], sick = old->members()[2];
  old->set_healthy(*sick, false, kNow);
  old->failed(*stays, kNow, "reset");
  const Grant grant = acquire(old);
  const Slot slot(grant.member);

  config::Origin changed = settings(4);
  changed.servers.erase(changed.servers.begin());
  changed.max_connections = 1;
  changed.health.enabled = true;
  const ClusterPtr fresh = make_cluster(changed, old);
  CHECK(fresh->members().size() == 3);
  CHECK(fresh->members()[0] == stays);
  CHECK(fresh->members()[1] == sick);
  CHECK_FALSE(sick->healthy);
  CHECK(gone->retired);
  CHECK_FALSE(stays->retired);
  CHECK(stays->failures == 1);
  CHECK(fresh->newest());
  CHECK_FALSE(old->newest());

  changed.health.enabled = false;                   // nobody would ever find it healthy again
  const ClusterPtr unchecked = make_cluster(changed, fresh);
  CHECK(sick->healthy);
}

TEST_CASE("a request that waits at a reload is served under the new configuration") {
  config::Origin origin = settings(1);
  origin.max_connections = 1;
  const ClusterPtr old = make_cluster(origin, nullptr);
  net::Loop loop;
  const Slot slot(acquire(old).member);
  const auto waiter = std::make_shared<Waiter>(loop, 0);
  REQUIRE(acquire(old, kNow, waiter).outcome == Outcome::busy);
  const ClusterPtr fresh = make_cluster(settings(2), old);
  REQUIRE(waiter->member != nullptr);
  const Slot granted(waiter->member);
}

TEST_CASE("waiting requests end when their origin is taken away") {
  config::Origin origin = settings(1);
  origin.max_connections = 1;
  ClusterPtr cluster = make_cluster(origin, nullptr);
  net::Loop loop;
  const MemberPtr member = acquire(cluster).member;
  const Slot slot(member);
  const auto waiter = std::make_shared<Waiter>(loop, 0);
  REQUIRE(acquire(cluster, kNow, waiter).outcome == Outcome::busy);
  cluster.reset();
  CHECK(waiter->refused == FailureKind::no_server);
  CHECK(member->retired);
}

TEST_CASE("a name stands for all its addresses, and a new look-up keeps what stays") {
  config::Origin origin = settings(1);
  origin.servers.push_back(name_server("shop.internal"));
  const ClusterPtr cluster = make_cluster(origin, nullptr);
  CHECK(cluster->members().size() == 1);
  cluster->set_addresses(1, addresses({"10.1.0.1", "10.1.0.2"}), kNow);
  REQUIRE(cluster->members().size() == 3);
  const MemberPtr stays = cluster->members()[2], goes = cluster->members()[1];
  CHECK(state_of(*cluster, kNow).servers[2].name == "shop.internal:80");
  cluster->set_addresses(1, addresses({"10.1.0.2", "10.1.0.3"}), kNow);
  CHECK(cluster->members()[1] == stays);
  CHECK(cluster->members()[2]->text == "10.1.0.3:80");
  CHECK(goes->retired);
  CHECK_FALSE(stays->retired);
  // Across a reload as well, until it is looked up again.
  const ClusterPtr fresh = make_cluster(origin, cluster);
  CHECK(fresh->members().size() == 3);
  // The old one's look-ups come too late.
  cluster->set_addresses(1, addresses({"10.9.9.9"}), kNow);
  CHECK(fresh->members().size() == 3);
  CHECK_FALSE(stays->retired);
}

TEST_CASE("an origin without any address is resolved once; the others wait for it") {
  config::Origin origin;
  origin.name = "shop";
  origin.servers = {name_server("shop.internal")};
  const ClusterPtr cluster = make_cluster(origin, nullptr);
  net::Loop loop;
  CHECK(acquire(cluster).outcome == Outcome::unresolved);
  CHECK(state_of(*cluster, kNow).available);
  const auto a = std::make_shared<Waiter>(loop, 0), b = std::make_shared<Waiter>(loop, 0);
  CHECK(cluster->begin_resolving(a, kNow) == Cluster::Resolve::yours);
  CHECK(cluster->begin_resolving(b, kNow) == Cluster::Resolve::wait);
  SUBCASE("and are served when it is found") {
    cluster->set_addresses(0, addresses({"10.0.0.1"}), kNow);
    cluster->end_resolving(kNow);
    REQUIRE(b->member != nullptr);
    const Slot slot(b->member);
  }
  SUBCASE("and fail with it; the next look-up waits a moment") {
    cluster->end_resolving(kNow);
    CHECK(b->refused == FailureKind::dns_error);
    CHECK_FALSE(state_of(*cluster, kNow).available);
    CHECK(cluster->begin_resolving(a, kNow) == Cluster::Resolve::failed);
    CHECK(cluster->begin_resolving(a, kNow + Cluster::kResolvePause) == Cluster::Resolve::yours);
  }
}

TEST_CASE("a server named twice is one server with the sum of the weights") {
  config::Origin origin = settings(2);
  origin.servers.push_back(origin.servers[0]);
  const ClusterPtr cluster = make_cluster(origin, nullptr);
  CHECK(cluster->members().size() == 2);
  int first = 0;
  for (int i = 0; i < 6; ++i) first += one(cluster) == "10.0.0.1:80";
  CHECK(first == 4);
}

TEST_CASE("retries come out of one budget for all workers") {
  config::Origin origin = settings(1);
  origin.retry_budget = 0.04;                       // two at first, then one for each 25 requests
  const ClusterPtr cluster = make_cluster(origin, nullptr);
  CHECK(cluster->may_retry());
  CHECK(cluster->may_retry());
  CHECK_FALSE(cluster->may_retry());
  for (int i = 0; i < 25; ++i) one(cluster);
  CHECK(cluster->may_retry());
  CHECK(state_of(*cluster, kNow).retries == 3);
}

TEST_CASE("slots are never oversold by threads that take and give at once") {
  config::Origin origin = settings(2);
  origin.max_connections = 3;
  const ClusterPtr cluster = make_cluster(origin, nullptr);
  std::atomic<bool> oversold{false};
  const auto work = [&] {
    for (int i = 0; i < 5'000; ++i) {
      const Grant grant = acquire(cluster);
      if (grant.outcome != Outcome::slot) continue;
      const Slot slot(grant.member);
      if (grant.member->connections > 3) oversold = true;
      cluster->ended(*grant.member);
    }
  };
  std::thread a(work), b(work);
  work();
  a.join();
  b.join();
  CHECK_FALSE(oversold);
  for (const MemberPtr& member : cluster->members()) {
    CHECK(member->connections == 0);
    CHECK(member->outstanding == 0);
  }
}
TEST_CASE("who waits for another server than the one that failed it lets others have that") {
  config::Origin origin = settings(2);
  origin.max_connections = 1;
  const ClusterPtr cluster = make_cluster(origin, nullptr);
  net::Loop loop;
  std::optional<Slot> first(acquire(cluster).member), second(acquire(cluster).member);
  const WaiterPtr picky = std::make_shared<Waiter>(loop, 0), plain = std::make_shared<Waiter>(loop, 0);
  picky->tried = {first->shared()};
  picky->others_only = true;
  CHECK(acquire(cluster, kNow, picky).outcome == Outcome::busy);
  CHECK(acquire(cluster, kNow, plain).outcome == Outcome::busy);
  const MemberPtr failed = first->shared(), other = second->shared();
  first.reset();
  CHECK(plain->member == failed);
  CHECK(picky->member == nullptr);
  second.reset();
  CHECK(picky->member == other);
  for (const WaiterPtr& each : {picky, plain}) first.emplace(each->member);
}

TEST_CASE("who comes while another one waits for a server of its own choice has what is free") {
  config::Origin origin = settings(2);
  origin.max_connections = 1;
  const ClusterPtr cluster = make_cluster(origin, nullptr);
  net::Loop loop;
  std::optional<Slot> first(acquire(cluster).member), second(acquire(cluster).member);
  const WaiterPtr picky = std::make_shared<Waiter>(loop, 0), late = std::make_shared<Waiter>(loop, 0);
  picky->tried = {first->shared()};
  picky->others_only = true;
  const MemberPtr failed = first->shared();
  CHECK(acquire(cluster, kNow, picky).outcome == Outcome::busy);
  first.reset();
  CHECK(picky->member == nullptr);
  CHECK(acquire(cluster, kNow, late).outcome == Outcome::busy);
  CHECK(late->member == failed);                     // served at once, for nobody would pump again
  first.emplace(late->member);
  second.reset();
  second.emplace(picky->member);
}

