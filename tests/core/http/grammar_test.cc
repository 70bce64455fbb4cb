#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "core/http/grammar.h"

namespace davenport::http {
namespace {

std::string members(std::string_view list) {
  std::string out;
  for (ListReader reader(list); const auto member = reader.next();) out.append("<").append(*member).append(">");
  return out;
}

TEST_CASE("tokens are what RFC 9110 §5.6.2 says, byte by byte") {
  const std::string_view allowed = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const bool wanted = byte != 0 && allowed.find(static_cast<char>(byte)) != std::string_view::npos;
    CHECK(is_token_char(static_cast<unsigned char>(byte)) == wanted);
    CHECK(is_token(std::string(1, static_cast<char>(byte))) == wanted);
    CHECK(is_token(std::string(40, 'a') + static_cast<char>(byte)) == wanted);
    const bool value = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    for (const std::size_t at : {0, 1, 15, 16, 17, 31, 33}) {
      std::string text(34, 'a');
      text[at] = static_cast<char>(byte);
      CHECK(is_field_value(text) == value);
    }
  }
  CHECK(!is_token(""));
  CHECK(is_field_value(""));
}

TEST_CASE("lists are cut at commas outside quotes and comments, empty members skipped (RFC 9110 §5.6.1.2)") {
  struct Row { std::string_view list, members; };
  for (const Row& row : {
           Row{"", ""}, Row{" , ,\t,", ""}, Row{"a", "<a>"}, Row{" a , b\t,c ", "<a><b><c>"}, Row{"a,,b", "<a><b>"},
           Row{"a=\"b,c\", d", "<a=\"b,c\"><d>"}, Row{"\"a\\\",b\",c", "<\"a\\\",b\"><c>"},
           Row{"a (b, c), d", "<a (b, c)><d>"},
           Row{"a (b (c, d), e), f", "<a (b (c, d), e)><f>"}, Row{"(a\\), b), c", "<(a\\), b)><c>"},
           Row{"a=\"b, no-store", "<a=\"b><no-store>"}, Row{"(a, no-store", "<(a><no-store>"},
           Row{"a=\"b\\\", c", "<a=\"b\\\"><c>"},
           Row{"\"a\" \"b, c", "<\"a\" \"b><c>"}, Row{"a), b", "<a)><b>"},
           Row{"(\", (a), \"b\"", "<(\", (a), \"b\">"}}) {
    CAPTURE(row.list);
    CHECK(members(row.list) == row.members);
  }
}

TEST_CASE("a list of unclosed quotes and parentheses costs no more than its length") {
  std::string hostile;
  for (int i = 0; i < 200000; ++i) hostile.append("\"\\");
  hostile.append(300000, '(');
  CHECK(!members(hostile).empty());
}

TEST_CASE("a token is found in a list in any case, and never inside another") {
  CHECK(list_contains("close, Keep-Alive", "keep-alive"));
  CHECK(!list_contains("close, keep-alive2", "keep-alive"));
  CHECK(!list_contains("a=\"b, close\"", "close"));
  CHECK(!list_contains("", "close"));
}

std::string directives(std::string_view list) {
  std::string out;
  for (DirectiveReader reader(list); const auto directive = reader.next();) {
    out.append(directive->broken ? "<!" : "<").append(directive->name);
    if (directive->value) out.append(directive->quoted ? "=q:" : "=").append(*directive->value);
    out.append(">");
  }
  return out;
}

TEST_CASE("directives are names with an optional token or quoted string (RFC 9111 §5.2)") {
  struct Row { std::string_view list, said; };
  for (const Row& row : {
           Row{"max-age=60, No-Store", "<max-age=60><No-Store>"}, Row{"max-age=\"60\"", "<max-age=q:60>"},
           Row{"a=\"\"", "<a=q:>"}, Row{"a=", "<a=>"},
           Row{"private=\"a, b\",public", "<private=q:a, b><public>"}, Row{"a=\"b\\\"c\"", "<a=q:b\\\"c>"},
           Row{"a=\"b\\\\\"", "<a=q:b\\\\>"},
           Row{"max-age='60'", "<max-age='60'>"}, Row{"max-age =5", "<max-age= =5>"}, Row{"max-age= 5", "<max-age= 5>"},
           Row{"max-age 5", "<!max-age= 5>"},
           Row{"no-store;x", "<!no-store=;x>"}, Row{"=5, a", "<a>"}, Row{"\"max-age=5\"", ""}, Row{"a=\"b\"c", "<a=\"b\"c>"},
           Row{"a=\"b\"c\"", "<a=\"b\"c\">"},
           Row{"a=\"max-age=5, b\", c", "<a=q:max-age=5, b><c>"}, Row{"a=\"b\\\"", "<a=\"b\\\">"},
           Row{"a=\"", "<a=\">"}, Row{"", ""}}) {
    CAPTURE(row.list);
    CHECK(directives(row.list) == row.said);
  }
}

TEST_CASE("delta-seconds are digits; what is too large saturates (RFC 9111 §1.2.2)") {
  CHECK(parse_delta_seconds("0") == Seconds(0));
  CHECK(parse_delta_seconds("0060") == Seconds(60));
  CHECK(parse_delta_seconds("2147483647") == Seconds(2147483647));
  CHECK(parse_delta_seconds("2147483648") == Seconds(2147483648));
  CHECK(parse_delta_seconds("2147483649") == Seconds(2147483648));
  CHECK(parse_delta_seconds("99999999999999999999999999") == Seconds(2147483648));
  for (const std::string_view text : {"", "-1", "+1", "1.5", " 1", "1 ", "'1'", "1s", "0x1", "1e3", "\xd9\xa1"}) {
    CAPTURE(text);
    CHECK(!parse_delta_seconds(text));
  }
}

TEST_CASE("entity tags are quoted, weak with W/ (RFC 9110 §8.8.3)") {
  CHECK(parse_entity_tag("\"a\"")->opaque == "\"a\"");
  CHECK(!parse_entity_tag("\"a\"")->weak);
  CHECK(parse_entity_tag("W/\"a\"")->weak);
  CHECK(parse_entity_tag("W/\"a\"")->opaque == "\"a\"");
  CHECK(parse_entity_tag("\"\"")->opaque == "\"\"");
  CHECK(parse_entity_tag("\"\xe9\\!\"")->opaque == "\"\xe9\\!\"");
  for (const std::string_view text : {"", "a", "\"a", "a\"", "\"", "w/\"a\"", "W/a", "W/", "\"a b\"", "\"a\" ",
                                      "\"a\"b", "\"a\x01\"", "\"a\x7f\"", "*"}) {
    CAPTURE(text);
    CHECK(!parse_entity_tag(text));
  }
}

TEST_CASE("tags match strongly only if both are strong (RFC 9110 §8.8.3.2)") {
  const EntityTag strong{false, "\"1\""}, weak{true, "\"1\""}, other{false, "\"2\""};
  CHECK(strong_match(strong, strong));
  CHECK(!strong_match(strong, weak));
  CHECK(!strong_match(weak, weak));
  CHECK(!strong_match(strong, other));
  CHECK(weak_match(strong, weak));
  CHECK(weak_match(weak, weak));
  CHECK(!weak_match(weak, other));
}

TEST_CASE("lists of entity tags are read to their end or to what is none") {
  struct Row { std::string_view list, said; bool failed; };
  for (const Row& row : {
           Row{"\"a\"", "<\"a\">", false}, Row{"W/\"a\" , \"b,c\",, \"\"", "<w\"a\"><\"b,c\"><\"\">", false},
           Row{"", "", false}, Row{" ,\t,", "", false},
           Row{"*", "", true}, Row{"\"a\", b", "<\"a\">", true}, Row{"\"a\" \"b\"", "", true}, Row{"\"a", "", true},
           Row{"\"a\"x", "", true}}) {
    CAPTURE(row.list);
    std::string said;
    EntityTagReader reader(row.list);
    while (const auto tag = reader.next()) said.append(tag->weak ? "<w" : "<").append(tag->opaque).append(">");
    CHECK(said == row.said);
    CHECK(reader.failed() == row.failed);
    CHECK(!reader.next());
  }
}

std::string ranges(std::string_view value, std::size_t most = 4) {
  const auto parsed = parse_range(value, most);
  if (!parsed) return "invalid";
  std::string out;
  for (const ByteRangeSpec& range : *parsed) {
    out.append("<").append(range.first ? std::to_string(*range.first) : "").append("-");
    out.append(range.last ? std::to_string(*range.last) : "").append(">");
  }
  return out;
}

TEST_CASE("byte ranges (RFC 9110 §14.1.2)") {
  struct Row { std::string_view value, said; };
  for (const Row& row : {
           Row{"bytes=0-99", "<0-99>"}, Row{"bytes=5-", "<5->"}, Row{"bytes=-5", "<-5>"}, Row{"Bytes=0-0", "<0-0>"},
           Row{"bytes=0-1 , 2-3,,\t-1", "<0-1><2-3><-1>"},
           Row{"bytes=0-99999999999999999999", "<0-18446744073709551615>"}, Row{"bytes=-0", "<-0>"},
           Row{"bytes=00-01", "<0-1>"},
           Row{"bytes=1-0", "invalid"}, Row{"bytes=", "invalid"}, Row{"bytes=-", "invalid"}, Row{"bytes=,", "invalid"},
           Row{"bytes=a-b", "invalid"}, Row{"bytes=1", "invalid"},
           Row{"bytes= 1-2x", "invalid"}, Row{"bytes=1 -2", "invalid"}, Row{"bytes=1-2-3", "invalid"},
           Row{"bytes=--1", "invalid"}, Row{"bytes=+1-2", "invalid"},
           Row{"bytes 0-1", "invalid"}, Row{"items=0-1", "invalid"}, Row{"bytes", "invalid"}, Row{"", "invalid"},
           Row{"bytes =0-1", "invalid"},
           Row{"bytes=0-1,2-3,4-5,6-7", "<0-1><2-3><4-5><6-7>"}, Row{"bytes=0-1,2-3,4-5,6-7,8-9", "invalid"}}) {
    CAPTURE(row.value);
    CHECK(ranges(row.value) == row.said);
  }
}

TEST_CASE("Content-Range says which part of what (RFC 9110 §14.4)") {
  const auto whole = parse_content_range("bytes 0-99/1000");
  REQUIRE(whole);
  CHECK(*whole->first == 0);
  CHECK(*whole->last == 99);
  CHECK(*whole->complete == 1000);
  CHECK(!parse_content_range("bytes 0-99/*")->complete);
  const auto unsatisfied = parse_content_range("BYTES */1000");
  REQUIRE(unsatisfied);
  CHECK(!unsatisfied->first);
  CHECK(*unsatisfied->complete == 1000);
  for (const std::string_view value : {"bytes */*", "bytes 5-4/10", "bytes 0-10/10", "bytes 0-/10", "bytes -5/10",
                                       "bytes 0-5", "bytes=0-5/10", "items 0-5/10", "",
                                       "bytes 0-18446744073709551615/*", "bytes 0-1/99999999999999999999",
                                           "bytes 0-1 /10", "bytes  0-1/10", "bytes a-b/c"}) {
    CAPTURE(value);
    CHECK(!parse_content_range(value));
  }
}

TEST_CASE("weights are thousandths, the last parameter, and 1 where there is none (RFC 9110 §12.4.2)") {
  struct Row { std::string_view member, value; int thousandths; };
  for (const Row& row : {
           Row{"gzip", "gzip", 1000}, Row{"gzip;q=0.5", "gzip", 500}, Row{"gzip ; q=0.123", "gzip", 123},
           Row{"a;Q=1", "a", 1000}, Row{"a;q=1.000", "a", 1000},
           Row{"a;q=0", "a", 0}, Row{"a;q=0.", "a", 0}, Row{"text/html;level=1;q=0.4", "text/html;level=1", 400},
           Row{"a;b=\";q=0\";q=0.1", "a;b=\";q=0\"", 100},
           Row{"a;level=1", "a;level=1", 1000}, Row{" a ", "a", 1000}}) {
    CAPTURE(row.member);
    const auto weighted = parse_weighted(row.member);
    REQUIRE(weighted);
    CHECK(weighted->value == row.value);
    CHECK(weighted->thousandths == row.thousandths);
  }
  for (const std::string_view member : {"", ";q=1", "a;q=", "a;q=2", "a;q=1.1", "a;q=1.001", "a;q=.5", "a;q=0.1234",
                                        "a;q=-1", "a;q=0,5", "a;q=0.5;x=1", "a;q=0.5;q=0.5", "a;q=x"}) {
    CAPTURE(member);
    CHECK(!parse_weighted(member));
  }
}

}  // namespace
}  // namespace davenport::http
