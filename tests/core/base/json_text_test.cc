#include "core/base/json_text.h"

#include <doctest/doctest.h>

using namespace davenport;

namespace {

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

TEST_CASE("any bytes become one valid JSON string (RFC 8259 §7, §8.1)") {
  struct Row { std::string_view text, json, rule; };
  using namespace std::string_view_literals;
  const std::string_view replaced = "\xef\xbf\xbd";
  for (const Row& row : {
           Row{"", R"("")", "an empty string"},
           Row{"plain text/1.0", R"("plain text/1.0")", "nothing to escape"},
           Row{R"(say "hi" \ bye)", R"("say \"hi\" \\ bye")", "§7: quotation mark and reverse solidus"},
           Row{"a\nb\rc\td", R"("a\nb\rc\td")", "§7: short escapes"},
           Row{"\0\x01\x1f\x7f"sv, R"("\u0000\u0001\u001f\u007f")", "§7: control characters, and DEL beside them"},
           Row{"Käse ✓ 🧀", "\"Käse ✓ 🧀\"", "§8.1: UTF-8 as it is"}}) {
    CAPTURE(row.rule);
    CHECK(json(row.text) == row.json);
  }
  struct Bad { std::string_view text; int replacements; const char* rule; };
  for (const Bad& row : {
           Bad{"\x80", 1, "a continuation byte alone"}, Bad{"\xc3", 1, "cut after the first byte"},
           Bad{"\xc0\xaf", 2, "overlong slash"}, Bad{"\xe0\x80\xaf", 3, "overlong in three bytes"},
           Bad{"\xed\xa0\x80", 3, "a surrogate"}, Bad{"\xf5\x80\x80\x80", 4, "above U+10FFFF"},
           Bad{"\xf4\x90\x80\x80", 4, "above U+10FFFF by the second byte"}, Bad{"\xff\xfe", 2, "no UTF-8 at all"}}) {
    CAPTURE(row.rule);
    std::string expected = "\"<";
    for (int i = 0; i < row.replacements; ++i) expected += replaced;
    CHECK(json("<" + std::string(row.text) + ">") == expected + ">\"");
  }
}

TEST_CASE("the length of a UTF-8 sequence is found at its first byte (RFC 3629 §4)") {
  CHECK(utf8_sequence("") == 0);
  CHECK(utf8_sequence("a") == 1);
  CHECK(utf8_sequence("\xc2\x80") == 2);
  CHECK(utf8_sequence("\xe0\xa0\x80") == 3);
  CHECK(utf8_sequence("\xef\xbf\xbf") == 3);
  CHECK(utf8_sequence("\xf0\x90\x80\x80") == 4);
  CHECK(utf8_sequence("\xf4\x8f\xbf\xbf") == 4);
  CHECK(utf8_sequence("\xf0\x8f\xbf\xbf") == 0);
  CHECK(utf8_sequence("\xe2\x9c") == 0);
}
