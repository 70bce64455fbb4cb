#include "docker/demo/options.h"

#include <fmt/format.h>

#include "docker/demo/text.h"

namespace demo {
namespace {

// False: the value makes no sense for this option, or there is no such option.
bool apply(Options& options, std::string_view name, std::string_view value) {
  if (name == "--listen") {
    const std::size_t colon = value.rfind(':');
    if (colon == std::string_view::npos) return false;
    const auto port = parse_number(value.substr(colon + 1), 0, 65'535);
    std::string_view host = value.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (!port || host.empty()) return false;
    options.address = host;
    options.port = static_cast<std::uint16_t>(*port);
    return true;
  }
  if (name == "--db-delay") {
    const auto delay = parse_duration(value);
    if (delay) options.db_delay = *delay;
    return delay.has_value();
  }
  if (name == "--purge") {
    options.purge = parse_purge_url(value);
    return options.purge.has_value();
  }
  if (name == "--find-port") {
    options.find_port = static_cast<std::uint16_t>(parse_number(value, 1, 65'535).value_or(0));
    return options.find_port != 0;
  }
  if (name == "--threads") {
    const auto threads = parse_number(value, 1, 256);
    if (threads) options.threads = *threads;
    return threads.has_value();
  }
  std::size_t* const number = name == "--db-limit"          ? &options.db_limit
                              : name == "--db-queue"        ? &options.db_queue
                              : name == "--max-connections" ? &options.max_connections
                                                            : nullptr;
  const auto parsed = parse_number(value, name == "--db-queue" ? 0 : 1, 1'000'000);
  if (number == nullptr || !parsed) return false;
  *number = static_cast<std::size_t>(*parsed);
  return true;
}

}  // namespace

const std::string_view kHelp = R"(davenport_demo_shop: a small web shop with a slow database, to be cached.

  --listen ADDRESS:PORT    127.0.0.1:8081; port 0 takes a free one, which is printed
  --threads N              2
  --db-delay TIME          50ms; what one query costs (us, ms, s). A product page makes three
  --db-limit N             20 queries at once; the others wait in line
  --db-queue N             1000 requests in line; 503 above
  --max-connections N      4096; 503 above
  --purge URL              tell a cache when a price changes: http://127.0.0.1:9090/purge
  --find-port PORT         print the first port from PORT on that can be listened at, and end
  --help

It has no passwords: anyone who reaches it may change prices at /admin/product/<id>. Keep it on loopback.
)";

std::variant<Options, std::string> parse_options(const std::vector<std::string_view>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      options.help = true;
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    std::string_view value;
    if (equals != std::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return fmt::format("{} is unknown or lacks its value; see --help", name);
    }
    if (!apply(options, name, value)) return fmt::format("{} {} is not understood; see --help", name, value);
  }
  return options;
}

std::optional<std::chrono::microseconds> parse_duration(std::string_view text) {
  const std::size_t unit_at = text.find_first_not_of("0123456789");
  const std::string_view unit = unit_at == std::string_view::npos ? "" : text.substr(unit_at);
  const auto number = parse_number(text.substr(0, unit_at), 0, 60'000'000);
  if (!number) return std::nullopt;
  std::int64_t factor = 0;
  if (unit == "us") factor = 1;
  if (unit == "ms") factor = 1000;
  if (unit == "s") factor = 1'000'000;
  if (factor == 0 && (*number != 0 || !unit.empty())) return std::nullopt;
  const std::chrono::microseconds duration{*number * factor};
  if (duration > std::chrono::minutes{1}) return std::nullopt;
  return duration;
}

}  // namespace demo
