#include "cache/warm/sources.h"

#include <doctest/doctest.h>

using namespace davenport;
using namespace davenport::warm;

using Texts = std::vector<std::string>;

TEST_CASE("a sitemap's pages are its <loc>s below <url>, whatever stands beside them (sitemaps.org)") {
  struct Row { const char* xml; Texts urls; const char* rule; };
  for (const Row& row : {
           Row{"<urlset><url><loc>http://s.test/a</loc></url><url><loc> http://s.test/b\n</loc></url></urlset>", {"http://s.test/a", "http://s.test/b"}, "white space around"},
           Row{"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- > --><urlset xmlns=\"a>b\"><url><loc>http://s.test/?a=1&amp;b=&#50;&#x33;</loc></url></urlset>", {"http://s.test/?a=1&b=23"}, "mark, instruction, comment, attribute, entities"},
           Row{"<urlset><url><loc><![CDATA[http://s.test/?a&b]]></loc><image:image><image:loc>http://s.test/i.png</image:loc></image:image></url></urlset>", {"http://s.test/?a&b"}, "CDATA; an image is no page"},
           Row{"<s:urlset xmlns:s='x'><s:url><s:loc>http://s.test/a</s:loc><s:priority/></s:url></s:urlset>", {"http://s.test/a"}, "prefixes"},
           Row{"<urlset><url><loc>http://s.test/caf\xc3\xa9#top</loc></url></urlset>", {"http://s.test/caf%C3%A9"}, "what no URL holds is encoded, a fragment left out"},
           Row{"<urlset></urlset>", {}, "empty"}}) {
    CAPTURE(row.rule);
    const Result<Pages> pages = read_pages(row.xml, "");
    REQUIRE(pages);
    CHECK(pages->urls == row.urls);
    CHECK(pages->sitemaps.empty());
    CHECK(pages->unusable == 0);
  }
}

TEST_CASE("an index names sitemaps") {
  const Result<Pages> pages =
      read_pages("<sitemapindex><sitemap><loc>http://s.test/1.xml.gz</loc><lastmod>2020</lastmod></sitemap><url><loc>http://s.test/x</loc></url></sitemapindex>", "");
  REQUIRE(pages);
  CHECK(pages->sitemaps == Texts{"http://s.test/1.xml.gz"});
  CHECK(pages->urls.empty());
}

TEST_CASE("a malformed sitemap is refused whole") {
  for (const char* xml : {
           "<urlset><url><loc>http://s.test/a</loc></url>", "<urlset><url></urlset></url>", "<html><body></body></html>",
           "<!DOCTYPE a [<!ENTITY x \"y\">]><urlset></urlset>", "<urlset><url><loc>&x;</loc></url></urlset>",
           "<urlset><url><loc>&#xD800;</loc></url></urlset>", "<urlset><url><loc>&#;</loc></url></urlset>", "<urlset a='></urlset>",
           "<urlset></urlset>x", "<urlset></urlset><urlset></urlset>", "<urlset><!-- </urlset>", "<urlset><</urlset>", "<urlset><![CDATA[</urlset>",
           "<urlset><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></urlset>", "<>", "<"}) {
    CAPTURE(xml);
    CHECK_FALSE(read_pages(xml, ""));
  }
}

TEST_CASE("no cut of a sitemap is taken for the whole") {
  const std::string xml = "<?xml version=\"1.0\"?><urlset><url><loc>http://s.test/?a=1&amp;b</loc><x y='z'/></url><!-- c --></urlset>";
  REQUIRE(read_pages(xml, ""));
  for (std::size_t cut = 1; cut < xml.size(); ++cut) {
    CAPTURE(cut);
    CHECK_FALSE(read_pages(xml.substr(0, cut), ""));
  }
}

TEST_CASE("a list is a URL a line; a path starts from the base") {
  const Result<Pages> pages = read_pages("# shop\r\nhttp://s.test/a\r\n\n  /b?c \nnonsense\n//x/y\nftp://s.test/\nhttps://s.test:8443", "http://base.test");
  REQUIRE(pages);
  CHECK(pages->urls == Texts{"http://s.test/a", "http://base.test/b?c", "https://s.test:8443"});
  CHECK(pages->unusable == 3);
  CHECK(read_pages("/a", "")->unusable == 1);
}

TEST_CASE("a feed's products are the objects that have all that the template names") {
  struct Row { const char *json, *shape; Texts urls; const char* rule; };
  for (const Row& row : {
           Row{R"([{"id": 17}, {"id": "a b/c"}, {"name": "x"}])", "/product/{id}", {"http://s.test/product/17", "http://s.test/product/a%20b%2Fc"}, "numbers and texts; others are left out"},
           Row{R"({"shop": {"items": [{"sku": "x", "lang": "de", "id": 1}]}, "id": 9})", "/{lang}/{sku}", {"http://s.test/de/x"}, "wherever they stand"},
           Row{R"([{"url": "http://other.test/a?b=c", "id": 1}])", "{url}", {"http://other.test/a?b=c"}, "the first word as it is"},
           Row{R"([{"id": 1.5}, {"id": true}, {"id": ""}, {"id": 2}])", "/p/{id}.html", {"http://s.test/p/2.html"}, "neither fractions nor empty"},
           Row{R"([{"id": 1, "variants": [{"id": 2}]}])", "/p/{id}", {"http://s.test/p/1"}, "a product's own parts are no products"}}) {
    CAPTURE(row.rule);
    const Result<Pages> pages = read_feed(row.json, row.shape, "http://s.test");
    REQUIRE(pages);
    CHECK(pages->urls == row.urls);
  }
  for (const char* shape : {"/p", "/p/{}", "/p/{id", "/p/id}", "/p/{a{b}}"}) {
    CAPTURE(shape);
    CHECK_FALSE(read_feed(R"([{"id": 1}])", shape, "http://s.test"));
  }
  CHECK_FALSE(read_feed("[", "/p/{id}", ""));
  CHECK_FALSE(read_feed("[{\"sku\": 1}]", "/p/{id}", ""));
  CHECK(*names_in("/{a}/{b}") == Texts{"a", "b"});
}

TEST_CASE("the base of a URL is its scheme and authority") {
  CHECK(base_of("HTTP://S.test:81/a?b") == "http://S.test:81");
  CHECK(base_of("/a") == "");
}
