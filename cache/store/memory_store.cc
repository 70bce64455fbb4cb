#include "cache/store/memory_store.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

#include "cache/policy/vary.h"

namespace davenport::store {
namespace {

// Of the whole budget: what the eviction policy may remember of evicted names.
constexpr std::uint64_t kTableShare = 64;
// Room in slabs that nothing fits into: more than this share, and what all the slabs of a small store may leave unused.
constexpr std::uint64_t kSparseShare = 8, kSparseBytes = 2 << 20;
// Key, selector and tags are counted in 16 bits. A head has a limit of its own in the parser; this one is the arena's.
constexpr std::size_t kMaxNameBytes = 0xffff;
constexpr std::size_t kMaxHeadBytes = 1 << 20;

}  // namespace

bool MemoryStore::names_fit(const Draft& draft) {
  return draft.key.key.size() <= kMaxNameBytes && draft.selector.size() <= kMaxNameBytes &&
         draft.tags.size() <= kMaxNameBytes && draft.head.size() <= kMaxHeadBytes;
}

MemoryStore::MemoryStore(const config::Cache& settings)
    : arena_(settings.memory_bytes), max_object_bytes_(settings.max_object_bytes) {
  eviction_ = make_eviction(settings.eviction, arena_.base(), *this, arena_.capacity_bytes() / kTableShare);
  for (Shard& shard : shards_) shard.index.set_base(arena_.base());
}

// Entries are destroyed with the region; nothing in them owns anything outside it.
MemoryStore::~MemoryStore() = default;

std::uint64_t MemoryStore::bytes_of(const Node& node) const {
  return reinterpret_cast<const StoredResponse&>(node).bytes_held();
}

std::uint64_t MemoryStore::hash_of(const Node& node) const {
  return reinterpret_cast<const StoredResponse&>(node).hash().low;
}

bool MemoryStore::expired(const Node& node) const {
  return reinterpret_cast<const StoredResponse&>(node).expired(latest());
}

// The last one named, not the greatest: a clock that was set back must not leave everything expired.
void MemoryStore::note_time(WallSeconds now) {
  latest_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

// ---- look-up -------------------------------------------------------------------------------------------------------

Lookup MemoryStore::find(const policy::KeyParts& key, const http::Fields& request, const config::CacheRules& rules,
                         std::string& scratch) {
  Shard& shard = shard_of(key.hash);
  const std::lock_guard lock(shard.mutex);
  StoredResponse* const first = shard.index.find(tag_of(key.hash), key.key);
  for (StoredResponse* each = first; each != nullptr; each = shard.index.next(*each)) {
    if (each->form()) continue;
    if (!each->selector().empty() && !policy::selector_matches(each->selector(), request, rules, scratch)) continue;
    each->refs_.fetch_add(1, std::memory_order_relaxed);
    each->mark_hit();
    return {StoredPtr(this, each), false};
  }
  return {nullptr, first != nullptr};
}

std::vector<StoredPtr> MemoryStore::variants(const policy::KeyParts& key) {
  std::vector<StoredPtr> out;
  Shard& shard = shard_of(key.hash);
  const std::lock_guard lock(shard.mutex);
  for (StoredResponse* each = shard.index.find(tag_of(key.hash), key.key); each != nullptr;
       each = shard.index.next(*each)) {
    each->refs_.fetch_add(1, std::memory_order_relaxed);
    out.push_back(StoredPtr(this, each));
  }
  return out;
}

// ---- room ----------------------------------------------------------------------------------------------------------

template <class Try>
auto MemoryStore::make_room(Try attempt) {
  for (;;) {
    if (auto got = attempt()) return got;
    if (!evict_one()) return decltype(attempt()){};
  }
}

void* MemoryStore::take(std::size_t bytes) {
  return make_room([&] { return arena_.allocate(bytes); });
}

// What cannot be evicted, because it is being sent or is arriving, may take three quarters; the rest is for what is
// stored.
bool MemoryStore::fill_may_grow() const {
  const std::uint64_t held =
      pinned_bytes_.load(std::memory_order_relaxed) + fill_bytes_.load(std::memory_order_relaxed);
  return held <= arena_.capacity_bytes() / 4 * 3;
}

Arena::Run MemoryStore::take_run(std::uint32_t pages) {
  if (!fill_may_grow()) return {};
  Arena::Run run;
  make_room([&] { return static_cast<bool>(run = arena_.allocate_run(pages)); });
  return run;
}

void* MemoryStore::take_fill_chunk(std::size_t bytes) { return fill_may_grow() ? take(bytes) : nullptr; }

// The victim leaves its queue under one lock and the index under another. The count taken in between keeps it whole;
// while it was queued, the index's own count could not be dropped without the first lock (see retire()).
bool MemoryStore::evict_one() {
  StoredPtr victim;
  {
    const bool sparse = arena_.idle_bytes() > arena_.capacity_bytes() / kSparseShare + kSparseBytes;
    const std::lock_guard lock(eviction_mutex_);
    Node* node = eviction_->take_victim(sparse);
    if (node == nullptr) return false;
    auto& entry = reinterpret_cast<StoredResponse&>(*node);
    entry.refs_.fetch_add(1, std::memory_order_relaxed);
    victim = StoredPtr(this, &entry);
  }
  if (remove(*victim)) evictions_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// Called with the shard's lock, which is given up while room is made. False: there is none.
bool MemoryStore::grow_index(Shard& shard, std::unique_lock<std::mutex>& lock) {
  for (std::size_t capacity = shard.index.next_capacity();; capacity *= 2) {
    const std::size_t had = shard.index.slot_count(), slots = ShardIndex::slots_for(capacity);
    lock.unlock();
    const bool charged = make_room([&] { return arena_.charge(slots * sizeof(std::uint64_t)); });
    ShardIndex::Slots larger;
    if (charged) larger = ShardIndex::make_slots(slots);
    lock.lock();
    const bool made = larger != nullptr;
    std::size_t unused = made ? had : slots;
    if (made && shard.index.slot_count() != had) {
      unused = slots;        // another thread was faster
    } else if (made) {
      larger = shard.index.grow(std::move(larger), capacity);
      if (shard.index.slot_count() == had) unused = slots;
    }
    if (charged) arena_.uncharge(unused * sizeof(std::uint64_t));
    if (!made || shard.index.slot_count() != had) return made;
  }
}

// The policy's tables grow as it works; what they grew by is charged as soon as it has room, if need be by evicting.
void MemoryStore::settle_tables() {
  std::uint64_t more = 0;
  {
    const std::lock_guard lock(eviction_mutex_);
    const std::uint64_t bytes = eviction_->table_bytes();
    if (bytes < charged_table_bytes_) arena_.uncharge(charged_table_bytes_ - bytes);
    if (bytes > charged_table_bytes_) more = bytes - charged_table_bytes_;
    charged_table_bytes_ = bytes;
  }
  if (more != 0 && !make_room([&] { return arena_.charge(more); })) {
    const std::lock_guard lock(eviction_mutex_);
    charged_table_bytes_ -= more;
  }
}

// ---- fills ---------------------------------------------------------------------------------------------------------

FillPtr MemoryStore::begin_fill(std::uint64_t expected_bytes) {
  const std::uint64_t pinned = pinned_bytes_.load(std::memory_order_relaxed);
  const std::uint64_t held = pinned + fill_bytes_.load(std::memory_order_relaxed);
  if (pinned > arena_.capacity_bytes() / 4 || held > arena_.capacity_bytes() / 2) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  return std::make_shared<Fill>(*this, expected_bytes);
}

// Makes the fill's pieces a body's. The last part of a page moves into a slab of its size; the page itself stays the
// fill's, since readers may be sending from it. Null: no room, and the fill is as it was.
Body* MemoryStore::seal(Fill& fill) {
  fill.drop_unused();
  auto& pieces = fill.pieces_;
  Fill::Piece& last = pieces.back();
  const std::uint64_t in_last = fill.size_bytes_ - last.start;
  char* tail = last.pages == 0 ? last.data : nullptr;
  std::uint32_t tail_bytes = static_cast<std::uint32_t>(in_last % Arena::kPageBytes);
  std::uint32_t last_pages = static_cast<std::uint32_t>((in_last + Arena::kPageBytes - 1) / Arena::kPageBytes);
  bool moved = false;
  if (last.pages == 0) {
    tail_bytes = static_cast<std::uint32_t>(in_last);
  } else if (tail_bytes != 0 && Arena::held_bytes(tail_bytes) < Arena::kPageBytes * 7 / 8) {
    tail = static_cast<char*>(take(tail_bytes));
    moved = tail != nullptr;
  }
  const std::size_t record_bytes = Body::record_bytes(pieces.size());
  void* place = take(record_bytes);
  if (place == nullptr) {
    if (moved) arena_.free(tail, tail_bytes);
    return nullptr;
  }
  std::int64_t handed = 0;
  for (const Fill::Piece& piece : pieces) handed += static_cast<std::int64_t>(Fill::held_bytes(piece));
  if (last.pages > last_pages) arena_.free_run({arena_.page_of(last.data) + last_pages, last.pages - last_pages});
  if (moved) {
    std::memcpy(tail, last.data + std::uint64_t{last_pages - 1} * Arena::kPageBytes, tail_bytes);
    fill.kept_ = {arena_.page_of(last.data) + --last_pages, 1};
    handed -= Arena::kPageBytes;
  }
  Body* body = new (place) Body;
  body->refs.store(2, std::memory_order_relaxed);     // the fill's and the response's
  body->size_bytes = fill.size_bytes_;
  body->tail = tail;
  body->tail_bytes = tail == nullptr ? 0 : tail_bytes;
  body->base = arena_.base();
  body->record_count = static_cast<std::uint32_t>(pieces.size());
  for (const Fill::Piece& piece : pieces) {
    if (piece.pages != 0) body->add_run(arena_.page_of(piece.data), &piece == &last ? last_pages : piece.pages);
  }
  fill.sealed_ = body;
  count_fill(-handed);
  return body;
}

void MemoryStore::share_body(Body& body) {
  if (body.live++ == 0 && body.pinned) {
    body.pinned = false;
    pinned_bytes_.fetch_sub(body.held_bytes(), std::memory_order_relaxed);
  }
}

void MemoryStore::unshare_body(Body& body) {
  if (--body.live == 0) {
    body.pinned = true;
    pinned_bytes_.fetch_add(body.held_bytes(), std::memory_order_relaxed);
  }
}

void MemoryStore::release_body(Body& body) {
  if (body.refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (body.pinned) pinned_bytes_.fetch_sub(body.held_bytes(), std::memory_order_relaxed);
  body.destroy(arena_);
}

// ---- publication ---------------------------------------------------------------------------------------------------

PutResult MemoryStore::refuse(PutResult why, const Draft& draft) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  if (why != PutResult::too_large && why != PutResult::no_room) return why;
  for (const StoredPtr& each : variants(draft.key)) {
    if (each->selector() == draft.selector) remove(*each);
  }
  return why;
}

StoredPtr MemoryStore::make_entry(const Draft& draft, const StoredResponse::Layout& layout, Body* body) {
  void* place = take(layout.total());
  if (place == nullptr) return nullptr;
  return {this, new (place) StoredResponse(draft, layout, body)};
}

// A response that is in no index yet. Null: `result` says why.
StoredPtr MemoryStore::make_response(const FillPtr& fill, const Draft& draft, PutResult& result) {
  const std::uint64_t size = fill == nullptr ? 0 : fill->size();
  const bool whole = fill == nullptr || (!fill->dropping_ && fill->sealed_ == nullptr);
  result = PutResult::too_large;
  if (!names_fit(draft) || size > max_object_bytes_ || !whole) return nullptr;
  StoredResponse::Layout layout{draft.tags.size(), draft.key.key.size(), draft.selector.size(), draft.head.size(),
                                size};
  Body* body = nullptr;
  result = PutResult::no_room;
  if (layout.total() > Arena::kSmallBytes && size != 0) {
    layout.inline_bytes = 0;
    body = seal(*fill);
    if (body == nullptr) return nullptr;
  }
  StoredPtr fresh = make_entry(draft, layout, body);
  if (!fresh) {
    if (body != nullptr) release_body(*body);
    return nullptr;
  }
  if (layout.inline_bytes != 0) {
    char* to = const_cast<StoredResponse&>(*fresh).inline_body();
    for (const Fill::Piece& piece : fill->pieces_) {
      if (piece.start >= size) break;
      std::memcpy(to + piece.start, piece.data, std::min<std::uint64_t>(piece.bytes, size - piece.start));
    }
  }
  result = PutResult::stored;
  return fresh;
}

PutResult MemoryStore::commit(const FillPtr& fill, const Draft& draft, const purge::Log& log,
                              std::uint32_t max_variants, StoredPtr* out) {
  note_time(draft.facts.response_time);
  PutResult result = PutResult::stored;
  const StoredPtr fresh = make_response(fill, draft, result);
  if (!fresh) return refuse(result, draft);
  result = publish(fresh, {draft.key.hash, draft.key.resource_hash, draft.position, max_variants}, log);
  if (result != PutResult::stored) return refuse(result, draft);
  if (out != nullptr) *out = fresh;
  return result;
}

// Null: no room.
StoredPtr MemoryStore::make_with_body_of(const StoredResponse& old, const Draft& draft) {
  StoredResponse::Layout layout{draft.tags.size(), draft.key.key.size(), draft.selector.size(), draft.head.size(),
                                old.inline_bytes_};
  Body* const body = old.body_ == 0 ? nullptr : &old.large();
  if (body != nullptr) body->refs.fetch_add(1, std::memory_order_relaxed);
  StoredPtr fresh = make_entry(draft, layout, body);
  if (!fresh) {
    if (body != nullptr) release_body(*body);
    return nullptr;
  }
  if (layout.inline_bytes != 0) {
    std::memcpy(const_cast<StoredResponse&>(*fresh).inline_body(), const_cast<StoredResponse&>(old).inline_body(),
                layout.inline_bytes);
  }
  return fresh;
}

StoredPtr MemoryStore::with_head(const StoredPtr& old, const Draft& draft) {
  return names_fit(draft) ? make_with_body_of(*old, draft) : nullptr;
}

PutResult MemoryStore::replace_head(const StoredPtr& old, const Draft& draft, const purge::Log& log, StoredPtr* out) {
  note_time(draft.facts.response_time);
  if (!names_fit(draft)) return refuse(PutResult::too_large, draft);
  const StoredPtr fresh = make_with_body_of(*old, draft);
  if (!fresh) return refuse(PutResult::no_room, draft);
  Publication how{draft.key.hash, draft.key.resource_hash, draft.position, 0, old.get()};
  const PutResult result = publish(fresh, how, log);
  if (result != PutResult::stored) return refuse(result, draft);
  if (out != nullptr) *out = fresh;
  return result;
}

// Under the shard's lock: what has to leave for `fresh`. False: it does not come in, and `result` says why.
bool MemoryStore::settle_place(Shard& shard, const StoredPtr& fresh, const Publication& how, Removed& removed,
                               PutResult& result) {
  std::uint32_t others = 0;
  StoredResponse* oldest_stale = nullptr;
  for (StoredResponse* each = shard.index.find(tag_of(how.hash), fresh->key()); each != nullptr;
       each = shard.index.next(*each)) {
    if (each->form()) continue;
    if (each == how.instead_of || each->selector() == fresh->selector()) {
      if (how.instead_of != nullptr && each != how.instead_of) {
        result = PutResult::stored;      // a newer one has taken the place meanwhile: it stays
        removed.count = 0;
        return false;
      }
      removed.entries[removed.count++] = each;
    } else {
      ++others;
      if (!each->facts().fresh(latest())) oldest_stale = each;   // the chain ends with the oldest Date
    }
  }
  if (how.instead_of == nullptr && others >= std::max<std::uint32_t>(how.max_variants, 1)) {
    if (oldest_stale == nullptr) {
      result = PutResult::too_many_variants;
      removed.count = 0;
      return false;
    }
    removed.entries[removed.count++] = oldest_stale;
  }
  for (std::size_t i = 0, sources = removed.count; i < sources; ++i) {
    add_forms_of(shard, tag_of(how.hash), *removed.entries[i], removed);
  }
  return true;
}

// Under the shard's lock.
void MemoryStore::add_forms_of(Shard& shard, std::uint32_t tag, const StoredResponse& source, Removed& removed) {
  for (StoredResponse* each = shard.index.find(tag, source.key()); each != nullptr; each = shard.index.next(*each)) {
    if (each->form() && each->selector() == source.selector()) removed.entries[removed.count++] = each;
  }
}

void MemoryStore::unlink_all(Shard& shard, std::uint32_t tag, const Removed& removed) {
  for (std::size_t i = 0; i < removed.count; ++i) {
    shard.index.unlink(tag, *removed.entries[i]);
    removed.entries[i]->clear(StoredResponse::kLive);
  }
}

PutResult MemoryStore::publish(const StoredPtr& fresh, const Publication& how, const purge::Log& log) {
  auto& entry = const_cast<StoredResponse&>(*fresh);
  Body* const body = entry.body_ == 0 ? nullptr : &entry.large();
  if (body != nullptr) {
    const std::lock_guard lock(eviction_mutex_);
    share_body(*body);
  }
  Shard& shard = shard_of(how.hash);
  const std::uint32_t tag = tag_of(how.hash);
  Removed removed;
  PutResult result = PutResult::stored;
  bool placed = false;
  {
    std::unique_lock lock(shard.mutex);
    while (!shard.index.has_room(tag) && result == PutResult::stored) {
      if (!grow_index(shard, lock)) result = PutResult::no_room;
    }
    // The position is read before the check, so that a purge recorded in between is looked at again by the next hit.
    const purge::Position position = log.position();
    const policy::PurgeState state =
        log.check({how.resource_hash, entry.resource(), entry.tags().data(), entry.tags().size()}, how.position);
    if (result == PutResult::stored && state == policy::PurgeState::hard) result = PutResult::purged;
    // What has to be validated stays so, until it was: a floor that was raised under its fetch is not passed by being stored.
    entry.mark_checked(state == policy::PurgeState::validate ? how.position : position);
    if (state == policy::PurgeState::soft) entry.mark_soft_purged();
    if (result == PutResult::stored && settle_place(shard, fresh, how, removed, result)) {
      unlink_all(shard, tag, removed);
      entry.refs_.fetch_add(1, std::memory_order_relaxed);   // the index's
      shard.index.link(tag, entry);
      entry.set(StoredResponse::kLive);
      objects_.fetch_add(1, std::memory_order_relaxed);
      placed = true;
    }
  }
  for (std::size_t i = 0; i < removed.count; ++i) retire(*removed.entries[i]);
  if (placed) {
    insertions_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(eviction_mutex_);
    if (entry.live()) eviction_->insert(entry.node_);   // not where it was erased meanwhile: retire() has been here
  } else if (body != nullptr) {
    const std::lock_guard lock(eviction_mutex_);
    unshare_body(*body);
  }
  settle_tables();
  return result;
}

// ---- removal -------------------------------------------------------------------------------------------------------

void MemoryStore::erase(const StoredResponse& entry) { remove(entry); }

// The caller holds a count of its own.
bool MemoryStore::remove(const StoredResponse& entry) {
  const Hash128 hash = entry.hash();
  Shard& shard = shard_of(hash);
  Removed removed;
  {
    const std::lock_guard lock(shard.mutex);
    if (!entry.live()) return false;
    removed.entries[removed.count++] = &const_cast<StoredResponse&>(entry);
    if (!entry.form()) add_forms_of(shard, tag_of(hash), entry, removed);
    unlink_all(shard, tag_of(hash), removed);
  }
  for (std::size_t i = 0; i < removed.count; ++i) retire(*removed.entries[i]);
  return true;
}

// For an entry that has just left the index: out of the eviction order, counted as pinned as long as somebody has it,
// and the index's count is dropped.
void MemoryStore::retire(StoredResponse& entry) {
  {
    const std::lock_guard lock(eviction_mutex_);
    if (entry.node_.queue != 0) eviction_->erase(entry.node_);
    entry.set(StoredResponse::kPinned);
    pinned_bytes_.fetch_add(Arena::held_bytes(entry.piece_bytes()), std::memory_order_relaxed);
    if (entry.body_ != 0) unshare_body(entry.large());
  }
  objects_.fetch_sub(1, std::memory_order_relaxed);
  release(entry);
}

void MemoryStore::release(const StoredResponse& entry) {
  if (entry.refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  auto& last = const_cast<StoredResponse&>(entry);
  const std::size_t bytes = last.piece_bytes();
  if (last.has(StoredResponse::kPinned)) pinned_bytes_.fetch_sub(Arena::held_bytes(bytes), std::memory_order_relaxed);
  Body* const body = last.body_ == 0 ? nullptr : &last.large();
  last.~StoredResponse();
  arena_.free(&last, bytes);
  if (body != nullptr) release_body(*body);
}

// ---- walks ---------------------------------------------------------------------------------------------------------

// Takes references to the next entries below `cursor` and moves it down. A table that grew meanwhile starts anew.
std::size_t MemoryStore::collect_slice(Shard& shard, std::size_t& cursor, std::uint32_t& turn,
                                       std::vector<StoredPtr>& out) {
  const std::lock_guard lock(shard.mutex);
  if (turn != shard.index.turn()) {
    turn = shard.index.turn();
    cursor = shard.index.slot_count();
  }
  std::size_t looked = 0;
  while (cursor > 0 && out.size() < kSliceEntries && looked++ < kSliceEntries * 8) {
    for (StoredResponse* each = shard.index.at_slot(--cursor); each != nullptr; each = shard.index.next(*each)) {
      each->refs_.fetch_add(1, std::memory_order_relaxed);
      out.push_back(StoredPtr(this, each));
    }
  }
  return cursor;
}

std::uint64_t MemoryStore::walk(const std::function<bool(const StoredResponse&)>& each, std::uint64_t* expired) {
  std::uint64_t dropped = 0;
  std::vector<StoredPtr> slice;
  slice.reserve(kSliceEntries * 2);
  for (Shard& shard : shards_) {
    std::size_t cursor = 0;
    std::uint32_t turn = ~0u;
    do {
      collect_slice(shard, cursor, turn, slice);
      for (const StoredPtr& entry : slice) {
        if (entry->form()) continue;           // it goes with its source
        if (each(*entry)) {
          dropped += remove(*entry) ? 1 : 0;
        } else if (entry->expired(latest()) && remove(*entry) && expired != nullptr) {
          ++*expired;
        }
      }
      slice.clear();
    } while (cursor > 0);
  }
  arena_.trim();
  return dropped;
}

std::uint64_t MemoryStore::sweep(const std::function<bool(const StoredResponse&)>& each) { return walk(each, nullptr); }

std::uint64_t MemoryStore::drop_expired(WallSeconds now) {
  note_time(now);
  std::uint64_t expired = 0;
  walk([](const StoredResponse&) { return false; }, &expired);
  return expired;
}

MemoryStore::Stats MemoryStore::stats() const {
  constexpr auto relaxed = std::memory_order_relaxed;
  return {arena_.used_bytes(), arena_.capacity_bytes(), pinned_bytes_.load(relaxed), fill_bytes_.load(relaxed),
          objects_.load(relaxed), evictions_.load(relaxed), insertions_.load(relaxed), refused_.load(relaxed)};
}

}  // namespace davenport::store
