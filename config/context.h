// config/context.h: what one reading of a file has gathered: mistakes, warnings, and which settings were written where.
#pragma once
#include <algorithm>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/problem.h"

namespace davenport::config {

struct Context {
  std::filesystem::path directory;        // of the file: `token_file` may be relative to it
  Problems problems;
  Problems warnings;
  std::map<std::string, Place> written;   // setting → where its key stood

  void error(Place place, std::string setting, std::string message, std::string suggestion = "") {
    problems.push_back({place.line, place.column, std::move(setting), std::move(message), std::move(suggestion)});
  }
  void warn(Place place, std::string setting, std::string message) {
    warnings.push_back({place.line, place.column, std::move(setting), std::move(message), ""});
  }
  bool wrote(const std::string& setting) const { return written.contains(setting); }

  // The place of a setting, or of the nearest written one around it.
  Place place_of(std::string setting) const {
    while (true) {
      if (const auto at = written.find(setting); at != written.end()) return at->second;
      const auto cut = setting.find_last_of(".[");
      if (cut == setting.npos) return {};
      setting.resize(cut);
    }
  }
};

// The nearest of `candidates` by edit distance (swapped neighbours count once); "" where none is as near as `farthest`,
// or as a third of the word's length and one more.
std::string nearest(std::string_view word, std::span<const std::string> candidates, std::size_t farthest);
std::string nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace davenport::config
