#include "cache/policy/reuse.h"

#include <algorithm>
#include <string_view>

#include "cache/policy/cookies.h"
#include "cache/policy/directives.h"
#include "core/base/text.h"
#include "core/http/grammar.h"

namespace davenport::policy {
namespace {

using http::FieldId;

constexpr std::uint64_t kDirectives = http::field_bit(FieldId::cache_control) | http::field_bit(FieldId::pragma);

std::optional<std::uint32_t> number_of(const http::Directive& directive) {
  return directive.value ? read_seconds(*directive.value) : std::nullopt;
}

void apply(Ask& ask, const http::Directive& directive) {
  const auto is = [&](std::string_view name) { return iequals(directive.name, name); };
  if (is("no-cache")) ask.no_cache = true;
  else if (is("no-store")) ask.no_store = true;
  else if (is("only-if-cached")) ask.only_if_cached = true;
  else if (is("max-age")) { if (!ask.max_age) ask.max_age = number_of(directive).value_or(0); }
  else if (is("min-fresh")) { if (!ask.min_fresh) ask.min_fresh = number_of(directive); }
  else if (is("stale-if-error")) { if (!ask.stale_if_error) ask.stale_if_error = number_of(directive); }
  else if (is("max-stale")) {
    if (!ask.max_stale) ask.max_stale = directive.value ? number_of(directive) : std::optional{kForever};
  }
}

void read_directives(Ask& ask, const http::Fields& fields) {
  if (!fields.has(FieldId::cache_control)) {
    for (const http::Field& line : fields) {
      if (line.id == FieldId::pragma && http::list_contains(line.value, "no-cache")) ask.no_cache = true;
    }
    return;
  }
  for (const http::Field& line : fields) {
    if (line.id != FieldId::cache_control) continue;
    http::DirectiveReader reader(line.value);
    while (const auto directive = reader.next()) {
      if (!directive->broken) apply(ask, *directive);
    }
  }
}

bool asks_no_transform(const http::Fields& fields) {
  for (const http::Field& line : fields) {
    if (line.id == FieldId::cache_control && http::list_contains(line.value, "no-transform")) return true;
  }
  return false;
}

// The origin has to be asked: how.
Decision ask_origin(const Ask& ask, Action action, Reason reason) {
  if (ask.only_if_cached) return {Action::refuse, Reason::only_if_cached};
  if (ask.no_store) return {Action::fetch, Reason::request_no_store};
  return {action, reason};
}

// Fresh, and not to be validated for the response's own sake (§4.2, §5.2.1).
Decision decide_fresh(const Ask& ask, const StoredFacts& stored, WallSeconds now) {
  if (ask.no_cache) return ask_origin(ask, Action::validate, Reason::request_no_cache);
  if (stored.immutable) return {Action::serve, Reason::fresh_hit};            // RFC 8246 §2.1: only no-cache asks for more
  if (ask.max_age && stored.age(now) > *ask.max_age) return ask_origin(ask, Action::validate, Reason::request_max_age);
  if (ask.min_fresh && stored.ttl(now) < *ask.min_fresh) {
    return ask_origin(ask, Action::validate, Reason::request_min_fresh);
  }
  return {Action::serve, Reason::fresh_hit};
}

// Softly purged within its lifetime: this visitor gets it, and one request asks the origin behind. It is fresh by RFC 9111 still, so
// nothing in the response forbids that; only the client can ask for more.
std::optional<Decision> decide_soft(const Ask& ask, const StoredFacts& stored, WallSeconds now) {
  if (!stored.fresh(now) || decide_fresh(ask, stored, now).action != Action::serve) return std::nullopt;
  return Decision{Action::serve_and_refresh, Reason::purged_soft};
}

// §4.2.4: served stale only where the response or the client says so, and nothing forbids it.
Decision decide_stale(const Ask& ask, const StoredFacts& stored, Reason why, WallSeconds now) {
  if (stored.must_revalidate) return ask_origin(ask, Action::validate, Reason::must_revalidate);
  if (ask.no_cache) return ask_origin(ask, Action::validate, Reason::request_no_cache);
  const std::int64_t staleness = std::max<std::int64_t>(0, -stored.ttl(now));
  const bool too_old = ask.max_age && stored.age(now) > *ask.max_age;
  // max-age without max-stale, and min-fresh: the client does not wish to receive a stale response (§5.2.1.1, §5.2.1.3).
  const bool wants_fresh = too_old || (ask.max_age && !ask.max_stale) || ask.min_fresh;
  if (wants_fresh) return ask_origin(ask, Action::validate, why);
  if (stored.stale_while_revalidate > 0 && staleness <= stored.stale_while_revalidate) {
    return {Action::serve_and_refresh, Reason::stale_while_revalidate};
  }
  if (ask.max_stale && staleness <= *ask.max_stale && stored.lifetime > 0 && why == Reason::stale) {
    return {Action::serve, Reason::client_accepts_stale};
  }
  return ask_origin(ask, Action::validate, why);
}

}  // namespace

Ask read_ask(const http::RequestHead& request, const config::CacheRules& rules) {
  Ask ask;
  const std::uint64_t present = request.fields.present();
  ask.authorization = (present & http::field_bit(FieldId::authorization)) != 0;
  if ((present & kDirectives) == 0) return ask;
  ask.no_transform = asks_no_transform(request.fields);
  if (!rules.ignore_client_no_cache) read_directives(ask, request.fields);
  return ask;
}

std::optional<Reason> must_pass(const http::RequestHead& request, const config::CacheRules& rules) {
  if (request.method != http::Method::get && request.method != http::Method::head) return Reason::method;
  if (!rules.enabled) return Reason::route_bypass;
  if (request.wants_upgrade) return Reason::upgrade;
  // Content with GET has no meaning that a cache could know (RFC 9110 §9.3.1); an origin may choose its answer by it.
  if (request.framing != http::Framing::none &&
      !(request.framing == http::Framing::length && request.content_length == 0)) {
    return Reason::method;
  }
  return has_pass_cookie(request.fields, rules) ? std::optional{Reason::pass_cookie} : std::nullopt;
}

Decision decide(const Ask& ask, const StoredFacts* stored, PurgeState purge, bool other_variants,
                const config::CacheRules&, WallSeconds now) {
  if (stored == nullptr) {
    if (ask.only_if_cached) return {Action::refuse, Reason::only_if_cached};
    return {Action::fetch, other_variants ? Reason::vary_miss : Reason::uri_miss};     // whatever the client said, nothing could be selected (RFC 9211 §2.2)
  }
  if (purge == PurgeState::hard) return ask_origin(ask, Action::fetch, Reason::purged);
  if (purge == PurgeState::validate) return ask_origin(ask, Action::validate, Reason::purge_unknown);
  if (ask.authorization && !stored->shared_with_authorization) {
    return ask_origin(ask, Action::fetch, Reason::authorization);
  }
  if (stored->partial && !ask.partial_suffices) return ask_origin(ask, Action::fetch, Reason::partial_miss);
  if (stored->no_cache) return ask_origin(ask, Action::validate, Reason::response_no_cache);
  if (purge == PurgeState::soft) {
    const auto soft = decide_soft(ask, *stored, now);
    return soft ? *soft : decide_stale(ask, *stored, Reason::purged_soft, now);
  }
  return stored->fresh(now) ? decide_fresh(ask, *stored, now) : decide_stale(ask, *stored, Reason::stale, now);
}

std::optional<Reason> stale_instead(const Ask& ask, const StoredFacts& stored, PurgeState purge, OriginTrouble trouble,
                                    const config::CacheRules& rules, WallSeconds now) {
  if (purge >= PurgeState::validate || stored.no_cache || stored.must_revalidate || ask.no_cache) return std::nullopt;
  if (ask.authorization && !stored.shared_with_authorization) return std::nullopt;
  if (stored.partial && !ask.partial_suffices) return std::nullopt;
  const std::int64_t staleness = std::max<std::int64_t>(0, -stored.ttl(now));
  const std::uint32_t window = std::max(stored.stale_if_error, ask.stale_if_error.value_or(0));
  const bool in_window = window > 0 && staleness <= window;
  switch (trouble) {
    case OriginTrouble::error_status:
      return in_window ? std::optional{Reason::stale_if_error} : std::nullopt;
    case OriginTrouble::unreachable:
      if (in_window) return Reason::stale_if_error;
      if (!rules.stale_when_gone || stored.lifetime == 0 || stored.sie_stated) return std::nullopt;
      return Reason::stale_origin_gone;
    case OriginTrouble::slow: {
      const bool wants_fresh = ask.max_age || ask.min_fresh;    // the client would rather wait
      if (rules.stale_if_slow.count() <= 0 || stored.lifetime == 0 || wants_fresh) return std::nullopt;
      return Reason::stale_if_slow;
    }
  }
  __builtin_unreachable();
}

}  // namespace davenport::policy
