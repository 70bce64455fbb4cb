#include <doctest/doctest.h>

#include <string>

#include "core/http/grammar.h"

namespace davenport::http {
namespace {

constexpr WallSeconds kNow{Seconds(1718000000)};          // 2024-06-10 06:13:20
constexpr WallSeconds kExample{Seconds(784111777)};       // the RFC's own: 1994-11-06 08:49:37

TEST_CASE("the three forms of a date are read, names in any case (RFC 9110 §5.6.7)") {
  for (const std::string_view text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                      "Sun Nov  6 08:49:37 1994",
                                      "sun, 06 nov 1994 08:49:37 gmt", "SUNDAY, 06-NOV-94 08:49:37 GMT",
                                          "sUN nOV  6 08:49:37 1994",
                                      "Sun Nov 06 08:49:37 1994"}) {
    CAPTURE(text);
    CHECK(parse_http_date(text, kNow) == kExample);
  }
  CHECK(parse_http_date("Wednesday, 09-Nov-94 08:49:37 GMT", kNow) == kExample + std::chrono::days(3));
}

TEST_CASE("anything else is no date") {
  for (const std::string_view text :
       {"", "0", "-1", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 EST",
        "Sun, 06 Nov 1994 08:49:37 +0000", "Sun, 06 Nov 1994 08:49:37",
        "Sun 06 Nov 1994 08:49:37 GMT", "Sun,  06 Nov 1994 08:49:37 GMT", "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 2023 08:49:37 GMT", "Sun, 06 Nox 1994 08:49:37 GMT",
            "Sux, 06 Nov 1994 08:49:37 GMT",
        " Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994 08:49:37 GMTx",
            "Sun, 06 Nov 1994 08:49:37  GMT",
        "Sun, 06 Nov 19x4 08:49:37 GMT", "Sunday, 06 Nov 1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT",
            "Sunday 06-Nov-94 08:49:37 GMT",
        "Sunday, 6-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37", "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 1994 GMT", "Sun Nov  6 08:49:37 94",
        "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK(!parse_http_date(text, kNow));
  }
  CHECK(parse_http_date("Thu, 29 Feb 2024 08:49:37 GMT", kNow));
  CHECK(parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", kNow) == parse_http_date("Sun, 01 Jan 2017 00:00:00 GMT",
      kNow));
}

TEST_CASE("a two-digit year more than 50 years ahead is in the past (RFC 9110 §5.6.7)") {
  struct Row { std::string_view rfc850, fixdate; };
  for (const Row& row : {
           Row{"Monday, 10-Jun-24 00:00:00 GMT", "Mon, 10 Jun 2024 00:00:00 GMT"},
           Row{"Monday, 01-Jan-73 00:00:00 GMT", "Sun, 01 Jan 2073 00:00:00 GMT"},
           Row{"Monday, 01-Jan-74 00:00:00 GMT", "Mon, 01 Jan 2074 00:00:00 GMT"},
           Row{"Monday, 10-Jun-74 06:13:20 GMT", "Sun, 10 Jun 2074 06:13:20 GMT"},
           Row{"Monday, 10-Jun-74 06:13:21 GMT", "Mon, 10 Jun 1974 06:13:21 GMT"},
           Row{"Monday, 01-Jan-75 00:00:00 GMT", "Wed, 01 Jan 1975 00:00:00 GMT"},
           Row{"Monday, 01-Jan-99 00:00:00 GMT", "Fri, 01 Jan 1999 00:00:00 GMT"},
           Row{"Monday, 01-Jan-00 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"}}) {
    CAPTURE(row.rfc850);
    REQUIRE(parse_http_date(row.rfc850, kNow));
    CHECK(http_date(*parse_http_date(row.rfc850, kNow)) == row.fixdate);
  }
  // Seen from 1999, 49 is the year 2049 and 50 is 1950.
  const WallSeconds in_1999 = *parse_http_date("Thu, 01 Jul 1999 00:00:00 GMT", kNow);
  CHECK(http_date(*parse_http_date("Thursday, 01-Jan-49 00:00:00 GMT", in_1999)).find("2049") != std::string::npos);
  CHECK(http_date(*parse_http_date("Thursday, 01-Jan-50 00:00:00 GMT", in_1999)).find("1950") != std::string::npos);
}

TEST_CASE("dates are written as IMF-fixdate of 29 bytes and read back, also beyond 2038 and before 1970") {
  CHECK(http_date(kExample) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(http_date(WallSeconds(Seconds(0))) == "Thu, 01 Jan 1970 00:00:00 GMT");
  for (const std::int64_t seconds : {-1LL, -62167219200LL, 2147483648LL, 4102444800LL, 253402300799LL, 951782399LL,
                                     951782400LL}) {
    CAPTURE(seconds);
    const WallSeconds time{Seconds(seconds)};
    CHECK(http_date(time).size() == 29);
    CHECK(parse_http_date(http_date(time), kNow) == time);
  }
  CHECK(http_date(WallSeconds(Seconds(253402300800LL))) == "Fri, 31 Dec 9999 23:59:59 GMT");
  CHECK(http_date(WallSeconds(Seconds(-62167219201LL))) == "Sat, 01 Jan 0000 00:00:00 GMT");
  std::string out = "Date: ";
  append_http_date(out, kExample);
  CHECK(out == "Date: Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace davenport::http
