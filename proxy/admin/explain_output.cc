#include <fmt/format.h>

#include <algorithm>

#include "core/base/json.h"
#include "core/http/grammar.h"
#include "proxy/admin/explain.h"
#include "proxy/admin/readable.h"

namespace davenport::admin {
namespace {

std::string_view name_of(policy::PurgeState state) {
  switch (state) {
    case policy::PurgeState::valid: return "valid";
    case policy::PurgeState::soft: return "soft";
    case policy::PurgeState::validate: return "validate";
    case policy::PurgeState::hard: return "hard";
  }
  __builtin_unreachable();
}

// What of the facts is true, by the names that Cache-Control has for it.
std::vector<std::string_view> flags_of(const policy::StoredFacts& facts) {
  std::vector<std::string_view> flags;
  const auto add = [&flags](bool is, std::string_view name) {
    if (is) flags.push_back(name);
  };
  add(facts.must_revalidate, "must-revalidate");
  add(facts.no_cache, "no-cache");
  add(facts.immutable, "immutable");
  add(facts.heuristic, "heuristic");
  add(facts.forced, "forced-by-route");
  add(facts.targeted, "targeted");
  add(facts.has_validator, "has-validator");
  add(facts.shared_with_authorization, "shared-with-authorization");
  add(facts.partial, "partial");
  return flags;
}

std::int64_t resident_seconds(const Variant& variant) { return variant.age - std::int64_t{variant.facts.initial_age}; }

void add_values(JsonWriter& json, std::string_view name, const std::vector<NamedValue>& values) {
  json.object(name);
  for (const NamedValue& one : values) {
    if (one.value) json.member(one.name, *one.value);
    else json.key(one.name).null();
  }
  json.end();
}

template <class Texts>
void add_texts(JsonWriter& json, std::string_view name, const Texts& texts) {
  json.array(name);
  for (const auto& text : texts) json.value(std::string_view(text));
  json.end();
}

void add_variant(JsonWriter& json, const Variant& variant) {
  const policy::StoredFacts& facts = variant.facts;
  json.object().member("chosen", variant.chosen).member("hit_for_miss", variant.marker);
  if (!variant.storing.empty()) json.member("storing", variant.storing);
  if (!variant.marker) json.member("status", facts.status);
  add_values(json, "selector", variant.selector);
  json.object("freshness");
  json.member("fresh", variant.ttl > 0).member("ttl", variant.ttl).member("age", variant.age);
  json.member("date", http::http_date(facts.date)).member("received", http::http_date(facts.response_time));
  json.member("initial_age", facts.initial_age).member("resident_time", resident_seconds(variant));
  json.member("lifetime", facts.lifetime).member("lifetime_source", variant.lifetime_source);
  json.member("stale_while_revalidate", facts.stale_while_revalidate).member("stale_if_error", facts.stale_if_error);
  json.member("retention", facts.retention()).end();
  add_texts(json, "flags", flags_of(facts));
  json.object("purge").member("state", name_of(variant.purge)).member("checked_at", variant.checked_at).end();
  add_texts(json, "tags", variant.tags);
  json.member("tag_count", variant.tag_count);
  json.member("body_bytes", variant.body_bytes).member("held_bytes", variant.held_bytes);
  add_values(json, "fields", variant.fields);
  if (!variant.marker) {
    json.object("compression").member("codable", variant.codable).member("stored_as", variant.coding);
    if (!variant.sent_as.empty()) json.member("sent_as", variant.sent_as);
    json.array("forms");
    for (const Variant::Form& form : variant.forms) {
      json.object().member("coding", form.coding).member("strong", form.strong).member("body_bytes", form.body_bytes).end();
    }
    json.end().end();
  }
  json.end();
}

std::string joined(const std::vector<std::string>& texts, std::string_view separator) {
  std::string out;
  for (const std::string& text : texts) out.append(out.empty() ? "" : separator).append(text);
  return out;
}

// RFC 9111 §4.2, step by step.
void append_freshness(std::string& out, const Variant& variant) {
  const policy::StoredFacts& facts = variant.facts;
  const auto line = [&out](std::string_view name, std::int64_t seconds, std::string_view remark) {
    out += fmt::format("      {:<24}{:>12} s  {:<12}{}\n", name, seconds, "(" + readable_seconds(seconds) + ")", remark);
  };
  out += fmt::format("    Freshness (RFC 9111 §4.2): {}\n", variant.ttl > 0 ? "fresh" : "stale");
  out += fmt::format("      {:<24}{}\n", "Date", http::http_date(facts.date));
  out += fmt::format("      {:<24}{}\n", "received", http::http_date(facts.response_time));
  line("age when received", facts.initial_age, "the larger of received - Date and Age + the origin's delay");
  line("+ time in the store", resident_seconds(variant), "now - received");
  line("= age", variant.age, "");
  line("lifetime", facts.lifetime, variant.lifetime_source);
  line("ttl = lifetime - age", variant.ttl, variant.ttl > 0 ? "of freshness left" : "stale for so long");
  if (facts.stale_while_revalidate > 0) line("stale-while-revalidate", facts.stale_while_revalidate, "served so after its freshness");
  if (facts.stale_if_error > 0) line("stale-if-error", facts.stale_if_error, "served so while the origin fails");
  line("kept until the age of", facts.retention(), "for validation, soft purges and a dead origin");
}

void append_variant(std::string& out, const Variant& variant, std::size_t number) {
  out += fmt::format("  {}. {}{}\n", number,
                     variant.marker ? "a mark: this key is remembered as uncacheable" : fmt::format("status {}", variant.facts.status),
                     variant.chosen ? ", chosen for this request" : "");
  if (!variant.storing.empty()) out += fmt::format("    The last answer was not stored: {}\n", variant.storing);
  for (const NamedValue& one : variant.selector) {
    out += fmt::format("    Vary      {}: {}\n", one.name, one.value ? *one.value : "(absent)");
  }
  for (const NamedValue& one : variant.fields) out += fmt::format("    Field     {}: {}\n", one.name, one.value.value_or(""));
  if (variant.marker) {
    out += fmt::format("    For       {} more\n", readable_seconds(std::max<std::int64_t>(0, variant.ttl)));
  } else {
    append_freshness(out, variant);
    std::string flags;
    for (const std::string_view flag : flags_of(variant.facts)) flags.append(flags.empty() ? "" : ", ").append(flag);
    if (!flags.empty()) out += fmt::format("    Flags     {}\n", flags);
    out += fmt::format("    Size      {} bytes of body, {} in memory\n", variant.body_bytes, variant.held_bytes);
    out += fmt::format("    Coding    stored as {}{}{}\n", variant.coding,
                       variant.codable == "yes" ? "" : ", sent as it is (" + variant.codable + ")",
                       variant.sent_as.empty() ? "" : ", sent here as " + variant.sent_as);
    for (const Variant::Form& form : variant.forms) {
      out += fmt::format("    Form      {}, {}: {} bytes\n", form.coding, form.strong ? "made well" : "made fast", form.body_bytes);
    }
  }
  if (variant.tag_count > 0) {
    const std::size_t unnamed = variant.tag_count - variant.tags.size();
    out += fmt::format("    Tags      {}{}\n", joined(variant.tags, " "),
                       unnamed == 0 ? "" : fmt::format("{}{} whose names came too long ago", variant.tags.empty() ? "" : ", and ", unnamed));
  }
  out += fmt::format("    Purges    {}, checked at position {}\n",
                     variant.purge == policy::PurgeState::valid  ? "none hits it"
                     : variant.purge == policy::PurgeState::soft ? "purged softly: it counts as stale"
                     : variant.purge == policy::PurgeState::validate
                         ? "some may have been missed: it is to be validated"
                                                                 : "purged: it counts as not there",
                     variant.checked_at);
}

}  // namespace

std::string to_json(const Explanation& explanation) {
  JsonWriter json;
  json.object().member("url", explanation.url).member("method", explanation.method);
  if (explanation.routed) {
    json.object("route");
    add_texts(json, "hosts", explanation.hosts);
    json.member("path", explanation.path).member("origin", explanation.origin).member("caching", explanation.caching).end();
    json.member("key", explanation.key).member("resource", explanation.resource);
  } else {
    json.key("route").null();
  }
  json.member("stored", std::any_of(explanation.variants.begin(), explanation.variants.end(),
                                    [](const Variant& variant) { return !variant.marker; }));
  json.array("variants");
  for (const Variant& variant : explanation.variants) add_variant(json, variant);
  json.end();
  json.member("purge_position", explanation.purge_position);
  json.object("decision").member("action", explanation.action);
  if (!explanation.reason.empty()) json.member("reason", explanation.reason);
  if (!explanation.fwd.empty()) json.member("fwd", explanation.fwd);
  json.member("text", explanation.sentence).end();
  add_texts(json, "advice", explanation.advice);
  json.end();
  return json.take();
}

std::string to_text(const Explanation& explanation) {
  std::string out = explanation.method + " " + explanation.url + "\n\n";
  out += fmt::format("Decision    {}{}\n            {}\n\n", explanation.action,
                     explanation.reason.empty() ? "" : " (" + explanation.reason + ")", explanation.sentence);
  if (explanation.routed) {
    out += fmt::format("Route       {} {} -> origin {}{}\n", explanation.hosts.empty() ? "any host" : joined(explanation.hosts, ", "),
                       explanation.path, explanation.origin, explanation.caching ? "" : ", caching is off");
    out += fmt::format("Key         {}\nPurged as   {}\nPurge log   position {}\n\n", explanation.key, explanation.resource,
                       explanation.purge_position);
    out += fmt::format("Stored      {}\n", explanation.variants.empty() ? "nothing under this key" : "");
    for (std::size_t i = 0; i < explanation.variants.size(); ++i) append_variant(out, explanation.variants[i], i + 1);
  }
  if (!explanation.advice.empty()) out += "\nAdvice\n";
  for (const std::string& advice : explanation.advice) out += "  - " + advice + "\n";
  return out;
}

}  // namespace davenport::admin
