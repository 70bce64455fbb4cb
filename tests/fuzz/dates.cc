// Dates in their three forms: what is read is written as a date of 29 bytes that is read as the same time.
#include "core/http/grammar.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
  fuzz::Input input(data, size);
  // A now between 1970 and about 2500, so that two-digit years are tried from everywhere.
  const std::int64_t year_days = input.choice() * 730 + input.choice() * 2;
  const WallSeconds now{std::chrono::hours(24 * year_days)};
  const auto time = http::parse_http_date(input.rest(), now);
  if (!time) return 0;
  const std::string written = http::http_date(*time);
  fuzz::require(written.size() == 29, "a date has 29 bytes");
  // A leap second at the end of year 9999 is the one time that has no date.
  if (*time >= WallSeconds(Seconds(253402300800))) return 0;
  fuzz::require(http::parse_http_date(written, now) == time, "a date is read as it was written");
  const bool short_year = input.rest().find('-') != std::string_view::npos;
  fuzz::require(!short_year || *time <= now + std::chrono::hours(24 * 366 * 51),
                "a short year is at most 50 years ahead");
  return 0;
}
