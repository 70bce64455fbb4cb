#include <doctest/doctest.h>

#include <string>

#include "core/http/uri.h"

namespace davenport::http {
namespace {

TEST_CASE("a host and a port, and nothing else (RFC 3986 §3.2, RFC 9110 §4.2)") {
  struct Row { std::string_view text, host, port; };
  for (const Row& row : {
           Row{"a", "a", ""}, Row{"Shop.Example.", "Shop.Example.", ""}, Row{"a:80", "a", "80"}, Row{"a:", "a", ""},
           Row{"a:0", "a", "0"},
           Row{"a_b-c~d:65535", "a_b-c~d", "65535"}, Row{"192.0.2.1:8080", "192.0.2.1", "8080"},
           Row{"[::1]", "[::1]", ""},
           Row{"[2001:db8::A]:443", "[2001:db8::A]", "443"}, Row{"[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]", ""}}) {
    CAPTURE(row.text);
    const auto parts = parse_host_port(row.text);
    REQUIRE(parts);
    CHECK(parts->host == row.host);
    CHECK(parts->port == row.port);
  }
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv, ":80"sv, " a"sv, "a "sv, "a b"sv, "u@a"sv, "u:p@a"sv, "a/"sv, "a?"sv, "a#"sv, "a:80:80"sv, "a:65536"sv,
        "a:999999"sv, "a:000080"sv, "a:-1"sv, "a:+1"sv,
        "a:8o"sv, "a: 80"sv, "::1"sv, "[::1"sv, "::1]"sv, "[]"sv, "[::1]x"sv, "[::1]:"" "sv, "[a]"sv, "[::1%25eth0]"sv,
            "[v1.a]"sv, "[1.2.3.4]"sv, "[::1\0]"sv, "a\0"sv,
        "a,b"sv, "a%41"sv, "a;b"sv, "caf\xc3\xa9"sv, "a\\b"sv, "[::1::]"sv,
            "[0000000000000000000000000000000000000000000000000000000001]"sv}) {
    CAPTURE(text);
    CHECK(!parse_host_port(text));
  }
}

TEST_CASE("authorities are the same in any case, with the scheme's port or none (RFC 9110 §4.2.3)") {
  const auto same = [](std::string_view a, std::string_view b, std::string_view scheme) {
    return same_authority(*parse_host_port(a), *parse_host_port(b), scheme);
  };
  CHECK(same("A:80", "a", "http"));
  CHECK(same("a:", "a:080", "HTTP"));
  CHECK(same("a:443", "a", "HttpS"));
  CHECK(!same("a:443", "a", "http"));
  CHECK(!same("a:0", "a", "http"));
  CHECK(!same("a", "b", "http"));
  CHECK(!same("a.", "a", "http"));
}

TEST_CASE("absolute http and https URIs are split (RFC 9110 §4.2)") {
  const auto parts = parse_http_uri("HTTPs://a:1/b/c?d?e");
  REQUIRE(parts);
  CHECK(parts->scheme == "HTTPs");
  CHECK(parts->authority == "a:1");
  CHECK(parts->path == "/b/c");
  CHECK(parts->query == "d?e");
  CHECK(parts->has_query);
  CHECK(parse_http_uri("http://a")->path == "");
  CHECK(!parse_http_uri("http://a")->has_query);
  CHECK(parse_http_uri("http://a?")->has_query);
  CHECK(parse_http_uri("http://a?/://")->query == "/://");
  for (const std::string_view text : {"", "http", "http:", "http:/a", "http://", "http:///", "http://?x", "ftp://a",
                                      "//a", "/a", "http://a#f", "http://a/#f", "http://u@a/", "http://a b/",
                                      "http://a/ b", "http://a/\xc3\xa9", "xhttp://a", "http://a/<", "http//a://",
                                          "http://a\\b"}) {
    CAPTURE(text);
    CHECK(!parse_http_uri(text));
  }
}

TEST_CASE("targets hold what RFC 3986 allows and | ^ ` [ ] { }, byte by byte") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const bool refused = std::string_view("\"#<>\\").find(static_cast<char>(byte)) != std::string_view::npos;
    const bool wanted = byte > 0x20 && byte < 0x7f && !refused;
    CHECK(is_target_char(static_cast<unsigned char>(byte)) == wanted);
    if (byte == '?' || byte == '/') continue;
    for (const std::size_t at : {0, 15, 16, 33}) {
      std::string uri = "http://a/" + std::string(34, 'x');
      uri[9 + at] = static_cast<char>(byte);
      CHECK(parse_http_uri(uri).has_value() == wanted);
    }
  }
}

TEST_CASE("equivalent spellings become one (RFC 3986 §6.2.2)") {
  struct Row { std::string_view text, normal; };
  for (const Row& row : {Row{"", ""}, Row{"/a/b", "/a/b"}, Row{"/%61%7e%2D%5f%2e%30", "/a~-_.0"},
                         Row{"/%2f%3a", "/%2F%3A"}, Row{"%c3%A9", "%C3%A9"}, Row{"100%", "100%"},
                         Row{"%4", "%4"}, Row{"%zz%41", "%zzA"}, Row{"%%41", "%A"}, Row{"%25%34%31", "%2541"},
                         Row{"a%00b", "a%00b"}, Row{"%41%", "A%"}, Row{"/A", "/A"}}) {
    CAPTURE(row.text);
    std::string out = "|";
    append_normalized(out, row.text);
    CHECK(out == "|" + std::string(row.normal));
  }
  std::string out;
  append_host(out, "Shop.EXAMPLE.");
  append_host(out, "|.");
  append_host(out, "[2001:DB8::A]");
  CHECK(out == "shop.example|[2001:db8::a]");
}

TEST_CASE("references are resolved as RFC 3986 §5.4 shows") {
  const auto resolve = [](std::string_view reference) {
    return resolve_reference("http", "a", "/b/c/d;p?q", reference).value_or("none");
  };
  struct Row { std::string_view reference, target; };
  for (const Row& row : {
           Row{"g", "http://a/b/c/g"}, Row{"./g", "http://a/b/c/g"}, Row{"g/", "http://a/b/c/g/"},
           Row{"/g", "http://a/g"}, Row{"//g", "http://g/"},
           Row{"?y", "http://a/b/c/d;p?y"}, Row{"g?y", "http://a/b/c/g?y"}, Row{"#s", "http://a/b/c/d;p?q"},
           Row{"g#s", "http://a/b/c/g"}, Row{"g?y#s", "http://a/b/c/g?y"},
           Row{";x", "http://a/b/c/;x"}, Row{"g;x", "http://a/b/c/g;x"}, Row{"", "http://a/b/c/d;p?q"},
           Row{".", "http://a/b/c/"}, Row{"./", "http://a/b/c/"},
           Row{"..", "http://a/b/"}, Row{"../", "http://a/b/"}, Row{"../g", "http://a/b/g"}, Row{"../..", "http://a/"},
           Row{"../../", "http://a/"}, Row{"../../g", "http://a/g"},
           Row{"../../../g", "http://a/g"}, Row{"../../../../g", "http://a/g"}, Row{"/./g", "http://a/g"},
           Row{"/../g", "http://a/g"}, Row{"g.", "http://a/b/c/g."},
           Row{".g", "http://a/b/c/.g"}, Row{"g..", "http://a/b/c/g.."}, Row{"..g", "http://a/b/c/..g"},
           Row{"./../g", "http://a/b/g"}, Row{"./g/.", "http://a/b/c/g/"},
           Row{"g/./h", "http://a/b/c/g/h"}, Row{"g/../h", "http://a/b/c/h"}, Row{"g;x=1/./y", "http://a/b/c/g;x=1/y"},
           Row{"g;x=1/../y", "http://a/b/c/y"},
           Row{"g?y/./x", "http://a/b/c/g?y/./x"}, Row{"g?y/../x", "http://a/b/c/g?y/../x"},
           Row{"HTTPS://G:1/x/../y?z", "https://G:1/y?z"}, Row{"http://g?z", "http://g/?z"},
           Row{"/a//b/../c", "http://a/a//c"}, Row{"/x:y", "http://a/x:y"}, Row{"./x:y", "http://a/b/c/x:y"},
           Row{"?", "http://a/b/c/d;p?"}}) {
    CAPTURE(row.reference);
    CHECK(resolve(row.reference) == row.target);
  }
  for (const std::string_view reference : {"g:h", "http:g", "mailto:a@b", "http://u@g/", "//g:x/", "/a b", "/\xc3\xa9",
                                           "http://", "//", "/a\\b", "?a b"}) {
    CAPTURE(reference);
    CHECK(resolve(reference) == "none");
  }
  CHECK(resolve_reference("HTTP", "a:1", "/", "x") == "http://a:1/x");
  CHECK(resolve_reference("http", "", "/", "x") == std::nullopt);
  CHECK(resolve_reference("http", "", "/", "http://b/x") == "http://b/x");
  CHECK(resolve_reference("http", "a", "", "x") == "http://a/x");
  CHECK(resolve_reference("http", "a", "*", "") == "http://a/*");
}

}  // namespace
}  // namespace davenport::http
