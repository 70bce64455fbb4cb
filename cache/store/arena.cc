#include "cache/store/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <new>

// Freed bytes are poisoned, so that AddressSanitizer sees a use after free inside the region as it would on the heap.
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define DAVENPORT_POISON(place, bytes) ASAN_POISON_MEMORY_REGION(place, bytes)
#define DAVENPORT_UNPOISON(place, bytes) ASAN_UNPOISON_MEMORY_REGION(place, bytes)
#else
#define DAVENPORT_POISON(place, bytes) ((void)0)
#define DAVENPORT_UNPOISON(place, bytes) ((void)0)
#endif

namespace davenport::store {
namespace {

enum class PageState : std::uint8_t { taken, free_edge, slab_head, slab_body };

std::uint64_t whole_pages(std::uint64_t bytes) { return (bytes + Arena::kPageBytes - 1) / Arena::kPageBytes; }

void* map_region(std::uint64_t bytes) {
  void* place = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) throw std::bad_alloc();
  return place;
}

}  // namespace

// What lies in a page. A free run is described at its first page and, for the neighbour behind it, its length also at
// its last; a slab at its first. Pages inside a taken run all say so, because any of them may become an edge.
struct Arena::PageInfo {
  std::uint8_t state : 2;
  std::uint8_t trimmed : 1;        // free run: its memory was given back already
  std::uint8_t slab_pages : 5;
  std::uint8_t size_class;         // slab
  std::uint16_t freed;             // slab: the first freed chunk, counted from 1; each holds the number of the next
  union {
    std::uint32_t run_pages;       // free run
    std::uint32_t head_distance;   // slab_body: pages back to the slab's first
    struct {
      std::uint16_t used;          // chunks
      std::uint16_t fresh;         // chunks from this one on were never used
    } slab;
  };
  std::uint32_t previous, next;    // free run: in its list. Slab: among its class's partial ones. 0: none

  bool is(PageState wanted) const { return state == static_cast<std::uint8_t>(wanted); }
  void become(PageState wanted) { state = static_cast<std::uint8_t>(wanted) & 3; }
};

std::size_t Arena::class_of(std::size_t bytes) {
  if (bytes <= 2048) return std::max<std::size_t>(1, (bytes + 15) / 16);
  return 128 + (bytes - 2048 + 63) / 64;
}

std::size_t Arena::class_bytes(std::size_t index) { return index <= 128 ? index * 16 : 2048 + (index - 128) * 64; }

std::size_t Arena::held_bytes(std::size_t bytes) {
  return bytes <= kSmallBytes ? class_bytes(class_of(bytes)) : whole_pages(bytes) * kPageBytes;
}

std::size_t Arena::bin_of(std::uint32_t pages) {
  return pages <= 16 ? pages : 12 + static_cast<std::size_t>(std::bit_width(pages));  // 17 to 31: 17; 32 to 63: 18; ...
}

Arena::Arena(std::uint64_t capacity_bytes) {
  static_assert(sizeof(PageInfo) == 16);
  const std::uint64_t capacity = std::clamp<std::uint64_t>(capacity_bytes, 4 * kPageBytes, kMaxCapacityBytes);
  pages_ = static_cast<std::uint32_t>(capacity / kPageBytes);
  mapped_bytes_ = std::uint64_t{pages_} * kPageBytes;
  base_ = static_cast<char*>(map_region(mapped_bytes_));
  // Where the system allows it, memory comes in pieces of 2 MiB: a tenth of a miss went into faults of single pages.
  static_cast<void>(::madvise(base_, mapped_bytes_, MADV_HUGEPAGE));
  info_bytes_ = whole_pages((std::uint64_t{pages_} + 1) * sizeof(PageInfo)) * kPageBytes;
  try {
    info_ = static_cast<PageInfo*>(map_region(info_bytes_));   // zeros: every page is taken
  } catch (...) {
    ::munmap(base_, mapped_bytes_);
    throw;
  }
  charged_bytes_ = info_bytes_;
  taken_pages_ = 1;   // page 0 is never handed out: granule 0 means "none"
  link_free(1, pages_ - 1, true);
  count_used();
}

Arena::~Arena() {
  DAVENPORT_UNPOISON(base_, mapped_bytes_);
  ::munmap(base_, mapped_bytes_);
  ::munmap(info_, info_bytes_);
}

std::uint32_t Arena::page_of(const void* place) const {
  return static_cast<std::uint32_t>((static_cast<const char*>(place) - base_) / kPageBytes);
}

// What may still be taken under the budget: charges make it less than what is free in the region.
std::uint32_t Arena::room_pages() const {
  const std::uint64_t used = taken_pages_ + whole_pages(charged_bytes_);
  return used >= pages_ ? 0 : static_cast<std::uint32_t>(pages_ - used);
}

void Arena::count_used() {
  used_pages_.store(taken_pages_ + whole_pages(charged_bytes_), std::memory_order_relaxed);
}

Arena::Run Arena::allocate_run(std::uint32_t pages) {
  const std::lock_guard lock(mutex_);
  return take_run(pages, false);
}

void Arena::free_run(Run run) {
  if (!run) return;
  const std::lock_guard lock(mutex_);
  give_run(run, false);
}

void* Arena::allocate(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes <= kSmallBytes) return take_chunk(class_of(bytes));
  const std::uint64_t pages = whole_pages(bytes);
  if (pages >= pages_) return nullptr;
  const Run run = take_run(static_cast<std::uint32_t>(pages), true);
  return run ? address(run.page) : nullptr;
}

void Arena::free(void* piece, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes <= kSmallBytes) {
    give_chunk(static_cast<char*>(piece));
  } else {
    give_run({page_of(piece), static_cast<std::uint32_t>(whole_pages(bytes))}, false);
  }
}

bool Arena::charge(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (taken_pages_ + whole_pages(charged_bytes_ + bytes) > pages_) return false;
  charged_bytes_ += bytes;
  count_used();
  return true;
}

void Arena::uncharge(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  assert(bytes <= charged_bytes_);
  charged_bytes_ -= bytes;
  count_used();
}

// What is given back is out of the lists while the system call runs, so that nobody is given it meanwhile: a small piece at a time from
// the end of its run, since whoever found no free page would evict, or store nothing.
std::uint64_t Arena::trim(std::uint32_t pages) {
  std::uint64_t given_bytes = 0;
  for (;;) {
    Run run;
    {
      const std::lock_guard lock(mutex_);
      for (std::size_t bin = bin_of(pages); bin < kBins && !run; ++bin) {
        for (std::uint32_t page = bins_[bin]; page != 0 && !run; page = info_[page].next) {
          if (!info_[page].trimmed && info_[page].run_pages >= pages) run = {page, info_[page].run_pages};
        }
      }
      if (!run) return given_bytes;
      unlink_free(run.page);   // not counted as used: the budget may be less than what is free in the region
      if (run.pages >= kTrimPages + pages) {
        link_free(run.page, run.pages - kTrimPages, false);
        run = {run.page + run.pages - kTrimPages, kTrimPages};
      }
      info_[run.page].become(PageState::taken);
      info_[run.page + run.pages - 1].become(PageState::taken);
    }
    const std::size_t bytes = std::size_t{run.pages} * kPageBytes;
    const bool given = ::madvise(address(run.page), bytes, MADV_DONTNEED) == 0;
    if (given) given_bytes += bytes;
    const std::lock_guard lock(mutex_);
    taken_pages_ += run.pages;
    give_run(run, true, true);   // marked in both cases: what the system refused is not offered to it for ever
  }
}

// ---- runs of pages -------------------------------------------------------------------------------------------------

void Arena::link_free(std::uint32_t page, std::uint32_t pages, bool trimmed) {
  PageInfo& first = info_[page];
  first.become(PageState::free_edge);
  first.trimmed = trimmed;
  first.run_pages = pages;
  PageInfo& last = info_[page + pages - 1];
  last.become(PageState::free_edge);
  last.run_pages = pages;
  const std::size_t bin = bin_of(pages);
  first.previous = 0;
  first.next = bins_[bin];
  if (first.next != 0) info_[first.next].previous = page;
  bins_[bin] = page;
  filled_bins_ |= std::uint64_t{1} << bin;
}

void Arena::unlink_free(std::uint32_t page) {
  const PageInfo& first = info_[page];
  const std::size_t bin = bin_of(first.run_pages);
  if (first.next != 0) info_[first.next].previous = first.previous;
  if (first.previous != 0) {
    info_[first.previous].next = first.next;
  } else {
    bins_[bin] = first.next;
    if (first.next == 0) filled_bins_ &= ~(std::uint64_t{1} << bin);
  }
}

// Takes the first `wanted` pages of the free run at `page`. The rest goes to the head of its list, so that runs asked
// for one after the other lie one behind the other.
Arena::Run Arena::cut(std::uint32_t page, std::uint32_t wanted) {
  const std::uint32_t have = info_[page].run_pages;
  const bool trimmed = info_[page].trimmed;
  unlink_free(page);
  if (have > wanted) link_free(page + wanted, have - wanted, trimmed);
  for (std::uint32_t i = 0; i < wanted; ++i) info_[page + i].become(PageState::taken);
  taken_pages_ += wanted;
  count_used();
  DAVENPORT_UNPOISON(address(page), std::size_t{wanted} * kPageBytes);
  return {page, wanted};
}

// The first page of a free run of at least `pages`; 0: there is none.
std::uint32_t Arena::find_run(std::uint32_t pages) const {
  const std::size_t bin = bin_of(pages);
  const std::uint64_t larger = filled_bins_ & (~std::uint64_t{0} << (pages <= 16 ? bin : bin + 1));
  if (pages > 16) {   // runs of one list differ by up to a factor of two
    for (std::uint32_t page = bins_[bin]; page != 0; page = info_[page].next) {
      if (info_[page].run_pages >= pages) return page;
    }
  }
  return larger == 0 ? 0 : bins_[static_cast<std::size_t>(std::countr_zero(larger))];
}

Arena::Run Arena::take_run(std::uint32_t pages, bool exact) {
  const std::uint32_t room = room_pages();
  if (pages == 0 || room == 0 || (exact && room < pages)) return {};
  pages = std::min(pages, room);
  if (const std::uint32_t page = find_run(pages)) return cut(page, pages);
  if (exact || filled_bins_ == 0) return {};
  const std::size_t longest = static_cast<std::size_t>(std::bit_width(filled_bins_)) - 1;
  return cut(bins_[longest], std::min(pages, info_[bins_[longest]].run_pages));
}

void Arena::give_run(Run run, bool trimmed, bool to_trimmed_alone) {
  DAVENPORT_POISON(address(run.page), std::size_t{run.pages} * kPageBytes);
  taken_pages_ -= run.pages;
  count_used();
  const PageInfo& before = info_[run.page - 1];
  const auto joins = [&](std::uint32_t first) { return !to_trimmed_alone || info_[first].trimmed; };
  if (before.is(PageState::free_edge) && joins(run.page - before.run_pages)) {
    const std::uint32_t first = run.page - before.run_pages;
    trimmed = trimmed && info_[first].trimmed;
    unlink_free(first);
    run = {first, run.pages + before.run_pages};
  }
  const PageInfo& behind = info_[run.page + run.pages];   // the one behind the last page is never free
  if (behind.is(PageState::free_edge) && joins(run.page + run.pages)) {
    trimmed = trimmed && behind.trimmed;
    unlink_free(run.page + run.pages);
    run.pages += behind.run_pages;
  }
  link_free(run.page, run.pages, trimmed);
}

// ---- slabs ---------------------------------------------------------------------------------------------------------

void Arena::link_partial(std::uint32_t page) {
  PageInfo& info = info_[page];
  std::uint32_t& head = partial_[info.size_class];
  info.previous = 0;
  info.next = head;
  if (head != 0) info_[head].previous = page;
  head = page;
}

void Arena::unlink_partial(std::uint32_t page) {
  const PageInfo& info = info_[page];
  if (info.next != 0) info_[info.next].previous = info.previous;
  if (info.previous != 0) {
    info_[info.previous].next = info.next;
  } else {
    partial_[info.size_class] = info.next;
  }
}

// As many pages as leave at most one byte in 256 unused, else those that leave least; fewer where only fewer lie together.
std::uint32_t Arena::make_slab(std::size_t index) {
  const std::size_t bytes = class_bytes(index);
  std::uint32_t best = 1;
  double least = 1;
  for (std::uint32_t pages = 1; pages <= kMaxSlabPages && least > 1.0 / 256; ++pages) {
    const double lost = static_cast<double>(pages * kPageBytes % bytes) / static_cast<double>(pages * kPageBytes);
    if (lost < least) {
      least = lost;
      best = pages;
    }
  }
  const Run run = take_run(best, false);
  if (!run) return 0;
  PageInfo& head = info_[run.page];
  head.become(PageState::slab_head);
  head.slab_pages = static_cast<std::uint8_t>(run.pages) & 31;
  head.size_class = static_cast<std::uint8_t>(index);
  head.freed = 0;
  head.slab = {0, 0};
  for (std::uint32_t i = 1; i < run.pages; ++i) {
    info_[run.page + i].become(PageState::slab_body);
    info_[run.page + i].head_distance = i;
  }
  link_partial(run.page);
  idle_bytes_.fetch_add(run.pages * kPageBytes, std::memory_order_relaxed);
  return run.page;
}

void* Arena::take_chunk(std::size_t index) {
  const std::size_t bytes = class_bytes(index);
  std::uint32_t page = partial_[index];
  if (page == 0) page = make_slab(index);
  if (page == 0) return nullptr;
  PageInfo& head = info_[page];
  std::size_t number = head.slab.fresh;
  if (head.freed != 0) {
    number = head.freed - 1u;
    head.freed = *reinterpret_cast<const std::uint16_t*>(address(page) + number * bytes);
  } else {
    ++head.slab.fresh;
  }
  ++head.slab.used;
  if (head.slab.used == head.slab_pages * kPageBytes / bytes) unlink_partial(page);
  char* chunk = address(page) + number * bytes;
  idle_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  DAVENPORT_UNPOISON(chunk, bytes);
  return chunk;
}

void Arena::give_chunk(char* chunk) {
  std::uint32_t page = page_of(chunk);
  if (info_[page].is(PageState::slab_body)) page -= info_[page].head_distance;
  PageInfo& head = info_[page];
  assert(head.is(PageState::slab_head) && head.slab.used > 0);
  const std::size_t bytes = class_bytes(head.size_class);
  const bool was_full = head.slab.used == head.slab_pages * kPageBytes / bytes;
  idle_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (--head.slab.used == 0) {
    if (!was_full) unlink_partial(page);
    const std::uint32_t pages = head.slab_pages;
    for (std::uint32_t i = 0; i < pages; ++i) info_[page + i].become(PageState::taken);
    idle_bytes_.fetch_sub(pages * kPageBytes, std::memory_order_relaxed);
    give_run({page, pages}, false);
    return;
  }
  *reinterpret_cast<std::uint16_t*>(chunk) = head.freed;
  DAVENPORT_POISON(chunk + sizeof(std::uint16_t), bytes - sizeof(std::uint16_t));
  head.freed = static_cast<std::uint16_t>(static_cast<std::size_t>(chunk - address(page)) / bytes + 1);
  if (was_full) link_partial(page);
}

}  // namespace davenport::store
