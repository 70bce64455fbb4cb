// Range and Content-Range: what is read, written and read again is the same, and keeps its bounds.
#include "core/http/grammar.h"
#include "fuzz/fuzz.h"

namespace davenport::fuzz {
namespace {

std::string number(const std::optional<std::uint64_t>& value, const char* otherwise) {
  return value ? std::to_string(*value) : otherwise;
}

std::string text_of(const std::vector<http::ByteRangeSpec>& ranges) {
  std::string out = "bytes=";
  for (const http::ByteRangeSpec& range : ranges) {
    require(range.first || range.last, "a range has a position");
    require(!range.first || !range.last || *range.first <= *range.last, "a range does not end before it begins");
    out += number(range.first, "") + "-" + number(range.last, "") + ",";
  }
  return out;
}

std::string text_of(const http::ContentRange& range) {
  const std::string part = range.first ? number(range.first, "") + "-" + number(range.last, "") : "*";
  return "bytes " + part + "/" + number(range.complete, "*");
}

}  // namespace
}  // namespace davenport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto ranges = http::parse_range(text, 8)) {
    fuzz::require(!ranges->empty() && ranges->size() <= 8, "at least one range, at most as many as asked");
    const std::string written = fuzz::text_of(*ranges);
    const auto again = http::parse_range(written, 8);
    fuzz::require(again.has_value(), "a range that is written is read");
    fuzz::require_equal(fuzz::text_of(*again), written, "ranges are the same");
  }
  if (const auto range = http::parse_content_range(text)) {
    fuzz::require(range->first.has_value() == range->last.has_value(), "a part has two ends");
    fuzz::require(!range->last || !range->complete || *range->last < *range->complete, "a part lies inside");
    const std::string written = fuzz::text_of(*range);
    const auto again = http::parse_content_range(written);
    fuzz::require(again.has_value(), "a content range that is written is read");
    fuzz::require_equal(fuzz::text_of(*again), written, "content ranges are the same");
  }
  return 0;
}
