#include "cache/policy/validate.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "cache/policy/coding.h"
#include "cache/policy/target.h"
#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/serializer.h"
#include "core/http/uri.h"

namespace davenport::policy {
namespace {

using http::FieldId;

constexpr std::string_view kOwnEtag = "W/\"dvp-";

// RFC 9110 §13.1.2, weakly. A list that breaks off matches by what stands before the break.
bool any_tag_matches(std::string_view list, const std::optional<http::EntityTag>& tag) {
  if (!tag) return false;
  http::EntityTagReader reader(list);
  while (const auto listed = reader.next()) {
    if (http::weak_match(*listed, *tag)) return true;
  }
  return false;
}

// The same for a stored response that may lie here in several codings: any form's tag stands for its content.
bool any_form_matches(std::string_view list, const std::optional<http::EntityTag>& tag) {
  if (!tag) return false;
  http::EntityTagReader reader(list);
  while (const auto listed = reader.next()) {
    if (etag_family(listed->opaque) == etag_family(tag->opaque)) return true;
  }
  return false;
}

Precondition evaluate_modified_since(const http::RequestHead& request, const http::Fields& stored,
                                     const StoredFacts& facts, WallSeconds now) {
  if (request.fields.count(FieldId::if_modified_since) != 1) return Precondition::none;
  const auto since = http::parse_http_date(request.fields.get(FieldId::if_modified_since), now);
  if (!since) return Precondition::none;
  WallSeconds modified = facts.date;                       // §4.3.2: where there is no Last-Modified
  if (stored.has(FieldId::last_modified)) {
    const auto date = http::parse_http_date(stored.get(FieldId::last_modified), now);
    if (!date) return Precondition::none;                  // no modification date is available (RFC 9110 §13.1.3)
    modified = *date;
  }
  return modified <= *since ? Precondition::not_modified : Precondition::pass;
}

// What depends on bytes that we hold, or is of one connection only.
bool is_kept_from_update(const http::Field& field) {
  switch (field.id) {
    case FieldId::content_length: case FieldId::content_range: case FieldId::content_encoding:
    case FieldId::proxy_authenticate: case FieldId::proxy_authentication_info: case FieldId::proxy_authorization:
      return true;
    default: return false;
  }
}

bool same_field(const http::Field& a, const http::Field& b) {
  return a.id == b.id && (a.id != FieldId::other || iequals(a.name, b.name));
}

// Cache-Control for one kind of cache (RFC 9213 §2.1), which a 304 freshens as it does Cache-Control.
bool is_targeted(std::string_view name) {
  constexpr std::string_view kEnd = "-cdn-cache-control";
  return name.size() > kEnd.size() && iequals(name.substr(name.size() - kEnd.size()), kEnd);
}

}  // namespace

std::string make_etag(const Hash128& body) {
  std::array<char, 33> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx%016llx", static_cast<unsigned long long>(body.high),
                static_cast<unsigned long long>(body.low));
  return std::string(kOwnEtag) + digits.data() + '"';
}

bool is_own_etag(std::string_view etag) { return etag.starts_with(kOwnEtag); }

Precondition evaluate(const http::RequestHead& request, const http::Fields& stored, const StoredFacts& facts,
                      WallSeconds now) {
  if (request.method != http::Method::get && request.method != http::Method::head) return Precondition::none;
  if (facts.status != 200 && facts.status != 203 && facts.status != 206) return Precondition::none;
  if (request.fields.has(FieldId::if_none_match)) {
    std::string scratch;
    const std::string_view list = request.fields.combined(FieldId::if_none_match, scratch);
    if (list == "*") return Precondition::not_modified;
    const bool matches = any_form_matches(list, http::parse_entity_tag(stored.get(FieldId::etag)));
    return matches ? Precondition::not_modified : Precondition::pass;
  }
  if (request.fields.has(FieldId::if_modified_since)) return evaluate_modified_since(request, stored, facts, now);
  return Precondition::none;
}

std::string_view matched_form(const http::Fields& request, const http::Fields& stored) {
  const auto tag = http::parse_entity_tag(stored.get(FieldId::etag));
  std::string_view other;
  for (const http::Field& line : request) {
    if (line.id != FieldId::if_none_match || !tag) continue;
    http::EntityTagReader reader(line.value);
    while (const auto listed = reader.next()) {
      if (listed->opaque == tag->opaque) return {};
      if (!other.empty() || etag_family(listed->opaque) != etag_family(tag->opaque)) continue;
      const std::size_t weak = listed->weak ? 2 : 0;   // "W/" stands right before the opaque part
      other = {listed->opaque.data() - weak, listed->opaque.size() + weak};
    }
  }
  return other;
}

bool is_304_field(const http::Field& field, bool has_etag) {
  switch (field.id) {
    case FieldId::etag: case FieldId::cache_control: case FieldId::content_location: case FieldId::date:
    case FieldId::expires: case FieldId::vary: case FieldId::cdn_cache_control: case FieldId::surrogate_control:
      return true;
    case FieldId::last_modified: return !has_etag;
    case FieldId::other: return is_targeted(field.name);
    default: return false;
  }
}

void add_validators(const http::Fields& stored, http::Fields& request, std::string_view client_tags) {
  const std::string joined(client_tags);        // it may be a view into the field that is removed now
  for (const FieldId id : {FieldId::if_none_match, FieldId::if_modified_since, FieldId::if_match,
                           FieldId::if_unmodified_since, FieldId::if_range}) {
    if (request.has(id)) request.remove(id);
  }
  const std::string_view etag = stored.get(FieldId::etag);
  const bool usable = http::parse_entity_tag(etag).has_value() && !is_own_etag(etag);
  if (usable) {
    std::string tags(etag);
    http::EntityTagReader reader(joined);
    while (const auto tag = reader.next()) {
      const std::string text = (tag->weak ? "W/" : "") + std::string(tag->opaque);
      if (!is_own_etag(text) && text != etag) tags.append(", ").append(text);
    }
    request.add_copy("If-None-Match", tags);
  }
  if (const auto modified = stored.get(FieldId::last_modified); !modified.empty()) {
    request.add_copy("If-Modified-Since", modified);
  }
}

bool not_modified_for(std::string_view client_tags, const http::Fields& not_modified) {
  return any_tag_matches(client_tags, http::parse_entity_tag(not_modified.get(FieldId::etag)));
}

bool selects(const http::Fields& not_modified, const http::Fields& stored, bool only_candidate) {
  const auto theirs = http::parse_entity_tag(not_modified.get(FieldId::etag));
  const auto ours = http::parse_entity_tag(stored.get(FieldId::etag));
  if (theirs) {
    if (!ours) return false;
    // Ours may be weak because the bytes were coded here; the strong tag of what they were made of still names them.
    const bool weakly = theirs->weak || (ours->weak && stored.has(FieldId::content_encoding));
    return weakly ? http::weak_match(*theirs, *ours) : http::strong_match(*theirs, *ours);
  }
  if (not_modified.has(FieldId::last_modified)) {
    return not_modified.get(FieldId::last_modified) == stored.get(FieldId::last_modified);
  }
  // Nothing names one: the condition that we sent came from the one candidate, so that it is meant.
  return only_candidate;
}

void merge_304(http::Fields& stored, const http::Fields& not_modified) {
  const http::HopByHop hop(not_modified);
  std::vector<const http::Field*> updates;
  for (const http::Field& field : not_modified) {
    if (is_kept_from_update(field) || hop(field)) continue;
    if (field.id == FieldId::etag) {
      const auto theirs = http::parse_entity_tag(field.value), ours = http::parse_entity_tag(stored.get(FieldId::etag));
      if (theirs && ours && ours->weak && !theirs->weak && http::weak_match(*theirs, *ours)) continue;
    }
    updates.push_back(&field);
  }
  stored.remove_if([&](const http::Field& old) {
    return std::any_of(updates.begin(), updates.end(), [&](const http::Field* update) { return same_field(*update, old); });
  });
  for (const http::Field* update : updates) stored.add_copy(update->name, update->value);
}

bool says_nothing_of_stored(int status) {
  switch (status) {
    case 304: case 400: case 401: case 403: case 405: case 406: case 407: case 408: case 412: case 413: case 414: case 415: case 416: case 417: case 421:
    case 422: case 426: case 428: case 429: case 431: return true;
    default: return status >= 500 || status < 200;
  }
}

HeadVerdict compare_head(const http::ResponseHead& head, const http::Fields& stored, std::uint64_t stored_bytes) {
  if (head.status != 200) return head.status == 206 || says_nothing_of_stored(head.status) ? HeadVerdict::says_nothing : HeadVerdict::invalidates;
  if (head.fields.has(FieldId::etag)) {
    const auto theirs = http::parse_entity_tag(head.fields.get(FieldId::etag));
    const auto ours = http::parse_entity_tag(stored.get(FieldId::etag));
    if (!theirs || !ours || !http::weak_match(*theirs, *ours)) return HeadVerdict::invalidates;
  }
  if (head.fields.has(FieldId::last_modified) &&
      head.fields.get(FieldId::last_modified) != stored.get(FieldId::last_modified)) {
    return HeadVerdict::invalidates;
  }
  const bool same_coding = head.fields.get(FieldId::content_encoding) == stored.get(FieldId::content_encoding);
  if (same_coding && head.fields.has(FieldId::content_length) && head.content_length != stored_bytes) {
    return HeadVerdict::invalidates;
  }
  return HeadVerdict::updates;
}

std::vector<std::string> invalidated_by(const http::RequestHead& request, std::string_view scheme,
                                        const http::ResponseHead& response) {
  std::vector<std::string> uris;
  if (http::is_safe(request.method) || response.status < 200 || response.status >= 400) return uris;
  uris.push_back(target_uri(request, scheme));
  for (const http::Field& field : response.fields) {
    if (field.id != FieldId::location && field.id != FieldId::content_location) continue;
    const auto uri = resolve_against(request, scheme, field.value);
    if (!uri || !same_origin(*uri, uris.front())) continue;
    const bool known = std::any_of(uris.begin(), uris.end(), [&](const std::string& one) { return same_uri(one, *uri); });
    if (!known) uris.push_back(*uri);
  }
  return uris;
}

}  // namespace davenport::policy
