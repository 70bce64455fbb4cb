// Header rules in the file: [[header]] for all routes, [[route.header]] for one, and what can't be meant.
#include <doctest/doctest.h>

#include "config/loading.h"

using namespace davenport::config;
using namespace davenport::config::testing;

TEST_CASE("a route's rules are the file's, then its own; those that are obeyed come first") {
  const ConfigPtr config = with_base(
      "[[header]]\nset = { X-A = \"1\" }\n[[header]]\nremove = [\"Server\"]\nobey = true\n"
      "[[route]]\n[[route.header]]\npaths = [\"fingerprinted\", \"*.css\"]\ntypes = [\"Font/*\"]\nstatuses = [\"200\"]\n"
      "add = { Link = \"<$path>; rel=canonical\" }\ndefault = { X-B = \"2\" }\nallow_origins = [\"https://Shop.example\"]\n"
      "[[route]]\npath = \"/b\"\n");
  const std::vector<HeaderRule>& rules = config->routes[0].headers;
  REQUIRE(rules.size() == 3);
  CHECK(rules[0].remove == std::vector<std::string>{"Server"});
  CHECK(rules[1].set == std::vector<HeaderLine>{{"X-A", "1"}});
  CHECK(rules[1].statuses == std::vector<std::string>{"2*", "3*"});
  CHECK(rules[2].paths == std::vector<std::string>{"fingerprinted", "*.css"});
  CHECK(rules[2].types == std::vector<std::string>{"font/*"});
  CHECK(rules[2].add == std::vector<HeaderLine>{{"Link", "<$path>; rel=canonical"}});
  CHECK(rules[2].defaults == std::vector<HeaderLine>{{"X-B", "2"}});
  CHECK(config->routes[0].cache.known_origins == std::vector<std::string>{"https://shop.example"});
  CHECK(config->routes[1].headers.size() == 2);
  CHECK(with_base("[[header]]\nremove = [\"A\"]\n")->routes[0].headers.size() == 1);
}

TEST_CASE("what no header can hold is refused with its place") {
  struct Row { std::string_view text, problem; };
  for (const Row& row : {
           Row{"set = { A = \"x\\r\\nSet-Cookie: a=b\" }", "3:13: header[0].set.A: expected visible ASCII and spaces: a field's value is one line"},
           Row{"set = { A = \"x\\u0000\" }", "3:13: header[0].set.A: expected visible ASCII and spaces: a field's value is one line"},
           Row{"set = { A = \" x\" }", "3:13: header[0].set.A: expected no spaces at its ends"},
           Row{"set = { A = 5 }", "3:13: header[0].set.A: expected a text in quotes; found 5"},
           Row{"set = { A = \"$hots x\" }",
               "3:13: header[0].set.A: expected $host, $path, $query, $scheme, $status, or $$ for a dollar sign; found \"$hots\""},
           Row{"set = { \"A B\" = \"x\" }", "3:9: header[0].set.\"A B\": expected the name of a field, such as X-Frame-Options"},
           Row{"add = { content-length = \"5\" }",
               "3:9: header[0].add.content-length: content-length says how a message is sent: it is made by the server"},
           Row{"set = { ETag = \"5\" }", "3:9: header[0].set.ETag: ETag describes what is stored: it is not for rules to set"},
           Row{"default = { Set-Cookie = \"a=b\" }",
               "3:13: header[0].default.Set-Cookie: what is stored goes to everybody: Set-Cookie can be removed, not set"},
           Row{"set = { CDN-Cache-Control = \"max-age = 5\" }",
               "3:29: header[0].set.CDN-Cache-Control: expected a dictionary such as \"max-age=60, stale-while-revalidate=30\" (RFC 9213 §2.1): "
               "others ignore anything else"},
           Row{"set = [\"A\"]",
               "3:7: header[0].set: expected a table of fields and their values such as { X-Frame-Options = \"DENY\" }; found a list"},
           Row{"allow_origins = [\"shop.example\"]",
               "3:18: header[0].allow_origins[0]: expected an origin such as \"https://shop.example\", or \"*\"; found \"shop.example\""},
           Row{"allow_origins = [\"*\", \"https://a.example\"]", "3:1: header[0].allow_origins: \"*\" lets every site: it stands alone"},
           Row{"set = { Access-Control-Allow-Origin = \"https://a.example, https://b.example\" }",
               "3:1: header[0].set.Access-Control-Allow-Origin: names one origin or \"*\": list several in allow_origins"},
           Row{"paths = [\"assets/*\"]",
               "3:10: header[0].paths[0]: expected a path or a pattern (\"/assets/*\", \"*.css\"), or \"fingerprinted\"; found \"assets/*\""},
           Row{"paths = [\"/a\"]", "1:1: header[0]: changes nothing: expected set, add, default, remove or allow_origins"},
           Row{"sett = { A = \"x\" }\nset = { A = \"x\" }", "3:1: header[0].sett: unknown setting; did you mean \"set\"?"}}) {
    CAPTURE(row.text);
    const std::vector<std::string> lines = problems_of("[[header]]\n\n" + std::string(row.text) + "\n[[listen]]\naddress = \"127.0.0.1:8080\"\n" +
                                                       "[origin.shop]\nservers = [\"127.0.0.1:3000\"]\n");
    REQUIRE(lines.size() == 1);
    CHECK(lines[0] == "davenport.toml:" + std::string(row.problem));
  }
}

TEST_CASE("rules that are no list of tables are refused") {
  CHECK(mentions(problems_of(std::string(kBase) + "[header]\nset = { A = \"1\" }\n"), "header: expected [[header]], in two pairs of brackets; found a table"));
  CHECK(mentions(problems_of(std::string(kBase) + "[[route]]\n[route.header]\n"), "route[0].header: expected [[route.header]]"));
}

TEST_CASE("s-maxage beside stale-while-revalidate is warned of where this cache obeys it (RFC 9111 §5.2.2.10)") {
  const std::string rule = "[[header]]\nset = { Cache-Control = \"s-maxage=60, stale-while-revalidate=30\" }\n";
  CHECK(with_base(rule)->warnings.empty());
  CHECK(mentions(with_base(rule + "obey = true\n")->warnings, "CDN-Cache-Control"));
}

TEST_CASE("cookies leave requests for some paths alone") {
  const ConfigPtr config = with_base("[cache.defaults]\ncookieless_paths = [\"/assets/*\", \"fingerprinted\"]\npass_cookies = [\"session\"]\n");
  const Route& route = config->routes[0];
  CHECK_FALSE(rules_of(route, "/").strip_cookies);
  CHECK(rules_of(route, "/").pass_cookies.size() == 1);
  for (const std::string_view path : {"/assets/a.css", "/x/app.3f2a9c1b.js"}) {
    CHECK(rules_of(route, path).strip_cookies);
    CHECK(rules_of(route, path).pass_cookies.empty());
  }
  CHECK(&rules_of(with_base("")->routes[0], "/assets/a.css") != nullptr);
  CHECK(with_base("")->routes[0].cookieless == nullptr);
}
