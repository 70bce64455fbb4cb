// tests/config/loading.h: texts into configurations, and their problems as the lines that an operator reads.
#pragma once
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace davenport::config::testing {

constexpr std::string_view kFile = "davenport.toml";
// What every file needs; the rest of a test's text follows it.
constexpr std::string_view kBase = "listen = [\"127.0.0.1:8080\"]\norigin.shop.servers = [\"127.0.0.1:3000\"]\n";

inline std::vector<std::string> problems_of(std::string_view text) {
  const auto loaded = load(text, kFile);
  std::vector<std::string> lines;
  if (!loaded) {
    for (const Problem& problem : loaded.error()) lines.push_back(to_text(problem, kFile));
  }
  return lines;
}

inline ConfigPtr must_load(std::string_view text) {
  CAPTURE(text);
  const auto loaded = load(text, kFile);
  if (loaded) return *loaded;
  for (const std::string& line : problems_of(text)) MESSAGE(line);
  REQUIRE(loaded.has_value());
  return nullptr;
}

inline ConfigPtr with_base(std::string_view text) { return must_load(std::string(kBase) + std::string(text)); }

// The cache rules of the one route that a file without routes gets.
inline CacheRules rules_with(std::string_view text) { return with_base(text)->routes.at(0).cache; }

inline bool mentions(const std::vector<std::string>& lines, std::string_view part) {
  for (const std::string& line : lines) {
    if (line.find(part) != line.npos) return true;
  }
  return false;
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace davenport::config::testing
