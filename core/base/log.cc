#include "core/base/log.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "core/base/clock.h"

namespace davenport {
namespace {

std::atomic<LogLevel> threshold{LogLevel::info};

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "";
}

}  // namespace

void set_log_level(LogLevel level) { threshold.store(level, std::memory_order_relaxed); }
bool log_enabled(LogLevel level) { return level >= threshold.load(std::memory_order_relaxed); }

void write_log(LogLevel level, std::string_view message) {
  const auto now = fmt::gmtime(std::chrono::system_clock::to_time_t(read_wall_clock()));
  std::string line = fmt::format("{:%Y-%m-%dT%H:%M:%SZ} {:<7} {}\n", now, name_of(level), message);
  // A control byte in a message (it may quote a peer) must not forge a line.
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    if (static_cast<unsigned char>(line[i]) < 0x20 || line[i] == 0x7f) line[i] = '?';
  }
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (n <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace davenport
