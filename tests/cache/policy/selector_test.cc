#include "cache/policy/selector.h"

#include <doctest/doctest.h>

#include "cache/policy/vary.h"

using namespace davenport;
using namespace davenport::policy;

namespace {

using FieldList = std::vector<std::pair<std::string, std::string>>;

http::Fields fields(const FieldList& list) {
  http::Fields out;
  for (const auto& [name, value] : list) out.add(name, value);
  return out;
}

// Of a response that varies by `vary`, to a request.
std::string selector_of(const std::string& vary, const FieldList& request, const config::CacheRules& rules = {}, const std::string& language = "") {
  const FieldList response{{"Vary", vary}, {"Content-Language", language}};
  const http::Fields answer = fields(response), asked = fields(request);
  return make_selector(answer, asked, rules);
}

}  // namespace

TEST_CASE("a selector tells the names that an answer varies by, and the fields that choose it") {
  const std::string selector = selector_of("X-Device, Accept-Language, X-None", {{"accept-language", "de, en;q=0.5"}, {"x-device", "phone"}});
  CHECK(names_of_selector(selector) == "accept-language, x-device, x-none");
  const auto chosen = fields_of_selector(selector);
  REQUIRE(chosen);
  CHECK(*chosen == FieldList{{"accept-language", "de,en;q=0.5"}, {"x-device", "phone"}});
  const http::Fields again = fields(*chosen);
  std::string scratch;
  CHECK(selector_matches(selector, again, {}, scratch));       // a request made of it is answered by it
  CHECK(names_of_selector("").empty());
  CHECK(fields_of_selector("")->empty());
}

TEST_CASE("what a request and the names make of it has no language of the answer in it") {
  config::CacheRules rules;
  rules.content_language = true;
  const FieldList german{{"accept-language", "de"}};
  const std::string with = selector_of("Accept-Language", german, rules, "de-AT"), without = selector_of("Accept-Language", german);
  CHECK(with != without);
  CHECK(plain_selector(with) == without);
  CHECK(plain_selector(without) == without);
}

TEST_CASE("what is a visitor's own is nobody else's to ask with") {
  CHECK_FALSE(fields_of_selector(selector_of("Cookie", {{"cookie", "session=1"}})));
  CHECK_FALSE(fields_of_selector(selector_of("Authorization, X-A", {{"authorization", "Basic YTpi"}})));
  CHECK(fields_of_selector(selector_of("Cookie", {}))->empty());   // of who has none
}

TEST_CASE("what is no selector, or a cut one, tells nothing; names and values that are no field's neither") {
  const std::string selector = selector_of("X-A, X-B", {{"x-a", "1"}, {"x-b", "2"}});
  const std::size_t first = selector.size() / 2;
  for (std::size_t cut = 1; cut < selector.size(); ++cut) {
    CAPTURE(cut);
    CHECK(fields_of_selector(selector.substr(0, cut)).has_value() == (cut == first));
    CHECK(plain_selector(selector.substr(0, cut)).empty() == (cut != first));
  }
  struct Row { Selected chosen; const char* rule; };
  for (const Row& row : {
           Row{{"", "v", {}}, "no name"}, Row{{"a b", "v", {}}, "no token"}, Row{{"x-a", "v\r\nx-b: w", {}}, "a line end in a value"}}) {
    CAPTURE(row.rule);
    std::string bytes;
    append_selected(bytes, row.chosen);
    CHECK_FALSE(fields_of_selector(bytes));
  }
}
