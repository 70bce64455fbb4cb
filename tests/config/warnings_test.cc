#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "config/loading.h"

using namespace davenport::config;
using namespace davenport::config::testing;

TEST_CASE("what is allowed and likely not meant is a warning with its place") {
  struct Row { std::string_view text, warning; };
  for (const Row& row : {
           Row{"[cache.defaults]\nstale_while_revalidate = \"30s\"\n",
               "davenport.toml:4:1: cache.defaults.stale_while_revalidate: has no effect on answers with s-maxage"},
           Row{"[[route]]\ncache.stale_if_error = \"1h\"\n",
               "davenport.toml:4:7: route[0].cache.stale_if_error: has no effect on answers with s-maxage"},
           Row{"[cache.defaults]\nset_cookie = \"keep\"\n", "cache.defaults.set_cookie: gives one client's cookies"},
           Row{"[cache.defaults]\nstrip_cookies = true\nkey_cookies = [\"a\"]\n", "cache.defaults.key_cookies: parts"},
           Row{"[cache.defaults]\nkey_fields = [\"Cookie\"]\n", "name the cookies in key_cookies"},
           Row{"[forwarding]\ntrusted_proxies = [\"0.0.0.0/0\"]\n", "forwarding.trusted_proxies: trusts everybody"},
           Row{"[purge]\nfrom = [\"::/0\"]\n", "purge.from: lets everybody purge"},
           Row{"[limits]\nconnections = 10\nconnections_per_address = 20\n", "is never reached"},
           Row{"[origin.b]\nservers = [\"127.0.0.1:1\"]\n[[route]]\norigin = \"shop\"\n",
               "davenport.toml:3:9: origin.b: no route leads to this origin"}}) {
    CAPTURE(row.text);
    const ConfigPtr config = with_base(row.text);
    REQUIRE(config->warnings.size() == 1);
    CHECK(config->warnings[0].find(row.warning) != std::string::npos);
  }
}

TEST_CASE("what is meant so is no warning") {
  for (const std::string_view text : {
           "", "[cache.defaults]\nstale_while_revalidate = \"30s\"\ns_maxage_allows_stale = true\n",
           "[cache.defaults]\nstale_while_revalidate = 0\n", "[cache]\nstrict_rfc = true\n",
           "[cache.defaults]\nenabled = false\nstale_if_error = \"1h\"\n",
           "[forwarding]\ntrusted_proxies = [\"10.0.0.0/8\", \"unix\"]\n"}) {
    CAPTURE(text);
    CHECK(with_base(text)->warnings.empty());
  }
}

TEST_CASE("a rule of the defaults is warned of once, however many routes it holds for") {
  CHECK(with_base("[cache.defaults]\nstale_if_error = 5\n[[route]]\npath = \"/a\"\n[[route]]\npath = \"/b\"\n")
            ->warnings.size() == 1);
}

TEST_CASE("the PROXY protocol on a public listener wants trusted networks") {
  const std::string rest = "[origin.shop]\nservers = [\"127.0.0.1:3000\"]\n";
  const auto warnings = [&](const std::string& address, const std::string& more) {
    return must_load("[[listen]]\naddress = \"" + address + "\"\nproxy_protocol = true\n" + rest + more)->warnings.size();
  };
  CHECK(warnings("0.0.0.0:80", "") == 1);
  CHECK(warnings("127.0.0.1:80", "") == 0);
  CHECK(warnings("unix:/run/d.sock", "") == 0);
  CHECK(warnings("0.0.0.0:80", "[forwarding]\ntrusted_proxies = [\"10.0.0.1\"]\n") == 0);
}
