// core/http/field_names.h: the well-known field names and a hash without collisions over them, both made at build time.
// For fields.cc and the parser, which want the look-up inline; everybody else calls field_id().
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/http/fields.h"

namespace davenport::http::detail {

inline constexpr std::array<std::string_view, kFieldIdCount> kNames = {
    "", "accept", "accept-encoding", "accept-language", "accept-ranges", "age", "allow", "authorization",
    "cache-control", "cache-status", "cache-tag", "cdn-cache-control", "connection", "content-encoding",
    "content-language", "content-length", "content-location", "content-range", "content-type", "cookie", "date",
    "etag", "expect", "expires", "forwarded", "host", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "keep-alive", "last-modified", "location", "origin", "pragma", "proxy-authenticate",
    "proxy-authentication-info", "proxy-authorization", "proxy-connection", "proxy-status", "range", "retry-after",
    "server", "set-cookie", "surrogate-control", "surrogate-key", "te", "trailer", "transfer-encoding", "upgrade",
    "user-agent", "vary", "via", "www-authenticate", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
    "x-request-id",
};

// A name of 32 bytes at most, and 0x20 where a letter stands: (byte | fold) == text is equality in any case, exactly.
struct FoldedName {
  char text[32] = {};
  char fold[32] = {};
  std::uint8_t size = 0;
};

inline constexpr std::size_t kSlots = 512;

struct NameTable {
  std::array<FoldedName, kFieldIdCount> names{};
  std::array<std::uint8_t, kSlots> slots{};    // FieldId, 0 where none
  unsigned first_factor = 0, last_factor = 0;
};

constexpr std::size_t slot_of(unsigned size, unsigned char first, unsigned char last, unsigned a, unsigned b) {
  return (size + (first | 0x20u) * a + (last | 0x20u) * b) % kSlots;
}

constexpr NameTable make_name_table() {
  NameTable table;
  for (std::size_t id = 1; id < kFieldIdCount; ++id) {
    FoldedName& name = table.names[id];
    name.size = static_cast<std::uint8_t>(kNames[id].size());
    for (std::size_t i = 0; i < kNames[id].size(); ++i) {
      name.text[i] = kNames[id][i];
      name.fold[i] = kNames[id][i] == '-' ? '\0' : '\x20';
    }
  }
  for (unsigned a = 1; a < 128; ++a) {
    for (unsigned b = 1; b < 128; ++b) {
      std::array<std::uint8_t, kSlots> slots{};
      bool collides = false;
      for (std::size_t id = 1; id < kFieldIdCount && !collides; ++id) {
        const std::string_view name = kNames[id];
        std::uint8_t& slot = slots[slot_of(static_cast<unsigned>(name.size()), static_cast<unsigned char>(name.front()),
                                           static_cast<unsigned char>(name.back()), a, b)];
        collides = slot != 0;
        slot = static_cast<std::uint8_t>(id);
      }
      if (!collides) {
        table.slots = slots;
        table.first_factor = a;
        table.last_factor = b;
        return table;
      }
    }
  }
  return table;
}

inline constexpr NameTable kNameTable = make_name_table();
static_assert(kNameTable.first_factor != 0, "no factors without collisions: widen kSlots");

template <class Word>
bool folded_equal(const char* bytes, const FoldedName& name, std::size_t at) {
  Word word, text, fold;
  std::memcpy(&word, bytes + at, sizeof word);
  std::memcpy(&text, name.text + at, sizeof text);
  std::memcpy(&fold, name.fold + at, sizeof fold);
  return (word | fold) == text;
}

inline bool equals_known(std::string_view name, const FoldedName& known) {
  const std::size_t size = name.size();
  if (size != known.size) return false;
  const char* bytes = name.data();
  if (size >= 8) {                             // words, the last of which may overlap the one before
    for (std::size_t i = 0; i + 8 < size; i += 8) {
      if (!folded_equal<std::uint64_t>(bytes, known, i)) return false;
    }
    return folded_equal<std::uint64_t>(bytes, known, size - 8);
  }
  if (size >= 4) return folded_equal<std::uint32_t>(bytes, known, 0) && folded_equal<std::uint32_t>(bytes, known,
      size - 4);
  for (std::size_t i = 0; i < size; ++i) {
    if (!folded_equal<char>(bytes, known, i)) return false;
  }
  return true;
}

inline FieldId find_known(std::string_view name) {
  if (name.empty()) return FieldId::other;
  const std::size_t slot =
      slot_of(static_cast<unsigned>(name.size()), static_cast<unsigned char>(name.front()),
              static_cast<unsigned char>(name.back()), kNameTable.first_factor, kNameTable.last_factor);
  const std::uint8_t id = kNameTable.slots[slot];
  return id != 0 && equals_known(name, kNameTable.names[id]) ? static_cast<FieldId>(id) : FieldId::other;
}

}  // namespace davenport::http::detail
