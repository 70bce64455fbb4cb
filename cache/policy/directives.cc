#include "cache/policy/directives.h"

#include <algorithm>
#include <variant>

#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/structured.h"

namespace davenport::policy {
namespace {

// One directive, wherever it was written. `argument`: absent, or its text; `number`: its value where it is one.
struct Read {
  std::string_view name;
  std::optional<std::string_view> argument;
  std::optional<std::uint32_t> number;
};

void first_of(std::optional<std::uint32_t>& slot, const Read& read) {
  if (!slot) slot = read.number.value_or(0);
}

// private and no-cache: whole, or the fields that their argument lists. An argument that lists no field names is read as
// none at all, which is the stricter meaning.
void whole_or_fields(bool& whole, std::vector<std::string>& withheld, const std::optional<std::string_view>& argument) {
  if (!argument) {
    whole = true;
    return;
  }
  std::vector<std::string> names;
  http::ListReader list(*argument);
  while (const auto name = list.next()) {
    if (!http::is_token(*name)) {
      whole = true;
      return;
    }
    names.push_back(lower(*name));
  }
  if (names.empty()) whole = true;
  withheld.insert(withheld.end(), names.begin(), names.end());
}

void apply(Directives& out, const Read& read) {
  const auto is = [&](std::string_view name) { return iequals(read.name, name); };
  if (is("max-age")) first_of(out.max_age, read);
  else if (is("s-maxage")) first_of(out.s_maxage, read);
  else if (is("stale-while-revalidate")) first_of(out.stale_while_revalidate, read);
  else if (is("stale-if-error")) first_of(out.stale_if_error, read);
  else if (is("no-store")) out.no_store = true;
  else if (is("private")) whole_or_fields(out.private_, out.withheld, read.argument);
  else if (is("no-cache")) whole_or_fields(out.no_cache, out.withheld, read.argument);
  else if (is("public")) out.public_ = true;
  else if (is("must-revalidate")) out.must_revalidate = true;
  else if (is("proxy-revalidate")) out.proxy_revalidate = true;
  else if (is("must-understand")) out.must_understand = true;
  else if (is("immutable")) out.immutable = true;     // arguments have no meaning (RFC 8246 §2)
  // Others are not for us, or not known: ignored (§5.2.3).
}

bool forbids(std::string_view name) {
  return iequals(name, "no-store") || iequals(name, "private") || iequals(name, "no-cache") || iequals(name, "must-revalidate") ||
         iequals(name, "proxy-revalidate");
}

// RFC 9110 §5.6.4: a recipient reads a quoted pair as if the octet behind the backslash were there alone.
std::string_view plain(const http::Directive& directive, std::string& scratch) {
  if (!directive.quoted || directive.value->find('\\') == std::string_view::npos) return *directive.value;
  scratch.clear();
  for (std::size_t i = 0; i < directive.value->size(); ++i) {
    if ((*directive.value)[i] == '\\') ++i;
    if (i < directive.value->size()) scratch += (*directive.value)[i];
  }
  return scratch;
}

Directives read_cache_control(const http::Fields& response) {
  Directives out;
  std::string scratch;
  for (const http::Field& line : response) {
    if (line.id != http::FieldId::cache_control) continue;
    http::DirectiveReader reader(line.value);
    while (const auto directive = reader.next()) {
      // "no-store;" still forbids, whatever its author meant by the rest; what permits has to be spelled right.
      if (directive->broken && !forbids(directive->name)) continue;
      const auto number = directive->value ? read_seconds(plain(*directive, scratch)) : std::nullopt;
      apply(out, {directive->name, directive->value, number});
    }
  }
  return out;
}

// RFC 9213 §2.1: absent values are Boolean true, quoted strings Strings, tokens Tokens or numbers. A value of the wrong
// type is not coerced: a lifetime counts as nonsense then, a "false" directive as absent.
std::optional<Directives> read_targeted(std::string_view field) {
  if (field.empty()) return std::nullopt;
  const auto dictionary = http::parse_sf_dictionary(field);
  if (!dictionary || dictionary->empty()) return std::nullopt;
  Directives out;
  out.targeted = true;
  for (const auto& [key, member] : *dictionary) {
    Read read{key, std::nullopt, std::nullopt};
    if (const auto* item = std::get_if<http::SfItem>(&member)) {
      if (const bool* flag = std::get_if<bool>(&item->value); flag && !*flag) continue;
      if (const auto* number = std::get_if<std::int64_t>(&item->value); number && *number >= 0) {
        read.number = static_cast<std::uint32_t>(std::min<std::int64_t>(*number, kForever));
      }
      if (const auto* text = std::get_if<std::string>(&item->value)) read.argument = *text;
      if (const auto* token = std::get_if<http::SfToken>(&item->value)) read.argument = token->text;
    }
    apply(out, read);
  }
  return out;
}

}  // namespace

std::optional<std::uint32_t> read_seconds(std::string_view text) {
  const auto seconds = http::parse_delta_seconds(text);
  if (!seconds) return std::nullopt;
  return static_cast<std::uint32_t>(std::min<std::int64_t>(seconds->count(), kForever));
}

Directives read_directives(const http::Fields& response, const config::CacheRules& rules) {
  std::string scratch;
  for (const std::string& name : rules.targeted_fields) {
    if (auto directives = read_targeted(response.combined(name, scratch))) return std::move(*directives);
  }
  return read_cache_control(response);
}

}  // namespace davenport::policy
