// tests/cache/store/support.h: keys, drafts and bodies for the store's tests, and a log that the test moves.
#pragma once
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "cache/policy/vary.h"
#include "cache/purge/embedded_log.h"
#include "cache/store/memory_store.h"

namespace davenport::store::test {

inline config::Cache settings(std::uint64_t memory_bytes, config::Eviction eviction = config::Eviction::s3_fifo) {
  config::Cache out;
  out.memory_bytes = memory_bytes;
  out.eviction = eviction;
  return out;
}

// "scheme|resource|rest" as one string, with its parts. Movable: the views are made on demand.
struct Key {
  std::string bytes;
  std::size_t offset, length;
  explicit Key(std::string_view resource, std::string_view rest = "")
      : bytes("http|" + std::string(resource) + "|" + std::string(rest)), offset(5), length(resource.size()) {}
  policy::KeyParts parts() const {
    const std::string_view resource = std::string_view(bytes).substr(offset, length);
    return {bytes, resource, hash128(bytes, process_seed()), hash128(resource, process_seed())};
  }
};

inline std::string body_of(std::string_view name, std::size_t bytes) {
  std::string out;
  out.reserve(bytes + name.size() + 1);
  while (out.size() < bytes) out.append(name).push_back('.');
  out.resize(bytes);
  return out;
}

inline policy::StoredFacts fresh_facts(std::int64_t date = 1'000'000, std::uint32_t lifetime = 60) {
  policy::StoredFacts facts;
  facts.date = facts.response_time = WallSeconds{Seconds{date}};
  facts.lifetime = lifetime;
  facts.status = 200;
  return facts;
}

// What is put, with defaults that a test changes.
struct Put {
  std::string selector, head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
  policy::StoredFacts facts = fresh_facts();
  std::vector<Hash128> tags;
  purge::Position position = 0;
  bool marker = false;
  std::uint32_t max_variants = 64;
  bool announce_length = true;
};

inline Draft draft_of(const Key& key, const Put& put) {
  return {key.parts(), put.selector, put.head, put.facts, put.tags, put.position, put.marker};
}

inline PutResult put(MemoryStore& store, const purge::Log& log, const Key& key, std::string_view body,
                     const Put& how = {}, StoredPtr* out = nullptr) {
  const FillPtr fill = store.begin_fill(how.announce_length ? body.size() : 0);
  if (fill == nullptr || !fill->append(body)) return PutResult::no_room;
  return store.commit(fill, draft_of(key, how), log, how.max_variants, out);
}

inline Lookup find(MemoryStore& store, const Key& key, const http::Fields& request = {}) {
  std::string scratch;
  return store.find(key.parts(), request, config::CacheRules{}, scratch);
}

// The bytes that body() shows, asked for in pieces of at most `slots` iovecs.
template <class Holder>
std::string read_body(const Holder& holder, std::uint64_t offset, std::uint64_t length, std::size_t slots = 4) {
  std::string out;
  std::vector<iovec> pieces(slots);
  while (length > 0) {
    std::uint64_t covered = 0;
    const std::size_t used = holder.body(offset, length, pieces, covered);
    if (used == 0) break;
    for (std::size_t i = 0; i < used; ++i) out.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    offset += covered;
    length -= covered;
  }
  return out;
}

inline std::string whole_body(const StoredResponse& entry) { return read_body(entry, 0, entry.body_bytes()); }

// A selector that the request with these fields matches.
inline std::string selector_for(std::string_view vary, const http::Fields& request) {
  http::Fields response;
  response.add_copy("Vary", vary);
  return policy::make_selector(response, request, config::CacheRules{});
}

inline purge::Request purge_of(purge::Kind kind, std::string_view name, bool soft = false) {
  purge::Request out;
  out.targets.push_back({kind, std::string(name)});
  out.soft = soft;
  return out;
}

}  // namespace davenport::store::test
