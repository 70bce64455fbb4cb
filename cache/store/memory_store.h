// cache/store/memory_store.h: complete, immutable responses under one byte bound, and the in-flight bodies that may
// become some. (Cut here as a contract; the private part belongs to the implementation.)
//     StoredPtr hit = store.find(parts, request.fields, rules, scratch).stored;    // a reference, never a copy
//     FillPtr fill = store.begin_fill(content_length);  fill->append(bytes) …;  store.commit(fill, draft);
// Bound   bytes() <= capacity_bytes after each call: body, head, index, tags, fills and pinned bytes all count, in arena
//         pages in use. Eviction order is global; the index is sharded.
// Thread  any; one shard's lock for look-up and reference only, never across a suspension or an origin's time.
// Time    none is read: whether a response may be reused is decided in policy/ (RFC 9111 §4.2). `now` is passed where
//         expired entries are to be preferred for eviction.
// Errors  begin_fill() and append() may refuse (memory pinned, too large): the response is then passed, not stored.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "cache/policy/key.h"
#include "cache/store/stored_response.h"
#include "config/config.h"
#include "core/http/fields.h"

namespace davenport::store {

// See stored_response.h for ownership.
class StoredPtr;     // intrusive pointer to const StoredResponse; moves are free, copies count

struct Lookup {
  StoredPtr stored;          // null: nothing matches
  bool other_variants;       // the key has responses, none of which matches (RFC 9111 §4.1)
};

// Everything of a response but its body, at commit.
struct Draft {
  policy::KeyParts key;
  std::string_view selector;
  std::string_view head;
  policy::StoredFacts facts;
  std::span<const Hash128> tags;
  purge::Position position = 0;     // applied here before the origin was asked
  bool marker = false;
};

// A body that is arriving. Written by one thread, read by any, under the flight's lock: it has none of its own.
class Fill {
 public:
  bool append(std::string_view bytes);             // false: no room (too large, or memory pinned); nothing was added
  std::span<char> reserve(std::size_t hint);       // room to read(2) into, at least 1 byte, or empty: no room
  void commit_reserved(std::size_t bytes);
  std::uint64_t size() const;
  std::size_t body(std::uint64_t offset, std::uint64_t length, std::span<iovec> out, std::uint64_t& covered) const;
  // Streaming without storing: frees whole pieces before `offset`; afterwards it can't be committed.
  void drop_front(std::uint64_t offset);
};
using FillPtr = std::shared_ptr<Fill>;

enum class PutResult : std::uint8_t { stored, too_large, too_many_variants, no_room, purged };

class MemoryStore {
 public:
  Lookup find(const policy::KeyParts& key, const http::Fields& request, const config::CacheRules& rules, std::string& scratch);

  FillPtr begin_fill(std::uint64_t expected_bytes);     // 0: unknown; null: refused (pinned share exceeded)
  // Replaces the variant with the same selector, keeps the others. The fill's bytes become the response's; other holders of
  // the FillPtr may go on reading them. `log` is checked once more under the shard's lock: what a purge since
  // draft.position hits is refused as `purged` (hard) or stored as soft-purged.
  PutResult commit(const FillPtr& fill, const Draft& draft, const purge::Log& log, std::uint32_t max_variants, StoredPtr* out = nullptr);
  // A new entry with the same body (a 304 or HEAD updated the fields): the body is shared, not copied.
  PutResult replace_head(const StoredPtr& old, const Draft& draft, const purge::Log& log, StoredPtr* out = nullptr);

  void erase(const StoredResponse& entry);                  // this one, if it is still the one in the index
  std::vector<StoredPtr> variants(const policy::KeyParts& key);     // for explain, invalidation

  // Walks the index in slices of bounded time, off the workers; `each` returns true to drop the entry. Returns the count.
  std::uint64_t sweep(const std::function<bool(const StoredResponse&)>& each);

  struct Stats { std::uint64_t bytes, capacity_bytes, pinned_bytes, fill_bytes, objects, evictions, insertions, refused; };
  Stats stats() const;
};

}  // namespace davenport::store
