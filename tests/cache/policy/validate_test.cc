// Conditional requests on both sides of the cache (RFC 9110 §13, RFC 9111 §4.3, §4.4).
#include "cache/policy/validate.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cache/policy/heads.h"

namespace davenport::policy::test {
namespace {

StoredFacts facts_of_status(int status) {
  StoredFacts facts;
  facts.status = static_cast<std::uint16_t>(status);
  facts.date = kReceived;
  facts.response_time = kReceived;
  return facts;
}

const char* text(Precondition result) {
  switch (result) {
    case Precondition::none: return "none";
    case Precondition::pass: return "pass";
    case Precondition::not_modified: return "304";
    case Precondition::failed: return "412";
  }
  return "";
}

TEST_CASE("a client's conditions on a stored 200 (RFC 9110 §13.1, §13.2.2; RFC 9111 §4.3.2)") {
  struct Row { const char* stored; const char* asked; const char* result; const char* rule; };
  const char* const strong = "ETag: \"v\"\nLast-Modified: {-100}";
  const char* const weak = "ETag: W/\"v\"";
  for (const Row& row : {
           Row{strong, "", "none", "nothing asked"},
           Row{strong, "If-None-Match: \"v\"", "304", "§13.1.2"},
           Row{strong, "If-None-Match: W/\"v\"", "304", "§13.1.2: weak comparison"},
           Row{weak, "If-None-Match: \"v\"", "304", "§13.1.2: weak comparison"},
           Row{weak, "If-None-Match: W/\"v\"", "304", "§13.1.2: weak comparison"},
           Row{strong, "If-None-Match: \"w\"", "pass", "§13.1.2"},
           Row{strong, "If-None-Match: \"V\"", "pass", "§8.8.3.2: character by character"},
           Row{strong, "If-None-Match: \"a\", W/\"b\", \"v\"", "304", "§13.1.2: a list"},
           Row{strong, "If-None-Match: \"a\"\nIf-None-Match: \"v\"", "304", "RFC 9110 §5.3: several lines"},
           Row{strong, "If-None-Match: \"a,v\"", "pass", "§8.8.3: a comma inside a tag"},
           Row{"ETag: \"a,v\"", "If-None-Match: \"x\", \"a,v\"", "304", "§8.8.3: a comma inside a tag"},
           Row{strong, "If-None-Match: *", "304", "§13.1.2: there is a representation"},
           Row{"", "If-None-Match: *", "304", "§13.1.2: whatever its validators"},
           Row{strong, "If-None-Match: *, \"v\"", "pass", "§13.1.2: invalid"},
           Row{strong, "If-None-Match: v", "pass", "§8.8.3: no entity tag"},
           Row{strong, "If-None-Match: ", "pass", "an empty list matches nothing"},
           Row{"", "If-None-Match: \"v\"", "pass", "no ETag is stored"},
           Row{strong, "If-None-Match: \"w\"\nIf-Modified-Since: {0}", "pass", "§13.1.3: If-None-Match takes precedence"},
           Row{strong, "If-None-Match: \"v\"\nIf-Modified-Since: {-999}", "304", "§13.1.3: takes precedence"},
           Row{strong, "If-Modified-Since: {-100}", "304", "§13.1.3: equal"},
           Row{strong, "If-Modified-Since: {0}", "304", "§13.1.3: later"},
           Row{strong, "If-Modified-Since: {-101}", "pass", "§13.1.3: modified since"},
           Row{strong, "If-Modified-Since: Monday, 01-Jun-26 12:00:00 GMT", "304", "§5.6.7: RFC 850"},
           Row{strong, "If-Modified-Since: Mon Jun  1 12:00:00 2026", "304", "§5.6.7: asctime"},
           Row{strong, "If-Modified-Since: 0", "none", "§13.1.3: no valid date, ignored"},
           Row{strong, "If-Modified-Since: {0}\nIf-Modified-Since: {0}", "none", "§13.1.3: more than one member"},
           Row{"", "If-Modified-Since: {0}", "304", "RFC 9111 §4.3.2: Date where there is no Last-Modified"},
           Row{"", "If-Modified-Since: {-1}", "pass", "RFC 9111 §4.3.2: Date where there is no Last-Modified"},
           Row{"Last-Modified: never", "If-Modified-Since: {0}", "none", "§13.1.3: no modification date is available"},
           Row{strong, "If-Match: \"w\"", "none", "RFC 9111 §4.3.2: not applicable to a cache"},
           Row{strong, "If-Unmodified-Since: {-999}", "none", "RFC 9111 §4.3.2: not applicable to a cache"},
           Row{strong, "If-Match: \"w\"\nIf-None-Match: \"v\"", "304", "§13.2.2: steps 1 and 2 are an origin's"},
           Row{strong, "Range: bytes=0-1\nIf-Range: \"v\"", "none", "range.h evaluates If-Range"},
           Row{strong, "Range: bytes=0-1\nIf-None-Match: \"v\"", "304", "§14.2: Range comes after"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.asked);
    CHECK(text(evaluate(get(row.asked), lines(row.stored), facts_of_status(200), kReceived)) == std::string(row.result));
  }
}

TEST_CASE("conditions count for GET and HEAD, and for stored representations only (RFC 9110 §13.2.1)") {
  const auto fields = lines("ETag: \"v\"");
  const auto run = [&](http::Method method, const char* name, int status) {
    return evaluate(request_of(method, name, "If-None-Match: \"v\""), fields, facts_of_status(status), kReceived);
  };
  CHECK(run(http::Method::head, "HEAD", 200) == Precondition::not_modified);
  CHECK(run(http::Method::get, "GET", 203) == Precondition::not_modified);
  CHECK(run(http::Method::get, "GET", 206) == Precondition::not_modified);
  for (const int status : {204, 301, 404, 410, 500, 503}) CHECK(run(http::Method::get, "GET", status) == Precondition::none);
  CHECK(run(http::Method::post, "POST", 200) == Precondition::none);
}

TEST_CASE("fields of a 304 (RFC 9110 §15.4.5)") {
  const auto fields = lines("ETag: \"v\"\nCache-Control: a\nContent-Location: a\nDate: {0}\nExpires: {0}\nVary: a\n"
                            "CDN-Cache-Control: a\nEdge-CDN-Cache-Control: a\nSurrogate-Control: a\nLast-Modified: {0}\nContent-Type: a\nContent-Length: 1\nSet-Cookie: a\nX-A: b");
  std::string with_etag, without_etag;
  for (const http::Field& field : fields) {
    if (is_304_field(field, true)) with_etag.append(field.name).append(" ");
    if (is_304_field(field, false)) without_etag.append(field.name).append(" ");
  }
  CHECK(with_etag == "ETag Cache-Control Content-Location Date Expires Vary CDN-Cache-Control Edge-CDN-Cache-Control Surrogate-Control ");
  CHECK(without_etag == "ETag Cache-Control Content-Location Date Expires Vary CDN-Cache-Control Edge-CDN-Cache-Control Surrogate-Control Last-Modified ");
}

TEST_CASE("the origin is asked with our validators in place of the client's (RFC 9111 §4.3.1)") {
  struct Row { const char* stored; const char* asked; const char* none_match; const char* since; const char* rule; };
  for (const Row& row : {
           Row{"ETag: \"v\"", "", "\"v\"", "", "§4.3.1: MUST send the entity tag"},
           Row{"ETag: W/\"v\"", "", "W/\"v\"", "", "a weak one as well"},
           Row{"Last-Modified: Mon, 01 Jun 2026 12:00:00 GMT", "", "", "Mon, 01 Jun 2026 12:00:00 GMT", "§4.3.1"},
           Row{"ETag: \"v\"\nLast-Modified: Monday, 01-Jun-26 12:00:00 GMT", "", "\"v\"", "Monday, 01-Jun-26 12:00:00 GMT",
               "§4.3.1: both; the date as the origin wrote it"},
           Row{"ETag: \"v\"", "If-None-Match: \"c\"\nIf-Modified-Since: {0}", "\"v\"", "", "the client's own are gone"},
           Row{"", "If-None-Match: \"c\"\nIf-Modified-Since: {0}\nIf-Match: \"c\"\nIf-Unmodified-Since: {0}\nIf-Range: \"c\"", "",
               "", "also where we have none"},
           Row{"ETag: W/\"dvp-0123456789abcdef0123456789abcdef\"", "", "", "", "one of our making never goes to an origin"},
           Row{"ETag: v", "", "", "", "no entity tag"}}) {
    CAPTURE(row.rule);
    auto request = lines(row.asked);
    add_validators(lines(row.stored), request);
    CHECK(request.get("If-None-Match") == row.none_match);
    CHECK(request.get("If-Modified-Since") == row.since);
    CHECK(request.count(http::FieldId::if_none_match) <= 1);
    CHECK_FALSE(request.has(http::FieldId::if_match));
    CHECK_FALSE(request.has(http::FieldId::if_unmodified_since));
    CHECK_FALSE(request.has(http::FieldId::if_range));
  }
}

TEST_CASE("joined tags: whose matched tells what the client gets (RFC 9111 §4.3.2)") {
  auto request = lines("If-None-Match: \"c1\", W/\"c2\", \"v\", W/\"dvp-00000000000000000000000000000000\"");
  const std::string client(request.get("If-None-Match"));
  add_validators(lines("ETag: \"v\""), request, request.get("If-None-Match"));
  CHECK(request.get("If-None-Match") == "\"v\", \"c1\", W/\"c2\"");
  CHECK(not_modified_for(client, lines("ETag: \"c2\"")));
  CHECK(not_modified_for(client, lines("ETag: \"v\"")));
  CHECK_FALSE(not_modified_for("\"c1\"", lines("ETag: \"v\"")));
  CHECK_FALSE(not_modified_for("\"c1\"", lines("")));
  auto alone = lines("");
  add_validators(lines("Last-Modified: {0}"), alone, "\"c1\"");
  CHECK(alone.get("If-None-Match").empty());         // without a tag of ours the client's would decide alone
}

TEST_CASE("an ETag of our making is weak and known again") {
  const std::string etag = make_etag(Hash128{0x0123456789abcdefULL, 0xfedcba9876543210ULL});
  CHECK(etag == "W/\"dvp-fedcba98765432100123456789abcdef\"");
  CHECK(is_own_etag(etag));
  CHECK(http::parse_entity_tag(etag)->weak);
  CHECK_FALSE(is_own_etag("\"dvp-1\""));
  CHECK_FALSE(is_own_etag(""));
}

TEST_CASE("which stored response a 304 speaks of (RFC 9111 §4.3.4)") {
  struct Row { const char* answer; const char* stored; bool only; bool selected; const char* rule; };
  for (const Row& row : {
           Row{"ETag: \"v\"", "ETag: \"v\"", false, true, "strong, the same"},
           Row{"ETag: \"v\"", "ETag: \"w\"", true, false, "strong, another: MUST NOT update"},
           Row{"ETag: \"v\"", "ETag: W/\"v\"", true, false, "strong against weak is not the same strong validator"},
           Row{"ETag: \"v\"", "ETag: W/\"v\"\nContent-Encoding: br", true, true, "weak because we coded the bytes"},
           Row{"ETag: \"v\"", "", true, false, "strong, none stored"},
           Row{"ETag: W/\"v\"", "ETag: W/\"v\"", false, true, "weak, corresponds"},
           Row{"ETag: W/\"v\"", "ETag: \"v\"", false, true, "weak, corresponds"},
           Row{"ETag: W/\"w\"", "ETag: W/\"v\"", true, false, "weak, another"},
           Row{"Last-Modified: {0}", "Last-Modified: {0}", false, true, "a date is a weak validator"},
           Row{"Last-Modified: {0}", "Last-Modified: {-1}", true, false, "another date"},
           Row{"Last-Modified: {0}", "ETag: \"v\"\nLast-Modified: {0}", false, true, "it corresponds"},
           Row{"", "", true, true, "no validator, one candidate"},
           Row{"", "ETag: \"v\"", true, true, "the one whose validator we sent"},
           Row{"", "ETag: \"v\"", false, false, "no validator, several candidates"},
           Row{"ETag: v", "ETag: \"v\"", false, false, "what is no entity tag names nothing"}}) {
    CAPTURE(row.rule);
    CHECK(selects(lines(row.answer), lines(row.stored), row.only) == row.selected);
  }
}

TEST_CASE("a 304 updates all fields but those that depend on the stored bytes (RFC 9111 §3.2)") {
  auto stored = lines("Date: {0}\nETag: \"v\"\nContent-Type: text/plain\nContent-Length: 5\nContent-Encoding: gzip\n"
                      "Content-Range: bytes 0-4/5\nX-Old: 1\nX-Twice: a\nX-Twice: b\nCache-Control: max-age=1\nSet-Cookie: a");
  merge_304(stored, lines("Date: {60}\nETag: \"v\"\nContent-Type: text/html\nContent-Length: 0\nContent-Encoding: br\n"
                          "Content-Range: bytes 0-0/1\nX-New: 2\nx-twice: c\nX-Twice: d\nConnection: X-Hop, close\nX-Hop: 1\n"
                          "Keep-Alive: 5\nTransfer-Encoding: chunked\nProxy-Authenticate: a\nCache-Control: max-age=2\n"
                          "Cache-Control: public"));
  std::string all;
  for (const http::Field& field : stored) all.append(field.name).append(": ").append(field.value).append("\n");
  CHECK(all == "Content-Length: 5\nContent-Encoding: gzip\nContent-Range: bytes 0-4/5\nX-Old: 1\nSet-Cookie: a\n"
               "Date: Mon, 01 Jun 2026 12:01:00 GMT\nETag: \"v\"\nContent-Type: text/html\nX-New: 2\nx-twice: c\nX-Twice: d\n"
               "Cache-Control: max-age=2\nCache-Control: public\n");
}

TEST_CASE("a weak ETag that a coding made weak stays weak after a 304 with the strong one") {
  auto stored = lines("ETag: W/\"v\"\nContent-Encoding: br");
  merge_304(stored, lines("ETag: \"v\""));
  CHECK(stored.get("ETag") == "W/\"v\"");
  merge_304(stored, lines("ETag: \"w\""));
  CHECK(stored.get("ETag") == "\"w\"");
}

TEST_CASE("a HEAD answer updates or invalidates a stored GET (RFC 9111 §4.3.5)") {
  struct Row { int status; const char* head; const char* stored; bool updates; const char* rule; };
  for (const Row& row : {
           Row{200, "", "", true, "nothing contradicts"},
           Row{200, "Content-Length: 10", "", true, "the same length"},
           Row{200, "Content-Length: 11", "", false, "another length"},
           Row{200, "Content-Length: 11\nETag: \"v\"", "ETag: \"v\"", false, "length counts beside a validator"},
           Row{200, "ETag: \"v\"", "ETag: \"v\"", true, "the same validator"},
           Row{200, "ETag: W/\"v\"", "ETag: \"v\"", true, "weakly the same"},
           Row{200, "ETag: \"w\"", "ETag: \"v\"", false, "another validator"},
           Row{200, "ETag: \"v\"", "", false, "a validator where there was none"},
           Row{200, "", "ETag: \"v\"", true, "only received validators count"},
           Row{200, "Last-Modified: {0}", "Last-Modified: {0}", true, "the same date"},
           Row{200, "Last-Modified: {1}", "Last-Modified: {0}", false, "another date"},
           Row{200, "ETag: \"v\"\nLast-Modified: {1}", "ETag: \"v\"\nLast-Modified: {0}", false, "all must match"},
           Row{200, "Content-Length: 99\nETag: \"v\"", "Content-Encoding: br\nETag: W/\"v\"", true, "we coded the stored one"},
           Row{404, "", "", false, "it is gone"}}) {
    CAPTURE(row.rule);
    auto head = response(row.status, row.head);
    head.content_length = static_cast<std::uint64_t>(std::atol(std::string(head.fields.get("Content-Length")).c_str()));
    CHECK((compare_head(head, lines(row.stored), 10) == HeadVerdict::updates) == row.updates);
  }
}

TEST_CASE("what an unsafe request invalidates (RFC 9111 §4.4)") {
  using Uris = std::vector<std::string>;
  const auto run = [](http::Method method, const char* name, int status, const char* fields) {
    auto request = request_of(method, name);
    request.query = "q";
    request.has_query = true;
    return invalidated_by(request, "http", response(status, fields));
  };
  const std::string target = "http://shop/x?q";
  CHECK(run(http::Method::post, "POST", 200, "") == Uris{target});
  CHECK(run(http::Method::put, "PUT", 204, "") == Uris{target});
  CHECK(run(http::Method::delete_, "DELETE", 204, "") == Uris{target});
  CHECK(run(http::Method::patch, "PATCH", 299, "") == Uris{target});
  CHECK(run(http::Method::other, "M-FOO", 200, "") == Uris{target});       // safety unknown
  CHECK(run(http::Method::post, "POST", 303, "") == Uris{target});         // 3xx is no error
  for (const int status : {103, 400, 404, 500, 503}) CHECK(run(http::Method::post, "POST", status, "Location: /y").empty());
  CHECK(run(http::Method::get, "GET", 200, "").empty());
  CHECK(run(http::Method::head, "HEAD", 200, "").empty());
  CHECK(run(http::Method::options, "OPTIONS", 200, "").empty());
  CHECK(run(http::Method::trace, "TRACE", 200, "").empty());

  struct Row { const char* fields; const char* also; const char* rule; };
  for (const Row& row : {
           Row{"Location: /y", "http://shop/y", "of the same origin"},
           Row{"Content-Location: /y", "http://shop/y", "of the same origin"},
           Row{"Location: y?z", "http://shop/y?z", "a relative reference"},
           Row{"Location: http://shop/y", "http://shop/y", "absolute"},
           Row{"Location: http://SHOP:80/y", "http://SHOP:80/y", "the same origin in another spelling"},
           Row{"Location: //shop/y", "http://shop/y", "without its scheme"},
           Row{"Location: http://other/y", "", "MUST NOT: another host"},
           Row{"Location: http://shop:8080/y", "", "MUST NOT: another port"},
           Row{"Location: https://shop/y", "", "MUST NOT: another scheme"},
           Row{"Location: //other/y", "", "MUST NOT: another host"},
           Row{"Location: mailto:a@b", "", "no http URI"},
           Row{"Location: /x?q", "", "the target itself, once"}}) {
    CAPTURE(row.rule);
    CAPTURE(row.fields);
    const Uris expected = *row.also != '\0' ? Uris{target, row.also} : Uris{target};
    CHECK(run(http::Method::post, "POST", 201, row.fields) == expected);
  }
  CHECK(run(http::Method::post, "POST", 201, "Location: /a\nContent-Location: /b") == Uris{target, "http://shop/a", "http://shop/b"});
}

TEST_CASE("the target URI takes the scheme of an absolute target, and does without a host (RFC 9110 §7.1)") {
  auto request = request_of(http::Method::post, "POST");
  request.scheme = "https";
  CHECK(invalidated_by(request, "http", response(200)) == std::vector<std::string>{"https://shop/x"});
  request.scheme = {};
  request.authority = {};
  CHECK(invalidated_by(request, "http", response(200, "Location: /y")) == std::vector<std::string>{"/x"});
}

}  // namespace
}  // namespace davenport::policy::test
