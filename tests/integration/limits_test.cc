// What a client may take, and what it is told when it takes more.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

// The answer of our own, and that the connection ends after it without a reset that could eat the answer.
void expect_refusal(Client& client, int status) {
  const RawResponse response = client.read();
  CHECK(response.status == status);
  CHECK(response.complete);
  CHECK(same_name(response.field("connection"), "close"));
  CHECK_FALSE(response.fields.has("cache-status"));
  client.await_close();
}

}  // namespace

TEST_SUITE_BEGIN("limits");

TEST_CASE("a head that is too large is 431, a target 414, and the connection is closed (RFC 6585 §5, RFC 9110 §15.5.15)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "head = \"4KiB\"").add("limits", "target = \"1KiB\"").add("limits", "fields = 20"));
  origin.on("GET", "/ok").reply(200, {{"cache-control", "no-store"}}, "x");
  FieldLines many;
  for (int i = 0; i < 30; ++i) many.add("x-" + std::to_string(i), "y");
  struct Row { std::string bytes; int status; };
  for (const Row& row : {Row{request_bytes("GET", "/" + std::string(2000, 'a')), 414},
                         Row{request_bytes("GET", "/", {{"x", std::string(5000, 'y')}}), 431}, Row{request_bytes("GET", "/", many), 431}}) {
    Client client = proxy.client();
    client.send(row.bytes);
    expect_refusal(client, row.status);
  }
  {
    Client endless = proxy.client();                   // a head that never ends
    endless.send("GET / HTTP/1.1\r\nHost: shop.test\r\n");
    for (int i = 0; i < 200; ++i) {
      if (!endless.send("x-" + std::to_string(i) + ": " + std::string(100, 'y') + "\r\n")) break;
    }
    CHECK(endless.read().status == 431);
  }
  CHECK(origin.bytes_received() == 0);
  CHECK(proxy.get("/ok").body == "x");
}

TEST_CASE("a request body that is too large is 413, before it was sent where its length is known (RFC 9110 §15.5.14)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "body = \"1KiB\""));
  origin.on("POST", "/a").reply(200, {}, "x");
  Client ok = proxy.client();
  CHECK(ok.request("POST", "/a", {}, std::string(1024, 'b')).status == 200);
  const std::size_t before = origin.requests();
  Client known = proxy.client();
  known.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1025\r\n\r\n");
  expect_refusal(known, 413);
  CHECK(origin.requests() == before);
  Client chunked = proxy.client();
  chunked.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + std::string(1024, 'b') +
               "\r\n400\r\n" + std::string(1024, 'b') + "\r\n");
  CHECK(chunked.read().status == 413);
  for (const SeenRequest& request : origin.all_requests()) CHECK((request.complete == (request.body.size() == 1024)));
}

TEST_CASE("a head that takes too long is 408 (RFC 9110 §15.5.9)") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "head_timeout = \"200ms\""));
  Client client = proxy.client();
  client.send("GET /a HTTP/1.1\r\nHost:");
  expect_refusal(client, 408);
  CHECK(origin.bytes_received() == 0);
}

TEST_CASE("who sends half a head and resets at once does not count on, as long as its head would be waited for") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "head_timeout = \"60s\""));
  for (int i = 0; i < 200; ++i) {
    Client client = proxy.client();
    client.send("GET /x HTTP/1.1\r\nHo");
    client.reset();
  }
  await_condition("all to be gone", [&] { return proxy.metric("connections_open") == 0; });
}

TEST_CASE("a body that stalls is 408, and its request never completes at the origin") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "body_timeout = \"200ms\""));
  origin.on("POST", "/a").reply(200);
  Client client = proxy.client();
  client.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100\r\n\r\nhalf");
  const RawResponse response = client.read();
  CHECK(response.status == 408);
  client.await_close();
  for (const SeenRequest& request : origin.all_requests()) CHECK_FALSE(request.complete);
}

TEST_CASE("bodies that never begin are 408, and no server is blamed for them") {
  Origin origin, other;
  const Proxy proxy(config_for_server(origin.address() + "\", \"" + other.address())
                        .add("origin.app", "first_byte_timeout = \"1s\"\neject_after = 2\nretries = 0")
                        .add("limits", "body_timeout = \"1s\""));
  for (Origin* each : {&origin, &other}) {
    each->on("GET", "/a").reply(200, {{"cache-control", "no-store"}}, "well");
    each->on("POST", "/a").reply(200);
  }
  std::vector<Client> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(proxy.client());
    clients.back().send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 10\r\n\r\n");
  }
  for (Client& client : clients) CHECK(client.read().status == 408);
  for (int i = 0; i < 4; ++i) CHECK(proxy.get("/a").body == "well");
}

TEST_CASE("the head of an answer may come in pieces after a long upload") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("origin.app", "first_byte_timeout = \"1s\"\nbetween_bytes_timeout = \"1s\""));
  origin.on("POST", "/up").raw("HTTP/1.1 200 OK\r\n").run([](Exchange&) { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }).raw("Content-Length: 2\r\n\r\nok");
  Client client = proxy.client();
  client.send("POST /up HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 10\r\n\r\n");
  for (int i = 0; i < 10; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(220));      // the upload takes longer than both time limits
    client.send("x");
  }
  CHECK(client.read().body == "ok");
}

TEST_CASE("what stands behind a body has the time of a head from then on") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"the origin has the head, which came alone"};
  origin.on("POST", "/a").early().reach(asked).read_body().reply(200, {{"cache-control", "no-store"}}, "posted");
  origin.on("GET", "/b").reply(200, {{"cache-control", "no-store"}}, "got");
  Client client = proxy.client();
  client.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\n\r\n");
  asked.await();
  client.send("body\r\nGET /b HTTP/1.1\r\nHo");
  CHECK(client.read().body == "posted");
  client.send("st: shop.test\r\n\r\n");
  CHECK(client.read().body == "got");
}

TEST_CASE("a client that asks without a pause leaves the others their turn") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1"));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=600"}}, "a");
  proxy.get("/a");
  std::string many;
  for (int i = 0; i < 500; ++i) many += request_bytes("TRACE", "/a");
  Client greedy = proxy.client();
  std::atomic<bool> enough{false}, gone{false};
  std::thread sends([&] {
    while (!enough && greedy.send(many)) {}
    gone = true;
  });
  Client reads = proxy.client();
  std::thread takes([&] {
    while (!gone || !enough) {
      if (greedy.read_bytes(65536).empty()) break;
    }
  });
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) CHECK(reads.get("/a").body == "a");
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
  enough = true;
  greedy.half_close();
  sends.join();
  takes.join();
}

TEST_CASE("a body that trickles below the least rate is 408") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "body_timeout = \"300ms\"").add("limits", "min_rate = 1000000"));
  origin.on("POST", "/a").reply(200);
  Client client = proxy.client();
  client.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100000\r\n\r\n");
  std::string got;
  const Deadline deadline = within(std::chrono::seconds(8));
  bool refused = false;
  while (!refused && std::chrono::steady_clock::now() < deadline) {
    try {
      await_condition("a pause between two bytes", [] { return false; }, std::chrono::milliseconds(50));
    } catch (const TimedOut&) {
    }
    refused = !client.send("b") || proxy.metric("timeouts").value_or(0) > 0;
  }
  CHECK(refused);
}

TEST_CASE("an idle connection is closed without a word") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "idle_timeout = \"200ms\""));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "x");
  Client fresh = proxy.client(), used = proxy.client();
  CHECK(used.get("/a").body == "x");
  CHECK(used.await_close().empty());
  CHECK(fresh.await_close().empty());
}

TEST_CASE("a client that takes nothing of its answer is let go") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "send_timeout = \"300ms\""));
  origin.on("GET", "/big").reply(200, {{"cache-control", "max-age=60"}}, std::string(8'000'000, 'b'));
  CHECK(proxy.get("/big").body.size() == 8'000'000);
  Client stuck(proxy.port(), 4096);
  stuck.send_request("GET", "/big");
  await_condition("the stuck client to be let go", [&] { return proxy.metric("connections_open") == 0; });
}

TEST_CASE("connections over the limit get 503 and are closed; those within it go on") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "connections = 3"));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "x");
  std::vector<Client> within_limit;
  for (int i = 0; i < 3; ++i) {
    within_limit.push_back(proxy.client());
    CHECK(within_limit.back().get("/a").status == 200);
  }
  Client over = proxy.client();
  over.send_request("GET", "/a");
  CHECK(over.read().status == 503);
  over.await_close();
  CHECK(within_limit[0].get("/a").status == 200);
  within_limit.pop_back();
  await_condition("room for another one", [&] {
    try {
      return proxy.get("/a").status == 200;
    } catch (const std::exception&) {
      return false;
    }
  });
}

TEST_CASE("connections of one address can be limited") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "connections_per_address = 2").listen_proxy_protocol());
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "x");
  Client first = proxy.client(), second = proxy.client(), third = proxy.client();
  first.send("PROXY TCP4 192.0.2.1 127.0.0.1 5000 80\r\n" + request_bytes("GET", "/a"));
  CHECK(first.read().status == 200);
  // The limit is that of the client that the PROXY header names, not of the balancer that sends it.
  second.send("PROXY TCP4 192.0.2.1 127.0.0.1 5000 80\r\n" + request_bytes("GET", "/a"));
  CHECK(second.read().status == 200);
  third.send("PROXY TCP4 192.0.2.1 127.0.0.1 5000 80\r\n" + request_bytes("GET", "/a"));
  CHECK(third.read().status == 503);
  Client other = proxy.client();
  other.send("PROXY TCP4 192.0.2.2 127.0.0.1 5000 80\r\n" + request_bytes("GET", "/a"));
  CHECK(other.read().status == 200);
}

TEST_CASE("a connection can be limited to a number of requests, and says so on the last") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("limits", "requests_per_connection = 3"));
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "x");
  Client client = proxy.client();
  for (int i = 0; i < 2; ++i) CHECK_FALSE(same_name(client.get("/a").field("connection"), "close"));
  CHECK(same_name(client.get("/a").field("connection"), "close"));
  CHECK(client.await_close().empty());
}

TEST_SUITE_END();
