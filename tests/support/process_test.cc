#include "support/process.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>

#include "support/proxy.h"

using namespace davenport::testing;

TEST_CASE("a process keeps its output in files and tells its exit status") {
  const TempDir dir;
  Process process({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, dir.file("out"), dir.file("err"));
  CHECK(process.await_exit() == 3);
  CHECK(read_file(dir.file("out")) == "out\n");
  CHECK(read_file(dir.file("err")) == "err\n");
  CHECK_FALSE(process.running());
}

TEST_CASE("a process that ends by a signal says which") {
  const TempDir dir;
  Process process({"/bin/sleep", "60"}, dir.file("out"), dir.file("err"));
  CHECK(process.running());
  process.signal(SIGTERM);
  CHECK(process.await_exit() == 128 + SIGTERM);
}

TEST_CASE("a temporary directory goes with its object unless it is kept") {
  std::string path;
  {
    const TempDir dir;
    path = dir.path();
    write_file(dir.file("a"), "1");
    write_file(dir.file("a"), "2");
    CHECK(read_file(dir.file("a")) == "2");
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a program that does not come up is reported with its configuration and its log") {
  ::setenv("DAVENPORT_BIN", "/bin/false", 1);
  try {
    const Proxy proxy("listen = []\n");
    FAIL("it came up");
  } catch (const std::runtime_error& error) {
    CHECK(std::string(error.what()).find("listen = []") != std::string::npos);
  }
  ::unsetenv("DAVENPORT_BIN");
}

TEST_CASE("sanitizer reports are found in a log") {
  CHECK(sanitizer_report("all is well\n").empty());
  CHECK(sanitizer_report("x\n==1==ERROR: AddressSanitizer: heap-use-after-free").starts_with("ERROR: Addr"));
  CHECK(sanitizer_report("a.cc:1:2: runtime error: overflow").starts_with("runtime error"));
}

TEST_CASE("a configuration is written with its tables and routes in order") {
  ProxyConfig config = config_for_server("127.0.0.1:1");
  config.add("cache", "strict_rfc = true").add("route.cache", "heuristic = false").add("", "workers = 1");
  config.add("origin.app", "retries = 0").route("hosts = [\"a\"]");
  CHECK(config.text() ==
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\n\n[origin.app]\nservers = [\"127.0.0.1:1\"]\nretries = 0\n\n"
        "[cache]\nstrict_rfc = true\n\n[admin]\naddress = \"127.0.0.1:0\"\n\n[shutdown]\ntimeout = \"1s\"\n\n"
        "[[route]]\npath = \"/\"\norigin = \"app\"\n\n[route.cache]\nheuristic = false\n\n[[route]]\nhosts = [\"a\"]\n");
}
