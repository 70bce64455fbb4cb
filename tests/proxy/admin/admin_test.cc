#include "proxy/admin/admin.h"

#include "proxy/admin/admin_support.h"
#include "core/base/json.h"

using namespace davenport;
using namespace davenport::admin;
using namespace std::chrono_literals;
using admin_test::BlockingClient;
using admin_test::FakeServer;
using admin_test::LoopThread;
using admin_test::put;
using admin_test::RawAnswer;

namespace {

class Fixture {
 public:
  explicit Fixture(config::Config config = admin_test::shop_config()) : server(std::move(config)) {
    thread_.run([&] {
      Result<std::unique_ptr<Admin>> started = Admin::start(thread_.loop(), server, "1.2.3");
      REQUIRE(started);
      admin_ = std::move(*started);
      const std::string address = admin_->address();
      port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    });
  }
  ~Fixture() { stop(); }
  void stop() {
    thread_.run([&] { admin_.reset(); });
  }

  RawAnswer ask(const std::string& method, const std::string& target, const std::string& body = "", const std::string& fields = "") {
    BlockingClient client(port);
    std::string bytes = method + " " + target + " HTTP/1.1\r\n" + fields;
    if (fields.find("Host:") == std::string::npos) bytes += "Host: 127.0.0.1\r\n";
    if (!body.empty()) bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    REQUIRE(client.send(bytes + "Connection: close\r\n\r\n" + body));
    return client.read(method == "HEAD");
  }
  RawAnswer purge(const std::string& json) { return ask("POST", "/purge", json); }

  FakeServer server;
  std::uint16_t port = 0;

 private:
  LoopThread thread_;
  std::unique_ptr<Admin> admin_;
};

const std::string kFresh = "Cache-Control: max-age=60\r\n";

// The "detail" of a problem; the answer must be one.
std::string detail(const RawAnswer& answer) {
  CHECK(answer.has("Content-Type: application/problem+json\r\n"));
  const Result<JsonValue> json = parse_json(answer.body);
  REQUIRE(json);
  REQUIRE(json->object() != nullptr);
  for (const JsonMember& member : *json->object()) {
    if (member.name == "status") CHECK(std::get<double>(member.value.data) == answer.status);
    if (member.name == "detail") return *member.value.string();
  }
  return "";
}

}  // namespace

TEST_CASE("a purge by URL is complete when its answer comes, and says how many responses it hit") {
  Fixture fixture;
  put(fixture.server, "/milk", kFresh + "Vary: X-Tier\r\n", "gold", "X-Tier: gold\r\n");
  put(fixture.server, "/milk", kFresh + "Vary: X-Tier\r\n", "plain");
  put(fixture.server, "/butter", kFresh);
  const RawAnswer answer = fixture.purge(R"({"url":"http://www.shop.test/milk"})");
  CHECK(answer.status == 200);
  CHECK(answer.body == "{\"position\":1,\"matched_here\":2,\"soft\":false,\"names\":1}\n");
  CHECK(fixture.server.store().stats().objects == 1);
}

TEST_CASE("tags, prefixes and all reach what they name") {
  Fixture fixture;
  const auto fill = [&] {
    put(fixture.server, "/img/a", kFresh + "Surrogate-Key: dairy\r\n");
    put(fixture.server, "/img/b", kFresh + "Surrogate-Key: dairy cheese\r\n");
    put(fixture.server, "/c", kFresh + "Surrogate-Key: cheese\r\n");
  };
  struct Row { const char *json, *matched; };
  for (const Row& row : {
           Row{R"({"tag":"dairy"})", R"("matched_here":2)"}, Row{R"({"tags":["dairy","cheese"]})", R"("matched_here":3)"},
           Row{R"({"prefix":"http://shop.test/img/"})", R"("matched_here":2)"}, Row{R"({"all":true})", R"("matched_here":3)"},
           Row{R"({"urls":["http://shop.test/c","http://shop.test/img/a"]})", R"("matched_here":2)"},
           Row{R"({"tag":"none"})", R"("matched_here":0)"}}) {
    CAPTURE(row.json);
    fill();
    const RawAnswer answer = fixture.purge(row.json);
    CHECK(answer.status == 200);
    CHECK(answer.body.find(row.matched) != std::string::npos);
  }
}

TEST_CASE("a soft purge keeps what it hits") {
  Fixture fixture;
  put(fixture.server, "/milk", kFresh);
  const RawAnswer answer = fixture.purge(R"({"url":"http://shop.test/milk","soft":true})");
  CHECK(answer.body == "{\"position\":1,\"matched_here\":1,\"soft\":true,\"names\":1}\n");
  CHECK(fixture.server.store().stats().objects == 1);
  CHECK(fixture.ask("GET", "/explain?url=http://shop.test/milk").body.find("purged_soft") != std::string::npos);
}

TEST_CASE("the same id again answers the same and purges nothing anew") {
  Fixture fixture;
  put(fixture.server, "/milk", kFresh);
  const std::string order = R"({"url":"http://shop.test/milk","id":"deploy-7"})";
  const RawAnswer first = fixture.purge(order);
  CHECK(first.body == "{\"position\":1,\"matched_here\":1,\"soft\":false,\"names\":1,\"id\":\"deploy-7\"}\n");
  put(fixture.server, "/milk", kFresh);
  CHECK(fixture.purge(order).body == first.body);
  CHECK(fixture.server.store().stats().objects == 1);
}

TEST_CASE("without a count the answer does not wait for the sweeper, and the purge holds all the same") {
  Fixture fixture;
  fixture.server.hold_sweeper(true);
  put(fixture.server, "/milk", kFresh);
  const RawAnswer answer = fixture.purge(R"({"url":"http://shop.test/milk","count":false})");
  CHECK(answer.body == "{\"position\":1,\"soft\":false,\"names\":1}\n");
  CHECK(fixture.ask("GET", "/explain?url=http://shop.test/milk").body.find(R"("reason":"purged")") != std::string::npos);
  fixture.server.hold_sweeper(false);
}

TEST_CASE("while one purge waits for its count, others are answered") {
  Fixture fixture;
  fixture.server.hold_sweeper(true);
  put(fixture.server, "/milk", kFresh);
  BlockingClient client(fixture.port);
  const std::string order = R"({"url":"http://shop.test/milk"})";
  REQUIRE(client.send("POST /purge HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + std::to_string(order.size()) + "\r\n\r\n" + order));
  CHECK(fixture.ask("GET", "/healthz").status == 200);
  CHECK(fixture.purge(R"({"tag":"x","count":false})").status == 200);
  fixture.server.hold_sweeper(false);
  CHECK(client.read().body.find(R"("matched_here":1)") != std::string::npos);
}

TEST_CASE("the end of the admin API does not wait for a count") {
  Fixture fixture;
  fixture.server.hold_sweeper(true);
  BlockingClient client(fixture.port);
  REQUIRE(client.send("POST /purge HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 12\r\n\r\n{\"all\":true}"));
  while (fixture.server.purge_log().position() == 0) std::this_thread::yield();
  fixture.stop();
  CHECK(client.at_end());
  fixture.server.hold_sweeper(false);
}

TEST_CASE("a purge that is not understood does nothing at all, and says what is wrong") {
  Fixture fixture;
  put(fixture.server, "/milk", kFresh);
  for (const char* json : {"", "{}", "{", "[]", R"({"url":"http://shop.test/milk","sof":true})", R"({"urls":["http://shop.test/milk",""]})",
                           R"({"urls":["http://shop.test/milk",7]})"}) {
    CAPTURE(json);
    const RawAnswer answer = fixture.purge(json);
    CHECK(answer.status == 400);
    CHECK_FALSE(detail(answer).empty());
  }
  CHECK(fixture.server.purge_log().position() == 0);
  CHECK(fixture.server.store().stats().objects == 1);
}

TEST_CASE("PURGE takes one URL, of the host in Host or in the target") {
  Fixture fixture;
  struct Row { const char *target, *host; };
  for (const Row& row : {Row{"/milk?fat=3", "shop.test"}, Row{"/milk?fat=3", "www.shop.test:8080"},
                         Row{"http://shop.test/milk?fat=3", "shop.test"},
                         Row{"http://WWW.shop.test:8080/milk?fat=3", "www.shop.test:8080"}}) {
    CAPTURE(row.target);
    put(fixture.server, "/milk?fat=3", kFresh);
    put(fixture.server, "/milk", kFresh);
    const RawAnswer answer = fixture.ask("PURGE", row.target, "", "Host: " + std::string(row.host) + "\r\n");
    CHECK(answer.status == 200);
    CHECK(answer.body.find(R"("matched_here":1)") != std::string::npos);
  }
  CHECK(fixture.ask("PURGE", "*", "", "Host: shop.test\r\n").status == 400);
}

TEST_CASE("each endpoint has its methods, and what is not there is 404") {
  Fixture fixture;
  for (const char* path : {"/", "/healthz", "/readyz", "/metrics"}) {
    CAPTURE(path);
    CHECK(fixture.ask("GET", path).status == 200);
    const RawAnswer head = fixture.ask("HEAD", path);
    CHECK(head.status == 200);
    CHECK(head.body.empty());
    const RawAnswer refused = fixture.ask("POST", path, "x");
    CHECK(refused.status == 405);
    CHECK(refused.has("Allow: GET, HEAD, PURGE\r\n"));
    CHECK_FALSE(detail(refused).empty());
  }
  const RawAnswer refused = fixture.ask("GET", "/purge");
  CHECK(refused.status == 405);
  CHECK(refused.has("Allow: POST, PURGE\r\n"));
  for (const char* path : {"/purge/", "/nothing", "/metrics/x", "//"}) {
    const RawAnswer missing = fixture.ask("GET", path);
    CHECK(missing.status == 404);
    CHECK_FALSE(detail(missing).empty());
  }
}

TEST_CASE("readiness tells why not: draining, or no origin server") {
  Fixture fixture;
  CHECK(fixture.ask("GET", "/readyz").body == "{\"ready\":true,\"unavailable_origins\":[]}\n");
  fixture.server.fill.over = false;
  const RawAnswer warming = fixture.ask("GET", "/readyz");
  CHECK(warming.status == 503);
  CHECK(warming.body.find(R"("reason":"warming")") != std::string::npos);
  fixture.server.fill.over = true;
  fixture.server.clusters[0].available = false;
  const RawAnswer no_origin = fixture.ask("GET", "/readyz");
  CHECK(no_origin.status == 503);
  CHECK(no_origin.body == "{\"ready\":false,\"reason\":\"no origin server available\",\"unavailable_origins\":[\"shop\"]}\n");
  origin::ClusterState other;
  other.name = "images";
  fixture.server.clusters.push_back(other);
  CHECK(fixture.ask("GET", "/readyz").status == 200);
  fixture.server.is_draining = true;
  const RawAnswer draining = fixture.ask("GET", "/readyz");
  CHECK(draining.status == 503);
  CHECK(draining.body.find(R"("reason":"draining")") != std::string::npos);
  CHECK(fixture.ask("GET", "/healthz").status == 200);
}

TEST_CASE("explain answers JSON, or text where it is asked for") {
  Fixture fixture;
  put(fixture.server, "/milk", kFresh);
  const RawAnswer json = fixture.ask("GET", "/explain?url=http%3A%2F%2Fshop.test%2Fmilk");
  CHECK(json.status == 200);
  CHECK(json.has("Content-Type: application/json\r\n"));
  CHECK(json.body.find(R"("reason":"fresh_hit")") != std::string::npos);
  const RawAnswer text = fixture.ask("GET", "/explain?format=text&url=http://shop.test/milk&field=Cache-Control:no-cache");
  CHECK(text.has("Content-Type: text/plain; charset=utf-8\r\n"));
  CHECK(text.body.find("request_no_cache") != std::string::npos);
  CHECK(fixture.ask("GET", "/explain").status == 400);
  CHECK(fixture.ask("GET", "/explain?url=milk").status == 400);
}

TEST_CASE("metrics count the purges that came here") {
  Fixture fixture;
  fixture.purge(R"({"tag":"x"})");
  const RawAnswer answer = fixture.ask("GET", "/metrics");
  CHECK(answer.has("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  CHECK(answer.body.find("davenport_purges_total{listener=\"admin\"} 1\n") != std::string::npos);
  CHECK(answer.body.find("davenport_purge_position 1\n") != std::string::npos);
  CHECK(answer.body.find("davenport_build_info{version=\"1.2.3\"} 1\n") != std::string::npos);
}

TEST_CASE("with a token every endpoint but health wants it, before a body is read") {
  config::Config config = admin_test::shop_config();
  config.admin.token = "s3cret";
  Fixture fixture(std::move(config));
  CHECK(fixture.ask("HEAD", "/healthz", "", "Host: davenport.svc\r\n").status == 200);
  CHECK(fixture.ask("GET", "/readyz").body == "{\"ready\":true}\n");      // no names for those who may not know them
  for (const char* target : {"/", "/metrics", "/explain?url=http://shop.test/", "/nothing"}) {
    CAPTURE(target);
    const RawAnswer answer = fixture.ask("GET", target);
    CHECK(answer.status == 401);
    CHECK(answer.has("WWW-Authenticate: Bearer realm=\"davenport admin\"\r\n"));
    CHECK_FALSE(detail(answer).empty());
    CHECK(fixture.ask("GET", target, "", "Authorization: Bearer wrong!\r\n").status == 401);
  }
  BlockingClient client(fixture.port);
  REQUIRE(client.send("POST /purge HTTP/1.1\r\nHost: admin.test\r\nContent-Length: 1000000\r\n\r\n"));
  CHECK(client.read().status == 401);
  CHECK(fixture.ask("PURGE", "/milk", "", "Host: shop.test\r\n").status == 401);
  CHECK(fixture.ask("PURGE", "/healthz", "", "Host: shop.test\r\n").status == 401);
  CHECK(fixture.server.purge_log().position() == 0);
  const std::string token = "Host: admin.test\r\nAuthorization: Bearer s3cret\r\n";
  CHECK(fixture.ask("GET", "/metrics", "", token).status == 200);
  CHECK(fixture.ask("POST", "/purge", R"({"all":true})", token).status == 200);
}

TEST_CASE("a new token holds from the reload on") {
  Fixture fixture;
  CHECK(fixture.ask("GET", "/metrics").status == 200);
  config::Config config = admin_test::shop_config();
  config.admin.token = "s3cret";
  CHECK(fixture.server.reload(std::make_shared<const config::Config>(std::move(config))));
  CHECK(fixture.ask("GET", "/metrics").status == 401);
}

TEST_CASE("without a token a foreign Host or Origin is refused") {
  Fixture fixture;
  const RawAnswer rebinding = fixture.ask("POST", "/purge", R"({"all":true})", "Host: evil.test\r\n");
  CHECK(rebinding.status == 403);
  CHECK_FALSE(detail(rebinding).empty());
  CHECK(fixture.ask("POST", "/purge", R"({"all":true})", "Host: 127.0.0.1\r\nOrigin: http://evil.test\r\n").status == 403);
  CHECK(fixture.server.purge_log().position() == 0);
}

TEST_CASE("the address is the configured one, and a taken one is an error") {
  Fixture fixture;
  FakeServer second;
  LoopThread thread;
  config::Config config = admin_test::shop_config();
  config.admin.address.port = fixture.port;
  CHECK(second.reload(std::make_shared<const config::Config>(std::move(config))));
  thread.run([&] {
    const Result<std::unique_ptr<Admin>> admin = Admin::start(thread.loop(), second, "");
    REQUIRE_FALSE(admin);
    CHECK(admin.error().message.find("admin.address") != std::string::npos);
    CHECK(admin.error().message.find("already in use") != std::string::npos);
  });
}
