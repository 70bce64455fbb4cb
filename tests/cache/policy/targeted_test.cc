// Targeted fields (RFC 9213) in place of Cache-Control and Expires.
#include <doctest/doctest.h>

#include <optional>

#include "cache/policy/heads.h"

namespace davenport::policy::test {
namespace {

TEST_CASE("a valid CDN-Cache-Control replaces Cache-Control and Expires whole; an invalid or empty one is ignored (RFC 9213 §2)") {
  struct Row { const char* fields; Storing storing; std::uint32_t lifetime; const char* rule; };
  for (const Row& row : {
           Row{"CDN-Cache-Control: max-age=600\nCache-Control: no-store", Storing::stored, 600, "§3.1: stored here alone"},
           Row{"CDN-Cache-Control: max-age=600\nCache-Control: private", Storing::stored, 600, "§2.2"},
           Row{"CDN-Cache-Control: max-age=600\nCache-Control: max-age=60, s-maxage=120", Storing::stored, 600, "§3.1"},
           Row{"CDN-Cache-Control: max-age=600\nCache-Control: no-cache", Storing::stored, 600, "§2.2"},
           Row{"CDN-Cache-Control: max-age=600\nExpires: 0", Storing::stored, 600, "§2.2: Expires is ignored too"},
           Row{"CDN-Cache-Control: s-maxage=5, max-age=600", Storing::stored, 5, "§2.2: the same precedence"},
           Row{"CDN-Cache-Control: no-store\nCache-Control: max-age=60", Storing::no_store, 0, "§2.2: and the other way"},
           Row{"CDN-Cache-Control: private\nCache-Control: max-age=60", Storing::private_, 0, "§2.2"},
           Row{"CDN-Cache-Control: max-age=0\nCache-Control: max-age=60", Storing::no_lifetime, 0, "§2.2"},
           Row{"CDN-Cache-Control: no-cache\nCache-Control: max-age=60", Storing::no_lifetime, 0, "§2.2"},
           Row{"CDN-Cache-Control: none\nExpires: {60}", Storing::no_lifetime, 0, "§2.2: Expires is ignored even so"},
           Row{"CDN-Cache-Control: none\nCache-Control: no-store\nLast-Modified: {-1000}", Storing::stored, 100,
               "§3.1: none is no directive, a guess is left"},
           Row{"CDN-Cache-Control: max-age=600, no-store", Storing::no_store, 0, "§2.2: no-store makes it inoperative"},
           Row{"CDN-Cache-Control: max-age=60;x=1", Storing::stored, 60, "§2.1: parameters are ignored"},
           Row{"CDN-Cache-Control: max-age=60, max-age=30", Storing::stored, 30, "RFC 9651 §4.2.2: the last of a key"},
           Row{"CDN-Cache-Control: max-age=60\nCDN-Cache-Control: s-maxage=5", Storing::stored, 5, "RFC 9651 §4.2: lines"},
           Row{"CDN-Cache-Control: max-age=99999999999", Storing::stored, 1u << 31, "RFC 9111 §1.2.2"},
           Row{"CDN-Cache-Control: max-age=60.0\nCache-Control: max-age=5", Storing::no_lifetime, 0, "§2.1: not coerced"},
           Row{"CDN-Cache-Control: max-age=\"60\"\nCache-Control: max-age=5", Storing::no_lifetime, 0, "§2.1: not coerced"},
           Row{"CDN-Cache-Control: max-age=-1\nCache-Control: max-age=5", Storing::no_lifetime, 0, "RFC 9111 §4.2.1"},
           Row{"CDN-Cache-Control: max-age\nCache-Control: max-age=5", Storing::no_lifetime, 0, "RFC 9111 §4.2.1"},
           Row{"CDN-Cache-Control: max-age=60, private=\"x-user\"", Storing::stored, 60, "§2.1: a String of names"},
           Row{"CDN-Cache-Control: max-age=60, private=?0, no-store=?0", Storing::stored, 60, "§2.1: false is absence"},
           Row{"CDN-Cache-Control: \nCache-Control: max-age=5", Storing::stored, 5, "§2.1: empty, ignored"},
           Row{"CDN-Cache-Control: max-age=60,\nCache-Control: max-age=5", Storing::stored, 5, "§2.1: parsing error"},
           Row{"CDN-Cache-Control: max-age = 60\nCache-Control: max-age=5", Storing::stored, 5, "space around ="},
           Row{"CDN-Cache-Control: max-age= 60\nCache-Control: max-age=5", Storing::stored, 5, "space behind ="},
           Row{"CDN-Cache-Control: Max-Age=60\nCache-Control: max-age=5", Storing::stored, 5, "keys are lower-case"},
           Row{"CDN-Cache-Control: max-age=60; no-store=?9\nCache-Control: max-age=5", Storing::stored, 5, "§2.1"},
           Row{"CDN-Cache-Control: @&#\nCache-Control: no-store", Storing::no_store, 0, "§2.1: falls back"},
           Row{"Other-Cache-Control: max-age=60\nCache-Control: max-age=5", Storing::stored, 5, "§2.2: not on the list"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.fields);
    const auto verdict = judged(200, row.fields);
    CHECK(name_of(verdict.storing) == name_of(row.storing));
    if (verdict.ok()) CHECK(verdict.facts.lifetime == row.lifetime);
  }
}

TEST_CASE("the first valid field of the target list counts (RFC 9213 §2.2)") {
  config::CacheRules rules;
  rules.targeted_fields = {"Davenport-Cache-Control", "CDN-Cache-Control"};
  const auto lifetime = [&](const char* text) { return judged(200, text, rules).facts.lifetime; };
  CHECK(lifetime("CDN-Cache-Control: max-age=2\nDavenport-Cache-Control: max-age=1\nCache-Control: max-age=3") == 1);
  CHECK(lifetime("CDN-Cache-Control: max-age=2\nCache-Control: max-age=3") == 2);
  CHECK(lifetime("CDN-Cache-Control: max-age=2\nDavenport-Cache-Control: \nCache-Control: max-age=3") == 2);
  CHECK(lifetime("CDN-Cache-Control: max-age=2\nDavenport-Cache-Control: a b\nCache-Control: max-age=3") == 2);
  CHECK(lifetime("davenport-cache-control: max-age=1") == 1);
  rules.targeted_fields.clear();
  CHECK(lifetime("CDN-Cache-Control: max-age=2\nCache-Control: max-age=3") == 3);
}

TEST_CASE("a targeted field rules all else that Cache-Control would: staleness, Authorization, Set-Cookie, Age") {
  const auto facts = judged(200, "CDN-Cache-Control: max-age=60, stale-while-revalidate=5\n"
                                 "Cache-Control: max-age=1, must-revalidate, immutable").facts;
  CHECK(facts.targeted);
  CHECK_FALSE(facts.must_revalidate);
  CHECK_FALSE(facts.immutable);
  CHECK(facts.stale_while_revalidate == 5);
  CHECK(judged(200, "CDN-Cache-Control: max-age=60, must-revalidate").facts.must_revalidate);
  // RFC 9213 §2.3: one model of freshness: Age counts against it.
  CHECK(judged(200, "CDN-Cache-Control: max-age=60\nAge: 100").storing == Storing::no_lifetime);
  // RFC 9111 §3.5 wants one of three directives, which Cache-Control can't lend to the field that replaces it.
  const char* const asked = "Authorization: Basic eDp5";
  CHECK_FALSE(judged(200, "CDN-Cache-Control: max-age=60\nCache-Control: public", {}, asked).ok());
  CHECK(judged(200, "CDN-Cache-Control: max-age=60, public", {}, asked).ok());
  // Sharing is explicit where a field for shared caches names a lifetime.
  const auto cookie = judged(200, "CDN-Cache-Control: max-age=60\nSet-Cookie: a=b");
  CHECK(cookie.ok());
  CHECK(cookie.strip_set_cookie);
  CHECK(judged(200, "CDN-Cache-Control: none\nSet-Cookie: a=b\nLast-Modified: {-1000}").storing == Storing::set_cookie);
  // The route's forced ttl stands above it, but for what forbids.
  config::CacheRules forced;
  forced.ttl = Seconds{7};
  CHECK(judged(200, "CDN-Cache-Control: max-age=60", forced).facts.lifetime == 7);
  CHECK(judged(200, "CDN-Cache-Control: no-store", forced).storing == Storing::no_store);
}

TEST_CASE("a targeted field that is not passed on still rules after a 304 that does not repeat it (RFC 9213 §2.2)") {
  config::CacheRules rules;
  rules.forward_targeted = false;
  const auto old = judged(200, "CDN-Cache-Control: max-age=60\nCache-Control: no-store\nETag: \"v\"\nDate: {0}", rules).facts;
  REQUIRE(old.targeted);
  const Times later{at(100), at(100)};
  // What is stored has no CDN-Cache-Control, so the merged fields have none.
  const auto kept = judge_updated(get(), response(200, "Cache-Control: no-store\nETag: \"v\"\nDate: {100}"),
                                  lines("ETag: \"v\"\nDate: {100}"), old, later, rules);
  CHECK(kept.ok());
  CHECK(kept.facts.lifetime == 60);
  CHECK(kept.facts.fresh(at(159)));
  CHECK_FALSE(kept.facts.fresh(at(160)));
  CHECK(kept.facts.date == at(100));
  const auto changed = judge_updated(get(), response(200, "CDN-Cache-Control: no-store\nETag: \"v\"\nDate: {100}"),
                                     lines("CDN-Cache-Control: no-store\nETag: \"v\""), old, later, rules);
  CHECK(changed.storing == Storing::no_store);
  // A forced lifetime counts from the receipt of the 304, whatever age either answer came with.
  rules.ttl = Seconds{60};
  const auto forced = judged(200, "CDN-Cache-Control: max-age=5\nETag: \"v\"\nDate: {0}\nAge: 30", rules).facts;
  REQUIRE(forced.fresh(at(59)));
  const auto again = judge_updated(get(), response(200, "ETag: \"v\"\nDate: {100}\nAge: 7"),
                                   lines("ETag: \"v\"\nDate: {100}\nAge: 7"), forced, later, rules).facts;
  CHECK(again.initial_age == 7);
  CHECK(again.fresh(at(159)));
  CHECK_FALSE(again.fresh(at(160)));
}

}  // namespace
}  // namespace davenport::policy::test
