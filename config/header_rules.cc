#include "config/header_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/document.h"
#include "core/base/text.h"
#include "core/http/fields.h"
#include "core/http/grammar.h"
#include "core/http/structured.h"

namespace davenport::config {
namespace {

constexpr std::string_view kVariables = "$host, $path, $query, $scheme, $status, or $$ for a dollar sign";

bool lists(std::initializer_list<std::string_view> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [name](std::string_view listed) { return iequals(listed, name); });
}

bool frames(std::string_view name) {
  return lists({"Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"}, name);
}

bool describes_stored(std::string_view name) {
  return lists({"Age", "Cache-Status", "Content-Encoding", "Content-Range", "Date", "ETag", "Last-Modified", "Proxy-Status"}, name);
}

// Cache-Control for one kind of cache (RFC 9213 §2.1).
bool is_targeted(std::string_view name) {
  constexpr std::string_view kEnd = "cdn-cache-control";
  return name.size() >= kEnd.size() && iequals(name.substr(name.size() - kEnd.size()), kEnd);
}

bool is_printable(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

VariableAt variable_at(std::string_view behind_dollar) {
  constexpr std::array<std::pair<std::string_view, Variable>, 6> kNames{{{"$", Variable::dollar},
                                                                         {"host", Variable::host},
                                                                         {"path", Variable::path},
                                                                         {"query", Variable::query},
                                                                         {"scheme", Variable::scheme},
                                                                         {"status", Variable::status}}};
  for (const auto& [name, variable] : kNames) {
    if (behind_dollar.starts_with(name)) return {variable, name.size()};
  }
  return {};
}

Result<std::monostate> check_field_name(Form form, std::string_view name) {
  if (!http::is_token(name)) return Error{"expected the name of a field, such as X-Frame-Options"};
  if (frames(name)) return Error{fmt::format("{} says how a message is sent: it is made by the server", name)};
  if (form != Form::answer_field) return std::monostate{};
  if (describes_stored(name)) return Error{fmt::format("{} describes what is stored: it is not for rules to set", name)};
  if (iequals(name, "Set-Cookie")) return Error{"what is stored goes to everybody: Set-Cookie can be removed, not set"};
  return std::monostate{};
}

Result<std::monostate> check_field_value(Form form, std::string_view name, std::string_view value) {
  if (!is_printable(value)) return Error{"expected visible ASCII and spaces: a field's value is one line"};
  if (trim_ows(value) != value) return Error{"expected no spaces at its ends"};
  if (form != Form::answer_field) return std::monostate{};
  for (std::size_t at = value.find('$'); at != value.npos; at = value.find('$', at)) {
    const VariableAt variable = variable_at(value.substr(at + 1));
    if (variable.length == 0) {
      return Error{fmt::format("expected {}; found {}", kVariables, quote(value.substr(at, value.find(' ', at) - at)))};
    }
    at += 1 + variable.length;
  }
  if (is_targeted(name) && value.find('$') == value.npos && !http::parse_sf_dictionary(value)) {
    return Error{"expected a dictionary such as \"max-age=60, stale-while-revalidate=30\" (RFC 9213 §2.1): others ignore anything else"};
  }
  return std::monostate{};
}

void check_header_rule(const HeaderRule& rule, const std::string& setting, Context& context) {
  const auto warn = [&](const std::string& key, std::string message) {
    context.warn(context.place_of(setting + "." + key), setting + "." + key, std::move(message));
  };
  if (rule.set.empty() && rule.add.empty() && rule.defaults.empty() && rule.remove.empty() && rule.allow_origins.empty()) {
    const bool refused = std::any_of(context.problems.begin(), context.problems.end(),
                                     [&](const Problem& problem) { return problem.setting.starts_with(setting + "."); });
    if (!refused) context.error(context.place_of(setting), setting, "changes nothing: expected set, add, default, remove or allow_origins");
  }
  if (rule.allow_origins.size() > 1 && std::find(rule.allow_origins.begin(), rule.allow_origins.end(), "*") != rule.allow_origins.end()) {
    context.error(context.place_of(setting + ".allow_origins"), setting + ".allow_origins", "\"*\" lets every site: it stands alone");
  }
  for (const auto* lines : {&rule.set, &rule.add, &rule.defaults}) {
    const std::string key = lines == &rule.set ? "set" : lines == &rule.add ? "add" : "default";
    for (const HeaderLine& line : *lines) {
      if (iequals(line.name, "Access-Control-Allow-Origin") && line.value.find(',') != line.value.npos) {
        context.error(context.place_of(setting + "." + key), setting + "." + key + "." + line.name,
                      "names one origin or \"*\": list several in allow_origins");
      }
      if (iequals(line.name, "Cache-Control") && rule.obey && line.value.find("s-maxage") != line.value.npos &&
          line.value.find("stale-while-revalidate") != line.value.npos) {
        warn(key, "s-maxage forbids stale answers (RFC 9111 §5.2.2.10), so that stale-while-revalidate has no effect here: write "
                  "CDN-Cache-Control = \"max-age=…, stale-while-revalidate=…\" instead");
      }
    }
  }
}

}  // namespace davenport::config
