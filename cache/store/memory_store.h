// cache/store/memory_store.h: complete, immutable responses under one byte bound, and the in-flight bodies that may
// become some.
//     StoredPtr hit = store.find(parts, request.fields, rules, scratch).stored;    // a reference, never a copy
//     FillPtr fill = store.begin_fill(content_length);  fill->append(bytes) …;  store.commit(fill, draft);
// Bound   bytes() <= capacity_bytes after each call: body, head, index, tags, fills and pinned bytes all count, in
//         arena pages in use. Eviction order is global; the index is sharded.
// Owner   it outlives every StoredPtr and FillPtr that it gave.
// Thread  any; one shard's lock for look-up and reference only, never across a suspension or an origin's time. Locks
//         (shard, eviction, arena) are taken one at a time, but for the log's and the arena's, which are leaves.
// Time    none is read: whether a response may be reused is decided in policy/ (RFC 9111 §4.2). What is past its
//         retention is evicted first; "now" for that is the time that the last commit, replacement or sweep has named.
// Errors  begin_fill() and append() may refuse (memory pinned, too large): the response is then passed, not stored.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "cache/policy/key.h"
#include "cache/store/arena.h"
#include "cache/store/eviction.h"
#include "cache/store/fill.h"
#include "cache/store/shard_index.h"
#include "cache/store/stored_response.h"
#include "config/config.h"
#include "core/http/fields.h"

namespace davenport::store {

struct Lookup {
  StoredPtr stored;               // null: nothing matches
  bool other_variants = false;    // the key has responses, none of which matches (RFC 9111 §4.1)
};

// Everything of a response but its body, at commit.
struct Draft {
  policy::KeyParts key;             // of at most 64 KiB - 1, as the selector
  std::string_view selector;
  std::string_view head;
  policy::StoredFacts facts;
  std::span<const Hash128> tags;
  purge::Position position = 0;     // applied here before the origin was asked
  bool marker = false;
  bool codable = false;             // forms may be made of it (stored_response.h)
  policy::Coding coding = policy::Coding::identity;   // of the body, where it is codable
};

enum class PutResult : std::uint8_t { stored, too_large, too_many_variants, no_room, purged };

class MemoryStore : private Residents {
 public:
  explicit MemoryStore(const config::Cache& settings);
  ~MemoryStore() override;
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  // The matching response with the most recent Date. Counts as a hit for the eviction order; allocates nothing.
  Lookup find(const policy::KeyParts& key, const http::Fields& request, const config::CacheRules& rules,
              std::string& scratch);

  // 0: unknown; null: refused, for pinned bytes exceed a quarter of the budget, or those and fills a half. A length
  // that may not be stored is no refusal here: append() says so, and drop_front() makes the fill a window to stream
  // through.
  FillPtr begin_fill(std::uint64_t expected_bytes);
  // Replaces the variant with the same selector, keeps the others. The fill's bytes become the response's (a small body
  // is copied beside its head); other holders of the FillPtr may go on reading them. A null fill: no body. `log` is
  // checked once more under the shard's lock: what a purge since draft.position hits is refused as `purged` (hard) or
  // stored as soft-purged. Above `max_variants` the oldest one that is no longer fresh is replaced; where all are fresh
  // it is refused, so that a flood of variants cannot push out good ones. Refused as too_large or no_room, what lay
  // under the same selector is dropped, for the origin has moved on.
  PutResult commit(const FillPtr& fill, const Draft& draft, const purge::Log& log, std::uint32_t max_variants,
                   StoredPtr* out = nullptr);
  // --- Forms of a source in other content codings (stored_response.h).
  // The source's form in a coding; null: none is stored. Counts as a hit of it.
  StoredPtr form(const StoredResponse& source, policy::Coding coding);
  std::vector<StoredPtr> forms(const StoredResponse& source);
  // Puts a form beside its source, in place of one of the same coding. It is given out also where it was not put, because the
  // source has left the index meanwhile; then it lives as long as it is held.
  PutResult add_form(const StoredResponse& source, policy::Coding coding, bool strong, const FillPtr& fill,
                     std::string_view head, StoredPtr* out = nullptr);
  // The same body under another head, beside the source that took the old one's place (a 304).
  PutResult carry_form(const StoredResponse& source, const StoredResponse& form, std::string_view head);

  // A new entry with the same body (a 304 or HEAD updated the fields): a large body is shared, not copied. Compare and
  // set: where another response has taken the place of `old` under this selector, that one stays in the index, and the
  // new one is only handed out. An old one that was merely evicted is put back.
  PutResult replace_head(const StoredPtr& old, const Draft& draft, const purge::Log& log, StoredPtr* out = nullptr);

  // The same, for one client alone: never in the index. Null: no room.
  StoredPtr with_head(const StoredPtr& old, const Draft& draft);

  void erase(const StoredResponse& entry);                  // this one, if it is still the one in the index
  std::vector<StoredPtr> variants(const policy::KeyParts& key);     // for explain, invalidation; forms too

  // Walks the index in slices of at most kSliceEntries and a chain, off the workers; `each` is called without a lock
  // and returns true to drop the entry. Returns the count of those. What is past its retention is dropped too,
  // uncounted. Free memory goes back to the system afterwards.
  std::uint64_t sweep(const std::function<bool(const StoredResponse&)>& each);
  std::uint64_t drop_expired(WallSeconds now);              // a sweep for nothing else; returns how many
  static constexpr std::size_t kSliceEntries = 128;

  // Another reference to a response that somebody holds (who has only a pointer to it at hand).
  StoredPtr share(const StoredResponse& held) {
    held.refs_.fetch_add(1, std::memory_order_relaxed);
    return StoredPtr(this, &held);
  }

  struct Stats {
    std::uint64_t bytes, capacity_bytes, pinned_bytes, fill_bytes, objects, evictions, insertions, refused;
  };
  Stats stats() const;

 private:
  friend class Fill;
  friend class StoredPtr;

  static constexpr std::size_t kShards = 64;
  struct alignas(64) Shard {
    std::mutex mutex;
    ShardIndex index;
  };
  // What leaves the index at once: the same selector's response, the refreshed one, the oldest, and the forms of each.
  struct Removed {
    std::array<StoredResponse*, 3 * (1 + policy::kCodingCount)> entries{};
    std::size_t count = 0;
  };
  struct Publication {
    Hash128 hash, resource_hash;
    purge::Position position = 0;
    std::uint32_t max_variants = 0;
    const StoredResponse* instead_of = nullptr;    // replace_head()
  };

  std::uint64_t bytes_of(const Node& node) const override;
  std::uint64_t hash_of(const Node& node) const override;
  bool expired(const Node& node) const override;

  Shard& shard_of(const Hash128& hash) { return shards_[hash.low % kShards]; }
  static std::uint32_t tag_of(const Hash128& hash) { return static_cast<std::uint32_t>(hash.low >> 32); }

  // Room, made by eviction where it must be.
  template <class Try>
  auto make_room(Try attempt);
  void* take(std::size_t bytes);
  Arena::Run take_run(std::uint32_t pages);        // for a fill: refused while too much is pinned
  void* take_fill_chunk(std::size_t bytes);
  bool fill_may_grow() const;
  bool evict_one();
  bool grow_index(Shard& shard, std::unique_lock<std::mutex>& lock);
  void settle_tables();

  static bool names_fit(const Draft& draft);       // into what a response counts them in
  PutResult refuse(PutResult why, const Draft& draft);
  StoredPtr make_entry(const Draft& draft, const StoredResponse::Layout& layout, Body* body);
  PutResult publish(const StoredPtr& fresh, const Publication& how, const purge::Log& log);
  bool settle_place(Shard& shard, const StoredPtr& fresh, const Publication& how, Removed& removed, PutResult& result);
  void add_forms_of(Shard& shard, std::uint32_t tag, const StoredResponse& source, Removed& removed);
  void unlink_all(Shard& shard, std::uint32_t tag, const Removed& removed);
  PutResult publish_form(const StoredPtr& fresh, const StoredResponse& source);
  StoredPtr make_response(const FillPtr& fill, const Draft& draft, PutResult& result);
  Draft form_draft(const StoredResponse& source, policy::Coding coding, std::string_view head) const;
  StoredPtr make_with_body_of(const StoredResponse& old, const Draft& draft);
  Body* seal(Fill& fill);
  void share_body(Body& body);
  void unshare_body(Body& body);                   // both need the eviction lock
  bool remove(const StoredResponse& entry);
  void retire(StoredResponse& entry);
  void release(const StoredResponse& entry);
  void release_body(Body& body);
  void count_fill(std::int64_t bytes) {
    fill_bytes_.fetch_add(static_cast<std::uint64_t>(bytes), std::memory_order_relaxed);
  }
  void note_time(WallSeconds now);
  WallSeconds latest() const { return WallSeconds{Seconds{latest_.load(std::memory_order_relaxed)}}; }
  std::uint64_t walk(const std::function<bool(const StoredResponse&)>& each, std::uint64_t* expired);
  std::size_t collect_slice(Shard& shard, std::size_t& cursor, std::uint32_t& turn, std::vector<StoredPtr>& out);

  Arena arena_;
  const std::uint64_t max_object_bytes_;
  std::array<Shard, kShards> shards_;
  std::mutex eviction_mutex_;
  std::unique_ptr<Eviction> eviction_;
  std::uint64_t charged_table_bytes_ = 0;          // the eviction lock
  std::atomic<std::uint64_t> pinned_bytes_{0}, fill_bytes_{0}, objects_{0}, evictions_{0}, insertions_{0}, refused_{0};
  std::atomic<std::int64_t> latest_{0};            // seconds
};

}  // namespace davenport::store
