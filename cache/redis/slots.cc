#include "cache/redis/slots.h"

#include <algorithm>

namespace davenport::redis {
namespace {

constexpr std::array<std::uint16_t, 256> make_table() {
  std::array<std::uint16_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    table[i] = static_cast<std::uint16_t>(crc);
  }
  return table;
}
constexpr auto kTable = make_table();

constexpr std::size_t kMaxNodes = 4'096;

// [host, port, …]
Result<NodeAddress> read_node(const Reply& node, std::string_view asked_host) {
  if (node.kind() != Reply::Kind::array || node.size() < 2) return Error{"a node is not [host, port, …]"};
  const Reply host = node[0], port = node[1];
  if (host.kind() != Reply::Kind::text && host.kind() != Reply::Kind::nil) return Error{"a host is no text"};
  if (port.kind() != Reply::Kind::integer || port.integer() < 1 || port.integer() > 65'535) return Error{"a port is none"};
  const std::string_view name = host.text();
  return NodeAddress{std::string(name.empty() || name == "?" ? asked_host : name), static_cast<std::uint16_t>(port.integer())};
}

}  // namespace

std::uint16_t crc16(std::string_view bytes) {
  std::uint16_t crc = 0;
  for (const char c : bytes) {
    crc = static_cast<std::uint16_t>((crc << 8) ^ kTable[((crc >> 8) ^ static_cast<unsigned char>(c)) & 0xff]);
  }
  return crc;
}

std::uint16_t slot_of(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close != open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return crc16(key) % kSlotCount;
}

std::uint16_t SlotMap::index_of(const NodeAddress& node) {
  const auto at = std::find(nodes_.begin(), nodes_.end(), node);
  if (at != nodes_.end()) return static_cast<std::uint16_t>(at - nodes_.begin());
  if (nodes_.size() >= kMaxNodes) return kNobody;
  nodes_.push_back(node);
  return static_cast<std::uint16_t>(nodes_.size() - 1);
}

Result<SlotMap> SlotMap::parse(const Reply& reply, std::string_view asked_host) {
  if (reply.kind() != Reply::Kind::array) return Error{"CLUSTER SLOTS: no list"};
  SlotMap map;
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const Reply range = reply[i];
    if (range.kind() != Reply::Kind::array || range.size() < 3) return Error{"CLUSTER SLOTS: a range is not [from, to, master, …]"};
    const Reply from = range[0], to = range[1];
    const bool numbers = from.kind() == Reply::Kind::integer && to.kind() == Reply::Kind::integer;
    if (!numbers || from.integer() < 0 || to.integer() >= kSlotCount || from.integer() > to.integer()) {
      return Error{"CLUSTER SLOTS: a range is out of bounds"};
    }
    Shard shard;
    for (std::size_t n = 2; n < range.size(); ++n) {
      const Result<NodeAddress> node = read_node(range[n], asked_host);
      if (!node) return Error{"CLUSTER SLOTS: " + node.error().message};
      const std::uint16_t index = map.index_of(*node);
      if (index == kNobody) return Error{"CLUSTER SLOTS: too many nodes"};
      if (n == 2) shard.master = index;
      else shard.replicas.push_back(index);
    }
    map.shards_.push_back(std::move(shard));
    for (std::int64_t slot = from.integer(); slot <= to.integer(); ++slot) {
      if (map.shard_of_[static_cast<std::size_t>(slot)] != 0) return Error{"CLUSTER SLOTS: a slot has two owners"};
      map.shard_of_[static_cast<std::size_t>(slot)] = static_cast<std::uint16_t>(map.shards_.size());
    }
  }
  if (map.empty()) return Error{"CLUSTER SLOTS: nobody has any slot", true};
  return map;
}

SlotMap SlotMap::single(NodeAddress node) {
  SlotMap map;
  map.shards_.push_back({map.index_of(node), {}});
  map.shard_of_.fill(1);
  return map;
}

const NodeAddress* SlotMap::master(std::uint16_t slot) const {
  const std::uint16_t shard = shard_of_[slot % kSlotCount];
  return shard == 0 ? nullptr : &nodes_[shards_[shard - 1u].master];
}

const NodeAddress* SlotMap::replica(std::uint16_t slot, std::uint32_t pick) const {
  const std::uint16_t shard = shard_of_[slot % kSlotCount];
  if (shard == 0 || shards_[shard - 1u].replicas.empty()) return nullptr;
  const auto& replicas = shards_[shard - 1u].replicas;
  return &nodes_[replicas[pick % replicas.size()]];
}

void SlotMap::move(std::uint16_t slot, const NodeAddress& to) {
  slot %= kSlotCount;
  const std::uint16_t node = index_of(to);
  if (node == kNobody) return;
  // The shard that this node is master of, or a new one: a map does not grow by moves to known masters.
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    if (shards_[i].master != node) continue;
    shard_of_[slot] = static_cast<std::uint16_t>(i + 1);
    return;
  }
  if (shards_.size() >= kSlotCount) return;
  shards_.push_back({node, {}});
  shard_of_[slot] = static_cast<std::uint16_t>(shards_.size());
}

}  // namespace davenport::redis
