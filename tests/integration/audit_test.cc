// `davenport audit` on a page and what it loads, plain and over https; `--admin https://…` of the other commands.
#include <doctest/doctest.h>

#include "support/origin.h"
#include "support/process.h"
#include "support/proxy.h"
#include "support/unpack.h"

using namespace davenport::testing;

TEST_SUITE_BEGIN("audit");

namespace {

struct Ended {
  int status;
  std::string out, err;
};

Ended run_cli(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), Proxy::binary());
  const TempDir dir;
  Process process(arguments, dir.file("out"), dir.file("err"));
  const int status = process.await_exit();
  return {status, read_file(dir.file("out")), read_file(dir.file("err"))};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a page, its style sheet and what that loads are looked at once each, over http and https") {
  Origin origin;
  const TempDir dir;
  Authority authority(dir.path());
  bool tls = false;
  SUBCASE("http") {}
  SUBCASE("https") { tls = true; }
  if (tls) origin.speak_tls(authority.issue("shop", {"127.0.0.1", "localhost"}));
  const std::string css = css_text(8'000) + "a{background:url(bg.png)}";
  origin.on("GET", "/").reply(302, {{"location", "/home"}});
  origin.on("GET", "/home").reply(200, {{"content-type", "text/html"}, {"cache-control", "no-store"}, {"content-encoding", "gzip"}},
                                  gzipped("<link rel=stylesheet href=/static/a.3f2a9c1b.css><img src=/static/p.png><img src=/static/p.png>" + std::string(900, ' ')));
  origin.on("GET", "/static/a.3f2a9c1b.css").reply(200, {{"content-type", "text/css"}, {"cache-control", "max-age=60"}}, css);
  origin.on("GET", "/static/p.png").reply(404, {{"content-type", "text/plain"}}, "no");
  origin.on("GET", "/static/bg.png").reply(200, {{"content-type", "image/png"}, {"cache-control", "max-age=600"}, {"etag", "\"1\""}}, "png");
  std::vector<std::string> arguments{"audit", (tls ? "https://localhost:" : "http://localhost:") + std::to_string(origin.port()) + "/"};
  if (tls) arguments.insert(arguments.end(), {"--ca", authority.file()});
  const Ended ended = run_cli(arguments);
  CAPTURE(ended.out);
  CAPTURE(ended.err);
  CHECK(ended.status == 0);
  CHECK(has(ended.out, "status 302"));
  CHECK(has(ended.out, "it says no-store"));
  CHECK(has(ended.out, "not compressed: "));
  CHECK(has(ended.out, "its name carries a hash, and browsers ask for it again"));
  CHECK(has(ended.out, "status 404"));
  CHECK(has(ended.out, "5 answers, "));
  for (const char* path : {"/home", "/static/a.3f2a9c1b.css", "/static/p.png", "/static/bg.png"}) CHECK(origin.requests(path) == 1);
  if (!tls) return;
  const Ended refused = run_cli({"audit", "https://localhost:" + std::to_string(origin.port()) + "/"});
  CHECK(refused.status == 1);
  CHECK(has(refused.err, "certificate"));
  CHECK(run_cli({"audit", "--insecure", "https://localhost:" + std::to_string(origin.port()) + "/home"}).status == 0);
  origin.forgive();
}

TEST_CASE("bounds hold, and what does not answer is said") {
  Origin origin;
  origin.on("GET", "/").reply(200, {{"content-type", "text/html"}}, "<img src=/1.png><img src=/2.png><img src=/3.png>");
  origin.on("GET", "/1.png").close();
  origin.on("GET", "/2.png").reply(200, {{"content-type", "image/png"}}, "2");
  const Ended ended = run_cli({"audit", "--assets", "2", origin.address()});
  CHECK(ended.status == 0);
  CHECK(has(ended.out, "not looked at: "));
  CHECK(has(ended.out, "1 more were left out"));
  CHECK(origin.requests("/3.png") == 0);
  CHECK(run_cli({"audit", "http://127.0.0.1:1/"}).status == 1);
  CHECK(run_cli({"audit", "ftp://x/"}).status == 1);
}

TEST_CASE("explain and purge speak https with the admin interface, with a certificate where it wants one") {
  Origin origin;
  const TempDir dir;
  Authority authority(dir.path()), operators(dir.path(), "operators");
  const CertificateFiles server = authority.issue("admin", {"localhost", "127.0.0.1"}), mine = operators.issue("me", {"me"});
  ProxyConfig config = config_for(origin);
  config.add("admin.tls", "certificates = [{ certificate = \"" + server.certificate + "\", key = \"" + server.key + "\" }]")
      .add("admin.tls", "client_ca = \"" + operators.file() + "\"");
  TlsOptions trusting;
  trusting.server_name = "localhost";
  trusting.ca = authority.file();
  trusting.certificate = mine;
  const Proxy proxy(config, [&](std::uint16_t port) { return Client(port, trusting); });
  const std::string admin = "https://localhost:" + std::to_string(proxy.admin_port());
  const std::vector<std::string> known{"--admin", admin, "--ca", authority.file(), "--cert", mine.certificate, "--key", mine.key};
  std::vector<std::string> purge{"purge", "--tag", "a"};
  purge.insert(purge.end(), known.begin(), known.end());
  const Ended purged = run_cli(purge);
  CAPTURE(purged.err);
  CHECK(purged.status == 0);
  CHECK(has(purged.out, "purged: position 1"));
  std::vector<std::string> explain{"explain", "http://shop.test/"};
  explain.insert(explain.end(), known.begin(), known.end());
  CHECK(run_cli(explain).status == 0);
  CHECK(run_cli({"purge", "--tag", "a", "--admin", admin, "--ca", authority.file()}).status == 1);   // no certificate of ours
  CHECK(run_cli({"purge", "--tag", "a", "--admin", admin}).status == 1);                            // whom we do not trust
}
