#include "cache/store/shard_index.h"

#include <sys/mman.h>

#include <cassert>

namespace davenport::store {

std::uint64_t* ShardIndex::slot_of(std::uint32_t tag, std::string_view key) const {
  if (slot_count_ == 0) return nullptr;
  for (std::size_t i = tag & mask_; i < slot_count_ && slots_[i] != 0; ++i) {
    if (tag_in(slots_[i]) == tag && at(place_in(slots_[i]))->key() == key) return &slots_[i];
  }
  return nullptr;
}

StoredResponse* ShardIndex::find(std::uint32_t tag, std::string_view key) const {
  const std::uint64_t* slot = slot_of(tag, key);
  return slot == nullptr ? nullptr : at(place_in(*slot));
}

bool ShardIndex::has_room(std::uint32_t tag) const {
  if (slot_count_ == 0 || (keys_ + 1) * 5 > (std::size_t{mask_} + 1) * 4) return false;
  for (std::size_t i = tag & mask_; i < slot_count_; ++i) {
    if (slots_[i] == 0) return true;
  }
  return false;
}

bool ShardIndex::put(std::uint64_t slot) {
  for (std::size_t i = tag_in(slot) & mask_; i < slot_count_; ++i) {
    if (slots_[i] == 0) {
      slots_[i] = slot;
      return true;
    }
  }
  return false;
}

ShardIndex::Slots ShardIndex::make_slots(std::size_t slots) {
  void* const place = ::mmap(nullptr, slots * sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) return nullptr;
  return Slots(static_cast<std::uint64_t*>(place), UnmapSlots{slots});
}

void UnmapSlots::operator()(std::uint64_t* place) const { ::munmap(place, slots * sizeof(std::uint64_t)); }

// A table whose hashes crowd at its end cannot take them all: it stays empty-handed, and the caller asks for a larger
// one.
ShardIndex::Slots ShardIndex::grow(Slots slots, std::size_t capacity) {
  ShardIndex larger;
  larger.slots_ = std::move(slots);
  larger.slot_count_ = slots_for(capacity);
  larger.mask_ = static_cast<std::uint32_t>(capacity - 1);
  for (std::size_t i = 0; i < slot_count_; ++i) {
    if (slots_[i] != 0 && !larger.put(slots_[i])) return std::move(larger.slots_);
  }
  slots_.swap(larger.slots_);
  slot_count_ = larger.slot_count_;
  mask_ = larger.mask_;
  ++turn_;
  return std::move(larger.slots_);
}

void ShardIndex::erase_slot(std::size_t hole) {
  for (std::size_t i = hole + 1; i < slot_count_ && slots_[i] != 0; ++i) {
    if ((tag_in(slots_[i]) & mask_) <= hole) {
      slots_[hole] = slots_[i];
      hole = i;
    }
  }
  slots_[hole] = 0;
  --keys_;
}

void ShardIndex::set_sole(StoredResponse& first) const {
  // Responses without a selector are one source and its forms: no two sources share a selector.
  bool sole = true;
  for (StoredResponse* each = &first; each != nullptr; each = next(*each)) sole = sole && each->selector_bytes_ == 0;
  for (StoredResponse* each = &first; each != nullptr; each = next(*each)) {
    if (sole) each->set(StoredResponse::kSole);
    else each->clear(StoredResponse::kSole);
  }
}

void ShardIndex::link(std::uint32_t tag, StoredResponse& entry) {
  std::uint64_t* slot = slot_of(tag, entry.key());
  if (slot == nullptr) {
    const bool placed = put(std::uint64_t{tag} << 32 | place_of(entry));
    assert(placed);
    (void)placed;
    ++keys_;
    set_sole(entry);
    return;
  }
  StoredResponse* first = at(place_in(*slot));
  if (first->facts_.date <= entry.facts_.date) {
    entry.next_variant_ = place_of(*first);
    *slot = std::uint64_t{tag} << 32 | place_of(entry);
    first = &entry;
  } else {
    StoredResponse* before = first;
    while (before->next_variant_ != 0 && next(*before)->facts_.date > entry.facts_.date) before = next(*before);
    entry.next_variant_ = before->next_variant_;
    before->next_variant_ = place_of(entry);
  }
  set_sole(*first);
}

void ShardIndex::unlink(std::uint32_t tag, StoredResponse& entry) {
  std::uint64_t* slot = slot_of(tag, entry.key());
  assert(slot != nullptr);
  StoredResponse* first = at(place_in(*slot));
  if (first == &entry) {
    first = next(entry);
    if (first == nullptr) {
      erase_slot(static_cast<std::size_t>(slot - slots_.get()));
    } else {
      *slot = std::uint64_t{tag} << 32 | place_of(*first);
    }
  } else {
    StoredResponse* before = first;
    while (next(*before) != &entry) before = next(*before);
    before->next_variant_ = entry.next_variant_;
  }
  entry.next_variant_ = 0;
  entry.clear(StoredResponse::kSole);
  if (first != nullptr) set_sole(*first);
}

}  // namespace davenport::store
