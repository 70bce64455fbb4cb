// What pages of the fleet's log change in one instance: the rules that a model checker found to be needed, one case each.
#include "cache/purge/shared_state.h"

#include <doctest/doctest.h>

#include "cache/purge/embedded_log.h"

namespace davenport::purge {
namespace {

using Step = SharedState::Step;

// A log as a master holds it, and an instance that follows it.
struct Bench {
  std::vector<LogEntry> log;
  std::uint64_t first = 1, epoch = 1;
  std::vector<std::string> applied;
  Position local = 0;
  int floors = 0;
  SharedState state{[this](const LogEntry& entry, Position) {
                      applied.push_back(entry.id);
                      return ++local;
                    },
                    [this] {
                      ++floors;
                      return ++local;
                    },
                    100};

  Bench& add(std::string id, std::uint64_t nonce) {
    log.push_back({{first + log.size(), nonce}, std::move(id), "payload"});
    return *this;
  }
  void trim(std::size_t count) {
    log.erase(log.begin(), log.begin() + static_cast<std::ptrdiff_t>(count));
    first += count;
  }
  LogPage page(std::uint64_t from) const {
    LogPage out;
    out.epoch = epoch;
    out.asked_from = from;
    if (log.empty()) return out;
    out.first = first;
    out.head = log.back().pid;
    for (const LogEntry& entry : log) {
      if (entry.pid.position >= from) out.entries.push_back(entry);
    }
    return out;
  }
  Step poll() {
    for (;;) {
      const Step step = state.absorb(page(state.ask_from()));
      if (step != Step::look_back) return step;
    }
  }
};

TEST_CASE("who joins applies what the log still has, and believes nothing older") {
  Bench bench;
  bench.add("a", 11).add("b", 12).add("c", 13);
  bench.trim(1);
  CHECK(bench.poll() == Step::advanced);
  CHECK(bench.applied == std::vector<std::string>{"b", "c"});
  CHECK(bench.state.at() == Pid{3, 13});
  CHECK_FALSE(bench.state.local_of({1, 11}));                 // trimmed: below the floor
  CHECK(bench.state.local_of({2, 12}) == 1);
  CHECK(bench.state.local_of({3, 13}) == 2);
}

TEST_CASE("an empty log has to begin with a nonce before anything counts") {
  Bench bench;
  CHECK(bench.poll() == Step::empty);
  CHECK(bench.state.at() == Pid{});
  CHECK_FALSE(bench.state.pid_at(5));
}

TEST_CASE("entries are applied in order, once, and a page that brings none changes nothing") {
  Bench bench;
  bench.add("a", 11);
  bench.poll();
  CHECK(bench.poll() == Step::same);
  bench.add("b", 12).add("c", 13);
  CHECK(bench.poll() == Step::advanced);
  CHECK(bench.applied == std::vector<std::string>{"a", "b", "c"});
  CHECK(bench.floors == 0);
  CHECK(bench.state.has_passed({2, 12}));
  CHECK_FALSE(bench.state.has_passed({2, 99}));               // confirmed is a position with its nonce
  CHECK_FALSE(bench.state.has_passed({4, 14}));
}

TEST_CASE("a position used anew is a fork, also where the log is just as long: its own last entry is read again") {
  Bench bench;
  bench.add("start", 1).add("x", 11);
  bench.poll();
  bench.log.pop_back();                                       // a failover lost it
  bench.epoch = 2;
  bench.add("y", 22);                                         // and the position went to another purge
  CHECK(bench.poll() == Step::fork);
  CHECK(bench.state.at() == Pid{2, 22});
  CHECK(bench.floors == 1);
  CHECK_FALSE(bench.state.local_of({2, 11}));                 // what was stored under the lost entry
  CHECK_FALSE(bench.state.local_of({1, 1}));                  // below the floor
  CHECK(bench.state.local_of({2, 22}));
  const std::vector<LogEntry> lost = bench.state.take_repairs();
  REQUIRE(lost.size() == 1);
  CHECK(lost[0].id == "x");                                   // appended again under its own id
  CHECK(bench.state.take_repairs().empty());
  CHECK(bench.poll() == Step::same);
}

TEST_CASE("a log that ends before the own last entry is a fork; one that was emptied begins again") {
  Bench bench;
  bench.add("start", 1).add("x", 11);
  bench.poll();
  bench.log.pop_back();
  CHECK(bench.poll() == Step::fork);
  CHECK(bench.state.at() == Pid{1, 1});
  bench.log.clear();
  CHECK(bench.poll() == Step::empty);
  CHECK(bench.floors == 2);
  CHECK(bench.state.at() == Pid{});
  bench.add("start", 5);
  CHECK(bench.poll() == Step::advanced);
}

TEST_CASE("entries trimmed before they were read are a gap: position and floor go to the head together") {
  Bench bench;
  bench.add("a", 11);
  bench.poll();
  bench.add("b", 12).add("c", 13).add("d", 14);
  bench.trim(2);
  CHECK(bench.poll() == Step::gap);
  CHECK(bench.state.at() == Pid{4, 14});
  CHECK(bench.floors == 1);
  CHECK(bench.state.local_of({4, 14}) == bench.local);        // what is filled from now on is valid
  CHECK(bench.state.take_repairs().empty());
}

TEST_CASE("a master with a lower epoch than one already seen counts as unreachable") {
  Bench bench;
  bench.add("a", 11);
  bench.epoch = 3;
  bench.poll();
  bench.epoch = 2;
  bench.add("b", 12);
  CHECK(bench.poll() == Step::isolated);
  CHECK(bench.state.at() == Pid{1, 11});
  CHECK_FALSE(bench.state.note_epoch(2));
  CHECK(bench.state.note_epoch(4));
}

TEST_CASE("a page that was asked for earlier says nothing against what is known, and may bring more") {
  Bench bench;
  bench.add("a", 11);
  bench.poll();
  const LogPage early = bench.page(1);
  bench.add("b", 12);
  bench.poll();
  CHECK(bench.state.absorb(early) == Step::older);            // shorter, but of before
  bench.add("c", 13);
  CHECK(bench.state.absorb(bench.page(1)) == Step::advanced);
  CHECK(bench.applied == std::vector<std::string>{"a", "b", "c"});
  CHECK(bench.floors == 0);
}

TEST_CASE("a response is stamped with the last entry that was applied when its fetch began") {
  Bench bench;
  bench.add("a", 11).add("b", 12);
  bench.poll();                                               // local 1 and 2
  bench.local = 5;                                            // purges of this instance alone in between
  bench.add("c", 13);
  bench.poll();                                               // local 6
  CHECK_FALSE(bench.state.pid_at(0));
  CHECK(bench.state.pid_at(1) == Pid{1, 11});
  CHECK(bench.state.pid_at(2) == Pid{2, 12});
  CHECK(bench.state.pid_at(5) == Pid{2, 12});
  CHECK(bench.state.pid_at(6) == Pid{3, 13});
  CHECK(bench.state.pid_at(9) == Pid{3, 13});
}

constexpr SteadyTime kStart{std::chrono::hours{1}};
constexpr Millis kLength{1'000}, kProbation{5'000};

// An instance whose purges hold here before the log has them, as SharedLog's do.
struct Early {
  EmbeddedLog applied;
  Bench bench;
  SharedState state{[this](const LogEntry& entry, Position last) { return *applied.follow(named(entry.id), last); }, [this] { return applied.raise_floor(); }, 100};

  static Request named(const std::string& id) {                // the purge of id "milk/1" is of "milk"
    Request request;
    request.targets = {{Kind::tag, id.substr(0, id.find('/'))}};
    request.id = id;
    return request;
  }
  void purge(const std::string& id) { REQUIRE(applied.record(named(id))); }
  void poll() {
    while (state.absorb(bench.page(state.ask_from())) == Step::look_back) {}
  }
  // What does a record say that was stamped with this entry?
  policy::PurgeState judge(const std::string& tag, const Pid& pid) {
    const auto since = state.local_of(pid);
    if (!since) return policy::PurgeState::validate;
    const Hash128 hash = tag_hash(tag);
    return applied.check({hash128("shop/x", process_seed()), "shop/x", &hash, 1}, *since);
  }
};

TEST_CASE("a purge that held here early counts from its place in the log: what is stamped before that has not seen it") {
  Early a;
  a.bench.add("start/1", 10);
  a.poll();
  SUBCASE("another one came to stand before it") {
    a.purge("milk/1");
    a.bench.add("bread/1", 11);
    a.poll();
    a.bench.add("milk/1", 12);
    a.poll();
    CHECK(a.judge("milk", {2, 11}) == policy::PurgeState::hard);
    CHECK(a.judge("milk", {3, 12}) == policy::PurgeState::valid);
    CHECK(a.judge("bread", {2, 11}) == policy::PurgeState::valid);
  }
  SUBCASE("two of its own stand behind one another") {
    a.purge("milk/1");
    a.purge("bread/1");
    a.bench.add("milk/1", 11);
    a.poll();
    CHECK(a.judge("bread", {2, 11}) == policy::PurgeState::hard);
    CHECK(a.judge("milk", {2, 11}) == policy::PurgeState::valid);
    a.bench.add("bread/1", 12);
    a.poll();
    CHECK(a.judge("bread", {2, 11}) == policy::PurgeState::hard);
    CHECK(a.judge("bread", {3, 12}) == policy::PurgeState::valid);
  }
  SUBCASE("nothing stands between: what was asked for since then has seen it, and is not asked for again") {
    a.purge("milk/1");
    const Position asked_at = a.applied.position();
    a.bench.add("milk/1", 11);
    a.poll();
    CHECK(a.state.pid_at(asked_at) == Pid{2, 11});
    CHECK(a.applied.position() == asked_at);
  }
}

TEST_CASE("what a fork has lost holds here against what is stamped with the log's new end") {
  Early a;
  a.bench.add("start/1", 10).add("milk/1", 11);
  a.poll();
  a.bench.log.pop_back();
  a.bench.add("bread/1", 12);
  a.poll();
  REQUIRE(a.state.forks() == 1);
  CHECK(a.judge("milk", {2, 12}) == policy::PurgeState::hard);
  CHECK(a.judge("cheese", {2, 12}) == policy::PurgeState::valid);
  a.bench.add("milk/1", 13);                                   // appended again
  a.poll();
  CHECK(a.judge("milk", {2, 12}) == policy::PurgeState::hard);
  CHECK(a.judge("milk", {3, 13}) == policy::PurgeState::valid);
}

TEST_CASE("what a fork has not lost is not purged again, be it everything") {
  Early a;
  a.bench.add("start/1", 10).add("milk/1", 11).add("bread/1", 12);
  a.poll();
  const Position milk = *a.state.local_of({2, 11});
  a.bench.log.pop_back();
  a.poll();
  REQUIRE(a.state.forks() == 1);
  const std::vector<LogEntry> lost = a.state.take_repairs();
  REQUIRE(lost.size() == 1);
  CHECK(lost[0].id == "bread/1");
  CHECK(a.judge("bread", {2, 11}) == policy::PurgeState::hard);
  CHECK(a.judge("milk", {2, 11}) == policy::PurgeState::valid);
  CHECK(*a.state.local_of({2, 11}) > milk);                  // the floor
}

TEST_CASE("a cluster that was made anew, with lower epochs, is followed once the old one is known to be gone") {
  Bench bench;
  bench.epoch = 7;
  bench.add("a", 11);
  bench.poll();
  bench.log.clear();
  bench.epoch = 3;
  bench.add("b", 21);
  CHECK(bench.poll() == Step::isolated);
  bench.state.forget_epoch();
  CHECK(bench.poll() == Step::fork);
  CHECK(bench.state.at() == Pid{1, 21});
}

TEST_CASE("a lease begins with an acknowledged heartbeat, and runs from its sending") {
  Lease lease(kLength, kProbation);
  CHECK_FALSE(lease.trusted());
  lease.answered(kStart, kStart + Millis{300}, true);
  CHECK(lease.trusted());
  CHECK(lease.holds(kStart + Millis{999}));
  CHECK_FALSE(lease.holds(kStart + Millis{1'000}));
}

TEST_CASE("an answer without a replica's word renews what still holds, and no more") {
  Lease lease(kLength, kProbation);
  lease.answered(kStart, kStart, true);
  lease.answered(kStart + Millis{900}, kStart + Millis{900}, false);
  CHECK(lease.holds(kStart + Millis{1'800}));
  lease.answered(kStart + Millis{2'000}, kStart + Millis{2'000}, false);   // ran out before it was sent
  CHECK_FALSE(lease.holds(kStart + Millis{2'001}));
}

TEST_CASE("after it ran out a master is believed when it has answered without a break for as long as an isolated one could") {
  Lease lease(kLength, kProbation);
  SteadyTime now = kStart;
  for (; now < kStart + kProbation; now += Millis{500}) {
    lease.answered(now, now, false);
    CHECK_FALSE(lease.trusted());
  }
  lease.answered(now, now, false);
  CHECK(lease.holds(now + Millis{1}));
  Lease broken(kLength, kProbation);
  broken.answered(kStart, kStart, false);
  broken.answered(kStart + Seconds{6}, kStart + Seconds{6}, false);        // a break: it begins again
  CHECK_FALSE(broken.trusted());
}

TEST_CASE("a purge comes back from the log as it was, and nonsense does not come back") {
  Request request;
  request.soft = true;
  request.by = "admin 127.0.0.1";
  request.targets = {{Kind::url, "shop/milk?x"}, {Kind::tag, "dairy"}, {Kind::prefix, "shop/img/"}, {Kind::all, ""}};
  const std::string payload = encode_purge(request);
  const std::optional<Request> read = decode_purge(payload);
  REQUIRE(read);
  CHECK(read->soft);
  CHECK(read->by == request.by);
  REQUIRE(read->targets.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(read->targets[i].kind == request.targets[i].kind);
    CHECK(read->targets[i].name == request.targets[i].name);
  }
  for (std::size_t size = 0; size < payload.size(); ++size) CHECK_FALSE(decode_purge(payload.substr(0, size)));
  CHECK_FALSE(decode_purge(payload + "x"));
  CHECK_FALSE(decode_purge("\x02" + payload.substr(1)));
}

}  // namespace
}  // namespace davenport::purge
