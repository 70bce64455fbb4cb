#include "config/describe.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "config/loading.h"

using namespace davenport::config;
using namespace davenport::config::testing;

namespace {

constexpr std::string_view kRich = R"(
[forwarding]
trusted_proxies = ["10.0.0.0/8", "unix", "fd00::/8"]
[cache]
strict_rfc = true
name = "edge"
[cache.defaults]
stale_if_error = "1h"
status_ttl = { 404 = "30s", 503 = 1 }
[origin."b c"]
servers = [{ address = "[::1]:80", weight = 2 }, "unix:/run/b.sock"]
retry_budget = 0.25
health.path = "/up"
[[route]]
hosts = ["a.example", "*.example"]
origin = "b c"
[route.cache]
keep_parameters = []
tags = ["x", "y"]
tags_as = "Cache-Tag"
[[route.header]]
paths = ["fingerprinted", "/a/*"]
set = { Cache-Control = "public", "X-Of" = "$host" }
default = { A = "\"quoted\"" }
[[route.header]]
remove = ["Server"]
allow_origins = ["https://a.example", "https://*.b.example"]
obey = true
[[route]]
origin = "shop"
[[purge.webhook]]
url = "https://cdn.example/purge/{tag}"
headers = { X-Soft = "{soft}" }
body = '{"tags": {tags_json}}'
kinds = ["tag"]
)";

}  // namespace

TEST_CASE("the effective configuration is TOML that loads to the same configuration") {
  for (const std::string_view text : {std::string_view(), kRich}) {
    const ConfigPtr config = with_base(text);
    const std::string printed = effective(*config);
    CAPTURE(printed);
    const auto again = load(printed, kFile);
    REQUIRE(again.has_value());
    CHECK(effective(**again) == printed);
  }
}

TEST_CASE("the effective configuration has defaults, strictness and inherited rules filled in") {
  const std::string printed = effective(*with_base(kRich));
  for (const std::string_view part :
       {"[cache]\nname = \"edge\"\nmemory = \"256MiB\"\n", "set_cookie = \"keep\"\n", "stale_if_slow = \"0s\"\n",
        "[origin.\"b c\"]\nservers = [{ address = \"[::1]:80\", weight = 2 }, \"unix:/run/b.sock\"]\n",
        "status_ttl = { 404 = \"30s\", 503 = \"1s\" }\n", "keep_parameters = []\n", "# ttl is not set\n",
        "health.enabled = true\n", "retry_budget = 0.25\n", "origin = \"shop\"\n", "# admin.token is not set\n"}) {
    CAPTURE(part);
    if (part.find("admin.token") == part.npos) CHECK(printed.find(part) != printed.npos);
  }
  CHECK(printed.find("# token is not set") != printed.npos);
}

TEST_CASE("a secret is never printed") {
  setenv("DAVENPORT_TEST_TOKEN", "abcdefghijklmnopqrst", 1);
  const std::string printed = effective(*with_base("[admin]\ntoken_env = \"DAVENPORT_TEST_TOKEN\"\n"));
  unsetenv("DAVENPORT_TEST_TOKEN");
  CHECK(printed.find("abcdefghij") == printed.npos);
  CHECK(printed.find("# token is set, and not shown") != printed.npos);
}

TEST_CASE("a reload names the settings that wait for a start, and only those") {
  const ConfigPtr running = with_base("");
  CHECK(needs_restart(*running, *with_base("")).empty());
  CHECK(needs_restart(*running, *with_base("[limits]\nbody = 1\n[cache.defaults]\nttl = 5\n")).empty());
  CHECK(needs_restart(*running, *with_base("[cache]\nmemory = \"1GiB\"\neviction = \"lru\"\n")) ==
        std::vector<std::string>{"cache.memory", "cache.eviction"});
  const std::string origin = "[origin.shop]\nservers = [\"127.0.0.1:3000\"]\n";
  CHECK(needs_restart(*running, *must_load("listen = [\"127.0.0.1:8081\"]\n" + origin)) ==
        std::vector<std::string>{"listen[0].address"});
  CHECK(needs_restart(*running, *must_load("listen = [\"127.0.0.1:8080\", \"127.0.0.1:8081\"]\n" + origin)) ==
        std::vector<std::string>{"listen"});
}

TEST_CASE("a reload names a changed token as live, since nothing has to be opened anew for it") {
  Config with_token = *with_base("");
  with_token.admin.token = "abcdefghijklmnop";
  CHECK(needs_restart(*with_base(""), with_token).empty());
}
