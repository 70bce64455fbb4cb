#include "proxy/origin/balance.h"

#include <cmath>

namespace davenport::origin {
namespace {

std::size_t round_robin(std::span<Place> places) {
  std::int64_t sum = 0;
  std::size_t best = kNoPlace;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!places[i].usable) continue;
    places[i].credit += places[i].weight;
    sum += places[i].weight;
    if (best == kNoPlace || places[i].credit > places[best].credit) best = i;
  }
  if (best != kNoPlace) places[best].credit -= sum;
  return best;
}

// The usable place in which the `at`-th unit of weight lies; `skip` is left out.
std::size_t draw(std::span<const Place> places, std::size_t skip, std::uint64_t at) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!places[i].usable || i == skip) continue;
    if (at < places[i].weight) return i;
    at -= places[i].weight;
  }
  return kNoPlace;
}

std::size_t least_outstanding(std::span<const Place> places, std::uint64_t random) {
  std::uint64_t sum = 0;
  for (const Place& place : places) sum += place.usable ? place.weight : 0;
  if (sum == 0) return kNoPlace;
  const std::size_t first = draw(places, kNoPlace, (random >> 32) % sum);
  const std::uint64_t rest = sum - places[first].weight;
  if (rest == 0) return first;
  const std::size_t second = draw(places, first, (random & 0xffffffff) % rest);
  const auto load = [&](std::size_t of, std::size_t other) {
    return std::uint64_t{places[of].outstanding} * places[other].weight;
  };
  return load(second, first) < load(first, second) ? second : first;
}

std::size_t rendezvous(std::span<const Place> places, std::uint64_t affinity) {
  std::size_t best = kNoPlace;
  double best_score = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!places[i].usable) continue;
    std::uint64_t state = affinity ^ places[i].identity;
    // In (0, 1): -ln is then positive, and weight / -ln(u) gives each place its share.
    const double u = (static_cast<double>(next_random(state) >> 11) + 0.5) / 9007199254740992.0;
    const double score = static_cast<double>(places[i].weight) / -std::log(u);
    if (best == kNoPlace || score > best_score) {
      best = i;
      best_score = score;
    }
  }
  return best;
}

}  // namespace

std::size_t choose(config::Balance how, std::span<Place> places, std::uint64_t affinity, std::uint64_t random) {
  switch (how) {
    case config::Balance::round_robin: return round_robin(places);
    case config::Balance::least_outstanding: return least_outstanding(places, random);
    case config::Balance::consistent_hash: return rendezvous(places, affinity);
  }
  return kNoPlace;
}

}  // namespace davenport::origin
