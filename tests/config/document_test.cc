#include "config/document.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace davenport::config;

TEST_CASE("a document remembers where keys and values stood, in the order of the file") {
  const auto document = parse_document("zeta = 1\n[alpha]\n  key = \"text\"\nlist = [1, 2.5, true]\n");
  REQUIRE(document.has_value());
  const Value::Table& root = *document->table();
  REQUIRE(root.size() == 2);
  CHECK(root[0].key == "zeta");
  CHECK(root[0].place == Place{1, 1});
  CHECK(root[0].value.place == Place{1, 8});
  CHECK(root[1].key == "alpha");
  const Value::Table& alpha = *root[1].value.table();
  CHECK(alpha[0].place == Place{3, 3});
  CHECK(*alpha[0].value.string() == "text");
  const Value::Array& list = *find(alpha, "list")->array();
  CHECK(std::get<std::int64_t>(list[0].data) == 1);
  CHECK(std::get<double>(list[1].data) == 2.5);
  CHECK(std::get<bool>(list[2].data));
  CHECK(list[2].place == Place{4, 17});
  CHECK(find(alpha, "none") == nullptr);
}

TEST_CASE("the first mistake of syntax is reported with its place") {
  struct Row { std::string_view text; std::uint32_t line; };
  for (const Row& row : {Row{"a = ", 1}, Row{"a = 1\nb", 2}, Row{"a = 1\n\na = 2", 3}, Row{"[a\n", 1},
                         Row{"a = \"\xff\"", 1}, Row{"a = 1979-13-01", 1}, Row{"a = 99999999999999999999", 1},
                         Row{"[{", 1}, Row{"a = 1\n [{ b = 1 }]\n[c]\n", 2}, Row{"\n\n[[{", 3}, Row{"[=]", 1}}) {
    CAPTURE(row.text);
    const auto document = parse_document(row.text);
    REQUIRE_FALSE(document.has_value());
    CHECK(document.error().line == row.line);
    CHECK(document.error().column > 0);
    CHECK(document.error().message.starts_with("not TOML: "));
  }
}

TEST_CASE("deep nesting and huge files are refused before anything recurses over them") {
  std::string dotted = "a";
  for (int i = 0; i < 200'000; ++i) dotted += ".a";
  const std::string arrays = "a = " + std::string(100'000, '[') + std::string(100'000, ']');
  std::string moderate = "a";
  for (int i = 0; i < 100; ++i) moderate += ".a";
  for (const std::string& text : {dotted + " = 1\n", arrays, moderate + " = 1\n", "[" + dotted + "]\n",
                                  std::string(kDocumentBytesMax + 1, '\n')}) {
    CHECK_FALSE(parse_document(text).has_value());
  }
}

TEST_CASE("letters beyond ASCII stand in strings and comments, and nowhere else") {
  const std::string umlaut = "\xc3\xa4", wide_space = "\xe2\x80\x83", mark = "\xef\xbb\xbf";
  for (const std::string& text : std::vector<std::string>
       {"a = \"" + umlaut + "\"", "a = '" + umlaut + "' # " + umlaut, "a = \"\"\"\n" + umlaut + "\n\"\" " + umlaut + "\"\"\"",
        "a = '''\n" + umlaut + "\\'''\n", mark + "a = 1", "a = \"\\\"" + umlaut + "\"", "a = \"\"\"\"" + umlaut + "\"\"\"\"\"",
        "a = [\"\", \"" + umlaut + "\"]\nb = ''\nc = '" + umlaut + "'"}) {
    CAPTURE(text);
    CHECK(parse_document(text).has_value());
  }
  for (const std::string& text : std::vector<std::string>{umlaut + " = 1", "a = 1" + wide_space, "\n\n" + wide_space + "a = 1", "[a" + umlaut + "]",
                                  "a = \"x\"" + umlaut, "a = \"\"\"x\"\"\"" + umlaut, "a = \xc3", "a = 1\n" + mark}) {
    CAPTURE(text);
    const auto document = parse_document(text);
    REQUIRE_FALSE(document.has_value());
    CHECK(document.error().line > 0);
  }
}

TEST_CASE("dots in strings and comments do not count as depth") {
  const std::string dots(5'000, '.');
  CHECK(parse_document("a = \"" + dots + "\"\nb = '" + dots + "' # " + dots + "\n# " + dots + "\n").has_value());
  CHECK(parse_document("a = \"\\\"" + dots + "\"\n").has_value());
}

TEST_CASE("a text is quoted on one line and reads the same again") {
  for (const std::string& text : {std::string("plain"), std::string("a\"b\\c"), std::string("a\nb\tc\x7f"), std::string(),
                                  std::string("\xc3\xa4")}) {
    CAPTURE(text);
    const auto document = parse_document("a = " + quote(text));
    REQUIRE(document.has_value());
    CHECK(*document->table()->front().value.string() == text);
    CHECK(quote(text).find('\n') == std::string::npos);
  }
  CHECK(key_text("a-b_1") == "a-b_1");
  CHECK(key_text("a b") == "\"a b\"");
  CHECK(key_text("") == "\"\"");
}

TEST_CASE("what was found is named by its kind, long texts shortened") {
  const auto document = parse_document("a = 1979-05-27\nb = []\nc = {}\nd = true\ne = 4.5\nf = 12\ng = \"x\"");
  REQUIRE(document.has_value());
  const char* expected[] = {"a date or time", "a list", "a table", "true", "4.5", "12", "\"x\""};
  for (std::size_t i = 0; i < 7; ++i) CHECK(describe_found((*document->table())[i].value) == expected[i]);
  CHECK(describe_found(Value{std::string(500, 'x'), {}}).size() < 80);
}
