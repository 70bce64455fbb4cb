// proxy/observe/record_ring.h: records of different sizes from one writer to one reader, in a ring of bytes. No lock and no
// locked instruction; each side reads the other's position only when its own copy of it does not suffice.
//     if (std::byte* room = ring.begin_write(size)) { … fill it …; ring.end_write(); }
//     while (std::span<const std::byte> record = ring.front(); !record.empty()) { … ; ring.pop(); }
// Shape   each record stands in one piece behind a word with its size, both multiples of 8; where the end of the ring is
//         too near, a word of kSkip sends the reader to the start.
// Thread  begin_write, end_write: one thread's. front, pop: one other's.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace davenport::observe {

class RecordRing {
 public:
  explicit RecordRing(std::size_t capacity_bytes)      // a power of two
      : capacity_(capacity_bytes), bytes_(std::make_unique<std::byte[]>(capacity_bytes)) {}

  // Room for one record, or null where the ring is full.
  std::byte* begin_write(std::size_t size_bytes) {
    const std::size_t needed = kWord + rounded(size_bytes);
    const std::size_t offset = write_ & (capacity_ - 1);
    const std::size_t to_end = capacity_ - offset;
    const std::size_t skipped = needed <= to_end ? 0 : to_end;
    if (!has_room(skipped + needed)) return nullptr;
    if (skipped != 0) put_word(offset, kSkip);
    const std::size_t at = skipped == 0 ? offset : 0;
    put_word(at, size_bytes);
    next_write_ = write_ + skipped + needed;
    return bytes_.get() + at + kWord;
  }
  void end_write() {
    write_ = next_write_;
    written_.store(write_, std::memory_order_release);
  }

  // The oldest record, or empty.
  std::span<const std::byte> front() {
    for (;;) {
      if (read_ == known_written_) {
        known_written_ = written_.load(std::memory_order_acquire);
        if (read_ == known_written_) return {};
      }
      const std::size_t offset = read_ & (capacity_ - 1);
      const std::uint64_t size = word(offset);
      if (size != kSkip) return {bytes_.get() + offset + kWord, static_cast<std::size_t>(size)};
      read_ += capacity_ - offset;
      released_.store(read_, std::memory_order_release);
    }
  }
  void pop() {
    read_ += kWord + rounded(static_cast<std::size_t>(word(read_ & (capacity_ - 1))));
    released_.store(read_, std::memory_order_release);
  }

 private:
  static constexpr std::size_t kWord = sizeof(std::uint64_t);
  static constexpr std::uint64_t kSkip = ~std::uint64_t{0};
  static constexpr std::size_t rounded(std::size_t size) { return (size + kWord - 1) & ~(kWord - 1); }

  bool has_room(std::size_t needed) {
    if (capacity_ - (write_ - known_released_) >= needed) return true;
    known_released_ = released_.load(std::memory_order_acquire);
    return capacity_ - (write_ - known_released_) >= needed;
  }
  void put_word(std::size_t offset, std::uint64_t value) { std::memcpy(bytes_.get() + offset, &value, kWord); }
  std::uint64_t word(std::size_t offset) const {
    std::uint64_t value;
    std::memcpy(&value, bytes_.get() + offset, kWord);
    return value;
  }

  const std::size_t capacity_;
  const std::unique_ptr<std::byte[]> bytes_;
  // The writer's.
  alignas(64) std::uint64_t write_ = 0;
  std::uint64_t next_write_ = 0, known_released_ = 0;
  std::atomic<std::uint64_t> written_{0};
  // The reader's.
  alignas(64) std::uint64_t read_ = 0;
  std::uint64_t known_written_ = 0;
  std::atomic<std::uint64_t> released_{0};
};

}  // namespace davenport::observe
