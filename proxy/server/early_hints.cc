#include "proxy/server/early_hints.h"

#include "cache/policy/hints.h"
#include "proxy/server/client.h"
#include "proxy/server/forward.h"
#include "proxy/server/relay.h"
#include "proxy/server/request.h"

namespace davenport::server {

void EarlyHints::remember(const policy::KeyParts& key, std::string links, purge::Position position) {
  if (links.empty() && !any_.load(std::memory_order_relaxed)) return;
  any_.store(true, std::memory_order_relaxed);
  const std::size_t at = key.hash.low % kPlaces;
  const std::scoped_lock lock(locks_[at % kLocks]);
  Place& place = places_[at];
  if (links.empty() && !(place.key == key.hash)) return;
  place = {key.hash, position, std::move(links)};
}

std::string EarlyHints::of(const policy::KeyParts& key, const purge::Log& log) {
  if (!any_.load(std::memory_order_relaxed)) return {};
  const std::size_t at = key.hash.low % kPlaces;
  const std::scoped_lock lock(locks_[at % kLocks]);
  const Place& place = places_[at];
  if (place.links.empty() || !(place.key == key.hash)) return {};
  const purge::Names names{key.resource_hash, key.resource};
  return log.check(names, place.position) == policy::PurgeState::valid ? place.links : std::string{};
}

void hint_early(Client& client, Request& request) {
  if (request.hinted || !request.rules().early_hints || request.head.method != http::Method::get) return;
  request.hinted = true;
  Shared& shared = client.worker().shared();
  const std::string links = shared.hints.of(request.key, shared.purge_log);
  if (links.empty()) return;
  http::ResponseHead head;
  head.status = 103;
  head.reason = http::reason_phrase(103);
  head.fields.add("Link", links);
  pass_interim(client, request, head);
}

void remember_hints(EarlyHints& hints, const Request& request, const http::ResponseHead& head, purge::Position position) {
  if (!request.rules().early_hints || request.head.method != http::Method::get || head.status != 200) return;
  http::Fields fields;
  std::string lines;
  const policy::RuleSubject subject = rule_subject(request, head.status, head.fields.get(http::FieldId::content_type));
  make_client_fields(request, head, nullptr, subject, policy::Brings::answer, read_wall_seconds(), fields, lines);
  remember_hints(hints, request, head.status, fields, position);
}

void remember_hints(EarlyHints& hints, const Request& request, int status, const http::Fields& fields, purge::Position position) {
  if (!request.rules().early_hints || request.head.method != http::Method::get || status != 200) return;
  if (!policy::hints_for_all(request.head.fields, fields, request.rules())) return;
  hints.remember(request.key, policy::hint_links(fields), position);
}

}  // namespace davenport::server
