#include "proxy/admin/explain.h"

#include <algorithm>

#include "cache/policy/coding.h"
#include "cache/policy/key.h"
#include "cache/policy/storability.h"
#include "cache/policy/vary.h"
#include "core/base/text.h"
#include "core/http/bytes.h"
#include "core/http/grammar.h"
#include "core/http/parser.h"
#include "core/http/uri.h"
#include "proxy/admin/readable.h"
#include "proxy/server/form.h"

namespace davenport::admin {
namespace {

using http::FieldId;
using policy::PurgeState;

// --- The question ---------------------------------------------------------------------------------------------------

// nullopt: a "%" without two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' && plus_is_space ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? http::bytes::hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? http::bytes::hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

Result<void> read_parameter(Question& question, std::string_view name, std::string value) {
  if (name == "url") {
    if (!question.url.empty()) return Error{"url is there twice"};
    question.url = std::move(value);
  } else if (name == "method") {
    if (!http::is_token(value)) return Error{"method is a token, like GET"};
    question.method = std::move(value);
  } else if (name == "format") {
    if (value != "text" && value != "json") return Error{"format is text or json"};
    question.as_text = value == "text";
  } else if (name == "field") {
    const std::size_t colon = value.find(':');
    const std::string_view field = std::string_view(value).substr(0, colon);
    if (colon == std::string::npos || !http::is_token(field)) return Error{"field wants Name:value"};
    const std::string_view of_field = trim_ows(std::string_view(value).substr(colon + 1));
    if (!http::is_field_value(of_field)) return Error{"the value of a field holds no control bytes"};
    question.fields.emplace_back(field, of_field);
  } else {
    return Error{"unknown parameter \"" + std::string(name) +
                 "\": there are url, method, field and format; an \"&\" inside the URL is written %26"};
  }
  return {};
}

// --- The request that it asks about ---------------------------------------------------------------------------------

struct Asked {
  std::string bytes;             // `head` points into it
  http::RequestHead head;
  std::string scheme, host;      // host: lower case, without port
};

Error not_a_url(std::string_view url) {
  return Error{"\"" + std::string(url.substr(0, 100)) + "\" is no URL: write http://host/path?query, percent-encoded in url="};
}

// The URL as a client would send it, through the parser that reads clients.
Result<void> make_request(const Question& question, Asked& asked) {
  const auto parts = http::parse_http_uri(question.url);
  const auto authority = parts ? http::parse_host_port(parts->authority) : std::nullopt;
  if (!authority) return not_a_url(question.url);
  http::append_host(asked.host, authority->host);
  asked.scheme = lower(parts->scheme);
  asked.bytes = question.method + " " + (parts->path.empty() ? "/" : std::string(parts->path));
  if (parts->has_query) asked.bytes.append("?").append(parts->query);
  asked.bytes.append(" HTTP/1.1\r\nHost: ").append(parts->authority).append("\r\n");
  for (const auto& [name, value] : question.fields) {
    if (iequals(name, "host")) return Error{"the host is the URL's: leave the field Host out"};
    asked.bytes.append(name).append(": ").append(value).append("\r\n");
  }
  asked.bytes.append("\r\n");
  const http::HeadLimits limits;
  http::RequestParser parser(limits);
  const http::ParseResult parsed = parser.parse(asked.bytes, asked.head);
  if (parsed.state == http::ParseState::done) return {};
  if (parsed.state == http::ParseState::error) {
    return Error{"a client could not send that: " + std::string(http::text_of(parsed.fault))};
  }
  return not_a_url(question.url);
}

// --- What is stored -------------------------------------------------------------------------------------------------

std::string_view name_of(policy::Action action) {
  switch (action) {
    case policy::Action::serve: return "serve";
    case policy::Action::serve_and_refresh: return "serve_and_refresh";
    case policy::Action::validate: return "validate";
    case policy::Action::fetch: return "fetch";
    case policy::Action::refuse: return "refuse";
  }
  __builtin_unreachable();
}

// The field that the lifetime was read from, by what the stored response still says; storability.h has the order.
std::string lifetime_source(const policy::StoredFacts& facts, const http::Fields& fields, const config::CacheRules& rules) {
  if (facts.forced) return "the route's ttl";
  if (facts.targeted) return "a targeted field (RFC 9213)";
  if (facts.heuristic) return "a guess: a tenth of Date - Last-Modified (RFC 9111 §4.2.2)";
  bool max_age = false;
  for (const http::Field& field : fields) {
    if (field.id != FieldId::cache_control) continue;
    http::DirectiveReader reader(field.value);
    while (const auto directive = reader.next()) {
      if (directive->broken) continue;
      if (iequals(directive->name, "s-maxage")) return "s-maxage (RFC 9111 §5.2.2.10)";
      max_age = max_age || iequals(directive->name, "max-age");
    }
  }
  if (max_age) return "max-age (RFC 9111 §5.2.2.1)";
  if (fields.has(FieldId::expires)) return "Expires - Date (RFC 9111 §5.3)";
  if (rules.status_ttl.contains(facts.status)) return "the route's status_ttl";
  if (!rules.type_ttl.empty() && facts.lifetime > 0) return "the route's type_ttl or default_ttl";
  if (rules.default_ttl && facts.lifetime > 0) return "the route's default_ttl";
  return facts.lifetime > 0 ? "the route's rules when it was stored" : "nothing states one";
}

// As a worker looks at it, but leaving no mark.
PurgeState purge_state(const store::StoredResponse& response, const purge::Log& log, bool outdated) {
  const PurgeState state = log.check(response.names(), response.checked_at());
  return state == PurgeState::valid && (response.soft_purged() || outdated) ? PurgeState::soft : state;
}

Variant describe(const store::StoredResponse& response, server::Server& server, const config::Route& route, const config::CacheRules& rules, WallSeconds now) {
  Variant variant;
  variant.marker = response.marker();
  if (variant.marker) variant.storing = std::string(response.head());
  variant.selector = readable_selector(response.selector());
  variant.facts = response.facts();
  variant.age = variant.facts.age(now);
  variant.ttl = variant.facts.ttl(now);
  variant.purge = purge_state(response, server.purge_log(), server.outdated(route, response.facts()));
  variant.tag_count = response.tags().size();
  variant.checked_at = response.checked_at();
  variant.body_bytes = response.body_bytes();
  variant.held_bytes = response.bytes_held();
  if (variant.marker) return variant;
  const http::Fields fields = fields_of_head(response.head());
  variant.lifetime_source = lifetime_source(variant.facts, fields, rules);
  for (const Hash128& hash : response.tags()) {          // the response has hashes alone
    if (std::optional<std::string> name = server.tag_names().name_of(hash)) variant.tags.push_back(std::move(*name));
  }
  for (const FieldId id : {FieldId::cache_control, FieldId::cdn_cache_control, FieldId::expires, FieldId::date, FieldId::etag,
                           FieldId::last_modified, FieldId::vary, FieldId::content_type, FieldId::content_encoding}) {
    std::string scratch;
    if (fields.has(id)) {
      variant.fields.push_back({std::string(http::field_name(id)), std::string(fields.combined(id, scratch))});
    }
  }
  variant.codable = policy::name_of(policy::codable(variant.facts.status, fields, rules.compression));
  if (!response.codable() && variant.codable == "yes") variant.codable = "stored_without";   // under other rules, before a reload
  if (response.codable() && response.undecodable()) variant.codable = "undecodable";
  if (response.codable() && response.gains_nothing()) variant.codable = "no_gain";
  variant.coding = policy::name_of(policy::source_coding(fields));
  return variant;
}

std::string sent_as(const store::StoredResponse& response, const http::Fields& request, const config::CacheRules& rules) {
  if (!response.codable()) return {};
  const policy::Accepted accepted = policy::accepted_codings(request);
  const server::Wants wants{accepted, policy::choose_coding(accepted, rules.compression)};
  const server::Shape shape = server::shape_for(response, request, wants, rules.compression);
  if (shape.kind == server::Shape::Kind::ask_origin) return "what the origin sends";
  return std::string(policy::name_of(shape.kind == server::Shape::Kind::form ? shape.coding : response.coding()));
}

// The one that a worker would take: the most recent Date of those that match (RFC 9111 §4).
store::StoredPtr choose(const std::vector<store::StoredPtr>& variants, const http::Fields& request, const config::CacheRules& rules) {
  store::StoredPtr best;
  std::string scratch;
  for (const store::StoredPtr& variant : variants) {
    if (variant->form()) continue;
    if (!policy::selector_matches(variant->selector(), request, rules, scratch)) continue;
    if (!best || variant->facts().date > best->facts().date) best = variant;
  }
  return best;
}

// --- The decision ---------------------------------------------------------------------------------------------------

void decide(Explanation& out, const Asked& asked, const store::StoredPtr& chosen, bool outdated, const config::CacheRules& rules,
            const purge::Log& log, WallSeconds now) {
  policy::Decision decision;
  if (const auto pass = policy::must_pass(asked.head, rules)) {
    decision = {policy::Action::fetch, *pass};
    out.action = "pass";
  } else {
    const policy::Ask ask = policy::read_ask(asked.head, rules);
    const bool marker = chosen && chosen->marker();
    const bool usable = chosen && !marker;
    const PurgeState purge = chosen ? purge_state(*chosen, log, outdated) : PurgeState::valid;
    const bool others = std::any_of(out.variants.begin(), out.variants.end(), [](const Variant& v) { return !v.marker; });
    decision = policy::decide(ask, usable ? &chosen->facts() : nullptr, usable ? purge : PurgeState::valid, others, rules, now);
    if (marker && purge == PurgeState::valid && chosen->facts().fresh(now) && decision.action == policy::Action::fetch) {
      decision.reason = policy::Reason::hit_for_miss;
    }
    out.action = name_of(decision.action);
  }
  const policy::ReasonName name = policy::name_of(decision.reason);
  out.reason = name.name;
  out.fwd = name.fwd;
  out.sentence = policy::text_of(decision.reason);
}

std::optional<policy::Storing> storing_named(std::string_view name) {
  for (std::size_t i = 0; i < policy::kStoringCount; ++i) {
    if (policy::name_of(static_cast<policy::Storing>(i)) == name) return static_cast<policy::Storing>(i);
  }
  return std::nullopt;
}

void advise(Explanation& out, const config::CacheRules& rules) {
  if (!rules.enabled) out.advice.emplace_back(policy::advice_for(policy::Storing::route));
  for (const Variant& variant : out.variants) {
    if (variant.marker) {
      const auto storing = storing_named(variant.storing);
      const std::string_view advice = storing ? policy::advice_for(*storing) : std::string_view{};
      out.advice.emplace_back(!advice.empty() ? std::string(advice)
                                              : "The last answer of the origin could not be stored; Cache-Status of that answer, the "
                                                "access log and davenport_storing_total say why.");
      continue;
    }
    if (variant.facts.must_revalidate && !rules.s_maxage_allows_stale && variant.lifetime_source.starts_with("s-maxage")) {
      out.advice.emplace_back(
          "s-maxage forbids stale answers (RFC 9111 §5.2.2.10), stale-while-revalidate too. Send CDN-Cache-Control: max-age=..., "
          "stale-while-revalidate=... instead, or set the route's `s_maxage_allows_stale`.");
    }
    if (variant.facts.no_cache) {
      out.advice.emplace_back("The stored answer says no-cache: each use asks the origin. Drop it from Cache-Control to serve hits.");
    }
    if (!variant.facts.has_validator) {
      out.advice.emplace_back("The stored answer has no validator: an ETag or Last-Modified would make revalidation cheap.");
    }
  }
  if (out.reason == "uri_miss") {
    out.advice.emplace_back("Nothing is stored: it was not asked for yet, or it was evicted, or its answer may not be stored. Ask for it "
                            "once; Cache-Status and the access log name the reason (`storing`), and then this page has its advice.");
    const bool loopback = out.url.find("://localhost") != out.url.npos || out.url.find("://127.0.0.1") != out.url.npos;
    if (loopback) out.advice.emplace_back("The host is part of the key: what was asked for at localhost is not found at 127.0.0.1, nor the other way round.");
  }
  if (out.reason == "vary_miss") {
    out.advice.emplace_back("Narrow the origin's Vary to the fields that really choose the answer.");
  }
  std::sort(out.advice.begin(), out.advice.end());
  out.advice.erase(std::unique(out.advice.begin(), out.advice.end()), out.advice.end());
}

}  // namespace

Result<Question> read_question(std::string_view query) {
  Question question;
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(parameter.size() + 1, query.size()));
    if (parameter.empty()) continue;
    const std::string_view name = parameter.substr(0, parameter.find('='));
    const std::string_view raw = parameter.substr(std::min(name.size() + 1, parameter.size()));
    std::optional<std::string> value = percent_decoded(raw, name == "field");   // a URL has no spaces, but may have a "+"
    if (!value) return Error{"\"" + std::string(name) + "\" has a % without two hexadecimal digits"};
    if (auto read = read_parameter(question, name, std::move(*value)); !read) return read.error();
  }
  if (question.url.empty()) return Error{"what URL? GET /explain?url=http://host/path"};
  return question;
}

Result<Explanation> explain(server::Server& server, const Question& question, WallSeconds now) {
  Asked asked;
  if (auto made = make_request(question, asked); !made) return made.error();
  const config::ConfigPtr config = server.config();
  Explanation out;
  out.url = question.url;
  out.method = question.method;
  out.purge_position = server.purge_log().position();
  const config::Route* const route = config::route_for(*config, asked.host, asked.head.path);
  if (route == nullptr) {
    out.action = "refuse";
    out.sentence = "No route names this host and path: the answer is 421.";
    out.advice.emplace_back("Add a [[route]] whose hosts name \"" + asked.host + "\", or one without hosts for all others.");
    return out;
  }
  out.routed = true;
  out.hosts = route->hosts;
  out.path = route->path;
  out.origin = config->origins[route->origin].name;
  const config::CacheRules& rules = config::rules_of(*route, asked.head.path);
  out.caching = rules.enabled;
  std::string scratch;
  const std::string_view forwarded_host = asked.head.fields.get(http::FieldId::x_forwarded_host);      // as a trusted proxy would say it
  const policy::KeyParts key = policy::make_key(asked.head, asked.scheme, policy::canonical_host(*route, asked.head.authority), rules, scratch,
                                                iequals(forwarded_host, asked.head.authority) ? std::string_view{} : forwarded_host);
  out.key = readable_key(key.key);
  out.resource = key.resource;
  const std::vector<store::StoredPtr> variants = server.store().variants(key);
  const store::StoredPtr chosen = choose(variants, asked.head.fields, rules);
  for (const store::StoredPtr& variant : variants) {
    if (variant->form()) continue;             // it is told with its source
    out.variants.push_back(describe(*variant, server, *route, rules, now));
    out.variants.back().chosen = variant == chosen;
    if (variant == chosen) out.variants.back().sent_as = sent_as(*variant, asked.head.fields, rules);
    for (const store::StoredPtr& form : variants) {
      if (!form->form() || form->selector() != variant->selector()) continue;
      out.variants.back().forms.push_back({std::string(policy::name_of(form->coding())), form->strong(), form->body_bytes()});
    }
  }
  if (route->uncached == nullptr) {
    out.advice.emplace_back("Origins may read this path in several ways (escapes, dots, empty segments, parameters), and not all readings have the same "
                            "rules: it is passed, and nothing is stored.");
  }
  decide(out, asked, chosen, chosen && server.outdated(*route, chosen->facts()), rules, server.purge_log(), now);
  advise(out, rules);
  return out;
}

}  // namespace davenport::admin
