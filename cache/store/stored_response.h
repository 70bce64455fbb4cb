// cache/store/stored_response.h: one complete response in memory: immutable, shared by reference, sent in place.
// Shape   one arena piece holds this header (80 bytes), then tag hashes, key, selector, head block and a small body; a
//         larger body lies in pages of its own (body.h).
// Forms   what may be sent in several content codings (policy/coding.h) is stored as its origin sent it, the *source*, and as
//         forms of it: responses of their own under the same key and selector, that find() never gives. A form is in the
//         index only while its source is: it leaves with it, by whatever way that leaves, and is judged by it alone
//         (freshness, purges). So it may be evicted before it, but never outlives it.
// Owner   StoredPtr, an intrusive count: whoever holds one keeps the bytes, after eviction and purge too. Dropping the
//         last one gives the pages back. Bytes held only so are the store's "pinned" ones. The store outlives them all.
// Thread  any. Only the atomics change after commit.
#pragma once
#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "cache/policy/coding.h"
#include "cache/policy/facts.h"
#include "cache/purge/log.h"
#include "cache/store/body.h"
#include "cache/store/eviction.h"
#include "core/base/hash.h"

namespace davenport::store {

class MemoryStore;
struct Draft;   // memory_store.h

class StoredResponse {
 public:
  StoredResponse(const StoredResponse&) = delete;
  StoredResponse& operator=(const StoredResponse&) = delete;

  const policy::StoredFacts& facts() const { return facts_; }
  Hash128 hash() const { return hash128(key(), process_seed()); }                  // of key(); computed
  Hash128 resource_hash() const { return hash128(resource(), process_seed()); }    // computed
  std::string_view key() const { return {text(), key_bytes_}; }
  std::string_view resource() const { return key().substr(resource_offset_, resource_bytes_); }   // inside key()
  // policy/vary.h; "" where it has no Vary.
  std::string_view selector() const { return {text() + key_bytes_, selector_bytes_}; }
  // What is sent first: a status line where its reason is not the usual one of facts().status, the fields, the empty line. Age and
  // our Cache-Status are what a sender adds. Content-Length is in it; Connection, Transfer-Encoding and Age never are.
  std::string_view head() const { return {text() + key_bytes_ + selector_bytes_, head_bytes_}; }
  std::span<const Hash128> tags() const { return {reinterpret_cast<const Hash128*>(this + 1), tag_count_}; }
  // hit-for-miss: no body, no head; "this key is uncacheable until it expires".
  bool marker() const { return has(kMarker); }
  purge::Names names() const { return {resource_hash(), resource(), tags().data(), tags().size()}; }

  std::uint64_t body_bytes() const { return body_ == 0 ? inline_bytes_ : large().size_bytes; }
  // Fills `out` with the pieces of [offset, offset + length) in order; returns how many it used and, in `covered`, how
  // many bytes they hold (less than asked when `out` is full).
  std::size_t body(std::uint64_t offset, std::uint64_t length, std::span<iovec> out, std::uint64_t& covered) const;
  std::uint64_t bytes_held() const;             // all arena bytes of this response, a shared body's too

  // In the index, and there the only response of its key with an empty selector, so that it matches every request: a
  // worker may keep a reference and serve it without a look-up while both hold.
  bool live() const { return has(kLive); }
  bool sole() const { return has(kSole); }

  // Content codings. Of a source:
  bool codable() const { return !form() && (bits() & kCodable) != 0; }   // forms may be made of it
  // Forms were tried and are no smaller, or can't be made at all: it is served as it is.
  bool gains_nothing() const { return (bits() & kNoGain) != 0; }
  void mark_gains_nothing() const { node_.owner_coding.fetch_or(kNoGain, std::memory_order_relaxed); }
  bool undecodable() const { return (bits() & kUndecodable) != 0; }
  void mark_undecodable() const { node_.owner_coding.fetch_or(kUndecodable, std::memory_order_relaxed); }
  // Of a form: made with the strong level. ask_strong(): true for the one caller that may have it made anew so.
  bool form() const { return (bits() & kForm) != 0; }
  bool strong() const { return (bits() & kStrong) != 0; }
  bool ask_strong() const {
    if ((bits() & (kStrong | kStrongAsked)) != 0) return false;
    return (node_.owner_coding.fetch_or(kStrongAsked, std::memory_order_relaxed) & kStrongAsked) == 0;
  }
  // Of both: what its body is coded in, where it is codable() or a form().
  policy::Coding coding() const { return static_cast<policy::Coding>(bits() & kCodingMask); }
  bool often_hit() const { return node_.hits.load(std::memory_order_relaxed) == Node::kMaxHits; }

  // The purge position it was last found valid at. A hit compares it with log.position() and asks check() on a
  // difference.
  purge::Position checked_at() const { return checked_at_.load(std::memory_order_acquire); }
  void mark_checked(purge::Position position) const { checked_at_.store(position, std::memory_order_release); }
  bool soft_purged() const { return has(kSoft); }   // sticky until it is replaced by a validated one
  void mark_soft_purged() const { set(kSoft); }
  // The small frequency counter; written only while below its cap. find() has counted already: this is for a hit that
  // was served without it.
  void mark_hit() const { node_.mark_hit(); }

  // One revalidation behind at a time: true for the one caller that may start it. end_refresh() when it has ended.
  bool begin_refresh() const {
    return (node_.owner_flags.fetch_or(kRefresh, std::memory_order_acq_rel) & kRefresh) == 0;
  }
  void end_refresh() const { clear(kRefresh); }

 private:
  friend class MemoryStore;
  friend class ShardIndex;
  friend class StoredPtr;

  enum Flag : std::uint8_t { kLive = 1, kSole = 2, kMarker = 4, kSoft = 8, kRefresh = 16, kPinned = 32 };

  // In node_.owner_coding. kNoGain and kUndecodable are a source's, kStrong and kStrongAsked a form's.
  enum CodingBit : std::uint8_t {
    kCodingMask = 3, kForm = 4, kCodable = 8, kNoGain = 16, kUndecodable = 32, kStrong = 64, kStrongAsked = 128
  };
  std::uint8_t bits() const { return node_.owner_coding.load(std::memory_order_relaxed); }

  // What one piece must hold. The body is that of `body`, or `inline_bytes` in the piece itself.
  struct Layout {
    std::size_t tags, key, selector, head, inline_bytes;
    std::size_t total() const {
      return sizeof(StoredResponse) + tags * sizeof(Hash128) + key + selector + head + inline_bytes;
    }
  };

  StoredResponse(const Draft& draft, const Layout& layout, Body* body);

  bool has(Flag flag) const { return (node_.owner_flags.load(std::memory_order_acquire) & flag) != 0; }
  void set(Flag flag) const { node_.owner_flags.fetch_or(flag, std::memory_order_acq_rel); }
  void clear(Flag flag) const {
    node_.owner_flags.fetch_and(static_cast<std::uint8_t>(~flag), std::memory_order_acq_rel);
  }

  char* text() { return reinterpret_cast<char*>(this + 1) + tag_count_ * sizeof(Hash128); }
  const char* text() const { return const_cast<StoredResponse*>(this)->text(); }
  char* inline_body() { return text() + key_bytes_ + selector_bytes_ + head_bytes_; }
  Body& large() const;
  std::size_t piece_bytes() const;              // as they were asked of the arena
  bool expired(WallSeconds now) const;          // past freshness, stale windows and keep

  mutable Node node_;                           // first: the eviction order knows it by its place
  mutable std::atomic<std::uint32_t> refs_{1};
  mutable std::atomic<purge::Position> checked_at_{0};
  policy::StoredFacts facts_;
  std::uint32_t next_variant_ = 0;              // place in the arena; the shard's lock. 0: none
  // Distance to the Body, in steps of Body::kAlignBytes from this response's own such place, so that no base is needed
  // to follow it. 0: the body is inline.
  std::int32_t body_ = 0;
  std::uint32_t head_bytes_ = 0;
  std::uint16_t inline_bytes_ = 0;
  std::uint16_t tag_count_ = 0;
  std::uint16_t key_bytes_ = 0, resource_offset_ = 0, resource_bytes_ = 0, selector_bytes_ = 0;
};

// An intrusive pointer to a stored response. Moves are free, copies count. Null is allowed.
class StoredPtr {
 public:
  StoredPtr() = default;
  StoredPtr(std::nullptr_t) {}
  StoredPtr(const StoredPtr& other) noexcept : store_(other.store_), entry_(other.entry_) {
    if (entry_ != nullptr) entry_->refs_.fetch_add(1, std::memory_order_relaxed);
  }
  StoredPtr(StoredPtr&& other) noexcept
      : store_(std::exchange(other.store_, nullptr)), entry_(std::exchange(other.entry_, nullptr)) {}
  StoredPtr& operator=(StoredPtr other) noexcept {
    std::swap(store_, other.store_);
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~StoredPtr() { reset(); }

  void reset();
  const StoredResponse* get() const { return entry_; }
  const StoredResponse* operator->() const { return entry_; }
  const StoredResponse& operator*() const { return *entry_; }
  explicit operator bool() const { return entry_ != nullptr; }
  friend bool operator==(const StoredPtr& a, const StoredPtr& b) { return a.entry_ == b.entry_; }

 private:
  friend class MemoryStore;
  StoredPtr(MemoryStore* store, const StoredResponse* entry) : store_(store), entry_(entry) {}   // takes over a count

  MemoryStore* store_ = nullptr;
  const StoredResponse* entry_ = nullptr;
};

}  // namespace davenport::store
