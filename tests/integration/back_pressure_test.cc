// Who reads slowly makes the origin wait, not the proxy's memory grow.
#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <future>
#include <thread>

#include "support/cache_status.h"
#include "support/http2_client.h"
#include "support/origin.h"
#include "support/proxy.h"
#include "support/sanitized.h"

using namespace davenport::testing;

namespace {

constexpr std::uint64_t kMebi = 1 << 20;

// The most that a kernel which sizes its buffers itself keeps of one connection, from the last field of tcp_rmem and tcp_wmem.
std::uint64_t kernel_buffers_bytes() {
  std::uint64_t sum = 0;
  for (const char* path : {"/proc/sys/net/ipv4/tcp_rmem", "/proc/sys/net/ipv4/tcp_wmem"}) {
    std::uint64_t least = 0, usual = 0, most = 0;
    std::ifstream(path) >> least >> usual >> most;
    REQUIRE(most > 0);
    sum += most;
  }
  return sum;
}

// What is on the way when nobody reads at the end: the window, and the kernel's buffers to the left and right of the proxy.
std::uint64_t on_the_way_bytes() { return 2 * kernel_buffers_bytes() + kMebi; }

// A body that is sent as fast as it is taken; `sent` counts what the kernel took.
void stream_body(Origin& origin, const std::string& path, const FieldLines& fields, std::uint64_t bytes, std::atomic<std::uint64_t>& sent) {
  origin.on("GET", path).head(200, FieldLines(fields).add("content-length", std::to_string(bytes))).run([bytes, &sent](Exchange& exchange) {
    const std::string piece(64 * 1024, 'p');
    for (std::uint64_t done = 0; done < bytes; done += piece.size()) {
      if (!exchange.wire.socket().send_all(piece, within(std::chrono::seconds(60)))) {
        exchange.keep_connection = false;
        return;
      }
      sent += piece.size();
    }
  });
}

// Until nothing has moved for a while.
void await_standstill(const std::atomic<std::uint64_t>& sent) {
  std::uint64_t last = ~std::uint64_t{0};
  Deadline still_since = std::chrono::steady_clock::now();
  await_condition("the origin to be held up", [&] {
    if (sent != last) {
      last = sent;
      still_since = std::chrono::steady_clock::now();
    }
    return sent > 0 && std::chrono::steady_clock::now() - still_since > std::chrono::milliseconds(500);
  });
}

}  // namespace

TEST_SUITE_BEGIN("back_pressure");

TEST_CASE("a client that stops reading a body that is not stored holds up the origin, within a window") {
  const std::uint64_t body_bytes = 2 * on_the_way_bytes();
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1"));
  std::atomic<std::uint64_t> sent{0};
  stream_body(origin, "/big", {{"cache-control", "no-store"}}, body_bytes, sent);
  origin.on("GET", "/small").reply(200, {{"cache-control", "no-store"}}, "x");
  CHECK(proxy.get("/small").body == "x");
  const std::uint64_t before = proxy.resident_bytes();
  Client client(proxy.port(), 64 * 1024);
  client.send_request("GET", "/big");
  CHECK(client.read_head().status == 200);
  await_standstill(sent);
  CHECK(sent < on_the_way_bytes());
  CHECK(proxy.resident_bytes() < before + grown_by(8 * kMebi));
  CHECK(proxy.get("/small").body == "x");              // others are served meanwhile
  std::uint64_t read = 0;
  while (read < body_bytes) {
    const std::string piece = client.read_bytes(kMebi);
    if (piece.empty()) break;
    read += piece.size();
  }
  CHECK(read == body_bytes);                           // and it gets all of it when it reads on
  CHECK(proxy.resident_bytes() < before + grown_by(16 * kMebi));
}

TEST_CASE("many slow readers of bodies that are not stored cost a window each") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1"));
  std::atomic<std::uint64_t> sent{0};
  std::vector<Client> clients;
  const std::uint64_t before = proxy.resident_bytes();
  for (int i = 0; i < 20; ++i) {
    const std::string path = "/big" + std::to_string(i);
    stream_body(origin, path, {{"cache-control", "no-store"}}, 16 * kMebi, sent);
    clients.emplace_back(proxy.port(), 16 * 1024);
    clients.back().send_request("GET", path);
  }
  await_standstill(sent);
  CHECK(proxy.resident_bytes() < before + grown_by(40 * kMebi));
  for (Client& client : clients) client.reset();
  await_condition("closed connections", [&] { return proxy.metric("connections_open") == 0; });
}

TEST_CASE("an object that outgrows max_object is passed on whole, held within a window, and not stored") {
  const std::uint64_t pieces = 2 * on_the_way_bytes() / 65536;
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1").add("cache", "max_object = \"1MiB\""));
  std::atomic<std::uint64_t> sent{0};
  // Without a length it is only found out on the way.
  origin.on("GET", "/big").head(200, {{"cache-control", "max-age=60"}, {"transfer-encoding", "chunked"}}).run([pieces, &sent](Exchange& exchange) {
    const std::string piece = "10000\r\n" + std::string(65536, 'p') + "\r\n";
    for (std::uint64_t i = 0; i < pieces; ++i) {
      if (!exchange.wire.socket().send_all(piece, within(std::chrono::seconds(60)))) return;
      sent += 65536;
    }
    exchange.wire.socket().send_all("0\r\n\r\n");
  });
  const std::uint64_t before = proxy.resident_bytes();
  Client client(proxy.port(), 64 * 1024);
  client.send_request("GET", "/big");
  RawResponse response = client.read_head();
  CHECK(response.status == 200);
  await_standstill(sent);
  CHECK(sent < on_the_way_bytes());
  CHECK(proxy.resident_bytes() < before + grown_by(12 * kMebi));
  client.read_body(response);
  CHECK(response.complete);
  CHECK(response.body.size() == pieces * 65536);
  CHECK_FALSE(is_hit(proxy.get("/big")));
}

TEST_CASE("followers of an object that outgrows max_object all get it whole, the slow one too") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("cache", "max_object = \"256KiB\""));
  Barrier asked{"origin was asked"}, rest{"the rest may come"};
  const std::string piece(65536, 'p');
  Answer& answer = origin.on("GET", "/big").reach(asked).head(200, {{"cache-control", "max-age=60"}, {"transfer-encoding", "chunked"}}).chunk(piece).await(rest);
  for (int i = 0; i < 63; ++i) answer.chunk(piece);
  answer.last_chunk();
  Client slow(proxy.port(), 8 * 1024);
  slow.send_request("GET", "/big");
  asked.await();
  Clients others = proxy.start_gets(3, "/big");
  proxy.await_metric("coalesced_followers", 3);
  rest.open();
  // The slowest of them sets the pace, so all have to read at the same time.
  std::future<RawResponse> slow_response = std::async(std::launch::async, [&slow] { return slow.read(); });
  std::vector<std::future<RawResponse>> responses;
  while (others.size() > 0) {
    responses.push_back(std::async(std::launch::async, [client = others.pop_first()]() mutable { return client.read(); }));
  }
  responses.push_back(std::move(slow_response));
  for (std::future<RawResponse>& response : responses) {
    const RawResponse whole = response.get();
    CHECK(whole.body.size() == 4 * kMebi);
    CHECK(whole.complete);
  }
}

TEST_CASE("what is passed on to slow readers is theirs, over HTTP/2 as well: room that is used again meanwhile shows in no answer") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1").add("cache", "max_object = \"256KiB\""));
  constexpr int kPieces = 384;
  const auto body = [&](const char* path, char letter) {
    Answer& answer = origin.on("GET", path).head(200, {{"cache-control", "max-age=60"}, {"transfer-encoding", "chunked"}});
    for (int i = 0; i < kPieces; ++i) answer.chunk(std::string(16'384, letter));
    answer.last_chunk();
  };
  body("/big*", 'a');
  body("/other*", 'b');
  std::atomic<bool> enough{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i) {
    others.emplace_back([&, i] {
      for (int n = 0; !enough; ++n) static_cast<void>(proxy.get("/other" + std::to_string(i) + "-" + std::to_string(n)));
    });
  }
  for (int i = 0; i < 4; ++i) {
    Http2Client slow(proxy.port(), 4 * 1024);
    slow.settings({{4, 1u << 30}});
    slow.window(0, 1u << 30);
    const std::uint32_t stream = slow.request("GET", "/big" + std::to_string(i));
    const Http2Response& response = slow.await(stream, [](const Http2Response& so_far) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));      // it is slow, which is what this is about
      return so_far.complete;
    });
    CHECK(response.body.size() == kPieces * 16'384);
    CHECK(response.body.find_first_not_of('a') == std::string::npos);
  }
  enough = true;
  for (std::thread& each : others) each.join();
}

TEST_CASE("a slow upload is not gathered in memory") {
  const std::uint64_t body_bytes = 2 * on_the_way_bytes();
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1").add("limits", "body = \"1GiB\""));
  Barrier read_on{"the origin reads on"};
  origin.on("POST", "/up").early().await(read_on).read_body().reply([](const SeenRequest& request) { return Reply{200, {}, std::to_string(request.body.size())}; });
  const std::uint64_t before = proxy.resident_bytes();
  Client client = proxy.client();
  client.send("POST /up HTTP/1.1\r\nHost: shop.test\r\nContent-Length: " + std::to_string(body_bytes) + "\r\n\r\n");
  const std::string piece(kMebi, 'u');
  std::uint64_t sent = 0;
  Deadline still_since = std::chrono::steady_clock::now();
  await_condition("the client to be held up", [&] {
    const std::size_t taken = client.send_until_full(std::string_view(piece).substr(0, std::min<std::uint64_t>(kMebi, body_bytes - sent)));
    sent += taken;
    if (taken > 0) still_since = std::chrono::steady_clock::now();
    return std::chrono::steady_clock::now() - still_since > std::chrono::milliseconds(500);
  });
  CHECK(sent < on_the_way_bytes());
  CHECK(proxy.resident_bytes() < before + grown_by(8 * kMebi));
  read_on.open();
  while (sent < body_bytes) {
    const std::uint64_t next = std::min<std::uint64_t>(kMebi, body_bytes - sent);
    if (!client.send(std::string_view(piece).substr(0, next))) break;
    sent += next;
  }
  CHECK(client.read().body == std::to_string(body_bytes));
}

TEST_CASE("memory stays within the store's bound when more is stored than fits, and old objects make room") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("cache", "memory = \"16MiB\"").add("cache", "max_object = \"1MiB\""));
  origin.on("GET", "/*").reply(200, {{"cache-control", "max-age=600"}}, std::string(100'000, 'o'));
  const std::uint64_t before = proxy.resident_bytes();
  Client client = proxy.client();
  for (int i = 0; i < 1000; ++i) CHECK(client.get("/" + std::to_string(i)).status == 200);
  CHECK(proxy.resident_bytes() < before + grown_by(32 * kMebi));
  CHECK(proxy.metric("store_bytes").value_or(1e18) <= 16.0 * kMebi);
  CHECK(client.get("/999").body.size() == 100'000);
}

TEST_SUITE_END();
