// TLS towards origins: whom they are believed to be, what is told where they are not, and who we say we are.
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}};
const FieldLines kNoStore{{"cache-control", "no-store"}};

struct Inside {
  TempDir dir;
  Authority authority{dir.path()};
  Origin origin;
  ProxyConfig config = config_for_server("https://" + origin.address());
  std::string line(const std::string& key, const std::string& value) const { return key + " = \"" + value + "\""; }
};

// The detail of the log line that a failure leaves is not looked at: Proxy-Status is what peers read.
void check_refused(const Proxy& proxy, const char* error) {
  const RawResponse response = proxy.get("/a");
  CHECK(response.status == 502);
  CHECK(response.field("proxy-status").find(std::string("error=") + error) != std::string::npos);
}

}  // namespace

TEST_SUITE_BEGIN("tls_origins");

TEST_CASE("an origin is trusted by its authority and its address or name, and its connection is used again") {
  Inside inside;
  inside.origin.speak_tls(inside.authority.issue("inside", {"127.0.0.1"}));
  inside.config.add("origin.app.tls", inside.line("ca", inside.authority.file())).add("", "workers = 1");
  const Proxy proxy(inside.config);
  const std::string large(2'000'000, 'l');
  inside.origin.on("GET", "/a").reply(200, kFresh, "x");
  inside.origin.on("GET", "/large").reply(200, kNoStore, large);
  inside.origin.on("POST", "/up").reply([](const SeenRequest& request) { return Reply{200, {}, request.body}; });
  CHECK(proxy.get("/a").body == "x");
  CHECK(is_hit(proxy.get("/a")));
  for (int i = 0; i < 4; ++i) CHECK(proxy.get("/large").body == large);
  CHECK(proxy.request("POST", "/up", {}, large).body == large);
  CHECK(inside.origin.connections() == 1);
  CHECK(inside.origin.last_tls().version == "TLSv1.3");
  CHECK(inside.origin.last_tls().asked_name.empty());          // an address is no server name (RFC 6066 §3)
}

TEST_CASE("a certificate of another authority, for another name, or out of date is a 502 that says so (RFC 9209 §2.3.14)") {
  Inside inside;
  Authority stranger(inside.dir.path(), "stranger");
  inside.config.add("origin.app.tls", inside.line("ca", inside.authority.file()));
  SUBCASE("another authority") { inside.origin.speak_tls(stranger.issue("stranger", {"127.0.0.1"})); }
  SUBCASE("another name") { inside.origin.speak_tls(inside.authority.issue("elsewhere", {"elsewhere.test", "127.0.0.2"})); }
  SUBCASE("out of date") { inside.origin.speak_tls(inside.authority.issue("old", {"127.0.0.1"}, KeyKind::ec, -1)); }
  const Proxy proxy(inside.config);
  check_refused(proxy, "tls_certificate_error");
  CHECK(inside.origin.requests() == 0);
}

TEST_CASE("verification can be switched off, and the name can be said") {
  Inside inside;
  inside.origin.speak_tls(inside.authority.issue("elsewhere", {"elsewhere.test"}));
  inside.origin.on("GET", "/a").reply(200, kNoStore, "x");
  SUBCASE("off") {
    const Proxy proxy(inside.config.add("origin.app.tls", "verify = false"));
    CHECK(proxy.get("/a").body == "x");
  }
  SUBCASE("another name") {
    const Proxy proxy(inside.config.add("origin.app.tls", inside.line("ca", inside.authority.file()))
                          .add("origin.app.tls", inside.line("server_name", "elsewhere.test")));
    CHECK(proxy.get("/a").body == "x");
    CHECK(inside.origin.last_tls().asked_name == "elsewhere.test");
  }
  SUBCASE("the system's authorities do not know it") {
    const Proxy proxy(inside.config.add("origin.app.tls", inside.line("server_name", "elsewhere.test")));
    check_refused(proxy, "tls_certificate_error");
  }
}

TEST_CASE("an origin that does not speak TLS is a 502 that says so (RFC 9209 §2.3.13)") {
  Inside inside;
  Listener deaf;                                     // answers whatever comes with plain HTTP
  std::thread server([&] {
    Socket socket = deaf.accept();
    std::string bytes;
    socket.read(bytes);
    socket.send_all("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    socket.read(bytes);
  });
  {
    const Proxy proxy(config_for_server("https://127.0.0.1:" + std::to_string(deaf.port())).add("origin.app", "retries = 0"));
    check_refused(proxy, "tls_protocol_error");
  }
  server.join();
}

TEST_CASE("an origin that wants to know who asks is shown our certificate, and its refusal is told (RFC 9209 §2.3.15)") {
  Inside inside;
  Authority clients(inside.dir.path(), "clients");
  inside.origin.speak_tls(inside.authority.issue("inside", {"127.0.0.1"}), clients.file());
  inside.origin.on("GET", "/a").reply(200, kNoStore, "x");
  inside.config.add("origin.app.tls", inside.line("ca", inside.authority.file()));
  SUBCASE("shown") {
    const CertificateFiles ours = clients.issue("davenport", {});
    const Proxy proxy(inside.config.add("origin.app.tls", inside.line("certificate", ours.certificate))
                          .add("origin.app.tls", inside.line("key", ours.key)));
    CHECK(proxy.get("/a").body == "x");
    CHECK(inside.origin.last_tls().certificate == "davenport");
  }
  SUBCASE("not shown") {
    const Proxy proxy(inside.config);
    // In TLS 1.3 the refusal comes behind the handshake, beside our request; the reset that follows it may take it along.
    await_condition("the alert", [&] {
      const RawResponse response = proxy.get("/a");
      CHECK(response.status == 502);
      return response.field("proxy-status").find("error=tls_alert_received") != std::string::npos;
    });
  }
}

TEST_CASE("a server that shakes no hand is given up in time") {
  DeafListener deaf;
  Listener silent;
  std::thread server([&] {
    Socket socket = silent.accept();
    std::string bytes;
    while (socket.read(bytes) == Socket::Got::bytes) {
    }
  });
  {
    const Proxy proxy(config_for_server("https://127.0.0.1:" + std::to_string(silent.port()))
                          .add("origin.app", "connect_timeout = \"200ms\"").add("origin.app", "retries = 0"));
    const RawResponse response = proxy.get("/a");
    CHECK(response.status == 504);
    CHECK(response.field("proxy-status").find("connection_timeout") != std::string::npos);
  }
  server.join();
}

TEST_CASE("health checks speak TLS too") {
  Inside inside;
  inside.origin.speak_tls(inside.authority.issue("inside", {"127.0.0.1"}));
  inside.origin.on("GET", "/health").reply(200, {}, "well");
  inside.origin.on("GET", "/a").reply(200, kNoStore, "x");
  inside.config.add("origin.app.health", "path = \"/health\"").add("origin.app.health", "interval = \"100ms\"");
  inside.config.add("origin.app.health", "unhealthy_after = 1");
  SUBCASE("trusted") {
    const Proxy proxy(inside.config.add("origin.app.tls", inside.line("ca", inside.authority.file())));
    inside.origin.await_requests("/health", 3);
    CHECK(proxy.get("/a").body == "x");
  }
  SUBCASE("not trusted") {
    const Proxy proxy(inside.config);
    proxy.await_log("is unhealthy: TLS");
    CHECK(inside.origin.requests("/health") == 0);
  }
}

TEST_CASE("a reload that trusts another authority uses no connection of before") {
  Inside inside;
  Authority stranger(inside.dir.path(), "stranger");
  inside.origin.speak_tls(inside.authority.issue("inside", {"127.0.0.1"}));
  inside.origin.on("GET", "/a").reply(200, kNoStore, "x");
  Proxy proxy(ProxyConfig(inside.config).add("origin.app.tls", inside.line("ca", inside.authority.file())));
  CHECK(proxy.get("/a").body == "x");
  proxy.write_config(ProxyConfig(inside.config).add("origin.app.tls", inside.line("ca", stranger.file())));
  proxy.reload();
  await_condition("the new rules", [&] { return proxy.get("/a").status == 502; });
  check_refused(proxy, "tls_certificate_error");
}

TEST_CASE("websockets go through TLS on both sides") {
  Inside inside;
  const CertificateFiles files = inside.authority.issue("inside", {"127.0.0.1", "shop.test"});
  inside.origin.speak_tls(files);
  inside.origin.on("GET", "/ws").head(101, {{"connection", "upgrade"}, {"upgrade", "echo"}}).tunnel();
  const Proxy proxy(inside.config.add("origin.app.tls", inside.line("ca", inside.authority.file())).listen_tls({files}));
  TlsOptions options;
  options.ca = inside.authority.file();
  Client client(proxy.port(), options);
  client.send(request_bytes("GET", "/ws", {{"connection", "upgrade"}, {"upgrade", "echo"}}));
  CHECK(client.read().status == 101);
  for (const std::string& text : {std::string("hello"), std::string(300'000, 'w')}) {
    client.send(text);
    CHECK(client.read_bytes(text.size()) == text);
  }
}

TEST_SUITE_END();
