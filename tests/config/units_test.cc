#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "config/units.h"

using namespace davenport;
using namespace davenport::config;
using namespace std::chrono_literals;

TEST_CASE("sizes are numbers of bytes, with units of 1024 or 1000") {
  struct Row { std::string_view text; std::uint64_t bytes; };
  for (const Row& row : {Row{"0", 0}, Row{"4096", 4096}, Row{"1B", 1}, Row{"64KiB", 65536}, Row{"256MiB", 268435456},
                         Row{"1GB", 1000000000}, Row{"1GiB", 1073741824}, Row{"2TiB", 2199023255552}, Row{"5kB", 5000},
                         Row{"5KB", 5000}, Row{"5kib", 5120}, Row{"3 MB", 3000000}, Row{"1TB", 1000000000000},
                         Row{"9223372036854775807", 9223372036854775807ull}}) {
    CAPTURE(row.text);
    const auto size = parse_size(row.text);
    REQUIRE(size.has_value());
    CHECK(*size == row.bytes);
  }
}

TEST_CASE("what is not a size is refused, overflow included") {
  for (const std::string_view text : {"", "KiB", "-1", "+1", "1.5MiB", "1M", "1Mi", "0x10", " 1", "1e3", "1 2", "1KiBs",
                           "9223372036854775808", "18446744073709551616", "8388608TiB"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text).has_value());
  }
}

TEST_CASE("durations are seconds, or have a unit") {
  struct Row { std::string_view text; Millis duration; };
  for (const Row& row : {Row{"0", 0ms}, Row{"30", 30s}, Row{"30s", 30s}, Row{"250ms", 250ms}, Row{"5m", 5min},
                         Row{"1h", 1h}, Row{"7d", 168h}, Row{"0s", 0ms}, Row{"2 h", 2h}, Row{"1S", 1s}}) {
    CAPTURE(row.text);
    const auto duration = parse_duration(row.text);
    REQUIRE(duration.has_value());
    CHECK(*duration == row.duration);
  }
}

TEST_CASE("what is not a duration is refused, overflow included") {
  for (const std::string_view text : {"", "s", "-1s", "1.5h", "1h30m", "1w", "1us", "1min", "106751991168d", "9223372036854775807"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text).has_value());
  }
}

TEST_CASE("sizes and durations are printed in their shortest exact spelling") {
  CHECK(size_text(0) == "0");
  CHECK(size_text(1) == "1");
  CHECK(size_text(1000) == "1000");
  CHECK(size_text(1025) == "1025");
  CHECK(size_text(32768) == "32KiB");
  CHECK(size_text(256ull << 20) == "256MiB");
  CHECK(size_text(1ull << 40) == "1TiB");
  CHECK(duration_text(0ms) == "0s");
  CHECK(duration_text(1ms) == "1ms");
  CHECK(duration_text(1500ms) == "1500ms");
  CHECK(duration_text(90s) == "90s");
  CHECK(duration_text(60s) == "1m");
  CHECK(duration_text(48h) == "2d");
}

TEST_CASE("what is printed reads the same again") {
  std::uint64_t number = 1;
  for (int i = 0; i < 2000; ++i) {
    number = number * 6364136223846793005ull + 1442695040888963407ull;
    const std::uint64_t bytes = (number >> 1) & ~((1ull << (number % 50)) - 1);
    CAPTURE(bytes);
    CHECK(*parse_size(size_text(bytes)) == bytes);
    const Millis duration(static_cast<std::int64_t>((number >> 20) / 1000 * 1000));
    CHECK(*parse_duration(duration_text(duration)) == duration);
  }
}
