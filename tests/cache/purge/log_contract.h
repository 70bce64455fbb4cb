// tests/cache/purge/log_contract.h: what every purge log promises (cache/purge/log.h), as one suite for all of them.
//     check_log_contract([] { return std::make_unique<EmbeddedLog>(); });
// `make` gives a new, empty log each time.
#pragma once
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cache/purge/log.h"

namespace davenport::purge::test {

using MakeLog = std::function<std::unique_ptr<Log>()>;
using policy::PurgeState;

// A response as the log sees it.
struct Object {
  std::string resource;
  std::vector<Hash128> tags;
  explicit Object(std::string name, const std::vector<std::string>& tag_names = {}) : resource(std::move(name)) {
    for (const std::string& tag : tag_names) tags.push_back(tag_hash(tag));
  }
  Names names() const { return {hash128(resource, process_seed()), resource, tags.data(), tags.size()}; }
};

inline Request purge_of(Kind kind, std::string name, bool soft = false, std::string id = "") {
  Request out;
  out.targets.push_back({kind, std::move(name)});
  out.soft = soft;
  out.id = std::move(id);
  return out;
}

inline Position record(Log& log, const Request& request) {
  const Result<Receipt> receipt = log.record(request);
  REQUIRE(receipt);
  CHECK(receipt->position <= log.position());
  return receipt->position;
}

inline void check_each_kind_hits_its_own(const MakeLog& make) {
  struct Row { Kind kind; const char *name, *hit, *missed; std::vector<std::string> hit_tags, missed_tags; };
  for (const Row& row : {
           Row{Kind::url, "shop/milk", "shop/milk", "shop/milk2", {}, {"shop/milk"}},
           Row{Kind::url, "shop/milk?a", "shop/milk?a", "shop/milk", {}, {}},
           Row{Kind::tag, "dairy", "shop/milk", "dairy", {"other", "dairy"}, {"dair"}},
           Row{Kind::prefix, "shop/img/", "shop/img/a.png", "shop/imgs", {}, {"shop/img/"}},
           Row{Kind::prefix, "shop/img", "shop/img", "shop/im", {}, {}},
           Row{Kind::all, "", "shop/milk", nullptr, {}, {}}}) {
    for (const bool soft : {false, true}) {
      CAPTURE(row.name);
      CAPTURE(soft);
      const std::unique_ptr<Log> log = make();
      const Position before = log->position();
      const Position position = record(*log, purge_of(row.kind, row.name, soft));
      CHECK(position > before);
      const Object hit(row.hit, row.hit_tags);
      CHECK(log->check(hit.names(), before) == (soft ? PurgeState::soft : PurgeState::hard));
      CHECK(log->check(hit.names(), position) == PurgeState::valid);
      if (row.missed == nullptr) continue;
      CHECK(log->check(Object(row.missed, row.missed_tags).names(), before) == PurgeState::valid);
    }
  }
}

inline void check_hard_and_soft(const MakeLog& make) {
  const Object milk("shop/milk", {"dairy"});
  const std::pair<Kind, const char*> rows[] = {
      {Kind::url, "shop/milk"}, {Kind::tag, "dairy"}, {Kind::prefix, "shop"}, {Kind::all, ""}};
  for (const auto& [kind, name] : rows) {
    const std::unique_ptr<Log> log = make();
    const Position start = log->position();
    const Position soft = record(*log, purge_of(kind, name, true));
    const Position hard = record(*log, purge_of(kind, name, false));
    const Position again = record(*log, purge_of(kind, name, true));
    CHECK(log->check(milk.names(), start) == PurgeState::hard);  // soft after it changes nothing
    CHECK(log->check(milk.names(), soft) == PurgeState::hard);
    CHECK(log->check(milk.names(), hard) == PurgeState::soft);
    CHECK(log->check(milk.names(), again) == PurgeState::valid);
  }
}

inline void check_several_targets(const MakeLog& make) {
  const std::unique_ptr<Log> log = make();
  Request request;
  request.targets = {{Kind::url, "a/1"}, {Kind::tag, "t"}, {Kind::prefix, "b/"}};
  const Position position = record(*log, request);
  CHECK(position == log->position());
  for (const Object& hit : {Object("a/1"), Object("x", {"t"}), Object("b/x")}) {
    CHECK(log->check(hit.names(), position - 1) == PurgeState::hard);
    CHECK(log->check(hit.names(), position) == PurgeState::valid);
  }
  CHECK(log->check(Object("c").names(), position - 1) == PurgeState::valid);
}

inline void check_ids(const MakeLog& make) {
  const std::unique_ptr<Log> log = make();
  const Object milk("shop/milk");
  const Position first = record(*log, purge_of(Kind::url, "shop/milk", false, "once"));
  const Position filled = log->position();
  CHECK(record(*log, purge_of(Kind::url, "shop/milk", false, "once")) == first);
  CHECK(log->check(milk.names(), filled) == PurgeState::valid);      // nothing was purged anew
  CHECK(record(*log, purge_of(Kind::url, "shop/milk", false, "twice")) > first);
  CHECK(log->check(milk.names(), filled) == PurgeState::hard);
}

inline void check_refusals(const MakeLog& make) {
  const std::unique_ptr<Log> log = make();
  const Position before = log->position();
  CHECK_FALSE(log->record(Request{}));
  for (const Kind kind : {Kind::url, Kind::tag, Kind::prefix}) CHECK_FALSE(log->record(purge_of(kind, "")));
  CHECK(log->position() == before);
}

// Many names, checked by readers while they are recorded: what a returned record() hits is never valid afterwards.
inline void check_under_threads(const MakeLog& make) {
  const std::unique_ptr<Log> log = make();
  constexpr int kPurges = 2'000;
  std::atomic<int> recorded{-1}, missed{0}, wrong{0};
  const Position start = log->position();
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      const Object untouched("untouched", {"no-tag"});
      for (int last = -1; last < kPurges - 1;) {
        last = recorded.load(std::memory_order_acquire);
        if (log->check(untouched.names(), start) != PurgeState::valid) ++wrong;
        if (last < 0) continue;
        const std::string number = std::to_string(last);
        const Object object = last % 3 == 1 ? Object("x", {"t" + number}) : Object("u" + number + "/");
        if (log->check(object.names(), start) != PurgeState::hard) ++missed;
      }
    });
  }
  for (int i = 0; i < kPurges; ++i) {
    const std::string number = std::to_string(i);
    record(*log, i % 3 == 0   ? purge_of(Kind::url, "u" + number + "/")
                 : i % 3 == 1 ? purge_of(Kind::tag, "t" + number)
                              : purge_of(Kind::prefix, "u" + number + "/"));
    recorded.store(i, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
  CHECK(missed == 0);
  CHECK(wrong == 0);
}

inline void check_log_contract(const MakeLog& make) {
  check_each_kind_hits_its_own(make);
  check_hard_and_soft(make);
  check_several_targets(make);
  check_ids(make);
  check_refusals(make);
  check_under_threads(make);
}

}  // namespace davenport::purge::test
