#include "core/net/told.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>

using namespace davenport;
using namespace davenport::net;

namespace {

Task<void> listen(Loop& loop, std::function<void(std::string)>& teller, Millis patience, std::optional<std::string>& heard) {
  Told<std::string> told(loop);
  teller = told.teller();
  heard = co_await told.wait(loop.now() + patience);
  loop.stop();
}

}  // namespace

TEST_CASE("what another thread tells arrives on the loop's, and the teller may go on its own") {
  Loop loop;
  std::function<void(std::string)> teller;
  std::optional<std::string> heard;
  std::thread other;
  loop.post([&] {
    spawn(listen(loop, teller, Seconds{60}, heard));
    other = std::thread([mine = std::exchange(teller, {})]() mutable {
      mine("said");
      mine = {};
    });
  });
  loop.run();
  other.join();
  CHECK(heard == "said");
}

TEST_CASE("who has waited long enough leaves, and what is said afterwards is dropped") {
  Loop loop;
  std::function<void(std::string)> teller;
  std::optional<std::string> heard;
  loop.post([&] { spawn(listen(loop, teller, Millis{10}, heard)); });
  loop.run();
  CHECK(heard == std::nullopt);
  loop.post([&] {
    teller("too late");
    loop.defer([&] { loop.stop(); });
  });
  loop.run();
  CHECK(heard == std::nullopt);
}
