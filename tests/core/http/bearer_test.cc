#include "core/http/bearer.h"

#include <doctest/doctest.h>

#include <string>

using namespace davenport::http;

TEST_CASE("a bearer token is the one of a single Authorization line (RFC 6750 §2.1)") {
  struct Row { std::string_view value, token; const char* rule; };
  for (const Row& row : {
           Row{"Bearer abc", "abc", "§2.1"}, Row{"bEARER abc", "abc", "RFC 9110 §11.1: a scheme in any case"},
           Row{"Bearer   abc", "abc", "RFC 9110 §11.4: 1*SP"}, Row{"Bearer", "", "no token"}, Row{"Bearer ", "", "no token"},
           Row{"Basic abc", "", "another scheme"}, Row{"Bearerabc", "", "no space"}, Row{"", "", "empty"}}) {
    CAPTURE(row.rule);
    Fields fields;
    fields.add("Authorization", row.value);
    CHECK(bearer_token(fields) == row.token);
  }
  Fields twice;
  twice.add("Authorization", "Bearer abc");
  twice.add("Authorization", "Bearer abc");
  CHECK(bearer_token(twice).empty());
  CHECK(bearer_token(Fields()).empty());
}

TEST_CASE("secrets are the same only when they are") {
  CHECK(same_secret("", ""));
  CHECK(same_secret("abc", "abc"));
  CHECK_FALSE(same_secret("abc", "abd"));
  CHECK_FALSE(same_secret("xbc", "abc"));
  CHECK_FALSE(same_secret("ab", "abc"));
  CHECK_FALSE(same_secret("abcd", "abc"));
  CHECK_FALSE(same_secret("", "abc"));
  CHECK_FALSE(same_secret("abc", ""));
  CHECK_FALSE(same_secret(std::string("abc\0", 4), "abc"));
}
