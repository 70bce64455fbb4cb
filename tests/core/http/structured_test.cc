#include <doctest/doctest.h>

#include <string>

#include "core/http/structured.h"

namespace davenport::http {
namespace {

struct Describe {
  std::string operator()(std::int64_t v) const { return "int " + std::to_string(v); }
  std::string operator()(const SfDecimal& v) const { return "dec " + std::to_string(v.thousandths); }
  std::string operator()(const std::string& v) const { return "str " + v; }
  std::string operator()(const SfToken& v) const { return "tok " + v.text; }
  std::string operator()(const SfBytes& v) const { return "bin " + v.bytes; }
  std::string operator()(bool v) const { return v ? "true" : "false"; }
  std::string operator()(const SfDate& v) const { return "date " + std::to_string(v.seconds); }
  std::string operator()(const SfDisplay& v) const { return "disp " + v.text; }
  std::string operator()(const SfItem& item) const { return std::visit(*this, item.value) + of(item.parameters); }
  std::string operator()(const SfInner& inner) const {
    std::string out = "(";
    for (const SfItem& item : inner.items) out += "<" + (*this)(item) + ">";
    return out + ")" + of(inner.parameters);
  }
  std::string of(const SfParameters& parameters) const {
    std::string out;
    for (const auto& [key, value] : parameters) out += ";" + key + "=" + std::visit(*this, value);
    return out;
  }
};

std::string item(std::string_view text) {
  const auto parsed = parse_sf_item(text);
  return parsed ? Describe()(*parsed) : "invalid";
}
std::string list(std::string_view text) {
  const auto parsed = parse_sf_list(text);
  if (!parsed) return "invalid";
  std::string out;
  for (const SfMember& member : *parsed) out += "<" + std::visit(Describe(), member) + ">";
  return out;
}
std::string dictionary(std::string_view text) {
  const auto parsed = parse_sf_dictionary(text);
  if (!parsed) return "invalid";
  std::string out;
  for (const auto& [key, member] : *parsed) out += key + ":<" + std::visit(Describe(), member) + ">";
  return out;
}

struct Row { std::string_view text, said; };

TEST_CASE("numbers (RFC 9651 §4.2.4)") {
  for (const Row& row : {
           Row{"0", "int 0"}, Row{"-0", "int 0"}, Row{"42", "int 42"}, Row{"007", "int 7"},
           Row{"-999999999999999", "int -999999999999999"}, Row{"1.5", "dec 1500"}, Row{"-0.125", "dec -125"},
           Row{"123456789012.1", "dec 123456789012100"}, Row{"  1  ", "int 1"}, Row{"1000000000000000", "invalid"},
           Row{"1234567890123.1", "invalid"}, Row{"1.1234", "invalid"}, Row{"1.", "invalid"},
           Row{".5", "invalid"}, Row{"-", "invalid"}, Row{"--1", "invalid"}, Row{"-a", "invalid"}, Row{"+1", "invalid"},
           Row{"1e3", "invalid"}, Row{"1 2", "invalid"}, Row{"1..2", "invalid"}, Row{"\t1", "invalid"},
           Row{"", "invalid"}}) {
    CAPTURE(row.text);
    CHECK(item(row.text) == row.said);
  }
}

TEST_CASE("strings, tokens and booleans (RFC 9651 §4.2.5, §4.2.6, §4.2.8)") {
  for (const Row& row : {
           Row{"\"\"", "str "}, Row{"\"a b\"", "str a b"}, Row{"\"a\\\"b\\\\\"", "str a\"b\\"}, Row{"\"a", "invalid"},
           Row{"\"a\\", "invalid"}, Row{"\"a\\b\"", "invalid"}, Row{"\"\x01\"", "invalid"},
           Row{"\"\x7f\"", "invalid"}, Row{"\"\xc3\xa9\"", "invalid"}, Row{"\"a\"b", "invalid"}, Row{"a", "tok a"},
           Row{"A/b:c*!", "tok A/b:c*!"}, Row{"*a", "tok *a"}, Row{"a(", "invalid"}, Row{"!a", "invalid"},
           Row{"?1", "true"}, Row{"?0", "false"}, Row{"?2", "invalid"}, Row{"?", "invalid"}, Row{"?01", "invalid"}}) {
    CAPTURE(row.text);
    CHECK(item(row.text) == row.said);
  }
}

TEST_CASE("byte sequences, dates and display strings (RFC 9651 §4.2.7, §4.2.9, §4.2.10)") {
  for (const Row& row : {
           Row{"::", "bin "}, Row{":bWlsaw==:", "bin milk"}, Row{":bWlsaw:", "bin milk"}, Row{":bWlsax==:", "bin milk"},
           Row{":bWls:", "bin mil"}, Row{":bWk=:", "bin mi"}, Row{":+/8A:", std::string_view("bin \xfb\xff\0", 7)},
           Row{":bWls", "invalid"}, Row{":bW ls:", "invalid"}, Row{":b:", "invalid"}, Row{":bW=s:", "invalid"},
           Row{":bWls=:", "invalid"}, Row{":=:", "invalid"}, Row{":_-8A:", "invalid"}, Row{":bW=:", "invalid"},
           Row{"@0", "date 0"}, Row{"@-62135596800", "date -62135596800"}, Row{"@1.5", "invalid"}, Row{"@", "invalid"},
           Row{"@a", "invalid"}, Row{"@@1", "invalid"},
           Row{"%\"a b\"", "disp a b"}, Row{"%\"f%c3%bc%25%22\"", "disp f\xc3\xbc%\""}, Row{"%\"%C3%BC\"", "invalid"},
           Row{"%\"%c3\"", "invalid"}, Row{"%\"%ff\"", "invalid"}, Row{"%\"%c0%80\"", "invalid"},
           Row{"%\"%ed%a0%80\"", "invalid"}, Row{"%\"%e0%80%80\"", "invalid"}, Row{"%\"%f0%80%80%80\"", "invalid"},
           Row{"%\"%f4%90%80%80\"", "invalid"}, Row{"%\"%f0%9f%90%84\"", "disp \xf0\x9f\x90\x84"},
           Row{"%\"a", "invalid"},
           Row{"%a", "invalid"}, Row{"%\"%2\"", "invalid"}, Row{"%\"\xc3\xbc\"", "invalid"},
           Row{"%\"\x01\"", "invalid"}, Row{"%\"%e2%82\"", "invalid"}, Row{"%\"%c3%c3\"", "invalid"}}) {
    CAPTURE(row.text);
    CHECK(item(row.text) == row.said);
  }
}

TEST_CASE("parameters follow an item or an inner list, the last of a key in place (RFC 9651 §4.2.3.2)") {
  for (const Row& row : {
           Row{"a;b", "tok a;b=true"}, Row{"a; b=1;  c=\"d\"", "tok a;b=int 1;c=str d"},
           Row{"a;b=1;c;b=2", "tok a;b=int 2;c=true"}, Row{"a;*k_-.1=x", "tok a;*k_-.1=tok x"}, Row{"a ;b", "invalid"},
           Row{"a;B", "invalid"},
           Row{"a;", "invalid"}, Row{"a;b=", "invalid"}, Row{"a;b =1", "invalid"}, Row{"a;b= 1", "invalid"},
           Row{"a;b=(1)", "invalid"}, Row{"a;1", "invalid"}, Row{"a;\tb", "invalid"}}) {
    CAPTURE(row.text);
    CHECK(item(row.text) == row.said);
  }
}

TEST_CASE("lists and inner lists (RFC 9651 §4.2.1)") {
  for (const Row& row : {
           Row{"", ""}, Row{"  ", ""}, Row{"a", "<tok a>"}, Row{"a,b \t,\t c", "<tok a><tok b><tok c>"},
           Row{"(a b);c, (), ( 1  2 )", "<(<tok a><tok b>);c=true><()><(<int 1><int 2>)>"},
           Row{"(a;b c)", "<(<tok a;b=true><tok c>)>"},
           Row{"a,", "invalid"}, Row{",a", "invalid"}, Row{"a,,b", "invalid"}, Row{"a b", "invalid"},
           Row{"(a", "invalid"}, Row{"(", "invalid"}, Row{"(a,b)", "invalid"}, Row{"(a\"b\")", "invalid"},
           Row{"((a))", "invalid"}, Row{"a)", "invalid"}, Row{"(a\tb)", "invalid"},
           Row{"ExampleCache; hit; ttl=30, Edge; fwd=uri-miss; stored",
           "<tok ExampleCache;hit=true;ttl=int 30><tok Edge;fwd=tok uri-miss;stored=true>"}}) {
    CAPTURE(row.text);
    CHECK(list(row.text) == row.said);
  }
}

TEST_CASE("dictionaries (RFC 9651 §4.2.2)") {
  for (const Row& row : {
           Row{"", ""}, Row{"max-age=60, public, stale-if-error=5;x",
           "max-age:<int 60>public:<true>stale-if-error:<int 5;x=true>"}, Row{"a=1,b,a=2", "a:<int 2>b:<true>"},
           Row{"a;x=1", "a:<true;x=int 1>"}, Row{"a=(b c)", "a:<(<tok b><tok c>)>"},
           Row{"a=?0", "a:<false>"}, Row{"max-age =60", "invalid"}, Row{"max-age= 60", "invalid"},
           Row{"Max-Age=60", "invalid"}, Row{"a=1,", "invalid"}, Row{",", "invalid"}, Row{"a=", "invalid"},
           Row{"1=a", "invalid"}, Row{"a=1 b=2", "invalid"},
           Row{"a=1;", "invalid"}, Row{"\"a\"=1", "invalid"}, Row{"a=1\xc3", "invalid"}}) {
    CAPTURE(row.text);
    CHECK(dictionary(row.text) == row.said);
  }
}

TEST_CASE("as many members and parameters as RFC 9651 §3 wants are read, and no more") {
  std::string members = "k0", parameters = "a", items = "1";
  for (int i = 1; i < 1024; ++i) members += ",k" + std::to_string(i), items += ",1";
  for (int i = 0; i < 256; ++i) parameters += ";p" + std::to_string(i);
  CHECK(parse_sf_dictionary(members)->size() == 1024);
  CHECK(!parse_sf_dictionary(members + ",z"));
  CHECK(parse_sf_list(items)->size() == 1024);
  CHECK(!parse_sf_list(items + ",1"));
  CHECK(parse_sf_item(parameters)->parameters.size() == 256);
  CHECK(!parse_sf_item(parameters + ";z"));
}

TEST_CASE("strings and tokens are written so that they are read back (RFC 9651 §4.1.6)") {
  const auto string = [](std::string_view text) {
    std::string out;
    append_sf_string(out, text);
    return out;
  };
  CHECK(string("") == "\"\"");
  CHECK(string("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(string("a\r\nb\xc3\xa9") == "\"a??b??\"");
  CHECK(item(string("a\"b\\c")) == "str a\"b\\c");
  const auto either = [](std::string_view text) {
    std::string out;
    append_sf_token_or_string(out, text);
    return out;
  };
  CHECK(either("uri-miss") == "uri-miss");
  CHECK(either("*a/b:c") == "*a/b:c");
  CHECK(either("1a") == "\"1a\"");
  CHECK(either("a b") == "\"a b\"");
  CHECK(either("") == "\"\"");
}

}  // namespace
}  // namespace davenport::http
