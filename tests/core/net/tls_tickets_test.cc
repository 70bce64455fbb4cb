// The keys of session tickets (RFC 5077 §5.5): one in use, two still honoured, then gone.
#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "core/net/tls.h"

using namespace davenport;
using net::TicketKeys;

TEST_CASE("a ticket key is used for its time, honoured for twice as long again, and then unknown") {
  TicketKeys keys(Seconds{3600});
  const SteadyTime start = read_steady_clock();
  const TicketKeys::Key first = keys.current(start);
  CHECK(keys.current(start + Seconds{3599}).name == first.name);
  struct Row { Seconds after; bool known, newest; };
  for (const Row& row : {Row{Seconds{0}, true, true}, Row{Seconds{3599}, true, true}, Row{Seconds{3600}, true, false},
                         Row{Seconds{10'799}, true, false}, Row{Seconds{10'800}, false, false}}) {
    CAPTURE(row.after.count());
    TicketKeys::Key found;
    bool newest = false;
    CHECK(keys.find(first.name.data(), start + row.after, found, newest) == row.known);
    if (!row.known) continue;
    CHECK(newest == row.newest);
    CHECK(found.cipher == first.cipher);
    CHECK(found.mac == first.mac);
  }
}

TEST_CASE("no two ticket keys are alike, and three are kept") {
  TicketKeys keys(Seconds{60});
  const SteadyTime start = read_steady_clock();
  std::vector<TicketKeys::Key> made;
  std::set<std::array<unsigned char, 16>> names;
  for (int i = 0; i < 5; ++i) {
    made.push_back(keys.current(start + Seconds{60} * i));
    names.insert(made.back().name);
  }
  CHECK(names.size() == 5);
  TicketKeys::Key found;
  bool newest = false;
  const SteadyTime now = start + Seconds{60} * 4;
  for (int i = 0; i < 5; ++i) {
    CHECK(keys.find(made[static_cast<std::size_t>(i)].name.data(), now, found, newest) == (i >= 2));
  }
  const std::array<unsigned char, 16> stranger{};
  CHECK_FALSE(keys.find(stranger.data(), now, found, newest));
}
