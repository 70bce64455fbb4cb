#include "cache/policy/range.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/http/grammar.h"

namespace davenport::policy {
namespace {

using http::FieldId;
using Kind = RangePlan::Kind;

// A Last-Modified that is a strong validator: the Date beside it is at least a second later (RFC 9110 §8.8.2.2).
// The Date doubles as `now` for two-digit years: both were written by one clock.
std::optional<WallSeconds> strong_last_modified(const http::Fields& fields) {
  // A weak tag beside it says that its bytes change without it: so do those of forms that are made here.
  if (const auto tag = http::parse_entity_tag(fields.get(FieldId::etag)); tag && tag->weak) return std::nullopt;
  if (fields.count(FieldId::last_modified) != 1 || fields.count(FieldId::date) != 1) return std::nullopt;
  const auto date = http::parse_http_date(fields.get(FieldId::date), WallSeconds{});
  if (!date) return std::nullopt;
  const auto modified = http::parse_http_date(fields.get(FieldId::last_modified), *date);
  if (!modified || *modified + Seconds{1} > *date) return std::nullopt;
  return modified;
}

// §13.1.5. True: the Range counts.
bool if_range_holds(const http::RequestHead& request, const http::Fields& stored) {
  if (!request.fields.has(FieldId::if_range)) return true;
  if (request.fields.count(FieldId::if_range) != 1) return false;
  const std::string_view value = request.fields.get(FieldId::if_range);
  if (const auto asked = http::parse_entity_tag(value)) {
    const auto ours = http::parse_entity_tag(stored.get(FieldId::etag));
    return ours && http::strong_match(*asked, *ours);
  }
  const auto modified = strong_last_modified(stored);
  return modified && http::parse_http_date(value, *modified) == modified;
}

// The valid byte ranges asked for; nullopt: there are none, or they don't count.
std::optional<std::vector<http::ByteRangeSpec>> asked_ranges(const http::RequestHead& request, const http::Fields& stored,
                                                             std::size_t max_ranges) {
  if (request.method != http::Method::get || request.fields.count(FieldId::range) != 1) return std::nullopt;
  auto specs = http::parse_range(request.fields.get(FieldId::range), max_ranges);
  if (!specs || !if_range_holds(request, stored)) return std::nullopt;
  return specs;
}

// §14.1.2 against a length; nullopt where it can't be satisfied.
std::optional<ByteRange> resolve(const http::ByteRangeSpec& spec, std::uint64_t body_bytes) {
  if (!spec.first) {
    const std::uint64_t suffix = std::min(spec.last.value_or(0), body_bytes);
    if (suffix == 0) return std::nullopt;
    return ByteRange{body_bytes - suffix, body_bytes - 1};
  }
  if (*spec.first >= body_bytes) return std::nullopt;
  return ByteRange{*spec.first, std::min(spec.last.value_or(body_bytes - 1), body_bytes - 1)};
}

bool overlap(std::vector<ByteRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const ByteRange& a, const ByteRange& b) { return a.first < b.first; });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first <= ranges[i - 1].last) return true;
  }
  return false;
}

}  // namespace

RangePlan plan_range(const http::RequestHead& request, const http::Fields& stored, std::uint64_t body_bytes,
                     std::size_t max_ranges) {
  if (!request.fields.has(FieldId::range) || body_bytes == 0) return {};
  const auto specs = asked_ranges(request, stored, max_ranges);
  if (!specs) return {};
  std::vector<ByteRange> ranges;
  for (const http::ByteRangeSpec& spec : *specs) {
    if (const auto range = resolve(spec, body_bytes)) ranges.push_back(*range);
  }
  if (ranges.empty()) return {Kind::unsatisfiable, {}};
  if (ranges.size() == 1) return {Kind::single, std::move(ranges)};
  if (overlap(ranges)) return {};
  return {Kind::several, std::move(ranges)};
}

std::optional<Part> part_in(const http::Fields& fields) {
  if (fields.count(FieldId::content_range) != 1) return std::nullopt;
  const auto said = http::parse_content_range(fields.get(FieldId::content_range));
  if (!said || !said->first || !said->last) return std::nullopt;
  const Part part{{*said->first, *said->last}, said->complete};
  if (part.range.last < part.range.first || (part.complete && *part.complete <= part.range.last)) return std::nullopt;
  // multipart/byteranges has a Content-Range in each part, not in the head (RFC 9110 §15.3.7.2).
  constexpr std::string_view kMultipart = "multipart/byteranges";
  if (iequals(fields.get(FieldId::content_type).substr(0, kMultipart.size()), kMultipart)) return std::nullopt;
  return part;
}

std::optional<Part> part_of(const http::ResponseHead& response) {
  if (response.status != 206) return std::nullopt;
  const auto part = part_in(response.fields);
  if (part && response.framing == http::Framing::length && response.content_length != part->range.size()) return std::nullopt;
  return part;
}

RangePlan plan_from_part(const http::RequestHead& request, const http::Fields& stored, const Part& have) {
  const auto specs = asked_ranges(request, stored, 1);
  if (!specs || specs->size() != 1) return {};
  const http::ByteRangeSpec& spec = specs->front();
  std::optional<ByteRange> wanted;
  if (have.complete) wanted = resolve(spec, *have.complete);
  else if (spec.first && spec.last) wanted = ByteRange{*spec.first, *spec.last};   // no end is known that could cut it
  if (!wanted || wanted->first < have.range.first || wanted->last > have.range.last) return {};
  return {Kind::single, {*wanted}};
}

std::vector<ByteRange> missing_ranges(const ByteRange& wanted, std::span<const ByteRange> have) {
  std::vector<ByteRange> sorted(have.begin(), have.end());
  std::sort(sorted.begin(), sorted.end(), [](const ByteRange& a, const ByteRange& b) { return a.first < b.first; });
  std::vector<ByteRange> gaps;
  std::uint64_t next = wanted.first;
  for (const ByteRange& part : sorted) {
    if (part.last < next) continue;
    if (part.first > wanted.last) break;
    if (part.first > next) gaps.push_back({next, part.first - 1});
    if (part.last >= wanted.last) return gaps;
    next = part.last + 1;
  }
  gaps.push_back({next, wanted.last});
  return gaps;
}

bool combinable(const http::Fields& stored, const http::Fields& other) {
  if (stored.has(FieldId::etag) || other.has(FieldId::etag)) {
    const auto a = http::parse_entity_tag(stored.get(FieldId::etag)), b = http::parse_entity_tag(other.get(FieldId::etag));
    return a && b && http::strong_match(*a, *b);
  }
  const auto a = strong_last_modified(stored), b = strong_last_modified(other);
  return a && b && *a == *b;
}

}  // namespace davenport::policy
