// Which links of an answer a 103 may say (RFC 8297, RFC 8288).
#include "cache/policy/hints.h"

#include <doctest/doctest.h>

#include "heads.h"

using namespace davenport;
using namespace davenport::policy;
using namespace davenport::policy::test;

TEST_CASE("links that load or connect are hints, in their order and their words") {
  struct Row { std::string_view came, hints; };
  for (const Row& row : {
           Row{"Link: </a.css>; rel=preload; as=style", "</a.css>; rel=preload; as=style"},
           Row{"Link: </a.css>;rel=\"preload\"", "</a.css>;rel=\"preload\""},
           Row{"Link: <https://cdn.example>; rel=PreConnect; crossorigin", "<https://cdn.example>; rel=PreConnect; crossorigin"},
           Row{"Link: </a.js>; as=script; rel=\"next modulepreload\"", "</a.js>; as=script; rel=\"next modulepreload\""},
           Row{"Link: </1>; rel=preload, </2>; rel=next, </3>; rel=preload", "</1>; rel=preload, </3>; rel=preload"},
           Row{"Link: </1>; rel=preload\nX: y\nlink: </2>; rel=preload", "</1>; rel=preload, </2>; rel=preload"},
           Row{"Link: </1>; rel=next; rel=preload", ""},              // the first rel counts (RFC 8288 §3.3)
           Row{"Link: </1>; title=\"rel=preload\"", ""},
           Row{"Link: /1; rel=preload", ""},
           Row{"Link: </1", ""},
           Row{"Link: </1>", ""},
           Row{"X-Link: </1>; rel=preload", ""}}) {
    CAPTURE(row.came);
    CHECK(hint_links(lines(row.came)) == row.hints);
  }
  const std::string long_one = "<" + std::string(kHintBytes, 'x') + ">; rel=preload";
  CHECK(hint_links(lines("Link: " + long_one + ", </2>; rel=preload")) == "</2>; rel=preload");
}

TEST_CASE("what may be one visitor's own is no hint for others") {
  struct Row { const char *request, *answer; bool taught; };
  for (const Row& row : {Row{"Accept: */*", "Cache-Control: no-store", true}, Row{"Accept: */*", "Vary: Accept-Encoding", true},
                         Row{"Cookie: a=b", "", false}, Row{"Authorization: Basic x", "", false}, Row{"", "Set-Cookie: a=b", false},
                         Row{"X-Api-Key: a", "Cache-Control: private", false}, Row{"", "Vary: Accept-Encoding, Accept-Language", false}, Row{"", "Vary: *", false}}) {
    CAPTURE(row.request);
    CAPTURE(row.answer);
    CHECK(hints_for_all(lines(row.request), lines(row.answer), {}) == row.taught);
  }
  config::CacheRules by_the_letter;
  by_the_letter.hints_of_unstored = false;
  CHECK_FALSE(hints_for_all({}, lines("Cache-Control: no-store"), by_the_letter));       // RFC 9111 §5.2.2.5: no part of it
  CHECK(hints_for_all({}, lines("Cache-Control: max-age=5"), by_the_letter));
}
