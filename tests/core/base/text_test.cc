#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "core/base/text.h"

namespace davenport {
namespace {

TEST_CASE("letters are compared in any case, other bytes exactly") {
  CHECK(iequals("", ""));
  CHECK(iequals("Content-Length", "cONTENT-lENGTH"));
  CHECK(!iequals("a", "ab"));
  CHECK(!iequals("a", "b"));
  // Pairs that differ in the bit that tells cases apart, but are no letters.
  for (const auto& [a, b] : {std::pair{"@", "`"}, std::pair{"[", "{"}, std::pair{"^", "~"}, std::pair{"\x0d", "-"},
                             std::pair{"\xc4", "\xe4"}}) {
    CAPTURE(a);
    CHECK(!iequals(a, b));
  }
}

TEST_CASE("optional white space is SP and HTAB (RFC 9110 §5.6.3)") {
  CHECK(trim_ows(" \ta b\t ") == "a b");
  CHECK(trim_ows("\r\na\v") == "\r\na\v");
  CHECK(trim_ows(" \t ") == "");
  CHECK(trim_ows("") == "");
}

TEST_CASE("numbers are appended in decimal, the extremes too") {
  std::string out = "n=";
  append_number(out, 0);
  append_number(out, std::numeric_limits<std::int64_t>::min());
  append_number(out, std::numeric_limits<std::uint64_t>::max());
  CHECK(out == "n=0-922337203685477580818446744073709551615");
}

TEST_CASE("lower touches ASCII letters alone") {
  CHECK(lower("AZ[@`az09\xc3\x84") == "az[@`az09\xc3\x84");
}

}  // namespace
}  // namespace davenport
