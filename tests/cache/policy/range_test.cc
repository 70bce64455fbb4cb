// Ranges of a stored whole (RFC 9110 §14) and of stored parts (RFC 9111 §3.3, §3.4).
#include "cache/policy/range.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cache/policy/heads.h"

namespace davenport::policy::test {
namespace {

std::string text(const RangePlan& plan) {
  std::string out;
  switch (plan.kind) {
    case RangePlan::Kind::whole: out = "whole"; break;
    case RangePlan::Kind::single: out = "single"; break;
    case RangePlan::Kind::several: out = "several"; break;
    case RangePlan::Kind::unsatisfiable: out = "416"; break;
  }
  for (const ByteRange& range : plan.ranges) out += " " + std::to_string(range.first) + "-" + std::to_string(range.last);
  return out;
}

TEST_CASE("ranges of a stored whole of 10 bytes (RFC 9110 §14.1.2, §14.2)") {
  struct Row { const char* asked; const char* plan; const char* rule; };
  for (const Row& row : {
           Row{"", "whole", "nothing asked"},
           Row{"Range: bytes=0-4", "single 0-4", "first-last"},
           Row{"Range: bytes=0-0", "single 0-0", "one byte"},
           Row{"Range: bytes=9-9", "single 9-9", "the last byte"},
           Row{"Range: bytes=0-9", "single 0-9", "all of it is still a range"},
           Row{"Range: bytes=5-", "single 5-9", "to the end"},
           Row{"Range: bytes=5-99", "single 5-9", "§14.1.2: cut at the end"},
           Row{"Range: bytes=5-99999999999999999999999999", "single 5-9", "§14.1.2: however large"},
           Row{"Range: bytes=-3", "single 7-9", "the last bytes"},
           Row{"Range: bytes=-99", "single 0-9", "§14.1.2: the whole of it"},
           Row{"Range: bytes=-0", "416", "§14.1.2: a suffix of nothing"},
           Row{"Range: bytes=10-", "416", "behind the end"},
           Row{"Range: bytes=99999999999999999999999999-", "416", "far behind the end"},
           Row{"Range: bytes=10-, 20-", "416", "all of them behind the end"},
           Row{"Range: bytes=0-1,8-9", "several 0-1 8-9", "several"},
           Row{"Range: bytes=8-9,0-1", "several 8-9 0-1", "§15.3.7.2: in the order asked"},
           Row{"Range: bytes= 0-0 , -1", "several 0-0 9-9", "§14.1.2: optional white space"},
           Row{"Range: bytes=0-1,20-", "single 0-1", "what can't be satisfied is left out"},
           Row{"Range: bytes=0-1,1-2", "whole", "overlapping"},
           Row{"Range: bytes=0-5,3-4", "whole", "one in another"},
           Row{"Range: bytes=0-,0-,0-,0-", "whole", "the same again and again"},
           Row{"Range: bytes=-5,-5", "whole", "overlapping suffixes"},
           Row{"Range: bytes=0-4,5-9", "several 0-4 5-9", "adjacent ones do not overlap"},
           Row{"Range: bytes=4-0", "whole", "§14.1.1: invalid, ignored"},
           Row{"Range: bytes=a-b", "whole", "invalid, ignored"},
           Row{"Range: bytes=", "whole", "invalid, ignored"},
           Row{"Range: bytes", "whole", "invalid, ignored"},
           Row{"Range: 0-4", "whole", "no unit"},
           Row{"Range: lines=0-4", "whole", "§14.2: another unit"},
           Row{"Range: Bytes=0-4", "single 0-4", "§14.1: range units in any case"},
           Row{"Range: bytes=0-1\nRange: bytes=4-5", "whole", "two lines are no valid field"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.asked);
    CHECK(text(plan_range(get(row.asked), {}, 10)) == row.plan);
  }
}

TEST_CASE("Range is for GET only, and an empty body is answered whole (RFC 9110 §14.2)") {
  CHECK(text(plan_range(request_of(http::Method::head, "HEAD", "Range: bytes=0-4"), {}, 10)) == "whole");
  CHECK(text(plan_range(request_of(http::Method::post, "POST", "Range: bytes=0-4"), {}, 10)) == "whole");
  CHECK(text(plan_range(get("Range: bytes=0-4"), {}, 0)) == "whole");
  CHECK(text(plan_range(get("Range: bytes=-4"), {}, 0)) == "whole");
}

TEST_CASE("more ranges than allowed are answered whole (RFC 9110 §14.2, §17.15)") {
  std::string asked = "Range: bytes=0-0";
  for (int i = 1; i < 16; ++i) asked += "," + std::to_string(2 * i) + "-" + std::to_string(2 * i);
  CHECK(plan_range(get(asked), {}, 1000).ranges.size() == 16);
  CHECK(text(plan_range(get(asked + ",99-99"), {}, 1000)) == "whole");
  CHECK(text(plan_range(get("Range: bytes=0-1,3-4,6-7"), {}, 10, 2)) == "whole");
}

TEST_CASE("If-Range: the range only where its validator is the stored one, strongly (RFC 9110 §13.1.5)") {
  struct Row { const char* stored; const char* condition; bool holds; const char* rule; };
  const char* const modified = "Date: {0}\nLast-Modified: {-100}";
  for (const Row& row : {
           Row{"ETag: \"v\"", "\"v\"", true, "the same"},
           Row{"ETag: \"v\"", "\"w\"", false, "another"},
           Row{"ETag: W/\"v\"", "W/\"v\"", false, "weak tags never match strongly"},
           Row{"ETag: \"v\"", "W/\"v\"", false, "weak tags never match strongly"},
           Row{"ETag: W/\"v\"", "\"v\"", false, "weak tags never match strongly"},
           Row{"", "\"v\"", false, "no ETag is stored"},
           Row{modified, "Mon, 01 Jun 2026 11:58:20 GMT", true, "equal to a strong Last-Modified"},
           Row{modified, "Monday, 01-Jun-26 11:58:20 GMT", true, "the same date in another form"},
           Row{modified, "Mon, 01 Jun 2026 11:58:21 GMT", false, "exact, not later"},
           Row{modified, "Mon, 01 Jun 2026 11:58:19 GMT", false, "exact, not earlier"},
           Row{"Last-Modified: {-100}", "Mon, 01 Jun 2026 11:58:20 GMT", false, "§8.8.2.2: strong only beside a Date"},
           Row{"Date: {-100}\nLast-Modified: {-100}", "Mon, 01 Jun 2026 11:58:20 GMT", false, "§8.8.2.2: a second later"},
           Row{"Date: {-99}\nLast-Modified: {-100}", "Mon, 01 Jun 2026 11:58:20 GMT", true, "§8.8.2.2: a second later"},
           Row{"ETag: \"v\"", "v", false, "neither tag nor date"},
           Row{"ETag: \"v\"", "\"v\", \"w\"", false, "a list is none"},
           Row{"ETag: \"v\"", "", false, "empty"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.condition);
    const auto plan = plan_range(get(std::string("Range: bytes=0-4\nIf-Range: ") + row.condition), lines(row.stored), 10);
    CHECK(text(plan) == (row.holds ? "single 0-4" : "whole"));
  }
  CHECK(text(plan_range(get("Range: bytes=0-4\nIf-Range: \"v\"\nIf-Range: \"v\""), lines("ETag: \"v\""), 10)) == "whole");
  // A failed If-Range comes before 416.
  CHECK(text(plan_range(get("Range: bytes=99-\nIf-Range: \"w\""), lines("ETag: \"v\""), 10)) == "whole");
  CHECK(text(plan_range(get("If-Range: \"w\""), lines("ETag: \"v\""), 10)) == "whole");
}

TEST_CASE("what a 206 encloses (RFC 9110 §14.4)") {
  const auto part = part_of(response(206, "Content-Range: bytes 2-5/10"));
  REQUIRE(part.has_value());
  CHECK(part->range == ByteRange{2, 5});
  CHECK(part->range.size() == 4);
  CHECK(part->complete == 10);
  CHECK_FALSE(part->whole());
  CHECK(part_of(response(206, "Content-Range: bytes 0-9/10"))->whole());
  CHECK_FALSE(part_of(response(206, "Content-Range: bytes 0-9/*"))->complete);
  CHECK_FALSE(part_of(response(206, "Content-Range: bytes 0-9/*"))->whole());
  for (const char* bad : {"", "Content-Range: bytes */10", "Content-Range: bytes 5-2/10", "Content-Range: bytes 2-10/10",
                          "Content-Range: lines 2-5/10", "Content-Range: 2-5/10", "Content-Range: bytes 2-5",
                          "Content-Range: bytes 2-5/10\nContent-Range: bytes 2-5/10",
                          "Content-Range: bytes 2-5/10\nContent-Type: Multipart/ByteRanges; boundary=a"}) {
    CAPTURE(bad);
    CHECK_FALSE(part_of(response(206, bad)).has_value());
  }
  CHECK_FALSE(part_of(response(200, "Content-Range: bytes 2-5/10")).has_value());
  auto contradicted = response(206, "Content-Range: bytes 2-5/10");
  contradicted.framing = http::Framing::length;
  contradicted.content_length = 5;
  CHECK_FALSE(part_of(contradicted).has_value());
  contradicted.content_length = 4;
  CHECK(part_of(contradicted).has_value());
}

TEST_CASE("a stored part serves the ranges that lie wholly inside it (RFC 9111 §3.3)") {
  struct Row { const char* asked; bool complete_known; const char* plan; const char* rule; };
  for (const Row& row : {
           Row{"Range: bytes=4-7", true, "single 4-7", "the same"},
           Row{"Range: bytes=5-6", true, "single 5-6", "smaller"},
           Row{"Range: bytes=3-6", true, "whole", "begins before"},
           Row{"Range: bytes=6-8", true, "whole", "ends behind"},
           Row{"Range: bytes=4-", true, "whole", "to the end, which is not here"},
           Row{"Range: bytes=-3", true, "whole", "the end is not here"},
           Row{"Range: bytes=4-5,6-7", true, "whole", "several"},
           Row{"", true, "whole", "the whole was asked for"},
           Row{"Range: bytes=5-6", false, "single 5-6", "the length is not needed"},
           Row{"Range: bytes=4-", false, "whole", "nobody knows where the end is"},
           Row{"Range: bytes=-2", false, "whole", "nobody knows where the end is"},
           Row{"Range: bytes=5-6\nIf-Range: \"v\"", true, "single 5-6", "If-Range holds"},
           Row{"Range: bytes=5-6\nIf-Range: \"w\"", true, "whole", "If-Range fails"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.asked);
    const Part have{{4, 7}, row.complete_known ? std::optional<std::uint64_t>(10) : std::nullopt};
    CHECK(text(plan_from_part(get(row.asked), lines("ETag: \"v\""), have)) == row.plan);
  }
  const Part tail{{4, 9}, 10};
  CHECK(text(plan_from_part(get("Range: bytes=4-"), {}, tail)) == "single 4-9");
  CHECK(text(plan_from_part(get("Range: bytes=-3"), {}, tail)) == "single 7-9");
  CHECK(text(plan_from_part(get("Range: bytes=8-99"), {}, tail)) == "single 8-9");
}

TEST_CASE("what is missing of a range (RFC 9111 §3.3)") {
  const auto missing = [](ByteRange wanted, std::vector<ByteRange> have) {
    RangePlan plan{RangePlan::Kind::several, missing_ranges(wanted, have)};
    return text(plan).substr(7);
  };
  CHECK(missing({0, 9}, {}) == " 0-9");
  CHECK(missing({0, 9}, {{0, 9}}).empty());
  CHECK(missing({0, 9}, {{0, 4}}) == " 5-9");
  CHECK(missing({0, 9}, {{5, 9}}) == " 0-4");
  CHECK(missing({0, 9}, {{3, 5}}) == " 0-2 6-9");
  CHECK(missing({0, 9}, {{6, 7}, {1, 2}}) == " 0-0 3-5 8-9");
  CHECK(missing({0, 9}, {{0, 4}, {3, 7}}) == " 8-9");
  CHECK(missing({0, 9}, {{0, 4}, {5, 9}}).empty());
  CHECK(missing({2, 5}, {{0, 3}}) == " 4-5");
  CHECK(missing({2, 5}, {{8, 9}}) == " 2-5");
  CHECK(missing({2, 5}, {{0, 1}}) == " 2-5");
  CHECK(missing({2, 5}, {{0, 99}}).empty());
  CHECK(missing({0, ~0ull}, {{0, ~0ull}}).empty());
}

TEST_CASE("parts are combined only under the same strong validator (RFC 9111 §3.4, RFC 9110 §8.8.2.2)") {
  struct Row { const char* a; const char* b; bool yes; };
  for (const Row& row : {
           Row{"ETag: \"v\"", "ETag: \"v\"", true}, Row{"ETag: \"v\"", "ETag: \"w\"", false},
           Row{"ETag: W/\"v\"", "ETag: W/\"v\"", false}, Row{"ETag: \"v\"", "", false}, Row{"", "", false},
           Row{"Date: {0}\nLast-Modified: {-9}", "Date: {5}\nLast-Modified: {-9}", true},
           Row{"Date: {0}\nLast-Modified: {-9}", "Date: {5}\nLast-Modified: {-8}", false},
           Row{"Date: {0}\nLast-Modified: {0}", "Date: {5}\nLast-Modified: {0}", false},
           Row{"Last-Modified: {-9}", "Last-Modified: {-9}", false},
           Row{"ETag: \"v\"\nDate: {0}\nLast-Modified: {-9}", "Date: {5}\nLast-Modified: {-9}", false}}) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    CHECK(combinable(lines(row.a), lines(row.b)) == row.yes);
    CHECK(combinable(lines(row.b), lines(row.a)) == row.yes);
  }
}

}  // namespace
}  // namespace davenport::policy::test
