// Several origins and what goes wrong with them: balancing, retries, time-outs, queues, health, broken bodies.
#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <thread>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

const FieldLines kNoStore{{"cache-control", "no-store"}};

ProxyConfig config_of(const std::vector<std::string>& servers) {
  ProxyConfig config;
  config.origin("app", servers).route("path = \"/\"").add("route", "origin = \"app\"");
  return config;
}

// What went wrong, in the words of RFC 9209 §2.3, and no Cache-Status: the answer is our own (RFC 9211 §2).
void expect_proxy_error(const RawResponse& response, int status, const std::string& error) {
  CHECK(response.status == status);
  CHECK(proxy_status(response).name == "davenport");
  CHECK(proxy_status(response).get("error") == error);
  CHECK_FALSE(response.fields.has("cache-status"));
  CHECK(response.complete);
}

}  // namespace

TEST_SUITE_BEGIN("origins");

TEST_CASE("round robin gives each server its share, by weight") {
  Origin light, heavy;
  ProxyConfig config;
  config.add("origin.app", "servers = [\"" + light.address() + "\", { address = \"" + heavy.address() + "\", weight = 3 }]");
  config.add("origin.app", "balance = \"round_robin\"").route("origin = \"app\"");
  const Proxy proxy(config);
  light.on("GET", "/*").reply(200, kNoStore, "light");
  heavy.on("GET", "/*").reply(200, kNoStore, "heavy");
  Client client = proxy.client();
  for (int i = 0; i < 40; ++i) CHECK(client.get("/" + std::to_string(i)).status == 200);
  CHECK(light.requests() == 10);
  CHECK(heavy.requests() == 30);
}

TEST_CASE("the server with the fewest requests under way gets the next one") {
  Origin busy, idle;
  const Proxy proxy(config_of({busy.address(), idle.address()}).add("origin.app", "balance = \"least_outstanding\""));
  Barrier answer{"the busy one may answer"};
  busy.on("GET", "/slow").await(answer).reply(200, kNoStore, "x");
  idle.on("GET", "/slow").await(answer).reply(200, kNoStore, "x");
  busy.on("GET", "/*").reply(200, kNoStore, "x");
  idle.on("GET", "/*").reply(200, kNoStore, "x");
  Client slow = proxy.client();
  slow.send_request("GET", "/slow");
  await_condition("the slow request", [&] { return busy.requests() + idle.requests() == 1; });
  const bool first_is_busy = busy.requests() == 1;
  Client client = proxy.client();
  for (int i = 0; i < 10; ++i) CHECK(client.get("/" + std::to_string(i)).status == 200);
  CHECK((first_is_busy ? busy : idle).requests() == 1);
  CHECK((first_is_busy ? idle : busy).requests() == 10);
  answer.open();
  CHECK(slow.read().status == 200);
}

TEST_CASE("consistent hashing sends one URL always to the same server, and spreads the URLs") {
  Origin a, b;
  const Proxy proxy(config_of({a.address(), b.address()}).add("origin.app", "balance = \"consistent_hash\""));
  a.on("GET", "/*").reply(200, kNoStore, "a");
  b.on("GET", "/*").reply(200, kNoStore, "b");
  std::set<std::string> seen;
  for (int i = 0; i < 20; ++i) {
    const std::string path = "/" + std::to_string(i);
    const std::string first = proxy.get(path).body;
    seen.insert(first);
    for (int again = 0; again < 3; ++again) CHECK(proxy.get(path).body == first);
  }
  CHECK(seen.size() == 2);
}

TEST_CASE("a dead server costs an idempotent request a retry, not an error") {
  Origin dead, alive;
  const Proxy proxy(config_of({dead.address(), alive.address()}).add("origin.app", "balance = \"round_robin\"").add("origin.app", "retry_budget = 1.0"));
  dead.stop();
  alive.on("GET", "/*").reply(200, kNoStore, "alive");
  for (int i = 0; i < 10; ++i) CHECK(proxy.get("/" + std::to_string(i)).body == "alive");
}

TEST_CASE("a server that resets before it answers costs a retry for GET and PUT without body, never for POST (RFC 9110 §9.2.2)") {
  Origin broken, alive;
  const Proxy proxy(config_of({broken.address(), alive.address()}).add("origin.app", "balance = \"round_robin\"")
                        .add("origin.app", "retry_budget = 1.0").add("origin.app", "eject_after = 0"));
  for (const char* method : {"GET", "DELETE", "POST"}) {
    broken.on(method, "/*").reset();
    alive.on(method, "/*").reply(200, kNoStore, "alive");
  }
  for (int i = 0; i < 6; ++i) {
    CHECK(proxy.get("/" + std::to_string(i)).status == 200);
    CHECK(proxy.request("DELETE", "/" + std::to_string(i)).status == 200);
  }
  CHECK(broken.requests() > 0);
  int failed = 0;
  const std::size_t before = broken.requests() + alive.requests();
  for (int i = 0; i < 6; ++i) failed += proxy.request("POST", "/" + std::to_string(i), {}, "order").status == 502;
  CHECK(failed > 0);
  CHECK(broken.requests() + alive.requests() == before + 6);    // each POST reached one server, once
}

TEST_CASE("a retry goes no further than the settings say") {
  Origin broken;
  broken.on("GET", "/a").reset();
  const Proxy proxy(config_for(broken).add("origin.app", "retries = 2").add("origin.app", "retry_budget = 1.0").add("origin.app", "eject_after = 0"));
  expect_proxy_error(proxy.get("/a"), 502, "connection_terminated");
  CHECK(broken.requests("/a") == 3);
}

TEST_CASE("an answer that has begun is never retried") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("origin.app", "retries = 3"));
  origin.on("GET", "/a").head(200, {{"cache-control", "no-store"}, {"content-length", "8"}}).raw("half").reset();
  CHECK_FALSE(proxy.get("/a").complete);
  CHECK(origin.requests("/a") == 1);
}

TEST_CASE("a connection that the origin closed while it was idle costs nothing, not even a POST") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1"));
  origin.on("GET", "/a").reply(200, kNoStore, "x");
  origin.on("POST", "/a").reply(200, kNoStore, "posted");
  Client client = proxy.client();
  for (int i = 0; i < 5; ++i) {
    CHECK(client.get("/a").status == 200);
    origin.cut_connections();
    await_condition("the origin's side to be closed", [&] { return origin.open_connections() == 0; });
    CHECK(client.request("POST", "/a", {}, "order").body == "posted");
    origin.cut_connections();
    await_condition("the origin's side to be closed", [&] { return origin.open_connections() == 0; });
  }
  CHECK(origin.requests_where([](const SeenRequest& request) { return request.method == "POST"; }) == 5);
}

TEST_CASE("what goes wrong with an origin has its status and its name (RFC 9209 §2.3)") {
  const DeafListener deaf;
  Origin refusing, silent, stalling, garbage;
  refusing.stop();
  silent.on("GET", "/a").never();
  stalling.on("GET", "/a").head(200, {{"cache-control", "max-age=60"}, {"content-length", "8"}}).raw("half").never();
  garbage.on("GET", "/a").raw("garbage\r\n\r\n").close();
  struct Row { std::string address, setting; int status; const char* error; };
  for (const Row& row : {Row{refusing.address(), "", 502, "connection_refused"},
                         Row{"127.0.0.1:" + std::to_string(deaf.port()), "connect_timeout = \"200ms\"", 504, "connection_timeout"},
                         Row{silent.address(), "first_byte_timeout = \"200ms\"", 504, "http_response_timeout"},
                         Row{garbage.address(), "", 502, "http_protocol_error"},
                         Row{"nobody.invalid:80", "", 502, "dns_error"}}) {
    CAPTURE(row.error);
    const Proxy proxy(config_for_server(row.address).add("origin.app", "retries = 0").add("origin.app", row.setting));
    Client client = proxy.client();
    expect_proxy_error(client.get("/a"), row.status, row.error);
    expect_proxy_error(client.get("/a"), row.status, row.error);    // the client's connection lives on
  }
  const Proxy proxy(config_for(stalling).add("origin.app", "between_bytes_timeout = \"200ms\""));
  const RawResponse cut = proxy.get("/a");
  CHECK(cut.body == "half");
  CHECK_FALSE(cut.complete);
}

TEST_CASE("a head that comes in drops is not waited for any longer than one that does not come") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("origin.app", "first_byte_timeout = \"200ms\"").add("origin.app", "between_bytes_timeout = \"200ms\"").add("origin.app", "retries = 0"));
  std::atomic<int> drops{0};
  origin.on("GET", "/drip").run([&](Exchange& exchange) {
    const std::string head = "HTTP/1.1 200 OK\r\nX-Drops: ";
    exchange.wire.socket().send_all(head);
    while (drops < 200 && exchange.wire.socket().send_all("x")) {
      ++drops;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));     // the shape of the input, not a wait for anything
    }
    exchange.keep_connection = false;
  });
  CHECK(proxy.get("/drip").status == 504);
  CHECK(drops < 100);
}

TEST_CASE("requests above max_connections wait in order, and above the queue get 503 with Retry-After") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1").add("origin.app", "max_connections = 1").add("origin.app", "queue = 2"));
  Barrier answer{"origin may answer"};
  origin.on("GET", "/1").await(answer).reply(200, kNoStore, "1");
  for (const char* path : {"/2", "/3"}) origin.on("GET", path).reply(200, kNoStore, path);
  Client first = proxy.client(), second = proxy.client(), third = proxy.client();
  first.send_request("GET", "/1");
  origin.await_requests("/1", 1);
  second.send_request("GET", "/2");
  proxy.await_metric("origin_queued", 1);
  third.send_request("GET", "/3");
  proxy.await_metric("origin_queued", 2);
  const RawResponse over = proxy.get("/4");
  expect_proxy_error(over, 503, "connection_limit_reached");
  CHECK(over.fields.has("retry-after"));
  answer.open();
  CHECK(first.read().body == "1");
  CHECK(second.read().body == "/2");
  CHECK(third.read().body == "/3");
  CHECK(origin.connections() == 1);
}

TEST_CASE("a request that waited too long for a connection gets 503 with Retry-After") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1").add("origin.app", "max_connections = 1").add("origin.app", "queue_timeout = \"200ms\""));
  Barrier answer{"origin may answer"};
  origin.on("GET", "/1").await(answer).reply(200, kNoStore, "1");
  Client first = proxy.client();
  first.send_request("GET", "/1");
  origin.await_requests("/1", 1);
  const RawResponse late = proxy.get("/2");
  expect_proxy_error(late, 503, "connection_limit_reached");
  CHECK(late.fields.has("retry-after"));
  answer.open();
  CHECK(first.read().body == "1");
}

TEST_CASE("a connection for a waiting request may come free on another worker") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 2").add("origin.app", "max_connections = 1"));
  origin.on("GET", "/*").reply(200, kNoStore, "x");
  std::vector<Clients> rounds;
  for (int i = 0; i < 5; ++i) rounds.push_back(proxy.start_gets(4, "/" + std::to_string(i)));
  for (Clients& clients : rounds) {
    for (const RawResponse& response : clients.join()) CHECK(response.status == 200);
  }
  CHECK(origin.requests() == 20);
}

TEST_CASE("health checks take a sick server out, and bring it back") {
  Origin sick, well;
  std::atomic<int> health{200};
  for (Origin* origin : {&sick, &well}) origin->on("GET", "/*").reply(200, kNoStore, origin == &sick ? "sick" : "well");
  sick.on("GET", "/health").reply([&](const SeenRequest&) { return Reply{health, {}, ""}; });
  well.on("GET", "/health").reply(200);
  const Proxy proxy(config_of({sick.address(), well.address()}).add("origin.app", "balance = \"round_robin\"").add("origin.app.health", "path = \"/health\"")
                        .add("origin.app.health", "interval = \"100ms\"").add("origin.app.health", "timeout = \"1s\"")
                        .add("origin.app.health", "healthy_after = 2").add("origin.app.health", "unhealthy_after = 2"));
  sick.await_requests("/health", 1);
  health = 500;
  const auto all_answers_are = [&](const std::string& body) {
    for (int i = 0; i < 6; ++i) {
      if (proxy.get("/" + std::to_string(i)).body != body) return false;
    }
    return true;
  };
  await_condition("the sick server to be out", [&] { return all_answers_are("well"); });
  const std::size_t before = sick.requests_where([](const SeenRequest& request) { return request.target != "/health"; });
  for (int i = 0; i < 10; ++i) CHECK(proxy.get("/" + std::to_string(i)).body == "well");
  CHECK(sick.requests_where([](const SeenRequest& request) { return request.target != "/health"; }) == before);
  health = 200;
  await_condition("it to be back", [&] { return proxy.get("/x").body == "sick"; });
}

TEST_CASE("when no server is healthy, requests get 503 at once, and readiness says so") {
  Origin sick;
  sick.on("GET", "/health").reply(500);
  sick.on("GET", "/a").reply(200, kNoStore, "x");
  const Proxy proxy(config_for(sick).add("origin.app.health", "path = \"/health\"").add("origin.app.health", "interval = \"100ms\"").add("origin.app.health", "unhealthy_after = 1"));
  await_condition("503", [&] { return proxy.get("/a").status == 503; });
  expect_proxy_error(proxy.get("/a"), 503, "destination_unavailable");
  CHECK(proxy.admin("GET", "/readyz").status == 503);
}

TEST_CASE("a server that fails again and again is left alone for a while, then tried again") {
  Origin broken, alive;
  const Proxy proxy(config_of({broken.address(), alive.address()}).add("origin.app", "balance = \"round_robin\"").add("origin.app", "eject_after = 3")
                        .add("origin.app", "eject_time = \"500ms\"").add("origin.app", "retry_budget = 1.0"));
  broken.on("GET", "/*").reset();
  alive.on("GET", "/*").reply(200, kNoStore, "alive");
  await_condition("the broken one to be ejected", [&] {
    const std::size_t before = broken.requests();
    for (int i = 0; i < 6; ++i) CHECK(proxy.get("/" + std::to_string(i)).body == "alive");
    return broken.requests() == before;
  });
  broken.on("GET", "/*").reply(200, kNoStore, "mended");
  await_condition("it to be tried again", [&] { return proxy.get("/x").body == "mended"; });
}

TEST_CASE("an only server that fails is asked on, and the log says that it fails, why, and when it answers again") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("origin.app", "eject_after = 3"));
  origin.on("GET", "/a").reset();
  for (int i = 0; i < 5; ++i) CHECK(proxy.get("/a").status == 502);
  proxy.await_log("has failed 3 times in a row, last: ");
  origin.on("GET", "/b").reply(200, kNoStore, "b");
  CHECK(proxy.get("/b").body == "b");
  proxy.await_log("answers again");
  const std::string log = proxy.log();
  CHECK(log.find("times in a row") == log.rfind("times in a row"));     // once, not at each request
}

TEST_CASE("a body that was cut is not stored, does not end cleanly, and its connection is not used again") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1"));
  origin.on("GET", "/a").head(200, {{"cache-control", "max-age=60"}, {"content-length", "100"}}).raw("half").close();
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "whole");
  const RawResponse cut = proxy.get("/a");
  CHECK((cut.status == 502 || !cut.complete));          // 502: it was cut before the first byte had gone to the client
  CHECK(proxy.get("/a").body == "whole");
  CHECK(origin.connections() == 2);
}

TEST_CASE("an answer that the client did not wait for does not spoil the next one's") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1"));
  Barrier begun{"half of it was sent"}, rest{"the rest may come"};
  const std::string half(100'000, 'h');
  origin.on("GET", "/a").head(200, {{"cache-control", "no-store"}, {"content-length", "200000"}}).raw(half).reach(begun).await(rest).raw(half);
  origin.on("GET", "/b").reply(200, kNoStore, "b");
  Client leaving = proxy.client();
  leaving.send_request("GET", "/a");
  begun.await();
  leaving.read_bytes(1000);
  leaving.reset();
  for (int i = 0; i < 5; ++i) CHECK(proxy.get("/b").body == "b");
  rest.open();
  for (int i = 0; i < 5; ++i) CHECK(proxy.get("/b").body == "b");
}

TEST_CASE("connections to the origin are kept and used again, within max_idle and idle_timeout") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("", "workers = 1").add("origin.app", "max_idle = 1").add("origin.app", "idle_timeout = \"300ms\""));
  Barrier answer{"origin may answer"};
  for (const char* path : {"/1", "/2", "/3"}) origin.on("GET", path).await(answer).reply(200, kNoStore, "x");
  origin.on("GET", "/a").reply(200, kNoStore, "x");
  std::vector<Client> clients;
  for (const char* path : {"/1", "/2", "/3"}) {
    clients.push_back(proxy.client());
    clients.back().send_request("GET", path);
    origin.await_requests(path, 1);
  }
  CHECK(origin.connections() == 3);
  answer.open();
  for (Client& client : clients) CHECK(client.read().status == 200);
  await_condition("one idle connection", [&] { return origin.open_connections() <= 1; });
  CHECK(proxy.get("/a").status == 200);
  CHECK(origin.connections() <= 4);
  await_condition("the idle one to be closed", [&] { return origin.open_connections() == 0; });
  CHECK(proxy.get("/a").status == 200);
}

TEST_CASE("an origin may listen on a Unix socket") {
  ProxyConfig config = config_for_server("unix:/nonexistent/davenport-test.sock").add("origin.app", "retries = 0");
  const Proxy proxy(config);
  CHECK(proxy.get("/a").status == 502);
}

TEST_SUITE_END();
