// cache/store/eviction.h: which response goes first. Two policies behind one interface, over nodes that lie in what is
// evicted: nothing is allocated for a resident one.
//   lru      a CLOCK: one queue; what was used since it last came to the end goes round again
//   s3_fifo  a small queue for what is new, a main queue for what was used again, and a table of hashes of what
//            left the small one unused (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023)
// A hit touches no queue: it raises the node's `hits`, an atomic, while below kMaxHits.
// Thread  the caller's lock. Time: none; Residents::expired() says what need not go round again.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

#include "config/config.h"

namespace davenport::store {

// 16-byte aligned places inside one region; a reference to one is its distance from the region's base in those steps.
struct Node {
  static constexpr std::uint8_t kMaxHits = 3;

  std::uint32_t previous = 0, next = 0;
  std::atomic<std::uint8_t> hits{0};
  std::uint8_t queue = 0;               // 0: in none
  std::atomic<std::uint8_t> owner_flags{0};   // no policy looks at these two: they lie here for the sake of alignment
  std::atomic<std::uint8_t> owner_coding{0};

  void mark_hit() {
    const std::uint8_t seen = hits.load(std::memory_order_relaxed);
    if (seen < kMaxHits) hits.store(seen + 1, std::memory_order_relaxed);   // a lost count between two threads is none
  }
};

// What a policy asks about the nodes it orders.
class Residents {
 public:
  virtual ~Residents() = default;
  virtual std::uint64_t bytes_of(const Node& node) const = 0;   // the same as long as it is queued
  virtual std::uint64_t hash_of(const Node& node) const = 0;    // of its name, to know it again
  virtual bool expired(const Node& node) const = 0;
};

class Eviction {
 public:
  virtual ~Eviction() = default;
  virtual void insert(Node& node) = 0;
  virtual void erase(Node& node) = 0;       // one that is queued
  // No longer queued; null: there is none. `sparse`: what has stayed longest keeps too much memory half used.
  virtual Node* take_victim(bool sparse = false) = 0;
  virtual std::uint64_t table_bytes() const { return 0; }   // what it holds beside the nodes
};

// `base` and `residents` outlive it. `table_limit_bytes` bounds the hashes that s3_fifo remembers.
std::unique_ptr<Eviction> make_eviction(config::Eviction kind, char* base, const Residents& residents,
                                        std::uint64_t table_limit_bytes);

// A list of nodes, newest first, with its bytes.
class NodeQueue {
 public:
  NodeQueue(char* base, std::uint8_t id) : base_(base), id_(id) {}
  void push(Node& node, std::uint64_t bytes);
  void erase(Node& node, std::uint64_t bytes);
  void rotate();                            // the oldest becomes the newest
  Node* oldest() const { return last_ == 0 ? nullptr : &at(last_); }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t count() const { return count_; }

 private:
  Node& at(std::uint32_t place) const { return *reinterpret_cast<Node*>(base_ + std::uint64_t{place} * 16); }
  std::uint32_t place_of(const Node& node) const;

  char* base_;
  std::uint8_t id_;
  std::uint32_t first_ = 0, last_ = 0;
  std::uint64_t bytes_ = 0, count_ = 0;
};

// Hashes of what was evicted unused, as 32-bit prints in two generations: the newer one fills up to `window` of them,
// then it becomes the older one and what that held is forgotten. So between one and two windows are remembered, in
// about 10 bytes for each of a window. A print that two names share costs a place in the wrong queue, nothing else.
class GhostTable {
 public:
  explicit GhostTable(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  void add(std::uint64_t hash, std::uint64_t window);
  bool take(std::uint64_t hash);            // was it there? It is not afterwards
  std::uint64_t bytes() const { return newer_.bytes() + older_.bytes(); }

 private:
  static constexpr std::size_t kSlots = 8;
  struct Bucket {
    std::uint32_t prints[kSlots];           // 0: empty
  };
  struct Generation {
    std::unique_ptr<Bucket[]> buckets;
    std::uint32_t bucket_count = 0;
    std::uint64_t added = 0, room = 0;
    std::uint64_t bytes() const { return std::uint64_t{bucket_count} * sizeof(Bucket); }
    Bucket& bucket_of(std::uint32_t print) const { return buckets[(std::uint64_t{print} * bucket_count) >> 32]; }
    bool take(std::uint32_t print);
  };

  void turn(std::uint64_t window);

  std::uint64_t limit_bytes_;
  Generation newer_, older_;
};

}  // namespace davenport::store
