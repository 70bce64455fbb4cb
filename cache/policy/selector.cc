#include "cache/policy/selector.h"

#include <cstdint>
#include <cstring>

#include "core/http/grammar.h"

namespace davenport::policy {
namespace {

template <class Size>
void append_size(std::string& out, std::size_t size) {
  const auto value = static_cast<Size>(size);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

void append_selected(std::string& selector, const Selected& chosen) {
  append_size<std::uint16_t>(selector, chosen.name.size());
  selector.append(chosen.name);
  append_size<std::uint32_t>(selector, chosen.value ? chosen.value->size() + 1 : 0);
  if (chosen.value) selector.append(*chosen.value);
  append_size<std::uint16_t>(selector, chosen.language.size());
  selector.append(chosen.language);
}

std::size_t SelectorReader::fail() {
  failed_ = true;
  rest_ = {};
  return 0;
}

template <class Size>
std::size_t SelectorReader::size() {
  Size value = 0;
  if (rest_.size() < sizeof value) return fail();
  std::memcpy(&value, rest_.data(), sizeof value);
  rest_.remove_prefix(sizeof value);
  return value;
}

std::string_view SelectorReader::bytes(std::size_t count) {
  if (count > rest_.size()) count = fail();
  const std::string_view out = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return out;
}

std::optional<Selected> SelectorReader::next() {
  if (rest_.empty()) return std::nullopt;
  Selected chosen;
  chosen.name = bytes(size<std::uint16_t>());
  const std::size_t value_size = size<std::uint32_t>();
  if (value_size > 0) chosen.value = bytes(value_size - 1);
  chosen.language = bytes(size<std::uint16_t>());
  if (chosen.name.empty()) fail();
  if (failed_) return std::nullopt;
  return chosen;
}

std::string names_of_selector(std::string_view selector) {
  std::string names;
  SelectorReader reader(selector);
  while (const auto chosen = reader.next()) names.append(names.empty() ? "" : ", ").append(chosen->name);
  return reader.failed() ? std::string{} : names;
}

std::string plain_selector(std::string_view selector) {
  std::string plain;
  SelectorReader reader(selector);
  while (const auto chosen = reader.next()) append_selected(plain, {chosen->name, chosen->value, {}});
  return reader.failed() ? std::string{} : plain;
}

std::optional<std::vector<std::pair<std::string, std::string>>> fields_of_selector(std::string_view selector) {
  std::vector<std::pair<std::string, std::string>> fields;
  SelectorReader reader(selector);
  while (const auto chosen = reader.next()) {
    if (!chosen->value) continue;
    if (chosen->name == "cookie" || chosen->name == "authorization") return std::nullopt;
    if (!http::is_token(chosen->name) || !http::is_field_value(*chosen->value)) return std::nullopt;
    fields.emplace_back(chosen->name, *chosen->value);
  }
  if (reader.failed()) return std::nullopt;
  return fields;
}

}  // namespace davenport::policy
