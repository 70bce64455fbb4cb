#include "origin_support.h"

#include "proxy/origin/roster.h"

using namespace davenport;
using namespace davenport::origin;
using namespace davenport::origin::test;

namespace {

// An origin whose health a test turns.
struct Patient {
  std::atomic<int> status{200};
  std::atomic<int> checks{0};
  std::string head;
  std::mutex mutex;
  ScriptedOrigin origin{[this](Peer& peer) {
    std::string got = peer.read_head();
    if (got.empty()) return;
    {
      const std::scoped_lock lock(mutex);
      head = std::move(got);
    }
    ++checks;
    const int say = status;
    if (say == 0) return;
    peer.send("HTTP/1.1 " + std::to_string(say) + " X\r\nContent-Length: 0\r\n\r\n");
  }};
  config::Origin settings() const {
    config::Origin settings = origin.settings();
    settings.health.enabled = true;
    settings.health.path = "/healthz";
    settings.health.interval = 10ms;
    settings.health.timeout = 500ms;
    settings.health.healthy_after = 2;
    settings.health.unhealthy_after = 3;
    return settings;
  }
};

}  // namespace

TEST_CASE("a server turns unhealthy after failed checks in a row, and healthy again after good ones") {
  for (const int bad : {503, 404, 0}) {
    CAPTURE(bad);
    Patient patient;
    Client client(patient.settings());
    HealthChecks checks(client.loop, {client.cluster});
    client.await([&] { return patient.checks >= 2; });
    CHECK(client.server().healthy);
    patient.status = bad;
    const int before = patient.checks;
    client.await([&] { return !client.server().healthy; });
    CHECK(patient.checks - before >= 2);
    CHECK_FALSE(state_of(*client.cluster, client.loop.now()).available);
    CHECK(client.get().failure == FailureKind::no_server);
    patient.status = 204;
    client.await([&] { return client.server().healthy; });
    checks.stop();
    CHECK(patient.head == "GET /healthz HTTP/1.1\r\nHost: " + client.server().address +
                              "\r\nUser-Agent: davenport-health\r\nConnection: close\r\n\r\n");
  }
}

TEST_CASE("a server that does not listen, or does not answer in time, is unhealthy") {
  SUBCASE("nobody listens") {
    Patient patient;
    config::Origin settings = patient.settings();
    settings.servers = {dead_server()};
    Client client(settings);
    HealthChecks checks(client.loop, {client.cluster});
    client.await([&] { return !client.server().healthy; });
  }
  SUBCASE("no answer") {
    ScriptedOrigin origin([](Peer& peer) {
      peer.read_head();
      peer.closed();
    });
    Patient patient;
    config::Origin settings = patient.settings();
    settings.servers = {origin.server()};
    settings.health.timeout = 20ms;
    Client client(settings);
    HealthChecks checks(client.loop, {client.cluster});
    client.await([&] { return !client.server().healthy; });
  }
}

TEST_CASE("checks use the host and the range of statuses that are configured, and pass over interim heads") {
  ScriptedOrigin origin([](Peer& peer) {
    const std::string head = peer.read_head();
    if (head.find("Host: up.example\r\n") == std::string::npos) return;
    peer.send("HTTP/1.1 103 Early Hints\r\n\r\n");
    peer.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  });
  Patient patient;
  config::Origin settings = patient.settings();
  settings.servers = {origin.server()};
  settings.health.host = "up.example";
  settings.health.status_max = 401;
  Client client(settings);
  client.cluster->set_healthy(*client.cluster->members()[0], false, client.loop.now());
  HealthChecks checks(client.loop, {client.cluster});
  client.await([&] { return client.server().healthy; });
}

TEST_CASE("stop ends checks that are under way, and nothing is asked afterwards") {
  ScriptedOrigin origin([](Peer& peer) {
    peer.read_head();
    CHECK(peer.closed());                 // the check was given up
  });
  Patient patient;
  config::Origin settings = patient.settings();
  settings.servers = {origin.server()};
  settings.health.timeout = 60s;
  Client client(settings);
  {
    HealthChecks checks(client.loop, {client.cluster});
    client.await([&] { return origin.accepted() == 1; });
    checks.stop();
    client.settle();
  }
  CHECK(client.server().healthy);
  CHECK(origin.accepted() == 1);
}

TEST_CASE("names are resolved again, and the origin is usable before any request came") {
  Patient patient;
  config::Origin settings = patient.origin.settings();
  settings.servers[0].address.kind = config::Address::Kind::name;
  settings.servers[0].address.host = "localhost";
  settings.resolve_interval = 10ms;
  Client client(settings);
  HealthChecks checks(client.loop, {client.cluster});
  client.await([&] { return !state_of(*client.cluster, client.loop.now()).servers.empty(); });
  CHECK(client.server().name == "localhost:" + std::to_string(patient.origin.port()));
}
