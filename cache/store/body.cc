#include "cache/store/body.h"

#include <algorithm>

namespace davenport::store {

std::size_t Body::view(std::uint64_t offset, std::uint64_t length, std::span<iovec> out, std::uint64_t& covered) const {
  covered = 0;
  if (offset >= size_bytes) return 0;
  length = std::min(length, size_bytes - offset);
  const std::uint64_t page_bytes = tail == nullptr ? size_bytes : size_bytes - tail_bytes;   // held in pages
  std::size_t used = 0;
  const Extent* const last = extents() + extent_count;
  const Extent* extent = std::upper_bound(extents(), last, offset / Arena::kPageBytes,
                                          [](std::uint64_t page, const Extent& each) { return page < each.end; });
  while (length > 0 && used < out.size()) {
    const char* from = tail;
    std::uint64_t there = 0;
    if (offset < page_bytes) {
      const std::uint64_t first = extent == extents() ? 0 : extent[-1].end;
      const std::uint64_t within = offset - first * Arena::kPageBytes;
      from = base + std::uint64_t{extent->page} * Arena::kPageBytes + within;
      there = std::min(std::uint64_t{extent->end} * Arena::kPageBytes, page_bytes) - offset;
      ++extent;
    } else {
      from += offset - page_bytes;
      there = size_bytes - offset;
    }
    const std::uint64_t part = std::min(length, there);
    out[used++] = {const_cast<char*>(from), part};   // iovec has no const; nobody writes through it
    offset += part;
    length -= part;
    covered += part;
  }
  return used;
}

void Body::add_run(std::uint32_t page, std::uint32_t pages) {
  if (pages == 0) return;
  const auto end = static_cast<std::uint32_t>(page_count());
  if (extent_count != 0) {
    Extent& last = extents()[extent_count - 1];
    const std::uint32_t last_start = extent_count == 1 ? 0 : extents()[extent_count - 2].end;
    if (last.page + (end - last_start) == page) {
      last.end = end + pages;
      return;
    }
  }
  extents()[extent_count++] = {page, end + pages};
}

std::uint64_t Body::held_bytes() const {
  return Arena::held_bytes(record_bytes(record_count)) + page_count() * Arena::kPageBytes +
         (tail == nullptr ? 0 : Arena::held_bytes(tail_bytes));
}

void Body::destroy(Arena& arena) {
  std::uint32_t first = 0;
  for (std::uint32_t i = 0; i < extent_count; ++i) {
    arena.free_run({extents()[i].page, extents()[i].end - first});
    first = extents()[i].end;
  }
  if (tail != nullptr) arena.free(tail, tail_bytes);
  const std::size_t bytes = record_bytes(record_count);
  this->~Body();
  arena.free(this, bytes);
}

}  // namespace davenport::store
