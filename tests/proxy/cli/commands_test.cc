#include "proxy/cli.h"

#include <fcntl.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "proxy/admin/admin.h"
#include "proxy/admin/admin_support.h"

using namespace davenport;
using namespace davenport::cli;
using admin_test::FakeServer;
using admin_test::LoopThread;

namespace {

class File {
 public:
  explicit File(const std::string& text = "") {
    const int fd = ::mkstemp(path_);
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(path_) << text;
  }
  ~File() { ::unlink(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::string path() const { return path_; }
  std::string text() const {
    std::ostringstream out;
    out << std::ifstream(path_).rdbuf();
    return out.str();
  }

 private:
  char path_[32] = "/tmp/davenport-cli-XXXXXX";
};

struct Said {
  int status;
  std::string out, err;
};

// What a command prints while it runs.
template <class Command>
Said said_by(Command command) {
  const File out, err;
  const auto redirect = [](int fd, const std::string& path) {
    const int saved = ::dup(fd), file = ::open(path.c_str(), O_WRONLY | O_APPEND);
    ::dup2(file, fd);
    ::close(file);
    return saved;
  };
  std::fflush(stdout);
  const int saved_out = redirect(STDOUT_FILENO, out.path()), saved_err = redirect(STDERR_FILENO, err.path());
  const int status = command();
  std::fflush(stdout);
  ::dup2(saved_out, STDOUT_FILENO);
  ::dup2(saved_err, STDERR_FILENO);
  ::close(saved_out);
  ::close(saved_err);
  return {status, out.text(), err.text()};
}

class RunningAdmin {
 public:
  explicit RunningAdmin(config::Config config = admin_test::shop_config()) : server(std::move(config)) {
    thread_.run([&] {
      Result<std::unique_ptr<admin::Admin>> started = admin::Admin::start(thread_.loop(), server, "1");
      REQUIRE(started);
      admin_ = std::move(*started);
      access.url = "http://" + admin_->address();
    });
  }
  ~RunningAdmin() {
    thread_.run([&] { admin_.reset(); });
  }
  FakeServer server;
  AdminAccess access;

 private:
  LoopThread thread_;
  std::unique_ptr<admin::Admin> admin_;
};

const std::string kGood = "listen = [\"127.0.0.1:0\"]\n[origin.app]\nservers = [\"127.0.0.1:1\"]\n[[route]]\norigin = \"app\"\n";

}  // namespace

TEST_CASE("check finds nothing to say against a right file, and prints all of it") {
  const File file(kGood);
  const Said said = said_by([&] { return cli::check(file.path(), false); });
  CHECK(said.status == 0);
  CHECK(said.out.find("good (1 listener, 1 origin, 1 route") != std::string::npos);
  const Said printed = said_by([&] { return cli::check(file.path(), true); });
  CHECK(printed.status == 0);
  CHECK(printed.out.find("[origin.app]") != std::string::npos);
  const File again(printed.out);
  CHECK(said_by([&] { return cli::check(again.path(), false); }).status == 0);
}

TEST_CASE("check names every mistake with its line, and its status is 1") {
  const File file("listen = [\"127.0.0.1:0\"]\nlisten_two = 1\n[origin.app]\nserver = [\"127.0.0.1:1\"]\n");
  const Said said = said_by([&] { return cli::check(file.path(), false); });
  CHECK(said.status == 1);
  CHECK(said.out.empty());
  CHECK(said.err.find(file.path() + ":2:1: listen_two") != std::string::npos);
  CHECK(said.err.find(file.path() + ":4:1: ") != std::string::npos);
  CHECK(said_by([] { return cli::check("/nonexistent/davenport.toml", false); }).status == 1);
}

TEST_CASE("run refuses a wrong file as check does, and does not start") {
  const File file("listen = 7\n");
  const Said said = said_by([&] { return cli::run(file.path()); });
  CHECK(said.status == 1);
  CHECK(said.err.find(file.path() + ":1:") != std::string::npos);
}

TEST_CASE("purge says what it hit") {
  RunningAdmin admin;
  admin_test::put(admin.server, "/milk", "Cache-Control: max-age=60\r\nSurrogate-Key: dairy\r\n");
  admin_test::put(admin.server, "/butter", "Cache-Control: max-age=60\r\nSurrogate-Key: dairy\r\n");
  PurgeOptions by_url;
  by_url.urls = {"http://shop.test/milk", "http://shop.test/none"};
  const Said one = said_by([&] { return cli::purge(admin.access, by_url); });
  CHECK(one.status == 0);
  CHECK(one.out == "purged: position 1, 1 stored response hit\n");
  PurgeOptions by_tag;
  by_tag.tags = {"dairy"};
  by_tag.soft = by_tag.json = true;
  by_tag.id = "x";
  const Said soft = said_by([&] { return cli::purge(admin.access, by_tag); });
  CHECK(soft.out == "{\"position\":2,\"matched_here\":1,\"soft\":true,\"names\":1,\"id\":\"x\"}\n");
  PurgeOptions all;
  all.all = all.no_count = true;
  CHECK(said_by([&] { return cli::purge(admin.access, all); }).out == "purged: position 3\n");
  PurgeOptions by_prefix;
  by_prefix.prefix = "http://shop.test/";
  CHECK(said_by([&] { return cli::purge(admin.access, by_prefix); }).status == 0);
}

TEST_CASE("a purge that is refused says why, and its status is 1") {
  RunningAdmin admin;
  PurgeOptions wrong;
  wrong.urls = {"milk and honey"};
  const Said refused = said_by([&] { return cli::purge(admin.access, wrong); });
  CHECK(refused.status == 1);
  CHECK(refused.out.empty());
  CHECK(refused.err.find("\"urls[0]\": \"milk and honey\" is no URL") != std::string::npos);
  CHECK(said_by([&] { return cli::purge(admin.access, {}); }).status == 1);
  wrong.all = true;
  CHECK(said_by([&] { return cli::purge(admin.access, wrong); }).err.find("one of --url") != std::string::npos);
  CHECK(admin.server.purge_log().position() == 0);
}

TEST_CASE("the token comes from a file or the environment, and a missing one is asked for") {
  config::Config config = admin_test::shop_config();
  config.admin.token = "s3cret";
  RunningAdmin admin(std::move(config));
  PurgeOptions all;
  all.all = true;
  const Said none = said_by([&] { return cli::purge(admin.access, all); });
  CHECK(none.status == 1);
  CHECK(none.err.find("--token-file") != std::string::npos);
  REQUIRE(::setenv("DAVENPORT_ADMIN_TOKEN", "s3cret", 1) == 0);
  CHECK(said_by([&] { return cli::purge(admin.access, all); }).status == 0);
  ::unsetenv("DAVENPORT_ADMIN_TOKEN");
  const File token("s3cret\n"), wrong("a b\n"), empty;
  admin.access.token_file = token.path();
  CHECK(said_by([&] { return cli::purge(admin.access, all); }).status == 0);
  for (const std::string& path : {wrong.path(), empty.path(), std::string("/nonexistent/token")}) {
    admin.access.token_file = path;
    const Said refused = said_by([&] { return cli::purge(admin.access, all); });
    CHECK(refused.status == 1);
    CHECK(refused.err.find(path) != std::string::npos);
  }
}

TEST_CASE("explain prints text, or JSON, about the request that is asked for") {
  RunningAdmin admin;
  admin_test::put(admin.server, "/milk", "Cache-Control: max-age=60\r\nVary: X-Tier\r\n", "milk", "X-Tier: gold\r\n");
  ExplainOptions options;
  options.url = "http://shop.test/milk";
  CHECK(said_by([&] { return cli::explain(admin.access, options); }).out.find("(vary_miss)") != std::string::npos);
  options.fields = {"X-Tier: gold"};
  const Said text = said_by([&] { return cli::explain(admin.access, options); });
  CHECK(text.status == 0);
  CHECK(text.out.starts_with("GET http://shop.test/milk\n"));
  CHECK(text.out.find("serve (fresh_hit)") != std::string::npos);
  options.json = true;
  options.method = "HEAD";
  CHECK(said_by([&] { return cli::explain(admin.access, options); }).out.starts_with("{\"url\":\"http://shop.test/milk\",\"method\":\"HEAD\""));
  options.url = "milk";
  CHECK(said_by([&] { return cli::explain(admin.access, options); }).status == 1);
}
