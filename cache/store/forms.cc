// cache/store/forms.cc: the part of the store (memory_store.h) that keeps coded forms beside their sources.
#include "cache/store/memory_store.h"

namespace davenport::store {

StoredPtr MemoryStore::form(const StoredResponse& source, policy::Coding coding) {
  const Hash128 hash = source.hash();
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  if (!source.live()) return nullptr;
  for (StoredResponse* each = shard.index.find(tag_of(hash), source.key()); each != nullptr; each = shard.index.next(*each)) {
    if (!each->form() || each->coding() != coding || each->selector() != source.selector()) continue;
    each->refs_.fetch_add(1, std::memory_order_relaxed);
    each->mark_hit();
    return StoredPtr(this, each);
  }
  return nullptr;
}

std::vector<StoredPtr> MemoryStore::forms(const StoredResponse& source) {
  std::vector<StoredPtr> out;
  const Hash128 hash = source.hash();
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  if (!source.live()) return out;
  for (StoredResponse* each = shard.index.find(tag_of(hash), source.key()); each != nullptr; each = shard.index.next(*each)) {
    if (!each->form() || each->selector() != source.selector()) continue;
    each->refs_.fetch_add(1, std::memory_order_relaxed);
    out.push_back(StoredPtr(this, each));
  }
  return out;
}

Draft MemoryStore::form_draft(const StoredResponse& source, policy::Coding coding, std::string_view head) const {
  Draft draft;
  draft.key = {source.key(), source.resource(), {}, {}};
  draft.selector = source.selector();
  draft.head = head;
  draft.facts = source.facts();
  draft.tags = source.tags();
  draft.coding = coding;
  return draft;
}

PutResult MemoryStore::add_form(const StoredResponse& source, policy::Coding coding, bool strong, const FillPtr& fill,
                                std::string_view head, StoredPtr* out) {
  PutResult result = PutResult::stored;
  StoredPtr fresh = make_response(fill, form_draft(source, coding, head), result);
  if (!fresh) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return result;
  }
  const std::uint8_t bits = StoredResponse::kForm | (strong ? StoredResponse::kStrong : 0);
  fresh->node_.owner_coding.fetch_or(bits, std::memory_order_relaxed);
  result = publish_form(fresh, source);
  if (out != nullptr) *out = std::move(fresh);
  return result;
}

PutResult MemoryStore::carry_form(const StoredResponse& source, const StoredResponse& form, std::string_view head) {
  const Draft draft = form_draft(source, form.coding(), head);
  const StoredPtr fresh = names_fit(draft) ? make_with_body_of(form, draft) : nullptr;
  if (!fresh) return PutResult::no_room;
  const std::uint8_t bits = StoredResponse::kForm | (form.strong() ? StoredResponse::kStrong : 0);
  fresh->node_.owner_coding.fetch_or(bits, std::memory_order_relaxed);
  return publish_form(fresh, source);
}

// Its source's key is in the index, so that no room is needed there.
PutResult MemoryStore::publish_form(const StoredPtr& fresh, const StoredResponse& source) {
  auto& entry = const_cast<StoredResponse&>(*fresh);
  Body* const body = entry.body_ == 0 ? nullptr : &entry.large();
  if (body != nullptr) {
    const std::lock_guard lock(eviction_mutex_);
    share_body(*body);
  }
  const Hash128 hash = source.hash();
  Shard& shard = shard_of(hash);
  Removed removed;
  bool placed = false;
  {
    const std::lock_guard lock(shard.mutex);
    if (source.live()) {
      for (StoredResponse* each = shard.index.find(tag_of(hash), entry.key()); each != nullptr; each = shard.index.next(*each)) {
        if (each->form() && each->coding() == entry.coding() && each->selector() == entry.selector()) {
          removed.entries[removed.count++] = each;
        }
      }
      unlink_all(shard, tag_of(hash), removed);
      entry.refs_.fetch_add(1, std::memory_order_relaxed);   // the index's
      shard.index.link(tag_of(hash), entry);
      entry.set(StoredResponse::kLive);
      objects_.fetch_add(1, std::memory_order_relaxed);
      placed = true;
    }
  }
  for (std::size_t i = 0; i < removed.count; ++i) retire(*removed.entries[i]);
  {
    const std::lock_guard lock(eviction_mutex_);
    if (placed && entry.live()) eviction_->insert(entry.node_);
    if (!placed && body != nullptr) unshare_body(*body);
  }
  settle_tables();
  return placed ? PutResult::stored : PutResult::purged;
}

}  // namespace davenport::store
