// May a stored response answer this request, now (RFC 9111 §4)?
#include "cache/policy/reuse.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "cache/policy/heads.h"

namespace davenport::policy::test {
namespace {

using config::CacheRules;

// What is stored: the facts of an answer received at kReceived.
StoredFacts stored(const char* text, const CacheRules& rules = {}) {
  const auto verdict = judged(200, text, rules);
  REQUIRE(verdict.ok());
  return verdict.facts;
}

Decision decided(const char* asked, const StoredFacts& facts, std::int64_t seconds, PurgeState purge = PurgeState::valid,
                 const CacheRules& rules = {}) {
  return decide(read_ask(get(asked), rules), &facts, purge, false, rules, at(seconds));
}

std::string text(const Decision& decision) {
  constexpr const char* kActions[] = {"serve", "serve_and_refresh", "validate", "fetch", "refuse"};
  return std::string(kActions[static_cast<std::size_t>(decision.action)]) + " " + std::string(name_of(decision.reason).name);
}

TEST_CASE("fresh is served, stale is validated, unless something allows or forbids it (RFC 9111 §4)") {
  struct Row { const char* says; const char* asks; std::int64_t after; const char* decision; const char* rule; };
  for (const Row& row : {
           Row{"max-age=60", "", 0, "serve fresh_hit", "§4.2"},
           Row{"max-age=60", "", 59, "serve fresh_hit", "§4.2: lifetime > age"},
           Row{"max-age=60", "", 60, "validate stale", "§4.2"},
           Row{"max-age=60, must-revalidate", "", 59, "serve fresh_hit", "§5.2.2.2: only once stale"},
           Row{"max-age=60, must-revalidate", "", 60, "validate must_revalidate", "§5.2.2.2"},
           Row{"max-age=60, proxy-revalidate", "", 60, "validate must_revalidate", "§5.2.2.8"},
           Row{"s-maxage=60", "", 60, "validate must_revalidate", "§5.2.2.10"},
           Row{"max-age=60, no-cache", "", 0, "validate response_no_cache", "§5.2.2.4: at each use"},
           Row{"max-age=60, no-cache=\"x\"", "", 0, "serve fresh_hit", "§5.2.2.4: without that field"},
           // stale-while-revalidate
           Row{"max-age=60, stale-while-revalidate=30", "", 59, "serve fresh_hit", "RFC 5861 §3"},
           Row{"max-age=60, stale-while-revalidate=30", "", 60, "serve_and_refresh stale_while_revalidate", "RFC 5861 §3"},
           Row{"max-age=60, stale-while-revalidate=30", "", 90, "serve_and_refresh stale_while_revalidate", "up to 30 s"},
           Row{"max-age=60, stale-while-revalidate=30", "", 91, "validate stale", "RFC 5861 §3: not after its window"},
           Row{"max-age=60, stale-while-revalidate=30, must-revalidate", "", 61, "validate must_revalidate", "§4.2.4"},
           Row{"s-maxage=60, stale-while-revalidate=30", "", 61, "validate must_revalidate", "§5.2.2.10"},
           Row{"max-age=60, stale-if-error=30", "", 61, "validate stale", "RFC 5861 §4: not before an error"},
           // request: no-cache
           Row{"max-age=60", "Cache-Control: no-cache", 0, "validate request_no_cache", "§5.2.1.4"},
           Row{"max-age=60", "Cache-Control: NO-CACHE", 0, "validate request_no_cache", "§5.2: in any case"},
           Row{"max-age=60", "Cache-Control: x=1\nCache-Control: no-cache", 0, "validate request_no_cache", "any line"},
           Row{"max-age=60, stale-while-revalidate=30", "Cache-Control: no-cache", 70, "validate request_no_cache", "§5.2.1.4"},
           Row{"max-age=60", "Pragma: no-cache", 0, "validate request_no_cache", "§5.4"},
           Row{"max-age=60", "Pragma: foo, No-Cache", 0, "validate request_no_cache", "§5.4: a list"},
           Row{"max-age=60", "Pragma: foo", 0, "serve fresh_hit", "§5.4"},
           Row{"max-age=60", "Pragma: no-cache\nCache-Control: max-age=99", 0, "serve fresh_hit", "§5.4: beside Cache-Control"},
           // request: max-age
           Row{"max-age=60", "Cache-Control: max-age=10", 10, "serve fresh_hit", "§5.2.1.1: less than or equal"},
           Row{"max-age=60", "Cache-Control: max-age=10", 11, "validate request_max_age", "§5.2.1.1"},
           Row{"max-age=60", "Cache-Control: max-age=0", 1, "validate request_max_age", "§5.2.1.1"},
           Row{"max-age=60", "Cache-Control: max-age=\"10\"", 11, "validate request_max_age", "§5.2: both forms"},
           Row{"max-age=60", "Cache-Control: max-age=10, max-age=99", 11, "validate request_max_age", "the first"},
           Row{"max-age=60", "Cache-Control: max-age=x", 1, "validate request_max_age", "nonsense counts as 0"},
           Row{"max-age=60", "Cache-Control: max-age=99999999999", 59, "serve fresh_hit", "§1.2.2: saturates"},
           Row{"max-age=60", "Cache-Control: max-age=100", 61, "validate stale", "§5.2.1.1: no stale response"},
           Row{"max-age=60, stale-while-revalidate=30", "Cache-Control: max-age=100", 61, "validate stale", "§5.2.1.1"},
           // request: min-fresh
           Row{"max-age=60", "Cache-Control: min-fresh=10", 50, "serve fresh_hit", "§5.2.1.3: 10 s are left"},
           Row{"max-age=60", "Cache-Control: min-fresh=10", 51, "validate request_min_fresh", "§5.2.1.3"},
           Row{"max-age=60", "Cache-Control: min-fresh=x", 51, "serve fresh_hit", "nonsense is not there"},
           Row{"max-age=60, stale-while-revalidate=30", "Cache-Control: min-fresh=1", 61, "validate stale", "§5.2.1.3"},
           // request: max-stale
           Row{"max-age=60", "Cache-Control: max-stale=10", 70, "serve client_accepts_stale", "§5.2.1.2"},
           Row{"max-age=60", "Cache-Control: max-stale=10", 71, "validate stale", "§5.2.1.2: no more than that"},
           Row{"max-age=60", "Cache-Control: max-stale", 9999, "serve client_accepts_stale", "§5.2.1.2: any age"},
           Row{"max-age=60", "Cache-Control: max-stale=x", 61, "validate stale", "nonsense allows nothing"},
           Row{"max-age=60", "Cache-Control: max-stale=", 61, "validate stale", "nonsense allows nothing"},
           Row{"max-age=60", "Cache-Control: max-stale=10, max-age=65", 65, "serve client_accepts_stale", "§5.2.1.1"},
           Row{"max-age=60", "Cache-Control: max-stale=10, max-age=65", 66, "validate stale", "§5.2.1.1: too old"},
           Row{"max-age=60, must-revalidate", "Cache-Control: max-stale", 61, "validate must_revalidate", "§5.2.2.2"},
           Row{"s-maxage=60", "Cache-Control: max-stale", 61, "validate must_revalidate", "§5.2.2.10"},
           Row{"max-age=60, no-cache", "Cache-Control: max-stale", 61, "validate response_no_cache", "§5.2.2.4"},
           Row{"max-age=0", "Cache-Control: max-stale", 5, "validate stale", "never fresh: it may be one user's own"},
           // request: no-store, only-if-cached
           Row{"max-age=60", "Cache-Control: no-store", 0, "serve fresh_hit", "§5.2.1.5: does not apply to what is stored"},
           Row{"max-age=60", "Cache-Control: no-store", 60, "fetch request_no_store", "§5.2.1.5"},
           Row{"max-age=60", "Cache-Control: only-if-cached", 0, "serve fresh_hit", "§5.2.1.7"},
           Row{"max-age=60", "Cache-Control: only-if-cached", 60, "refuse only_if_cached", "§5.2.1.7: 504"},
           Row{"max-age=60", "Cache-Control: only-if-cached, max-stale", 60, "serve client_accepts_stale", "§5.2.1.7"},
           Row{"max-age=60", "Cache-Control: only-if-cached, max-age=5", 6, "refuse only_if_cached", "§5.2.1.7: constraints"},
           Row{"max-age=60", "Cache-Control: only-if-cached, no-cache", 0, "refuse only_if_cached", "§5.2.1.7: constraints"},
           // immutable
           Row{"max-age=60, immutable", "Cache-Control: max-age=0", 5, "serve fresh_hit", "RFC 8246 §2.1"},
           Row{"max-age=60, immutable", "Cache-Control: no-cache", 5, "validate request_no_cache", "RFC 8246 §2.1: a signal"},
           Row{"max-age=60, immutable", "", 60, "validate stale", "RFC 8246 §2: only while fresh"},
           Row{"max-age=60", "Cache-Control: max-age=0, immutable", 5, "validate request_max_age", "RFC 8246 §2: no effect"},
           // unknown things
           Row{"max-age=60", "Cache-Control: s-maxage=0, private, foo", 5, "serve fresh_hit", "§5.2.1: no request directives"},
           Row{"max-age=60", "Cookie: a=b\nX-Whatever: 1", 5, "serve fresh_hit", "a Cookie does not prevent reuse"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.says);
    CAPTURE(row.asks);
    const auto facts = stored((std::string("ETag: \"v\"\nCache-Control: ") + row.says).c_str());
    CHECK(text(decided(row.asks, facts, row.after)) == row.decision);
  }
}

TEST_CASE("nothing stored: a miss says of which kind (RFC 9211 §2.2), and only-if-cached gets 504 (RFC 9111 §5.2.1.7)") {
  const auto miss = [](const char* asked, bool other_variants) {
    return text(decide(read_ask(get(asked), {}), nullptr, PurgeState::valid, other_variants, {}, kReceived));
  };
  CHECK(miss("", false) == "fetch uri_miss");
  CHECK(miss("", true) == "fetch vary_miss");
  CHECK(miss("Cache-Control: only-if-cached", false) == "refuse only_if_cached");
  CHECK(miss("Cache-Control: only-if-cached, no-store", true) == "refuse only_if_cached");
  CHECK(miss("Cache-Control: no-store", false) == "fetch uri_miss");      // RFC 9211 §2.2: nothing could have been selected
  CHECK(miss("Cache-Control: no-cache", false) == "fetch uri_miss");
}

TEST_CASE("what a hard purge hit is not there; what a soft one hit is stale") {
  const auto plain = stored("Cache-Control: max-age=60\nETag: \"v\"");
  const auto window = stored("Cache-Control: max-age=60, stale-while-revalidate=30\nETag: \"v\"");
  const auto immutable = stored("Cache-Control: max-age=60, immutable\nETag: \"v\"");
  CHECK(text(decided("", plain, 0, PurgeState::hard)) == "fetch purged");
  CHECK(text(decided("Cache-Control: only-if-cached", plain, 0, PurgeState::hard)) == "refuse only_if_cached");
  CHECK(text(decided("", plain, 0, PurgeState::validate)) == "validate purge_unknown");   // never served before that
  CHECK(text(decided("Cache-Control: max-stale", plain, 0, PurgeState::validate)) == "validate purge_unknown");
  CHECK(text(decided("", plain, 0, PurgeState::soft)) == "serve_and_refresh purged_soft");
  CHECK(text(decided("", immutable, 0, PurgeState::soft)) == "serve_and_refresh purged_soft");
  CHECK(text(decided("Cache-Control: max-stale", plain, 0, PurgeState::soft)) == "serve_and_refresh purged_soft");
  CHECK(text(decided("Cache-Control: no-cache", plain, 0, PurgeState::soft)) == "validate request_no_cache");
  CHECK(text(decided("Cache-Control: max-age=0", plain, 1, PurgeState::soft)) == "validate purged_soft");
  CHECK(text(decided("", plain, 61, PurgeState::soft)) == "validate purged_soft");
  CHECK(text(decided("", window, 0, PurgeState::soft)) == "serve_and_refresh purged_soft");
  CHECK(text(decided("", window, 91, PurgeState::soft)) == "validate purged_soft");
  CHECK(text(decided("", window, 91, PurgeState::hard)) == "fetch purged");
}

TEST_CASE("a request with Authorization is answered only from what may be shared with it (RFC 9111 §3.5)") {
  const char* const asked = "Authorization: Basic eDp5";
  CHECK(text(decided(asked, stored("Cache-Control: max-age=60"), 0)) == "fetch authorization");
  CHECK(text(decided(asked, stored("Cache-Control: max-age=60, public"), 0)) == "serve fresh_hit");
  CHECK(text(decided(asked, stored("Cache-Control: s-maxage=60"), 0)) == "serve fresh_hit");
  CHECK(text(decided(asked, stored("Cache-Control: max-age=60, must-revalidate"), 0)) == "serve fresh_hit");
  CHECK(text(decided(asked, stored("ETag: \"v\"\nCache-Control: max-age=60, must-revalidate"), 60)) ==
        "validate must_revalidate");
  CHECK(text(decided("Authorization: x\nCache-Control: only-if-cached", stored("Cache-Control: max-age=60"), 0)) ==
        "refuse only_if_cached");
}

TEST_CASE("a stored part answers only where it holds all that was asked for (RFC 9111 §3.3)") {
  auto facts = stored("Cache-Control: max-age=60\nETag: \"v\"");
  facts.partial = true;
  CHECK(text(decided("Range: bytes=0-4", facts, 0)) == "fetch partial_miss");
  Ask ask = read_ask(get("Range: bytes=0-4"), {});
  ask.partial_suffices = true;
  CHECK(text(decide(ask, &facts, PurgeState::valid, false, {}, at(0))) == "serve fresh_hit");
  CHECK(text(decide(ask, &facts, PurgeState::valid, false, {}, at(60))) == "validate stale");
}

TEST_CASE("a route may disregard what clients say of caching, but not their credentials") {
  CacheRules rules;
  rules.ignore_client_no_cache = true;
  const auto facts = stored("Cache-Control: max-age=60, stale-while-revalidate=30");
  for (const char* asked : {"Cache-Control: no-cache", "Cache-Control: max-age=0", "Pragma: no-cache", "Cache-Control: no-store",
                            "Cache-Control: min-fresh=999", "Cache-Control: only-if-cached"}) {
    CAPTURE(asked);
    CHECK(text(decided(asked, facts, 5, PurgeState::valid, rules)) == "serve fresh_hit");
    CHECK(text(decided(asked, facts, 61, PurgeState::valid, rules)) == "serve_and_refresh stale_while_revalidate");
    CHECK(text(decided(asked, facts, 99, PurgeState::valid, rules)) == "validate stale");
  }
  CHECK(text(decided("Authorization: a", facts, 5, PurgeState::valid, rules)) == "fetch authorization");
  CHECK(read_ask(get("Cache-Control: no-transform"), rules).no_transform);
}

TEST_CASE("what a request says is read once (RFC 9111 §5.2.1)") {
  const Ask ask = read_ask(get("Cache-Control: max-age=1, min-fresh=2, max-stale=3, no-cache, no-store\n"
                               "Cache-Control: only-if-cached, no-transform, stale-if-error=4\nAuthorization: a"), {});
  CHECK(ask.max_age == 1);
  CHECK(ask.min_fresh == 2);
  CHECK(ask.max_stale == 3);
  CHECK(ask.stale_if_error == 4);
  CHECK((ask.no_cache && ask.no_store && ask.only_if_cached && ask.no_transform && ask.authorization));
  const Ask plain = read_ask(get("Accept: */*"), {});
  CHECK_FALSE((plain.max_age || plain.min_fresh || plain.max_stale || plain.stale_if_error));
  CHECK_FALSE((plain.no_cache || plain.no_store || plain.only_if_cached || plain.no_transform || plain.authorization));
  CHECK(read_ask(get("Cache-Control: max-stale"), {}).max_stale == 1u << 31);
}

TEST_CASE("only GET and HEAD without a body may be looked up") {
  using http::Method;
  CHECK_FALSE(must_pass(get(), {}).has_value());
  CHECK_FALSE(must_pass(request_of(Method::head, "HEAD"), {}).has_value());
  struct Row { Method method; const char* name; };
  for (const Row& row : {Row{Method::post, "POST"}, Row{Method::put, "PUT"}, Row{Method::delete_, "DELETE"},
                         Row{Method::patch, "PATCH"}, Row{Method::options, "OPTIONS"}, Row{Method::trace, "TRACE"},
                         Row{Method::other, "FOO"}, Row{Method::purge, "PURGE"}}) {
    CAPTURE(row.name);
    CHECK(must_pass(request_of(row.method, row.name), {}) == Reason::method);
  }
  auto with_body = get();
  with_body.framing = http::Framing::length;
  with_body.content_length = 5;
  CHECK(must_pass(with_body, {}) == Reason::method);        // RFC 9110 §9.3.1
  with_body.content_length = 0;
  CHECK_FALSE(must_pass(with_body, {}).has_value());
  with_body.framing = http::Framing::chunked;
  CHECK(must_pass(with_body, {}) == Reason::method);
}

TEST_CASE("a route, an upgrade or a cookie may let a request pass") {
  CacheRules rules;
  rules.enabled = false;
  CHECK(must_pass(get(), rules) == Reason::route_bypass);
  rules = {};
  auto upgrade = get("Upgrade: websocket\nConnection: upgrade");
  upgrade.wants_upgrade = true;
  CHECK(must_pass(upgrade, rules) == Reason::upgrade);
  rules.pass_cookies = {"session", "wordpress_*"};
  struct Row { const char* asked; bool passes; };
  for (const Row& row : {
           Row{"", false}, Row{"Cookie: a=b", false}, Row{"Cookie: session=1", true}, Row{"Cookie: a=b; session=1", true},
           Row{"Cookie: a=b;session=1", true}, Row{"Cookie: a=b\nCookie: session=1", true}, Row{"Cookie: session", true},
           Row{"Cookie: session=", true}, Row{"Cookie: a=session", false}, Row{"Cookie: mysession=1", false},
           Row{"Cookie: Session=1", false}, Row{"Cookie: wordpress_logged_in=1", true}, Row{"Cookie: ;;=x; ; ", false},
           Row{"Cookie: a=\"x; session=1\"", true}, Row{"Cookie:   session = 1", true}}) {
    CAPTURE(row.asked);
    CHECK((must_pass(get(row.asked), rules) == Reason::pass_cookie) == row.passes);
  }
  rules.pass_cookies.clear();
  CHECK_FALSE(must_pass(get("Cookie: session=1"), rules).has_value());
}

TEST_CASE("what stale answer may stand in when the origin is in trouble (RFC 9111 §4.2.4, RFC 5861 §4)") {
  using enum OriginTrouble;
  struct Row { const char* says; const char* asks; std::int64_t after; OriginTrouble trouble; const char* reason; const char* rule; };
  for (const Row& row : {
           Row{"max-age=60", "", 70, error_status, "", "RFC 5861 §4: only where it is allowed"},
           Row{"max-age=60, stale-if-error=30", "", 70, error_status, "stale_if_error", "RFC 5861 §4"},
           Row{"max-age=60, stale-if-error=30", "", 90, error_status, "stale_if_error", "RFC 5861 §4"},
           Row{"max-age=60, stale-if-error=30", "", 91, error_status, "", "RFC 5861 §4: more stale than indicated"},
           Row{"max-age=60, stale-if-error=30", "", 70, unreachable, "stale_if_error", "RFC 5861 §4: a 504 would result"},
           Row{"max-age=60", "Cache-Control: stale-if-error=30", 70, error_status, "stale_if_error", "§4: in a request"},
           Row{"max-age=60", "Cache-Control: stale-if-error=30", 91, error_status, "", "§4: in a request"},
           Row{"max-age=60, must-revalidate", "Cache-Control: stale-if-error=30", 70, error_status, "", "§5.2.2.2"},
           Row{"max-age=60", "", 7000, unreachable, "stale_origin_gone", "§4.2.4: disconnected"},
           Row{"max-age=60, stale-while-revalidate=5", "", 7000, unreachable, "stale_origin_gone", "§4.2.4: disconnected"},
           Row{"max-age=60, stale-if-error=30", "", 91, unreachable, "", "the origin's own limit has run out"},
           Row{"max-age=60, must-revalidate", "", 70, unreachable, "", "§5.2.2.2: also when disconnected"},
           Row{"max-age=60, proxy-revalidate", "", 70, unreachable, "", "§5.2.2.8"},
           Row{"s-maxage=60", "", 70, unreachable, "", "§5.2.2.10"},
           Row{"max-age=60, no-cache", "", 70, unreachable, "", "§5.2.2.4"},
           Row{"max-age=0", "", 70, unreachable, "", "never fresh: it may be one user's own"},
           Row{"max-age=0, stale-if-error=99", "", 70, unreachable, "stale_if_error", "RFC 5861 §4: explicitly allowed"},
           Row{"max-age=60", "Cache-Control: no-cache", 70, unreachable, "", "§5.2.1.4"},
           Row{"max-age=60", "Cache-Control: max-age=0", 70, unreachable, "stale_origin_gone", "§5.2.1: advisory"},
           Row{"max-age=60", "", 70, slow, "stale_if_slow", "§4.2.4: by contract"},
           Row{"max-age=60", "Cache-Control: max-age=0", 30, slow, "", "§5.2.1.1: the client would rather wait"},
           Row{"max-age=60", "Cache-Control: min-fresh=50", 30, slow, "", "§5.2.1.3: the client would rather wait"},
           Row{"max-age=60, must-revalidate", "", 70, slow, "", "§5.2.2.2"},
           Row{"s-maxage=60", "", 70, slow, "", "§5.2.2.10"},
           Row{"max-age=0", "", 70, slow, "", "never fresh"},
           Row{"max-age=60", "Authorization: a", 70, unreachable, "", "§3.5"},
           Row{"max-age=60, public", "Authorization: a", 70, unreachable, "stale_origin_gone", "§3.5"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.says);
    CAPTURE(row.asks);
    const auto facts = stored((std::string("ETag: \"v\"\nCache-Control: ") + row.says).c_str());
    const auto reason = stale_instead(read_ask(get(row.asks), {}), facts, PurgeState::valid, row.trouble, {}, at(row.after));
    CHECK((reason ? name_of(*reason).name : "") == row.reason);
    CHECK_FALSE(stale_instead(read_ask(get(row.asks), {}), facts, PurgeState::hard, row.trouble, {}, at(row.after)));
  }
}

TEST_CASE("stale when the origin is gone or slow are settings") {
  const auto facts = stored("Cache-Control: max-age=60");
  CacheRules rules;
  rules.stale_when_gone = false;
  rules.stale_if_slow = Millis{0};
  for (const auto trouble : {OriginTrouble::unreachable, OriginTrouble::slow, OriginTrouble::error_status}) {
    CHECK_FALSE(stale_instead({}, facts, PurgeState::valid, trouble, rules, at(70)));
  }
  rules = {};
  rules.stale_if_error = Seconds{30};               // the route's own window is no limit that the origin set
  const auto routed = stored("Cache-Control: max-age=60", rules);
  CHECK(stale_instead({}, routed, PurgeState::valid, OriginTrouble::error_status, rules, at(70)) == Reason::stale_if_error);
  CHECK(stale_instead({}, routed, PurgeState::valid, OriginTrouble::unreachable, rules, at(700)) == Reason::stale_origin_gone);
  // A softly purged answer may stand in as a stale one may.
  CHECK(stale_instead({}, routed, PurgeState::soft, OriginTrouble::error_status, rules, at(0)) == Reason::stale_if_error);
}

}  // namespace
}  // namespace davenport::policy::test
