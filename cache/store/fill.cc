#include "cache/store/fill.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>

#include "cache/store/memory_store.h"

namespace davenport::store {

Fill::~Fill() {
  if (sealed_ == nullptr) {
    for (const Piece& piece : pieces_) free_piece(piece);
    return;
  }
  if (kept_) {
    store_.arena_.free_run(kept_);
    store_.count_fill(-static_cast<std::int64_t>(kept_.pages * Arena::kPageBytes));
  }
  store_.release_body(*sealed_);
}

std::uint64_t Fill::held_bytes(const Piece& piece) {
  return piece.pages != 0 ? piece.pages * Arena::kPageBytes : Arena::held_bytes(piece.bytes);
}

void Fill::free_piece(const Piece& piece) {
  if (piece.pages != 0) {
    store_.arena_.free_run({store_.arena_.page_of(piece.data), piece.pages});
  } else {
    store_.arena_.free(piece.data, piece.bytes);
  }
  store_.count_fill(-static_cast<std::int64_t>(held_bytes(piece)));
}

std::uint64_t Fill::allowed() const {
  if (sealed_ != nullptr) return 0;
  std::uint64_t limit = dropping_ ? std::numeric_limits<std::uint64_t>::max() : store_.max_object_bytes_;
  if (expected_bytes_ != 0) limit = std::min(limit, expected_bytes_);
  return limit > size_bytes_ ? limit - size_bytes_ : 0;
}

// One more piece towards `wanted` more bytes of room. A known rest is taken as whole pages and a tail of its own size.
bool Fill::add_piece(std::uint64_t wanted) {
  const std::uint64_t have = room_end();
  Piece piece{.start = have};
  std::uint64_t pages = 0;
  if (expected_bytes_ != 0) {
    const std::uint64_t rest = expected_bytes_ - have;
    pages = rest / Arena::kPageBytes;
    if (pages == 0) piece.bytes = static_cast<std::uint32_t>(rest);
  } else {
    const std::uint64_t doubled = (have - start_bytes_) / Arena::kPageBytes;
    pages = std::max<std::uint64_t>({1, doubled, (wanted + Arena::kPageBytes - 1) / Arena::kPageBytes});
  }
  if (pages != 0) {
    const Arena::Run run =
        store_.take_run(static_cast<std::uint32_t>(std::min<std::uint64_t>(pages, Arena::kRunPages)));
    if (!run) return false;
    piece.data = store_.arena_.address(run.page);
    piece.pages = run.pages;
    piece.bytes = run.pages * static_cast<std::uint32_t>(Arena::kPageBytes);
  } else {
    piece.data = static_cast<char*>(store_.take_fill_chunk(piece.bytes));
    if (piece.data == nullptr) return false;
  }
  pieces_.push_back(piece);
  store_.count_fill(static_cast<std::int64_t>(held_bytes(piece)));
  return true;
}

void Fill::drop_unused() {
  while (!pieces_.empty() && pieces_.back().start >= size_bytes_) {
    free_piece(pieces_.back());
    pieces_.pop_back();
  }
}

bool Fill::append(std::string_view bytes) {
  if (bytes.size() > allowed()) return false;
  while (room_end() - size_bytes_ < bytes.size()) {
    if (!add_piece(bytes.size() - (room_end() - size_bytes_))) {
      drop_unused();
      return false;
    }
  }
  while (!bytes.empty()) {
    const std::span<char> room = reserve(bytes.size());
    const std::size_t part = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), part);
    commit_reserved(part);
    bytes.remove_prefix(part);
  }
  return true;
}

std::span<char> Fill::reserve(std::size_t hint) {
  const std::uint64_t most = allowed();
  if (most == 0) return {};
  if (room_end() == size_bytes_ && !add_piece(std::min<std::uint64_t>(std::max<std::size_t>(hint, 1), most))) return {};
  auto piece = pieces_.end() - 1;
  while (piece->start > size_bytes_) --piece;
  return {piece->data + (size_bytes_ - piece->start), std::min<std::uint64_t>(piece->end() - size_bytes_, most)};
}

void Fill::commit_reserved(std::size_t bytes) {
  assert(bytes <= allowed() && size_bytes_ + bytes <= room_end());
  size_bytes_ += bytes;
}

std::size_t Fill::body(std::uint64_t offset, std::uint64_t length, std::span<iovec> out, std::uint64_t& covered) const {
  covered = 0;
  if (offset < start_bytes_ || offset >= size_bytes_) return 0;
  length = std::min(length, size_bytes_ - offset);
  auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                [](std::uint64_t at, const Piece& each) { return at < each.end(); });
  std::size_t used = 0;
  for (; length > 0 && used < out.size(); ++piece) {
    const std::uint64_t part = std::min(length, piece->end() - offset);
    out[used++] = {piece->data + (offset - piece->start), part};
    offset += part;
    length -= part;
    covered += part;
  }
  return used;
}

void Fill::drop_front(std::uint64_t offset) {
  if (sealed_ != nullptr) return;
  dropping_ = true;
  const std::uint64_t done = std::min(offset, size_bytes_);
  auto keep = pieces_.begin();
  for (; keep != pieces_.end() && keep->end() <= done; ++keep) {
    start_bytes_ = keep->end();
    free_piece(*keep);
  }
  pieces_.erase(pieces_.begin(), keep);
}

}  // namespace davenport::store
