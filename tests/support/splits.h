// tests/support/splits.h: a parser must say the same however its bytes were cut. Every parser test goes through
// check_splits(), which runs it whole, byte by byte and cut in two at every place.
//     check_splits(bytes, [&](Arrival arrival) { while (arrival.next()) parse(arrival.bytes()); … return outcome; });
#pragma once
#include <doctest/doctest.h>

#include <string_view>
#include <vector>

#include "support/arrival.h"

namespace davenport::test {

// All the cuts, the whole first.
template <class Each>
void for_each_cut(std::size_t size, Each each) {
  each(std::vector<std::size_t>{size});
  std::vector<std::size_t> single(size);
  for (std::size_t i = 0; i < size; ++i) single[i] = i + 1;
  each(single);
  for (std::size_t cut = 1; cut < size; ++cut) each(std::vector<std::size_t>{cut, size});
}

// What `run(Arrival)` says of the whole, having checked that it says the same for every cut.
template <class Run>
auto check_splits(std::string_view bytes, Run run) {
  const auto whole = run(Arrival(bytes, {bytes.size()}));
  for_each_cut(bytes.size(), [&](const std::vector<std::size_t>& ends) {
    const auto cut = run(Arrival(bytes, ends));
    if (!(cut == whole)) {
      const std::size_t first_piece = ends.front();
      CAPTURE(bytes);
      CAPTURE(first_piece);
      CHECK(cut == whole);
    }
  });
  return whole;
}

}  // namespace davenport::test
