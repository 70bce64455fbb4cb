#include "config/context.h"

#include <numeric>

namespace davenport::config {
namespace {

// Optimal string alignment: insertions, deletions, substitutions, and swaps of neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({substituted, last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates, std::size_t farthest) {
  constexpr std::size_t kWordMax = 64;   // nothing longer is a misspelt setting, and the cost is a product
  if (word.size() > kWordMax) return "";
  std::string best;
  std::size_t best_distance = farthest + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t d = distance(word, candidate);
    if (d >= best_distance || d >= candidate.size()) continue;
    best = candidate;
    best_distance = d;
  }
  return best;
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  return nearest(word, candidates, word.size() / 3 + 1);
}

}  // namespace davenport::config
