// HTTP/2 under load with random resets, windows and kinds of answers; each answer that comes whole is compared byte for byte.
// DAVENPORT_HTTP2_REQUESTS=2000000 for a long run, DAVENPORT_HTTP2_SEED for another one.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "support/http2_client.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

std::size_t setting(const char* name, std::size_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoul(text, nullptr, 10);
}

// The body of a target is a function of its number.
std::string body_of(std::size_t number) {
  std::string body(number * number * 37 % 100'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + (i * 7 + number) % 26);
  return body;
}

constexpr std::size_t kTargets = 60;

struct Tally {
  std::atomic<std::size_t> asked{0}, whole{0}, reset{0}, wrong{0};
};

// One connection's worth: rounds of some streams at once, of which some are reset before, some while they are answered.
void visit(const Proxy& proxy, std::mt19937& random, Tally& tally) {
  const auto one_of = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  Http2Client client(proxy.port());
  client.settings({{4, static_cast<std::uint32_t>(one_of(3) == 0 ? 1'000 + one_of(20'000) : 1'000'000)}});
  const std::size_t rounds = 1 + one_of(30);
  for (std::size_t round = 0; round < rounds; ++round) {
    struct Asked { std::uint32_t stream; std::size_t number; };
    std::vector<Asked> all;
    const std::size_t count = 1 + one_of(20);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t number = one_of(kTargets), kind = one_of(20);
      ++tally.asked;
      if (kind == 0) {
        const std::uint32_t stream = client.request("POST", "/echo", {}, false);
        if (one_of(4) == 0) {
          client.send_body(stream, "half", false);
          client.reset(stream);
          ++tally.reset;
          continue;
        }
        client.send_body(stream, body_of(number), true);
        all.push_back({stream, number});
      } else {
        const std::string path = (kind < 4 ? "/pass/" : "/stored/") + std::to_string(number);
        all.push_back({client.request("GET", path), number});
        if (one_of(10) == 0) {
          client.reset(all.back().stream);
          all.pop_back();
          ++tally.reset;
        }
      }
    }
    for (const Asked& asked : all) {
      if (one_of(8) == 0) {
        client.reset(asked.stream);
        ++tally.reset;
        continue;
      }
      Http2Response& response = client.await(asked.stream, [&](const Http2Response& head) { return head.complete || (head.status == 0 && one_of(500) == 0); });
      if (!response.complete) {
        client.reset(asked.stream);
        ++tally.reset;
        if (client.ended()) return;
        continue;
      }
      if (response.status == 200 && response.body == body_of(asked.number)) ++tally.whole;
      else if (response.status == 200) ++tally.wrong;
    }
  }
  if (one_of(3) == 0) client.send("no frame at all");
}

}  // namespace

TEST_SUITE_BEGIN("http2_load");

TEST_CASE("requests with random resets are answered right, and nothing is left behind") {
  const std::size_t requests = setting("DAVENPORT_HTTP2_REQUESTS", 4'000), seed = setting("DAVENPORT_HTTP2_SEED", 1);
  Origin origin;
  const Proxy proxy(config_for(origin).add("http2", "resets = 1000000").add("http2", "control_frames = 10000000").add("cache", "memory = \"2MiB\""));
  for (std::size_t number = 0; number < kTargets; ++number) {
    const std::string body = body_of(number);
    origin.on("GET", "/pass/" + std::to_string(number)).reply(200, {{"cache-control", "no-store"}}, body);
    origin.on("GET", "/stored/" + std::to_string(number)).reply(200, {{"cache-control", "max-age=2"}}, body);
  }
  origin.on("POST", "/echo").reply([](const SeenRequest& request) { return Reply{200, {}, request.body}; });
  Tally tally;
  std::vector<std::thread> visitors;
  std::atomic<bool> failed{false};
  for (std::size_t i = 0; i < 4; ++i) {
    visitors.emplace_back([&, i] {
      std::mt19937 random(static_cast<std::uint32_t>(seed * 100 + i));
      try {
        while (tally.asked < requests && !failed) visit(proxy, random, tally);
      } catch (const std::exception& error) {
        failed = true;
        std::fprintf(stderr, "visitor %zu: %s\n", i, error.what());
      }
    });
  }
  for (std::thread& visitor : visitors) visitor.join();
  origin.forgive();                                    // of exchanges that were given up
  CHECK_FALSE(failed);
  CHECK(tally.wrong == 0);
  CHECK(tally.whole > requests / 3);
  CHECK(tally.reset > requests / 50);
  await_condition("all connections are closed", [&] { return proxy.metric("connections_open") == 0; });
  CHECK(proxy.get("/stored/1").body == body_of(1));
  MESSAGE("asked ", tally.asked.load(), ", whole ", tally.whole.load(), ", reset ", tally.reset.load());
}

TEST_SUITE_END();
