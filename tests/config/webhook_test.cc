// Webhooks of purges in the file, and what can't be meant.
#include <doctest/doctest.h>

#include "config/loading.h"

using namespace davenport::config;
using namespace davenport::config::testing;

TEST_CASE("webhooks are read in their order") {
  const ConfigPtr config = with_base("[[purge.webhook]]\nurl = \"https://api.cdn-with-a-long-name.example/purge\"\nbody = '{\"tags\": {tags_json}}'\n"
                                     "[[purge.webhook]]\nurl = \"http://10.0.0.5{path}\"\nmethod = \"PURGE\"\nheaders = { Host = \"{host}\" }\nretries = 1\n");
  REQUIRE(config->purge.webhooks.size() == 2);
  CHECK(config->purge.webhooks[0].method == "POST");
  CHECK(config->purge.webhooks[1].headers == std::vector<HeaderLine>{{"Host", "{host}"}});
  CHECK(config->purge.webhooks[1].retries == 1);
  CHECK(config->warnings.empty());
}

TEST_CASE("what can't be sent is refused with its place") {
  struct Row { std::string_view text, problem; };
  for (const Row& row : {
           Row{"method = \"POST\"", "3:1: purge.webhook[0]: expected url = \"https://api.cdn.example/zones/1/purge\""},
           Row{"url = \"cdn.example\"", "4:7: purge.webhook[0].url: expected an address that begins with http:// or https://; found \"cdn.example\""},
           Row{"url = \"http://c/a#b\"", "4:7: purge.webhook[0].url: expected an address that begins with http:// or https://; found \"http://c/a#b\""},
           Row{"url = \"http://10.0.0.300/purge\"", "4:1: purge.webhook[0].url: \"10.0.0.300\" is neither a numeric address nor a name"},
           Row{"url = \"http://{host}/\"", "4:1: purge.webhook[0].url: expected a host: variables may only stand behind it"},
           Row{"url = \"http://c/{tga}\"", "4:1: purge.webhook[0].url: nothing is called {tga}; did you mean \"tag\"?"},
           Row{"url = \"http://c/\"\nbody = \"{\\\"x\\\": {tag_json}}\"",
               "5:1: purge.webhook[0].body: nothing is called {tag_json}; did you mean \"tags_json\"?"},
           Row{"url = \"http://c/\"\nkinds = [\"tags\"]",
               "5:10: purge.webhook[0].kinds[0]: expected \"url\", \"tag\", \"prefix\" or \"all\"; did you mean \"tag\"?"},
           Row{"url = \"https://c/\"\nheaders = { Authorization = \"Bearer {token}\" }",
               "3:1: purge.webhook[0]: {token} needs token_file or token_env"},
           Row{"url = \"http://c/\"\nheaders = { Content-Length = \"5\" }",
               "5:13: purge.webhook[0].headers.Content-Length: Content-Length says how a message is sent: it is made by the server"},
           Row{"url = \"http://c/\"\ntoken = \"secret\"",
               "5:1: purge.webhook[0].token: a secret does not stand in this file: write token_file = \"path\" or token_env = \"VARIABLE\""}}) {
    CAPTURE(row.text);
    const std::vector<std::string> lines = problems_of(std::string(kBase) + "[[purge.webhook]]\n" + std::string(row.text) + "\n");
    REQUIRE(lines.size() == 1);
    CHECK(lines[0] == "davenport.toml:" + std::string(row.problem));
  }
  CHECK(mentions(problems_of(std::string(kBase) + "[purge.webhook]\nurl = \"http://c/\"\n"), "expected [[purge.webhook]]"));
}
