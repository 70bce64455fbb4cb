#include "support/cache_status.h"

#include <cstdlib>
#include <ctime>
#include <vector>

namespace davenport::testing {
namespace {

// Splits outside of quoted strings and trims spaces.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts{""};
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == '\\' && quoted && i + 1 < text.size()) parts.back() += text[i++];
    if (text[i] == separator && !quoted) {
      parts.emplace_back();
    } else if (text[i] != ' ' || quoted) {
      parts.back() += text[i];
    }
  }
  return parts;
}

std::string unquoted(const std::string& text) {
  return text.size() >= 2 && text.front() == '"' ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

std::string CacheStatus::get(const std::string& parameter) const {
  const auto found = parameters.find(parameter);
  return found == parameters.end() ? "" : found->second;
}

long CacheStatus::number(const std::string& parameter) const { return std::atol(get(parameter).c_str()); }

CacheStatus parse_status(const std::string& field) {
  const std::vector<std::string> parts = split(split(field, ',').back(), ';');
  CacheStatus status{unquoted(parts[0]), {}};
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    status.parameters[parts[i].substr(0, equals)] =
        equals == std::string::npos ? "?1" : unquoted(parts[i].substr(equals + 1));
  }
  return status;
}

CacheStatus cache_status(const RawResponse& response) { return parse_status(response.fields.combined("cache-status")); }
CacheStatus proxy_status(const RawResponse& response) { return parse_status(response.fields.combined("proxy-status")); }

std::string http_date(std::chrono::seconds offset) {
  const std::time_t time = std::time(nullptr) + static_cast<std::time_t>(offset.count());
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[40];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

}  // namespace davenport::testing
