#include "cache/policy/header_rules.h"

#include <algorithm>
#include <string>

#include "config/header_rules.h"
#include "core/base/text.h"
#include "core/http/grammar.h"

namespace davenport::policy {
namespace {

using config::HeaderLine;
using config::HeaderRule;
using http::FieldId;

constexpr std::string_view kAllowOrigin = "Access-Control-Allow-Origin";

bool matches_any(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [text](const std::string& pattern) { return config::matches_pattern(pattern, text); });
}

// Patterns of field names, in any case.
bool names_field(const std::vector<std::string>& patterns, std::string_view name) {
  const std::string lowered = lower(name);
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return config::matches_pattern(lower(pattern), lowered); });
}

bool fits(const HeaderRule& rule, const RuleSubject& subject) {
  if (!rule.statuses.empty() && !matches_any(rule.statuses, std::to_string(subject.status))) return false;
  if (!rule.paths.empty() && !config::matches_path(rule.paths, subject.path)) return false;
  if (rule.types.empty()) return true;
  const std::string type = lower(trim_ows(subject.type.substr(0, subject.type.find(';'))));
  return matches_any(rule.types, type);
}

void append_variable(std::string& out, config::Variable variable, const RuleSubject& subject) {
  switch (variable) {
    case config::Variable::dollar: out += '$'; return;
    case config::Variable::host: out += subject.host; return;
    case config::Variable::path: out += subject.path; return;
    case config::Variable::query: out += subject.query; return;
    case config::Variable::scheme: out += subject.scheme; return;
    case config::Variable::status: out += std::to_string(subject.status); return;
  }
}

std::string filled_in(std::string_view value, const RuleSubject& subject) {
  std::string out;
  while (true) {
    const std::size_t dollar = value.find('$');
    out += value.substr(0, dollar);
    if (dollar == std::string_view::npos) return out;
    value.remove_prefix(dollar + 1);
    const config::VariableAt at = config::variable_at(value);
    append_variable(out, at.variable, subject);
    value.remove_prefix(at.length);
  }
}

// Without these the bytes would be taken for others.
bool says_what_it_is(FieldId id) {
  return id == FieldId::content_encoding || id == FieldId::content_range || id == FieldId::content_length || id == FieldId::transfer_encoding;
}

bool only_over_tls(std::string_view name) { return iequals(name, "Strict-Transport-Security"); }

// One rule on one answer. `said`: which names an update brings; null: all may be put in.
class Edit {
 public:
  Edit(const RuleSubject& subject, const http::Fields* said, http::Fields& fields) : subject_(subject), said_(said), fields_(fields) {}

  void operator()(const HeaderRule& rule) const {
    if (!rule.remove.empty()) {
      fields_.remove_if([&](const http::Field& field) { return !says_what_it_is(field.id) && names_field(rule.remove, field.name); });
    }
    for (const HeaderLine& line : rule.set) {
      if (may_put(line.name)) fields_.set_copy(line.name, filled_in(line.value, subject_));
    }
    for (const HeaderLine& line : rule.add) {
      if (may_put(line.name)) fields_.add_copy(line.name, filled_in(line.value, subject_));
    }
    for (const HeaderLine& line : rule.defaults) {
      if (said_ == nullptr && may_put(line.name) && fields_.find(line.name) == nullptr) {
        fields_.add_copy(line.name, filled_in(line.value, subject_));
      }
    }
    if (!rule.allow_origins.empty()) allow_origins(rule);
  }

 private:
  bool may_put(std::string_view name) const {
    if (only_over_tls(name) && subject_.scheme != "https") return false;
    return said_ == nullptr || said_->find(name) != nullptr;
  }

  // Fetch standard, "CORS protocol and HTTP caches": what names one site is for requests of that site alone.
  void allow_origins(const HeaderRule& rule) const {
    if (rule.allow_origins.front() == "*") {
      if (may_put(kAllowOrigin)) fields_.set_copy(kAllowOrigin, "*");
      return;
    }
    if (may_put(kAllowOrigin)) {
      fields_.remove(kAllowOrigin);
      if (!subject_.origin.empty() && matches_any(rule.allow_origins, subject_.origin)) fields_.add_copy(kAllowOrigin, subject_.origin);
    }
    std::string scratch;
    if (may_put("Vary") && !http::list_contains(fields_.combined(FieldId::vary, scratch), "origin")) fields_.add_copy("Vary", "Origin");
  }

  const RuleSubject& subject_;
  const http::Fields* said_;
  http::Fields& fields_;
};

bool touches(const std::vector<HeaderLine>& lines, const config::CacheRules& cache) {
  return std::any_of(lines.begin(), lines.end(), [&](const HeaderLine& line) {
    return speaks_of_freshness({line.name, {}, http::field_id(line.name)}, cache);
  });
}

http::ResponseHead copy_of(const http::ResponseHead& head) {
  http::ResponseHead copy;
  copy.status = head.status;
  copy.reason = head.reason;
  copy.minor = head.minor;
  copy.framing = head.framing;
  copy.content_length = head.content_length;
  copy.keep_alive = head.keep_alive;
  copy.fields = head.fields.clone();
  return copy;
}

}  // namespace

RuleSubject subject_of(const http::RequestHead& request, std::string_view resource, std::string_view scheme, int status,
                       std::string_view type) {
  RuleSubject subject;
  subject.status = status;
  subject.type = type;
  const std::size_t slash = std::min(resource.find('/'), resource.size());
  const std::size_t mark = std::min(resource.find('?'), resource.size());
  subject.host = resource.substr(0, slash);
  subject.path = mark < slash ? std::string_view{} : resource.substr(slash, mark - slash);
  subject.query = resource.substr(std::min(mark + 1, resource.size()));
  subject.scheme = scheme;
  subject.origin = request.fields.get(FieldId::origin);
  return subject;
}

void apply_header_rules(const std::vector<HeaderRule>& rules, RulesFor whom, Brings brings, const RuleSubject& subject,
                        http::Fields& fields) {
  if (rules.empty()) return;
  http::Fields said;
  if (brings == Brings::update) said = fields.clone();
  const Edit edit(subject, brings == Brings::update ? &said : nullptr, fields);
  for (const HeaderRule& rule : rules) {
    if ((whom == RulesFor::clients || rule.obey) && fits(rule, subject)) edit(rule);
  }
}

bool removed_by_rules(const std::vector<HeaderRule>& rules, const RuleSubject& subject, std::string_view name) {
  return std::any_of(rules.begin(), rules.end(), [&](const HeaderRule& rule) {
    return !rule.remove.empty() && names_field(rule.remove, name) && fits(rule, subject);
  });
}

bool speaks_of_freshness(const http::Field& field, const config::CacheRules& cache) {
  if (field.id == FieldId::cache_control || field.id == FieldId::expires) return true;
  return std::any_of(cache.targeted_fields.begin(), cache.targeted_fields.end(),
                     [&](const std::string& name) { return iequals(name, field.name); });
}

bool relabels_freshness(const std::vector<HeaderRule>& rules, const RuleSubject& subject, const config::CacheRules& cache) {
  return std::any_of(rules.begin(), rules.end(), [&](const HeaderRule& rule) {
    if (rule.obey || !fits(rule, subject)) return false;
    const bool removes = !rule.remove.empty() && (names_field(rule.remove, "cache-control") || names_field(rule.remove, "expires"));
    return removes || touches(rule.set, cache) || touches(rule.add, cache) || touches(rule.defaults, cache);
  });
}

void remove_relabelled(const config::CacheRules& cache, http::Fields& fields) {
  fields.remove_if([&](const http::Field& field) { return speaks_of_freshness(field, cache); });
}

std::optional<http::ResponseHead> as_obeyed(const std::vector<HeaderRule>& rules, const RuleSubject& subject,
                                            const http::ResponseHead& head) {
  if (rules.empty() || !rules.front().obey) return std::nullopt;   // the obeyed ones come first
  http::ResponseHead obeyed = copy_of(head);
  apply_header_rules(rules, RulesFor::cache, Brings::answer, subject, obeyed.fields);
  return obeyed;
}

void drop_from_vary(const config::CacheRules& rules, http::Fields& fields) {
  if (rules.drop_vary.empty() || !fields.has(FieldId::vary)) return;
  std::string left;
  for (const http::Field& line : fields) {
    if (line.id != FieldId::vary) continue;
    http::ListReader list(line.value);
    while (const auto name = list.next()) {
      if (*name != "*" && names_field(rules.drop_vary, *name)) continue;
      left.append(left.empty() ? "" : ", ").append(*name);
    }
  }
  fields.remove(FieldId::vary);
  if (!left.empty()) fields.add_copy("Vary", left);
}

bool known_origin(const config::CacheRules& rules, std::string_view origin) { return matches_any(rules.known_origins, origin); }

}  // namespace davenport::policy
