// tests/support/splits.h: bytes that arrive in pieces. A parser must say the same however they were cut: every parser test
// goes through check_splits(), which runs it whole, byte by byte and cut in two at every place.
//     check_splits(bytes, [&](Arrival arrival) { while (arrival.next()) parse(arrival.bytes()); … return outcome; });
// Each piece is handed over in a new buffer of exactly its size and the old one is overwritten, so that a view into it,
// or a look behind the end, shows (under ASan, always).
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::test {

class Arrival {
 public:
  // `ends`: where the pieces end, rising.
  Arrival(std::string_view all, std::vector<std::size_t> ends) : all_(all), ends_(std::move(ends)) {}

  // One more piece is there; false when none is left.
  bool next() {
    if (piece_ == ends_.size()) return false;
    size_ = ends_[piece_++];
    move_to_new_buffer();
    return true;
  }
  std::string_view bytes() const { return {buffer_.get(), size_ - dropped_}; }    // all that came and was not dropped
  void drop(std::size_t count) {                                                 // what was consumed
    dropped_ += count;
    move_to_new_buffer();
  }

 private:
  void move_to_new_buffer() {
    const std::string_view wanted = all_.substr(dropped_, size_ - dropped_);
    auto buffer = std::make_unique<char[]>(wanted.size());
    std::copy(wanted.begin(), wanted.end(), buffer.get());
    if (buffer_) std::memset(buffer_.get(), '!', buffer_bytes_);
    buffer_ = std::move(buffer);
    buffer_bytes_ = wanted.size();
  }

  std::string_view all_;
  std::vector<std::size_t> ends_;
  std::unique_ptr<char[]> buffer_;
  std::size_t buffer_bytes_ = 0;
  std::size_t piece_ = 0;
  std::size_t size_ = 0;
  std::size_t dropped_ = 0;
};

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
