// What operators read when a file is wrong. Each row is a text, put behind a base that is right, and its problem.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/loading.h"

using namespace davenport::config;
using namespace davenport::config::testing;

namespace {

struct Row { std::string_view text, problem; };

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const std::vector<std::string> lines = problems_of(std::string(kBase) + std::string(row.text));
    REQUIRE(lines.size() == 1);
    CHECK(lines[0] == "davenport.toml:" + std::string(row.problem));
  }
}

}  // namespace

TEST_CASE("an unknown setting is named with its place and with what was probably meant") {
  check_rows({
      {"[[route]]\ncache.tttl = 1\n", "4:7: route[0].cache.tttl: unknown setting; did you mean \"ttl\"?"},
      {"[cashe]\n", "3:2: cashe: unknown setting; did you mean \"cache\"?"},
      {"[cache]\nmemroy = 1\n", "4:1: cache.memroy: unknown setting; did you mean \"memory\"?"},
      {"[cache]\nttl = 1\n", "4:1: cache.ttl: unknown setting; did you mean \"cache.defaults.ttl\"?"},
      {"[limits]\nmemory = 1\n", "4:1: limits.memory: unknown setting; did you mean \"cache.memory\"?"},
      {"[cache.default]\n", "3:8: cache.default: unknown setting; did you mean \"defaults\"?"},
      {"[log.acess]\n", "3:6: log.acess: unknown setting; did you mean \"access\"?"},
      {"[origin.shop.health]\nstatus_mni = 200\n",
       "4:1: origin.shop.health.status_mni: unknown setting; did you mean \"status_min\"?"},
      {"[origin.shop2]\nservers = [{ address = \"127.0.0.1:1\", wieght = 1 }]\n[[route]]\norigin = \"shop2\"\n",
       "4:39: origin.shop2.servers[0].wieght: unknown setting; did you mean \"weight\"?"},
      {"[[route]]\nhost = [\"a\"]\n", "4:1: route[0].host: unknown setting; did you mean \"hosts\"?"},
      {"[admin]\ntoken_fiel = \"x\"\n", "4:1: admin.token_fiel: unknown setting; did you mean \"token_file\"?"},
      {"[xyzzy]\n", "3:2: xyzzy: unknown setting"},
      {"[cache]\n\"a b\" = 1\n", "4:1: cache.\"a b\": unknown setting"},
      {"\"limits.head\" = 1\n", "3:1: \"limits.head\": unknown setting"},
      {"\"cache.defaults\" = 1\n", "3:1: \"cache.defaults\": unknown setting"},
      {"[cache]\n\"a\\nb\" = 1\n", "4:1: cache.\"a\\u000ab\": unknown setting"},
  });
}

TEST_CASE("a value of the wrong type is refused with what was expected and what was found") {
  check_rows({
      {"[cache]\nstrict_rfc = \"yes\"\n", "4:14: cache.strict_rfc: expected true or false; found \"yes\""},
      {"[cache]\nmemory = true\n", "4:10: cache.memory: expected a size such as \"64KiB\" or 4096; found true"},
      {"[cache]\nmemory = \"lots\"\n",
       "4:10: cache.memory: expected a size such as \"64KiB\", \"256MiB\" or 4096; found \"lots\""},
      {"[cache]\nname = 5\n", "4:8: cache.name: expected a text in quotes; found 5"},
      {"[limits]\nfields = \"many\"\n", "4:10: limits.fields: expected a whole number; found \"many\""},
      {"[limits]\nfields = 1.5\n", "4:10: limits.fields: expected a whole number; found 1.5"},
      {"[shutdown]\npause = []\n", "4:9: shutdown.pause: expected a duration such as \"30s\" or 30; found a list"},
      {"[shutdown]\npause = \"1w\"\n",
       "4:9: shutdown.pause: expected a duration such as \"250ms\", \"30s\", \"5m\", \"1h\" or \"7d\"; found \"1w\""},
      {"[origin.shop.health]\nenabled = 1\n", "4:11: origin.shop.health.enabled: expected true or false; found 1"},
      {"[cache.defaults]\nkeep = \"1500ms\"\n",
       "4:8: cache.defaults.keep: expected a whole number of seconds; found \"1500ms\""},
      {"[cache.defaults]\ntags = \"a\"\n", "4:8: cache.defaults.tags: expected a list of texts, as [\"a\"]; found \"a\""},
      {"[cache.defaults]\ntags = [\"a\", 1]\n", "4:14: cache.defaults.tags[1]: expected a text in quotes; found 1"},
      {"[cache.defaults]\nstatus_ttl = 1\n", "4:14: cache.defaults.status_ttl: expected a table of statuses and "
                                             "durations such as { 404 = \"30s\" }; found 1"},
      {"[cache.defaults]\nstatus_ttl = { 999 = 1 }\n",
       "4:16: cache.defaults.status_ttl.999: expected a status of 200 to 599"},
      {"[cache.defaults]\nstatus_ttl = { 404 = \"x\" }\n",
       "4:22: cache.defaults.status_ttl.404: expected a duration such as \"250ms\", \"30s\", \"5m\", \"1h\" or \"7d\"; "
       "found \"x\""},
      {"[cache]\ndefaults = 1\n", "4:12: cache.defaults: expected a table; found 1"},
      {"limits = 1\n", "3:10: limits: expected a table; found 1"},
      {"[route]\npath = \"/\"\n", "3:1: route: expected [[route]], in two pairs of brackets; found a table"},
      {"route = [1]\n", "3:10: route[0]: expected a table; found 1"},
      {"[forwarding]\ntrusted_proxies = [\"10.0.0.1/8\"]\n",
       "4:20: forwarding.trusted_proxies[0]: \"10.0.0.1/8\" has bits behind its prefix; did you mean \"10.0.0.0/8\"?"},
      {"[forwarding]\ntrusted_proxies = [1]\n",
       "4:20: forwarding.trusted_proxies[0]: expected a network such as \"10.0.0.0/8\"; found 1"},
      {"[forwarding]\ntrusted_proxies = \"::1\"\n",
       "4:19: forwarding.trusted_proxies: expected a list of addresses and networks, as [\"::1\"]; found \"::1\""},
      {"[admin]\naddress = 9090\n", "4:11: admin.address: expected an address such as \"127.0.0.1:8080\"; found 9090"},
      {"[cache]\neviction = \"s3fifo\"\n",
       "4:12: cache.eviction: expected one of \"lru\", \"s3_fifo\"; found \"s3fifo\"; did you mean \"s3_fifo\"?"},
      {"[log.access]\nformat = 1979-05-27\n",
       "4:10: log.access.format: expected one of \"off\", \"combined\", \"json\"; found a date or time"},
      {"[origin]\nservers = [\"a:1\"]\n", "3:1: not TOML: Error while parsing table header: cannot redefine existing "
                                         "table 'origin'"},
  });
}

TEST_CASE("a value out of its bounds is refused with the bound") {
  check_rows({
      {"[cache]\nmemory = \"1KiB\"\n", "4:10: cache.memory: expected at least 1MiB; found \"1KiB\""},
      {"[limits]\nhead = \"2MiB\"\n", "4:8: limits.head: expected at most 1MiB; found \"2MiB\""},
      {"[limits]\nbody = -1\n", "4:8: limits.body: expected at least 0; found -1"},
      {"[limits]\nfields = 10001\n", "4:10: limits.fields: expected at most 10000; found 10001"},
      {"[limits]\nrequests_per_connection = 4294967296\n",
       "4:27: limits.requests_per_connection: expected at most 4294967295; found 4294967296"},
      {"[limits]\nidle_timeout = \"50ms\"\n", "4:16: limits.idle_timeout: expected at least 100ms; found \"50ms\""},
      {"[shutdown]\npause = -1\n", "4:9: shutdown.pause: expected at least 0s; found -1"},
      {"[shutdown]\npause = 9223372036854775807\n",
       "4:9: shutdown.pause: expected at most 1h; found 9223372036854775807"},
      {"[cache.defaults]\nttl = \"4000d\"\n", "4:7: cache.defaults.ttl: expected at most 3650d; found \"4000d\""},
      {"[origin.shop.health]\nstatus_min = 199\n",
       "4:14: origin.shop.health.status_min: expected at least 200; found 199"},
      {"[origin.b]\nservers = [\"127.0.0.1:1\"]\nretry_budget = 1.5\n[[route]]\norigin = \"b\"\n",
       "5:16: origin.b.retry_budget: expected at most 1; found 1.5"},
      {"[origin.b]\nservers = [\"127.0.0.1:1\"]\nretry_budget = nan\n[[route]]\norigin = \"b\"\n",
       "5:16: origin.b.retry_budget: expected a number; found nan"},
  });
}

TEST_CASE("a text of the wrong form is refused") {
  struct Row2 { std::string_view setting, value, expected; };
  for (const Row2& row : {
           Row2{"cache.name", "a b", "letters, digits"},
           Row2{"cache.name", "", "letters, digits"},
           Row2{"log.access.path", "", "not empty"},
           Row2{"log.access.path", "a\\u0000b", "without control characters"},
           Row2{"origin.shop.host", "a b", "a host, with a port or without"},
           Row2{"origin.shop.host", "a:b", "a host, with a port or without"},
           Row2{"origin.shop.host", "ä.example", "in its ASCII form"},
           Row2{"origin.shop.health.path", "up", "begins with /"},
           Row2{"origin.shop.health.path", "/up?x", "begins with /"},
           Row2{"origin.shop.health.path", "/a b", "begins with /"},
           Row2{"origin.shop.health.path", "/a#b", "begins with /"}}) {
    CAPTURE(row.value);
    const std::string line = std::string(row.setting) + " = \"" + std::string(row.value) + "\"\n";
    CHECK(mentions(problems_of(std::string(kBase) + line), row.expected));
  }
  struct Row3 { std::string_view setting, value, expected; };
  for (const Row3& row : {
           Row3{"hosts", "shop.example:80", "without its port"}, Row3{"hosts", "", "a host, \"*.suffix\" or \"*\""},
           Row3{"hosts", "*shop", "\"*.suffix\""}, Row3{"hosts", "a.*.b", "\"*.suffix\""}, Row3{"hosts", "*.", "suffix"},
           Row3{"hosts", "bücher.example", "ASCII form"}, Row3{"hosts", "a.example.", "without the dot"},
           Row3{"cache.key_fields", "X Country", "the name of a field"}, Row3{"cache.tags", "a,b", "a tag"},
           Row3{"cache.tags", "", "a tag"}, Row3{"cache.drop_parameters", "a=b", "query parameter"},
           Row3{"cache.pass_cookies", "a;b", "letters, digits"}}) {
    CAPTURE(row.value);
    const std::string text = "[[route]]\n" + std::string(row.setting) + " = [\"" + std::string(row.value) + "\"]\n";
    const auto lines = problems_of(std::string(kBase) + text);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find(row.expected) != std::string::npos);
  }
}

TEST_CASE("the whole must make sense: routes, origins, listeners and bounds that depend on one another") {
  check_rows({
      {"[[route]]\norigin = \"shpo\"\n", "4:1: route[0].origin: no origin is named \"shpo\"; did you mean \"shop\"?"},
      {"[origin.b]\nservers = [\"127.0.0.1:1\"]\n[[route]]\npath = \"/\"\n",
       "5:1: route[0]: expected origin = \"NAME\": there is not just one"},
      {"[[route]]\nhosts = [\"a\"]\n[[route]]\nhosts = [\"b\", \"A\"]\n",
       "5:1: route[1]: route[0] has host a and path / already"},
      {"[[route]]\n[[route]]\nhosts = [\"*\"]\n", "4:1: route[1]: route[0] has host * and path / already"},
      {"[[route]]\nhosts = [\"a\", \"a\"]\n", "4:1: route[0].hosts: names a twice"},
      {"[origin.b]\nservers = []\n[[route]]\norigin = \"b\"\n", "4:1: origin.b.servers: expected at least one server"},
      {"[origin.b]\n[[route]]\norigin = \"b\"\n", "3:9: origin.b: expected servers = [\"127.0.0.1:3000\"]"},
      {"[origin.b]\nservers = [{ weight = 2 }]\n[[route]]\norigin = \"b\"\n",
       "4:12: origin.b.servers[0]: expected address = \"127.0.0.1:3000\""},
      {"[origin.b]\nservers = [\"a:1\", \"A:1\"]\n[[route]]\norigin = \"b\"\n",
       "4:19: origin.b.servers[1]: a:1 stands here already"},
      {"[origin.b]\nservers = [\"a:0\"]\n[[route]]\norigin = \"b\"\n",
       "4:12: origin.b.servers[0]: expected a port other than 0"},
      {"[origin.b]\nservers = [\"0.0.0.0:1\"]\n[[route]]\norigin = \"b\"\n",
       "4:12: origin.b.servers[0]: 0.0.0.0 is an address to listen on, not one to connect to"},
      {"[origin.b]\nservers = [\"127.0.0.1:8080\"]\n[[route]]\norigin = \"b\"\n",
       "4:12: origin.b.servers[0]: 127.0.0.1:8080 is this proxy itself"},
      {"origin.b = 1\n", "3:8: origin.b: an origin is a table with a name of its own, such as [origin.shop]"},
      {"origin.shop.eject_time = \"2m\"\n", "2:8: origin.shop.eject_max: expected at least eject_time (2m)"},
      {"[origin.shop.health]\nstatus_min = 500\n",
       "3:14: origin.shop.health.status_max: expected at least status_min (500)"},
      {"[cache]\nmemory = \"4MiB\"\nmax_object = \"8MiB\"\n",
       "5:1: cache.max_object: expected at most cache.memory (4MiB)"},
      {"[cache.defaults]\nmax_object = \"1GiB\"\n",
       "4:1: cache.defaults.max_object: expected at most cache.max_object"},
      {"[limits]\nhead = \"2KiB\"\n", "3:2: limits.target: expected at most limits.head (2KiB), which counts the target too"},
      {"[admin]\naddress = \"0.0.0.0:9090\"\n", "4:1: admin.address: 0.0.0.0:9090 can be reached from elsewhere: this "
                                              "needs admin.token_file or admin.token_env, or admin.tls with client_ca"},
      {"[admin]\naddress = \"localhost:9090\"\n", "4:1: admin.address: expected a numeric address or a Unix socket to "
                                                 "listen on; found the name \"localhost\""},
      {"[admin]\naddress = \"127.0.0.1:8080\"\n",
       "1:11: listen[0]: 127.0.0.1:8080 is the address of the admin interface too"},
  });
}

TEST_CASE("listeners are needed, numeric and different") {
  const std::string origin = "[origin.shop]\nservers = [\"127.0.0.1:3000\"]\n";
  struct Row4 { std::string_view listen, problem; };
  for (const Row4& row : {
           Row4{"", "davenport.toml: listen: expected at least one listener: listen = [\"0.0.0.0:8080\"]"},
           Row4{"listn = [\"0.0.0.0:1\"]\n", "davenport.toml:1:1: listn: unknown setting; did you mean \"listen\"?"},
           Row4{"listen = [\"0.0.0.0:1\"]\n[[listen]]\n",
                "davenport.toml:2:1: not TOML: Error while parsing table header: cannot redefine existing array 'listen' as array-of-tables "
                "(listen = [...] is short for [[listen]] tables: use one of them)"},
           Row4{"listen = []\n", "davenport.toml:1:1: listen: expected at least one address"},
           Row4{"listen = \"0.0.0.0:1\"\n",
                "davenport.toml:1:10: listen: expected [[listen]] tables or a list of addresses; found \"0.0.0.0:1\""},
           Row4{"listen = [\"localhost:1\"]\n", "davenport.toml:1:11: listen[0]: expected a numeric address or a Unix "
                                               "socket to listen on; found the name \"localhost\""},
           Row4{"listen = [\"0.0.0.0:1\", \"0.0.0.0:1\"]\n",
                "davenport.toml:1:24: listen[1]: 0.0.0.0:1 is listened on already"},
           Row4{"[[listen]]\nproxy_protocol = true\n", "davenport.toml:1:1: listen[0]: expected address = \"0.0.0.0:8080\""},
           Row4{"listen = [\"0.0.0.0:3000\"]\n",
                "davenport.toml:3:12: origin.shop.servers[0]: 127.0.0.1:3000 is this proxy itself"},
           Row4{"listen = [\"1\"]\n", "davenport.toml:1:11: listen[0]: \"1\" lacks a port: expected an address such as "
                                     "\"127.0.0.1:8080\" or \"[::1]:8080\""}}) {
    CAPTURE(row.listen);
    const auto lines = problems_of(std::string(row.listen) + origin);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0] == row.problem);
  }
  CHECK(problems_of("listen = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n" + origin).empty());   // the system chooses two ports
}

TEST_CASE("several origins without a route are a mistake, and so is none") {
  CHECK(problems_of("listen = [\"0.0.0.0:1\"]\n") ==
        std::vector<std::string>{"davenport.toml: origin: expected at least one origin: [origin.shop] and servers = "
                                 "[\"127.0.0.1:3000\"]"});
  CHECK(mentions(problems_of(std::string(kBase) + "origin.b.servers = [\"127.0.0.1:1\"]\n"),
                 "davenport.toml: route: there are several origins"));
}

TEST_CASE("all mistakes are reported at once, in the order of the file, but only one of syntax") {
  const auto lines = problems_of(std::string(kBase) + "[limits]\nbodi = 1\nhead = true\n[[route]]\norigin = \"x\"\n"
                                                      "path = 1\n[cache]\nmemory = 1\n");
  REQUIRE(lines.size() == 5);
  std::size_t line = 4;
  for (const std::string& text : {lines[0], lines[1], lines[2], lines[3]}) {
    CHECK(text.starts_with("davenport.toml:" + std::to_string(line) + ":"));
    line += line == 5 ? 2 : 1;
  }
  CHECK(lines[4].starts_with("davenport.toml:10:10: cache.memory"));
  CHECK(problems_of("a =\nb =\n").size() == 1);
}

TEST_CASE("a problem is one line, whatever it quotes") {
  for (const std::string& line : problems_of("\"a\\nb\" = \"c\\nd\"\n[cache]\nname = \"x\\ny\"\n")) {
    CHECK(line.find('\n') == std::string::npos);
  }
}

TEST_CASE("what a warming is to ask for is checked") {
  check_rows({
      {"[warm]\nurls = [\"/a\"]\n", "4:9: warm.urls[0]: expected a URL such as \"https://shop.example/\"; found \"/a\""},
      {"[warm]\nsitemaps = [\"ftp://shop.test/\"]\n", "4:13: warm.sitemaps[0]: expected a URL such as \"https://shop.example/\"; found \"ftp://shop.test/\""},
      {"[warm]\nfeed = \"http://shop.test/feed\"\nfeed_template = \"/p\"\n",
       "5:1: warm.feed_template: expected a member's name in braces, as in \"/product/{id}\""},
  });
}
