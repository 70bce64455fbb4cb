// tests/support/arrival.h: bytes that arrive in pieces. Each piece is handed over in a new buffer of exactly its size
// and the old one is overwritten, so that a view into it, or a look behind the end, shows (under ASan, always).
//     Arrival arrival(bytes, {3, bytes.size()});
//     while (arrival.next()) parse(arrival.bytes());       // all that came, from the same start
// No test framework in here: the fuzz targets use it too.
#pragma once
#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
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

}  // namespace davenport::test
