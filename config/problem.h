// config/problem.h: what is wrong with a configuration, where, and what to do about it.
//     davenport.toml:12:3: route[0].cache.tttl: unknown setting; did you mean "ttl"?
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::config {

// Where something stands in the file, from 1; line 0: nowhere in particular (the file as a whole).
struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

struct Problem {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string setting;      // "route[0].cache.ttl"; "" where it is not about one
  std::string message;      // what was expected, and what was found
  std::string suggestion;   // the right spelling of a misspelt key or value; "" for none
};
using Problems = std::vector<Problem>;

std::string to_text(const Problem& problem, std::string_view file_name);   // one line, without its end

}  // namespace davenport::config
