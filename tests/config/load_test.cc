#include "config/load.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <thread>

#include "config/loading.h"

using namespace davenport;
using namespace davenport::config;
using namespace davenport::config::testing;
using namespace std::chrono_literals;

TEST_CASE("a file of ten lines is enough") {
  const ConfigPtr config = must_load(R"([[listen]]
address = "0.0.0.0:8080"

[origin.shop]
servers = ["127.0.0.1:3000"]

[[route]]
hosts = ["Shop.example"]
path = "/"
origin = "shop"
)");
  CHECK(config->listeners.at(0).address.text() == "0.0.0.0:8080");
  CHECK(config->origins.at(0).name == "shop");
  CHECK(config->origins[0].servers.at(0).address.text() == "127.0.0.1:3000");
  CHECK(config->routes.at(0).hosts.at(0) == "shop.example");
  CHECK(config->routes[0].origin == 0);
  CHECK(config->source == "davenport.toml");
  CHECK(config->warnings.empty());
}

TEST_CASE("with one origin and no route, everything goes there") {
  const ConfigPtr config = with_base("");
  REQUIRE(config->routes.size() == 1);
  CHECK(find_route(*config, "any.example", "/x") == &config->routes[0]);
}

TEST_CASE("no workers means one for each core") {
  CHECK(with_base("")->workers == std::max(1u, std::thread::hardware_concurrency()));
  CHECK(must_load("workers = 3\n" + std::string(kBase))->workers == 3);
}

TEST_CASE("every table is read into its place") {
  const ConfigPtr config = must_load(R"(
listen = [{ address = "[::1]:8080", proxy_protocol = true }, "unix:/run/davenport.sock"]
[limits]
head = "16KiB"
fields = 50
body = 0
head_timeout = "1500ms"
idle_timeout = 5
[forwarding]
trusted_proxies = ["10.0.0.0/8", "unix"]
early_hints_http1 = true
[cache]
name = "edge-1"
memory = "64MiB"
max_object = "1MB"
eviction = "lru"
[purge]
from = ["192.0.2.1"]
[admin]
address = "unix:/run/admin.sock"
[log.access]
format = "json"
path = "/var/log/davenport.log"
[shutdown]
pause = "3s"
timeout = "1m"
[origin.shop]
servers = ["shop.internal:80", { address = "[::1]:3000", weight = 3 }, "unix:/run/shop.sock"]
balance = "consistent_hash"
host = "shop.example:8443"
retry_budget = 0.5
[origin."old shop"]
servers = ["127.0.0.1:4000"]
health.path = "/up"
[[route]]
hosts = ["shop.example", "*.shop.example"]
origin = "old shop"
[route.cache]
ttl = "5m"
key_fields = ["X-Country"]
status_ttl = { 404 = "30s", 503 = 1 }
keep_parameters = []
)");
  CHECK(config->listeners.at(0).proxy_protocol);
  CHECK(config->listeners.at(1).address.kind == Address::Kind::unix_path);
  CHECK(config->limits.head.head_bytes == 16384);
  CHECK(config->limits.head.field_count == 50);
  CHECK(config->limits.body_bytes == 0);
  CHECK(config->limits.head_timeout == 1500ms);
  CHECK(config->limits.idle_timeout == 5s);
  CHECK(config->forwarding.trusted_proxies.at(0).contains("10.9.9.9"));
  CHECK(config->forwarding.trusted_proxies.at(1).contains("unix"));
  CHECK(config->forwarding.pass_early_hints_http1);
  CHECK(config->cache.name == "edge-1");
  CHECK(config->cache.memory_bytes == 64u << 20);
  CHECK(config->cache.max_object_bytes == 1'000'000);
  CHECK(config->cache.eviction == Eviction::lru);
  CHECK(config->purge.purge_from.at(0).text() == "192.0.2.1");
  CHECK(config->admin.address.host == "/run/admin.sock");
  CHECK(config->access_log.format == LogFormat::json);
  CHECK(config->access_log.path == "/var/log/davenport.log");
  CHECK(config->shutdown_pause == 3s);
  CHECK(config->shutdown_timeout == 1min);
  const Origin& shop = config->origins.at(0);
  CHECK(shop.servers.at(0).address.kind == Address::Kind::name);
  CHECK(shop.servers.at(1).weight == 3);
  CHECK(shop.servers.at(2).address.text() == "unix:/run/shop.sock");
  CHECK(shop.balance == Balance::consistent_hash);
  CHECK(shop.host == "shop.example:8443");
  CHECK(shop.retry_budget == 0.5);
  CHECK_FALSE(shop.health.enabled);
  CHECK(config->origins.at(1).name == "old shop");
  CHECK(config->origins[1].health.enabled);
  CHECK(config->routes.at(0).origin == 1);
  const CacheRules& rules = config->routes[0].cache;
  CHECK(rules.ttl == 300s);
  CHECK(rules.key_fields.at(0) == "x-country");
  CHECK(rules.status_ttl == std::map<int, Seconds>{{404, 30s}, {503, 1s}});
  REQUIRE(rules.keep_parameters.has_value());
  CHECK(rules.keep_parameters->empty());
}

TEST_CASE("a health check is on as soon as one of its settings is written, unless that says no") {
  const auto enabled = [](std::string_view text) { return with_base(text)->origins.at(0).health.enabled; };
  CHECK_FALSE(enabled(""));
  CHECK_FALSE(enabled("[origin.shop.health]\n"));
  CHECK(enabled("[origin.shop.health]\ninterval = \"1s\"\n"));
  CHECK(enabled("[origin.shop.health]\nenabled = true\n"));
  CHECK_FALSE(enabled("[origin.shop.health]\nenabled = false\ninterval = \"1s\"\n"));
}

TEST_CASE("a route's rules go before the defaults', setting by setting") {
  const ConfigPtr config = with_base(R"([cache.defaults]
ttl = "60s"
tags = ["all"]
status_ttl = { 404 = "10s", 410 = "1h" }
[[route]]
path = "/a"
[route.cache]
tags = ["a"]
status_ttl = { 404 = "1s" }
[[route]]
path = "/b"
cache.ttl = "unset"
)");
  CHECK(config->routes.at(0).cache.ttl == 60s);
  CHECK(config->routes[0].cache.tags == std::vector<std::string>{"a"});
  CHECK(config->routes[0].cache.status_ttl == std::map<int, Seconds>{{404, 1s}});
  CHECK_FALSE(config->routes.at(1).cache.ttl.has_value());
  CHECK(config->routes[1].cache.tags == std::vector<std::string>{"all"});
}

TEST_CASE("of keep_parameters and drop_parameters the later layer's is meant, and both in one layer is a mistake") {
  const ConfigPtr config = with_base(R"([cache.defaults]
drop_parameters = ["utm_*"]
[[route]]
path = "/keep"
cache.keep_parameters = ["q"]
[[route]]
path = "/same"
)");
  CHECK(config->routes.at(0).cache.drop_parameters.empty());
  CHECK(config->routes[0].cache.keep_parameters->at(0) == "q");
  CHECK(config->routes.at(1).cache.drop_parameters.at(0) == "utm_*");
  const ConfigPtr reverse = with_base("[cache.defaults]\nkeep_parameters = [\"q\"]\n[[route]]\n"
                                      "cache.drop_parameters = [\"x\"]\n");
  CHECK_FALSE(reverse->routes.at(0).cache.keep_parameters.has_value());
  CHECK(mentions(problems_of(std::string(kBase) + "[cache.defaults]\nkeep_parameters = [\"q\"]\n"
                                                  "drop_parameters = [\"x\"]\n"),
                 "davenport.toml:4:1: cache.defaults.keep_parameters: stands beside drop_parameters"));
}

TEST_CASE("strict_rfc ends every departure at once, but for what is written itself") {
  const CacheRules loose = rules_with("");
  CHECK(loose.set_cookie == SetCookie::strip);
  CHECK_FALSE(loose.heuristic_all_statuses);
  CHECK(loose.stale_if_slow == 1s);

  const CacheRules strict = rules_with("[cache]\nstrict_rfc = true\n");
  CHECK(strict.set_cookie == SetCookie::keep);
  CHECK(strict.heuristic_all_statuses);
  CHECK(strict.stale_if_slow == 0s);
  CHECK_FALSE(strict.content_language);
  CHECK_FALSE(strict.s_maxage_allows_stale);
  CHECK_FALSE(strict.ignore_client_no_cache);
  CHECK(strict.stale_when_gone);   // RFC 9111 §4.2.4 allows it to a cache that is disconnected

  const ConfigPtr mixed = with_base(R"([cache]
strict_rfc = true
[cache.defaults]
set_cookie = "refuse"
[[route]]
path = "/slow"
cache.stale_if_slow = "2s"
[[route]]
path = "/"
)");
  CHECK(mixed->routes.at(0).cache.set_cookie == SetCookie::refuse);
  CHECK(mixed->routes[0].cache.stale_if_slow == 2s);
  CHECK(mixed->routes[0].cache.heuristic_all_statuses);
  CHECK(mixed->routes.at(1).cache.stale_if_slow == 0s);
}

TEST_CASE("the largest object fits a small memory unless it is written itself") {
  CHECK(with_base("")->cache.max_object_bytes == 32u << 20);
  CHECK(with_base("[cache]\nmemory = \"4MiB\"\n")->cache.max_object_bytes == 1u << 20);
  CHECK(with_base("[cache]\nmemory = \"4MiB\"\nmax_object = \"4MiB\"\n")->cache.max_object_bytes == 4u << 20);
}

TEST_CASE("a file is read from the disk, and one that cannot be is a problem of its own") {
  const auto path = std::filesystem::temp_directory_path() / "davenport-load-test.toml";
  std::ofstream(path) << kBase;
  const auto loaded = load_file(path.string());
  REQUIRE(loaded.has_value());
  CHECK((*loaded)->source == path.string());
  std::ofstream(path, std::ios::trunc) << "";
  const auto empty = load_file(path.string());
  REQUIRE_FALSE(empty.has_value());
  CHECK(empty.error().size() == 2);   // neither a listener nor an origin
  std::filesystem::remove(path);
  struct Unreadable {
    std::string file, why;
  };
  for (const auto& [unreadable, why] : {Unreadable{path.string(), ": the file cannot be read: No such file or directory"},
                                        Unreadable{"/", ": this is a directory: name the file in it"}, Unreadable{"", ": the file cannot be read: No such file or directory"}}) {
    CAPTURE(unreadable);
    const auto failed = load_file(unreadable);
    REQUIRE_FALSE(failed.has_value());
    CHECK(to_text(failed.error().at(0), unreadable) == unreadable + why);
  }
}

TEST_CASE("whatever is cut off a good file, loading ends with a configuration or with problems that have words") {
  const std::string text = std::string(kBase) + "[cache]\nmemory = \"64MiB\"\n[cache.defaults]\nttl = \"5m\"\n[[route]]\n"
                                                "hosts = [\"a.example\"]\norigin = \"shop\"\n";
  for (std::size_t end = 0; end <= text.size(); ++end) {
    CAPTURE(end);
    const auto loaded = load(std::string_view(text).substr(0, end), kFile);
    if (loaded) continue;
    REQUIRE_FALSE(loaded.error().empty());
    for (const Problem& problem : loaded.error()) CHECK_FALSE(problem.message.empty());
  }
}
