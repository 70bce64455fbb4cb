#include "config/units.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <optional>
#include <span>

#include "core/base/text.h"

namespace davenport::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// The first name of a factor is the one that is printed; greater factors stand first.
constexpr Unit kSizes[] = {
    {"TiB", 1ull << 40}, {"TB", 1'000'000'000'000}, {"GiB", 1ull << 30}, {"GB", 1'000'000'000},
    {"MiB", 1ull << 20}, {"MB", 1'000'000},         {"KiB", 1ull << 10}, {"kB", 1'000},
    {"B", 1},            {"", 1},
};
constexpr Unit kDurations[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"", 1'000}, {"ms", 1},
};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units, std::uint64_t highest) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view name = trim_ows(text.substr(static_cast<std::size_t>(end - text.data())));
  for (const Unit& unit : units) {
    if (!iequals(name, unit.name)) continue;
    if (number > highest / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto bytes = parse(text, kSizes, std::numeric_limits<std::int64_t>::max());
  if (bytes) return *bytes;
  return Error{fmt::format("expected a size such as \"64KiB\", \"256MiB\" or 4096; found \"{}\"", text)};
}

Result<Millis> parse_duration(std::string_view text) {
  const auto millis = parse(text, kDurations, std::numeric_limits<std::int64_t>::max());
  if (millis) return Millis(static_cast<std::int64_t>(*millis));
  return Error{fmt::format("expected a duration such as \"250ms\", \"30s\", \"5m\", \"1h\" or \"7d\"; found \"{}\"",
                           text)};
}

std::string size_text(std::uint64_t bytes) {
  for (const Unit& unit : kSizes) {
    const bool binary = unit.name.size() == 3;
    if (binary && bytes != 0 && bytes % unit.factor == 0) return fmt::format("{}{}", bytes / unit.factor, unit.name);
  }
  return fmt::format("{}", bytes);
}

// Never in a unit that hides how long it is: "90s" and not "1.5m", "24h" as "1d".
std::string duration_text(Millis duration) {
  const auto millis = static_cast<std::uint64_t>(duration.count());
  if (millis == 0) return "0s";
  for (const Unit& unit : kDurations) {
    if (!unit.name.empty() && millis % unit.factor == 0) return fmt::format("{}{}", millis / unit.factor, unit.name);
  }
  return fmt::format("{}ms", millis);
}

}  // namespace davenport::config
