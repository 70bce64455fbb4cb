#include "proxy/server/ready.h"

#include "core/base/text.h"
#include "proxy/server/answer.h"
#include "proxy/server/form.h"
#include "proxy/server/forward.h"
#include "proxy/server/hit.h"
#include "proxy/server/inward.h"
#include "proxy/server/worker.h"

namespace davenport::server {
namespace {

using http::FieldId;

// What makes a request more than a plain GET of what is stored. Conditions and ranges are not among them: hit.cc makes
// those answers without suspending.
constexpr std::uint64_t kLongWay = http::field_bit(FieldId::upgrade) | http::field_bit(FieldId::expect);

// What is sent of a source without waiting, and where its head is kept as formatted; null: the long way has it made, or asks the
// origin.
const store::StoredResponse* form_now(Worker& worker, const http::RequestHead& head, const config::Compression& rules,
                                      const Hash128& hash, const store::StoredResponse& source, HotTable::Formatted*& formatted) {
  const Wants& wants = worker.wants().of(head.fields, rules);
  const Shape shape = shape_for(source, head.fields, wants, rules);
  if (shape.kind == Shape::Kind::source) return &source;
  if (shape.kind == Shape::Kind::ask_origin) return nullptr;
  HotTable::Form* const hot = worker.hot().form(hash, source, shape.coding);
  const store::StoredResponse* form = nullptr;
  if (hot != nullptr) {
    form = &*hot->response;
    form->mark_hit();
    if (++hot->served == rules.popular_after) order_strong(worker, source, *form, rules);
  } else {
    store::StoredPtr found = worker.shared().store.form(source, shape.coding);
    if (!found) return nullptr;
    // Too large or too many for the table, where hits are counted: the store's own small counter has to do.
    const bool popular = rules.popular_after != 0 && found->often_hit() && !worker.hot().holds(hash, source);
    form = worker.hot().keep_form(hash, source, std::move(found));
    if (popular) order_strong(worker, source, *form, rules);
  }
  if (!worth_sending(source, *form, wants)) return &source;
  formatted = hot == nullptr ? nullptr : &hot->formatted;
  return form;
}

}  // namespace

bool answer_now(Worker& worker, const Peer& peer, const http::RequestHead& head, bool keep_alive, const Now& now, Output& out,
                Looked& looked) {
  if (head.method != http::Method::get && head.method != http::Method::head) return false;
  if (head.framing != http::Framing::none || (head.fields.present() & kLongWay) != 0 || peer.redirect_port != 0) return false;
  if (head.form == http::TargetForm::absolute && !iequals(head.scheme, peer.https ? "https" : "http")) return false;
  const Snapshot& snapshot = *worker.snapshot();
  const config::Route* const route = looked.route = route_of(snapshot, head.authority, head.path, worker.text_scratch());
  looked.routed = true;
  if (route == nullptr) return false;
  const config::CacheRules& rules = config::rules_of(*route, head.path);
  if (policy::must_pass(head, rules)) return false;
  const std::string_view host = route->hosts.empty() ? std::string_view{} : policy::canonical_host(*route, head.authority);
  const Spoken spoken = spoken_by(snapshot, peer, head);
  const policy::KeyParts key = looked.key = policy::make_key(head, spoken.scheme, host, rules, worker.key_scratch(), spoken.forwarded_host);
  const purge::Log& log = worker.shared().purge_log;
  HotTable& hot = worker.hot();
  HotTable::Formatted* formatted = nullptr;
  const store::StoredResponse* stored = hot.find(key, formatted);
  if (stored != nullptr) {
    stored->mark_hit();
  } else {
    store::Lookup found = worker.shared().store.find(key, head.fields, rules, worker.text_scratch());
    if (!found.stored || found.stored->marker() || outdated_head(snapshot, *route, found.stored->facts())) {
      looked.found = std::move(found);
      return false;
    }
    stored = hot.keep(key.hash, std::move(found.stored));
  }
  const purge::Position position = log.position();
  if (stored->checked_at() != position) {
    if (log.check(stored->names(), stored->checked_at()) != policy::PurgeState::valid) return false;
    stored->mark_checked(position);
  }
  if (stored->soft_purged() || stored->facts().partial) return false;
  const WallSeconds wall = now.wall_seconds();
  policy::Reason reason = policy::Reason::fresh_hit;
  constexpr std::uint64_t kAsks = http::field_bit(FieldId::cache_control) | http::field_bit(FieldId::pragma) | http::field_bit(FieldId::authorization);
  const policy::StoredFacts& facts = stored->facts();
  if ((head.fields.present() & kAsks) != 0 || !facts.fresh(wall) || facts.no_cache) {
    const policy::Decision decision =
        policy::decide(policy::read_ask(head, rules), &facts, policy::PurgeState::valid, false, rules, wall);
    if (decision.action != policy::Action::serve) return false;
    reason = decision.reason;
  }
  const store::StoredResponse* sent = stored;
  if (stored->codable()) {
    sent = form_now(worker, head, rules.compression, key.hash, *stored, formatted);
    if (sent == nullptr) return false;
  }
  Account account;
  HitLabel label;
  label.reason = reason;
  label.keep_alive = keep_alive;
  if (formatted != nullptr && reason == policy::Reason::fresh_hit && keep_alive && head.minor != 0 && is_plain(head)) {
    append_hot_hit(out, head, *sent, label, *formatted, snapshot, rules, wall, account);
  } else {
    append_hit(out, head, *sent, label, snapshot, rules, wall, account);
  }
  if (sent != stored) count_saved(worker, *stored, *sent, account);
  if (worker.sketch().due()) note_popular(worker, key, stored->selector(), std::nullopt);
  record(worker, head, peer, worker.ring() != nullptr ? request_id(snapshot, peer, head.fields) : std::string{}, account, now, now.steady);
  return true;
}

std::unique_ptr<Request> take_request(Worker& worker, const Peer& peer, http::RequestHead& head, std::string_view bytes, const Now& now,
                                      Looked& looked) {
  std::unique_ptr<Request> request = worker.make_request();
  request->snapshot = worker.snapshot();
  request->now = now;
  request->take(head, bytes);
  request->peer = peer;
  const Spoken spoken = spoken_by(*request->snapshot, peer, request->head);
  request->scheme = spoken.scheme;
  request->forwarded_host.assign(spoken.forwarded_host);
  request->route = looked.routed ? looked.route : route_of(*request->snapshot, request->head.authority, request->head.path, worker.text_scratch());
  if (!looked.key.key.empty()) request->take_key(looked.key);
  request->found = std::move(looked.found);
  make_request_id(*request->snapshot, peer, request->head.fields, request->id);
  return request;
}

}  // namespace davenport::server
