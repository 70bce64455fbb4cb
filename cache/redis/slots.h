// cache/redis/slots.h: which node of a Redis Cluster has a key. Pure.
//     const NodeAddress* node = map.master(slot_of("davenport:{3f…}"));
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cache/redis/reply.h"
#include "core/base/result.h"

namespace davenport::redis {

inline constexpr std::uint16_t kSlotCount = 16'384;

std::uint16_t crc16(std::string_view bytes);        // XMODEM: polynomial 0x1021, from 0
// CRC16 mod 16384 of what stands between the first "{" and the next "}", where that is not empty, else of the whole key.
std::uint16_t slot_of(std::string_view key);

struct NodeAddress {
  std::string host;                                 // as the cluster names it: numeric mostly
  std::uint16_t port = 0;
  std::string text() const { return host + ":" + std::to_string(port); }
  friend bool operator==(const NodeAddress&, const NodeAddress&) = default;
};

// Owners of slots. Value type; the addresses stay where they are until the map is replaced.
class SlotMap {
 public:
  // A CLUSTER SLOTS reply. An empty or null host stands for the node that was asked. An empty map, a slot out of range and a
  // reply of another shape are errors: the old map is better than such a one.
  static Result<SlotMap> parse(const Reply& reply, std::string_view asked_host);
  static SlotMap single(NodeAddress node);          // one server for everything

  bool empty() const { return nodes_.empty(); }
  const NodeAddress* master(std::uint16_t slot) const;              // null: nobody
  const NodeAddress* replica(std::uint16_t slot, std::uint32_t pick) const;   // one of them, by `pick`; null: none
  const std::vector<NodeAddress>& nodes() const { return nodes_; }
  void move(std::uint16_t slot, const NodeAddress& to);             // MOVED: one slot, its replicas forgotten

 private:
  struct Shard {
    std::uint16_t master = 0;                       // index into nodes_
    std::vector<std::uint16_t> replicas;
  };
  std::uint16_t index_of(const NodeAddress& node);
  static constexpr std::uint16_t kNobody = 0xffff;

  std::vector<NodeAddress> nodes_;
  std::vector<Shard> shards_;
  std::array<std::uint16_t, kSlotCount> shard_of_{};   // index into shards_ + 1; 0: nobody
};

}  // namespace davenport::redis
