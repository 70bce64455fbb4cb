#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "config/config.h"
#include "config/load.h"

using namespace davenport::config;

namespace {

Config with_routes(std::vector<Route> routes) {
  Config config;
  config.routes = std::move(routes);
  return config;
}

// The position of the route that was found; -1: none.
int found(const Config& config, std::string_view host, std::string_view path) {
  const Route* route = find_route(config, host, path);
  return route == nullptr ? -1 : static_cast<int>(route - config.routes.data());
}

Route route(std::vector<std::string> hosts, std::string path) {
  Route out;
  out.hosts = std::move(hosts);
  out.path = std::move(path);
  return out;
}

}  // namespace

TEST_CASE("an exact host goes before a suffix, a longer suffix before a shorter one, and both before any host") {
  const Config config = with_routes({route({}, "/"),
                                     route({"*.shop.example"}, "/"),
                                     route({"*.eu.shop.example"}, "/"),
                                     route({"shop.example", "www.shop.example"}, "/")});
  CHECK(found(config, "shop.example", "/") == 3);
  CHECK(found(config, "www.shop.example", "/") == 3);
  CHECK(found(config, "img.shop.example", "/") == 1);
  CHECK(found(config, "a.eu.shop.example", "/") == 2);
  CHECK(found(config, "eu.shop.example", "/") == 1);
  CHECK(found(config, "myshop.example", "/") == 0);
  CHECK(found(config, "", "/") == 0);
  CHECK(found(config, ".shop.example", "/") == 0);
}

TEST_CASE("of the routes of a host the longest path wins, and it ends at a segment") {
  const Config config = with_routes({route({"shop.example"}, "/img"),
                                     route({"shop.example"}, "/"),
                                     route({"shop.example"}, "/img/big/")});
  struct Row { std::string_view path; int route; };
  for (const Row& row : {Row{"/", 1}, Row{"", 1}, Row{"*", 1}, Row{"/img", 0}, Row{"/img/", 0}, Row{"/img/x", 0},
                         Row{"/imgs", 1}, Row{"/im", 1}, Row{"/IMG", 1}, Row{"/img/big", 0}, Row{"/img/big/", 2},
                         Row{"/img/big/x", 2}, Row{"/img/bigger", 0}}) {
    CAPTURE(row.path);
    CHECK(found(config, "shop.example", row.path) == row.route);
  }
}

TEST_CASE("a pattern takes whole paths, and comes before what paths start with") {
  const Config config = with_routes({route({}, "/"), route({}, "/shop"), route({}, "*.php"), route({}, "/shop/*.php"), route({"a.example"}, "/")});
  CHECK(found(config, "shop.example", "/index.php") == 2);
  CHECK(found(config, "shop.example", "/shop/x.php") == 3);
  CHECK(found(config, "shop.example", "/shop/x.php/more") == 1);
  CHECK(found(config, "shop.example", "/php") == 0);
  CHECK(found(config, "a.example", "/index.php") == 4);
}

TEST_CASE("a host that no route names has no route, unless one takes any host") {
  const Config named = with_routes({route({"shop.example"}, "/")});
  CHECK(found(named, "other.example", "/") == -1);
  CHECK(found(with_routes({}), "shop.example", "/") == -1);
  const Config starred = with_routes({route({"*"}, "/")});
  CHECK(found(starred, "other.example", "/") == 0);
}

TEST_CASE("a host whose routes do not reach the path falls to the next kind of host") {
  const Config config = with_routes({route({"shop.example"}, "/api"), route({"*"}, "/")});
  CHECK(found(config, "shop.example", "/api/x") == 0);
  CHECK(found(config, "shop.example", "/x") == 1);
  CHECK(found(with_routes({route({"shop.example"}, "/api")}), "shop.example", "/x") == -1);
}

TEST_CASE("a route with several hosts counts by the best of them") {
  const Config config = with_routes({route({"*.example", "a.example"}, "/"), route({"*.example"}, "/long")});
  CHECK(found(config, "a.example", "/long") == 0);
  CHECK(found(config, "b.example", "/long") == 1);
}

TEST_CASE("each star of a pattern stands for any run of characters, and everything else for itself") {
  struct Row { std::string_view pattern, text; bool matches; };
  for (const Row& row : {
           Row{"", "", true}, Row{"", "a", false}, Row{"a", "", false}, Row{"*", "", true}, Row{"*", "abc", true},
           Row{"**", "a", true}, Row{"utm_*", "utm_source", true}, Row{"utm_*", "utm_", true},
           Row{"utm_*", "xutm_", false}, Row{"*_id", "client_id", true}, Row{"*_id", "client_ids", false},
           Row{"a*b*c", "abc", true}, Row{"a*b*c", "a-b-b-c", true}, Row{"a*b*c", "acb", false},
           Row{"*ab", "aab", true}, Row{"*aab", "aaab", true}, Row{"a?c", "abc", false}, Row{"a?c", "a?c", true},
           Row{"ABC", "abc", false}, Row{"*a*", "bab", true}, Row{"*a*", "bbb", false}, Row{"ab*", "a", false}}) {
    CAPTURE(row.pattern);
    CAPTURE(row.text);
    CHECK(matches_pattern(row.pattern, row.text) == row.matches);
  }
}

TEST_CASE("a pattern of many stars costs no more than the product of the lengths") {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  CHECK_FALSE(matches_pattern(pattern + "b", std::string(4000, 'a')));   // exponential if every star tried again
  CHECK(matches_pattern(pattern, std::string(4000, 'a')));
}

TEST_CASE("patterns agree with a plain recursive definition on all short texts") {
  struct Slow {
    static bool matches(std::string_view pattern, std::string_view text) {
      if (pattern.empty()) return text.empty();
      if (pattern[0] == '*') return matches(pattern.substr(1), text) || (!text.empty() && matches(pattern, text.substr(1)));
      return !text.empty() && pattern[0] == text[0] && matches(pattern.substr(1), text.substr(1));
    }
  };
  const auto words = [](std::string_view letters, std::size_t longest) {
    std::vector<std::string> all{""};
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].size() == longest) break;
      const std::string stem = all[i];
      for (const char letter : letters) all.push_back(stem + letter);
    }
    return all;
  };
  int disagreements = 0;
  for (const std::string& pattern : words("ab*", 4)) {
    for (const std::string& text : words("ab", 5)) {
      disagreements += matches_pattern(pattern, text) != Slow::matches(pattern, text);
    }
  }
  CHECK(disagreements == 0);
}

TEST_CASE("a path that origins may read as one of other rules is passed, by the rules of the normalised one (RFC 3986 §6.2.2)") {
  const auto config = load("listen = [\"127.0.0.1:1\"]\n[origin.a]\nservers = [\"127.0.0.1:2\"]\n[[route]]\ncache.cookieless_paths = [\"*.css\"]\n"
                           "[[route]]\npath = \"/account\"\ncache.enabled = false\n[[route]]\npath = \"/static\"\ncache.ttl = \"1d\"\n", "x");
  REQUIRE(config.has_value());
  struct Row {
    std::string_view path;
    int route;                 // of the normalised path
    bool stored;               // by the route's own rules
  };
  for (const Row& row : {
           Row{"/", 0, true}, Row{"/account", 1, true}, Row{"/static/x.png", 2, true}, Row{"/a/b.c", 0, true},
           Row{"/%61ccount", 1, false}, Row{"/accoun%74/orders", 1, false}, Row{"/./account", 1, false}, Row{"/x/../account", 1, false},
           Row{"/%2e/account", 1, false}, Row{"/static/%2e%2e/account", 1, false}, Row{"/static/../account", 1, false},
           Row{"/static/..%2faccount", 2, false}, Row{"/static/..%2Faccount", 2, false}, Row{"/static/..%5caccount", 2, false},
           Row{"/static/%252e%252e%252faccount", 2, false}, Row{"//account", 0, false}, Row{"/account;x.css", 0, false}, Row{"/account%3fx.css", 0, false},
           Row{"/account%23x", 0, false}, Row{"/account%00.css", 0, false}, Row{"/account/..;/static/x", 1, false}, Row{"/;a=b/account", 0, false},
           Row{"/account/../static/x", 2, false}, Row{"/account/..%2fstatic/x", 1, false},
           // All readings have the same rules: nothing is lost.
           Row{"/caf%C3%A9", 0, true}, Row{"/a%20b", 0, true}, Row{"/a//b", 0, true}, Row{"/a;v=1", 0, true}, Row{"/static/a%20b.png", 2, true},
           Row{"/static/./x", 2, true}, Row{"/static/y/../x", 2, true}, Row{"/100%", 0, true}, Row{"/%zz", 0, true}, Row{"/..", 0, true}, Row{"*", 0, true},
           Row{"/account/%61", 1, true}, Row{"/accounts%2fx", 0, true}, Row{"/style.css", 0, true}, Row{"/a%20style.css", 0, true},
           // The rules of a route differ by path, too.
           Row{"/x%2ecss", 0, false}, Row{"/page;x.css", 0, false}, Row{"/page%3f.css", 0, false}, Row{"/x.css;v=1", 0, false}}) {
    CAPTURE(row.path);
    const Route* const route = route_for(**config, "any.example", row.path);
    REQUIRE(route != nullptr);
    CHECK(route->place == static_cast<std::uint32_t>(row.route));
    CHECK((route == &(*config)->routes[route->place]) == row.stored);
    if (!row.stored) CHECK_FALSE(rules_of(*route, row.path).enabled);
  }
}
