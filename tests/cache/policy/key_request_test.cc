#include "cache/policy/key_request.h"

#include <doctest/doctest.h>

#include "cache/policy/key.h"
#include "core/http/parser.h"

using namespace davenport;
using namespace davenport::policy;

namespace {

std::string key_of(const std::string& bytes, std::string_view scheme, const config::CacheRules& rules) {
  http::RequestHead head;
  http::RequestParser parser((http::HeadLimits()));
  REQUIRE(parser.parse(bytes, head).state == http::ParseState::done);
  std::string scratch;
  make_key(head, scheme, "", rules, scratch);
  return scratch;
}

}  // namespace

TEST_CASE("a key tells the URL, the added fields and the cookies that it was made of") {
  config::CacheRules rules;
  rules.key_fields = {"accept-language", "x-none"};
  rules.key_cookies = {"theme", "absent"};
  const auto request = request_of_key(key_of("GET /A%2fb?x=1 HTTP/1.1\r\nHost: Shop.test:8443\r\nAccept-Language: de\r\nCookie: theme=dark; other=1\r\n\r\n", "https", rules));
  REQUIRE(request);
  CHECK(request->url == "https://shop.test:8443/A%2Fb?x=1");
  REQUIRE(request->fields.size() == 2);
  CHECK(request->fields[0].first == "accept-language");
  CHECK(request->fields[1] == std::pair<std::string, std::string>{"Cookie", "theme=dark"});
  CHECK(request_of_key(key_of("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n", "http", {}))->url == "http://shop.test/");
}

TEST_CASE("a key tells the host that a trusted proxy named, and is another one with it") {
  http::RequestHead head;
  head.authority = "inner.test";
  head.path = "/a";
  std::string plain_scratch, scratch;
  const std::string plain(make_key(head, "http", "", {}, plain_scratch).key), other(make_key(head, "http", "", {}, scratch, "www.shop.test").key);
  CHECK(plain != other);
  CHECK(request_of_key(plain)->forwarded_host.empty());
  REQUIRE(request_of_key(other));
  CHECK(request_of_key(other)->forwarded_host == "www.shop.test");
  CHECK(request_of_key(other)->url == "http://inner.test/a");
}

TEST_CASE("what is no key, or a cut one, tells nothing") {
  config::CacheRules rules;
  rules.key_fields = {"accept-language"};
  const std::string key = key_of("GET /a HTTP/1.1\r\nHost: shop.test\r\nAccept-Language: de\r\n\r\n", "http", rules);
  const std::size_t bare = key_of("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n", "http", {}).size();
  for (std::size_t cut = 0; cut < key.size(); ++cut) {
    CAPTURE(cut);
    CHECK(request_of_key(key.substr(0, cut)).has_value() == (cut == bare));
  }
  CHECK_FALSE(request_of_key(key + "x"));
  CHECK_FALSE(request_of_key("x" + key));
}
