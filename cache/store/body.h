// cache/store/body.h: a body too large to lie beside its head: whole pages in extents, in order, then a tail in a slab.
// Shape   one arena piece: this record and its extents. Extents of pages that lie together are one.
// Owner   an intrusive count: stored responses that share it (a 304 made a new head) and the fill that brought it.
// Thread  immutable once made, but for the counts; `live` and `pinned` are the store's, under its eviction lock.
#pragma once
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cache/store/arena.h"

namespace davenport::store {

struct Extent {
  std::uint32_t page = 0;
  std::uint32_t end = 0;              // pages of the body up to and with this extent
};

struct Body {
  std::atomic<std::uint32_t> refs{1};
  std::uint32_t live = 0;             // responses in the index that have it
  std::uint32_t extent_count = 0;
  std::uint32_t record_count = 0;     // extents that the record has room for
  std::uint32_t tail_bytes = 0;
  std::uint64_t size_bytes = 0;
  const char* base = nullptr;         // the arena's
  char* tail = nullptr;               // null: the last page holds the rest
  bool pinned = false;                // counted as such: no response in the index has it any more

  Extent* extents() { return reinterpret_cast<Extent*>(this + 1); }
  const Extent* extents() const { return reinterpret_cast<const Extent*>(this + 1); }
  std::uint64_t page_count() const { return extent_count == 0 ? 0 : extents()[extent_count - 1].end; }
  // The arena aligns pieces of such sizes to kAlignBytes.
  static constexpr std::size_t kAlignBytes = 64;
  static std::size_t record_bytes(std::size_t extent_count) {
    return (sizeof(Body) + extent_count * sizeof(Extent) + kAlignBytes - 1) / kAlignBytes * kAlignBytes;
  }

  void add_run(std::uint32_t page, std::uint32_t pages);   // while it is made; joins the one before where they touch
  // See StoredResponse::body().
  std::size_t view(std::uint64_t offset, std::uint64_t length, std::span<iovec> out, std::uint64_t& covered) const;
  std::uint64_t held_bytes() const;   // record, pages and tail
  void destroy(Arena& arena);         // gives all of it back
};

}  // namespace davenport::store
