#include "core/net/loop.h"

#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "core/net/frame_pool.h"
#include "core/net/task.h"

using namespace davenport;
using namespace davenport::net;

namespace {

// Writes `letter` at each turn; the last to end stops the loop.
Task<void> take_turns(Loop& loop, std::string& order, char letter, int turns, int& left) {
  for (int i = 0; i < turns; ++i) {
    order.push_back(letter);
    co_await yield(loop);
  }
  if (--left == 0) loop.stop();
}

Task<void> yield_until_shut_down(Loop& loop, bool& ended) {
  while (!loop.stopping()) co_await yield(loop);
  ended = true;
}

Detached ends_at_once(int& runs) {
  ++runs;
  co_return;
}

}  // namespace

TEST_CASE("whoever yields goes on after what others have handed in meanwhile, and two of them take turns") {
  Loop loop;
  std::string order;
  int left = 2;
  loop.post([&] {
    spawn(take_turns(loop, order, 'a', 3, left));
    spawn(take_turns(loop, order, 'b', 3, left));
    loop.defer([&] { order.push_back('1'); });
  });
  loop.run();
  CHECK(order == "ab1abab");
}

TEST_CASE("who has yielded is resumed when the loop is shut down") {
  Loop loop;
  bool ended = false;
  loop.post([&] {
    spawn(yield_until_shut_down(loop, ended));
    loop.stop();
  });
  loop.run();
  loop.cancel_waiters();
  CHECK(ended);
}

TEST_CASE("a detached coroutine runs at once and frees itself") {
  int runs = 0;
  for (int i = 0; i < 1000; ++i) ends_at_once(runs);
  CHECK(runs == 1000);
}

TEST_CASE("the frame pool hands out room that nobody else has, of any size, and keeps no more than its bound") {
  std::set<void*> taken;
  std::vector<std::pair<void*, std::size_t>> frames;
  for (std::size_t bytes = 1; bytes < 6000; bytes += 97) {
    for (int i = 0; i < 8; ++i) {
      void* const frame = frame_pool::take(bytes);
      std::memset(frame, 0x5a, bytes);
      CHECK(taken.insert(frame).second);
      frames.emplace_back(frame, bytes);
    }
  }
  for (const auto& [frame, bytes] : frames) frame_pool::give_back(frame, bytes);
  // Twice the bound goes through it without a complaint of whoever counts allocations (ASan, LSan).
  frames.clear();
  for (std::size_t held = 0; held < 2 * frame_pool::kKeptBytes; held += 2048) frames.emplace_back(frame_pool::take(2048), 2048);
  for (const auto& [frame, bytes] : frames) frame_pool::give_back(frame, bytes);
  void* const again = frame_pool::take(2048);
  CHECK(again != nullptr);
  frame_pool::give_back(again, 2048);
}
