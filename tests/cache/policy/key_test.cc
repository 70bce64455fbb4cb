// The cache key, its resource, and the resource that a purge names.
#include "cache/policy/key.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "cache/policy/heads.h"

namespace davenport::policy::test {
namespace {

using config::CacheRules;

// A GET of "host/path?query".
http::RequestHead of(std::string_view url) {
  http::RequestHead head;
  const std::size_t slash = url.find('/'), question = url.find('?');
  head.authority = url.substr(0, slash);
  head.path = url.substr(slash, question == std::string_view::npos ? question : question - slash);
  head.has_query = question != std::string_view::npos;
  if (head.has_query) head.query = url.substr(question + 1);
  return head;
}

std::string key_of(std::string_view url, const CacheRules& rules = {}, std::string_view scheme = "http",
                   std::string_view host = "") {
  std::string scratch;
  return std::string(make_key(of(url), scheme, host, rules, scratch).key);
}
std::string resource(std::string_view url, const CacheRules& rules = {}) {
  std::string scratch;
  return std::string(make_key(of(url), "http", "", rules, scratch).resource);
}

TEST_CASE("equivalent spellings share a key, others do not (RFC 3986 §6.2.2, RFC 9110 §4.2.3)") {
  struct Row { const char* a; const char* b; bool same; const char* rule; };
  for (const Row& row : {
           Row{"shop/x", "SHOP/x", true, "the host in any case"},
           Row{"shop/x", "Shop.Example.Of.Some.Length/x", false, "another host"},
           Row{"some.rather.long.host.example/x", "SOME.Rather.LONG.host.EXAMPLE/x", true, "the host in any case"},
           Row{"shop/x", "shop./x", false, "a final dot is seen by the origin (RFC 3986 §3.2.2)"}, Row{"SHOP./x", "shop./x", true, "… in any case"},
           Row{"shop/x", "shop:80/x", true, "the default port is none"},
           Row{"shop/x", "shop:/x", true, "an empty port is none"},
           Row{"shop/x", "shop:0080/x", true, "leading zeros"},
           Row{"shop/x", "shop:8080/x", false, "another port"},
           Row{"shop/x", "shop:443/x", false, "443 is not http's"},
           Row{"[::1]/x", "[::1]:80/x", true, "IPv6"},
           Row{"[::1]/x", "[::1]:81/x", false, "IPv6 and a port"},
           Row{"[::A]/x", "[::a]/x", true, "IPv6 in any case"},
           Row{"shop/x", "shop/X", false, "the path by its case"},
           Row{"shop/x", "shop/x/", false, "a slash counts"},
           Row{"shop/a%2fb", "shop/a%2Fb", true, "hex digits in any case"},
           Row{"shop/a%2fb", "shop/a/b", false, "a reserved character stays coded"},
           Row{"shop/%7Ex%41", "shop/~xA", true, "unreserved characters are decoded"},
           Row{"shop/x?a=%41", "shop/x?a=A", true, "in the query too"},
           Row{"shop/x?a=1%26b=2", "shop/x?a=1&b=2", false, "but no separators"},
           Row{"shop/100%", "shop/100%25", false, "a percent sign that codes nothing is itself"},
           Row{"shop/%%32Fb", "shop/%2Fb", false, "nor begins one with what stands behind it"}, Row{"shop/p%2%38", "shop/p%28", false, "nor ends one"},
           Row{"shop/x?q=%%433%A9", "shop/x?q=%C3%A9", false, "in the query neither"},
           Row{"shop/x", "shop/x?", false, "an empty query is not none"},
           Row{"shop/x?a", "shop/x?b", false, "different queries"},
           Row{"shop/x?a&b", "shop/x?b&a", false, "the order of parameters counts"},
           Row{"shop/x?a", "shop/x%3Fa", false, "a coded question mark is part of the path"},
           Row{"shop/x", "shopx/", false, "parts do not run into one another"},
           Row{"shop/x", "sho/px", false, "parts do not run into one another"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.a);
    CAPTURE(row.b);
    CHECK((key_of(row.a) == key_of(row.b)) == row.same);
  }
}

TEST_CASE("with equivalent_escapes what needs no escape makes one key with and without it (RFC 3986 §3.3, §3.4)") {
  config::CacheRules rules;
  rules.equivalent_escapes = true;
  struct Row { std::string_view a, b; bool same; };
  for (const Row& row : {Row{"shop/Milk_%28drink%29", "shop/Milk_(drink)", true}, Row{"shop/a%3Ab%40c%21", "shop/a:b@c!", true},
                         Row{"shop/a%2fb", "shop/a/b", false}, Row{"shop/a%3fb", "shop/a?b", false}, Row{"shop/a%23b", "shop/a%23b", true},
                         Row{"shop/x?t=%28a%29", "shop/x?t=(a)", true}, Row{"shop/x?t=a%26b", "shop/x?t=a&b", false},
                         Row{"shop/x?t=a%3db", "shop/x?t=a=b", false}, Row{"shop/x?t=a%2bb", "shop/x?t=a+b", false}}) {
    CAPTURE(row.a);
    CHECK((key_of(row.a, rules) == key_of(row.b, rules)) == row.same);
  }
  CHECK(key_of("shop/%28") != key_of("shop/("));
}

TEST_CASE("scheme and port are in the key, not in the resource") {
  CHECK(key_of("shop/x", {}, "http") != key_of("shop/x", {}, "https"));
  CHECK(key_of("shop/x", {}, "https") == key_of("shop:443/x", {}, "https"));
  CHECK(key_of("shop/x", {}, "https") != key_of("shop:80/x", {}, "https"));
  CHECK(resource("shop:8080/x?y") == "shop/x?y");
  CHECK(resource("SHOP/%41") == "shop/A");
  CHECK(resource("shop/x?") == "shop/x?");
}

TEST_CASE("the resource is a view of the key, and both are hashed") {
  std::string scratch;
  CacheRules rules;
  rules.key_fields = {"x-country"};
  auto request = of("shop/x?y");
  request.fields = lines("X-Country: at");
  const KeyParts parts = make_key(request, "https", "", rules, scratch);
  CHECK(parts.key.data() == scratch.data());
  CHECK(parts.key.size() == scratch.size());
  CHECK(parts.resource == "shop/x?y");
  CHECK(parts.resource.data() > parts.key.data());
  CHECK(parts.resource.data() + parts.resource.size() < parts.key.data() + parts.key.size());
  CHECK(parts.hash == hash128(parts.key, process_seed()));
  CHECK(parts.resource_hash == hash128("shop/x?y", process_seed()));
  CHECK(resource_of_key(parts.key) == "shop/x?y");
  CHECK(scheme_of_key(parts.key) == "https");
}

TEST_CASE("what is no key has neither scheme nor resource") {
  const std::string key = key_of("shop/x?y");
  for (std::size_t size = 0; size < key.size(); ++size) {
    CAPTURE(size);
    CHECK(resource_of_key(std::string_view(key).substr(0, size)).empty());
  }
  std::string other = key;
  other[0] = 9;                                        // another layout
  CHECK(resource_of_key(other).empty());
  CHECK(scheme_of_key(other).empty());
  CHECK(scheme_of_key("").empty());
}

TEST_CASE("a key made again in the same scratch needs no more room, and HEAD has the key of GET") {
  std::string scratch;
  const std::string get_key(make_key(of("shop/x?y"), "http", "", {}, scratch).key);
  const auto capacity = scratch.capacity();
  auto head = of("shop/x?y");
  head.method = http::Method::head;
  CHECK(make_key(head, "http", "", {}, scratch).key == get_key);
  CHECK(scratch.capacity() == capacity);
}

TEST_CASE("query rules: drop, keep, sort") {
  const auto with = [](auto change) {
    CacheRules rules;
    change(rules);
    return rules;
  };
  const CacheRules drop = with([](CacheRules& r) { r.drop_parameters = {"utm_*", "fbclid"}; });
  const CacheRules keep = with([](CacheRules& r) { r.keep_parameters = std::vector<std::string>{"id", "p*"}; });
  const CacheRules none = with([](CacheRules& r) { r.keep_parameters = std::vector<std::string>{}; });
  const CacheRules sort = with([](CacheRules& r) { r.sort_query = true; });
  const CacheRules both = with([](CacheRules& r) { r.sort_query = true; r.drop_parameters = {"x"}; });
  struct Row { const CacheRules* rules; const char* url; const char* resource; const char* rule; };
  for (const Row& row : {
           Row{&drop, "shop/x?utm_source=a&id=1&fbclid=2", "shop/x?id=1", "dropped by name and pattern"},
           Row{&drop, "shop/x?utm_source=a", "shop/x", "nothing remains: no query"},
           Row{&drop, "shop/x?", "shop/x?", "nothing was dropped"},
           Row{&drop, "shop/x?a&&b=", "shop/x?a&&b=", "what remains is left as it is"},
           Row{&drop, "shop/x?utm%5Fsource=a&id=1", "shop/x?id=1", "known by its normalised name"},
           Row{&drop, "shop/x?id=utm_source", "shop/x?id=utm_source", "a value is no name"},
           Row{&keep, "shop/x?id=1&b=2&page=3", "shop/x?id=1&page=3", "only these"},
           Row{&keep, "shop/x?b=2", "shop/x", "none of these"},
           Row{&none, "shop/x?a=1&b=2", "shop/x", "none at all"},
           Row{&sort, "shop/x?b=2&a=1", "shop/x?a=1&b=2", "by name"},
           Row{&sort, "shop/x?b=1&a=2&b=0&a=1", "shop/x?a=2&a=1&b=1&b=0", "equal names keep their order"},
           Row{&sort, "shop/x?ab=1&a=2", "shop/x?a=2&ab=1", "names, not bytes with their values"},
           Row{&both, "shop/x?c=1&x=9&b=2&x&a", "shop/x?a&b=2&c=1", "both"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.url);
    CHECK(resource(row.url, *row.rules) == row.resource);
  }
}

TEST_CASE("long queries are sorted and cut like short ones") {
  CacheRules rules;
  rules.sort_query = true;
  rules.drop_parameters = {"drop*"};
  std::string url = "shop/x?", expected = "shop/x?";
  for (int i = 99; i >= 0; --i) {
    url += "k" + std::to_string(100 + i) + "=" + std::to_string(i) + "&drop" + std::to_string(i) + "=1" + (i > 0 ? "&" : "");
  }
  for (int i = 0; i < 100; ++i) expected += "k" + std::to_string(100 + i) + "=" + std::to_string(i) + (i < 99 ? "&" : "");
  CHECK(resource(url, rules) == expected);
}

TEST_CASE("a route's fields and cookies are parts of the key, each with its name, absent or not") {
  CacheRules rules;
  rules.key_fields = {"x-country", "accept-encoding"};
  rules.key_cookies = {"cart", "lang"};
  const auto key = [&](const char* fields) {
    auto request = of("shop/x");
    request.fields = lines(fields);
    std::string scratch;
    const KeyParts parts = make_key(request, "http", "", rules, scratch);
    CHECK(parts.resource == "shop/x");
    return std::string(parts.key);
  };
  std::set<std::string> keys;
  for (const char* fields : {"", "X-Country: at", "X-Country: de", "X-Country: ", "Cookie: cart=1", "Cookie: cart=", "Cookie: lang=1",
                             "Cookie: cart=1; lang=1", "Cookie: cart=11", "X-Country: at\nCookie: cart=1", "Accept-Encoding: br",
                             "X-Country: at, de"}) {
    CAPTURE(fields);
    CHECK(keys.insert(key(fields)).second);
  }
  CHECK(key("X-Country: at") == key("x-country: at\nCookie: other=1\nX-Other: 2"));
  CHECK(key("X-Country: at,de") == key("X-Country: at\nX-Country: de"));
  CHECK(key("Accept-Encoding: br;q=0.5, gzip") == key("Accept-Encoding: GZIP,br"));
  std::set<std::string> repeated;                       // which of several an origin takes nobody knows
  for (const char* fields : {"Cookie: cart=1", "Cookie: cart=2", "Cookie: cart=1; cart=2", "Cookie: cart=2; cart=1", "Cookie: cart=1; cart=2; cart=3"}) {
    CAPTURE(fields);
    CHECK(repeated.insert(key(fields)).second);
  }
  CHECK(key("Cookie: cart=1; cart=2") == key("Cookie: cart=1\nCookie: x=1; cart=2"));
  CHECK(key("Cookie: x=1; cart=1") == key("Cookie: cart=1\nCookie: x=1"));
  CHECK(key("Cookie: Cart=1") == key(""));
}

TEST_CASE("aliases share the canonical host; hosts of a pattern do not") {
  config::Route route;
  route.hosts = {"*.cdn.example", "shop.example", "www.shop.example"};
  CHECK(canonical_host(route, "shop.example") == "shop.example");
  CHECK(canonical_host(route, "WWW.shop.example:8080") == "shop.example");
  CHECK(canonical_host(route, "www.shop.example.") == "shop.example");
  CHECK(canonical_host(route, "a.cdn.example:80") == "a.cdn.example");
  CHECK(canonical_host(route, "") == "");
  route.hosts = {"shop.example", "*.shop.example"};
  CHECK(canonical_host(route, "a.shop.example") == "a.shop.example");
  CHECK(canonical_host(route, "shop.example.") == "shop.example");
  route.hosts = {};
  CHECK(canonical_host(route, "any.example") == "any.example");
  route.hosts = {"*"};
  CHECK(canonical_host(route, "any.example") == "any.example");
  CHECK(key_of("www.shop/x", {}, "http", "shop") == key_of("shop/x"));
  CHECK(key_of("www.shop:81/x", {}, "http", "shop") == key_of("shop:81/x"));   // the port stays the request's
}

config::Config two_routes() {
  config::Config config;
  config::Route shop, any;
  shop.hosts = {"shop", "www.shop"};
  shop.cache.drop_parameters = {"utm_*"};
  shop.cache.sort_query = true;
  config.routes = {shop, any};
  return config;
}

TEST_CASE("a purge names a resource as a request's key does") {
  const config::Config config = two_routes();
  struct Row { const char* url; const char* resource; const char* rule; };
  for (const Row& row : {
           Row{"http://shop/x?y", "shop/x?y", "a URL"},
           Row{"https://shop/x?y", "shop/x?y", "the scheme does not matter"},
           Row{"HTTP://SHOP:8080/x", "shop/x", "nor the port, nor the case of the host"},
           Row{"shop/x", "shop/x", "without a scheme"},
           Row{"/x", "shop/x", "a path of the default host"},
           Row{"/x?utm_a=1&b&a", "shop/x?a&b", "by the route's query rules"},
           Row{"http://www.shop/x?utm_a=1", "shop/x", "an alias, and nothing left of the query"},
           Row{"http://other/x?utm_a=1", "other/x?utm_a=1", "another route has other rules"},
           Row{"http://shop", "shop/", "an empty path is /"},
           Row{"shop?a", "shop/?a", "an empty path is /"},
           Row{"http://shop/%7e%2f", "shop/~%2F", "normalised"},
           Row{"shop/x?u=http://a/b", "shop/x?u=http://a/b", "a URL in the query"},
           Row{"[::1]:80/x", "[::1]/x", "IPv6"},
           Row{"", "", "no URL"},
           Row{"ftp://shop/x", "", "no URL of ours"},
           Row{"http://user@shop/x", "", "userinfo"},
           Row{"http:///x", "", "no host"},
           Row{"shop/x y", "", "a space"},
           Row{"shop/x#frag", "", "a fragment"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.url);
    CHECK(purge_resource(row.url, "shop:8080", config) == row.resource);
  }
  CHECK(purge_resource("/x", "", config).empty());
  config::Config by_path;
  by_path.routes.resize(2);
  by_path.routes[0].path = "/";
  by_path.routes[1].path = "/shop";
  by_path.routes[1].cache.drop_parameters = {"utm_*"};
  CHECK(purge_resource("http://h/%73hop/cart?utm_x=1", "", by_path) == "h/shop/cart");      // the route of the path, however it is spelled
  // The same bytes as a request's.
  CHECK(purge_resource("https://WWW.shop/a%41?b&a&utm_x", "", config) == resource("shop/aA?a&b"));
}

TEST_CASE("a purge's prefix begins resources as their bytes do") {
  const config::Config config = two_routes();
  CHECK(purge_prefix("http://shop/img/", "", config) == "shop/img/");
  CHECK(purge_prefix("http://www.shop/im", "", config) == "shop/im");
  CHECK(purge_prefix("/img", "shop", config) == "shop/img");
  CHECK(purge_prefix("shop", "", config) == "shop/");
  CHECK(purge_prefix("shop/x?b=1&a", "", config) == "shop/x?b=1&a");     // not sorted: it may end anywhere
  CHECK(purge_prefix("http://a b/", "", config).empty());
  CHECK(resource("shop/img/a.png").starts_with(purge_prefix("http://shop/img/", "", config)));
}

}  // namespace
}  // namespace davenport::policy::test
