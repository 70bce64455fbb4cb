#include "config/problem.h"

#include <fmt/format.h>

#include <algorithm>

namespace davenport::config {

std::string to_text(const Problem& problem, std::string_view file_name) {
  std::string text(file_name);
  if (problem.line != 0) text += fmt::format(":{}:{}", problem.line, problem.column);
  text += ": ";
  if (!problem.setting.empty()) text += problem.setting + ": ";
  text += problem.message;
  if (!problem.suggestion.empty()) text += fmt::format("; did you mean \"{}\"?", problem.suggestion);
  std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

}  // namespace davenport::config
