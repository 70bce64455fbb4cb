// What a client takes, what it is sent, and the heads and tags of coded forms.
#include "cache/policy/coding.h"

#include <doctest/doctest.h>

#include <string>

#include "cache/policy/validate.h"
#include "cache/policy/vary.h"
#include "heads.h"

using namespace davenport;
using namespace davenport::policy;
using namespace davenport::policy::test;

namespace {

const config::Compression kRules;

http::Fields accepting(std::string_view value) { return fields({{"Accept-Encoding", value}}); }

}  // namespace

TEST_CASE("the coding is chosen by weight, then by the route's order (RFC 9110 §12.5.3)") {
  struct Row { std::string_view accepts; Coding coding; bool identity; const char* rule; };
  for (const Row& row : {
           Row{"gzip, deflate, br, zstd", Coding::brotli, true, "equal weights: the route's first"},
           Row{"gzip, deflate", Coding::gzip, true, "deflate is none of ours"},
           Row{"zstd, gzip", Coding::zstd, true, "zstd stands before gzip"},
           Row{"br;q=0.5, gzip;q=0.8, zstd;q=0.1", Coding::gzip, true, "the heaviest"},
           Row{"br;q=0, gzip", Coding::gzip, true, "weight 0: not acceptable"},
           Row{"GZIP;Q=0.3", Coding::gzip, true, "names in any case"},
           Row{"x-gzip", Coding::gzip, true, "§8.4.1.3: equivalent to gzip"},
           Row{"", Coding::identity, true, "an empty field: no coding wanted"},
           Row{"identity", Coding::identity, true, "named alone"},
           Row{"identity, gzip", Coding::gzip, true, "equal: what is shorter"},
           Row{"identity, gzip;q=0.5", Coding::identity, true, "identity is heavier"},
           Row{"gzip;q=0.001", Coding::gzip, true, "unnamed identity comes last"},
           Row{"*", Coding::brotli, true, "anything that is not named"},
           Row{"*;q=0.5, gzip", Coding::gzip, true, "named is heavier than *"},
           Row{"*, br;q=0", Coding::zstd, true, "* but not that"},
           Row{"gzip, *;q=0", Coding::gzip, false, "*;q=0 takes identity away"},
           Row{"gzip, identity;q=0", Coding::gzip, false, "identity is not acceptable"},
           Row{"*;q=0, identity;q=0.5", Coding::identity, true, "named identity stands against *"},
           Row{"identity;q=0", Coding::identity, false, "nothing acceptable: an answer is better than none"},
           Row{"*;q=0", Coding::identity, false, "the same"},
           Row{"gzip;q=2", Coding::identity, true, "malformed: as if it were not there"},
           Row{"gzip;q=0.1234", Coding::identity, true, "malformed weight"},
           Row{"gzip br", Coding::identity, true, "no list"},
           Row{"compress, snappy", Coding::identity, true, "none of ours"}}) {
    CAPTURE(row.accepts);
    CAPTURE(row.rule);
    const Accepted accepted = accepted_codings(accepting(row.accepts));
    CHECK(choose_coding(accepted, kRules) == row.coding);
    CHECK(accepted.takes(Coding::identity) == row.identity);
  }
  CHECK(choose_coding(accepted_codings({}), kRules) == Coding::identity);
}

TEST_CASE("several lines are one list, and the route's codings bound the choice") {
  http::Fields two = accepting("br;q=0.2");
  two.add_copy("Accept-Encoding", "zstd;q=0.3");
  CHECK(choose_coding(accepted_codings(two), kRules) == Coding::zstd);
  config::Compression only_gzip;
  only_gzip.codings = {"gzip"};
  CHECK(choose_coding(accepted_codings(accepting("br, gzip;q=0.2")), only_gzip) == Coding::gzip);
  CHECK(choose_coding(accepted_codings(accepting("br")), only_gzip) == Coding::identity);
}

TEST_CASE("only what gains and may be changed is coded") {
  struct Row { int status; std::string_view head; Codable codable; const char* rule; };
  for (const Row& row : {
           Row{200, "Content-Type: text/css", Codable::yes, "listed"},
           Row{200, "Content-Type: Text/HTML; charset=utf-8", Codable::yes, "any case, parameters apart"},
           Row{200, "Content-Type: application/ld+json", Codable::yes, "a pattern"},
           Row{200, "Content-Type: image/svg+xml", Codable::yes, "listed"},
           Row{404, "Content-Type: text/html", Codable::yes, "errors have bodies too"},
           Row{200, "Content-Type: image/jpeg", Codable::type, "compressed by nature"},
           Row{200, "", Codable::type, "nobody knows what it is"},
           Row{200, "Content-Type: text/css\nCache-Control: public, no-transform", Codable::no_transform, "RFC 9111 §5.2.2.6"},
           Row{200, "Content-Type: text/css\nCache-Control: max-age=5\nCache-Control: No-Transform", Codable::no_transform, "any line"},
           Row{200, "Content-Type: text/css\nContent-Encoding: gzip", Codable::yes, "can be undone"},
           Row{200, "Content-Type: text/css\nContent-Encoding: compress", Codable::coded, "can't be"},
           Row{200, "Content-Type: text/css\nContent-Encoding: gzip, br", Codable::coded, "twice"},
           Row{200, "Content-Type: text/css\nContent-Encoding: gzip\nContent-Encoding: br", Codable::coded, "twice, in two lines"},
           Row{206, "Content-Type: text/css\nContent-Range: bytes 0-1/9", Codable::status, "a part"},
           Row{200, "Content-Type: text/css\nContent-Range: bytes 0-1/2", Codable::status, "a part that calls itself whole"},
           Row{204, "Content-Type: text/css", Codable::status, "no body"},
           Row{304, "Content-Type: text/css", Codable::status, "no body"},
           Row{101, "Content-Type: text/css", Codable::status, "interim"}}) {
    CAPTURE(row.head);
    CAPTURE(row.rule);
    CHECK(codable(row.status, lines(row.head), kRules) == row.codable);
  }
  config::Compression off;
  off.enabled = false;
  CHECK(codable(200, lines("Content-Type: text/css"), off) == Codable::off);
  CHECK(source_coding(lines("Content-Encoding: X-GZIP")) == Coding::gzip);
  CHECK(source_coding({}) == Coding::identity);
  CHECK_FALSE(worth_coding(511, kRules));
  CHECK(worth_coding(512, kRules));
  CHECK(most_coded_bytes(1000, kRules) == 900);
}

TEST_CASE("each reason why an answer is not coded has a name of its own") {
  for (std::size_t i = 0; i < kCodableCount; ++i) {
    CHECK_FALSE(name_of(static_cast<Codable>(i)).empty());
    for (std::size_t j = 0; j < i; ++j) CHECK(name_of(static_cast<Codable>(i)) != name_of(static_cast<Codable>(j)));
  }
}

TEST_CASE("what passes is not coded where a secret is in it, unless the route says so (BREACH)") {
  struct Row { std::string_view request, response; bool allowed; };
  for (const Row& row : {Row{"", "", true}, Row{"Cookie: s=1", "", false}, Row{"Authorization: Basic eA==", "", false},
                         Row{"", "Set-Cookie: s=1", false}}) {
    CAPTURE(row.request);
    CAPTURE(row.response);
    CHECK(may_code_passed(lines(row.request), lines(row.response), kRules) == row.allowed);
    config::Compression rules;
    rules.secrets = true;
    CHECK(may_code_passed(lines(row.request), lines(row.response), rules));
    rules.passed = false;
    CHECK_FALSE(may_code_passed(lines(row.request), lines(row.response), rules));
  }
}

TEST_CASE("Vary names Accept-Encoding once") {
  struct Row { std::string_view before, after; };
  for (const Row& row : {Row{"", "Accept-Encoding"}, Row{"Vary: Accept-Language", "Accept-Language, Accept-Encoding"},
                         Row{"Vary: accept-encoding", "accept-encoding"}, Row{"Vary: *", "*"},
                         Row{"Vary: A\nVary: B", "A, B, Accept-Encoding"}}) {
    CAPTURE(row.before);
    http::Fields answer = lines(row.before);
    vary_by_coding(answer);
    std::string scratch;
    CHECK(answer.combined(http::FieldId::vary, scratch) == row.after);
  }
}

TEST_CASE("Accept-Encoding is no part of the selector where every coding can be made here") {
  const http::Fields answer = lines("Vary: Accept-Encoding, Accept-Language");
  const http::Fields one = lines("Accept-Encoding: gzip\nAccept-Language: de"), other = lines("Accept-Language: de");
  CHECK(make_selector(answer, one, {}, true) == make_selector(answer, other, {}, true));
  CHECK(make_selector(answer, one, {}) != make_selector(answer, other, {}));
  CHECK(make_selector(lines("Vary: Accept-Encoding"), one, {}, true).empty());
}

TEST_CASE("the tags of forms are weak, apart from one another, and of one family (RFC 9110 §8.8.3.3)") {
  CHECK(form_etag("\"abc\"", Coding::gzip, false) == "W/\"abc~gzip\"");
  CHECK(form_etag("W/\"abc\"", Coding::brotli, true) == "W/\"abc~br+\"");
  CHECK(form_etag("\"\"", Coding::identity, false) == "W/\"~identity\"");
  CHECK(form_etag("abc", Coding::gzip, false).empty());
  CHECK(etag_family("\"abc~gzip\"") == "abc");
  CHECK(etag_family("\"abc~br+\"") == "abc");
  CHECK(etag_family("\"a~b\"") == "a~b");
  CHECK(etag_family("\"~zstd\"").empty());
  CHECK(etag_family("\"\"").empty());
}

TEST_CASE("If-None-Match knows every form of a tag, and the 304 names the one that matched") {
  struct Row { std::string_view stored, asked; Precondition outcome; std::string_view named; };
  const StoredFacts facts = judged(200, "Cache-Control: max-age=60").facts;
  for (const Row& row : {
           Row{"W/\"abc~gzip\"", "W/\"abc~gzip\"", Precondition::not_modified, ""},
           Row{"W/\"abc~gzip\"", "\"abc\"", Precondition::not_modified, "\"abc\""},
           Row{"\"abc\"", "W/\"abc~br+\"", Precondition::not_modified, "W/\"abc~br+\""},
           Row{"W/\"abc~br+\"", "\"x\", W/\"abc~br\"", Precondition::not_modified, "W/\"abc~br\""},
           Row{"W/\"abc~br+\"", "W/\"abc~gzip\", W/\"abc~br+\"", Precondition::not_modified, ""},
           Row{"W/\"abc~br+\"", "W/\"abd~br+\"", Precondition::pass, ""}}) {
    CAPTURE(row.stored);
    CAPTURE(row.asked);
    http::RequestHead request = get();
    request.fields.add_copy("If-None-Match", row.asked);
    const http::Fields stored = fields({{"ETag", row.stored}});
    CHECK(evaluate(request, stored, facts, kReceived) == row.outcome);
    if (row.outcome == Precondition::not_modified) CHECK(matched_form(request.fields, stored) == row.named);
  }
}

TEST_CASE("an origin is asked about its own tags only") {
  CHECK(origin_tags("\"abc\", W/\"def~gzip\"") == "\"abc\", W/\"def\"");
  CHECK(origin_tags("W/\"dvp-0123456789abcdef0123456789abcdef~br+\"").empty());
  CHECK(origin_tags("*") == "*");
  CHECK(origin_tags("nonsense") == "nonsense");
}

TEST_CASE("the head of a form says what its bytes are") {
  const std::string source =
      "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nETag: \"abc\"\r\nVary: Accept-Encoding\r\nContent-MD5: xyz\r\n"
      "Repr-Digest: sha-256=:AA==:\r\nContent-Length: 5000\r\n\r\n";
  CHECK(form_head(source, Coding::brotli, 700, true) ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nVary: Accept-Encoding\r\nETag: W/\"abc~br+\"\r\nContent-Encoding: br\r\n"
        "Content-Length: 700\r\n\r\n");
  const std::string coded = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 70\r\n\r\n";
  CHECK(form_head(coded, Coding::identity, 900, false) == "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n");

  http::Fields answer = lines("Content-Type: text/css\nETag: \"abc\"\nDigest: x\nContent-Length: 9");
  make_form_fields(answer, Coding::gzip);
  CHECK(answer.get("Content-Encoding") == "gzip");
  CHECK(answer.get("ETag") == "W/\"abc~gzip\"");
  CHECK_FALSE(answer.has(http::FieldId::content_length));
  CHECK(answer.find("Digest") == nullptr);
}
