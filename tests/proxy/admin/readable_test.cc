#include "proxy/admin/readable.h"

#include <doctest/doctest.h>

#include "cache/policy/key.h"
#include "cache/policy/vary.h"
#include "core/http/parser.h"

using namespace davenport;
using namespace davenport::admin;

namespace {

std::string key_of(const std::string& request, std::string_view scheme, const config::CacheRules& rules) {
  const http::HeadLimits limits;
  http::RequestParser parser(limits);
  http::RequestHead head;
  REQUIRE(parser.parse(request, head).state == http::ParseState::done);
  std::string scratch;
  return std::string(policy::make_key(head, scheme, "", rules, scratch).key);
}

}  // namespace

TEST_CASE("a key is shown as the URL that it stands for, and what the route added") {
  config::CacheRules rules;
  const std::string get = "GET /milk?fat=3 HTTP/1.1\r\nHost: shop.test:8080\r\nX-Site: de\r\nCookie: theme=dark\r\n\r\n";
  CHECK(readable_key(key_of(get, "http", rules)) == "http://shop.test:8080/milk?fat=3");
  rules.key_fields = {"x-site", "x-tier"};
  rules.key_cookies = {"theme", "size"};
  CHECK(readable_key(key_of(get, "https", rules)) ==
        "https://shop.test:8080/milk?fat=3 + field x-site=de + field x-tier (absent) + cookie theme=dark + cookie size (absent)");
  CHECK(readable_key(key_of("GET / HTTP/1.1\r\nHost: SHOP.test:80\r\n\r\n", "http", {})) == "http://shop.test/");
}

TEST_CASE("no cut of a key is read beyond its end") {
  config::CacheRules rules;
  rules.key_fields = {"x-site"};
  const std::string key = key_of("GET /milk HTTP/1.1\r\nHost: shop.test\r\nX-Site: de\r\n\r\n", "http", rules);
  for (std::size_t size = 0; size < key.size(); ++size) {
    const std::string text = readable_key(std::string(key.data(), size));
    CHECK(text.find("x-site=de") == std::string::npos);
  }
}

TEST_CASE("a selector is shown as the names in Vary and the values that were asked for") {
  http::Fields response, request;
  response.add("Vary", "Accept-Encoding, X-Tier");
  request.add("Accept-Encoding", "gzip");
  const std::string selector = policy::make_selector(response, request, {});
  const std::vector<NamedValue> values = readable_selector(selector);
  REQUIRE(values.size() == 2);
  CHECK(values[0].name == "accept-encoding");
  CHECK(values[0].value == "gzip");
  CHECK(values[1].name == "x-tier");
  CHECK(values[1].value == std::nullopt);
  CHECK(readable_selector("").empty());
  for (std::size_t size = 0; size < selector.size(); ++size) {
    CHECK(readable_selector(std::string(selector.data(), size)).size() < 2);
  }
}

TEST_CASE("the fields of a stored head are read back") {
  const http::Fields fields = fields_of_head("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nX-Empty:\r\nETag: \"a:b\"\r\n");
  CHECK(fields.size() == 3);
  CHECK(fields.get(http::FieldId::cache_control) == "max-age=60");
  CHECK(fields.get("x-empty") == "");
  CHECK(fields.get(http::FieldId::etag) == "\"a:b\"");
  CHECK(fields_of_head("").empty());
  CHECK(fields_of_head("HTTP/1.1 200 OK\r\n").empty());
}

TEST_CASE("seconds are shown in the two largest units that they fill") {
  struct Row { std::int64_t seconds; const char* text; };
  for (const Row& row : {Row{0, "0 s"}, Row{1, "1 s"}, Row{60, "1 min"}, Row{61, "1 min 1 s"}, Row{7'500, "2 h 5 min"},
                         Row{7'501, "2 h 5 min"}, Row{86'400, "1 d"}, Row{90'061, "1 d 1 h"}, Row{-90, "-1 min 30 s"}}) {
    CHECK(readable_seconds(row.seconds) == row.text);
  }
}
