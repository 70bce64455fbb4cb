// core/http/bytes.h: which byte may stand where, and scans that pass 16 bytes at a time over those that may. One table
// and one set of masks for every parser and check, so that HTTP/1.1 and HTTP/2 refuse the same bytes.
//     const char* stop = skip_value(p, end);      // the first byte that is no part of a field value, or end
#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace davenport::http::bytes {

enum Class : std::uint8_t {
  kToken = 1,       // RFC 9110 §5.6.2
  kValue = 2,       // RFC 9110 §5.5: visible, SP, HTAB, obs-text
  kTarget = 4,      // uri.h is_target_char
  kHost = 8,        // uri.h: a registered name
  kUnreserved = 16, // RFC 3986 §2.3
  kHex = 32,
  kDigit = 64,
};

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9';
    const bool alpha = (c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 0x80;
    unsigned classes = 0;
    const auto among = [c](const char* set) {
      for (; *set; ++set) {
        if (static_cast<unsigned char>(*set) == c) return true;
      }
      return false;
    };
    if (digit || alpha || among("!#$%&'*+-.^_`|~")) classes |= kToken;
    if ((c >= 0x20 && c != 0x7f) || c == '\t') classes |= kValue;
    if (c > 0x20 && c < 0x7f && !among("\"#<>\\")) classes |= kTarget;
    if (digit || alpha || among("-._~")) classes |= kHost | kUnreserved;
    if (digit || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f' && alpha)) classes |= kHex;
    if (digit) classes |= kDigit;
    table[c] = static_cast<std::uint8_t>(classes);
  }
  return table;
}
inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

constexpr bool is(char c, Class wanted) { return (kClasses[static_cast<unsigned char>(c)] & wanted) != 0; }

// The value of a hexadecimal digit; -1 for another byte.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

constexpr const char* skip(const char* p, const char* end, Class wanted) {
  while (p != end && is(*p, wanted)) ++p;
  return p;
}

#if defined(__SSE2__)
// A bit for each of 16 bytes that is no part of a field value: below 0x20 but not HTAB, or 0x7f.
inline unsigned value_stops(const char* p) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
  const __m128i tab = _mm_cmpeq_epi8(x, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del)));
}

// The same for targets. Signed: bytes from 0x80 are below 0x21 too. One bit masked joins " with #, and < with >.
inline unsigned target_stops(const char* p) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  __m128i stop = _mm_cmplt_epi8(x, _mm_set1_epi8(0x21));
  stop = _mm_or_si128(stop, _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)));
  stop = _mm_or_si128(stop, _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
  stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_and_si128(x, _mm_set1_epi8('\xfe')), _mm_set1_epi8('"')));
  stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_and_si128(x, _mm_set1_epi8('\xfd')), _mm_set1_epi8('<')));
  return static_cast<unsigned>(_mm_movemask_epi8(stop));
}
#endif

inline const char* skip_value(const char* p, const char* end) {
#if defined(__SSE2__)
  while (end - p >= 16) {
    if (const unsigned stops = value_stops(p)) return p + std::countr_zero(stops);
    p += 16;
  }
#endif
  return skip(p, end, kValue);
}

inline const char* skip_target(const char* p, const char* end) {
#if defined(__SSE2__)
  while (end - p >= 16) {
    if (const unsigned stops = target_stops(p)) return p + std::countr_zero(stops);
    p += 16;
  }
#endif
  return skip(p, end, kTarget);
}

// Is all of it allowed in a field value? For what was checked before and is looked at once more: every part is read in words,
// the last of which may overlap the one before.
inline bool is_value(const char* p, std::size_t size) {
#if defined(__SSE2__)
  if (size >= 16) {
    const char* const last = p + size - 16;
    for (; p < last; p += 16) {
      if (value_stops(p) != 0) return false;
    }
    return value_stops(last) == 0;
  }
  if (size >= 8) {
    const __m128i ends = _mm_unpacklo_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)),
                                            _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + size - 8)));
    alignas(16) char both[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(both), ends);
    return value_stops(both) == 0;
  }
#endif
  return skip(p, p + size, kValue) == p + size;
}

// The first ':' among the next 16 bytes; null where there is none, or where fewer are left.
inline const char* near_colon(const char* p, const char* end) {
#if defined(__SSE2__)
  if (end - p >= 16) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto colons = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8(':'))));
    if (colons != 0) return p + std::countr_zero(colons);
  }
#else
  static_cast<void>(p), static_cast<void>(end);
#endif
  return nullptr;
}

}  // namespace davenport::http::bytes
