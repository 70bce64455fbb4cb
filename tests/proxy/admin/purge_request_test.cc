#include "proxy/admin/purge_request.h"

#include <doctest/doctest.h>

using namespace davenport;
using namespace davenport::admin;
using purge::Kind;

namespace {

config::Config shop() {
  config::Config config;
  config.origins.resize(1);
  config::Route route;
  route.hosts = {"shop.test", "www.shop.test"};
  route.cache.drop_parameters = {"utm_*"};
  config.routes.push_back(route);
  return config;
}

std::string names(const purge::Request& request) {
  std::string out;
  for (const purge::Target& target : request.targets) {
    constexpr const char* kKinds[] = {"url", "tag", "prefix", "all"};
    out.append(out.empty() ? "" : " ").append(kKinds[static_cast<int>(target.kind)]).append(":").append(target.name);
  }
  return out;
}

std::string many(const std::string& one, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "\"" : ",\"") + one + std::to_string(i) + "\"";
  return out;
}

}  // namespace

TEST_CASE("a purge names what it hits as the cache key spells it") {
  struct Row { const char *json, *names; };
  for (const Row& row : {
           Row{R"({"url":"http://shop.test/milk"})", "url:shop.test/milk"},
           Row{R"({"url":"https://SHOP.test:8443/m%69lk?b=1&utm_x=2"})", "url:shop.test/milk?b=1"},
           Row{R"({"url":"http://www.shop.test/milk"})", "url:shop.test/milk"},
           Row{R"({"urls":["http://shop.test/a","http://other.test/"]})", "url:shop.test/a url:other.test/"},
           Row{R"({"tag":"dairy"})", "tag:dairy"}, Row{R"({"tags":["dairy","k\u00e4se"]})", "tag:dairy tag:k\xc3\xa4se"},
           Row{R"({"prefix":"http://www.shop.test/img/"})", "prefix:shop.test/img/"}, Row{R"({"all":true})", "all:"}}) {
    CAPTURE(row.json);
    const Result<PurgeOrder> order = read_purge_order(row.json, shop());
    REQUIRE(order);
    CHECK(names(order->request) == row.names);
    CHECK_FALSE(order->request.soft);
    CHECK(order->request.id.empty());
    CHECK(order->count);
  }
}

TEST_CASE("soft, id and count stand beside the names, in any order") {
  const Result<PurgeOrder> order = read_purge_order(R"({"count":false,"id":"deploy 7","tag":"a","soft":true})", shop());
  REQUIRE(order);
  CHECK(order->request.soft);
  CHECK(order->request.id == "deploy 7");
  CHECK_FALSE(order->count);
  CHECK_FALSE(order->request.wait_all);
  const Result<PurgeOrder> patient = read_purge_order(R"({"wait":"all","tag":"a"})", shop());
  REQUIRE(patient);
  CHECK(patient->request.wait_all);
}

TEST_CASE("a mistake anywhere refuses the whole purge and is named") {
  const std::string long_text(9'000, 'x');
  struct Row { std::string json, message; };
  for (const Row& row : {
           Row{"", "expected a value"}, Row{"[]", "must be a JSON object"}, Row{"\"all\"", "must be a JSON object"},
           Row{"{}", "nothing says what to purge"}, Row{R"({"soft":true})", "nothing says what to purge"},
           Row{R"({"tag":"a","tags":["b"]})", R"("tag" and "tags" exclude each other)"},
           Row{R"({"url":"http://shop.test/","all":true})", R"("url" and "all" exclude each other)"},
           Row{R"({"tag":"a","purge":"b"})", R"(unknown member "purge")"}, Row{R"({"Tag":"a"})", R"(unknown member "Tag")"},
           Row{R"({"all":false})", R"("all" must be true)"}, Row{R"({"all":1})", R"("all" must be true)"},
           Row{R"({"url":7})", R"("url" must be a string, not a number)"}, Row{R"({"url":null})", "not null"},
           Row{R"({"urls":"http://shop.test/"})", R"("urls" must be an array of strings, not a string)"},
           Row{R"({"urls":[]})", R"("urls" is empty)"}, Row{R"({"tags":[]})", R"("tags" is empty)"},
           Row{R"({"urls":["http://shop.test/",{}]})", R"("urls[1]" must be a string, not an object)"},
           Row{R"({"urls":["http://shop.test/","milk and honey"]})", R"("urls[1]": "milk and honey" is no URL)"},
           Row{R"({"url":""})", "is no URL"}, Row{R"({"url":"/milk"})", "is no URL"}, Row{R"({"url":"ftp://shop.test/"})", "is no URL"},
           Row{R"({"url":"http://shop.test/#top"})", "is no URL"}, Row{R"({"url":"http://user@shop.test/"})", "is no URL"},
           Row{"{\"url\":\"http://shop.test/" + long_text + "\"}", "is no URL"},
           Row{R"({"tag":""})", "is no tag"}, Row{R"({"tag":"a b"})", "is no tag"}, Row{R"({"tag":"a,b"})", "is no tag"},
           Row{R"({"tag":"a\u0000"})", "is no tag"}, Row{"{\"tag\":\"" + std::string(257, 'x') + "\"}", "is no tag"},
           Row{R"({"tags":["ok","a\tb"]})", R"("tags[1]": )"}, Row{R"({"prefix":""})", "is no URL prefix"},
           Row{R"({"prefix":"http://"})", "is no URL prefix"}, Row{R"({"prefix":["http://shop.test/"]})", "not an array"},
           Row{R"({"tag":"a","soft":"yes"})", R"("soft" must be true or false, not a string)"},
           Row{R"({"tag":"a","count":0})", R"("count" must be true or false, not a number)"},
           Row{R"({"tag":"a","wait":true})", R"("wait" must be "all")"}, Row{R"({"tag":"a","wait":"some"})", R"("wait" must be "all")"},
           Row{R"({"tag":"a","id":7})", R"("id" must be a string, not a number)"}, Row{R"({"tag":"a","id":""})", "1 to 128 bytes"},
           Row{"{\"tag\":\"a\",\"id\":\"" + std::string(129, 'x') + "\"}", "1 to 128 bytes"},
           Row{R"({"tag":"a","tag":"b"})", "each name once"}, Row{R"({"tag":"a"} x)", "nothing behind the value"},
           Row{"{\"tags\":[" + many("t", 10'001) + "]}", "has 10001 names; at most 10,000"}}) {
    CAPTURE(row.json.substr(0, 80));
    const Result<PurgeOrder> order = read_purge_order(row.json, shop());
    REQUIRE_FALSE(order);
    CAPTURE(order.error().message);
    CHECK(order.error().message.find(row.message) != std::string::npos);
    CHECK(order.error().message.size() < 400);
  }
}

TEST_CASE("ten thousand names go in one purge") {
  const Result<PurgeOrder> order = read_purge_order("{\"urls\":[" + many("http://shop.test/", 10'000) + "]}", shop());
  REQUIRE(order);
  CHECK(order->request.targets.size() == 10'000);
  CHECK(order->request.targets.back().name == "shop.test/9999");
}
