// tests/support/sanitized.h: is this a sanitizer's build? Their shadow memory counts as resident, so that bounds on it mean less.
#pragma once
#include <cstdint>

namespace davenport::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// How much a process may grow where `bytes` is the bound of a plain build: still far below what the test pushes through.
constexpr std::uint64_t grown_by(std::uint64_t bytes) { return kSanitized ? 4 * bytes + (32 << 20) : bytes; }

}  // namespace davenport::testing
