// core/base/log.h: what the operator reads on standard error: one line an event, levels, no secrets.
//     log_warning("origin shop: server 10.0.0.1:80 is down: {}", error);
// Thread  any; a line is written whole. Not for requests: those are the access log's.
#pragma once
#include <fmt/format.h>

#include <string_view>

#include "core/base/log_level.h"

namespace davenport {

void set_log_level(LogLevel level);
void write_log(LogLevel level, std::string_view message);
bool log_enabled(LogLevel level);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::debug)) write_log(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::info)) write_log(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::warning)) write_log(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::error)) write_log(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace davenport
