#include "core/http/fields.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/base/text.h"
#include "core/http/field_names.h"

namespace davenport::http {
namespace {

constexpr std::size_t kBlockBytes = 448;       // of own(): what we add to a request on its way to an origin fits into one

// Is `view` inside [base, base + size]? As numbers: the old buffer may be gone, and pointers into different objects
// have no order. A view that ends at the end counts, also an empty one.
bool inside(std::string_view view, const char* base, std::size_t size) {
  const auto offset = reinterpret_cast<std::uintptr_t>(view.data()) - reinterpret_cast<std::uintptr_t>(base);
  return view.data() != nullptr && offset <= size && view.size() <= size - offset;
}

}  // namespace

FieldId field_id(std::string_view name) { return detail::find_known(name); }

std::string_view field_name(FieldId id) { return detail::kNames[static_cast<std::size_t>(id)]; }

std::string_view rebased(std::string_view view, const char* old_base, std::size_t size, const char* new_base) {
  if (!inside(view, old_base, size)) return view;
  const auto offset = reinterpret_cast<std::uintptr_t>(view.data()) - reinterpret_cast<std::uintptr_t>(old_base);
  return {new_base + offset, view.size()};
}

Fields Fields::clone() const {
  Fields copy;
  copy.list_.reserve(list_.size());
  std::size_t bytes = 0;
  for (const Field& field : list_) bytes += field.name.size() + field.value.size();
  copy.owned_.push_back(std::make_unique_for_overwrite<char[]>(bytes == 0 ? 1 : bytes));
  char* at = copy.owned_.back().get();
  const auto keep = [&at](std::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    const std::string_view kept(at, text.size());
    at += text.size();
    return kept;
  };
  for (const Field& field : list_) {
    const std::string_view name = keep(field.name);
    copy.list_.push_back({name, keep(field.value), field.id});
  }
  copy.present_ = present_;
  return copy;
}

void Fields::add(std::string_view name, std::string_view value) { add(field_id(name), name, value); }

void Fields::add_copy(std::string_view name, std::string_view value) {
  char* const at = own(name.size() + value.size());
  if (!name.empty()) std::memcpy(at, name.data(), name.size());
  if (!value.empty()) std::memcpy(at + name.size(), value.data(), value.size());
  add(std::string_view(at, name.size()), std::string_view(at + name.size(), value.size()));
}

void Fields::add_value(FieldId id, std::string_view name, std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  char* const value = own(size);
  char* end = value;
  for (const std::string_view part : parts) {
    if (!part.empty()) std::memcpy(end, part.data(), part.size());
    end += part.size();
  }
  add(id, name, {value, size});
}

void Fields::set_copy(std::string_view name, std::string_view value) {
  // Copied first: `name` and `value` may be views of a line that is removed here.
  add_copy(name, value);
  const Field added = list_.back();
  list_.pop_back();
  remove(added.name);
  list_.push_back(added);
  present_ |= field_bit(added.id);
}

void Fields::remove(FieldId id) {
  assert(id != FieldId::other);
  if (has(id)) remove_if([id](const Field& field) { return field.id == id; });
}

void Fields::remove(std::string_view name) {
  const FieldId id = field_id(name);
  if (id != FieldId::other) {
    remove(id);
  } else if (has(FieldId::other)) {
    remove_if([name](const Field& field) { return field.id == FieldId::other && iequals(field.name, name); });
  }
}

const Field* Fields::find(FieldId id) const {
  if (!has(id)) return nullptr;
  for (const Field& field : list_) {
    if (field.id == id) return &field;
  }
  return nullptr;
}

const Field* Fields::find(std::string_view name) const {
  const FieldId id = field_id(name);
  if (id != FieldId::other) return find(id);
  for (const Field& field : list_) {
    if (field.id == FieldId::other && iequals(field.name, name)) return &field;
  }
  return nullptr;
}

std::string_view Fields::get(FieldId id) const {
  const Field* const field = find(id);
  return field ? field->value : std::string_view();
}

std::string_view Fields::get(std::string_view name) const {
  const Field* const field = find(name);
  return field ? field->value : std::string_view();
}

std::size_t Fields::count(FieldId id) const {
  if (!has(id)) return 0;
  std::size_t lines = 0;
  for (const Field& field : list_) lines += field.id == id;
  return lines;
}

namespace {

template <class Matches>
std::string_view combine(const std::vector<Field>& list, std::string& scratch, Matches matches) {
  const Field* first = nullptr;
  bool joined = false;
  for (const Field& field : list) {
    if (!matches(field)) continue;
    if (!first) {
      first = &field;
      continue;
    }
    if (!joined) scratch.assign(first->value);
    joined = true;
    scratch.append(", ").append(field.value);
  }
  if (!first) return {};
  return joined ? std::string_view(scratch) : first->value;
}

}  // namespace

std::string_view Fields::combined(FieldId id, std::string& scratch) const {
  if (!has(id)) return {};
  return combine(list_, scratch, [id](const Field& field) { return field.id == id; });
}

std::string_view Fields::combined(std::string_view name, std::string& scratch) const {
  const FieldId id = field_id(name);
  if (id != FieldId::other) return combined(id, scratch);
  return combine(list_, scratch,
                 [name](const Field& field) { return field.id == FieldId::other && iequals(field.name, name); });
}

void Fields::rebase(const char* old_base, std::size_t size, const char* new_base) {
  if (old_base == new_base) return;
  for (Field& field : list_) {
    field.name = rebased(field.name, old_base, size, new_base);
    field.value = rebased(field.value, old_base, size, new_base);
  }
}

void Fields::recount() {
  present_ = 0;
  for (const Field& field : list_) present_ |= field_bit(field.id);
}

// Room that lives as long as the lines, from blocks that several of them share.
char* Fields::own(std::size_t bytes) {
  if (room_ == nullptr || bytes > room_bytes_) {
    const std::size_t block = std::max(bytes, kBlockBytes);
    owned_.push_back(std::make_unique_for_overwrite<char[]>(block));
    if (block - bytes < room_bytes_) return owned_.back().get();     // the older block has more left
    room_ = owned_.back().get();
    room_bytes_ = block;
  }
  char* const at = room_;
  room_ += bytes;
  room_bytes_ -= bytes;
  return at;
}

}  // namespace davenport::http
