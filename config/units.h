// config/units.h: sizes and durations as operators write them.
//     parse_size("256MiB"), parse_size("1GB"), parse_size("4096");   parse_duration("1h"), parse_duration("250ms")
// Units   KiB, MiB, GiB, TiB are powers of 1024; kB (KB), MB, GB, TB of 1000; a bare number is bytes, or seconds.
//         Letters count in any case, since nobody means millibytes. No fractions, no signs, no overflow.
// Thread  any; pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace davenport::config {

Result<std::uint64_t> parse_size(std::string_view text);
Result<Millis> parse_duration(std::string_view text);

// The shortest exact spelling: "256MiB", "1000", "90s", "1h". Reading it gives the same value.
std::string size_text(std::uint64_t bytes);
std::string duration_text(Millis duration);

}  // namespace davenport::config
