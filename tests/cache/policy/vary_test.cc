// Which stored variant answers a request (RFC 9111 §4.1).
#include "cache/policy/cookies.h"
#include "cache/policy/vary.h"

#include <doctest/doctest.h>

#include <string>

#include "cache/policy/heads.h"

namespace davenport::policy::test {
namespace {

TEST_CASE("Vary: * in any member or line never matches (RFC 9111 §4.1)") {
  for (const char* star : {"Vary: *", "Vary: Accept, *", "Vary: *, Accept", "Vary: Accept\nVary: *", "Vary: Accept,*,Foo",
                           "Vary: foo bar", "Vary: \"Accept\"", "Vary: Accept, x-forwarded-for", "Vary: Forwarded", "Vary: X-Request-Id"}) {
    CAPTURE(star);
    CHECK(varies_on_everything(lines(star)));
  }
  for (const char* no : {"", "Vary: Accept", "Vary: Accept, Foo\nVary: Bar", "Vary: ", "Vary: ,", "Vary: x*"}) {
    CAPTURE(no);
    CHECK_FALSE(varies_on_everything(lines(no)));
  }
  std::string many = "Vary: a";
  for (std::size_t i = 1; i < kMostVaryNames; ++i) many += ", a" + std::to_string(i);
  CHECK_FALSE(varies_on_everything(lines(many.c_str())));
  CHECK(varies_on_everything(lines((many + "\nVary: b").c_str())));       // each look would compare them all
}

TEST_CASE("a stored response matches a request whose nominated fields are the same (RFC 9111 §4.1)") {
  struct Row { const char* vary; const char* first; const char* second; bool matches; const char* rule; };
  for (const Row& row : {
           Row{"", "Foo: 1", "Foo: 2", true, "stored without Vary: matches any request"},
           Row{"Vary: ", "Foo: 1", "Foo: 2", true, "an empty one names nothing"},
           Row{"Vary: Foo", "Foo: 1", "Foo: 1", true, "the same"},
           Row{"Vary: Foo", "Foo: 1", "Foo: 2", false, "another value"},
           Row{"Vary: Foo", "Foo: 1", "Foo: 1\nBar: 2", true, "fields not named do not matter"},
           Row{"Vary: foo", "FOO: 1", "Foo: 1", true, "names in any case"},
           Row{"Vary: Foo", "Foo: a", "Foo: A", false, "values by their case"},
           Row{"Vary: Foo", "", "", true, "absence matches absence"},
           Row{"Vary: Foo", "", "Foo: 1", false, "and nothing else"},
           Row{"Vary: Foo", "Foo: 1", "", false, "and nothing else"},
           Row{"Vary: Foo", "", "Foo: ", false, "an empty field is not absent"},
           Row{"Vary: Foo", "Foo: ", "Foo: ", true, "an empty field"},
           Row{"Vary: Foo, Bar", "Foo: 1\nBar: 2", "Bar: 2\nFoo: 1", true, "the order of fields does not matter"},
           Row{"Vary: Foo, Bar", "Foo: 1\nBar: 2", "Foo: 1\nBar: 3", false, "every named field must match"},
           Row{"Vary: Foo\nVary: Bar", "Foo: 1\nBar: 2", "Foo: 1\nBar: 3", false, "on several lines"},
           Row{"Vary: Foo, Bar", "Foo: 1", "Foo: 1", true, "one of them absent in both"},
           Row{"Vary: Foo, Bar", "Foo: 12", "Foo: 1\nBar: 2", false, "values do not run into one another"},
           Row{"Vary: Foo", "Foo: 1, 2", "Foo: 1,2", true, "optional white space"},
           Row{"Vary: Foo", "Foo: 1 ,\t2", "Foo: 1, 2", true, "optional white space"},
           Row{"Vary: Foo", "Foo: 1\nFoo: 2", "Foo: 1, 2", true, "lines combined"},
           Row{"Vary: Foo", "Foo: 1, 2", "Foo: 2, 1", false, "their order may matter"},
           Row{"Vary: Foo", "Foo: 1, ,2", "Foo: 1,2", true, "RFC 9110 §5.6.1.2: empty members"},
           Row{"Vary: Foo", "Foo: \"1, 2\"", "Foo: \"1,2\"", false, "what is quoted is left alone"},
           Row{"Vary: Foo", "Foo: a b", "Foo: a  b", false, "white space inside a member"},
           Row{"Vary: User-Agent", "User-Agent: A (x, y), B", "User-Agent: A (x, y),B", false, "no list"},
           Row{"Vary: Cookie", "Cookie: a=1, 2", "Cookie: a=1,2", false, "no list"},
           Row{"Vary: Cookie", "Cookie: a=1; b=2", "Cookie: a=1\nCookie: b=2", true, "RFC 9113 §8.2.3: crumbs"},
           Row{"Vary: Cookie", "Cookie: a=1", "Cookie: a=2", false, "a cookie"},
           Row{"Vary: Authorization", "Authorization: a", "Authorization: b", false, "credentials"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.first);
    CAPTURE(row.second);
    const auto selector = make_selector(lines(row.vary), lines(row.first), {});
    std::string scratch;
    CHECK(selector_matches(selector, lines(row.second), {}, scratch) == row.matches);
    CHECK(selector_matches(selector, lines(row.first), {}, scratch));
  }
}

TEST_CASE("where the route strips cookies, Vary: Cookie chooses nothing: the origin never gets one") {
  config::CacheRules rules;
  rules.strip_cookies = true;
  const auto answer = lines("Vary: Cookie");
  std::string scratch;
  const auto selector = make_selector(answer, lines("Cookie: a=1"), rules);
  CHECK(selector == make_selector(answer, lines(""), rules));
  CHECK(selector_matches(selector, lines("Cookie: b=2"), rules, scratch));
  CHECK_FALSE(selector_matches(make_selector(answer, lines("Cookie: a=1"), {}), lines("Cookie: b=2"), {}, scratch));
}

TEST_CASE("with ignore_other_cookies, Vary: Cookie chooses by nothing but the key's cookies, which are in the key") {
  config::CacheRules rules;
  rules.ignore_other_cookies = true;
  rules.key_cookies = {"currency"};
  std::string scratch;
  const auto selector = make_selector(lines("Vary: Cookie"), lines("Cookie: _ga=1; currency=eur"), rules);
  CHECK(selector_matches(selector, lines("Cookie: currency=eur; _ga=2"), rules, scratch));
  CHECK(selector_matches(selector, lines(""), rules, scratch));
  std::string cookies;
  append_key_cookies(cookies, lines("Cookie: _ga=1; currency=eur; x=y"), rules);
  CHECK(cookies == "currency=eur");
  cookies.clear();
  append_key_cookies(cookies, lines("Cookie: _ga=1"), rules);
  CHECK(cookies.empty());
}

TEST_CASE("the same choice has the same selector, however Vary is written") {
  const auto request = lines("Foo: 1\nBar: 2");
  const auto selector = make_selector(lines("Vary: Foo, Bar"), request, {});
  CHECK(make_selector(lines("Vary: bar\nVary: FOO"), request, {}) == selector);
  CHECK(make_selector(lines("Vary: Foo, Bar, foo"), request, {}) == selector);
  CHECK(make_selector(lines("Vary: Foo"), request, {}) != selector);
  CHECK(make_selector(lines(""), request, {}).empty());
}

TEST_CASE("Accept-Encoding is compared, and sent on, as the set of codings that the client takes (RFC 9110 §12.5.3)") {
  struct Row { const char* value; const char* normal; const char* rule; };
  for (const Row& row : {
           Row{"gzip", "gzip", ""},
           Row{"gzip, deflate, br, zstd", "br, gzip, zstd", "in one order; codings that nobody makes are dropped"},
           Row{"br;q=1.0, gzip;q=0.8", "br, gzip", "weights above 0 are alike"},
           Row{"GZIP , BR", "br, gzip", "names in any case"},
           Row{"x-gzip", "gzip", "§8.4.1.3: x-gzip is gzip"},
           Row{"gzip;q=0", "identity", "0 is not acceptable"},
           Row{"gzip;q=0.000, br", "br", "0 is not acceptable"},
           Row{"gzip;q=0.001", "gzip", "the smallest weight"},
           Row{"deflate", "identity", "nothing that we make"},
           Row{"identity", "identity", ""},
           Row{"", "identity", "an empty list: no coding"},
           Row{"*", "br, gzip, zstd", "anything"},
           Row{"*, gzip;q=0", "br, zstd", "all that is not named"},
           Row{"gzip, *;q=0", "gzip, identity;q=0", "nothing else, not even identity"},
           Row{"identity;q=0", "identity;q=0", "nothing is acceptable"},
           Row{"*;q=0", "identity;q=0", "nothing is acceptable"},
           Row{"identity;q=0.5, *;q=0", "identity", "named, so that * does not reach it"},
           Row{"br, identity;q=0", "br, identity;q=0", ""},
           Row{"gzip, gzip;q=0", "identity", "doubled: the last"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.value);
    std::string scratch;
    const auto request = lines(std::string("Accept-Encoding: ") + row.value);
    const std::string normal(normalized_accept_encoding(request, scratch));
    CHECK(normal == row.normal);
    // What is sent on is normal itself: an origin that varies sees what was compared.
    const auto again = lines("Accept-Encoding: " + normal);
    CHECK(normalized_accept_encoding(again, scratch) == normal);
    CHECK(selector_matches(make_selector(lines("Vary: Accept-Encoding"), request, {}), again, {}, scratch));
  }
}

TEST_CASE("a malformed Accept-Encoding is compared and sent on as it came; an absent one is absent") {
  std::string scratch;
  CHECK(normalized_accept_encoding(lines("Accept-Encoding: gzip;q=x, br"), scratch) == "gzip;q=x,br");
  CHECK(normalized_accept_encoding(lines("Accept-Encoding: gzip;level=1"), scratch) == "gzip;level=1");
  CHECK(normalized_accept_encoding(lines("Accept-Encoding: g zip"), scratch) == "g zip");
  CHECK(normalized_accept_encoding(lines(""), scratch).empty());
  CHECK(normalized_accept_encoding(lines("Accept-Encoding: gzip\nAccept-Encoding: br"), scratch) == "br, gzip");
  const auto selector = make_selector(lines("Vary: Accept-Encoding"), lines(""), {});
  CHECK(selector_matches(selector, lines(""), {}, scratch));
  CHECK_FALSE(selector_matches(selector, lines("Accept-Encoding: identity"), {}, scratch));
}

TEST_CASE("Accept-Language in any case, spacing and order of equal weights (RFC 9110 §12.5.4)") {
  struct Row { const char* value; const char* normal; };
  for (const Row& row : {
           Row{"de", "de"}, Row{"DE-at", "de-at"}, Row{"en, de", "de,en"}, Row{"de , en", "de,en"},
           Row{"en;q=0.5, de", "de,en;q=0.5"}, Row{"en;q=0.50,de;q=1.000", "de,en;q=0.5"},
           Row{"en ; q=0.8 , fr;q=0.8 , de;q=0.9", "de;q=0.9,en;q=0.8,fr;q=0.8"}, Row{"de, *;q=0.1", "de,*;q=0.1"},
           Row{"de;q=0.125", "de;q=0.125"}, Row{"en, de;q=0", "en,de;q=0"}, Row{"", ""},
           Row{"de;q=2", "de;q=2"}, Row{"de;x=1", "de;x=1"}}) {
    CAPTURE(row.value);
    std::string scratch;
    const auto request = lines(std::string("Accept-Language: ") + row.value);
    const std::string normal(normalized_accept_language(request, scratch));
    CHECK(normal == row.normal);
    CHECK(selector_matches(make_selector(lines("Vary: Accept-Language"), request, {}),
                           lines("Accept-Language: " + normal), {}, scratch));
  }
  std::string scratch, many = "Accept-Language: a0";
  for (int i = 1; i < 40; ++i) many += ", a" + std::to_string(i);
  CHECK(normalized_accept_language(lines(many), scratch).starts_with("a0,a1,a2,"));   // too many: as they came
  CHECK(normalized_accept_language(lines(""), scratch).empty());
  CHECK(normalized_accept_language(lines("Accept-Language: en\nAccept-Language: de"), scratch) == "de,en");
}

TEST_CASE("by setting, a response in the language that a request likes best is chosen") {
  struct Row { const char* language; const char* asked; bool chosen; const char* rule; };
  config::CacheRules rules;
  rules.content_language = true;
  for (const Row& row : {
           Row{"de", "de", true, "what it would prefer"},
           Row{"de", "de;q=0.9, en;q=0.5", true, "the highest weight"},
           Row{"de-AT", "de", true, "RFC 4647 §3.3.1: a range matches what begins with it"},
           Row{"de", "de-AT", false, "but not the other way"},
           Row{"de", "deu", false, "nor part of a subtag"},
           Row{"de", "en, de;q=0.5", false, "not the second best"},
           Row{"de", "*", false, "that is no preference"},
           Row{"de", "de;q=0", false, "not acceptable"},
           Row{"de, en", "de", false, "in two languages"},
           Row{"", "de", false, "no Content-Language"},
           Row{"de", "", false, "no Accept-Language"}}) {
    CAPTURE(row.rule);
    const auto answer = lines(std::string("Vary: Accept-Language\nContent-Language: ") + row.language);
    const auto other = lines(*row.asked ? std::string("Accept-Language: ") + row.asked : "");
    const auto first = lines("Accept-Language: nl, fr;q=0.3");
    std::string scratch;
    CHECK(selector_matches(make_selector(answer, first, rules), other, rules, scratch) == row.chosen);
    CHECK_FALSE(selector_matches(make_selector(answer, first, {}), other, {}, scratch));        // off unless set
    CHECK(selector_matches(make_selector(answer, first, rules), first, rules, scratch));
  }
  // The other named fields still have to match.
  const auto answer = lines("Vary: Accept-Language, Foo\nContent-Language: de");
  std::string scratch;
  const auto selector = make_selector(answer, lines("Accept-Language: nl\nFoo: 1"), rules);
  CHECK(selector_matches(selector, lines("Accept-Language: de\nFoo: 1"), rules, scratch));
  CHECK_FALSE(selector_matches(selector, lines("Accept-Language: de\nFoo: 2"), rules, scratch));
}

TEST_CASE("a selector that was cut or altered matches nothing, at every length") {
  const auto request = lines("Foo: 1\nAccept-Language: de");
  const auto selector = make_selector(lines("Vary: Foo, Accept-Language"), request, {});
  std::string scratch;
  REQUIRE(selector_matches(selector, request, {}, scratch));
  for (std::size_t size = 1; size < selector.size(); ++size) {
    CAPTURE(size);
    const bool whole_first_part = selector_matches(selector.substr(0, size), request, {}, scratch);
    // The only cut that still reads is the one between the two names.
    if (whole_first_part) CHECK(make_selector(lines("Vary: Accept-Language"), request, {}) == selector.substr(0, size));
  }
  std::string altered = selector;
  altered[0] = '\x7f';
  CHECK_FALSE(selector_matches(altered, request, {}, scratch));
  CHECK_FALSE(selector_matches(std::string(8, '\0'), request, {}, scratch));
}

}  // namespace
}  // namespace davenport::policy::test
