// The purges that applications send (docs/purge.md): each of its rows, and what must be refused rather than half done.
#include "proxy/server/purge_dialect.h"

#include <doctest/doctest.h>

#include "config/load.h"
#include "core/http/parser.h"

namespace davenport::server {
namespace {

config::ConfigPtr shop() {
  const auto loaded = config::load("listen = [\"127.0.0.1:0\"]\n[origin.app]\nservers = [\"127.0.0.1:1\"]\n[[route]]\nhosts = [\"shop.test\", \"www.shop.test\"]\n", "test.toml");
  REQUIRE(loaded);
  return *loaded;
}

// "url shop.test/a", "soft tag milk, tag eggs", "refused: …".
std::string told(std::string text) {
  text.append("\r\n");
  const http::HeadLimits limits;
  http::RequestParser parser(limits);
  http::RequestHead head;
  REQUIRE(parser.parse(text, head).state == http::ParseState::done);
  const Result<purge::Request> read = read_purge_dialect(head, *shop());
  if (!read) return "refused";
  std::string out = read->soft ? "soft" : "";
  for (const purge::Target& target : read->targets) {
    if (!out.empty()) out.append(", ");
    switch (target.kind) {
      case purge::Kind::url: out.append("url ").append(target.name); break;
      case purge::Kind::tag: out.append("tag ").append(target.name); break;
      case purge::Kind::prefix: out.append("prefix ").append(target.name); break;
      case purge::Kind::all: out.append("all"); break;
    }
  }
  return out;
}

TEST_CASE("each application's purge is read as it is meant") {
  struct Row { const char *request, *means, *who; };
  for (const Row& row : {
           Row{"PURGE /a?b=1 HTTP/1.1\r\nHost: shop.test\r\n", "url shop.test/a?b=1", "most applications"},
           Row{"PURGE /a HTTP/1.1\r\nHost: www.shop.test:8080\r\nContent-Length: 0\r\nProxy-Connection: keep-alive\r\n", "url shop.test/a", "an alias and a port"},
           Row{"PURGE http://www.shop.test/wiki/A HTTP/1.1\r\nHost: 10.0.0.5:6081\r\n", "url shop.test/wiki/A", "MediaWiki: absolute-form to the cache's own address"},
           Row{"PURGE https://shop.test/a HTTP/1.1\r\nHost: shop.test\r\n", "url shop.test/a", "the scheme does not matter"},
           Row{"PURGE /blog/.* HTTP/1.1\r\nHost: shop.test\r\nX-Purge-Method: regex\r\n", "prefix shop.test/blog/", "WordPress' plugins"},
           Row{"PURGE /.* HTTP/1.1\r\nHost: shop.test\r\nX-Purge-Method: regex\r\n", "prefix shop.test/", "… all of the site"},
           Row{"PURGE /blog HTTP/1.1\r\nHost: shop.test\r\nX-Purge-Method: exact\r\n", "url shop.test/blog", "… one page"},
           Row{"PURGE / HTTP/1.1\r\nHost: shop.test\r\nX-Purge-Method: default\r\n", "url shop.test/", "… one page"},
           Row{"PURGE / HTTP/1.1\r\nHost: shop.test\r\nSurrogate-Key: a b\r\n", "tag a, tag b", "Fastly"},
           Row{"PURGE / HTTP/1.1\r\nHost: shop.test\r\nSurrogate-Key: a\r\nFastly-Soft-Purge: 1\r\n", "soft, tag a", "Fastly, soft"},
           Row{"PURGE /a HTTP/1.1\r\nHost: shop.test\r\nFastly-Soft-Purge: 1\r\n", "soft, url shop.test/a", "Fastly, soft"},
           Row{"BAN / HTTP/1.1\r\nHost: shop.test\r\nCache-Tags: node:1 node_list\r\n", "tag node:1, tag node_list", "Drupal"},
           Row{"PURGE / HTTP/1.1\r\nHost: shop.test\r\nxkey: a, b\r\n", "tag a, tag b", "Varnish's xkey"},
           Row{"PURGE / HTTP/1.1\r\nHost: shop.test\r\nxkey-softpurge: a\r\n", "soft, tag a", "FOSHttpCache, soft"},
           Row{"BAN / HTTP/1.1\r\nHost: shop.test\r\nCache-Tags: node:1|node_list\r\n", "tag node:1, tag node_list", "Drupal, separated by pipes"},
           Row{"BAN / HTTP/1.1\r\nHost: shop.test\r\nX-Cache-Tags: (^|,)(a|b\\-c)(,|$)\r\n", "tag a, tag b-c", "FOSHttpCache"},
           Row{"PURGE / HTTP/1.1\r\nHost: shop.test\r\nX-Magento-Tags-Pattern: ((^|,)cat_p_1(,|$))|((^|,)cat_c_2(,|$))\r\n", "tag cat_p_1, tag cat_c_2", "Magento"},
           Row{"PURGE / HTTP/1.1\r\nHost: shop.test\r\nX-Magento-Tags-Pattern: .*\r\n", "all", "Magento: everything"},
       }) {
    CAPTURE(row.who);
    CAPTURE(row.request);
    CHECK(told(row.request) == row.means);
  }
}

TEST_CASE("what does not mean exactly one prefix, or exactly some tags, is refused") {
  for (const char* fields : {
           "X-Magento-Tags-Pattern: cat_p_1", "X-Magento-Tags-Pattern: ((^|,)cat_p.*(,|$))", "X-Magento-Tags-Pattern: ((^|,)cat_p_1",
           "X-Magento-Tags-Pattern: ((^|,)(,|$))", "X-Magento-Tags-Pattern: ((^|,)a(,|$))|b", "X-Magento-Tags-Pattern: (^|,)a|b(,|$)",
           "X-Magento-Tags-Pattern: ((^|,)\\d(,|$))", "X-Magento-Tags-Pattern: ((^|,)a.b(,|$))", "X-Magento-Tags-Pattern:",
           "X-Cache-Tags: (a|b)(,|$)", "Cache-Tags: a*", "Surrogate-Key: ", "Surrogate-Key: ,", "X-Purge-Method: host",
       }) {
    CAPTURE(fields);
    CHECK(told("PURGE /a HTTP/1.1\r\nHost: shop.test\r\n" + std::string(fields) + "\r\n") == "refused");
  }
  for (const char* path : {"/a", "/a.*b", "/a(b).*", "/a.b.*", "/a+.*", "/.*?x=1", "/a$"}) {
    CAPTURE(path);
    CHECK(told("PURGE " + std::string(path) + " HTTP/1.1\r\nHost: shop.test\r\nX-Purge-Method: regex\r\n") == "refused");
  }
  CHECK(told("BAN /a HTTP/1.1\r\nHost: shop.test\r\n") == "refused");
  CHECK(told("BAN / HTTP/1.1\r\nHost: shop.test\r\nX-Url: .*\r\n") == "refused");
}

TEST_CASE("a flood of tags is refused whole") {
  std::string keys;
  for (int i = 0; i < 10'001; ++i) keys.append("t ");
  http::RequestHead head;
  head.method = http::Method::purge;
  head.fields.add("surrogate-key", keys);
  CHECK_FALSE(read_purge_dialect(head, *shop()));
}

}  // namespace
}  // namespace davenport::server
