// The keys of session tickets (RFC 5077 §5.5): one in use, two still honoured, then gone; random, or derived from a secret.
#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "core/net/tls.h"

using namespace davenport;
using net::TicketKeys;

namespace {

Now at(Seconds since_start) {
  static const Now start{WallTime{Seconds{1'700'000'000}}, read_steady_clock()};      // a multiple of 100 s
  return {start.wall + since_start, start.steady + since_start};
}

}  // namespace

TEST_CASE("a ticket key is used for its time, honoured for twice as long again, and then unknown") {
  TicketKeys keys(Seconds{3600});
  const TicketKeys::Key first = keys.current(at(Seconds{0}));
  CHECK(keys.current(at(Seconds{3599})).name == first.name);
  struct Row { Seconds after; bool known, newest; };
  for (const Row& row : {Row{Seconds{0}, true, true}, Row{Seconds{3599}, true, true}, Row{Seconds{3600}, true, false},
                         Row{Seconds{10'799}, true, false}, Row{Seconds{10'800}, false, false}}) {
    CAPTURE(row.after.count());
    TicketKeys::Key found;
    bool newest = false;
    CHECK(keys.find(first.name.data(), at(row.after), found, newest) == row.known);
    if (!row.known) continue;
    CHECK(newest == row.newest);
    CHECK(found.cipher == first.cipher);
    CHECK(found.mac == first.mac);
  }
}

TEST_CASE("no two ticket keys are alike, and three are kept") {
  TicketKeys keys(Seconds{60});
  std::vector<TicketKeys::Key> made;
  std::set<std::array<unsigned char, 16>> names;
  for (int i = 0; i < 5; ++i) {
    made.push_back(keys.current(at(Seconds{60} * i)));
    names.insert(made.back().name);
  }
  CHECK(names.size() == 5);
  TicketKeys::Key found;
  bool newest = false;
  const Now now = at(Seconds{60} * 4);
  for (int i = 0; i < 5; ++i) {
    CHECK(keys.find(made[static_cast<std::size_t>(i)].name.data(), now, found, newest) == (i >= 2));
  }
  const std::array<unsigned char, 16> stranger{};
  CHECK_FALSE(keys.find(stranger.data(), now, found, newest));
}

TEST_CASE("who has the same secret has the same keys, at the same time, without asking anybody") {
  TicketKeys one(Seconds{100}, "the fleet's secret"), other(Seconds{100}, "the fleet's secret"), stranger(Seconds{100}, "another secret"),
      slower(Seconds{50}, "the fleet's secret");
  const TicketKeys::Key sealed = one.current(at(Seconds{10}));
  CHECK(one.current(at(Seconds{99})).name == sealed.name);
  CHECK(one.current(at(Seconds{100})).name != sealed.name);
  CHECK(sealed.cipher != sealed.mac);
  struct Row { Seconds at; bool known, newest; const char* why; };
  for (const Row& row : {Row{Seconds{-1}, true, true, "a clock that is behind"}, Row{Seconds{-101}, false, false, "far behind"}, Row{Seconds{10}, true, true, "now"},
                         Row{Seconds{100}, true, false, "sealed by the last key"}, Row{Seconds{299}, true, false, "by the one before"},
                         Row{Seconds{300}, false, false, "too old"}}) {
    CAPTURE(row.why);
    TicketKeys::Key found;
    bool newest = false;
    CHECK(other.find(sealed.name.data(), at(row.at), found, newest) == row.known);
    CHECK_FALSE(stranger.find(sealed.name.data(), at(row.at), found, newest));
    CHECK_FALSE(slower.find(sealed.name.data(), at(row.at), found, newest));
    if (!row.known) continue;
    CHECK(newest == row.newest);
    CHECK(found.cipher == sealed.cipher);
    CHECK(found.mac == sealed.mac);
  }
}

TEST_CASE("another secret ends what the old one sealed, and the same one changes nothing") {
  TicketKeys keys(Seconds{100}, "first");
  const Now now = at(Seconds{0});
  const TicketKeys::Key sealed = keys.current(now);
  TicketKeys::Key found;
  bool newest = false;
  keys.set(Seconds{100}, "first");
  CHECK(keys.find(sealed.name.data(), now, found, newest));
  keys.set(Seconds{100}, "second");
  CHECK_FALSE(keys.find(sealed.name.data(), now, found, newest));
  keys.set(Seconds{100}, "");
  const TicketKeys::Key random = keys.current(now);
  keys.set(Seconds{10}, "");                              // random ones outlive a change of their lifetime
  CHECK(keys.find(random.name.data(), now, found, newest));
}
