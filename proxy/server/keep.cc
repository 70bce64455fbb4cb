#include "proxy/server/keep.h"

#include <algorithm>
#include <array>

#include "cache/policy/selector.h"
#include "cache/policy/validate.h"
#include "cache/policy/vary.h"
#include "core/http/grammar.h"
#include "core/http/serializer.h"
#include "proxy/server/form.h"
#include "proxy/server/forward.h"
#include "proxy/server/hit.h"
#include "proxy/server/worker.h"

namespace davenport::server {
namespace {

std::vector<Hash128> hashes_of(Worker& worker, const std::vector<std::string>& tags) {
  std::vector<Hash128> hashes;
  hashes.reserve(tags.size());
  for (const std::string& tag : tags) {
    hashes.push_back(purge::tag_hash(tag));
    worker.shared().tag_names.note(hashes.back(), tag);
  }
  return hashes;
}

std::string stored_head_text(int status, std::string_view reason, const http::Fields& fields, std::uint64_t body_bytes) {
  std::string text;
  append_head(text, status, reason, fields);
  // Most heads say what their status says: 17 bytes that need not lie in every object.
  if (reason.empty() || reason == http::reason_phrase(status)) text.erase(0, http::status_line_of(text).size());
  if (status != 204) http::append_field(text, "Content-Length", body_bytes);
  text.append("\r\n");
  return text;
}

policy::Storing meaning_of(store::PutResult put) {
  switch (put) {
    case store::PutResult::stored: return policy::Storing::stored;
    case store::PutResult::too_large: return policy::Storing::too_large;
    case store::PutResult::too_many_variants: return policy::Storing::too_many_variants;
    case store::PutResult::no_room: return policy::Storing::memory_pinned;
    case store::PutResult::purged: return policy::Storing::purged_meanwhile;
  }
  __builtin_unreachable();
}

constexpr std::uint64_t kMostTaggedBytes = 16 << 20;      // of a larger body a hash would hold up the worker's other clients

// A tag of our own making (policy/validate.h): the same for the same content, here and elsewhere, however it arrived. A chain of hashes
// over blocks of one size, because a fill's pieces have any.
std::string etag_of(const store::Fill& fill) {
  constexpr std::size_t kBlockBytes = 16 << 10;
  std::string block;
  Hash128 chain;
  std::uint64_t offset = 0;
  const auto close_block = [&] {
    const Hash128 hash = hash128(block, chain.low ^ chain.high);
    chain = {hash.low, hash.high};
    block.clear();
  };
  while (offset < fill.size()) {
    std::array<iovec, 16> pieces;
    std::uint64_t covered = 0;
    const std::size_t count = fill.body(offset, std::min<std::uint64_t>(fill.size() - offset, kBlockBytes), pieces, covered);
    if (covered == 0) break;
    for (std::size_t i = 0; i < count; ++i) {
      std::string_view piece(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      while (!piece.empty()) {
        const std::string_view part = piece.substr(0, kBlockBytes - block.size());
        block.append(part);
        piece.remove_prefix(part.size());
        if (block.size() == kBlockBytes) close_block();
      }
    }
    offset += covered;
  }
  if (!block.empty()) close_block();
  return policy::make_etag(chain);
}

// By what the origin says, where rules that are not obeyed tell others something else.
policy::StoreVerdict judge_update(const Request& request, const http::ResponseHead& merged, const http::ResponseHead& update,
                                  const policy::RuleSubject& subject, const policy::Times& times) {
  const std::vector<config::HeaderRule>& rules = request.route->headers;
  const policy::StoredFacts& old = request.stored->facts();
  if (rules.empty()) return policy::judge_updated(request.head, merged, update.fields, old, times, request.rules());
  http::Fields said = update.fields.clone();
  policy::apply_header_rules(rules, policy::RulesFor::cache, policy::Brings::update, subject, said);
  http::ResponseHead judged;
  judged.status = merged.status;
  judged.framing = merged.framing;
  judged.content_length = merged.content_length;
  judged.fields = merged.fields.clone();
  if (old.relabelled) policy::remove_relabelled(request.rules(), judged.fields);
  policy::merge_304(judged.fields, said);
  policy::StoreVerdict verdict = policy::judge_updated(request.head, judged, said, old, times, request.rules());
  verdict.facts.relabelled = old.relabelled || policy::relabels_freshness(rules, subject, request.rules());
  return verdict;
}

bool lists_origin(const http::Fields& fields) {
  std::string scratch;
  return fields.has(http::FieldId::vary) && http::list_contains(fields.combined(http::FieldId::vary, scratch), "origin");
}

// What chooses an answer here (RFC 9111 §4.1): its origin's Vary, which rules change for this cache only where it obeys them, or `drop_vary`
// does. Whatever else `told` tells clients of it chooses nothing here, but for the Origin that our own rules answer by (CORS).
http::Fields choosing_fields(const Request& request, const http::ResponseHead& came, const policy::RuleSubject& subject, policy::Brings brings,
                             const http::Fields& told) {
  http::Fields out;
  for (const http::Field& field : came.fields) {
    if (field.id == http::FieldId::vary || field.id == http::FieldId::content_language) out.add(field.id, field.name, field.value);
  }
  if (!request.route->headers.empty()) policy::apply_header_rules(request.route->headers, policy::RulesFor::cache, brings, subject, out);
  policy::drop_from_vary(request.rules(), out);
  if (lists_origin(told) && !lists_origin(out)) out.add_copy("Vary", "Origin");
  return out;
}

// An update that varies by other fields than before is chosen by those from now on: by what its own request had there.
std::string selector_after(const Request& request, const store::StoredResponse& old, const http::Fields& merged, const http::ResponseHead& update,
                           const policy::RuleSubject& subject) {
  if (!update.fields.has(http::FieldId::vary)) return std::string(old.selector());
  const http::Fields says = choosing_fields(request, update, subject, policy::Brings::update, merged);
  std::string selector = policy::make_selector(says, request.head.fields, request.rules(), old.codable());
  if (policy::names_of_selector(selector) == policy::names_of_selector(old.selector())) return std::string(old.selector());
  return selector;
}

void count(Worker& worker, policy::Storing storing) { worker.metrics().storing[static_cast<std::size_t>(storing)].add(); }

}  // namespace

std::uint64_t most_bytes(const Request& request) {
  const std::uint64_t of_store = request.snapshot->config->cache.max_object_bytes;
  const std::uint64_t of_route = request.rules().max_object_bytes;
  return of_route != 0 ? std::min(of_route, of_store) : of_store;
}

std::shared_ptr<FlightHead> make_flight_head(Worker& worker, const Request& request, const http::ResponseHead& response, policy::StoreVerdict verdict,
                                             WallSeconds received, std::string& private_lines) {
  const config::CacheRules& rules = request.rules();
  auto head = std::make_shared<FlightHead>();
  const bool whole_206 = response.status == 206 && !verdict.facts.partial;   // judged as the 200 that it stands for
  head->status = verdict.facts.status;
  head->origin_status = response.status;
  head->reason = whole_206 ? "" : std::string(response.reason);
  const policy::RuleSubject subject = rule_subject(request, head->status, response.fields.get(http::FieldId::content_type));
  http::Fields fields;
  make_client_fields(request, response, &verdict, subject, policy::Brings::answer, received, fields, private_lines);
  // Of an answer that may be coded here every coding can be made, so that it answers whatever a client accepts.
  head->codable = policy::codable(head->status, fields, rules.compression) == policy::Codable::yes && !policy::forbids_transform(response.fields);
  head->coding = policy::source_coding(fields);
  head->selector = policy::make_selector(choosing_fields(request, response, subject, policy::Brings::answer, fields), request.head.fields, rules, head->codable);
  head->tags = hashes_of(worker, policy::tags_of(response.fields, rules));
  head->length_known = response.framing != http::Framing::chunked && response.framing != http::Framing::until_close;
  head->length = response.framing == http::Framing::length ? response.content_length : 0;
  if (const auto part = policy::part_of(response)) {
    head->length_known = true;
    head->length = part->range.size();
  }
  verdict.facts.relabelled = policy::relabels_freshness(request.route->headers, subject, rules);
  head->old_rules = request.snapshot != worker.snapshot();
  if (head->codable) policy::vary_by_coding(fields);
  head->fields = fields.clone();
  head->verdict = std::move(verdict);
  return head;
}

policy::Storing commit(Worker& worker, const Landing& landing, store::StoredPtr& stored) {
  const FlightHead& head = *landing.head;
  if (head.length_known && landing.fill->size() != head.length) {        // RFC 9111 §3.3
    count(worker, policy::Storing::incomplete);
    return policy::Storing::incomplete;
  }
  std::string text = stored_head_text(head.status, head.reason, head.fields, landing.fill->size());
  // So that clients can validate what came without a tag. An origin never sees it (policy/coding.h origin_tags()).
  if (head.status == 200 && landing.fill->size() != 0 && landing.fill->size() <= kMostTaggedBytes && !head.fields.has(http::FieldId::etag)) {
    text.resize(text.size() - 2);                  // the empty line
    http::append_field(text, "ETag", etag_of(*landing.fill));
    text.append("\r\n");
  }
  store::Draft draft;
  draft.key = landing.flight->parts();
  draft.selector = head.selector;
  draft.head = text;
  draft.facts = head.verdict.facts;
  if (head.old_rules) draft.facts.has_validator = false;      // a 304 would keep its head
  draft.tags = head.tags;
  draft.position = landing.flight->position();
  draft.codable = head.codable;
  draft.coding = head.codable ? head.coding : policy::Coding::identity;
  const store::PutResult put = worker.shared().store.commit(landing.fill, draft, worker.shared().purge_log, landing.max_variants, &stored);
  if (put != store::PutResult::stored) stored.reset();
  if (stored && head.old_rules) stored->mark_soft_purged();
  if (stored && worker.tier() != nullptr) worker.tier()->put(stored, draft.position);
  const policy::Storing storing = meaning_of(put);
  count(worker, storing);
  return storing;
}

Refreshed refresh(Worker& worker, const Request& request, const policy::KeyParts& key, purge::Position position,
                  const http::ResponseHead& update, const policy::Times& times) {
  Refreshed out;
  const store::StoredPtr old = request.stored;
  int status = 0;
  std::string_view reason;
  http::Fields stored_fields;
  read_stored_head(*old, status, reason, stored_fields);
  http::Fields merged = stored_fields.clone();
  const std::string_view type = update.fields.has(http::FieldId::content_type) ? update.fields.get(http::FieldId::content_type)
                                                                               : stored_fields.get(http::FieldId::content_type);
  const policy::RuleSubject subject = rule_subject(request, status, type);
  http::Fields update_fields;
  make_client_fields(request, update, nullptr, subject, policy::Brings::update, times.response_time, update_fields, out.private_lines);
  policy::merge_304(merged, update_fields);
  http::ResponseHead head;
  head.status = static_cast<std::uint16_t>(status);
  head.framing = http::Framing::length;
  head.content_length = old->body_bytes();
  for (const http::Field& field : merged) head.fields.add(field.id, field.name, field.value);
  policy::StoreVerdict verdict = judge_update(request, head, update, subject, times);
  // An update that forbids forms of a source that was stored for them ends it: it is no variant of one coding.
  const bool forbidden = old->codable() && (policy::forbids_transform(merged) || policy::forbids_transform(update.fields));
  const bool kept = !forbidden && (verdict.ok() || verdict.storing == policy::Storing::partial);
  out.storing = kept ? policy::Storing::updated : verdict.storing;
  count(worker, out.storing);
  http::Fields fields;
  for (const http::Field& field : merged) {
    if (field.id == http::FieldId::content_length || field.id == http::FieldId::trailer) continue;      // of the message that came, not of what is stored
    if (field.id == http::FieldId::age) continue;                                                       // made anew at each use (RFC 9111 §4.2.3)
    if (!kept || policy::is_kept_field(field, verdict, request.rules(), head)) {
      fields.add(field.id, field.name, field.value);
    } else {
      http::append_field(out.private_lines, field.name, field.value);
    }
  }
  store::Draft draft;
  draft.key = key;
  const std::string selector = selector_after(request, *old, merged, update, subject);
  draft.selector = selector;
  draft.facts = verdict.facts;
  if (!kept) {
    // One client's alone.
    draft.facts = old->facts();
    draft.facts.date = verdict.facts.date;
    draft.facts.response_time = verdict.facts.response_time;
    draft.facts.initial_age = verdict.facts.initial_age;
    draft.facts.lifetime = 0;
    draft.facts.no_cache = true;
    draft.facts.must_revalidate = true;
  }
  // Tags go out with the first answer only, where they are not kept: an update without any keeps those that are known.
  const bool brings_tags = std::any_of(update.fields.begin(), update.fields.end(),
                                       [&](const http::Field& field) { return policy::is_tag_field(field, request.rules()); });
  const std::vector<Hash128> tags = brings_tags ? hashes_of(worker, policy::tags_of(update.fields, request.rules()))
                                                : std::vector<Hash128>(old->tags().begin(), old->tags().end());
  draft.tags = tags;
  draft.position = position;
  draft.codable = old->codable() && !forbidden;
  draft.coding = draft.codable ? old->coding() : policy::Coding::identity;
  if (draft.codable) policy::vary_by_coding(fields);
  const std::string text = stored_head_text(status, reason, fields, old->body_bytes());
  draft.head = text;
  store::MemoryStore& memory = worker.shared().store;
  if (!kept) {
    out.response = memory.with_head(old, draft);
    if (!out.response) out.response = old;
    const bool of_asker = policy::refused_for_asker(verdict.storing) || request.decision.reason == policy::Reason::authorization;
    if (forbidden || !of_asker) end_stored(worker, *old);
    return out;
  }
  const std::vector<store::StoredPtr> forms = draft.codable ? memory.forms(*old) : std::vector<store::StoredPtr>{};
  static_cast<void>(memory.replace_head(old, draft, worker.shared().purge_log, &out.response));
  if (draft.selector != old->selector()) end_stored(worker, *old);     // where another one lies under the new selector
  if (out.response) carry_forms(worker, forms, *out.response);
  if (out.response && worker.tier() != nullptr) worker.tier()->put(out.response, position);
  if (!out.response) out.response = old;
  return out;
}

void end_stored(Worker& worker, const store::StoredResponse& stored) {
  worker.shared().store.erase(stored);
  if (worker.tier() != nullptr) worker.tier()->forget(stored);
}

void Keeper::append(std::string_view bytes) {
  if (landing_.fill == nullptr || bytes.empty() || landing_.fill->append(bytes)) return;
  landing_.fill.reset();
  count(worker_, policy::Storing::too_large);
}

void Keeper::finish() {
  if (landing_.fill == nullptr) return;
  store::StoredPtr stored;
  static_cast<void>(commit(worker_, landing_, stored));
  landing_.fill.reset();
}

std::unique_ptr<Keeper> keep_beside(Worker& worker, const Request& request, FlightPtr flight, const http::ResponseHead& response,
                                    policy::StoreVerdict verdict, WallSeconds received) {
  const bool length_known = response.framing == http::Framing::length;
  if (length_known && response.content_length > most_bytes(request)) return nullptr;
  store::FillPtr fill = worker.shared().store.begin_fill(length_known ? response.content_length : 0);
  if (fill == nullptr) return nullptr;
  std::string private_lines;
  auto head = make_flight_head(worker, request, response, std::move(verdict), received, private_lines);
  return std::make_unique<Keeper>(worker, Landing{std::move(flight), std::move(head), std::move(fill), request.rules().max_variants});
}

}  // namespace davenport::server
