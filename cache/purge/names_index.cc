#include "cache/purge/names_index.h"

#include <algorithm>
#include <mutex>

namespace davenport::purge {

using policy::PurgeState;

namespace {

PurgeState stronger(PurgeState a, PurgeState b) { return std::max(a, b); }   // valid < soft < hard

void raise(std::atomic<Position>& last, Position position) {
  if (last.load(std::memory_order_relaxed) < position) last.store(position, std::memory_order_release);
}

}  // namespace

PurgeState NamesIndex::Purged::state(Position since) const {
  return hard > since ? PurgeState::hard : soft > since ? PurgeState::soft : PurgeState::valid;
}

NamesIndex::NamesIndex(std::size_t names_limit)
    : names_limit_(names_limit), url_filter_(new Filter{}), tag_filter_(new Filter{}) {}

NamesIndex::Table* NamesIndex::table_of(const Remembered& name) {
  switch (name.kind) {
    case Kind::url: return &urls_;
    case Kind::tag: return &tags_;
    case Kind::prefix: return &prefixes_[name.length];
    case Kind::all: return nullptr;
  }
  return nullptr;
}

// The exact tables first, then what lets a reader look at them: see may_hit().
void NamesIndex::note(const Target& target, Position position, bool soft) {
  if (target.kind == Kind::all) {
    raise(soft ? all_.soft : all_.hard, position);
    return;
  }
  const Remembered name{position, target.kind, soft, static_cast<std::uint32_t>(target.name.size()),
                        hash_of(target)};
  {
    const std::unique_lock lock(mutex_);
    (*table_of(name))[name.hash].raise(position, soft);
    order_.push_back(name);
  }
  switch (target.kind) {
    case Kind::url: raise((*url_filter_)[slot_of(name.hash)], position); break;
    case Kind::tag: raise((*tag_filter_)[slot_of(name.hash)], position); break;
    case Kind::prefix: raise(last_prefix_, position); break;
    case Kind::all: break;
  }
}

void NamesIndex::record(const Request& request, Position position) {
  for (const Target& target : request.targets) note(target, position, request.soft);
}

bool NamesIndex::may_hit(const Names& names, Position since) const {
  constexpr auto acquire = std::memory_order_acquire;
  if (last_prefix_.load(acquire) > since) return true;
  if ((*url_filter_)[slot_of(names.resource_hash)].load(acquire) > since) return true;
  for (std::size_t i = 0; i < names.tag_count; ++i) {
    if ((*tag_filter_)[slot_of(names.tags[i])].load(acquire) > since) return true;
  }
  return false;
}

const NamesIndex::Purged* NamesIndex::find_in(const Table& table, const Hash128& hash) const {
  const auto place = table.find(hash);
  return place == table.end() ? nullptr : &place->second;
}

PurgeState NamesIndex::find(const Names& names, Position since) const {
  constexpr auto acquire = std::memory_order_acquire;
  if (all_.hard.load(acquire) > since || floor_.hard.load(acquire) > since) return PurgeState::hard;
  const bool all_soft = all_.soft.load(acquire) > since || floor_.soft.load(acquire) > since;
  PurgeState state = all_soft ? PurgeState::soft : PurgeState::valid;
  if (unknown_.load(acquire) > since) state = PurgeState::validate;
  if (!may_hit(names, since)) return state;

  const std::shared_lock lock(mutex_);
  const auto look = [&](const Table& table, const Hash128& hash) {
    if (const Purged* purged = find_in(table, hash)) state = stronger(state, purged->state(since));
  };
  look(urls_, names.resource_hash);
  for (std::size_t i = 0; i < names.tag_count; ++i) look(tags_, names.tags[i]);
  if (last_prefix_.load(acquire) > since) {
    for (const auto& [length, table] : prefixes_) {
      if (length > names.resource.size()) break;
      look(table, hash128(names.resource.substr(0, length), process_seed()));
    }
  }
  // What was forgotten between the floor's load above and the lock is behind the floor now.
  if (floor_.hard.load(acquire) > since) state = PurgeState::hard;
  if (floor_.soft.load(acquire) > since) state = stronger(state, PurgeState::soft);
  return state;
}

std::size_t NamesIndex::size() const {
  const std::shared_lock lock(mutex_);
  return order_.size();
}

Position NamesIndex::crowded(std::size_t more) const {
  const std::shared_lock lock(mutex_);
  if (order_.size() + more <= names_limit_ || order_.empty()) return 0;
  const std::size_t excess = order_.size() + more - names_limit_;
  return order_[std::min(order_.size(), std::max(excess, names_limit_ / 2)) - 1].position;
}

void NamesIndex::raise_floor(Position position) { raise(unknown_, position); }

// The floor is raised before the name goes, so that no reader finds neither.
void NamesIndex::forget_through(Position position) {
  const std::unique_lock lock(mutex_);
  while (!order_.empty() && order_.front().position <= position) {
    const Remembered& name = order_.front();
    raise(name.soft ? floor_.soft : floor_.hard, name.position);
    Table& table = *table_of(name);
    const auto place = table.find(name.hash);
    if (place != table.end() && std::max(place->second.hard, place->second.soft) <= name.position) table.erase(place);
    if (name.kind == Kind::prefix && table.empty()) prefixes_.erase(name.length);
    order_.pop_front();
  }
}

}  // namespace davenport::purge
