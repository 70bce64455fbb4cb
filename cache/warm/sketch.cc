#include "cache/warm/sketch.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace davenport::warm {
namespace {

constexpr double kLeastCost = 0.1, kNewShare = 0.1;            // milliseconds; of a new fetch in a moving average
constexpr std::string_view kMagic = "DVP2";

void sort_heaviest_first(std::vector<Popular>& list, std::size_t most) {
  std::sort(list.begin(), list.end(), [](const Popular& a, const Popular& b) { return a.weight != b.weight ? a.weight > b.weight : std::tie(a.key, a.selector) < std::tie(b.key, b.selector); });
  if (list.size() > most) list.resize(most);
}

template <class Number>
void put(std::string& out, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i) out += static_cast<char>(number >> (8 * i));
}
template <class Number>
bool take(std::string_view& in, Number& number) {
  if (in.size() < sizeof number) return false;
  number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = static_cast<Number>(number | Number{static_cast<unsigned char>(in[i])} << (8 * i));
  in.remove_prefix(sizeof number);
  return true;
}

Hash128 hash_of(const Of& of) {
  if (of.selector.empty()) return of.hash;
  const Hash128 variant = hash128(of.selector, of.hash.low);
  return {variant.low, variant.high ^ of.hash.high};
}

}  // namespace

Sketch::Entry& Sketch::place_for(const Of& of) {
  const Hash128 hash = hash_of(of);
  if (const auto found = places_.find(hash); found != places_.end()) return entries_[found->second];
  if (entries_.size() < most_) {
    places_.emplace(hash, static_cast<std::uint32_t>(entries_.size()));
    Entry& entry = entries_.emplace_back();
    entry.key = of.key;
    entry.selector = of.selector;
    entry.hash = hash;
    return entry;
  }
  std::size_t lightest = next_random() % entries_.size();
  for (std::size_t i = 1; i < kTried; ++i) {
    const std::size_t other = next_random() % entries_.size();
    if (entries_[other].weight < entries_[lightest].weight) lightest = other;
  }
  Entry& entry = entries_[lightest];
  places_.erase(entry.hash);
  places_.emplace(hash, static_cast<std::uint32_t>(lightest));
  entry.key = of.key;
  entry.selector = of.selector;
  entry.hash = hash;
  entry.error = entry.weight;
  entry.hits = entry.cost_ms = 0;
  entry.look_at = {};
  return entry;
}

Sketch::Entry& Sketch::add(const Of& of, double hits) {
  Entry& entry = place_for(of);
  entry.hits += hits;
  entry.weight += hits * cost_of(entry);
  return entry;
}

void Sketch::missed(const Of& of, Micros origin_time) {
  if (most_ == 0) return;
  const double cost = std::max(kLeastCost, static_cast<double>(origin_time.count()) / 1e3);
  usual_cost_ms_ += kNewShare * (cost - usual_cost_ms_);
  Entry& entry = place_for(of);
  entry.cost_ms = entry.cost_ms == 0 ? cost : entry.cost_ms + 0.5 * (cost - entry.cost_ms);
  entry.hits += 1;
  entry.weight += entry.cost_ms;
}

void Sketch::fade(double factor) {
  for (Entry& entry : entries_) {
    entry.weight *= factor;
    entry.error *= factor;
    entry.hits *= factor;
  }
}

std::vector<Popular> Sketch::top(std::size_t most) const {
  std::vector<Popular> list;
  for (const Entry& entry : entries_) {
    if (entry.weight - entry.error > 0) list.push_back({entry.key, entry.selector, entry.weight - entry.error});
  }
  sort_heaviest_first(list, most);
  return list;
}

std::vector<Popular> merged(const std::vector<std::vector<Popular>>& lists, std::size_t most) {
  std::map<std::pair<std::string_view, std::string_view>, double> sums;
  for (const std::vector<Popular>& list : lists) {
    for (const Popular& each : list) sums[{each.key, each.selector}] += each.weight;
  }
  std::vector<Popular> out;
  out.reserve(sums.size());
  for (const auto& [of, weight] : sums) out.push_back({std::string(of.first), std::string(of.second), weight});
  sort_heaviest_first(out, most);
  return out;
}

std::string encode_popular(const std::vector<Popular>& list) {
  std::string out(kMagic);
  for (const Popular& each : list) {
    if (each.key.size() > 0xffff || each.selector.size() > Sketch::kMostSelector) continue;
    if (out.size() + each.key.size() + each.selector.size() + 12 > kListBytes) break;
    put(out, static_cast<std::uint16_t>(each.key.size()));
    put(out, static_cast<std::uint16_t>(each.selector.size()));
    put(out, static_cast<std::uint64_t>(std::llround(std::clamp(each.weight * 1e3, 0.0, 1e18))));
    out += each.key;
    out += each.selector;
  }
  return out;
}

std::vector<Popular> decode_popular(std::string_view bytes) {
  std::vector<Popular> list;
  if (!bytes.starts_with(kMagic)) return list;
  bytes.remove_prefix(kMagic.size());
  std::uint16_t size = 0, selector_size = 0;
  std::uint64_t weight = 0;
  while (take(bytes, size) && take(bytes, selector_size) && take(bytes, weight) && std::size_t{size} + selector_size <= bytes.size()) {
    list.push_back({std::string(bytes.substr(0, size)), std::string(bytes.substr(size, selector_size)), static_cast<double>(weight) / 1e3});
    bytes.remove_prefix(std::size_t{size} + selector_size);
  }
  return list;
}

}  // namespace davenport::warm
