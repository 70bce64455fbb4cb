// TLS with clients (RFC 8446, RFC 5246): certificates, versions, protocols, tickets, staples, limits, redirects, the admin interface.
#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"
#include "support/redis.h"

using namespace davenport::testing;

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}};
const FieldLines kNoStore{{"cache-control", "no-store"}};

std::string patterned(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 31 + i / 977) % 26);
  return text;
}

struct Shop {
  TempDir dir;
  Authority authority{dir.path()};
  CertificateFiles files = authority.issue("shop", {"shop.test", "*.shop.test"});
  Origin origin;
  ProxyConfig config = config_for(origin).listen_tls({files});
  TlsOptions trusting() const {
    TlsOptions options;
    options.ca = authority.file();
    return options;
  }
};

// One GET on a connection of its own, which is then told to close.
RawResponse get_over_tls(const Proxy& proxy, const TlsOptions& options, const std::string& target, TlsFacts* facts = nullptr,
                         TlsResume* session = nullptr) {
  Client client(proxy.port(), options);
  RawResponse response = client.get(target);
  if (facts != nullptr) *facts = client.tls().facts();
  if (session != nullptr) *session = client.tls().session();
  return response;
}

}  // namespace

TEST_SUITE_BEGIN("tls");

TEST_CASE("misses, hits, passes and uploads over TLS 1.2 and 1.3 are what they are without") {
  Shop shop;
  const Proxy proxy(shop.config);
  const std::string large = patterned(3'000'000);
  shop.origin.on("GET", "/small").reply(200, kFresh, "small");
  shop.origin.on("GET", "/large").reply(200, kFresh, large);
  shop.origin.on("GET", "/pass").reply(200, kNoStore, large);
  shop.origin.on("POST", "/up").reply([](const SeenRequest& request) { return Reply{200, {}, request.body}; });
  for (const int version : {12, 13}) {
    CAPTURE(version);
    TlsOptions options = shop.trusting();
    options.max_version = version;
    Client client(proxy.port(), options);
    CHECK(client.tls().facts().version == (version == 12 ? "TLSv1.2" : "TLSv1.3"));
    for (int i = 0; i < 3; ++i) {
      CHECK(client.get("/small").body == "small");
      CHECK(client.get("/large").body == large);
      CHECK(client.get("/pass").body == large);
      CHECK(client.request("POST", "/up", {}, large).body == large);
      CHECK(client.request("HEAD", "/small").field("content-length") == "5");
    }
    client.send(request_bytes("GET", "/small") + request_bytes("GET", "/large") + request_bytes("GET", "/small"));
    CHECK(is_hit(client.read()));
    CHECK(client.read().body == large);
    CHECK(client.read().body == "small");
    CHECK(shop.origin.requests("/small") == 1);
    CHECK(shop.origin.requests("/large") == 1);
  }
}

TEST_CASE("the origin hears of https, and http and https are told apart in the cache") {
  Shop shop;
  const Proxy proxy(shop.config);
  shop.origin.on("GET", "/a").reply(200, kFresh, "x");
  CHECK(get_over_tls(proxy, shop.trusting(), "/a").status == 200);
  const SeenRequest seen = shop.origin.last_request("/a");
  CHECK(seen.field("x-forwarded-proto") == "https");
  CHECK(seen.field("forwarded").find("proto=https") != std::string::npos);
  CHECK(proxy.explain("https://shop.test/a").find("\"stored\"") != std::string::npos);
}

TEST_CASE("a slow reader gets a large answer whole, and one that stops is given up") {
  Shop shop;
  shop.config.add("limits", "send_timeout = \"400ms\"");
  const Proxy proxy(shop.config);
  const std::string large = patterned(8'000'000);
  shop.origin.on("GET", "/large").reply(200, kFresh, large);
  CHECK(get_over_tls(proxy, shop.trusting(), "/large").body == large);
  {
    Socket socket = Socket::connect(proxy.port(), 16 * 1024);
    start_tls_client(socket, shop.trusting());
    Client slow(std::move(socket));
    slow.send_request("GET", "/large");
    CHECK(slow.read().body == large);
    slow.send_request("GET", "/large");              // and again: nothing was left over
    CHECK(slow.read().body == large);
  }
  Socket socket = Socket::connect(proxy.port(), 16 * 1024);
  start_tls_client(socket, shop.trusting());
  Client stuck(std::move(socket));
  stuck.send_request("GET", "/large");
  proxy.await_metric("clients_gone", 1);
}

TEST_CASE("an answer that was cut short does not end cleanly: no close_notify (RFC 9112 §9.8)") {
  Shop shop;
  const Proxy proxy(shop.config);
  shop.origin.on("GET", "/cut").head(200, {{"cache-control", "no-store"}, {"content-length", "1000"}}).raw("only so much").close();
  Client client(proxy.port(), shop.trusting());
  const RawResponse response = client.get("/cut");
  CHECK(response.status == 200);
  CHECK_FALSE(response.complete);
  CHECK(response.reset);
}

TEST_CASE("the certificate is chosen by the name that the client asks for (RFC 6066 §3)") {
  TempDir dir;
  Authority authority(dir.path());
  Origin origin;
  const CertificateFiles first = authority.issue("first", {"first.test"});
  const CertificateFiles shop = authority.issue("shop", {"shop.test", "*.shop.test"});
  const CertificateFiles exact = authority.issue("exact", {"exact.shop.test"});
  const Proxy proxy(config_for(origin).listen_tls({first, shop, exact}));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  struct Row { const char *asked, *certificate, *rule; };
  for (const Row& row : {Row{"shop.test", "shop", "an exact name"}, Row{"SHOP.test", "shop", "in any case"},
                         Row{"www.shop.test", "shop", "one label for the star"},
                         Row{"exact.shop.test", "exact", "an exact name before a star"},
                         Row{"a.b.shop.test", "first", "not two labels (RFC 6125 §6.4.3)"},
                         Row{"unknown.test", "first", "the first for an unknown name"}, Row{"", "first", "and for none"}}) {
    CAPTURE(row.rule);
    TlsOptions options;
    options.server_name = row.asked;
    TlsFacts facts;
    CHECK(get_over_tls(proxy, options, "/a", &facts).status == 200);
    CHECK(facts.certificate == row.certificate);
  }
}

TEST_CASE("an ECDSA and an RSA certificate stand side by side, and the client's signatures choose") {
  TempDir dir;
  Authority authority(dir.path());
  Origin origin;
  const CertificateFiles rsa = authority.issue("rsa", {"shop.test"}, KeyKind::rsa);
  const CertificateFiles ec = authority.issue("ec", {"shop.test"}, KeyKind::ec);
  const Proxy proxy(config_for(origin).listen_tls({rsa, ec}));
  origin.on("GET", "/a").reply(200, kFresh, "x");
  for (const auto& [signatures, certificate] : {std::pair{"ECDSA+SHA256", "ec"}, std::pair{"RSA-PSS+SHA256:RSA+SHA256", "rsa"}}) {
    TlsOptions options;
    options.signatures = signatures;
    TlsFacts facts;
    CHECK(get_over_tls(proxy, options, "/a", &facts).status == 200);
    CHECK(facts.certificate == certificate);
  }
}

TEST_CASE("the oldest version is a setting, and nothing before 1.2 is spoken") {
  Shop shop;
  shop.config.listen("tls.min_version = \"1.3\"");
  const Proxy proxy(shop.config);
  TlsOptions options = shop.trusting();
  options.max_version = 12;
  CHECK_THROWS_AS(Client(proxy.port(), options), TlsRefused);
  proxy.await_metric("tls_failed", 1);
  options.max_version = 13;
  Client client(proxy.port(), options);
  CHECK(client.tls().facts().version == "TLSv1.3");
}

TEST_CASE("a protocol is agreed by ALPN, or the handshake ends (RFC 7301 §3.2)") {
  Shop shop;
  const Proxy proxy(shop.config);
  TlsOptions options = shop.trusting();
  options.protocols = {"nonsense", "http/1.1"};
  Client client(proxy.port(), options);
  CHECK(client.tls().facts().protocol == "http/1.1");
  options.protocols = {"nonsense"};
  CHECK_THROWS_WITH_AS(Client(proxy.port(), options), doctest::Contains("no application protocol"), TlsRefused);
}

TEST_CASE("a session is resumed by its ticket, whichever worker gets the connection") {
  Shop shop;
  shop.config.add("", "workers = 4");
  const Proxy proxy(shop.config);
  shop.origin.on("GET", "/a").reply(200, kFresh, "x");
  for (const int version : {12, 13}) {
    CAPTURE(version);
    TlsOptions options = shop.trusting();
    options.max_version = version;
    TlsFacts facts;
    get_over_tls(proxy, options, "/a", &facts, &options.resume);
    CHECK_FALSE(facts.resumed);
    for (int i = 0; i < 12; ++i) {                   // a client keeps the newest
      REQUIRE(options.resume != nullptr);
      TlsResume next;
      get_over_tls(proxy, options, "/a", &facts, &next);
      CHECK(facts.resumed);
      if (next != nullptr) options.resume = next;
    }
  }
  proxy.await_metric("tls_resumed", 24);
}

TEST_CASE("a session survives a reload, for its keys do") {
  Shop shop;
  Proxy proxy(shop.config);
  shop.origin.on("GET", "/a").reply(200, kFresh, "x");
  TlsOptions options = shop.trusting();
  TlsFacts facts;
  get_over_tls(proxy, options, "/a", &facts, &options.resume);
  proxy.reload();
  get_over_tls(proxy, options, "/a", &facts);
  CHECK(facts.resumed);
}

// One instance of a fleet: a configuration of its own for the same shop.
ProxyConfig instance_of(const Shop& shop, const std::string& lines, const std::string& redis = "") {
  ProxyConfig config = config_for(shop.origin).listen_tls({shop.files});
  config.add("tls", lines);
  if (!redis.empty()) config.add("redis", redis);
  return config;
}

std::string secret_file(const Shop& shop, const std::string& name, const std::string& secret) {
  const std::string path = shop.dir.path() + "/" + name;
  write_file(path, secret);
  return path;
}

TEST_CASE("a session begun at one instance goes on at another that has the same secret, and at no other") {
  Shop shop;
  shop.origin.on("GET", "/a").reply(200, kFresh, "x");
  const std::string same = "ticket_secret_file = \"" + secret_file(shop, "same", "what-the-fleet-knows-and-nobody-else") + "\"";
  const std::string other = "ticket_secret_file = \"" + secret_file(shop, "other", "what-another-fleet-knows-instead") + "\"";
  const Proxy first(instance_of(shop, same)), second(instance_of(shop, same)), stranger(instance_of(shop, other));
  for (const int version : {12, 13}) {
    CAPTURE(version);
    TlsOptions options = shop.trusting();
    options.max_version = version;
    TlsFacts facts;
    get_over_tls(first, options, "/a", &facts, &options.resume);
    REQUIRE(options.resume != nullptr);
    get_over_tls(second, options, "/a", &facts);
    CHECK(facts.resumed);
    get_over_tls(stranger, options, "/a", &facts);
    CHECK_FALSE(facts.resumed);
  }
}

TEST_CASE("instances change their keys together: a session goes on at another one after that") {
  Shop shop;
  shop.origin.on("GET", "/a").reply(200, kFresh, "x");
  const std::string lines = "ticket_secret_file = \"" + secret_file(shop, "same", "what-the-fleet-knows-and-nobody-else") + "\"\nticket_key_lifetime = \"3s\"";
  const Proxy first(instance_of(shop, lines)), second(instance_of(shop, lines));
  TlsOptions options = shop.trusting();
  TlsFacts facts;
  get_over_tls(first, options, "/a", &facts, &options.resume);
  const std::string first_key = key_of_ticket(options.resume);
  std::size_t turn = 0, changes = 0;
  await_condition("another key, twice at each", [&] {
    TlsResume next;
    get_over_tls(++turn % 2 == 0 ? first : second, options, "/a", &facts, &next);
    CHECK(facts.resumed);
    REQUIRE(next != nullptr);
    options.resume = next;                           // a client keeps the newest, and takes it to the other instance
    if (key_of_ticket(next) != first_key) ++changes;
    return changes == 4;
  });
}

TEST_CASE("with Redis and its HMAC key nothing else is needed; without that key tickets are an instance's own, and the log says so") {
  Shop shop;
  RedisServer redis;
  shop.origin.on("GET", "/a").reply(200, kFresh, "x");
  const std::string server = "server = \"" + redis.address() + "\"\n";
  const std::string key = server + "hmac_key_file = \"" + secret_file(shop, "hmac", "the-key-of-the-fleet's-records") + "\"";
  const auto resumes = [&](const Proxy& first, const Proxy& second) {
    TlsOptions options = shop.trusting();
    TlsFacts facts;
    get_over_tls(first, options, "/a", &facts, &options.resume);
    get_over_tls(second, options, "/a", &facts);
    return facts.resumed;
  };
  const Proxy first(instance_of(shop, "", key)), second(instance_of(shop, "", key)), neighbour(instance_of(shop, "", key + "\nprefix = \"else:\""));
  CHECK(resumes(first, second));
  CHECK_FALSE(resumes(first, neighbour));
  CHECK(redis.cli({"--raw", "keys", "*ticket*"}).empty());
  const Proxy alone(instance_of(shop, "", server)), too(instance_of(shop, "", server));
  CHECK_FALSE(resumes(alone, too));
  CHECK(alone.log().find("are not resumed here") != std::string::npos);
  CHECK(first.log().find("are not resumed here") == std::string::npos);
}

TEST_CASE("SIGHUP reads certificates again; open connections go on, and a bad file changes nothing") {
  Shop shop;
  Proxy proxy(shop.config);
  shop.origin.on("GET", "/a").reply(200, kFresh, "x");
  Client open(proxy.port(), shop.trusting());
  CHECK(open.tls().facts().certificate == "shop");
  const CertificateFiles renewed = shop.authority.issue("renewed", {"shop.test"});
  const auto replace = std::filesystem::copy_options::overwrite_existing;
  std::filesystem::copy_file(renewed.certificate, shop.files.certificate, replace);
  proxy.reload();                                    // the key is still the old one
  CHECK(proxy.log().find("is not that of") != std::string::npos);
  CHECK(Client(proxy.port(), shop.trusting()).tls().facts().certificate == "shop");
  std::filesystem::copy_file(renewed.key, shop.files.key, replace);
  proxy.reload();
  await_condition("the renewed certificate", [&] {
    return Client(proxy.port(), shop.trusting()).tls().facts().certificate == "renewed";
  });
  CHECK(open.get("/a").body == "x");
}

TEST_CASE("an OCSP answer is stapled for who asks (RFC 6066 §8)") {
  Shop shop;
  const std::string staple = shop.authority.staple(shop.files, "shop");
  const Proxy proxy(config_for(shop.origin).listen("tls.certificates = [{ certificate = \"" + shop.files.certificate + "\", key = \"" +
                                                   shop.files.key + "\", ocsp = \"" + staple + "\" }]"));
  for (const int version : {12, 13}) {
    TlsOptions options = shop.trusting();
    options.max_version = version;
    CHECK(Client(proxy.port(), options).tls().facts().staple.empty());
    options.ask_staple = true;
    CHECK(Client(proxy.port(), options).tls().facts().staple == read_file(staple));
  }
}

TEST_CASE("what is no handshake, or a slow one, is closed") {
  Shop shop;
  shop.config.add("tls", "handshake_timeout = \"200ms\"");
  const Proxy proxy(shop.config);
  {
    Client plain = proxy.client();
    plain.send(request_bytes("GET", "/a"));
    plain.await_close();
  }
  Client silent = proxy.client(), half = proxy.client();
  half.send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8));
  CHECK(silent.await_close().empty());
  CHECK(half.await_close().empty());
  proxy.await_metric("tls_failed", 3);
  CHECK(shop.origin.requests() == 0);
}

TEST_CASE("handshakes beyond their rate are closed at once, and the rate comes back") {
  Shop shop;
  shop.config.add("tls", "handshakes_per_second = 5");
  const Proxy proxy(shop.config);
  int refused = 0;
  for (int i = 0; i < 20; ++i) {
    try {
      Client client(proxy.port(), shop.trusting());
    } catch (const TlsRefused&) {
      ++refused;
    }
  }
  CHECK(refused >= 10);
  proxy.await_metric("tls_refused", refused);
  await_condition("a handshake to be let in again", [&] {
    try {
      Client client(proxy.port(), shop.trusting());
      return true;
    } catch (const TlsRefused&) {
      return false;
    }
  });
}

TEST_CASE("a PROXY header stands before the handshake") {
  Shop shop;
  shop.config.listen_proxy_protocol();
  const Proxy proxy(shop.config);
  shop.origin.on("GET", "/a").reply(200, kNoStore, "x");
  Socket socket = Socket::connect(proxy.port());
  socket.send_all("PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\r\n");
  start_tls_client(socket, shop.trusting());
  Client client(std::move(socket));
  CHECK(client.get("/a").body == "x");
  CHECK(shop.origin.last_request("/a").field("x-forwarded-for") == "192.0.2.7");
  CHECK(shop.origin.last_request("/a").field("x-forwarded-proto") == "https");
}

TEST_CASE("a listener may send everybody to https, but for the proof of an authority") {
  Origin origin;
  const Proxy proxy(config_for(origin).listen("redirect_to_https = true").listen("https_port = 8443"));
  origin.on("GET", "/.well-known/acme-challenge/x").reply(200, kNoStore, "proof");
  const RawResponse response = proxy.get("/a/b?c=d");
  CHECK(response.status == 308);
  CHECK(response.field("location") == "https://shop.test:8443/a/b?c=d");
  CHECK(proxy.get("/", {{"host", "shop.test:8080"}}).field("location") == "https://shop.test:8443/");
  CHECK(proxy.request("POST", "/form", {}, "x").status == 308);
  CHECK(proxy.request("OPTIONS", "*").status == 400);
  CHECK(proxy.get("/.well-known/acme-challenge/x").body == "proof");
  CHECK(origin.requests() == 1);
}

TEST_CASE("the admin interface over TLS takes whom its authority has signed, and nobody else") {
  Shop shop;
  Authority operators(shop.dir.path(), "operators");
  const CertificateFiles one = operators.issue("one", {}), stranger = shop.authority.issue("stranger", {});
  const std::uint16_t port = free_port();
  shop.config.add("admin", "address = \"127.0.0.1:" + std::to_string(port) + "\"")
      .add("admin.tls", "certificates = [{ certificate = \"" + shop.files.certificate + "\", key = \"" + shop.files.key + "\" }]")
      .add("admin.tls", "client_ca = \"" + operators.file() + "\"");
  TlsOptions options = shop.trusting();
  options.certificate = one;
  const Proxy proxy(shop.config, [&](std::uint16_t admin) { return Client(admin, options); });
  CHECK(Client(port, options).get("/metrics", {{"host", "admin.shop.test"}}).status == 200);
  CHECK(Client(port, options).get("/metrics", {{"host", "admin.shop.test"}, {"origin", "https://evil.test"}}).status == 403);
  options.certificate = stranger;
  options.max_version = 12;                          // 1.3 tells the client at its first read
  CHECK_THROWS_AS(Client(port, options), TlsRefused);
  options.certificate = {};
  CHECK_THROWS_AS(Client(port, options), TlsRefused);
}

TEST_CASE("`check` names a certificate that cannot be used") {
  Shop shop;
  write_file(shop.files.key, "nothing");
  const std::string file = shop.dir.file("davenport.toml");
  write_file(file, shop.config.text());
  Process check({Proxy::binary(), "check", file}, shop.dir.file("out"), shop.dir.file("err"));
  CHECK(check.await_exit() == 1);
  CHECK(read_file(shop.dir.file("err")).find(shop.files.key) != std::string::npos);
}

TEST_CASE("curl agrees") {
  Shop shop;
  const Proxy proxy(shop.config);
  shop.origin.on("GET", "/a").reply(200, kFresh, "from the shop");
  for (const char* version : {"--tlsv1.3", "--tls-max"}) {
    std::vector<std::string> command{"/usr/bin/env", "curl", "-sS", "--max-time", "10", "--cacert", shop.authority.file(), "--resolve",
                                     "shop.test:" + std::to_string(proxy.port()) + ":127.0.0.1", version};
    if (std::string(version) == "--tls-max") command.push_back("1.2");
    command.push_back("https://shop.test:" + std::to_string(proxy.port()) + "/a");
    Process curl(command, shop.dir.file(std::string("out") + version), shop.dir.file("err"));
    CHECK_MESSAGE(curl.await_exit() == 0, read_file(shop.dir.file("err")));
    CHECK(read_file(shop.dir.file(std::string("out") + version)) == "from the shop");
  }
}

TEST_CASE("records that carry nothing may come, but not without end") {
  Shop shop;
  shop.origin.on("GET", "/a").reply(200, kFresh, "a");
  const Proxy proxy(shop.config);
  Client honest(proxy.port(), shop.trusting()), hostile(proxy.port(), shop.trusting());
  for (int i = 0; i < 3; ++i) {
    for (int key = 0; key < 20; ++key) CHECK(honest.tls().new_key());
    CHECK(honest.get("/a").body == "a");
  }
  bool taken = true;
  for (int key = 0; key < 20'000 && taken; ++key) taken = hostile.tls().new_key();
  hostile.send_request("GET", "/a");
  CHECK(hostile.read().status == 0);
  CHECK(honest.get("/a").body == "a");
}

TEST_SUITE_END();
