// cache/store/stored_response.h: one complete response in memory: immutable, shared by reference, sent in place.
// Shape   one arena piece holds this header, then key, selector, head block and tag hashes; the body lies in arena
//         extents (a small one behind the head, in the same piece).
// Owner   StoredPtr, an intrusive count: whoever holds one keeps the bytes, after eviction and purge too. Dropping the
//         last one gives the pages back. Bytes held only so are the store's "pinned" ones.
// Thread  any. Only the atomics change after commit.
#pragma once
#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "cache/policy/facts.h"
#include "cache/purge/log.h"
#include "core/base/hash.h"

namespace davenport::store {

class MemoryStore;

class StoredResponse {
 public:
  const policy::StoredFacts& facts() const;
  Hash128 hash() const;                         // of key()
  Hash128 resource_hash() const;
  std::string_view key() const;
  std::string_view resource() const;            // inside key()
  std::string_view selector() const;            // policy/vary.h; "" where it has no Vary
  // Status line and fields, each line ended by CRLF, without the empty line: what is sent first. Age and Cache-Status are
  // the tail that a sender adds. Content-Length is in it; Connection, Transfer-Encoding and Age never are.
  std::string_view head() const;
  std::span<const Hash128> tags() const;
  bool marker() const;                          // hit-for-miss: no body, no head; "this key is uncacheable until it expires"

  std::uint64_t body_bytes() const;
  // Fills `out` with the pieces of [offset, offset + length) in order; returns how many it used and, in `covered`, how
  // many bytes they hold (less than asked when `out` is full).
  std::size_t body(std::uint64_t offset, std::uint64_t length, std::span<iovec> out, std::uint64_t& covered) const;
  std::uint64_t bytes_held() const;             // all arena bytes of this response

  // In the index, and the only response of its key: a worker may keep a reference and serve it without a look-up.
  bool live() const;
  bool sole() const;

  // The purge position it was last found valid at. A hit compares it with log.position() and asks check() on a difference.
  purge::Position checked_at() const;
  void mark_checked(purge::Position position) const;
  bool soft_purged() const;                     // sticky until it is replaced by a validated one
  void mark_soft_purged() const;
  void mark_hit() const;                        // the small frequency counter; written only while below its cap

  // One revalidation behind at a time: true for the one caller that may start it. end_refresh() when it has ended.
  bool begin_refresh() const;
  void end_refresh() const;
};

}  // namespace davenport::store
