#include "core/base/json.h"

#include <doctest/doctest.h>

#include <ctime>

using namespace davenport;

TEST_CASE("values of every type are read (RFC 8259 §3)") {
  const Result<JsonValue> value =
      parse_json(" { \"text\": \"a\\u00e9\\n\", \"list\": [1, -2.5e1, true, false, null, []], \"empty\": {} } \r\n");
  REQUIRE(value);
  const JsonValue::Object& object = *value->object();
  REQUIRE(object.size() == 3);
  CHECK(object[0].name == "text");
  CHECK(*object[0].value.string() == "a\xc3\xa9\n");
  const JsonValue::Array& list = *object[1].value.array();
  REQUIRE(list.size() == 6);
  CHECK(std::get<double>(list[0].data) == 1);
  CHECK(std::get<double>(list[1].data) == -25);
  CHECK(*list[2].boolean());
  CHECK_FALSE(*list[3].boolean());
  CHECK(list[4].type() == "null");
  CHECK(list[5].array()->empty());
  CHECK(object[2].value.object()->empty());
}

TEST_CASE("escapes become the characters that they stand for (RFC 8259 §7)") {
  struct Row { const char *json, *text; };
  for (const Row& row : {
           Row{R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"}, Row{R"("\u0041\u00df\u20ac")", "A\xc3\x9f\xe2\x82\xac"},
           Row{R"("\ud83e\uddc0")", "\xf0\x9f\xa7\x80"}, Row{R"("\uD83E\uDDC0!")", "\xf0\x9f\xa7\x80!"}}) {
    CAPTURE(row.json);
    const Result<JsonValue> value = parse_json(row.json);
    REQUIRE(value);
    CHECK(*value->string() == row.text);
  }
}

TEST_CASE("what is no JSON is refused, with the place and what was expected") {
  struct Row { std::string_view json, expected; };
  using namespace std::string_view_literals;
  for (const Row& row : {
           Row{"", "a value at byte 0"}, Row{"  ", "a value at byte 2"}, Row{"{", "a name in quotes at byte 1"},
           Row{"{\"a\"}", "':' at byte 4"}, Row{"{\"a\":1", "',' or '}' at byte 6"}, Row{"{\"a\":1,}", "a name in quotes at byte 7"},
           Row{"{a:1}", "a name in quotes at byte 1"}, Row{"[1", "',' or ']' at byte 2"}, Row{"[1,]", "a value at byte 3"},
           Row{"[1 2]", "',' or ']' at byte 3"}, Row{"\"a", "'\"' at byte 2"}, Row{"\"\\x\"", "an escape of RFC 8259 at byte 2"},
           Row{"\"\\u12g4\"", "four hexadecimal digits at byte 3"}, Row{"\"\\u12", "four hexadecimal digits at byte 3"},
           Row{"\"\\ud800\"", "the second half of a surrogate pair at byte 7"},
           Row{"\"\\ud800\\u0041\"", "the second half of a surrogate pair at byte 13"},
           Row{"\"\\udc00\"", "the first half of a surrogate pair at byte 7"}, Row{"\"a\nb\"", "control characters to be escaped at byte 2"},
           Row{"\"\xff\"", "UTF-8 at byte 1"}, Row{"\"\xc3\"", "UTF-8 at byte 1"}, Row{"\"\xed\xa0\x80\"", "UTF-8 at byte 1"},
           Row{"true1", "nothing behind the value at byte 4"}, Row{"tru", "true at byte 0"}, Row{"nul", "null at byte 0"},
           Row{"fals", "false at byte 0"}, Row{"01", "nothing behind the value at byte 1"}, Row{"1.", "a digit at byte 2"},
           Row{"1e", "a digit at byte 2"}, Row{"+1", "a value at byte 0"}, Row{".5", "a value at byte 0"}, Row{"-", "a value at byte 0"},
           Row{"1e999", "a number of a size that computers know at byte 5"}, Row{"NaN", "a value at byte 0"},
           Row{"{\"a\":1,\"a\":2}", "each name once at byte 7"}, Row{"{\"a\":{\"a\":1},\"b\":2,\"a\":2}", "each name once at byte 19"}, Row{"{} {}", "nothing behind the value at byte 3"},
           Row{"\xef\xbb\xbf{}", "a value at byte 0"}, Row{"{}\0"sv, "nothing behind the value at byte 2"}}) {
    CAPTURE(row.json);
    const Result<JsonValue> value = parse_json(row.json);
    REQUIRE_FALSE(value);
    CHECK(value.error().message.ends_with("expected " + std::string(row.expected)));
  }
}

TEST_CASE("an object of many names costs as much for each as one of few") {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text.append(i == 0 ? "" : ",").append("\"k" + std::to_string(i) + "\":1");
  const std::clock_t begun = std::clock();
  const Result<JsonValue> value = parse_json(text + "}");
  REQUIRE(value.has_value());
  CHECK(value->object()->size() == 100'000);
  CHECK((std::clock() - begun) / CLOCKS_PER_SEC < 6);      // of processor time: 0.1 s, and 12 where each was compared with all before it
}

TEST_CASE("more values than anybody sends are refused: they take more room than their text") {
  std::string text = "[0";
  for (std::size_t i = 2; i < kJsonValuesMax; ++i) text.append(",0");
  CHECK(parse_json(text + "]"));
  CHECK_FALSE(parse_json(text + ",0]"));
}

TEST_CASE("a nest deeper than the limit is refused, and one at the limit is read") {
  const auto nest = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(parse_json(nest(kJsonDepthMax)));
  CHECK_FALSE(parse_json(nest(kJsonDepthMax + 1)));
  CHECK_FALSE(parse_json(std::string(1'000'000, '[')));
}

TEST_CASE("any cut of a valid text is refused") {
  const std::string text = R"({"urls":["http://shop/a\u00e9","x"],"soft":true,"n":-1.5e3})";
  REQUIRE(parse_json(text));
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(parse_json(text.substr(0, size)));
  }
}

TEST_CASE("what is written is read again") {
  JsonWriter json;
  json.object().member("position", 7).member("soft", false).member("text", "a\"\n\xff");
  json.array("list").value(1).value("two").null().object().end().end();
  json.object("nested").key("nothing").null().end().end();
  const std::string text = json.take();
  CHECK(text == "{\"position\":7,\"soft\":false,\"text\":\"a\\\"\\n\xef\xbf\xbd\",\"list\":[1,\"two\",null,{}],"
                "\"nested\":{\"nothing\":null}}\n");
  CHECK(parse_json(text));
}
