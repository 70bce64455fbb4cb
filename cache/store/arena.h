// cache/store/arena.h: the memory of the store: one mapped region, cut into 4 KiB pages, and nothing outside it.
//     Arena::Run run = arena.allocate_run(16);        // up to 16 pages that lie together, as many as there are
//     void* piece = arena.allocate(872);              // one piece; small ones share a slab of their size
// Why     general allocators grew to twice the budget when object sizes shifted; here used_bytes() counts whole pages,
//         so what is promised is what the process holds. Freed pages join their free neighbours; an empty slab is pages
//         again.
// Shape   pages carry 16 bytes of description each, kept apart from them and charged. Free runs lie in lists by length
//         (1 to 16 exactly, then by powers of two). Slabs: sizes in steps of 16 bytes up to 2 KiB, of 64 up to 4 KiB,
//         in runs of up to 31 pages, as many as waste least, fewer where only fewer lie together.
// Bound   used_bytes() <= capacity_bytes(), charges for memory that lies elsewhere (the index) included.
// Thread  any; one short lock. Errors: no room is an empty run, null or false; the caller evicts and asks again.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace davenport::store {

class Arena {
 public:
  static constexpr std::size_t kPageBytes = 4096;
  static constexpr std::size_t kGranuleBytes = 16;      // every piece begins at a multiple of it
  static constexpr std::size_t kSmallBytes = 4096;      // above it a piece is a run of pages
  static constexpr std::uint32_t kRunPages = 16;        // 64 KiB: what a large body is cut into
  // References between pieces are 32-bit counts of granules.
  static constexpr std::uint64_t kMaxCapacityBytes = std::uint64_t{kGranuleBytes} << 32;

  struct Run {
    std::uint32_t page = 0, pages = 0;
    explicit operator bool() const { return pages != 0; }
  };

  // Throws std::bad_alloc where the address space is not to be had. Larger capacities than kMaxCapacityBytes are cut.
  explicit Arena(std::uint64_t capacity_bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // One to `pages` pages that lie together; an empty run where no page is free.
  Run allocate_run(std::uint32_t pages);
  // Also a part of a run: what is kept and what is given back are runs from then on.
  void free_run(Run run);

  void* allocate(std::size_t bytes);              // aligned to kGranuleBytes; null: no room
  void free(void* piece, std::size_t bytes);      // with the bytes that were asked for
  static std::size_t held_bytes(std::size_t bytes);   // what allocate(bytes) takes: the slab's step, or whole pages

  // Counts memory that lies elsewhere but belongs to the same budget. False: no room for it.
  bool charge(std::uint64_t bytes);
  void uncharge(std::uint64_t bytes);

  // Gives the memory of free runs of at least `pages` back to the system; returns the bytes. Off the workers: it makes
  // system calls, though none under the lock.
  std::uint64_t trim(std::uint32_t pages = 64);

  char* address(std::uint32_t page) const { return base_ + std::size_t{page} * kPageBytes; }
  std::uint32_t page_of(const void* place) const;
  char* base() const { return base_; }
  std::uint64_t capacity_bytes() const { return std::uint64_t{pages_} * kPageBytes; }
  std::uint64_t used_bytes() const { return used_pages_.load(std::memory_order_relaxed) * kPageBytes; }
  // What slabs hold beyond the pieces in them. It grows when sizes shift: room for sizes that nobody asks for any more.
  std::uint64_t idle_bytes() const { return idle_bytes_.load(std::memory_order_relaxed); }

 private:
  struct PageInfo;
  static constexpr std::size_t kClasses = 161;    // 1 to 128: steps of 16; 129 to 160: steps of 64
  static constexpr std::size_t kBins = 40;
  static constexpr std::uint32_t kMaxSlabPages = 31;
  static constexpr std::uint32_t kTrimPages = 512;    // given back in one system call

  static std::size_t class_of(std::size_t bytes);
  static std::size_t class_bytes(std::size_t index);
  static std::size_t bin_of(std::uint32_t pages);

  // All below need the lock.
  Run take_run(std::uint32_t pages, bool exact);
  Run cut(std::uint32_t page, std::uint32_t wanted);
  std::uint32_t find_run(std::uint32_t pages) const;
  void give_run(Run run, bool trimmed, bool to_trimmed_alone = false);   // joins its free neighbours: all, or those that are trimmed
  void link_free(std::uint32_t page, std::uint32_t pages, bool trimmed);
  void unlink_free(std::uint32_t page);
  void* take_chunk(std::size_t index);
  void give_chunk(char* chunk);
  std::uint32_t make_slab(std::size_t index);
  void link_partial(std::uint32_t page);
  void unlink_partial(std::uint32_t page);
  std::uint32_t room_pages() const;
  void count_used();

  mutable std::mutex mutex_;
  char* base_ = nullptr;
  std::uint32_t pages_ = 0;
  std::uint64_t mapped_bytes_ = 0;
  PageInfo* info_ = nullptr;                      // one for each page, and one behind the last
  std::uint64_t info_bytes_ = 0;
  std::uint32_t taken_pages_ = 0;                 // of the region
  std::uint64_t charged_bytes_ = 0;
  std::atomic<std::uint64_t> used_pages_{0};      // taken and charged, for used_bytes()
  std::atomic<std::uint64_t> idle_bytes_{0};
  std::uint64_t filled_bins_ = 0;                 // a bit for each list that is not empty
  std::array<std::uint32_t, kBins> bins_{};       // first page of the first free run; 0: none
  std::array<std::uint32_t, kClasses> partial_{}; // slabs with a free chunk
};

}  // namespace davenport::store
