// cache/policy/range.h: ranges of a stored whole (RFC 9110 §14) and of stored parts (RFC 9111 §3.3, §3.4).
#pragma once
#include <cstdint>
#include <optional>
#include <span>
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
// Last-Modified, §13.1.5). Overlapping or many ranges ("at most `max_ranges`") are answered whole, and so is an empty body.
RangePlan plan_range(const http::RequestHead& request, const http::Fields& stored, std::uint64_t body_bytes,
                     std::size_t max_ranges = 16);

// --- Parts -----------------------------------------------------------------------------------------------------------

// What a single-part 206 encloses (§14.4, §15.3.7.1).
struct Part {
  ByteRange range;
  std::optional<std::uint64_t> complete;  // bytes of the whole, where it is known
  bool whole() const { return complete && range.first == 0 && range.size() == *complete; }
};
// nullopt where it is no 206, in several parts, of another unit, malformed, or contradicted by its Content-Length.
std::optional<Part> part_of(const http::ResponseHead& response);
// The same of a stored 206's fields.
std::optional<Part> part_in(const http::Fields& fields);

// The plan for a GET with Range when only `have` is stored: `single` with absolute positions where the one range asked for
// lies wholly inside (§3.3), else `whole`, which here means: the origin has to be asked. `stored`: the 206's fields.
RangePlan plan_from_part(const http::RequestHead& request, const http::Fields& stored, const Part& have);

// The bytes of `wanted` that `have` does not hold, in ascending order (§3.3: what completes a stored part).
std::vector<ByteRange> missing_ranges(const ByteRange& wanted, std::span<const ByteRange> have);

// May bytes of these two answers be put together (§3.4)? The same strong validator in both: an ETag, or where neither has one a
// Last-Modified at least a second older than each Date (RFC 9110 §8.8.2.2).
bool combinable(const http::Fields& stored, const http::Fields& other);

}  // namespace davenport::policy
