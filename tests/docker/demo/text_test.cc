#include "docker/demo/text.h"

#include <doctest/doctest.h>

using namespace demo;

TEST_CASE("a value in a template is escaped, so that a product name cannot become markup") {
  CHECK(render("<b title=\"{{name}}\">{{name}}</b>", {{"name", "<script>\"'&"}}) ==
        "<b title=\"&lt;script&gt;&quot;&#39;&amp;\">&lt;script&gt;&quot;&#39;&amp;</b>");
}

TEST_CASE("three braces put HTML in as it is") {
  CHECK(render("<ul>{{{rows}}}</ul>", {{"rows", "<li>1</li>"}}) == "<ul><li>1</li></ul>");
}

TEST_CASE("what a template was filled with is not searched for names again") {
  CHECK(render("{{a}} {{{b}}}", {{"a", "{{b}}"}, {"b", "{{a}}"}}) == "{{b}} {{a}}");
}

TEST_CASE("braces that name nothing stay text") {
  CHECK(render("a{1,5}b {{open", {}) == "a{1,5}b {{open");
  CHECK(render("", {}) == "");
}

TEST_CASE("JSON strings keep quotes, backslashes and control bytes harmless") {
  CHECK(escape_json("a\"b\\c\nd\x01") == "a\\\"b\\\\c\\u000ad\\u0001");
  CHECK(escape_json("é") == "é");
}

TEST_CASE("URL decoding leaves broken percent signs alone") {
  struct Row { const char *in, *out; };
  for (const Row& row : {Row{"a+b", "a b"}, Row{"%41%62", "Ab"}, Row{"%", "%"}, Row{"%4", "%4"}, Row{"%zz", "%zz"},
                         Row{"100%25", "100%"}, Row{"", ""}}) {
    CAPTURE(row.in);
    CHECK(decode_url(row.in) == row.out);
  }
  CHECK(decode_url(encode_url("a b&c=é<>")) == "a b&c=é<>");
}

TEST_CASE("forms are read in order, without empty pairs, and to a bound") {
  const Form form = parse_form("a=1&&b=x%20y&c&a=2&=d");
  REQUIRE(form.size() == 5);
  CHECK(form_value(form, "a") == "1");
  CHECK(form_value(form, "b") == "x y");
  CHECK(form_value(form, "c") == "");
  CHECK(form_value(form, "missing") == "");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "k=v&";
  CHECK(parse_form(many).size() == kMaxFormFields);
}

TEST_CASE("a cookie is found by its whole name (RFC 6265 §4.2.1)") {
  CHECK(cookie_value("a=1; shop=xyz; b=2", "shop") == "xyz");
  CHECK(cookie_value("workshop=no; shop=yes", "shop") == "yes");
  CHECK(cookie_value("shopping=no", "shop") == "");
  CHECK(cookie_value("shop", "shop") == "");
  CHECK(cookie_value("", "shop") == "");
}

TEST_CASE("numbers have no sign, no space and no leftovers") {
  CHECK(parse_number("17", 1, 99) == 17);
  for (const char* wrong : {"", "+1", "-1", " 1", "1 ", "1x", "0", "100", "99999999999999999999"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_number(wrong, 1, 99).has_value());
  }
}

TEST_CASE("prices are read and written in cents") {
  CHECK(parse_price("12.50") == 1250);
  CHECK(parse_price("12.5") == 1250);
  CHECK(parse_price("12.05") == 1205);
  CHECK(parse_price("12") == 1200);
  CHECK(parse_price("0.99") == 99);
  for (const char* wrong : {"", ".", "1.", ".5", "1.234", "-1", "1e5", "100000", "1,50"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_price(wrong).has_value());
  }
  CHECK(price_text(1205) == "12.05");
  CHECK(price_text(0) == "0.00");
}

TEST_CASE("dates are IMF-fixdate and come back (RFC 9110 §5.6.7)") {
  CHECK(http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777);
  CHECK_FALSE(parse_http_date("yesterday").has_value());
  CHECK_FALSE(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT and more").has_value());
  CHECK_FALSE(parse_http_date("").has_value());
}

TEST_CASE("If-None-Match compares weakly, each member by itself (RFC 9110 §13.1.2)") {
  CHECK(etag_matches("W/\"a\"", "W/\"a\""));
  CHECK(etag_matches("\"a\"", "W/\"a\""));
  CHECK(etag_matches("W/\"x\", \"a\"", "\"a\""));
  CHECK(etag_matches("\"a,b\"", "\"a,b\""));
  CHECK(etag_matches(" * ", "\"a\""));
  CHECK_FALSE(etag_matches("\"b\"", "\"a\""));
  CHECK_FALSE(etag_matches("a", "\"a\""));
  CHECK_FALSE(etag_matches("\"a", "\"a\""));
  CHECK_FALSE(etag_matches("", "\"a\""));
}

TEST_CASE("a fingerprint has sixteen digits and follows every byte") {
  CHECK(hex(hash_of("a")).size() == 16);
  CHECK(hash_of("a") != hash_of("b"));
  CHECK(hash_of("ab") != hash_of("ba"));
  CHECK(hex(10) == "000000000000000a");
}
