#include "cache/policy/storability.h"

#include <algorithm>
#include <unordered_set>

#include "cache/policy/coding.h"
#include "cache/policy/cookies.h"
#include "cache/policy/directives.h"
#include "cache/policy/header_rules.h"
#include "cache/policy/range.h"
#include "cache/policy/reuse.h"
#include "cache/policy/target.h"
#include "cache/policy/validate.h"
#include "cache/policy/vary.h"
#include "core/base/text.h"
#include "core/http/grammar.h"

namespace davenport::policy {
namespace {

using http::FieldId;

std::uint32_t saturated(std::int64_t seconds) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, kForever));
}
std::uint32_t saturated(Seconds seconds) { return saturated(seconds.count()); }

// RFC 9110 §15.1: "heuristically cacheable".
bool heuristically_cacheable(int status) {
  switch (status) {
    case 200: case 203: case 204: case 206: case 300: case 301: case 308: case 404: case 405: case 410: case 414: case 501:
      return true;
    default: return false;
  }
}

// The statuses for which a lifetime may be guessed unless strict_rfc: errors wait for an explicit word.
bool guessed_by_default(int status) {
  return heuristically_cacheable(status) && status < 400 && status != 206;
}

// Errors that one client's malformed request brings about: a guess would let it poison the page for all.
bool caused_by_request(int status) { return status == 400 || status == 413 || status == 414 || status == 431; }

bool may_guess(int status, const Directives& says, const config::CacheRules& rules) {
  if (rules.heuristic_all_statuses) return heuristically_cacheable(status) || says.public_;
  if (caused_by_request(status)) return false;
  return guessed_by_default(status) || says.public_;
}

// An answer to a field of this request, not to its target: no one else may get it.
bool answers_a_condition(int status, const http::Fields& request) {
  constexpr std::uint64_t kPreconditions =
      http::field_bit(FieldId::if_match) | http::field_bit(FieldId::if_unmodified_since) |
      http::field_bit(FieldId::if_none_match) | http::field_bit(FieldId::if_modified_since);
  return (status == 412 && (request.present() & kPreconditions) != 0) || (status == 416 && request.has(FieldId::range)) ||
         (status == 417 && request.has(FieldId::expect));
}

bool takes_forced_ttl(int status) { return heuristically_cacheable(status) && status != 414 && status != 501; }

// must-understand (§5.2.2.3): final statuses with rules in RFC 9110 §15 that this cache follows.
bool understood(int status) {
  return (status >= 200 && status <= 206) || (status >= 300 && status <= 305) || status == 307 || status == 308 ||
         (status >= 400 && status <= 417) || status == 421 || status == 422 || status == 426 ||
         (status >= 500 && status <= 505);
}

bool lists(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& listed) { return iequals(listed, name); });
}

// Patterns of field names, in any case.
bool matches_any_case(const std::vector<std::string>& patterns, std::string_view name) {
  const std::string lowered = lower(name);
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return config::matches_pattern(lower(pattern), lowered); });
}

bool never_stored(const std::vector<std::string>& statuses, int status) {
  if (statuses.empty()) return false;
  const std::string text = std::to_string(status);
  return std::any_of(statuses.begin(), statuses.end(),
                     [&](const std::string& pattern) { return config::matches_pattern(pattern, text); });
}

WallSeconds date_of(const http::Fields& fields, const Times& times) {
  if (!fields.has(FieldId::date)) return times.response_time;
  return http::parse_http_date(fields.get(FieldId::date), times.response_time).value_or(times.response_time);
}

// §5.1: the first member counts; anything but a number is ignored.
std::int64_t age_value(const http::Fields& fields) {
  http::ListReader list(fields.get(FieldId::age));
  const auto first = list.next();
  return first ? read_seconds(*first).value_or(0) : 0;
}

// §4.2.3, with apparent_age. A clock that went backwards while the request was under way counts as no delay.
std::uint32_t initial_age(const http::Fields& fields, WallSeconds date, const Times& times) {
  const std::int64_t apparent_age = (times.response_time - date).count();
  const std::int64_t delay = std::max<std::int64_t>(0, (times.response_time - times.request_time).count());
  return saturated(std::max(apparent_age, age_value(fields) + delay));
}

// §4.2.1: what the origin itself says.
std::optional<std::uint32_t> explicit_lifetime(const Directives& says, const http::Fields& fields, WallSeconds date,
                                               const Times& times) {
  if (says.s_maxage) return says.s_maxage;
  if (says.max_age) return says.max_age;
  if (says.targeted || !fields.has(FieldId::expires)) return std::nullopt;
  if (fields.count(FieldId::expires) > 1) return 0;
  const auto expires = http::parse_http_date(fields.get(FieldId::expires), times.response_time);
  return expires ? saturated((*expires - date).count()) : 0;
}

// §4.2.2: a tenth of the time since the last modification.
std::uint32_t heuristic_lifetime(const http::Fields& fields, WallSeconds date, const Times& times,
                                 const config::CacheRules& rules) {
  const auto modified = http::parse_http_date(fields.get(FieldId::last_modified), times.response_time);
  if (!modified || *modified >= date) return 0;
  return std::min(saturated((date - *modified).count() / 10), saturated(rules.heuristic_max));
}

bool has_own_validator(const http::Fields& fields) {
  const auto etag = fields.get(FieldId::etag);
  return fields.has(FieldId::last_modified) || (http::parse_entity_tag(etag).has_value() && !is_own_etag(etag));
}

// The longest pattern that the media type matches.
std::optional<Seconds> ttl_by_type(const http::Fields& fields, const config::CacheRules& rules) {
  if (rules.type_ttl.empty()) return std::nullopt;
  const std::string type = media_type(fields.get(FieldId::content_type));
  std::string_view best;
  std::optional<Seconds> ttl;
  for (const auto& [pattern, lifetime] : rules.type_ttl) {
    if (!config::matches_pattern(pattern, type) || (ttl && pattern.size() <= best.size())) continue;
    best = pattern;
    ttl = lifetime;
  }
  return ttl;
}

// Lifetime and its origin, in the order that the header lists.
void set_lifetime(StoredFacts& facts, const Directives& says, std::optional<std::uint32_t> explicit_seconds,
                  const http::Fields& fields, const Times& times, const config::CacheRules& rules) {
  const int status = facts.status;
  const auto by_status = rules.status_ttl.find(status);
  if (rules.ttl && takes_forced_ttl(status) && by_status == rules.status_ttl.end()) {
    facts.forced = true;
    facts.lifetime = saturated(std::int64_t{saturated(*rules.ttl)} + facts.initial_age);
  } else if (explicit_seconds) {
    facts.lifetime = *explicit_seconds;
  } else if (by_status != rules.status_ttl.end()) {
    facts.lifetime = saturated(by_status->second);
  } else if (const auto by_type = ttl_by_type(fields, rules); by_type && may_guess(status, says, rules)) {
    facts.lifetime = saturated(*by_type);
  } else if (rules.default_ttl && may_guess(status, says, rules)) {
    facts.lifetime = saturated(*rules.default_ttl);
  } else if (rules.heuristic && may_guess(status, says, rules)) {
    facts.lifetime = heuristic_lifetime(fields, facts.date, times, rules);
    facts.heuristic = facts.lifetime > 0;
  }
}

// RFC 5861; the route's windows where the origin names none, and only for what was ever fresh: an answer that is to be
// validated at each use may be one user's own.
void set_stale_windows(StoredFacts& facts, const Directives& says, const config::CacheRules& rules) {
  facts.sie_stated = says.stale_if_error.has_value();
  const bool forbidden = facts.must_revalidate || facts.no_cache;
  if (!forbidden) {
    const auto window = [&](std::optional<std::uint32_t> stated, std::optional<Seconds> by_route) -> std::uint32_t {
      if (stated) return *stated;
      return by_route && facts.lifetime > 0 ? saturated(*by_route) : 0;
    };
    facts.stale_while_revalidate = window(says.stale_while_revalidate, rules.stale_while_revalidate);
    facts.stale_if_error = window(says.stale_if_error, rules.stale_if_error);
  }
  // Past the windows only a validator, or an origin that is gone, gives the stored answer a use.
  facts.keep = facts.has_validator || !forbidden ? saturated(rules.keep) : 0;
}

bool ever_useful(const StoredFacts& facts) {
  if (facts.lifetime > facts.initial_age && !facts.no_cache) return true;
  if (facts.has_validator && facts.status >= 200 && facts.status < 300) return true;
  const std::int64_t staleness = std::max<std::int64_t>(0, std::int64_t{facts.initial_age} - facts.lifetime);
  return std::max(facts.stale_while_revalidate, facts.stale_if_error) > staleness;
}

// no-store and its kin (§3), before anything is asked about time.
std::optional<Storing> forbidden_by(const Directives& says, int status, const Ask& ask, const http::Fields& fields) {
  if (says.must_understand && !understood(status)) return Storing::must_understand;
  if (says.no_store && !says.must_understand) return Storing::no_store;
  if (says.private_) return Storing::private_;
  if (varies_on_everything(fields)) return Storing::vary_star;
  if (ask.authorization && !says.explicitly_shared() && !says.must_revalidate) return Storing::authorization;
  return std::nullopt;
}

// Set-Cookie (DECISIONS: a departure from the RFC by default). False: not to be stored.
bool settle_set_cookie(StoreVerdict& verdict, const Directives& says, const http::Fields& fields,
                       const config::CacheRules& rules) {
  if (rules.strip_cookies) verdict.strip_set_cookie = true;   // the route takes it out of every answer
  if (verdict.strip_set_cookie || !fields.has(FieldId::set_cookie)) return true;
  switch (rules.set_cookie) {
    case config::SetCookie::keep: return true;
    case config::SetCookie::refuse: return false;
    case config::SetCookie::strip: break;
  }
  const bool for_all_caches = says.targeted && says.max_age.has_value();
  if (!says.explicitly_shared() && !for_all_caches && !rules.share_set_cookie && !lists(says.withheld, "set-cookie")) {
    return false;
  }
  verdict.strip_set_cookie = true;
  return true;
}

StoredFacts facts_of(const http::ResponseHead& response, int status, const Directives& says, const Times& times,
                     const config::CacheRules& rules) {
  StoredFacts facts;
  facts.status = static_cast<std::uint16_t>(status);
  const WallSeconds date = date_of(response.fields, times);     // as it was said; facts hold no other century
  facts.date = date;
  facts.response_time = times.response_time;
  facts.initial_age = initial_age(response.fields, date, times);
  facts.must_revalidate = says.must_revalidate || says.proxy_revalidate ||
                          (says.s_maxage.has_value() && !rules.s_maxage_allows_stale);
  facts.no_cache = says.no_cache;
  facts.immutable = says.immutable;
  facts.targeted = says.targeted;
  facts.shared_with_authorization = says.explicitly_shared() || says.must_revalidate;
  facts.has_validator = has_own_validator(response.fields);
  set_lifetime(facts, says, explicit_lifetime(says, response.fields, date, times), response.fields, times, rules);
  set_stale_windows(facts, says, rules);
  return facts;
}

Storing judge_lifetime(const StoreVerdict& verdict, const Directives& says, const config::CacheRules& rules) {
  const StoredFacts& facts = verdict.facts;
  if (ever_useful(facts)) {
    // §3: without an explicit lifetime, only where the status or `public` allows it.
    const bool allowed = facts.lifetime > 0 || says.max_age || says.s_maxage || heuristically_cacheable(facts.status) ||
                         says.public_;
    return allowed ? Storing::stored : Storing::status;
  }
  const bool could_be_guessed = heuristically_cacheable(facts.status) || may_guess(facts.status, says, rules);
  return facts.lifetime > 0 || could_be_guessed ? Storing::no_lifetime : Storing::status;
}

// Everything but the method.
StoreVerdict judge_answer(const Ask& ask, bool asked_for_range, const http::ResponseHead& response, const Times& times,
                          const config::CacheRules& rules) {
  StoreVerdict verdict;
  const auto refuse = [&](Storing why) {
    verdict.storing = why;
    return std::move(verdict);
  };
  if (!rules.enabled) return refuse(Storing::route);
  if (response.status < 200 || response.status == 304) return refuse(Storing::status);
  if (never_stored(rules.unstored_statuses, response.status)) return refuse(Storing::status);
  if (ask.no_store) return refuse(Storing::request_no_store);
  Directives says = read_directives(response.fields, rules);
  if (const auto why = forbidden_by(says, response.status, ask, response.fields)) return refuse(*why);
  if (!settle_set_cookie(verdict, says, response.fields, rules)) return refuse(Storing::set_cookie);

  int status = response.status;
  bool partial = false;
  if (status == 206) {
    const auto part = asked_for_range ? part_of(response) : std::nullopt;
    if (!part) return refuse(Storing::bad_range);
    if (part->whole()) status = 200;
    else partial = true;
  }
  verdict.facts = facts_of(response, status, says, times, rules);
  verdict.facts.partial = partial;
  verdict.storing = judge_lifetime(verdict, says, rules);
  if (verdict.ok() && partial) verdict.storing = Storing::partial;
  if (verdict.ok() && rules.max_object_bytes != 0 && response.framing == http::Framing::length &&
      response.content_length > rules.max_object_bytes) {
    verdict.storing = Storing::too_large;
  }
  verdict.withheld = std::move(says.withheld);
  return verdict;
}

}  // namespace

StoreVerdict judge(const http::RequestHead& request, const http::ResponseHead& response, const Times& times,
                   const config::CacheRules& rules) {
  if (request.method != http::Method::get && request.method != http::Method::head) {
    StoreVerdict verdict;
    verdict.storing = Storing::method;
    return verdict;
  }
  StoreVerdict verdict =
      judge_answer(read_ask(request, rules), request.fields.has(FieldId::range), response, times, rules);
  if (verdict.ok() && answers_a_condition(response.status, request.fields)) verdict.storing = Storing::status;
  return verdict;
}

StoreVerdict judge_updated(const http::RequestHead& request, const http::ResponseHead& merged,
                           const http::Fields& update, const StoredFacts& old, const Times& times,
                           const config::CacheRules& rules) {
  StoreVerdict verdict = judge_answer(read_ask(request, rules), old.partial, merged, times, rules);
  if (!verdict.ok()) {         // for the client who gets it: it was validated just now (§4.2.3)
    verdict.facts.date = date_of(merged.fields, times);
    verdict.facts.response_time = times.response_time;
    verdict.facts.initial_age = initial_age(merged.fields, date_of(merged.fields, times), times);
  }
  if (refused_for_asker(verdict.storing)) return verdict;
  const bool says_nothing = std::none_of(update.begin(), update.end(),
                                         [&](const http::Field& field) { return speaks_of_freshness(field, rules); });
  const bool lost_words = old.relabelled && says_nothing;
  const bool lost_target = old.targeted && !rules.forward_targeted &&
                           std::none_of(rules.targeted_fields.begin(), rules.targeted_fields.end(),
                                        [&](const std::string& name) { return update.find(name) != nullptr; });
  if (!lost_target && !lost_words) {
    verdict.facts.relabelled = old.relabelled;
    return verdict;
  }
  StoredFacts facts = old;
  facts.date = date_of(merged.fields, times);
  facts.response_time = times.response_time;
  facts.initial_age = initial_age(merged.fields, date_of(merged.fields, times), times);
  facts.has_validator = has_own_validator(merged.fields);
  if (facts.forced) facts.lifetime = saturated(std::int64_t{old.lifetime} - old.initial_age + facts.initial_age);
  verdict.facts = facts;
  verdict.storing = old.partial ? Storing::partial : Storing::stored;
  verdict.strip_set_cookie = rules.set_cookie != config::SetCookie::keep || rules.strip_cookies;
  return verdict;
}

StoreVerdict judge_post(const http::RequestHead& request, std::string_view scheme, const http::ResponseHead& response,
                        const Times& times, const config::CacheRules& rules) {
  StoreVerdict refused;
  refused.storing = Storing::method;
  if (request.method != http::Method::post || (response.status != 200 && response.status != 203)) return refused;
  if (has_pass_cookie(request.fields, rules)) return refused;
  if (response.fields.count(FieldId::content_location) != 1) return refused;
  const auto located = resolve_against(request, scheme, response.fields.get(FieldId::content_location));
  if (!located || !same_uri(*located, target_uri(request, scheme))) return refused;
  const Directives says = read_directives(response.fields, rules);
  if (!explicit_lifetime(says, response.fields, date_of(response.fields, times), times)) return refused;
  return judge_answer(read_ask(request, rules), false, response, times, rules);
}

void make_whole(http::ResponseHead& response) {
  response.status = 200;
  response.reason = http::reason_phrase(200);
  response.fields.remove(FieldId::content_range);
}

bool is_kept_field(const http::Field& field, const StoreVerdict& verdict, const config::CacheRules& rules,
                   const http::ResponseHead& response) {
  switch (field.id) {
    case FieldId::connection: case FieldId::keep_alive: case FieldId::proxy_connection: case FieldId::te:
    case FieldId::transfer_encoding: case FieldId::upgrade:
    case FieldId::proxy_authenticate: case FieldId::proxy_authentication_info: case FieldId::proxy_authorization:
    case FieldId::age:
      return false;
    case FieldId::set_cookie:
      if (verdict.strip_set_cookie) return false;
      break;
    case FieldId::content_range:
      // Only a part has one; a 206 that holds everything is stored as the 200 that it stands for.
      if (response.status == 206 && !verdict.facts.partial) return false;
      break;
    default:
      break;
  }
  if (!rules.unstored_fields.empty() && matches_any_case(rules.unstored_fields, field.name)) return false;
  return verdict.withheld.empty() || !lists(verdict.withheld, field.name);
}

bool is_stored_field(const http::Field& field, const StoreVerdict& verdict, const config::CacheRules& rules,
                     const http::ResponseHead& response) {
  if (!rules.forward_tags && is_tag_field(field, rules)) return false;
  if (!rules.forward_targeted && lists(rules.targeted_fields, field.name)) return false;
  return is_kept_field(field, verdict, rules, response);
}

std::string tags_value(const std::vector<std::string>& tags, const config::CacheRules& rules) {
  const std::string_view between = iequals(rules.tags_as, "Surrogate-Key") ? " " : ",";
  std::string out;
  for (const std::string& tag : tags) {
    if (!out.empty()) out.append(between);
    out.append(tag);
  }
  return out;
}

bool worth_remembering(Storing storing) {
  switch (storing) {
    case Storing::no_store:
    case Storing::private_:
    case Storing::status:
    case Storing::no_lifetime:
    case Storing::vary_star:
    case Storing::set_cookie:
    case Storing::too_large:
    case Storing::must_understand: return true;
    case Storing::stored:
    case Storing::updated:
    case Storing::not_asked:
    case Storing::request_no_store:     // this client's wish
    case Storing::method:
    case Storing::authorization:        // this client's credentials
    case Storing::partial:
    case Storing::incomplete:
    case Storing::too_many_variants:
    case Storing::route:
    case Storing::memory_pinned:
    case Storing::purged_meanwhile:
    case Storing::bad_range:
    case Storing::spelling: return false;
  }
  __builtin_unreachable();
}

bool refused_for_asker(Storing storing) {
  return storing == Storing::request_no_store || storing == Storing::authorization || storing == Storing::method;
}

bool is_tag_field(const http::Field& field, const config::CacheRules& rules) { return lists(rules.tag_fields, field.name); }

std::vector<std::string> tags_of(const http::Fields& response, const config::CacheRules& rules) {
  std::vector<std::string> tags;
  std::unordered_set<std::string> seen;
  const auto add = [&](std::string_view tag) {
    tag = trim_ows(tag);
    if (tag.empty()) return;
    if (seen.emplace(tag).second) tags.emplace_back(tag);
  };
  const auto split = [&](std::string_view text, std::string_view separators) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find_first_of(separators), text.size());
      add(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  };
  for (const std::string& tag : rules.tags) add(tag);
  for (const http::Field& field : response) {
    if (!is_tag_field(field, rules)) continue;
    const bool commas_alone = field.id == FieldId::cache_tag;
    split(field.value, commas_alone ? "," : ", ");
  }
  return tags;
}

}  // namespace davenport::policy
