#include "cache/store/stored_response.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

#include "cache/store/memory_store.h"

namespace davenport::store {
namespace {

std::uintptr_t step_of(const void* place) { return reinterpret_cast<std::uintptr_t>(place) / Body::kAlignBytes; }

char* put(char* at, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

}  // namespace

StoredResponse::StoredResponse(const Draft& draft, const Layout& layout, Body* body)
    : facts_(draft.facts),
      head_bytes_(static_cast<std::uint32_t>(layout.head)),
      inline_bytes_(static_cast<std::uint16_t>(layout.inline_bytes)),
      tag_count_(static_cast<std::uint16_t>(layout.tags)),
      key_bytes_(static_cast<std::uint16_t>(layout.key)),
      resource_offset_(static_cast<std::uint16_t>(draft.key.resource.data() - draft.key.key.data())),
      resource_bytes_(static_cast<std::uint16_t>(draft.key.resource.size())),
      selector_bytes_(static_cast<std::uint16_t>(layout.selector)) {
  static_assert(sizeof(StoredResponse) % alignof(Hash128) == 0, "the tags lie behind it");
  assert(resource_offset_ + resource_bytes_ <= key_bytes_);
  std::uninitialized_copy_n(draft.tags.data(), layout.tags, reinterpret_cast<Hash128*>(this + 1));
  put(put(put(text(), draft.key.key), draft.selector), draft.head);
  if (draft.marker) set(kMarker);
  node_.owner_coding.store(static_cast<std::uint8_t>(static_cast<std::uint8_t>(draft.coding) | (draft.codable ? kCodable : 0)),
                           std::memory_order_relaxed);
  if (body != nullptr) {
    body_ = static_cast<std::int32_t>(static_cast<std::intptr_t>(step_of(body) - step_of(this)));
    assert(&large() == body && body_ != 0);
  }
}

Body& StoredResponse::large() const {
  const std::uintptr_t step = step_of(this) + static_cast<std::uintptr_t>(std::intptr_t{body_});
  return *reinterpret_cast<Body*>(step * Body::kAlignBytes);
}

std::size_t StoredResponse::body(std::uint64_t offset, std::uint64_t length, std::span<iovec> out,
                                 std::uint64_t& covered) const {
  if (body_ != 0) return large().view(offset, length, out, covered);
  covered = 0;
  if (offset >= inline_bytes_ || length == 0 || out.empty()) return 0;
  covered = std::min<std::uint64_t>(length, inline_bytes_ - offset);
  out[0] = {const_cast<StoredResponse*>(this)->inline_body() + offset, covered};   // iovec has no const
  return 1;
}

std::size_t StoredResponse::piece_bytes() const {
  return Layout{tag_count_, key_bytes_, selector_bytes_, head_bytes_, inline_bytes_}.total();
}

std::uint64_t StoredResponse::bytes_held() const {
  return Arena::held_bytes(piece_bytes()) + (body_ == 0 ? 0 : large().held_bytes());
}

bool StoredResponse::expired(WallSeconds now) const {
  const std::int64_t kept = std::int64_t{facts_.lifetime} + facts_.keep +
                            std::max(facts_.stale_while_revalidate, facts_.stale_if_error);
  return facts_.age(now) > kept;
}

void StoredPtr::reset() {
  if (entry_ == nullptr) return;
  store_->release(*std::exchange(entry_, nullptr));
  store_ = nullptr;
}

}  // namespace davenport::store
