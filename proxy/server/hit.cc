#include "proxy/server/hit.h"

#include <algorithm>

#include "cache/policy/coding.h"
#include "cache/policy/range.h"
#include "cache/policy/validate.h"
#include "core/base/text.h"
#include "core/http/serializer.h"
#include "proxy/server/cache_status.h"

namespace davenport::server {
namespace {

using http::FieldId;

constexpr std::uint64_t kConditional = http::field_bit(FieldId::if_none_match) | http::field_bit(FieldId::if_modified_since) |
                                       http::field_bit(FieldId::if_match) | http::field_bit(FieldId::if_unmodified_since);
constexpr std::uint64_t kRange = http::field_bit(FieldId::range);
constexpr std::string_view kBoundary = "davenport-3f9a1c77d2e84b60";   // any text may contain it: see pick_boundary()

// The status line if it is there, and the Cache-Status lines of caches further on that were put before all other fields: ours
// follows theirs, the nearest to the origin first (RFC 9211 §2).
std::size_t prefix_size(std::string_view head) {
  std::size_t end = http::status_line_of(head).size();
  while (head.size() > end + 13 && (head[end] | 0x20) == 'c' && iequals(head.substr(end, 13), "cache-status:")) {
    end = head.find("\r\n", end) + 2;
  }
  return end;
}

// The status line and those Cache-Status lines.
void append_prefix(std::string& text, const store::StoredResponse& response, std::size_t prefix_bytes) {
  const std::string_view head = response.head();
  if (http::status_line_of(head).empty()) http::append_status_line(text, response.facts().status);
  text.append(head.substr(0, prefix_bytes));
}

struct Tail {
  const HitLabel& label;
  const Account& account;
  const Snapshot& snapshot;
  const config::CacheRules& rules;
  const policy::StoredFacts& facts;
  std::int64_t age, ttl;

  std::string_view what() const {
    if (label.forwarded && label.reason != policy::Reason::stale_if_error) return label.revalidated ? "revalidated" : "miss";
    return ttl > 0 ? "hit" : "stale";
  }

  void append(std::string& text, const http::RequestHead& request) const {
    text.append("Age: ");
    append_number(text, std::min<std::int64_t>(age, std::int64_t{1} << 31));
    text.append("\r\n");
    if (label.forwarded) {
      append_forwarded_status(text, snapshot.config->cache.name,
                              {label.reason, account.storing, label.origin_status, label.stored, label.collapsed, true, ttl});
    } else {
      append_hit_status(text, snapshot.hit_prefix, ttl, label.reason);
    }
    if (rules.server_timing) append_server_timing(text, what(), label.took, label.forwarded ? account.origin_time : Micros{0});
    text.append(label.private_fields);
    text.append(connection_line(request, label.keep_alive));
  }
};


// All stored fields but those that speak of the whole body's bytes.
void append_part_fields(std::string& text, const http::Fields& fields, bool keep_type) {
  for (const http::Field& field : fields) {
    if (field.id == FieldId::content_length || field.id == FieldId::content_range) continue;
    if (!keep_type && field.id == FieldId::content_type) continue;
    if (field.id == FieldId::other && policy::is_content_digest(field.name)) continue;
    http::append_field(text, field.name, field.value);
  }
}


// Of a stored part: the one range asked for, which lies inside it (part_suffices()).
bool append_from_part(Output& out, const http::RequestHead& request, const store::StoredResponse& response, const http::Fields& fields,
                      const Tail& tail, Account& account) {
  const auto have = policy::part_in(fields);
  if (!have) return false;
  const policy::RangePlan plan = policy::plan_from_part(request, fields, *have);
  if (plan.kind != policy::RangePlan::Kind::single) return false;
  const policy::ByteRange& range = plan.ranges.front();
  std::string& text = out.begin_text();
  const std::size_t from = text.size();
  text.append("HTTP/1.1 206 Partial Content\r\n");
  append_part_fields(text, fields, true);
  append_content_range(text, range, have->complete);
  http::append_field(text, "Content-Length", range.size());
  tail.append(text, request);
  text.append("\r\n");
  out.end_text(from);
  out.stored(&response, response.head().size(), range.first - have->range.first, range.size());
  account.status = 206;
  account.body_bytes = range.size();
  return true;
}

// A body could hold a fixed boundary on purpose: the entry's own hash, keyed by the process' seed, can't be known outside.
std::string pick_boundary(const store::StoredResponse& response) {
  std::string boundary(kBoundary);
  boundary.push_back('-');
  append_number(boundary, response.hash().low ^ process_seed());
  return boundary;
}

void append_multipart(Output& out, const store::StoredResponse& response, const http::Fields& fields,
                      const std::vector<policy::ByteRange>& ranges, const Tail& tail, const http::RequestHead& request,
                      Account& account) {
  const std::string boundary = pick_boundary(response);
  const std::string_view type = fields.get(FieldId::content_type);
  std::vector<std::string> openings;
  std::uint64_t length = boundary.size() + 8;                      // "\r\n--" boundary "--\r\n"
  for (const policy::ByteRange& range : ranges) {
    std::string opening = "\r\n--" + boundary + "\r\n";
    if (!type.empty()) http::append_field(opening, "Content-Type", type);
    append_content_range(opening, range, response.body_bytes());
    opening.append("\r\n");
    length += opening.size() + range.size();
    openings.push_back(std::move(opening));
  }
  std::string& text = out.begin_text();
  const std::size_t from = text.size();
  text.append("HTTP/1.1 206 Partial Content\r\n");
  append_part_fields(text, fields, false);
  text.append("Content-Type: multipart/byteranges; boundary=").append(boundary).append("\r\n");
  http::append_field(text, "Content-Length", length);
  tail.append(text, request);
  text.append("\r\n");
  out.end_text(from);
  const std::size_t no_head = response.head().size();
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    out.text(openings[i]);
    out.stored(&response, no_head, ranges[i].first, ranges[i].size());
  }
  out.text("\r\n--" + boundary + "--\r\n");
  account.status = 206;
  account.body_bytes = length;
}

// True where a condition or a range made the answer; false: send it whole.
bool append_special(Output& out, const http::RequestHead& request, const store::StoredResponse& response, const Tail& tail,
                    WallSeconds now, Account& account) {
  int status = 0;
  std::string_view reason;
  http::Fields fields;
  read_stored_head(response, status, reason, fields);
  if (status < 200 || status > 299) return false;                  // RFC 9110 §13.2.1, §14.2

  const auto finish = [&](std::string& text, std::size_t from) {
    tail.append(text, request);
    text.append("\r\n");
    out.end_text(from);
  };
  std::string& text = out.begin_text();
  const std::size_t from = text.size();
  switch (policy::evaluate(request, fields, response.facts(), now)) {
    case policy::Precondition::not_modified:
      append_304(text, request, fields);
      finish(text, from);
      account.status = 304;
      return true;
    case policy::Precondition::failed:
      text.append("HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n");
      finish(text, from);
      account.status = 412;
      return true;
    case policy::Precondition::none:
    case policy::Precondition::pass: break;
  }
  if (!request.fields.has(FieldId::range) || request.method != http::Method::get) return false;
  if (response.facts().partial) return append_from_part(out, request, response, fields, tail, account);
  if (status != 200) return false;
  const policy::RangePlan plan = policy::plan_range(request, fields, response.body_bytes());
  switch (plan.kind) {
    case policy::RangePlan::Kind::whole: return false;
    case policy::RangePlan::Kind::unsatisfiable:
      text.append("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */");
      append_number(text, response.body_bytes());
      text.append("\r\nContent-Length: 0\r\n");
      if (fields.has(FieldId::date)) http::append_field(text, "Date", fields.get(FieldId::date));
      finish(text, from);
      account.status = 416;
      return true;
    case policy::RangePlan::Kind::single: {
      const policy::ByteRange& range = plan.ranges.front();
      text.append("HTTP/1.1 206 Partial Content\r\n");
      append_part_fields(text, fields, true);
      append_content_range(text, range, response.body_bytes());
      http::append_field(text, "Content-Length", range.size());
      finish(text, from);
      out.stored(&response, response.head().size(), range.first, range.size());
      account.status = 206;
      account.body_bytes = range.size();
      return true;
    }
    case policy::RangePlan::Kind::several:
      append_multipart(out, response, fields, plan.ranges, tail, request, account);
      return true;
  }
  return false;
}

}  // namespace

void append_304(std::string& text, const http::RequestHead& request, const http::Fields& stored) {
  text.append("HTTP/1.1 304 Not Modified\r\n");
  const bool has_etag = stored.has(FieldId::etag);
  const std::string_view other = has_etag ? policy::matched_form(request.fields, stored) : std::string_view{};
  for (const http::Field& field : stored) {
    if (!policy::is_304_field(field, has_etag)) continue;
    http::append_field(text, field.name, field.id == FieldId::etag && !other.empty() ? other : field.value);
  }
}

void append_content_range(std::string& text, const policy::ByteRange& range, std::optional<std::uint64_t> whole) {
  text.append("Content-Range: bytes ");
  append_number(text, range.first);
  text.push_back('-');
  append_number(text, range.last);
  text.push_back('/');
  if (whole) {
    append_number(text, *whole);
  } else {
    text.push_back('*');
  }
  text.append("\r\n");
}

bool part_suffices(const http::RequestHead& request, const store::StoredResponse& response) {
  int status = 0;
  std::string_view reason;
  http::Fields fields;
  read_stored_head(response, status, reason, fields);
  const auto have = policy::part_in(fields);
  return have && policy::plan_from_part(request, fields, *have).kind == policy::RangePlan::Kind::single;
}

std::string_view connection_line(const http::RequestHead& request, bool keep_alive) {
  if (!keep_alive) return "Connection: close\r\n";
  if (request.minor == 0) return "Connection: keep-alive\r\n";
  return "";
}

void read_stored_head(const store::StoredResponse& response, int& status, std::string_view& reason, http::Fields& fields) {
  constexpr std::size_t kReasonAt = 13;               // "HTTP/1.1 200 "
  const std::string_view head = response.head(), line = http::status_line_of(head);
  fields.clear();
  status = response.facts().status;
  reason = line.empty() ? http::reason_phrase(status) : line.substr(kReasonAt, line.size() - kReasonAt - 2);
  http::read_lines(head, fields);
}

void append_hit(Output& out, const http::RequestHead& request, const store::StoredResponse& response, const HitLabel& label,
                const Snapshot& snapshot, const config::CacheRules& rules, WallSeconds now, Account& account) {
  const policy::StoredFacts& facts = response.facts();
  const Tail tail{label, account, snapshot, rules, facts, facts.age(now), facts.ttl(now)};
  account.reason = label.reason;
  account.has_reason = true;
  account.age = tail.age;
  account.ttl = tail.ttl;
  if ((request.fields.present() & (kConditional | kRange)) != 0 && append_special(out, request, response, tail, now, account)) {
    return;
  }
  const std::size_t prefix = prefix_size(response.head());
  std::string& text = out.begin_text();
  const std::size_t from = text.size();
  append_prefix(text, response, prefix);
  tail.append(text, request);
  out.end_text(from);
  const std::uint64_t body = request.method == http::Method::head ? 0 : response.body_bytes();
  out.stored(&response, prefix, 0, body);
  account.status = facts.status;
  account.body_bytes = body;
}

bool is_plain(const http::RequestHead& request) { return (request.fields.present() & (kConditional | kRange)) == 0; }

void append_hot_hit(Output& out, const http::RequestHead& request, const store::StoredResponse& response, const HitLabel& label,
                    HotTable::Formatted& formatted, const Snapshot& snapshot, const config::CacheRules& rules, WallSeconds now,
                    Account& account) {
  const policy::StoredFacts& facts = response.facts();
  if (formatted.at != now || formatted.text.empty()) {
    const Tail tail{label, account, snapshot, rules, facts, facts.age(now), facts.ttl(now)};
    formatted.at = now;
    formatted.age = tail.age;
    formatted.ttl = tail.ttl;
    formatted.prefix_bytes = prefix_size(response.head());
    formatted.text.clear();
    append_prefix(formatted.text, response, formatted.prefix_bytes);
    tail.append(formatted.text, request);
  }
  out.text(formatted.text);
  const std::uint64_t body = request.method == http::Method::head ? 0 : response.body_bytes();
  out.stored(&response, formatted.prefix_bytes, 0, body);
  account.reason = label.reason;
  account.has_reason = true;
  account.age = formatted.age;
  account.ttl = formatted.ttl;
  account.status = facts.status;
  account.body_bytes = body;
}

}  // namespace davenport::server
