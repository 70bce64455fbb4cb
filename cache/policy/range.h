// cache/policy/range.h: ranges of a stored whole (RFC 9110 §14) and of stored parts (RFC 9111 §3.3, §3.4).
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/http/message.h"

namespace davenport::policy {

struct ByteRange {
  std::uint64_t first = 0, last = 0;      // inclusive
  std::uint64_t size() const { return last - first + 1; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct RangePlan {
  enum class Kind : std::uint8_t { whole /* no range, or ignored */, single, several, unsatisfiable /* 416 */ };
  Kind kind = Kind::whole;
  std::vector<ByteRange> ranges;          // in the order asked
};
// The plan for a GET whose answer would be 200. Applies If-Range (strong comparison; a date only when equal to a strong
// Last-Modified, §13.1.5). Overlapping or many ranges ("at most `max_ranges`", abusive sums) are answered whole.
RangePlan plan_range(const http::RequestHead& request, const http::Fields& stored, std::uint64_t body_bytes,
                     std::size_t max_ranges = 16);

}  // namespace davenport::policy
