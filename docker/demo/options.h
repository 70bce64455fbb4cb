// docker/demo/options.h: the command line of the shop. PURE.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "docker/demo/purge.h"

namespace demo {

struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8081;                       // 0: a free one
  int threads = 2;
  std::chrono::microseconds db_delay{50'000};      // of one query
  std::size_t db_limit = 20;                       // queries at once
  std::size_t db_queue = 1000;                     // requests that wait for their first; 503 above
  std::size_t max_connections = 4096;
  std::optional<PurgeTarget> purge;                // where a changed price is reported
  std::uint16_t find_port = 0;                     // not 0: print the first free port from here on, and end
  bool help = false;
};

extern const std::string_view kHelp;

// The options, or a sentence that says what is wrong. Both "--name value" and "--name=value" are understood.
std::variant<Options, std::string> parse_options(const std::vector<std::string_view>& arguments);

// "50ms", "1s", "250us", "0"; at most a minute.
std::optional<std::chrono::microseconds> parse_duration(std::string_view text);

}  // namespace demo
