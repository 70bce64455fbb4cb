#include "proxy/admin/explain.h"

#include "proxy/admin/admin_support.h"
#include "core/http/grammar.h"
#include "core/base/json.h"

using namespace davenport;
using namespace davenport::admin;
using admin_test::FakeServer;
using admin_test::put;

namespace {

const WallSeconds kStored{Seconds{1'700'000'000}};

Explanation explained(FakeServer& server, const std::string& url, WallSeconds now = kStored,
                      std::vector<std::pair<std::string, std::string>> fields = {}) {
  Question question;
  question.url = url;
  question.fields = std::move(fields);
  Result<Explanation> explanation = explain(server, question, now);
  REQUIRE(explanation);
  return std::move(*explanation);
}

bool advises(const Explanation& explanation, std::string_view text) {
  for (const std::string& advice : explanation.advice) {
    if (advice.find(text) != std::string::npos) return true;
  }
  return false;
}

void purge_url(FakeServer& server, const std::string& resource, bool soft) {
  purge::Request request;
  request.targets = {{purge::Kind::url, resource}};
  request.soft = soft;
  REQUIRE(server.purge_log().record(request));
}

}  // namespace

TEST_CASE("a question is read from a query, percent-encoded or as it is") {
  const Result<Question> question =
      read_question("url=http%3A%2F%2Fshop.test%2Fa%2Bb%3Fc%26d&field=Accept-Encoding:+gzip&field=X%3Ay&method=HEAD&format=text");
  REQUIRE(question);
  CHECK(question->url == "http://shop.test/a+b?c&d");
  CHECK(question->method == "HEAD");
  CHECK(question->as_text);
  REQUIRE(question->fields.size() == 2);
  CHECK(question->fields[0] == std::pair<std::string, std::string>("Accept-Encoding", "gzip"));
  CHECK(question->fields[1] == std::pair<std::string, std::string>("X", "y"));
  const Result<Question> plain = read_question("url=http://shop.test/a+b");
  REQUIRE(plain);
  CHECK(plain->url == "http://shop.test/a+b");
  CHECK(plain->method == "GET");
  CHECK_FALSE(plain->as_text);
}

TEST_CASE("a question that can't be understood is refused with what is wrong") {
  struct Row { const char *query, *message; };
  for (const Row& row : {
           Row{"", "what URL?"}, Row{"url=", "what URL?"}, Row{"url=%zz", "% without two"}, Row{"url=%2", "% without two"},
           Row{"url=http://a/&url=http://b/", "there twice"}, Row{"url=http://a/?x=1&y=2", "unknown parameter \"y\""},
           Row{"url=http://a/&format=xml", "text or json"}, Row{"url=http://a/&field=gzip", "Name:value"},
           Row{"url=http://a/&field=a+b:c", "Name:value"}, Row{"url=http://a/&field=X:a%0d%0ab", "no control bytes"},
           Row{"url=http://a/&method=GET+/", "a token"}}) {
    CAPTURE(row.query);
    const Result<Question> question = read_question(row.query);
    REQUIRE_FALSE(question);
    CHECK(question.error().message.find(row.message) != std::string::npos);
  }
}

TEST_CASE("what a client could not ask for can't be explained") {
  FakeServer server;
  struct Row { const char *url, *message; };
  for (const Row& row : {Row{"shop.test/milk", "is no URL"}, Row{"ftp://shop.test/", "is no URL"}, Row{"http://", "is no URL"},
                         Row{"http://shop.test/a b", "is no URL"}, Row{"http://shop.test/#x", "is no URL"}}) {
    CAPTURE(row.url);
    Question question;
    question.url = row.url;
    const Result<Explanation> explanation = explain(server, question, kStored);
    REQUIRE_FALSE(explanation);
    CHECK(explanation.error().message.find(row.message) != std::string::npos);
  }
  Question question;
  question.url = "http://shop.test/";
  question.fields = {{"Host", "other.test"}};
  CHECK_FALSE(explain(server, question, kStored));
  question.fields = {{"Content-Length", "x"}};
  CHECK_FALSE(explain(server, question, kStored));
}

TEST_CASE("a fresh response is explained: key, age, lifetime and where it comes from (RFC 9111 §4.2)") {
  FakeServer server;
  put(server, "/milk", "Cache-Control: max-age=60\r\nETag: \"v1\"\r\nSurrogate-Key: dairy shelf-3\r\nAge: 5\r\n", "milk", "", kStored);
  const Explanation explanation = explained(server, "http://WWW.shop.test/milk", kStored + Seconds{20});
  CHECK(explanation.routed);
  CHECK(explanation.origin == "shop");
  CHECK(explanation.key == "http://shop.test/milk");
  CHECK(explanation.resource == "shop.test/milk");
  CHECK(explanation.action == "serve");
  CHECK(explanation.reason == "fresh_hit");
  REQUIRE(explanation.variants.size() == 1);
  const Variant& variant = explanation.variants[0];
  CHECK(variant.chosen);
  CHECK(variant.facts.initial_age == 5);
  CHECK(variant.age == 25);
  CHECK(variant.facts.lifetime == 60);
  CHECK(variant.ttl == 35);
  CHECK(variant.lifetime_source.starts_with("max-age"));
  CHECK(variant.tags == std::vector<std::string>{"dairy", "shelf-3"});
  CHECK(variant.tag_count == 2);
  CHECK(variant.body_bytes == 4);
  CHECK(variant.purge == policy::PurgeState::valid);
}

TEST_CASE("only tags that the response really has are named, and the others are counted") {
  FakeServer server;
  put(server, "/milk", "Cache-Control: max-age=60\r\nSurrogate-Key: dairy\r\n", "milk", "", kStored);
  config::Config config = admin_test::shop_config();
  config.routes[0].cache.tags = {"new-since-the-reload"};
  REQUIRE(server.reload(std::make_shared<const config::Config>(config)));
  put(server, "/butter", "Cache-Control: max-age=60\r\n", "butter", "", kStored);
  const Explanation milk = explained(server, "http://shop.test/milk");
  CHECK(milk.variants.at(0).tags == std::vector<std::string>{"dairy"});
  CHECK(milk.variants.at(0).tag_count == 1);
  Explanation butter = explained(server, "http://shop.test/butter");
  CHECK(butter.variants.at(0).tags == std::vector<std::string>{"new-since-the-reload"});
  CHECK(to_text(butter).find("Tags      new-since-the-reload\n") != std::string::npos);
  butter.variants[0].tag_count = 3;
  CHECK(to_text(butter).find("new-since-the-reload, and 2 whose names came too long ago") != std::string::npos);
}

TEST_CASE("the source of a lifetime is named") {
  struct Row { const char *fields, *source; };
  const std::string modified = "Last-Modified: " + http::http_date(kStored - Seconds{1000}) + "\r\n";
  const std::string expires = "Expires: " + http::http_date(kStored + Seconds{50}) + "\r\n";
  for (const Row& row : {
           Row{"Cache-Control: s-maxage=10, max-age=60\r\n", "s-maxage"}, Row{"Cache-Control: public, max-age=60\r\n", "max-age"},
           Row{expires.c_str(), "Expires"}, Row{modified.c_str(), "a guess"},
           Row{"CDN-Cache-Control: max-age=9\r\nCache-Control: max-age=60\r\n", "a targeted field"}}) {
    CAPTURE(row.fields);
    FakeServer server;
    REQUIRE(put(server, "/milk", row.fields, "milk", "", kStored) == policy::Storing::stored);
    const Explanation explanation = explained(server, "http://shop.test/milk");
    REQUIRE(explanation.variants.size() == 1);
    CHECK(explanation.variants[0].lifetime_source.starts_with(row.source));
  }
}

TEST_CASE("the decision is that of the request asked about") {
  FakeServer server;
  put(server, "/milk", "Cache-Control: max-age=60\r\nETag: \"v1\"\r\n", "milk", "", kStored);
  struct Row { const char *name, *value; Seconds later; const char *action, *reason; };
  for (const Row& row : {
           Row{"X", "y", Seconds{1}, "serve", "fresh_hit"}, Row{"Cache-Control", "no-cache", Seconds{1}, "validate", "request_no_cache"},
           Row{"Cache-Control", "max-age=5", Seconds{10}, "validate", "request_max_age"}, Row{"X", "y", Seconds{100}, "validate", "stale"},
           Row{"Cache-Control", "only-if-cached", Seconds{100}, "refuse", "only_if_cached"},
           Row{"Authorization", "Basic x", Seconds{1}, "fetch", "authorization"}}) {
    CAPTURE(row.reason);
    const Explanation explanation = explained(server, "http://shop.test/milk", kStored + row.later, {{row.name, row.value}});
    CHECK(explanation.action == row.action);
    CHECK(explanation.reason == row.reason);
    CHECK_FALSE(explanation.sentence.empty());
  }
  Question question;
  question.url = "http://shop.test/milk";
  question.method = "POST";
  const Result<Explanation> post = explain(server, question, kStored);
  REQUIRE(post);
  CHECK(post->action == "pass");
  CHECK(post->reason == "method");
}

TEST_CASE("each variant is shown with what it was chosen by, and the one for this request is marked (RFC 9111 §4.1)") {
  FakeServer server;
  const std::string fields = "Cache-Control: max-age=60\r\nVary: X-Tier\r\n";
  put(server, "/milk", fields, "gold", "X-Tier: gold\r\n", kStored);
  put(server, "/milk", fields, "plain", "", kStored);
  const Explanation gold = explained(server, "http://shop.test/milk", kStored, {{"X-Tier", "gold"}});
  REQUIRE(gold.variants.size() == 2);
  for (const Variant& variant : gold.variants) {
    REQUIRE(variant.selector.size() == 1);
    CHECK(variant.selector[0].name == "x-tier");
    CHECK(variant.chosen == (variant.selector[0].value == "gold"));
  }
  CHECK(gold.reason == "fresh_hit");
  const Explanation other = explained(server, "http://shop.test/milk", kStored, {{"X-Tier", "silver"}});
  CHECK(other.reason == "vary_miss");
  CHECK(advises(other, "Narrow the origin's Vary"));
}

TEST_CASE("a purge shows before and after the sweeper has been there") {
  FakeServer server;
  server.hold_sweeper(true);
  put(server, "/hard", "Cache-Control: max-age=60\r\n", "milk", "", kStored);
  put(server, "/soft", "Cache-Control: max-age=60\r\nETag: \"v\"\r\n", "milk", "", kStored);
  purge_url(server, "shop.test/hard", false);
  purge_url(server, "shop.test/soft", true);
  const Explanation hard = explained(server, "http://shop.test/hard");
  CHECK(hard.purge_position == 2);
  CHECK(hard.reason == "purged");
  REQUIRE(hard.variants.size() == 1);
  CHECK(hard.variants[0].purge == policy::PurgeState::hard);
  CHECK(explained(server, "http://shop.test/soft").reason == "purged_soft");
  server.hold_sweeper(false);
  REQUIRE(server.sweeper().wait(2, read_steady_clock() + Seconds{10}) == 1);
  CHECK(explained(server, "http://shop.test/hard").variants.empty());
  CHECK(explained(server, "http://shop.test/soft").reason == "purged_soft");
}

TEST_CASE("what is not stored is explained by what is known: a mark with its reason, or nothing") {
  FakeServer server;
  REQUIRE(put(server, "/basket", "Cache-Control: private\r\n", "1 milk", "", kStored) == policy::Storing::private_);
  const Explanation basket = explained(server, "http://shop.test/basket", kStored + Seconds{3});
  CHECK(basket.reason == "hit_for_miss");
  REQUIRE(basket.variants.size() == 1);
  CHECK(basket.variants[0].marker);
  CHECK(basket.variants[0].storing == "private");
  CHECK(advises(basket, "The origin says private"));
  CHECK(explained(server, "http://shop.test/basket", kStored + Seconds{30}).reason == "uri_miss");
  const Explanation nothing = explained(server, "http://shop.test/nothing");
  CHECK(nothing.reason == "uri_miss");
  CHECK(nothing.variants.empty());
  CHECK(advises(nothing, "Nothing is stored"));
}

TEST_CASE("s-maxage is pointed out where it silences stale answers (RFC 9111 §5.2.2.10)") {
  FakeServer server;
  put(server, "/milk", "Cache-Control: s-maxage=10, stale-while-revalidate=60\r\nETag: \"v\"\r\n", "milk", "", kStored);
  const Explanation explanation = explained(server, "http://shop.test/milk", kStored + Seconds{20});
  CHECK(explanation.reason == "must_revalidate");
  CHECK(advises(explanation, "s-maxage forbids stale answers"));
}

TEST_CASE("a host without a route is explained by the route that is missing") {
  FakeServer server;
  const Explanation explanation = explained(server, "http://other.test/");
  CHECK_FALSE(explanation.routed);
  CHECK(explanation.action == "refuse");
  CHECK(advises(explanation, "other.test"));
}

TEST_CASE("a route that does not cache says so") {
  config::Config config = admin_test::shop_config();
  config.routes[0].cache.enabled = false;
  FakeServer server(std::move(config));
  const Explanation explanation = explained(server, "http://shop.test/");
  CHECK(explanation.action == "pass");
  CHECK(explanation.reason == "route_bypass");
  CHECK_FALSE(explanation.caching);
  CHECK(advises(explanation, "enabled = false"));
}

TEST_CASE("explaining leaves no mark: neither a hit nor a check") {
  FakeServer server;
  put(server, "/milk", "Cache-Control: max-age=60\r\n", "milk", "", kStored);
  server.hold_sweeper(true);
  purge_url(server, "shop.test/other", false);
  const Explanation first = explained(server, "http://shop.test/milk");
  const Explanation second = explained(server, "http://shop.test/milk");
  CHECK(first.variants.at(0).checked_at == 0);
  CHECK(second.variants.at(0).checked_at == 0);
  server.hold_sweeper(false);
}

TEST_CASE("both forms of an explanation tell all of it") {
  FakeServer server;
  put(server, "/milk", "Cache-Control: max-age=60, stale-if-error=30\r\nVary: X-Tier\r\nSurrogate-Key: dairy\r\n", "milk", "", kStored);
  const Explanation explanation = explained(server, "http://shop.test/milk", kStored + Seconds{20});
  const std::string json = to_json(explanation);
  const Result<JsonValue> parsed = parse_json(json);
  REQUIRE(parsed);
  for (const char* part : {
           R"("key":"http://shop.test/milk")", R"("stored":true)", R"("chosen":true)", R"("selector":{"x-tier":null})", R"("ttl":40)",
           R"("age":20)", R"("lifetime":60)", R"("lifetime_source":"max-age)", R"("stale_if_error":30)", R"("tags":["dairy"])",
           R"("state":"valid")", R"("reason":"fresh_hit")", R"("action":"serve")", R"("resident_time":20)"}) {
    CAPTURE(part);
    CHECK(json.find(part) != std::string::npos);
  }
  const std::string text = to_text(explanation);
  for (const char* part : {"GET http://shop.test/milk", "serve (fresh_hit)", "http://shop.test/milk", "x-tier: (absent)",
                           "= age", "lifetime", "max-age", "ttl = lifetime - age", "stale-if-error", "dairy", "chosen for this request"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
  const Explanation nothing = explained(server, "http://other.test/");
  CHECK(parse_json(to_json(nothing)));
  CHECK(to_text(nothing).find("421") != std::string::npos);
}
