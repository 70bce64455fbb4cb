// What is stored, and which of its fields (RFC 9111 §3).
#include "cache/policy/storability.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cache/policy/heads.h"

namespace davenport::policy::test {
namespace {

using config::CacheRules;
using config::SetCookie;

TEST_CASE("directives that forbid a shared cache to store (RFC 9111 §3)") {
  struct Row { int status; const char* fields; Storing storing; const char* rule; };
  for (const Row& row : {
           Row{200, "Cache-Control: max-age=60", Storing::stored, "§3"},
           Row{200, "Cache-Control: no-store", Storing::no_store, "§5.2.2.5"},
           Row{200, "Cache-Control: max-age=60, no-store", Storing::no_store, "§4.2.1: the most restrictive"},
           Row{200, "Cache-Control: no-store, max-age=60, public, s-maxage=5", Storing::no_store, "in any order"},
           Row{200, "Cache-Control: max-age=60\nCache-Control: no-store", Storing::no_store, "on any line"},
           Row{200, "Cache-Control: No-Store", Storing::no_store, "§5.2: in any case"},
           Row{200, "Cache-Control: no-store=1, max-age=60", Storing::no_store, "§5.2: an argument changes nothing"},
           Row{200, "Cache-Control: max-age=60, x=\"no-store\"", Storing::stored, "§5.2: not inside a quoted string"},
           Row{200, "Cache-Control: private, max-age=60", Storing::private_, "§5.2.2.7"},
           Row{200, "Cache-Control: PRIVATE, s-maxage=60, public", Storing::private_, "§5.2.2.7: whatever stands beside it"},
           Row{200, "Cache-Control: private=\"\", max-age=60", Storing::private_, "an argument without names is none"},
           Row{200, "Cache-Control: private=\"a b\", max-age=60", Storing::private_, "nor one that is no list of names"},
           Row{200, "Cache-Control: private=\"X-User\", max-age=60", Storing::stored, "§5.2.2.7: only that field"},
           Row{200, "Cache-Control: private=X-User, max-age=60", Storing::stored, "§5.2: the token form is read too"},
           Row{200, "Cache-Control: private=\"X-User\", private, max-age=60", Storing::private_, "the most restrictive"},
           Row{200, "Cache-Control: max-age=60\nVary: *", Storing::vary_star, "§4.1: never matches"},
           Row{200, "Pragma: no-cache\nCache-Control: max-age=60", Storing::stored, "§5.4: means nothing in an answer"},
           Row{200, "Pragma: no-cache\nExpires: {60}", Storing::stored, "§5.4"},
           Row{200, "Cache-Control: max-age=60, must-understand", Storing::stored, "§5.2.2.3: a status that we know"},
           Row{200, "Cache-Control: max-age=60, must-understand, no-store", Storing::stored, "§5.2.2.3: overrides no-store"},
           Row{404, "Cache-Control: max-age=60, must-understand, no-store", Storing::stored, "§5.2.2.3"},
           Row{200, "Cache-Control: must-understand, no-store, private, max-age=60", Storing::private_, "but not private"},
           Row{299, "Cache-Control: max-age=60, must-understand", Storing::must_understand, "§5.2.2.3: unknown status"},
           Row{599, "Cache-Control: max-age=60, must-understand, no-store", Storing::must_understand, "§5.2.2.3"},
           Row{418, "Cache-Control: max-age=60, must-understand", Storing::must_understand, "§5.2.2.3: unused"},
           Row{200, "Cache-Control: max-age=60\nContent-Disposition: attachment", Storing::stored, "no bar"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.fields);
    CHECK(name_of(judged(row.status, row.fields).storing) == name_of(row.storing));
    CHECK(name_of(judged(row.status, row.fields, strict()).storing) == name_of(row.storing));
  }
}

TEST_CASE("every final status with an explicit lifetime is stored (RFC 9111 §3)") {
  for (const int status : {200, 201, 202, 203, 204, 205, 299, 300, 301, 302, 303, 305, 307, 308, 399, 400, 401, 403, 404, 405,
                           410, 413, 414, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 599}) {
    for (const char* lifetime : {"Cache-Control: max-age=60", "Cache-Control: s-maxage=60", "Expires: {60}",
                                 "Cache-Control: max-age=60, public", "CDN-Cache-Control: max-age=60"}) {
      CAPTURE(status);
      CAPTURE(lifetime);
      const auto verdict = judged(status, lifetime);
      CHECK(verdict.ok());
      CHECK(verdict.facts.lifetime == 60);
      CHECK(verdict.facts.status == status);
      CHECK_FALSE(verdict.facts.fresh(at(60)));
    }
  }
}

TEST_CASE("interim answers and 304 are never stored (RFC 9111 §3)") {
  for (const int status : {100, 101, 102, 103, 199, 304}) {
    CAPTURE(status);
    CHECK(judged(status, "Cache-Control: max-age=60, public\nETag: \"v\"").storing == Storing::status);
  }
}

TEST_CASE("only answers to GET are stored, and to a HEAD that was asked as one (RFC 9111 §3)") {
  using http::Method;
  const auto answer = [] { return response(200, "Cache-Control: max-age=60, public"); };
  struct Row { Method method; const char* name; };
  for (const Row& row : {Row{Method::post, "POST"}, Row{Method::put, "PUT"},
                         Row{Method::delete_, "DELETE"}, Row{Method::options, "OPTIONS"}, Row{Method::patch, "PATCH"},
                         Row{Method::other, "FOO"}, Row{Method::purge, "PURGE"}}) {
    CAPTURE(row.name);
    CHECK(judge(request_of(row.method, row.name), answer(), kAtOnce, {}).storing == Storing::method);
  }
  CHECK(judge(request_of(Method::head, "HEAD"), answer(), kAtOnce, {}).storing == Storing::stored);
}

TEST_CASE("an answer to a request with Authorization is stored only where sharing is explicit (RFC 9111 §3.5)") {
  struct Row { const char* fields; bool stored; const char* rule; };
  for (const Row& row : {
           Row{"Cache-Control: max-age=60", false, "§3.5"},
           Row{"Expires: {60}", false, "§3.5"},
           Row{"Cache-Control: max-age=60, public", true, "§5.2.2.9"},
           Row{"Cache-Control: s-maxage=60", true, "§5.2.2.10"},
           Row{"Cache-Control: max-age=60, must-revalidate", true, "§5.2.2.2"},
           Row{"Cache-Control: max-age=60, proxy-revalidate", false, "§3.5 does not name proxy-revalidate"},
           Row{"Cache-Control: public, no-store", false, "§5.2.2.5"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.fields);
    const auto with = judged(200, row.fields, {}, "Authorization: Basic eDp5");
    CHECK(with.ok() == row.stored);
    const auto without = judged(200, row.fields);
    if (without.ok()) CHECK(without.facts.shared_with_authorization == row.stored);
  }
  config::CacheRules forced;
  forced.ttl = Seconds{60};
  CHECK(judged(200, "", forced, "Authorization: Basic eDp5").storing == Storing::authorization);
}

TEST_CASE("a request's no-store keeps its answer out, unless the route disregards it (RFC 9111 §5.2.1.5)") {
  CHECK(judged(200, "Cache-Control: max-age=60", {}, "Cache-Control: no-store").storing == Storing::request_no_store);
  CHECK(judged(200, "Cache-Control: max-age=60", {}, "Cache-Control: max-age=0").ok());
  CHECK(judged(200, "Cache-Control: max-age=60", {}, "Cookie: a=b").ok());
  config::CacheRules rules;
  rules.ignore_client_no_cache = true;
  CHECK(judged(200, "Cache-Control: max-age=60", rules, "Cache-Control: no-store").ok());
  rules.enabled = false;
  CHECK(judged(200, "Cache-Control: max-age=60", rules).storing == Storing::route);
}

TEST_CASE("facts say what later decisions need (RFC 9111 §4.2.4, §5.2.2; RFC 5861; RFC 8246)") {
  struct Row { const char* says; bool must_revalidate, no_cache, immutable; std::uint32_t swr, sie; const char* rule; };
  for (const Row& row : {
           Row{"max-age=60", false, false, false, 0, 0, "nothing more"},
           Row{"max-age=60, must-revalidate", true, false, false, 0, 0, "§5.2.2.2"},
           Row{"max-age=60, proxy-revalidate", true, false, false, 0, 0, "§5.2.2.8"},
           Row{"s-maxage=60", true, false, false, 0, 0, "§5.2.2.10: includes proxy-revalidate"},
           Row{"max-age=60, no-cache", false, true, false, 0, 0, "§5.2.2.4"},
           Row{"max-age=60, no-cache=\"Set-Cookie\"", false, false, false, 0, 0, "§5.2.2.4: qualified"},
           Row{"max-age=60, no-cache=\"\"", false, true, false, 0, 0, "without names it is unqualified"},
           Row{"max-age=60, immutable", false, false, true, 0, 0, "RFC 8246 §2"},
           Row{"max-age=60, immutable=1", false, false, true, 0, 0, "RFC 8246 §2: arguments are ignored"},
           Row{"max-age=60, stale-while-revalidate=30", false, false, false, 30, 0, "RFC 5861 §3"},
           Row{"max-age=60, stale-if-error=30", false, false, false, 0, 30, "RFC 5861 §4"},
           Row{"max-age=60, stale-while-revalidate=x, stale-if-error=-1", false, false, false, 0, 0, "nonsense: none"},
           Row{"max-age=60, stale-while-revalidate=9, stale-if-error=9, must-revalidate", true, false, false, 0, 0,
               "§4.2.4: prohibited"},
           Row{"s-maxage=60, stale-while-revalidate=9", true, false, false, 0, 0, "§5.2.2.10 silences the window"},
           Row{"max-age=60, no-cache, stale-if-error=9", false, true, false, 0, 0, "§5.2.2.4"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.says);
    const auto verdict = judged(200, std::string("ETag: \"v\"\nCache-Control: ") + row.says);
    REQUIRE(verdict.ok());
    CHECK(verdict.facts.must_revalidate == row.must_revalidate);
    CHECK(verdict.facts.no_cache == row.no_cache);
    CHECK(verdict.facts.immutable == row.immutable);
    CHECK(verdict.facts.stale_while_revalidate == row.swr);
    CHECK(verdict.facts.stale_if_error == row.sie);
    CHECK(verdict.facts.has_validator);
  }
}

TEST_CASE("s_maxage_allows_stale lifts what s-maxage forbids, and nothing else") {
  CacheRules rules;
  rules.s_maxage_allows_stale = true;
  CHECK(judged(200, "Cache-Control: s-maxage=60, stale-while-revalidate=9", rules).facts.stale_while_revalidate == 9);
  CHECK_FALSE(judged(200, "Cache-Control: s-maxage=60", rules).facts.must_revalidate);
  CHECK(judged(200, "Cache-Control: s-maxage=60, proxy-revalidate", rules).facts.must_revalidate);
}

TEST_CASE("validators are an ETag of the origin's or a Last-Modified (RFC 9110 §8.8)") {
  const auto has = [](const char* text) {
    return judged(200, std::string("Cache-Control: max-age=60\n") + text).facts.has_validator;
  };
  CHECK(has("ETag: \"v\""));
  CHECK(has("ETag: W/\"v\""));
  CHECK(has("Last-Modified: {-5}"));
  CHECK_FALSE(has(""));
  CHECK_FALSE(has("ETag: v"));                                                  // no entity tag
  CHECK_FALSE(has("ETag: W/\"dvp-00000000000000000000000000000000\""));         // one of our own
}

TEST_CASE("the route's windows stand in where the origin names none, and only for what was ever fresh") {
  CacheRules rules;
  rules.stale_while_revalidate = Seconds{10};
  rules.stale_if_error = Seconds{20};
  CHECK(judged(200, "Cache-Control: max-age=60", rules).facts.stale_while_revalidate == 10);
  CHECK(judged(200, "Cache-Control: max-age=60", rules).facts.stale_if_error == 20);
  CHECK_FALSE(judged(200, "Cache-Control: max-age=60", rules).facts.sie_stated);
  const auto stated = judged(200, "Cache-Control: max-age=60, stale-while-revalidate=0, stale-if-error=5", rules).facts;
  CHECK(stated.stale_while_revalidate == 0);
  CHECK(stated.stale_if_error == 5);
  CHECK(stated.sie_stated);
  CHECK(judged(200, "ETag: \"v\"", rules).facts.stale_while_revalidate == 0);
  CHECK(judged(200, "ETag: \"v\"\nCache-Control: max-age=0", rules).facts.stale_if_error == 0);
  CHECK(judged(200, "Cache-Control: max-age=60, must-revalidate", rules).facts.stale_if_error == 0);
}

TEST_CASE("retention is freshness and the longest of the windows and keep") {
  const auto facts = [](const char* text) { return judged(200, text).facts; };
  CHECK(facts("Cache-Control: max-age=60").retention() == 60 + 86400);
  CHECK(facts("Cache-Control: max-age=60, stale-if-error=100000").retention() == 60 + 100000);
  CHECK(facts("Cache-Control: max-age=60, must-revalidate\nETag: \"v\"").retention() == 60 + 86400);
  // Nothing can be made of it once it is stale: neither a condition nor a stale answer.
  CHECK(facts("Cache-Control: max-age=60, must-revalidate").retention() == 60);
  CHECK_FALSE(facts("Cache-Control: max-age=60, must-revalidate").outlived(at(60)));
  CHECK(facts("Cache-Control: max-age=60, must-revalidate").outlived(at(61)));
}

TEST_CASE("Set-Cookie by default: stored only where sharing is explicit, and never the field") {
  struct Row { const char* fields; bool stored; const char* rule; };
  for (const Row& row : {
           Row{"Cache-Control: max-age=60", false, "nothing says that it is for all"},
           Row{"Expires: {60}", false, "nothing says that it is for all"},
           Row{"Cache-Control: max-age=60, public", true, "public"},
           Row{"Cache-Control: s-maxage=60", true, "s-maxage"},
           Row{"Cache-Control: max-age=60, must-revalidate", false, "must-revalidate says nothing of sharing"},
           Row{"Cache-Control: max-age=60, private=\"Set-Cookie\"", true, "RFC 9111 §5.2.2.7: the rest is for all"},
           Row{"Cache-Control: max-age=60, no-cache=\"set-cookie\"", true, "RFC 9111 §5.2.2.4: the rest may be reused"},
           Row{"Cache-Control: max-age=60, private=\"X-Other\"", false, "another field"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.fields);
    const std::string answer = std::string(row.fields) + "\nSet-Cookie: a=b\nX-Page: 1";
    const auto verdict = judged(200, answer);
    CHECK(verdict.ok() == row.stored);
    if (!row.stored) CHECK(verdict.storing == Storing::set_cookie);
    if (!row.stored) continue;
    CHECK(verdict.strip_set_cookie);
    const auto head = response(200, answer);
    CHECK_FALSE(is_stored_field(*head.fields.find("Set-Cookie"), verdict, {}, head));
    CHECK(is_stored_field(*head.fields.find("X-Page"), verdict, {}, head));
  }
}

TEST_CASE("Set-Cookie by the route's settings") {
  const char* const plain = "Cache-Control: max-age=60\nSet-Cookie: a=b";
  const char* const shared = "Cache-Control: max-age=60, public\nSet-Cookie: a=b";
  CacheRules rules;
  rules.share_set_cookie = true;
  CHECK(judged(200, plain, rules).ok());
  CHECK(judged(200, plain, rules).strip_set_cookie);

  rules = {};
  rules.set_cookie = SetCookie::refuse;
  rules.share_set_cookie = true;
  CHECK(judged(200, plain, rules).storing == Storing::set_cookie);
  CHECK(judged(200, shared, rules).storing == Storing::set_cookie);
  CHECK(judged(200, "Cache-Control: max-age=60, private=\"set-cookie\"\nSet-Cookie: a=b", rules).storing == Storing::set_cookie);
  CHECK(judged(200, "Cache-Control: max-age=60", rules).ok());

  rules = strict();
  CHECK(judged(200, plain, rules).ok());
  CHECK_FALSE(judged(200, plain, rules).strip_set_cookie);
  const auto head = response(200, plain);
  CHECK(is_stored_field(*head.fields.find("Set-Cookie"), judged(200, plain, rules), rules, head));

  rules = {};
  rules.strip_cookies = true;                        // the route takes Set-Cookie out of every answer
  CHECK(judged(200, plain, rules).ok());
  CHECK(judged(200, plain, rules).strip_set_cookie);
  rules = {};
  rules.ttl = Seconds{60};                           // a forced lifetime says nothing of sharing
  CHECK(judged(200, "Set-Cookie: a=b", rules).storing == Storing::set_cookie);
}

TEST_CASE("type_ttl: by the longest pattern of the media type, where the origin says nothing") {
  config::CacheRules rules;
  rules.default_ttl = Seconds{1};
  rules.type_ttl = {{"image/*", Seconds{2}}, {"image/png", Seconds{3}}, {"*", Seconds{4}}};
  CHECK(judged(200, "Content-Type: image/gif", rules).facts.lifetime == 2);
  CHECK(judged(200, "Content-Type: Image/PNG; q=1", rules).facts.lifetime == 3);
  CHECK(judged(200, "Content-Type: text/html", rules).facts.lifetime == 4);
  CHECK(judged(200, "Content-Type: image/png\nCache-Control: max-age=9", rules).facts.lifetime == 9);
  rules.type_ttl.erase("*");
  CHECK(judged(200, "Content-Type: text/html", rules).facts.lifetime == 1);
}

TEST_CASE("the order of lifetimes: route's ttl, Cache-Control, Expires, status_ttl, default_ttl, heuristic") {
  CacheRules rules;
  rules.ttl = Seconds{1000};
  rules.default_ttl = Seconds{2000};
  rules.status_ttl = {{404, Seconds{30}}, {503, Seconds{5}}, {302, Seconds{7}}};
  struct Row { int status; const char* fields; std::uint32_t lifetime; bool forced; const char* rule; };
  for (const Row& row : {
           Row{200, "", 1000, true, "the route's ttl where nothing is said"},
           Row{200, "Cache-Control: max-age=60", 1000, true, "the route's ttl over max-age"},
           Row{200, "Cache-Control: max-age=9999", 1000, true, "also where that is longer"},
           Row{200, "Cache-Control: max-age=0", 1000, true, "it makes up for a short one"},
           Row{200, "Expires: 0", 1000, true, "and for an expired one"},
           Row{301, "", 1000, true, "redirects that are permanent"},
           Row{410, "", 1000, true, "410"},
           Row{404, "", 30, false, "status_ttl names this status: it is meant"},
           Row{404, "Cache-Control: max-age=60", 60, false, "status_ttl is for where the origin is silent"},
           Row{503, "", 5, false, "status_ttl reaches any status"},
           Row{302, "", 7, false, "status_ttl reaches any status"},
           Row{302, "Expires: {60}", 60, false, "Expires over status_ttl"},
           Row{414, "Cache-Control: max-age=60", 60, false, "no forced lifetime for what one request brought about"},
           Row{501, "Cache-Control: max-age=60", 60, false, "no forced lifetime for errors of the server"},
           Row{500, "Cache-Control: max-age=60", 60, false, "no forced lifetime for errors of the server"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.status);
    const auto verdict = judged(row.status, row.fields, rules);
    CHECK(verdict.ok());
    CHECK(verdict.facts.lifetime == row.lifetime);
    CHECK(verdict.facts.forced == row.forced);
    CHECK_FALSE(verdict.facts.heuristic);
  }
  rules.ttl.reset();
  CHECK(judged(200, "Last-Modified: {-1000}", rules).facts.lifetime == 2000);   // default_ttl over the guess
  CHECK(judged(200, "Cache-Control: max-age=60", rules).facts.lifetime == 60);
  CHECK(judged(500, "", rules).storing == Storing::status);
  CHECK(judged(404, "Cache-Control: public", rules).facts.lifetime == 30);
}

TEST_CASE("a forced ttl counts from receipt, and overrides no prohibition") {
  CacheRules rules;
  rules.ttl = Seconds{100};
  const auto aged = judged(200, "Age: 500\nCache-Control: max-age=60", rules);
  CHECK(aged.ok());
  CHECK(aged.facts.age(at(0)) == 500);               // what is told of it stays true
  CHECK(aged.facts.fresh(at(99)));
  CHECK_FALSE(aged.facts.fresh(at(100)));

  struct Row { const char* fields; Storing storing; };
  for (const Row& row : {Row{"Cache-Control: no-store", Storing::no_store}, Row{"Cache-Control: private", Storing::private_},
                         Row{"Vary: *", Storing::vary_star}}) {
    CAPTURE(row.fields);
    CHECK(judged(200, row.fields, rules).storing == row.storing);
  }
  const auto validated = judged(200, "Cache-Control: no-cache\nETag: \"v\"", rules);
  CHECK(validated.ok());
  CHECK(validated.facts.no_cache);
  CHECK(judged(200, "Cache-Control: must-revalidate, max-age=0", rules).facts.must_revalidate);
}

TEST_CASE("which fields are kept (RFC 9111 §3.1)") {
  const auto head = response(200,
      "Connection: X-Hop\nKeep-Alive: 1\nProxy-Connection: a\nTE: a\nTransfer-Encoding: chunked\nUpgrade: a\n"
      "Proxy-Authenticate: a\nProxy-Authentication-Info: a\nProxy-Authorization: a\nAge: 5\n"
      "Surrogate-Key: a\nCache-Tag: a\nCDN-Cache-Control: max-age=1, private=\"x-user\"\nX-User: a\nX-Other: a\n"
      "Set-Cookie: a\nContent-Type: a\nContent-Encoding: a\nContent-Language: a\nContent-Location: a\nContent-Disposition: a\n"
      "Clear-Site-Data: a\nETag: \"a\"\nTrailer: a\nWarning: a\nCache-Status: a\nVia: a\nDate: {0}\nServer: a\nX-Unknown: a\n"
      "Cache-Control: max-age=60, private=\"x-other\"");
  CacheRules keep_all = strict();
  keep_all.forward_tags = true;
  const auto verdict = judge(get(), head, kAtOnce, keep_all);
  REQUIRE(verdict.ok());
  const auto kept = [&](const char* name) { return is_stored_field(*head.fields.find(name), verdict, keep_all, head); };
  for (const char* name : {"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade",
                           "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Age", "X-User"}) {
    CAPTURE(name);
    CHECK_FALSE(kept(name));
  }
  for (const char* name : {"Surrogate-Key", "Cache-Tag", "CDN-Cache-Control", "X-Other", "Set-Cookie", "Content-Type",
                           "Content-Encoding", "Content-Language", "Content-Location", "Content-Disposition",
                           "Clear-Site-Data", "ETag", "Trailer", "Warning", "Cache-Status", "Via", "Date", "Server",
                           "X-Unknown", "Cache-Control"}) {
    CAPTURE(name);
    CHECK(kept(name));
  }
  CacheRules tight;
  tight.forward_targeted = false;
  CHECK_FALSE(is_stored_field(*head.fields.find("Surrogate-Key"), verdict, tight, head));
  CHECK_FALSE(is_stored_field(*head.fields.find("Cache-Tag"), verdict, tight, head));
  CHECK_FALSE(is_stored_field(*head.fields.find("CDN-Cache-Control"), verdict, tight, head));
}

TEST_CASE("a 206 is a part, a whole in disguise, or not to be trusted (RFC 9111 §3.3, RFC 9110 §15.3.7)") {
  struct Row { const char* asked; const char* fields; Storing storing; const char* rule; };
  for (const Row& row : {
           Row{"Range: bytes=0-4", "Content-Range: bytes 0-4/10", Storing::partial, "a part"},
           Row{"Range: bytes=0-4", "Content-Range: bytes 0-4/*", Storing::partial, "of unknown length"},
           Row{"Range: bytes=0-", "Content-Range: bytes 0-9/10", Storing::stored, "§15.3.7.3: all of it"},
           Row{"Range: bytes=0-", "Content-Range: bytes 0-9/*", Storing::partial, "nobody says that this is all"},
           Row{"", "Content-Range: bytes 0-4/10", Storing::bad_range, "nobody asked for a part"},
           Row{"Range: bytes=0-4", "", Storing::bad_range, "no Content-Range"},
           Row{"Range: bytes=0-4", "Content-Range: bytes */10", Storing::bad_range, "§14.4: no range in it"},
           Row{"Range: bytes=0-4", "Content-Range: bytes 4-0/10", Storing::bad_range, "§14.4: last before first"},
           Row{"Range: bytes=0-4", "Content-Range: bytes 0-9/5", Storing::bad_range, "§14.4: beyond the length"},
           Row{"Range: bytes=0-4", "Content-Range: lines 0-4/10", Storing::bad_range, "§14.4: another unit"},
           Row{"Range: bytes=0-4", "Content-Range: bytes 0-4/10\nContent-Range: bytes 5-9/10", Storing::bad_range, "two"},
           Row{"Range: bytes=0-1,4-5", "Content-Type: multipart/byteranges; boundary=x", Storing::bad_range, "§15.3.7.2"}}) {
    CAPTURE(row.rule);
    const auto verdict = judged(206, std::string("Cache-Control: max-age=60\nETag: \"v\"\n") + row.fields, {}, row.asked);
    CHECK(name_of(verdict.storing) == name_of(row.storing));
    if (row.storing == Storing::partial) CHECK(verdict.facts.partial);
    if (row.storing == Storing::partial) CHECK(verdict.facts.status == 206);
    if (row.storing == Storing::stored) CHECK(verdict.facts.status == 200);
    if (row.storing == Storing::stored) CHECK_FALSE(verdict.facts.partial);
  }
  CHECK(judged(206, "Content-Range: bytes 0-4/10\nCache-Control: no-store", {}, "Range: bytes=0-4").storing == Storing::no_store);
}

TEST_CASE("a 206 that holds everything is stored as the 200 that it stands for (RFC 9110 §15.3.7.3)") {
  auto head = response(206, "Cache-Control: max-age=60\nContent-Range: bytes 0-9/10\nETag: \"v\"");
  const auto verdict = judge(get("Range: bytes=0-"), head, kAtOnce, {});
  CHECK_FALSE(is_stored_field(*head.fields.find("Content-Range"), verdict, {}, head));
  make_whole(head);
  CHECK(head.status == 200);
  CHECK(head.reason == "OK");
  CHECK_FALSE(head.fields.has(http::FieldId::content_range));
  CHECK(head.fields.has(http::FieldId::etag));
}

TEST_CASE("answers to a field of the request are nobody else's: 412, 416, 417 (RFC 9110 §13, §14, §10.1.1)") {
  struct Row { int status; const char* asked; bool stored; };
  for (const Row& row : {Row{412, "If-Match: \"v\"", false}, Row{412, "If-Unmodified-Since: {0}", false}, Row{412, "", true},
                         Row{416, "Range: bytes=99-", false}, Row{416, "", true}, Row{417, "Expect: 100-continue", false},
                         Row{200, "Range: bytes=99-", true}, Row{200, "If-Match: \"v\"", true}}) {
    CAPTURE(row.status);
    CAPTURE(row.asked);
    CHECK(judged(row.status, "Cache-Control: max-age=60", {}, row.asked).ok() == row.stored);
  }
}

TEST_CASE("a Content-Length above the route's max_object is known at once to be too large") {
  CacheRules rules;
  rules.max_object_bytes = 100;
  auto head = response(200, "Cache-Control: max-age=60\nContent-Length: 101");
  head.framing = http::Framing::length;
  head.content_length = 101;
  CHECK(judge(get(), head, kAtOnce, rules).storing == Storing::too_large);
  head.content_length = 100;
  CHECK(judge(get(), head, kAtOnce, rules).ok());
  rules.max_object_bytes = 0;
  head.content_length = 1u << 30;
  CHECK(judge(get(), head, kAtOnce, rules).ok());
}

TEST_CASE("a POST answer that is the target's own representation may serve a later GET (RFC 9110 §9.3.3)") {
  struct Row { int status; const char* fields; bool stored; const char* rule; };
  for (const Row& row : {
           Row{200, "Cache-Control: max-age=60\nContent-Location: /x", true, "§9.3.3"},
           Row{200, "Cache-Control: max-age=60\nContent-Location: http://shop/x", true, "§8.7: absolute"},
           Row{200, "Cache-Control: max-age=60\nContent-Location: http://SHOP:80/x", true, "another spelling"},
           Row{200, "Cache-Control: max-age=60\nContent-Location: x", true, "relative to the target"},
           Row{200, "Expires: {60}\nContent-Location: /x", true, "§9.3.3: explicit freshness"},
           Row{203, "Cache-Control: max-age=60\nContent-Location: /x", true, "a representation, transformed"},
           Row{200, "Cache-Control: max-age=60", false, "no Content-Location"},
           Row{200, "Cache-Control: max-age=60\nContent-Location: /y", false, "another resource"},
           Row{200, "Cache-Control: max-age=60\nContent-Location: /x?a", false, "another query"},
           Row{200, "Cache-Control: max-age=60\nContent-Location: http://other/x", false, "another host"},
           Row{200, "Cache-Control: max-age=60\nContent-Location: https://shop/x", false, "another scheme"},
           Row{200, "Cache-Control: max-age=60\nContent-Location: /x\nContent-Location: /x", false, "two"},
           Row{200, "Last-Modified: {-1000}\nContent-Location: /x", false, "a guessed lifetime is none"},
           Row{201, "Cache-Control: max-age=60\nContent-Location: /x", false, "what was created is described"},
           Row{404, "Cache-Control: max-age=60\nContent-Location: /x", false, "an error is no representation"},
           Row{200, "Cache-Control: max-age=60, no-store\nContent-Location: /x", false, "§5.2.2.5"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.fields);
    const auto post = request_of(http::Method::post, "POST");
    CHECK(judge_post(post, "http", response(row.status, row.fields), kAtOnce, {}).ok() == row.stored);
  }
  CHECK_FALSE(judge_post(get(), "http", response(200, "Cache-Control: max-age=60\nContent-Location: /x"), kAtOnce, {}).ok());
  CacheRules rules;
  rules.ttl = Seconds{60};
  const auto post = request_of(http::Method::post, "POST");
  CHECK_FALSE(judge_post(post, "http", response(200, "Content-Location: /x"), kAtOnce, rules).ok());
  auto with_cookie = request_of(http::Method::post, "POST");
  with_cookie.fields.add("Cookie", "a=b; session=1");
  rules.pass_cookies = {"sess*"};
  CHECK_FALSE(judge_post(with_cookie, "http", response(200, "Cache-Control: max-age=60\nContent-Location: /x"), kAtOnce, rules).ok());
}

TEST_CASE("after a 304 the verdict is made anew, and the lifetime starts anew (RFC 9111 §4.3.4)") {
  const auto old = judged(200, "Cache-Control: max-age=60\nETag: \"v\"\nDate: {0}").facts;
  const Times later{at(100), at(100)};
  SUBCASE("with the same directives") {
    const auto verdict = judge_updated(get(), response(200, "Cache-Control: max-age=60\nETag: \"v\"\nDate: {100}"),
                                       lines("ETag: \"v\"\nDate: {100}"), old, later, {});
    CHECK(verdict.ok());
    CHECK(verdict.facts.fresh(at(159)));
    CHECK_FALSE(verdict.facts.fresh(at(160)));
  }
  SUBCASE("with new ones") {
    const auto verdict = judge_updated(get(), response(200, "Cache-Control: max-age=5\nETag: \"v\"\nDate: {100}"),
                                       lines("Cache-Control: max-age=5\nETag: \"v\"\nDate: {100}"), old, later, {});
    CHECK(verdict.facts.lifetime == 5);
    CHECK(judge_updated(get(), response(200, "Cache-Control: no-store\nETag: \"v\""), lines("Cache-Control: no-store"), old,
                        later, {}).storing == Storing::no_store);
  }
  SUBCASE("nothing of an answer to a request with no-store is kept (§5.2.1.5), and for its client it was validated now (§4.2.3)") {
    const auto verdict = judge_updated(get("Cache-Control: no-store"), response(200, "Cache-Control: max-age=60\nETag: \"v\"\nDate: {100}"),
                                       lines("ETag: \"v\"\nDate: {100}"), old, later, {});
    CHECK(verdict.storing == Storing::request_no_store);
    CHECK(refused_for_asker(verdict.storing));
    CHECK(verdict.facts.age(at(103)) == 3);
  }
}

TEST_CASE("which refusals are worth remembering: those that the next client would meet too") {
  for (const Storing yes : {Storing::no_store, Storing::private_, Storing::no_lifetime, Storing::status, Storing::set_cookie,
                            Storing::vary_star, Storing::too_large, Storing::must_understand}) {
    CAPTURE(name_of(yes));
    CHECK(worth_remembering(yes));
  }
  for (const Storing no : {Storing::stored, Storing::request_no_store, Storing::authorization, Storing::incomplete,
                           Storing::memory_pinned, Storing::purged_meanwhile, Storing::partial, Storing::method}) {
    CAPTURE(name_of(no));
    CHECK_FALSE(worth_remembering(no));
  }
}

TEST_CASE("a route names the fields that carry tags, and those and others that are not stored") {
  config::CacheRules rules;
  rules.tag_fields = {"xkey", "X-Magento-Tags"};
  rules.unstored_fields = {"RateLimit-*", "x-trace"};
  const auto head = response(200, "Cache-Control: max-age=60\nXkey: a b\nx-magento-tags: c,d\nSurrogate-Key: e\nRatelimit-Limit: 5\nX-Trace: 1\nX-Tracer: 2");
  CHECK(tags_of(head.fields, rules) == std::vector<std::string>{"a", "b", "c", "d"});
  const StoreVerdict verdict = judge(request_of(http::Method::get, "GET"), head, kAtOnce, rules);
  REQUIRE(verdict.ok());
  for (const char* name : {"Xkey", "x-magento-tags", "Ratelimit-Limit", "X-Trace"}) {
    CAPTURE(name);
    CHECK_FALSE(is_stored_field(*head.fields.find(std::string_view(name)), verdict, rules, head));
  }
  for (const char* name : {"Surrogate-Key", "X-Tracer", "Cache-Control"}) {
    CAPTURE(name);
    CHECK(is_stored_field(*head.fields.find(std::string_view(name)), verdict, rules, head));
  }
}

TEST_CASE("statuses that a route never stores") {
  config::CacheRules rules;
  rules.unstored_statuses = {"302", "5*"};
  struct Row { int status; bool stored; };
  for (const Row& row : {Row{200, true}, Row{302, false}, Row{301, true}, Row{500, false}, Row{599, false}}) {
    CAPTURE(row.status);
    CHECK(judge(request_of(http::Method::get, "GET"), response(row.status, "Cache-Control: max-age=60"), kAtOnce, rules).ok() == row.stored);
  }
}

TEST_CASE("tags come from Surrogate-Key, Cache-Tag and the route, each once, and all of them") {
  CacheRules rules;
  rules.tags = {"shop", "all"};
  const auto tags = tags_of(lines("Surrogate-Key: a  b\tc a\nCache-Tag: d, e f ,,a\nsurrogate-key: g"), rules);
  CHECK(tags == std::vector<std::string>{"shop", "all", "a", "b\tc", "d", "e f", "g"});
  CHECK(tags_of({}, {}).empty());
  CHECK(tags_of(lines("Cache-Tag: " + std::string(2000, 'x')), {}).size() == 1);
  std::string many = "Surrogate-Key:";
  for (int i = 0; i < 300; ++i) many += " t" + std::to_string(i);
  CHECK(tags_of(lines(many), {}).size() == 300);       // one that were left out could not be purged by
}

}  // namespace
}  // namespace davenport::policy::test
