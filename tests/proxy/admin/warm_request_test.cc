#include "proxy/admin/warm_request.h"

#include <doctest/doctest.h>

using namespace davenport;
using namespace davenport::admin;

namespace {

using Texts = std::vector<std::string>;

config::Warm settings() {
  config::Warm warm;
  warm.urls = {"http://shop.test/"};
  warm.rate = 7;
  warm.concurrency = 3;
  warm.variants = {"br"};
  return warm;
}

}  // namespace

TEST_CASE("an order names its sources; what it does not say is as the configuration says") {
  const Result<warm::Order> urls = read_warm_order(R"({"urls": ["http://shop.test/a#x", "https://shop.test/b"]})", settings());
  REQUIRE(urls);
  CHECK(urls->urls == Texts{"http://shop.test/a", "https://shop.test/b"});
  CHECK(urls->rate == 7);
  CHECK(urls->concurrency == 3);
  CHECK(urls->variants == Texts{"br"});
  const Result<warm::Order> all = read_warm_order(
      R"({"sitemap": "http://s.test/1.xml", "sitemaps": ["http://s.test/2.xml"], "feed": {"url": "http://s.test/f", "template": "/p/{id}"},
          "rate": 0, "concurrency": 9, "variants": []})", settings());
  REQUIRE(all);
  CHECK(all->urls.empty());
  CHECK(all->sources == Texts{"http://s.test/1.xml", "http://s.test/2.xml"});
  CHECK(all->feed == "http://s.test/f");
  CHECK(all->feed_template == "/p/{id}");
  CHECK(all->rate == 0);
  CHECK(all->concurrency == 9);
  CHECK(all->variants.empty());
}

TEST_CASE("an order without a source is what the configuration names, or a mistake") {
  for (const char* json : {"", "{}", R"({"rate": 5})"}) {
    CAPTURE(json);
    const Result<warm::Order> order = read_warm_order(json, settings());
    REQUIRE(order);
    CHECK(order->urls == Texts{"http://shop.test/"});
  }
  CHECK(read_warm_order(R"({"rate": 5})", settings())->rate == 5);
  CHECK_FALSE(read_warm_order("{}", config::Warm{}));
}

TEST_CASE("a mistake in an order begins nothing") {
  for (const char* json : {"[]", "{", R"({"url": "http://a/"})", R"({"urls": "http://a/"})", R"({"urls": ["/a"]})", R"({"urls": [1]})", R"({"sitemap": 1})",
                           R"({"feed": "http://a/"})", R"({"feed": {"url": "http://a/"}})", R"({"feed": {"template": "/{id}"}})",
                           R"({"feed": {"url": "http://a/", "template": "/p"}})", R"({"urls": ["http://a/"], "rate": -1})",
                           R"({"urls": ["http://a/"], "rate": "5"})", R"({"urls": ["http://a/"], "concurrency": 0})",
                           R"({"urls": ["http://a/"], "variants": ["lzma"]})"}) {
    CAPTURE(json);
    CHECK_FALSE(read_warm_order(json, settings()));
  }
}

TEST_CASE("a run's progress as JSON") {
  CHECK(progress_json(nullptr, SteadyTime{}) == "{\"state\":\"none\"}\n");
  warm::Progress progress;
  progress.stage = warm::Stage::asking;
  progress.total = 10;
  progress.fetched = 3;
  progress.failed = 1;
  progress.failures = {"http://a/: status 500"};
  progress.waits_for = "requests wait for an origin";
  CHECK(progress_json(&progress, SteadyTime{Seconds{2}}) ==
        "{\"state\":\"asking\",\"waits_for\":\"requests wait for an origin\",\"total\":10,\"done\":4,\"fetched\":3,\"already_warm\":0,\"not_stored\":0,"
        "\"failed\":1,\"unusable\":0,\"per_second\":2,\"milliseconds\":2000,\"paused_milliseconds\":0,\"failures\":[\"http://a/: status 500\"]}\n");
}
