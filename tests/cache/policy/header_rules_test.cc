// What header rules make of an answer, row by row: the answer's fields, one rule, the request, and what clients get.
#include "cache/policy/header_rules.h"

#include <doctest/doctest.h>

#include "cache/policy/vary.h"
#include "heads.h"

using namespace davenport;
using namespace davenport::policy;
using namespace davenport::policy::test;

namespace {

using config::HeaderRule;

std::string text_of(const http::Fields& fields) {
  std::string text;
  for (const http::Field& field : fields) {
    if (!text.empty()) text += '\n';
    text.append(field.name).append(": ").append(field.value);
  }
  return text;
}

// "+Name: v" adds, "=Name: v" sets, "?Name: v" is a default, "-Name" removes, "@origin" lets a site in.
HeaderRule rule(std::string_view edits) {
  HeaderRule out;
  while (!edits.empty()) {
    const std::size_t end = std::min(edits.find('\n'), edits.size());
    const std::string_view line = edits.substr(0, end);
    edits.remove_prefix(std::min(end + 1, edits.size()));
    const std::size_t colon = std::min(line.find(": "), line.size());
    const config::HeaderLine field{std::string(line.substr(1, colon - 1)), std::string(line.substr(std::min(colon + 2, line.size())))};
    if (line[0] == '+') out.add.push_back(field);
    if (line[0] == '=') out.set.push_back(field);
    if (line[0] == '?') out.defaults.push_back(field);
    if (line[0] == '-') out.remove.push_back(field.name);
    if (line[0] == '@') out.allow_origins.emplace_back(line.substr(1));
  }
  return out;
}

RuleSubject subject(std::string_view path = "/a.css", std::string_view type = "text/css") {
  RuleSubject out;
  out.type = type;
  out.host = "shop.example";
  out.path = path;
  out.query = "v=1";
  return out;
}

std::string made_of(std::string_view came, const HeaderRule& rule, const RuleSubject& subject, Brings brings = Brings::answer,
                    RulesFor whom = RulesFor::clients) {
  http::Fields fields = lines(came);
  apply_header_rules({rule}, whom, brings, subject, fields);
  return text_of(fields);
}

}  // namespace

TEST_CASE("a rule removes, sets, adds and gives defaults, in this order") {
  struct Row { std::string_view came, edits, goes; };
  for (const Row& row : {
           Row{"A: 1\nB: 2", "-a", "B: 2"},
           Row{"X-Powered-By: p\nX-Debug: d\nY: y", "-X-*", "Y: y"},
           Row{"A: 1\na: 2", "=A: 3", "A: 3"},
           Row{"A: 1", "+A: 2", "A: 1\nA: 2"},
           Row{"A: 1", "?A: 2\n?B: 3", "A: 1\nB: 3"},
           Row{"A: 1", "-A\n?A: 2", "A: 2"},
           Row{"", "=L: $scheme://$host$path?$query $status $$5", "L: http://shop.example/a.css?v=1 200 $5"},
           Row{"Cache-Control: no-cache", "=Cache-Control: public, max-age=31536000, immutable",
               "Cache-Control: public, max-age=31536000, immutable"}}) {
    CAPTURE(row.edits);
    CHECK(made_of(row.came, rule(row.edits), subject()) == row.goes);
  }
}

TEST_CASE("a rule fits by path, media type and status") {
  const auto fits = [](std::vector<std::string> paths, std::vector<std::string> types, std::vector<std::string> statuses,
                       std::string_view path, std::string_view type, int status) {
    HeaderRule one = rule("=A: 1");
    one.paths = std::move(paths);
    one.types = std::move(types);
    if (!statuses.empty()) one.statuses = std::move(statuses);
    RuleSubject of = subject(path, type);
    of.status = status;
    return !made_of("", one, of).empty();
  };
  CHECK(fits({}, {}, {}, "/", "", 200));
  CHECK(fits({"*.css"}, {}, {}, "/x/a.css", "", 200));
  CHECK_FALSE(fits({"*.css"}, {}, {}, "/x/a.js", "", 200));
  CHECK(fits({"*.css", "fingerprinted"}, {}, {}, "/app.3f2a9c1b.js", "", 200));
  CHECK(fits({}, {"font/*"}, {}, "/f", "Font/WOFF2; charset=x", 200));
  CHECK_FALSE(fits({}, {"font/*"}, {}, "/f", "", 200));
  CHECK(fits({}, {}, {}, "/", "", 304));
  CHECK_FALSE(fits({}, {}, {}, "/", "", 404));        // an error is not made immutable unless somebody says so
  CHECK(fits({}, {}, {"404"}, "/", "", 404));
  CHECK(fits({}, {}, {"*"}, "/", "", 500));
}

TEST_CASE("Strict-Transport-Security only over TLS (RFC 6797 §7.2)") {
  const HeaderRule one = rule("=Strict-Transport-Security: max-age=31536000\n=X-Content-Type-Options: nosniff");
  RuleSubject of = subject();
  CHECK(made_of("", one, of) == "X-Content-Type-Options: nosniff");
  of.scheme = "https";
  CHECK(made_of("", one, of) == "Strict-Transport-Security: max-age=31536000\nX-Content-Type-Options: nosniff");
}

TEST_CASE("one of several sites is named, and Vary says by what (Fetch, CORS protocol and HTTP caches)") {
  struct Row { std::string_view came, edits, origin, goes; };
  for (const Row& row : {
           Row{"", "@*", "https://a.example", "Access-Control-Allow-Origin: *"},
           Row{"", "@*", "", "Access-Control-Allow-Origin: *"},
           Row{"", "@https://a.example", "https://a.example", "Access-Control-Allow-Origin: https://a.example\nVary: Origin"},
           Row{"", "@https://a.example", "https://b.example", "Vary: Origin"},
           Row{"", "@https://a.example", "", "Vary: Origin"},
           Row{"Vary: accept, ORIGIN", "@https://a.example", "", "Vary: accept, ORIGIN"},
           Row{"Access-Control-Allow-Origin: *", "@https://*.a.example", "https://x.a.example",
               "Access-Control-Allow-Origin: https://x.a.example\nVary: Origin"},
           Row{"Access-Control-Allow-Origin: *", "@https://*.a.example", "https://a.example.evil", "Vary: Origin"}}) {
    CAPTURE(row.edits);
    CAPTURE(row.origin);
    RuleSubject of = subject();
    of.origin = row.origin;
    CHECK(made_of(row.came, rule(row.edits), of) == row.goes);
  }
}

TEST_CASE("a 304 says again only what it brings (RFC 9111 §4.3.4)") {
  struct Row { std::string_view came, edits, goes; };
  for (const Row& row : {
           Row{"ETag: \"1\"", "=A: 1\n+B: 2\n?C: 3\n@https://a.example", "ETag: \"1\""},
           Row{"A: 0", "=A: 1", "A: 1"},
           Row{"B: 1", "+B: 2", "B: 1\nB: 2"},
           Row{"C: 1", "?C: 3", "C: 1"},
           Row{"A: 0", "-A", ""},
           Row{"Vary: Accept", "@https://a.example", "Vary: Accept\nVary: Origin"}}) {
    CAPTURE(row.came);
    CHECK(made_of(row.came, rule(row.edits), subject(), Brings::update) == row.goes);
  }
}

TEST_CASE("this cache judges by what it obeys alone") {
  HeaderRule one = rule("=Cache-Control: max-age=5");
  CHECK(made_of("", one, subject(), Brings::answer, RulesFor::cache).empty());
  CHECK(relabels_freshness({one}, subject(), {}));
  one.obey = true;
  CHECK(made_of("", one, subject(), Brings::answer, RulesFor::cache) == "Cache-Control: max-age=5");
  CHECK_FALSE(relabels_freshness({one}, subject(), {}));
  CHECK_FALSE(relabels_freshness({rule("=A: 1")}, subject(), {}));
  CHECK(relabels_freshness({rule("?CDN-Cache-Control: max-age=5")}, subject(), {}));
  CHECK(relabels_freshness({rule("-Cache-*")}, subject(), {}));

  http::ResponseHead head;
  head.status = 200;
  CHECK_FALSE(as_obeyed({rule("=A: 1")}, subject(), head).has_value());
  const auto obeyed = as_obeyed({one}, subject(), head);
  REQUIRE(obeyed.has_value());
  CHECK(obeyed->fields.get("cache-control") == "max-age=5");
  CHECK(head.fields.empty());
}

TEST_CASE("what an update says of freshness counts, and else what the origin said before (RFC 9111 §4.3.4)") {
  // The rule told clients a year; the origin had said a minute.
  StoredFacts old;
  old.status = 200;
  old.lifetime = 60;
  old.relabelled = true;
  old.has_validator = true;
  struct Row { std::string_view update; std::uint32_t lifetime; };
  for (const Row& row : {Row{"ETag: \"1\"", 60}, Row{"Cache-Control: max-age=30", 30}, Row{"CDN-Cache-Control: max-age=20", 20}}) {
    CAPTURE(row.update);
    http::RequestHead request;
    request.method = http::Method::get;
    http::ResponseHead merged;
    merged.status = 200;
    merged.fields = lines("ETag: \"1\"\nCache-Control: max-age=31536000");
    const http::Fields update = lines(row.update);
    remove_relabelled({}, merged.fields);
    add_lines(merged.fields, row.update);
    const StoreVerdict verdict = judge_updated(request, merged, update, old, kAtOnce, {});
    CHECK(verdict.ok());
    CHECK(verdict.facts.lifetime == row.lifetime);
    CHECK(verdict.facts.relabelled);
  }
}

TEST_CASE("named fields leave Vary, a star stays (RFC 9110 §12.5.5)") {
  config::CacheRules rules;
  rules.drop_vary = {"user-agent", "X-*"};
  struct Row { std::string_view came, goes; };
  for (const Row& row : {Row{"Vary: User-Agent", ""}, Row{"Vary: Accept, User-Agent\nVary: x-a, Origin", "Vary: Accept, Origin"},
                         Row{"Vary: *", "Vary: *"}, Row{"A: 1", "A: 1"}}) {
    CAPTURE(row.came);
    http::Fields fields = lines(row.came);
    drop_from_vary(rules, fields);
    CHECK(text_of(fields) == row.goes);
  }
}

TEST_CASE("sites that no rule lets in are one variant") {
  config::CacheRules rules;
  rules.known_origins = {"https://a.example", "https://*.b.example"};
  const http::Fields response = lines("Vary: Origin");
  std::string scratch;
  const auto matches = [&](std::string_view stored_for, std::string_view asks) {
    const std::string selector = make_selector(response, lines(stored_for), rules);
    return selector_matches(selector, lines(asks), rules, scratch);
  };
  CHECK(matches("Origin: https://evil.example", "Origin: https://other.example"));
  CHECK(matches("", "Origin: https://other.example"));
  CHECK_FALSE(matches("", "Origin: https://a.example"));
  CHECK_FALSE(matches("Origin: https://a.example", "Origin: https://x.b.example"));
  CHECK(matches("Origin: https://x.b.example", "Origin: https://x.b.example"));
}

TEST_CASE("host, path and query are those of the key") {
  http::RequestHead head;
  head.fields.add("Origin", "https://a.example");
  const RuleSubject of = subject_of(head, "shop.example/a/b?c=/d", "https", 200, "text/css");
  CHECK(of.host == "shop.example");
  CHECK(of.path == "/a/b");
  CHECK(of.query == "c=/d");
  CHECK(of.origin == "https://a.example");
  CHECK(subject_of(head, "shop.example/", "http", 200, "").path == "/");
}
