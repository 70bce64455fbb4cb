// cache/store/shard_index.h: one shard of the index: hash to the variants of a key.
// Shape   open addressing with linear probing that never wraps; a slot is 32 bits of the hash and the place of the
//         first variant. Variants of one key are a chain, the most recent Date first (RFC 9111 §4), so that the first
//         that matches is the one to use.
// Bound   it does not allocate: the store charges and hands in a larger table when has_room() says no.
// Thread  the shard's lock. Erasing moves slots to lower places only, so a walk from the top down misses nothing.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

#include "cache/store/stored_response.h"

namespace davenport::store {

// A table is mapped and not allocated: one that was outgrown is the system's again at once, and zeroes cost nothing.
struct UnmapSlots {
  std::size_t slots = 0;
  void operator()(std::uint64_t* place) const;
};

class ShardIndex {
 public:
  using Slots = std::unique_ptr<std::uint64_t[], UnmapSlots>;
  static Slots make_slots(std::size_t slots);      // zeroed; null: no memory

  void set_base(char* base) { base_ = base; }

  StoredResponse* find(std::uint32_t tag, std::string_view key) const;   // the first variant
  StoredResponse* next(const StoredResponse& entry) const { return at(entry.next_variant_); }

  // Puts the entry into its key's chain and keeps the sole() of all of them (forms do not count against it). Needs has_room().
  void link(std::uint32_t tag, StoredResponse& entry);
  void unlink(std::uint32_t tag, StoredResponse& entry);   // one that is linked

  bool has_room(std::uint32_t tag) const;
  std::size_t slot_count() const { return slot_count_; }
  static std::size_t slots_for(std::size_t capacity) { return capacity + kSpill; }
  std::size_t next_capacity() const { return slot_count_ == 0 ? 16 : (std::size_t{mask_} + 1) * 2; }
  // Takes over `slots`, zeroed, slots_for(capacity) of them, capacity a power of two. Returns the old ones, or these
  // where not all keys found a place in them (slot_count() is what it was).
  Slots grow(Slots slots, std::size_t capacity);

  // For a walk: the first variant in a slot, or null. `turn` changes when a walk has to start anew.
  StoredResponse* at_slot(std::size_t slot) const { return at(place_in(slots_[slot])); }
  std::uint32_t turn() const { return turn_; }

 private:
  static constexpr std::size_t kSpill = 48;   // slots behind the last home, so that a probe never wraps

  static std::uint32_t place_in(std::uint64_t slot) { return static_cast<std::uint32_t>(slot); }
  static std::uint32_t tag_in(std::uint64_t slot) { return static_cast<std::uint32_t>(slot >> 32); }
  StoredResponse* at(std::uint32_t place) const {
    return place == 0 ? nullptr
                      : reinterpret_cast<StoredResponse*>(base_ + std::uint64_t{place} * Arena::kGranuleBytes);
  }
  std::uint32_t place_of(const StoredResponse& entry) const {
    return static_cast<std::uint32_t>((reinterpret_cast<const char*>(&entry) - base_) / Arena::kGranuleBytes);
  }
  std::uint64_t* slot_of(std::uint32_t tag, std::string_view key) const;
  bool put(std::uint64_t slot);
  void erase_slot(std::size_t hole);
  void set_sole(StoredResponse& first) const;

  char* base_ = nullptr;
  Slots slots_;
  std::size_t slot_count_ = 0;
  std::uint32_t mask_ = 0;
  std::size_t keys_ = 0;
  std::uint32_t turn_ = 0;
};

}  // namespace davenport::store
