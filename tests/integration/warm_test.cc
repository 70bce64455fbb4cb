// Warming: `davenport warm` before a running proxy.
#include <doctest/doctest.h>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/process.h"
#include "support/proxy.h"

using namespace davenport::testing;

TEST_SUITE_BEGIN("warm");

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}, {"content-type", "text/html"}};

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

std::string url_of(const Proxy& proxy) { return "http://127.0.0.1:" + std::to_string(proxy.port()); }
bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("warm asks for a sitemap's pages through the proxy, and says which were warm already") {
  Origin origin;
  origin.on("GET", "/sitemap.xml").reply(200, {{"content-type", "text/xml"}},
      "<urlset><url><loc>http://shop.test/a</loc></url><url><loc>http://shop.test/b?x=1&amp;y=2</loc></url>"
      "<url><loc>http://shop.test/private</loc></url></urlset>");
  for (const char* page : {"/a", "/b?x=1&y=2"}) origin.on("GET", page).reply(200, kFresh, std::string(2'000, 'a'));
  origin.on("GET", "/private").reply(200, {{"cache-control", "no-store"}}, "yours");
  const Proxy proxy(config_for(origin));
  const std::vector<std::string> command{"warm", "--from", "http://shop.test/sitemap.xml", "--proxy", url_of(proxy)};
  const Ended first = run_cli(command);
  CHECK(first.status == 0);
  CHECK_MESSAGE(says(first.out, "3 of 3"), first.out);
  CHECK_MESSAGE(says(first.out, "2 fetched, 0 already warm, 1 not stored"), first.out);
  CHECK(is_hit(proxy.get("/a")));
  CHECK(is_hit(proxy.get("/b?x=1&y=2")));
  const Ended second = run_cli(command);
  CHECK_MESSAGE(says(second.out, "0 fetched, 2 already warm, 1 not stored"), second.out);
  CHECK(origin.requests("/a") == 1);
  CHECK(origin.last_request("/a").field("host") == "shop.test");
}

TEST_CASE("warm asks for each variant, and its form is there afterwards") {
  Origin origin;
  origin.on("GET", "/a").reply(200, kFresh, std::string(20'000, 'a'));
  const Proxy proxy(config_for(origin));
  const TempDir dir;
  write_file(dir.file("urls"), "http://shop.test/a\n");
  const Ended ended = run_cli({"warm", "--from", dir.file("urls"), "--variants", "gzip,br", "--proxy", url_of(proxy)});
  CHECK(ended.status == 0);
  CHECK(origin.requests("/a") == 1);
  CHECK(proxy.metric("davenport_coded_forms", {{"coding", "gzip"}, {"effort", "fast"}}) == 1);
  CHECK(proxy.metric("davenport_coded_forms", {{"coding", "br"}, {"effort", "fast"}}) == 1);
}

TEST_CASE("warm exits with 1 where something failed, and names it") {
  Origin origin;
  origin.on("GET", "/p/1").reply(200, kFresh, "1");
  origin.on("GET", "/p/2").reply(404, {}, "gone");
  const Proxy proxy(config_for(origin));
  const TempDir dir;
  write_file(dir.file("feed.json"), R"({"products": [{"id": 1}, {"id": 2}]})");
  const Ended ended = run_cli({"warm", "--feed", dir.file("feed.json"), "--template", "/p/{id}", "--base", "http://shop.test", "--proxy", url_of(proxy)});
  CHECK(ended.status == 1);
  CHECK_MESSAGE(says(ended.out, "1 fetched, 0 already warm, 1 failed"), ended.out);
  CHECK_MESSAGE(says(ended.err, "http://shop.test/p/2: status 404"), ended.err);
  CHECK(run_cli({"warm", "--from", dir.file("none")}).status == 1);
  CHECK(run_cli({"warm"}).status == 2);
}

TEST_SUITE_END();
