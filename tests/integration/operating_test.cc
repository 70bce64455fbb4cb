// Running it: reload, drain, log files, metrics, explain, health.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;
using nlohmann::json;

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}};

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_SUITE_BEGIN("operating");

TEST_CASE("a reload takes the new routes and keeps connections, cache and requests under way") {
  Origin before, after;
  Proxy proxy(config_for(before));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  before.on("GET", "/slow").reach(asked).await(answer).reply(200, {{"cache-control", "no-store"}}, "slow");
  before.on("GET", "/stored").reply(200, kFresh, "stored");
  before.on("GET", "/a").reply(200, {{"cache-control", "no-store"}}, "before");
  after.on("GET", "/a").reply(200, {{"cache-control", "no-store"}}, "after");
  Client open = proxy.client(), slow = proxy.client();
  CHECK(open.get("/stored").body == "stored");
  CHECK(open.get("/a").body == "before");
  slow.send_request("GET", "/slow");
  asked.await();
  proxy.write_config(config_for(after));
  proxy.signal(SIGHUP);
  await_condition("the new route", [&] { return proxy.get("/a").body == "after"; });
  CHECK(open.get("/a").body == "after");
  CHECK(is_hit(open.get("/stored")));
  answer.open();
  CHECK(slow.read().body == "slow");
}

TEST_CASE("a file that is wrong is refused by a reload, and everything goes on as it was") {
  Origin origin;
  Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "no-store"}}, "x");
  Client open = proxy.client();
  CHECK(open.get("/a").body == "x");
  for (const char* text : {"listen = [\n", "nonsense = 1\n", ""}) {
    CAPTURE(text);
    const std::size_t logged = proxy.log().size();
    proxy.write_config(text);
    proxy.signal(SIGHUP);
    await_condition("the refusal in the log", [&] { return proxy.log().size() > logged; });
    CHECK(open.get("/a").body == "x");
    CHECK(proxy.get("/a").body == "x");
  }
  proxy.write_config(config_for(origin));
  CHECK(proxy.running());
}

TEST_CASE("a change that needs a restart is refused by a reload, by its name, and nothing of that file is taken") {
  Origin origin;
  Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  proxy.get("/a");
  REQUIRE(is_hit(proxy.get("/a")));
  proxy.write_config(config_for(origin).add("cache", "eviction = \"lru\"").add("route.cache", "enabled = false"));
  proxy.signal(SIGHUP);
  await_condition("the refusal in the log", [&] { return proxy.log().find("cache.eviction") != std::string::npos; });
  CHECK(is_hit(proxy.get("/a")));
}

TEST_CASE("cache rules that a reload changes hold for what is stored already") {
  Origin origin;
  Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  proxy.get("/a");
  REQUIRE(is_hit(proxy.get("/a")));
  proxy.write_config(config_for(origin).add("route.cache", "enabled = false"));
  proxy.signal(SIGHUP);
  await_condition("the route to pass", [&] { return cache_status(proxy.get("/a")).get("fwd") == "bypass"; });
}

TEST_CASE("SIGTERM: readiness turns 503, nobody new is taken, what is under way is finished, and the end is 0") {
  Origin origin;
  Proxy proxy(config_for(origin).add("shutdown", "timeout = \"10s\"").add("shutdown", "pause = \"300ms\""));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/slow").head(200, {{"cache-control", "no-store"}, {"content-length", "6"}}).raw("one").reach(asked).await(answer).raw("two");
  Client slow = proxy.client(), idle = proxy.client();
  slow.send_request("GET", "/slow");
  asked.await();
  proxy.signal(SIGTERM);
  await_condition("/readyz to say 503", [&] {
    try {
      return proxy.admin("GET", "/readyz").status == 503;
    } catch (const std::exception&) {
      return false;
    }
  });
  CHECK(idle.await_close().empty());
  await_condition("a refused connection", [&] {
    try {
      proxy.client();
      return false;
    } catch (const std::system_error&) {
      return true;
    }
  });
  CHECK(proxy.running());
  answer.open();
  const RawResponse response = slow.read();
  CHECK(response.body == "onetwo");
  CHECK(response.complete);
  CHECK(proxy.terminate() == 0);
}

TEST_CASE("a new version is started beside the old one, on the same listener, and takes over when that ends") {
  Origin origin;
  Proxy old(config_for(origin));
  const Proxy fresh(config_for(origin).listen_at(old.port()));
  Barrier asked{"the origin was asked"}, answer{"it may answer"};
  origin.on("GET", "/slow").reach(asked).await(answer).reply(200, {{"cache-control", "no-store"}}, "slow");
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "a");
  // Connections are shared out between both: one of each is found soon.
  std::vector<Client> clients;
  await_condition("a connection to each", [&] {
    clients.push_back(old.client());
    CHECK(clients.back().get("/a").body == "a");
    return old.metric("connections_open") > 0 && fresh.metric("connections_open") > 0;
  });
  for (Client& client : clients) client.send_request("GET", "/slow");
  asked.await();
  old.signal(SIGTERM);
  answer.open();
  for (Client& client : clients) CHECK(client.read().body == "slow");      // what is under way is finished
  CHECK(old.terminate() == 0);
  for (int i = 0; i < 20; ++i) CHECK(fresh.client().get("/a").body == "a");
}

TEST_CASE("SIGTERM with a request that never ends ends anyway after the time-out, with 0") {
  Origin origin;
  Proxy proxy(config_for(origin).add("shutdown", "timeout = \"300ms\""));
  origin.on("GET", "/never").never();
  Client client = proxy.client();
  client.send_request("GET", "/never");
  origin.await_requests("/never", 1);
  CHECK(proxy.terminate() == 0);
}

TEST_CASE("SIGINT ends it as well, and a second SIGTERM does not kill it half way") {
  Origin origin;
  Proxy proxy(config_for(origin));
  proxy.signal(SIGINT);
  proxy.signal(SIGTERM);
  CHECK(proxy.terminate() == 0);
}

TEST_CASE("each request is one line of the access log, with reason, storing, age and origin, as JSON") {
  Origin origin;
  const TempDir dir;
  Proxy proxy(config_for(origin)
                  .add("log.access", "format = \"json\"")
                  .add("log.access", "path = \"" + dir.file("access.log") + "\"")
                  .add("", "workers = 1"));        // the lines of several workers are in no order
  origin.on("GET", "/a?x=1").reply(200, kFresh, "body");
  proxy.get("/a?x=1", {{"user-agent", "test \"quoted\" \xff"}, {"referer", "http://ref.test/"}});
  proxy.get("/a?x=1");
  proxy.request("TRACE", "/a");
  await_condition("three lines", [&] { return lines_in(read_file(dir.file("access.log"))) == 3; });
  std::istringstream lines(read_file(dir.file("access.log")));
  std::vector<json> records;
  for (std::string line; std::getline(lines, line);) {
    records.push_back(json::parse(line, nullptr, false));
    CAPTURE(line);
    REQUIRE(records.back().is_object());
  }
  CHECK(records[0].dump().find("uri_miss") != std::string::npos);
  CHECK(records[0].dump().find("stored") != std::string::npos);
  CHECK(records[0].dump().find("/a?x=1") != std::string::npos);
  CHECK(records[0].dump().find("http://ref.test/") != std::string::npos);
  CHECK(records[0].dump().find(origin.address()) != std::string::npos);
  CHECK(records[1].dump().find("fresh_hit") != std::string::npos);
  CHECK(records[1].dump().find(origin.address()) == std::string::npos);
  CHECK(records[1].dump().find("127.0.0.1") != std::string::npos);
  CHECK(records[2].dump().find("TRACE") != std::string::npos);
}

TEST_CASE("an origin that gave no byte has no time to its first byte in the access log") {
  const TempDir dir;
  ProxyConfig config;
  config.origin("app", {"127.0.0.1:" + std::to_string(free_port())}).route("path = \"/\"").add("route", "origin = \"app\"");
  const Proxy proxy(config.add("log.access", "format = \"json\"").add("log.access", "path = \"" + dir.file("access.log") + "\""));
  CHECK(proxy.get("/a").status == 502);
  CHECK(proxy.request("POST", "/a").status == 502);
  await_condition("two lines", [&] { return lines_in(read_file(dir.file("access.log"))) == 2; });
  const std::string lines = read_file(dir.file("access.log"));
  CHECK(lines.find("\"status\":502") != std::string::npos);
  CHECK(lines.find("origin_us") == std::string::npos);
}

TEST_CASE("SIGUSR1 opens the access log anew, so that it can be rotated without losing a line") {
  Origin origin;
  const TempDir dir;
  Proxy proxy(config_for(origin).add("log.access", "format = \"combined\"").add("log.access", "path = \"" + dir.file("access.log") + "\""));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  for (int i = 0; i < 5; ++i) proxy.get("/a");
  await_condition("five lines", [&] { return lines_in(read_file(dir.file("access.log"))) == 5; });
  std::filesystem::rename(dir.file("access.log"), dir.file("access.log.1"));
  proxy.signal(SIGUSR1);
  await_condition("the new file", [&] { return std::filesystem::exists(dir.file("access.log")); });
  for (int i = 0; i < 5; ++i) proxy.get("/a");
  await_condition("ten lines in both", [&] { return lines_in(read_file(dir.file("access.log"))) + lines_in(read_file(dir.file("access.log.1"))) == 10; });
  CHECK(read_file(dir.file("access.log")).find("\"GET /a HTTP/1.1\" 200 1") != std::string::npos);
}

TEST_CASE("what is logged cannot forge a line") {
  Origin origin;
  const TempDir dir;
  Proxy proxy(config_for(origin).add("log.access", "format = \"combined\"").add("log.access", "path = \"" + dir.file("access.log") + "\""));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  proxy.get("/a", {{"user-agent", "x\" 200 1 \"-\" \"forged\t\x9b"}});
  await_condition("a line", [&] { return lines_in(read_file(dir.file("access.log"))) == 1; });
  const std::string line = read_file(dir.file("access.log"));
  CHECK(line.find("\"forged") == std::string::npos);
  CHECK(line.find('\x9b') == std::string::npos);
}

TEST_CASE("the end of the process loses no line of the access log") {
  Origin origin;
  const TempDir dir;
  {
    Proxy proxy(config_for(origin).add("log.access", "format = \"combined\"").add("log.access", "path = \"" + dir.file("access.log") + "\""));
    origin.on("GET", "/a").reply(200, kFresh, "x");
    Client client = proxy.client();
    for (int i = 0; i < 500; ++i) client.get("/a");
    CHECK(proxy.terminate() == 0);
  }
  CHECK(lines_in(read_file(dir.file("access.log"))) == 500);
}

TEST_CASE("metrics count requests by reason, connections and bytes, in the format that Prometheus reads") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  Client client = proxy.client();
  for (int i = 0; i < 5; ++i) client.get("/a");
  proxy.await_metric("requests", 5);
  CHECK(proxy.metric("requests", {{"reason", "fresh_hit"}}).value_or(-1) == 4);
  CHECK(proxy.metric("requests", {{"reason", "uri_miss"}}).value_or(-1) == 1);
  CHECK(proxy.metric("origin_requests").value_or(-1) == 1);
  CHECK(proxy.metric("connections_open").value_or(-1) == 1);
  CHECK(proxy.metric("store_objects").value_or(-1) == 1);
  CHECK(proxy.metric("store_bytes").value_or(-1) > 0);
  const RawResponse page = proxy.admin("GET", "/metrics");
  CHECK(page.field("content-type").starts_with("text/plain"));
  std::istringstream lines(page.body);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    if (line.empty()) continue;
    CHECK((line.starts_with("# HELP ") || line.starts_with("# TYPE ") || line.starts_with("davenport_") ||
           line.starts_with("process_")));
  }
}

TEST_CASE("explain says of a URL what is stored, how fresh it is, and what to change where nothing is") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, FieldLines(kFresh).add("vary", "x-color").add("surrogate-key", "milk"), "x");
  origin.on("GET", "/b").reply(200, {{"cache-control", "no-store"}}, "x");
  proxy.get("/a", {{"x-color", "red"}});
  proxy.get("/b");
  const std::string stored = proxy.explain("http://shop.test/a");
  CHECK(stored.find("x-color") != std::string::npos);
  CHECK(stored.find("milk") != std::string::npos);          // its tag
  CHECK(stored.find("app") != std::string::npos);
  const RawResponse nothing = proxy.admin("GET", "/explain?url=http://shop.test/never-asked");
  CHECK(nothing.status == 200);
  CHECK(nothing.body.find("uri_miss") != std::string::npos);
  CHECK(proxy.admin("GET", "/explain").status == 400);
  CHECK(proxy.admin("GET", "/explain?url=").status == 400);
  CHECK(origin.requests() == 2);                       // to explain is not to fetch
}

TEST_CASE("the admin listener answers health, refuses what it does not know, and is no proxy") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  CHECK(proxy.admin("GET", "/healthz").status == 200);
  CHECK(proxy.admin("HEAD", "/healthz").status == 200);
  CHECK(proxy.admin("GET", "/readyz").status == 200);
  CHECK(proxy.admin("GET", "/nothing").status == 404);
  CHECK(proxy.admin("POST", "/healthz").status == 405);
  CHECK(proxy.admin("GET", "http://shop.test/a").status >= 400);
  Client hostile(proxy.admin_port());
  hostile.send("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  CHECK(hostile.read().status == 400);
  CHECK(proxy.admin("GET", "/healthz").status == 200);
  CHECK(origin.bytes_received() == 0);
}

TEST_CASE("an admin token is asked for by everything that tells or changes something") {
  Origin origin;
  const TempDir dir;
  write_file(dir.file("token"), "s3cret-s3cret-s3cret\n");
  const Proxy proxy(config_for(origin).add("admin", "token_file = \"" + dir.file("token") + "\""));
  const FieldLines token{{"authorization", "Bearer s3cret-s3cret-s3cret"}};
  CHECK(proxy.admin("GET", "/readyz").status == 200);
  for (const char* path : {"/metrics", "/explain?url=http://shop.test/a"}) {
    CAPTURE(path);
    const RawResponse refused = proxy.admin("GET", path);
    CHECK(refused.status == 401);
    CHECK(refused.fields.has("www-authenticate"));
    CHECK(proxy.admin("GET", path, "", {{"authorization", "Bearer wrong"}}).status == 401);
    CHECK(proxy.admin("GET", path, "", token).status == 200);
  }
  CHECK(proxy.purge("{\"all\": true}").status == 401);
  CHECK(proxy.admin("POST", "/purge", "{\"all\": true}", token).status == 200);
}

TEST_CASE("a configuration that is wrong is refused at the start, with the place of the mistake") {
  try {
    const Proxy proxy("listen = [\"127.0.0.1:0\"]\n[origin.app]\nserver = [\"127.0.0.1:1\"]\n");
    FAIL("it started");
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    CHECK(text.find("davenport.toml:3:1") != std::string::npos);
    CHECK(text.find("servers") != std::string::npos);
  }
}

TEST_CASE("many connections that come and go leave no file behind") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  proxy.get("/a");
  await_condition("quiet", [&] { return proxy.metric("connections_open") == 0; });
  const std::size_t before = proxy.open_files();
  for (int i = 0; i < 300; ++i) CHECK(proxy.get("/a").status == 200);
  await_condition("closed connections", [&] { return proxy.metric("connections_open") == 0; });
  await_condition("as many files as before", [&] { return proxy.open_files() <= before + 1; });
}

TEST_SUITE_END();
