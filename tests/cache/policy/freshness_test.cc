// Lifetimes and ages as judge() works them out (RFC 9111 §4.2, §5.1, §5.3).
#include <doctest/doctest.h>

#include "cache/policy/heads.h"

namespace davenport::policy::test {
namespace {

constexpr std::uint32_t kMost = 1u << 31;

TEST_CASE("the freshness lifetime is the first match of s-maxage, max-age, Expires - Date (RFC 9111 §4.2.1)") {
  struct Row { const char* fields; std::uint32_t lifetime; const char* rule; };
  // A validator keeps what is never fresh storable, so that each row has a lifetime to look at.
  for (const Row& row : {
           Row{"Cache-Control: max-age=60", 60, "§5.2.2.1"},
           Row{"Cache-Control: max-age=60, s-maxage=10", 10, "§5.2.2.10: s-maxage overrides max-age when shared"},
           Row{"Cache-Control: s-maxage=10, max-age=60", 10, "§5.2.2.10: in any order"},
           Row{"Cache-Control: s-maxage=0, max-age=60", 0, "§5.2.2.10: also where it is shorter"},
           Row{"Cache-Control: max-age=60\nCache-Control: s-maxage=10", 10, "RFC 9110 §5.3: several lines are one list"},
           Row{"Expires: Wed, 01 Jan 2200 00:01:00 GMT\nDate: Wed, 01 Jan 2200 00:00:00 GMT", 60, "§4.2.1: by a clock of another century"},
           Row{"Cache-Control: max-age=60\nExpires: {300}\nDate: {0}", 60, "§5.3: Expires is ignored beside max-age"},
           Row{"Cache-Control: s-maxage=60\nExpires: {300}\nDate: {0}", 60, "§5.3: and beside s-maxage"},
           Row{"Cache-Control: max-age=0\nExpires: {300}\nDate: {0}", 0, "§5.3: max-age=0 beats a future Expires"},
           Row{"Cache-Control: max-age=60\nExpires: {-300}", 60, "§5.3: a past Expires is ignored too"},
           Row{"Cache-Control: max-age=60\nExpires: 0", 60, "§5.3: and a broken one"},
           Row{"Expires: {300}\nDate: {0}", 300, "§4.2.1: Expires - Date"},
           Row{"Expires: {300}\nDate: {-100}", 400, "§4.2.1: by the origin's own clock"},
           Row{"Expires: {300}", 300, "§4.2.1: the time of receipt where there is no Date"},
           Row{"Expires: {300}\nDate: yesterday", 300, "a broken Date does not spoil a good Expires"},
           Row{"Expires: {-1}\nDate: {0}", 0, "§5.3: in the past"},
           Row{"Expires: {0}\nDate: {0}", 0, "§4.2: fresh means lifetime > age"},
           Row{"Cache-Control: MAX-AGE=60", 60, "§5.2: names in any case"},
           Row{"Cache-Control: Max-Age=60, X-Unknown=1, foo=\"bar\"", 60, "§5.2.3: unknown ones are ignored"},
           Row{"Cache-Control: max-age=060", 60, "§1.2.2: 1*DIGIT"},
           Row{"Cache-Control: max-age=\"60\"", 60, "§5.2: both argument forms are read"},
           Row{"Cache-Control: ,, max-age=60 ,", 60, "RFC 9110 §5.6.1.2: empty members"},
           Row{"Cache-Control: max-age=2147483647", 2147483647, "§1.2.2"},
           Row{"Cache-Control: max-age=2147483648", kMost, "§1.2.2: 2^31"},
           Row{"Cache-Control: max-age=2147483649", kMost, "§1.2.2: saturates"},
           Row{"Cache-Control: max-age=99999999999999999999999999", kMost, "§1.2.2: however long"},
           Row{"Cache-Control: max-age=-60", 0, "§4.2.1: invalid freshness information is stale"},
           Row{"Cache-Control: max-age='60'", 0, "§4.2.1: single quotes do not quote"},
           Row{"Cache-Control: max-age=60.5", 0, "§4.2.1: not an integer"},
           Row{"Cache-Control: max-age=6e1", 0, "§4.2.1"},
           Row{"Cache-Control: max-age=+60", 0, "§4.2.1"},
           Row{"Cache-Control: max-age=abc", 0, "§4.2.1"},
           Row{"Cache-Control: max-age=", 0, "§4.2.1"},
           Row{"Cache-Control: max-age", 0, "§4.2.1: no argument"},
           Row{"Cache-Control: max-age =60", 0, "§5.2: no space before ="},
           Row{"Cache-Control: max-age= 60", 0, "§5.2: nor behind it"},
           Row{"Cache-Control: max-age=60 s", 0, "§5.2: one token"},
           Row{"Cache-Control: s-maxage=abc, max-age=60", 0, "§4.2.1: s-maxage is there, but not fresh"},
           Row{"Cache-Control: max-age=60, max-age=120", 60, "§4.2.1: the first of doubled ones"},
           Row{"Cache-Control: max-age=120, max-age=60", 120, "§4.2.1: the first of doubled ones"},
           Row{"Cache-Control: max-age=120\nCache-Control: max-age=0", 120, "§4.2.1: also over several lines"},
           Row{"Cache-Control: ext=\"a, max-age=99\", max-age=5", 5, "§5.2: quoted text holds no directives"},
           Row{"Cache-Control: ext=\"a\\\", max-age=99\", max-age=5", 5, "RFC 9110 §5.6.4: escaped quotes"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.fields);
    const auto verdict = judged(200, std::string("ETag: \"v\"\n") + row.fields);
    CHECK(verdict.storing == Storing::stored);
    CHECK(verdict.facts.lifetime == row.lifetime);
    CHECK_FALSE(verdict.facts.heuristic);
  }
}

TEST_CASE("Expires is one of the three forms of RFC 9110 §5.6.7, anything else has expired (RFC 9111 §5.3)") {
  struct Row { const char* expires; std::uint32_t lifetime; const char* rule; };
  // All of them would be 12:05:00 on the day of receipt, were they dates.
  for (const Row& row : {
           Row{"Mon, 01 Jun 2026 12:05:00 GMT", 300, "IMF-fixdate"},
           Row{"Monday, 01-Jun-26 12:05:00 GMT", 300, "RFC 850: two-digit year"},
           Row{"Mon Jun  1 12:05:00 2026", 300, "asctime"},
           Row{"mon, 01 jun 2026 12:05:00 gmt", 300, "§4.2: in any case"},
           Row{"MON, 01 JUN 2026 12:05:00 GMT", 300, "§4.2: in any case"},
           Row{"Mon, 01 Jun 2126 12:05:00 GMT", kMost, "64-bit times; the lifetime saturates"},
           Row{"0", 0, "§5.3: especially the value 0"},
           Row{"", 0, "§5.3"},
           Row{"-1", 0, "§5.3"},
           Row{"300", 0, "§5.3: a number is no date"},
           Row{"Mon, 01 Jun 2026 12:05:00 UTC", 0, "§4.2: only GMT"},
           Row{"Mon, 01 Jun 2026 12:05:00 CEST", 0, "§4.2"},
           Row{"Mon, 01 Jun 2026 12:05:00 +0000", 0, "§4.2"},
           Row{"Mon, 01 Jun 2026 12:05:00", 0, "no zone"},
           Row{"Mon 01 Jun 2026 12:05:00 GMT", 0, "missing comma"},
           Row{"Mon, 01  Jun 2026 12:05:00 GMT", 0, "doubled space"},
           Row{"Mon, 01-Jun-2026 12:05:00 GMT", 0, "dashes"},
           Row{"Mon, 01 Jun 2026 12.05.00 GMT", 0, "periods"},
           Row{"Mon, 01 Jun 2026 2:05:00 GMT", 0, "one-digit hour"},
           Row{"Mon, 1 Jun 2026 12:05:00 GMT", 0, "one-digit day"},
           Row{"Mon, 01 Jun 2026 12:05:00 GMT, Mon, 01 Jun 2026 12:05:00 GMT", 0, "a list is no date"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.expires);
    const auto verdict = judged(200, "ETag: \"v\"\nDate: {0}\nExpires: " + std::string(row.expires));
    CHECK(verdict.storing == Storing::stored);
    CHECK(verdict.facts.lifetime == row.lifetime);
  }
}

TEST_CASE("two Expires lines have expired, even if they agree (RFC 9111 §4.2.1)") {
  CHECK(judged(200, "Expires: {300}\nExpires: {300}\nETag: \"v\"").facts.lifetime == 0);
  CHECK(judged(200, "Expires: {300}\nExpires: {300}").storing == Storing::no_lifetime);
}

TEST_CASE("the initial age is the larger of the apparent and the corrected one (RFC 9111 §4.2.3)") {
  struct Row { const char* fields; std::int64_t delay; std::uint32_t age; const char* rule; };
  for (const Row& row : {
           Row{"", 0, 0, "nothing said"},
           Row{"Date: {0}", 0, 0, "just made"},
           Row{"Date: {-30}", 0, 30, "apparent_age = response_time - date_value"},
           Row{"Date: {30}", 0, 0, "a negative one is replaced by zero"},
           Row{"Date: never", 0, 0, "RFC 9110 §6.6.1: a broken Date is the time of receipt"},
           Row{"Age: 10", 0, 10, "age_value"},
           Row{"Age: 10", 7, 17, "corrected_age_value = age_value + response_delay"},
           Row{"", 7, 7, "the delay counts from when the request was made"},
           Row{"Age: 10\nDate: {-30}", 7, 30, "the maximum of both"},
           Row{"Age: 40\nDate: {-30}", 7, 47, "the maximum of both"},
           Row{"", -5, 0, "a clock that went backwards: no delay"},
           Row{"Age: 10, 20", 0, 10, "§5.1: the first member counts"},
           Row{"Age: 10\nAge: 20", 0, 10, "§5.1: the first line counts"},
           Row{"Age: 0, 20", 0, 0, "§5.1: the first member counts"},
           Row{"Age: abc", 0, 0, "§5.1: ignored"},
           Row{"Age: abc, 20", 0, 0, "§5.1: the first member, which is ignored"},
           Row{"Age: -10", 0, 0, "§5.1: negative, ignored"},
           Row{"Age: 10.5", 0, 0, "§5.1: fractional, ignored"},
           Row{"Age: \"10\"", 0, 0, "§5.1: quoted, ignored"},
           Row{"Age: ", 0, 0, "§5.1: empty, ignored"},
           Row{"Age: 0010", 0, 10, "§1.2.2: 1*DIGIT"},
           Row{"Age: 2147483648", 7, kMost, "§1.2.2: saturates"},
           Row{"Age: 99999999999999999999", 0, kMost, "§1.2.2: saturates"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.fields);
    const Times times{at(-row.delay), kReceived};
    const auto verdict = judge(get(), response(200, std::string("Cache-Control: max-age=100\nETag: \"v\"\n") + row.fields),
                               times, {});
    CHECK(verdict.facts.initial_age == row.age);
    CHECK(verdict.facts.response_time == kReceived);
  }
}

TEST_CASE("current_age adds the time spent here, and freshness ends when it reaches the lifetime (RFC 9111 §4.2.3)") {
  const StoredFacts facts = judged(200, "Cache-Control: max-age=60\nAge: 10").facts;
  CHECK(facts.age(at(0)) == 10);
  CHECK(facts.age(at(49)) == 59);
  CHECK(facts.fresh(at(49)));
  CHECK(facts.ttl(at(49)) == 1);
  CHECK_FALSE(facts.fresh(at(50)));
  CHECK(facts.ttl(at(50)) == 0);
  CHECK(facts.ttl(at(80)) == -30);
  CHECK(facts.age(at(-1000)) == 10);    // the clock went backwards
}

TEST_CASE("an Age of 2^31 and more is stale whatever the lifetime (RFC 9111 §1.2.2)") {
  const auto verdict = judged(200, "Cache-Control: max-age=99999999999\nAge: 2147483648\nETag: \"v\"");
  CHECK(verdict.ok());
  CHECK_FALSE(verdict.facts.fresh(kReceived));
}

TEST_CASE("Date is kept, or the time of receipt stands for it (RFC 9110 §6.6.1)") {
  CHECK(judged(200, "Cache-Control: max-age=60\nDate: {-5}").facts.date == at(-5));
  CHECK(judged(200, "Cache-Control: max-age=60").facts.date == kReceived);
  CHECK(judged(200, "Cache-Control: max-age=60\nDate: soon").facts.date == kReceived);
}

TEST_CASE("a heuristic lifetime is a tenth of Date - Last-Modified, capped (RFC 9111 §4.2.2)") {
  struct Row { int status; const char* fields; std::uint32_t lifetime; bool strict_too; const char* rule; };
  for (const Row& row : {
           Row{200, "Date: {0}\nLast-Modified: {-1000}", 100, true, "a tenth"},
           Row{200, "Date: {-500}\nLast-Modified: {-1500}", 100, true, "by the origin's clock"},
           Row{200, "Last-Modified: {-1000}", 100, true, "the time of receipt where there is no Date"},
           Row{200, "Last-Modified: {-100000000}", 86400, true, "capped by heuristic_max"},
           Row{200, "Last-Modified: {0}", 0, true, "just modified"},
           Row{200, "Last-Modified: {1000}", 0, true, "modified in the future"},
           Row{200, "Last-Modified: long ago", 0, true, "no date"},
           Row{203, "Last-Modified: {-1000}", 100, true, "RFC 9110 §15.1"},
           Row{204, "Last-Modified: {-1000}", 100, true, "RFC 9110 §15.1"},
           Row{300, "Last-Modified: {-1000}", 100, true, "RFC 9110 §15.1"},
           Row{301, "Last-Modified: {-1000}", 100, true, "RFC 9110 §15.1"},
           Row{308, "Last-Modified: {-1000}", 100, true, "RFC 9110 §15.1"},
           Row{404, "Cache-Control: public\nLast-Modified: {-1000}", 100, true, "§5.2.2.9: public"},
           Row{302, "Cache-Control: public\nLast-Modified: {-1000}", 100, true, "§5.2.2.9: public, any final status"},
           Row{599, "Cache-Control: public\nLast-Modified: {-1000}", 100, true, "§5.2.2.9: public, any final status"},
           Row{201, "Cache-Control: public\nLast-Modified: {-1000}", 100, true, "§5.2.2.9: public, any final status"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.status);
    CAPTURE(row.fields);
    for (const config::CacheRules& rules : {config::CacheRules{}, strict()}) {
      const auto verdict = judged(row.status, row.fields, rules);
      CHECK(verdict.facts.lifetime == row.lifetime);
      CHECK(verdict.facts.heuristic == (row.lifetime > 0));
    }
  }
}

TEST_CASE("statuses that are not cacheable by heuristics wait for an explicit lifetime (RFC 9111 §4.2.2, RFC 9110 §15.1)") {
  for (const int status : {201, 202, 205, 299, 302, 303, 305, 307, 400, 401, 403, 406, 409, 412, 413, 418, 429, 431, 451, 499,
                           500, 502, 503, 504, 599}) {
    CAPTURE(status);
    CHECK(judged(status, "Last-Modified: {-1000}").storing == Storing::status);
    CHECK(judged(status, "Last-Modified: {-1000}", strict()).storing == Storing::status);
    CHECK(judged(status, "Last-Modified: {-1000}\nETag: \"v\"").storing == Storing::status);
  }
  // RFC 9110 §15.1 lists these; our default waits for an explicit lifetime all the same (a departure).
  for (const int status : {404, 405, 410, 414, 501}) {
    CAPTURE(status);
    CHECK(judged(status, "Last-Modified: {-1000}").storing == Storing::no_lifetime);
    const auto verdict = judged(status, "Last-Modified: {-1000}", strict());
    CHECK(verdict.ok());
    CHECK(verdict.facts.lifetime == 100);
  }
}

TEST_CASE("400, 413, 414 and 431 are never guessed, not even with public, unless strict") {
  for (const int status : {400, 413, 414, 431}) {
    CAPTURE(status);
    CHECK_FALSE(judged(status, "Cache-Control: public\nLast-Modified: {-1000}").ok());
    CHECK(judged(status, "Cache-Control: public\nLast-Modified: {-1000}", strict()).ok());
    CHECK(judged(status, "Cache-Control: max-age=60").facts.lifetime == 60);
    config::CacheRules rules;
    rules.default_ttl = Seconds{60};
    CHECK_FALSE(judged(status, "Cache-Control: public", rules).ok());
  }
}

TEST_CASE("no heuristic where a lifetime is explicit, nor where the route turns it off (RFC 9111 §4.2.2)") {
  CHECK(judged(200, "Cache-Control: max-age=0\nLast-Modified: {-1000}").facts.lifetime == 0);
  CHECK(judged(200, "Expires: 0\nLast-Modified: {-1000}").facts.lifetime == 0);
  config::CacheRules rules;
  rules.heuristic = false;
  const auto verdict = judged(200, "Last-Modified: {-1000}", rules);
  CHECK(verdict.facts.lifetime == 0);
  CHECK(verdict.ok());                              // there is a validator to use it with
  rules.heuristic = true;
  rules.heuristic_max = Seconds{30};
  CHECK(judged(200, "Last-Modified: {-1000}", rules).facts.lifetime == 30);
}

TEST_CASE("neither lifetime nor validator: not stored (RFC 9111 §3)") {
  CHECK(judged(200, "").storing == Storing::no_lifetime);
  CHECK(judged(200, "Cache-Control: public").storing == Storing::no_lifetime);
  CHECK(judged(200, "Cache-Control: max-age=0").storing == Storing::no_lifetime);
  CHECK(judged(200, "Cache-Control: no-cache").storing == Storing::no_lifetime);
  CHECK(judged(200, "Cache-Control: no-cache, max-age=60").storing == Storing::no_lifetime);
  CHECK(judged(200, "Cache-Control: max-age=60\nAge: 60").storing == Storing::no_lifetime);
  CHECK(judged(200, "Cache-Control: max-age=60, stale-while-revalidate=30\nAge: 60").ok());
  CHECK_FALSE(judged(200, "Cache-Control: max-age=60, stale-while-revalidate=30\nAge: 90").ok());
  CHECK(judged(200, "ETag: \"v\"").ok());           // validated at each use
  CHECK(judged(200, "ETag: \"v\"").facts.lifetime == 0);
  CHECK_FALSE(judged(404, "ETag: \"v\"\nCache-Control: max-age=0").ok());   // a condition is never met by an error
}

TEST_CASE("times of a stored response lie in 4 bytes, held at the ends of what these can say") {
  const auto kept = [](std::int64_t seconds) { return WallSeconds(ShortSeconds(WallSeconds(Seconds(seconds)))).time_since_epoch().count(); };
  CHECK(kept(0) == 0);
  CHECK(kept(1'445'412'480) == 1'445'412'480);
  CHECK(kept(4'294'967'295) == 4'294'967'295);      // 2106-02-07
  CHECK(kept(253'402'300'799) == 4'294'967'295);    // a Date of the year 9999
  CHECK(kept(-1) == 0);                             // before 1970
  StoredFacts facts;
  facts.response_time = WallSeconds(Seconds(4'294'967'000));
  CHECK(facts.age(WallSeconds(Seconds(4'294'967'400))) == 400);
}

}  // namespace
}  // namespace davenport::policy::test
