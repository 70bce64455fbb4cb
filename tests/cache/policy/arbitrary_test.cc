// What holds for any fields that a peer may send: seeded, so that a failure can be had again.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

#include "cache/policy/heads.h"
#include "cache/policy/key.h"
#include "cache/policy/range.h"
#include "cache/policy/reuse.h"
#include "cache/policy/validate.h"
#include "cache/policy/vary.h"

namespace davenport::policy::test {
namespace {

constexpr int kRounds = 20'000;

// Text out of pieces that mean something to some parser, and now and then any byte that a field value may hold.
class Arbitrary {
 public:
  explicit Arbitrary(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t bound) { return random_() % bound; }
  std::string value() {
    constexpr std::string_view kPieces[] = {
        "max-age", "s-maxage", "no-store", "no-cache", "private", "public", "must-revalidate", "stale-if-error", "=", ",", "\"", " ",
        "0", "1", "60", "99999999999", "-", ";", "q=0.5", "q=", "*", "gzip", "br", "de-AT", "en", "bytes=", "bytes ", "0-4", "/", "W/",
        "\"v\"", "\\", "(", ")", "Mon, 01 Jun 2026 12:00:00 GMT", "Accept-Encoding", "Cookie", "a=b", "?", "%", "%41", "&", "\t"};
    std::string out;
    for (std::size_t count = below(8); count > 0; --count) {
      if (below(10) == 0) out += static_cast<char>(0x21 + below(0xde));
      else out += kPieces[below(std::size(kPieces))];
    }
    out.erase(std::remove(out.begin(), out.end(), '\x7f'), out.end());
    return std::string(trim_ows_of(out));
  }
  http::Fields fields() {
    constexpr std::string_view kNames[] = {
        "Cache-Control", "CDN-Cache-Control", "Expires", "Date", "Age", "Vary", "ETag", "Last-Modified", "Pragma", "Range", "If-Range",
        "If-None-Match", "If-Modified-Since", "Content-Range", "Set-Cookie", "Cookie", "Accept-Encoding", "Accept-Language",
        "Authorization", "Content-Language", "X-Any", "Surrogate-Key", "Cache-Tag", "Location", "Content-Location", "Connection"};
    http::Fields out;
    for (std::size_t count = below(7); count > 0; --count) out.add_copy(kNames[below(std::size(kNames))], value());
    return out;
  }

 private:
  static std::string_view trim_ows_of(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
  }
  std::mt19937 random_;
};

TEST_CASE("whatever an answer says: bounds hold, and one more no-store always forbids") {
  Arbitrary any(1);
  std::size_t stored = 0;
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    http::RequestHead request = get();
    request.fields = any.fields();
    http::ResponseHead answer = response(static_cast<int>(100 + any.below(500)));
    answer.fields = any.fields();
    if (any.below(3) > 0) answer.fields.add_copy("Cache-Control", "max-age=60, public");
    const auto verdict = judge(request, answer, kAtOnce, {});
    REQUIRE(verdict.facts.lifetime <= 1u << 31);
    REQUIRE(verdict.facts.initial_age <= 1u << 31);
    if (verdict.ok()) {
      ++stored;
      REQUIRE(verdict.facts.status >= 200);
      REQUIRE_FALSE(varies_on_everything(answer.fields));
      const bool served = decide(read_ask(request, {}), &verdict.facts, PurgeState::valid, false, {}, kReceived).action == Action::serve;
      if (served && verdict.facts.no_cache) FAIL("served without validation");
      for (const http::Field& field : answer.fields) {
        if (field.id == http::FieldId::set_cookie) REQUIRE_FALSE(is_stored_field(field, verdict, {}, answer));
      }
      http::ResponseHead forbidden = response(answer.status);
      forbidden.fields.add_copy("CDN-Cache-Control", "no-store");
      for (const http::Field& field : answer.fields) {
        if (field.id != http::FieldId::cdn_cache_control) forbidden.fields.add_copy(field.name, field.value);
      }
      REQUIRE(judge(request, forbidden, kAtOnce, {}).storing == Storing::no_store);
    }
  }
  CHECK(stored > kRounds / 50);                       // the rare path was reached
}

TEST_CASE("whatever a request says: it matches the selector made of it, and what is sent on is normal") {
  Arbitrary any(2);
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    const auto request = any.fields(), other = any.fields(), answer = any.fields();
    if (varies_on_everything(answer)) continue;
    std::string scratch;
    const auto selector = make_selector(answer, request, {});
    REQUIRE(selector_matches(selector, request, {}, scratch));
    // Two requests match if and only if they have the same selector.
    REQUIRE(selector_matches(selector, other, {}, scratch) == (make_selector(answer, other, {}) == selector));
    const std::string coding(normalized_accept_encoding(request, scratch));
    const auto again = test::fields({{"Accept-Encoding", coding}});
    if (!coding.empty()) REQUIRE(normalized_accept_encoding(again, scratch) == coding);
  }
}

TEST_CASE("whatever ranges are asked for: they lie inside the body and do not overlap") {
  Arbitrary any(3);
  std::size_t partial = 0;
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    auto request = get();
    std::string asked = "bytes=";
    for (std::size_t i = any.below(4) + 1; i > 0; --i) {
      if (any.below(4) > 0) asked += std::to_string(any.below(40));
      if (any.below(9) > 0) asked += '-';
      if (any.below(4) > 0) asked += std::to_string(any.below(40));
      if (i > 1) asked += ',';
    }
    request.fields.add_copy("Range", asked);
    const std::uint64_t body = any.below(30);
    const auto plan = plan_range(request, {}, body);
    std::uint64_t sum = 0;
    for (const ByteRange& range : plan.ranges) {
      REQUIRE(range.first <= range.last);
      REQUIRE(range.last < body);
      sum += range.size();
    }
    REQUIRE(sum <= body);
    REQUIRE((plan.kind == RangePlan::Kind::single) == (plan.ranges.size() == 1));
    REQUIRE((plan.kind == RangePlan::Kind::several) == (plan.ranges.size() > 1));
    if (!plan.ranges.empty()) ++partial;
  }
  CHECK(partial > kRounds / 10);
}

TEST_CASE("whatever a URL holds: the key's resource reads back, and a purge of it names the same bytes") {
  Arbitrary any(4);
  config::Config config;
  config.routes.emplace_back();
  std::string scratch;
  std::size_t purged = 0;
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    std::string path = "/", query;
    for (std::size_t i = any.below(6); i > 0; --i) path += "a%/A4~1e%41"[any.below(11)];
    for (std::size_t i = any.below(6); i > 0; --i) query += "a=&%7E1?b%26"[any.below(12)];
    auto request = get();
    request.authority = any.below(2) == 0 ? "Shop.Example:8080" : "shop.example";
    request.path = path;
    request.query = query;
    request.has_query = any.below(2) == 0;
    if (!request.has_query) request.query = {};
    const KeyParts parts = make_key(request, "https", "", {}, scratch);
    REQUIRE(resource_of_key(parts.key) == parts.resource);
    const std::string url = "http://SHOP.example" + path + (request.has_query ? "?" + query : "");
    REQUIRE(purge_resource(url, "", config) == parts.resource);
    ++purged;
  }
  CHECK(purged == kRounds);
}

TEST_CASE("whatever validators meet: a 304 never touches the length, and our own tag never leaves") {
  Arbitrary any(5);
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    auto stored = any.fields();
    stored.set_copy("Content-Length", "10");
    const auto update = any.fields();
    merge_304(stored, update);
    REQUIRE(stored.get("Content-Length") == "10");
    REQUIRE(stored.count(http::FieldId::content_length) == 1);
    auto request = any.fields();
    const std::string own = make_etag({1, 2});
    request.add_copy("If-None-Match", own);
    add_validators(stored, request, own);
    REQUIRE(request.get("If-None-Match").find("dvp-") == std::string_view::npos);
    REQUIRE_FALSE(request.has(http::FieldId::if_range));
    http::ResponseHead head = response(200);
    head.fields = any.fields();
    const auto post = request_of(http::Method::post, "POST");
    for (const std::string& uri : invalidated_by(post, "http", head)) REQUIRE(uri.starts_with("http://shop"));
  }
}

}  // namespace
}  // namespace davenport::policy::test
