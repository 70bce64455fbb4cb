#include "cache/store/eviction.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace davenport::store {

std::uint32_t NodeQueue::place_of(const Node& node) const {
  return static_cast<std::uint32_t>((reinterpret_cast<const char*>(&node) - base_) / 16);
}

void NodeQueue::push(Node& node, std::uint64_t bytes) {
  const std::uint32_t place = place_of(node);
  node.queue = id_;
  node.previous = 0;
  node.next = first_;
  if (first_ != 0) at(first_).previous = place;
  first_ = place;
  if (last_ == 0) last_ = place;
  bytes_ += bytes;
  ++count_;
}

void NodeQueue::erase(Node& node, std::uint64_t bytes) {
  assert(node.queue == id_);
  (node.previous == 0 ? first_ : at(node.previous).next) = node.next;
  (node.next == 0 ? last_ : at(node.next).previous) = node.previous;
  node.queue = 0;
  node.previous = node.next = 0;
  bytes_ -= bytes;
  --count_;
}

void NodeQueue::rotate() {
  Node& node = at(last_);
  erase(node, 0);
  push(node, 0);
}

bool GhostTable::Generation::take(std::uint32_t print) {
  if (bucket_count == 0) return false;
  for (std::uint32_t& slot : bucket_of(print).prints) {
    if (slot == print) {
      slot = 0;
      return true;
    }
  }
  return false;
}

void GhostTable::add(std::uint64_t hash, std::uint64_t window) {
  const std::uint32_t print = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(hash >> 32));
  if (newer_.added >= newer_.room) turn(window);
  if (newer_.bucket_count == 0) return;   // no room for any
  Bucket& bucket = newer_.bucket_of(print);
  std::uint32_t* place = &bucket.prints[newer_.added % kSlots];   // where the bucket is full, one of it goes
  for (std::uint32_t& slot : bucket.prints) {
    if (slot == 0 || slot == print) place = &slot;
  }
  *place = print;
  ++newer_.added;
}

bool GhostTable::take(std::uint64_t hash) {
  const std::uint32_t print = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(hash >> 32));
  return newer_.take(print) || older_.take(print);
}

// The older generation's memory becomes the newer one's where it is about as large as is needed now.
void GhostTable::turn(std::uint64_t window) {
  const std::uint64_t limit = limit_bytes_ / 2 / sizeof(Bucket);
  const std::uint64_t wanted = std::min<std::uint64_t>({window * 5 / 4 / kSlots + 1, limit, 0xffffffff});
  Generation old = std::move(older_);
  older_ = std::move(newer_);
  newer_ = {};
  if (old.bucket_count >= wanted && old.bucket_count <= wanted + wanted / 4) {
    std::fill_n(old.buckets.get(), old.bucket_count, Bucket{});
    newer_ = std::move(old);
  } else {
    old = {};
    if (wanted == 0) return;
    newer_.buckets.reset(new Bucket[wanted]());
    newer_.bucket_count = static_cast<std::uint32_t>(wanted);
  }
  newer_.added = 0;
  newer_.room = std::uint64_t{newer_.bucket_count} * kSlots * 4 / 5;
}

namespace {

constexpr std::uint8_t kSmall = 1, kMain = 2;

class Clock final : public Eviction {
 public:
  Clock(char* base, const Residents& residents) : queue_(base, kMain), residents_(residents) {}

  void insert(Node& node) override {
    node.hits.store(0, std::memory_order_relaxed);
    queue_.push(node, residents_.bytes_of(node));
  }

  void erase(Node& node) override { queue_.erase(node, residents_.bytes_of(node)); }

  // Ends: each turn takes a count away, though hits of other threads may add some meanwhile; so turns are bounded too.
  Node* take_victim(bool) override {
    for (std::uint64_t turns = 0; Node* node = queue_.oldest(); ++turns) {
      const std::uint8_t hits = node->hits.load(std::memory_order_relaxed);
      if (hits == 0 || turns > 2 * queue_.count() || residents_.expired(*node)) {
        queue_.erase(*node, residents_.bytes_of(*node));
        return node;
      }
      node->hits.store(0, std::memory_order_relaxed);
      queue_.rotate();
    }
    return nullptr;
  }

 private:
  NodeQueue queue_;
  const Residents& residents_;
};

class S3Fifo final : public Eviction {
 public:
  S3Fifo(char* base, const Residents& residents, std::uint64_t table_limit_bytes)
      : small_(base, kSmall), main_(base, kMain), residents_(residents), ghosts_(table_limit_bytes) {}

  void insert(Node& node) override {
    node.hits.store(0, std::memory_order_relaxed);
    const bool returns = ghosts_.take(residents_.hash_of(node));
    (returns ? main_ : small_).push(node, residents_.bytes_of(node));
  }

  void erase(Node& node) override {
    (node.queue == kSmall ? small_ : main_).erase(node, residents_.bytes_of(node));
  }

  // A tenth is the small queue's share. Where memory is sparse the main queue's oldest go first: they came when sizes
  // were others, and as long as one of them lies in a slab its pages serve no other size.
  Node* take_victim(bool sparse) override {
    for (;;) {
      const bool from_small = !sparse && small_.bytes() * 10 >= small_.bytes() + main_.bytes();
      if (from_small || main_.count() == 0) {
        if (small_.count() == 0) return nullptr;
        if (Node* node = oldest_small()) return node;
      } else {
        return oldest_main();
      }
    }
  }

  std::uint64_t table_bytes() const override { return ghosts_.bytes(); }

 private:
  std::uint64_t window() const { return main_.count() + small_.count(); }

  // Null: it was used since it came, and has moved on to the main queue.
  Node* oldest_small() {
    Node& node = *small_.oldest();
    const std::uint64_t bytes = residents_.bytes_of(node);
    const bool used = node.hits.load(std::memory_order_relaxed) >= kPromote && !residents_.expired(node);
    small_.erase(node, bytes);
    if (!used) {
      ghosts_.add(residents_.hash_of(node), window());
      return &node;
    }
    node.hits.store(0, std::memory_order_relaxed);
    main_.push(node, bytes);
    return nullptr;
  }

  Node* oldest_main() {
    for (std::uint64_t turns = 0;; ++turns) {
      Node& node = *main_.oldest();
      const std::uint8_t hits = node.hits.load(std::memory_order_relaxed);
      if (hits == 0 || turns > 4 * main_.count() || residents_.expired(node)) {
        main_.erase(node, residents_.bytes_of(node));
        return &node;
      }
      node.hits.store(hits - 1, std::memory_order_relaxed);
      main_.rotate();
    }
  }

  // The paper asks for two hits. On the traces of bench/replay.cc one is as good by objects and better by bytes.
  static constexpr std::uint8_t kPromote = 1;

  NodeQueue small_, main_;
  const Residents& residents_;
  GhostTable ghosts_;
};

}  // namespace

std::unique_ptr<Eviction> make_eviction(config::Eviction kind, char* base, const Residents& residents,
                                        std::uint64_t table_limit_bytes) {
  switch (kind) {
    case config::Eviction::lru: return std::make_unique<Clock>(base, residents);
    case config::Eviction::s3_fifo: return std::make_unique<S3Fifo>(base, residents, table_limit_bytes);
  }
  return nullptr;
}

}  // namespace davenport::store
