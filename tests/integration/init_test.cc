// `davenport init`: what it asks a running application, and that what it prints is a configuration.
#include <doctest/doctest.h>

#include "support/origin.h"
#include "support/process.h"
#include "support/proxy.h"

using namespace davenport::testing;

TEST_SUITE_BEGIN("init");

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

}  // namespace

TEST_CASE("init asks pages and files as a new visitor and as one who comes back, and prints a file that check takes") {
  Origin origin;
  const std::string page = R"(<a href="/about">about</a><a href="/logout">out</a><img src="/static/a.png"><a href="http://elsewhere.test/x">x</a>)";
  origin.on("GET", "/").reply([&](const SeenRequest& request) {
    const bool known = request.field("cookie").find("sessionid=") != std::string::npos;
    return Reply{200, {{"content-type", "text/html"}, {"vary", "cookie"}, {"set-cookie", "sessionid=1; HttpOnly"}}, known ? "Welcome back" : page};
  });
  origin.on("GET", "/about").head(200, {{"content-type", "text/html"}, {"transfer-encoding", "chunked"}}).chunk("about").chunk(" us").last_chunk();
  origin.on("GET", "/static/a.png").reply(200, {{"content-type", "image/png"}}, "png");
  const Ended ended = run_cli({"init", "http://" + origin.address() + "/"});
  CHECK(ended.status == 0);
  CHECK(ended.out.find("servers = [\"" + origin.address() + "\"]") != std::string::npos);
  CHECK(ended.out.find("pass_cookies = [\"sessionid\"]") != std::string::npos);
  CHECK(ended.out.find("ignore_other_cookies = true") != std::string::npos);
  CHECK(ended.out.find("path = \"/static\"") != std::string::npos);
  for (const char* path : {"/", "/about", "/static/a.png"}) {
    CAPTURE(path);
    CHECK(origin.requests(path) == 3);
    CHECK(origin.last_request(path).field("cookie") == "sessionid=1");
  }
  CHECK(origin.requests("/logout") == 0);
  const TempDir dir;
  write_file(dir.file("davenport.toml"), ended.out);
  CHECK(run_cli({"check", dir.file("davenport.toml")}).status == 0);
}

TEST_CASE("init says so where nothing answers, and what it can't ask") {
  std::uint16_t port = 0;
  {
    const Origin gone;
    port = gone.port();
  }
  const Ended refused = run_cli({"init", "http://127.0.0.1:" + std::to_string(port) + "/"});
  CHECK(refused.status == 1);
  CHECK(refused.err.find("cannot reach") != std::string::npos);
  CHECK(refused.out.empty());
  const Ended https = run_cli({"init", "https://127.0.0.1/"});
  CHECK(https.status == 1);
  CHECK(https.err.find("http://127.0.0.1:3000/") != std::string::npos);
}

TEST_SUITE_END();
