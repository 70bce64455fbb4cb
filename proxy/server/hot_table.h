// proxy/server/hot_table.h: a worker's own references to the responses that it serves most. With it a hit takes no shard's lock
// and moves no reference count, which two workers on one hot key would pay with 100 ns each.
// Truth   a reference is good only while the store says so: live() (still in the index) and sole() (the only response of its
//         key, so no choice by Vary is needed). Both are one load of a line that a hit reads anyway.
// Heads   what a hit formats (status line, Age, Cache-Status) changes once a second: it is kept here with the reference, so that
//         the second hit of a second copies it. clear() when something else of it changes (a configuration).
//         Forms of a source (stored_response.h) are kept with it, and need be live() alone.
// Bound   kSlots references of bodies up to kBodyBytes; dead ones are let go at each sweep() (a tick of the worker).
// Thread  the worker's.
#pragma once
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "cache/policy/coding.h"
#include "cache/store/memory_store.h"

namespace davenport::server {

class HotTable {
 public:
  static constexpr std::size_t kSlots = 512;
  static constexpr std::uint64_t kBodyBytes = 256 << 10;

  struct Formatted {
    std::string text;                        // as of `at`; empty: not made yet
    WallSeconds at{};
    std::size_t prefix_bytes = 0;            // of the stored head: what `text` begins with
    std::int64_t age = 0, ttl = 0;
  };

  // Good until settle().
  const store::StoredResponse* find(const policy::KeyParts& key, Formatted*& formatted) {
    Slot& slot = slots_[index(key.hash)];
    if (slot.hash != key.hash || !slot.response) return nullptr;
    const store::StoredResponse& response = *slot.response;
    if (!response.live() || !response.sole() || response.key() != key.key) return nullptr;
    formatted = &slot.formatted;
    return &response;
  }
  // Keeps it and returns it, good until settle().
  const store::StoredResponse* keep(const Hash128& hash, store::StoredPtr response) {
    const store::StoredResponse* const raw = &*response;
    if (raw->body_bytes() > kBodyBytes || !raw->sole()) {
      displaced_.push_back(std::move(response));
      return raw;
    }
    Slot& slot = slots_[index(hash)];
    displace(slot);                          // an output under way may still point to it
    slot.hash = hash;
    slot.response = std::move(response);
    return raw;
  }
  // A form of a response that find() or keep() has just given. Null: it is not here. Good until settle().
  struct Form {
    store::StoredPtr response;
    std::uint32_t served = 0;               // by this worker
    Formatted formatted;
  };
  Form* form(const Hash128& hash, const store::StoredResponse& source, policy::Coding coding) {
    Slot& slot = slots_[index(hash)];
    if (slot.response.get() != &source) return nullptr;
    Form& form = slot.forms[static_cast<std::size_t>(coding)];
    return form.response && form.response->live() ? &form : nullptr;
  }
  bool holds(const Hash128& hash, const store::StoredResponse& source) const {
    return slots_[index(hash)].response.get() == &source;
  }
  const store::StoredResponse* keep_form(const Hash128& hash, const store::StoredResponse& source, store::StoredPtr response) {
    const store::StoredResponse* const raw = &*response;
    Slot& slot = slots_[index(hash)];
    if (slot.response.get() != &source) {
      displaced_.push_back(std::move(response));
      return raw;
    }
    Form& form = slot.forms[static_cast<std::size_t>(raw->coding())];
    if (form.response) displaced_.push_back(std::move(form.response));
    form.response = std::move(response);
    form.served = 0;
    form.formatted.text.clear();
    return raw;
  }
  // What was displaced is let go: all output that pointed to it was written or holds references of its own.
  void settle() {
    if (!displaced_.empty()) displaced_.clear();
  }
  void sweep() {
    for (Slot& slot : slots_) {
      const bool gone = slot.response && !slot.response->live();
      if (gone) slot.response.reset();
      for (Form& form : slot.forms) {
        if (form.response && (gone || !form.response->live())) form.response.reset();
      }
    }
  }
  void clear() {
    for (Slot& slot : slots_) displace(slot);
    settle();
  }

 private:
  static std::size_t index(const Hash128& hash) { return static_cast<std::size_t>(hash.high) % kSlots; }
  struct Slot {
    Hash128 hash;
    store::StoredPtr response;
    Formatted formatted;
    std::array<Form, policy::kCodingCount> forms;
  };
  void displace(Slot& slot) {
    if (slot.response) displaced_.push_back(std::move(slot.response));
    slot.formatted.text.clear();
    for (Form& form : slot.forms) {
      if (form.response) displaced_.push_back(std::move(form.response));
      form.served = 0;
    }
  }
  std::array<Slot, kSlots> slots_;
  std::vector<store::StoredPtr> displaced_;
};

}  // namespace davenport::server
