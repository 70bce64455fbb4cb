// cache/store/fill.h: a body that is arriving: bytes in arena pieces from the start, so that storing it copies nothing
// but a last part of a page.
// Shape   a known length takes runs of up to 64 KiB and a tail of the right size; an unknown one doubles from one page.
// Owner   a shared_ptr; whoever holds it may read on after commit, drop and eviction. The store outlives it.
// Thread  written by one thread, read by any, under the flight's lock: it has none of its own. Places that body() gave
//         stay good without the lock as long as the Fill is held and they are not dropped.
// Errors  no room is false or an empty span: larger than may be stored, than was announced, or memory is pinned.
#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "cache/store/body.h"

namespace davenport::store {

class MemoryStore;

class Fill {
 public:
  Fill(MemoryStore& store, std::uint64_t expected_bytes) : store_(store), expected_bytes_(expected_bytes) {}
  ~Fill();
  Fill(const Fill&) = delete;
  Fill& operator=(const Fill&) = delete;

  bool append(std::string_view bytes);             // false: no room; nothing was added
  std::span<char> reserve(std::size_t hint);       // room to read(2) into, at least 1 byte, or empty: no room
  void commit_reserved(std::size_t bytes);         // so many of the last reserve() were written
  std::uint64_t size() const { return size_bytes_; }
  // As StoredResponse::body(); nothing of what was dropped.
  std::size_t body(std::uint64_t offset, std::uint64_t length, std::span<iovec> out, std::uint64_t& covered) const;
  // Streaming without storing: frees whole pieces before `offset`; afterwards it can't be committed, and is bound by no
  // object's size but by what is kept.
  void drop_front(std::uint64_t offset);

 private:
  friend class MemoryStore;

  struct Piece {
    char* data = nullptr;
    std::uint64_t start = 0;          // offset in the body
    std::uint32_t bytes = 0;          // room
    std::uint32_t pages = 0;          // 0: a chunk of a slab
    std::uint64_t end() const { return start + bytes; }
  };

  std::uint64_t room_end() const { return pieces_.empty() ? start_bytes_ : pieces_.back().end(); }
  std::uint64_t allowed() const;                   // more bytes that may be added now
  bool add_piece(std::uint64_t wanted);
  void drop_unused();                              // pieces behind size()
  void free_piece(const Piece& piece);
  static std::uint64_t held_bytes(const Piece& piece);

  MemoryStore& store_;
  std::uint64_t expected_bytes_;                   // 0: unknown
  std::uint64_t size_bytes_ = 0;
  std::uint64_t start_bytes_ = 0;                  // what comes before was dropped
  std::vector<Piece> pieces_;                      // in order, without gaps
  bool dropping_ = false;
  Body* sealed_ = nullptr;                         // the pieces are its; one count of it is ours
  Arena::Run kept_;                                // the last page, whose bytes the sealed body has in a slab
};
using FillPtr = std::shared_ptr<Fill>;

}  // namespace davenport::store
