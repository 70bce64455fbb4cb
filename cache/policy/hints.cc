#include "cache/policy/hints.h"

#include <algorithm>
#include <string_view>

#include "cache/policy/directives.h"
#include "core/base/text.h"
#include "core/http/grammar.h"

namespace davenport::policy {
namespace {

using http::FieldId;

// Words of a rel, which may be quoted.
bool hints(std::string_view rel) {
  if (rel.size() >= 2 && rel.front() == '"' && rel.back() == '"') rel = rel.substr(1, rel.size() - 2);
  while (!rel.empty()) {
    const std::size_t end = std::min(rel.find(' '), rel.size());
    for (const std::string_view known : {"preload", "modulepreload", "preconnect"}) {
      if (iequals(rel.substr(0, end), known)) return true;
    }
    rel.remove_prefix(std::min(end + 1, rel.size()));
  }
  return false;
}

// "<url>; name=value; …": the first rel counts (RFC 8288 §3.3).
bool is_hint(std::string_view link) {
  const std::size_t close = link.find('>');
  if (!link.starts_with('<') || close == std::string_view::npos) return false;
  std::string_view rest = link.substr(close + 1);
  while (!rest.empty()) {
    const std::size_t semicolon = rest.find(';');
    if (semicolon == std::string_view::npos) return false;
    rest.remove_prefix(semicolon + 1);
    const std::string_view parameter = trim_ows(rest.substr(0, rest.find(';')));
    const std::size_t equals = parameter.find('=');
    if (equals != std::string_view::npos && iequals(trim_ows(parameter.substr(0, equals)), "rel")) return hints(trim_ows(parameter.substr(equals + 1)));
  }
  return false;
}

}  // namespace

std::string hint_links(const http::Fields& answer) {
  std::string out;
  for (const http::Field& field : answer) {
    if (field.id != FieldId::other || !iequals(field.name, "link")) continue;
    http::ListReader list(field.value);
    while (const auto link = list.next()) {
      if (!is_hint(*link) || out.size() + link->size() + 2 > kHintBytes) continue;
      out.append(out.empty() ? "" : ", ").append(*link);
    }
  }
  return out;
}

bool hints_for_all(const http::Fields& request, const http::Fields& answer, const config::CacheRules& rules) {
  if (request.has(FieldId::cookie) || request.has(FieldId::authorization) || answer.has(FieldId::set_cookie)) return false;
  const Directives says = read_directives(answer, rules);
  if (says.private_ || (says.no_store && !rules.hints_of_unstored)) return false;
  // They are kept by key: what an answer varies by is not looked at.
  for (const http::Field& line : answer) {
    if (line.id != FieldId::vary) continue;
    http::ListReader names(line.value);
    while (const auto name = names.next()) {
      if (!iequals(*name, "accept-encoding")) return false;
    }
  }
  return true;
}

}  // namespace davenport::policy
