#include "cache/policy/vary.h"

#include "cache/policy/header_rules.h"
#include "cache/policy/selector.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "core/base/text.h"
#include "core/http/grammar.h"

namespace davenport::policy {
namespace {

using http::FieldId;

// --- Accept-Encoding -------------------------------------------------------------------------------------------------

enum Coding : unsigned { kBrotli = 1, kGzip = 2, kZstd = 4, kNoIdentity = 8 };

constexpr std::array<std::string_view, 16> kCodings{
    "identity",             "br",                   "gzip",
    "br, gzip",             "zstd",                 "br, zstd",
    "gzip, zstd",           "br, gzip, zstd",       "identity;q=0",
    "br, identity;q=0",     "gzip, identity;q=0",   "br, gzip, identity;q=0",
    "zstd, identity;q=0",   "br, zstd, identity;q=0", "gzip, zstd, identity;q=0",
    "br, gzip, zstd, identity;q=0",
};

// What browsers send: well-known names in lower case, without weights. nullopt: to be read properly.
std::optional<unsigned> plain_codings(std::string_view value) {
  unsigned accepted = 0;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(','), value.size());
    const std::string_view coding = trim_ows(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
    if (coding == "gzip") accepted |= kGzip;
    else if (coding == "br") accepted |= kBrotli;
    else if (coding == "zstd") accepted |= kZstd;
    else if (coding != "deflate") return std::nullopt;
  }
  return accepted;
}

// RFC 9110 §12.5.3: the set of codings that are acceptable, weights above 0 being alike; nullopt where it is malformed.
std::optional<unsigned> acceptable_codings(const http::Fields& request) {
  if (request.count(FieldId::accept_encoding) == 1) {
    if (const auto plain = plain_codings(request.get(FieldId::accept_encoding))) return plain;
  }
  unsigned named = 0, accepted = 0;
  std::optional<bool> others;                   // "*"
  const auto note = [&](unsigned coding, bool yes) {
    named |= coding;
    accepted = yes ? accepted | coding : accepted & ~coding;
  };
  for (const http::Field& line : request) {
    if (line.id != FieldId::accept_encoding) continue;
    http::ListReader list(line.value);
    while (const auto member = list.next()) {
      const auto weighted = http::parse_weighted(*member);
      if (!weighted || weighted->value.find(';') != std::string_view::npos) return std::nullopt;
      const bool yes = weighted->thousandths > 0;
      const std::string_view coding = weighted->value;
      if (iequals(coding, "br")) note(kBrotli, yes);
      else if (iequals(coding, "gzip") || iequals(coding, "x-gzip")) note(kGzip, yes);
      else if (iequals(coding, "zstd")) note(kZstd, yes);
      else if (iequals(coding, "identity")) note(kNoIdentity, !yes);
      else if (coding == "*") others = yes;
      else if (!http::is_token(coding)) return std::nullopt;
    }
  }
  if (others == true) accepted |= (kBrotli | kGzip | kZstd) & ~named;
  if (others == false && (named & kNoIdentity) == 0) accepted |= kNoIdentity;
  return accepted;
}

// --- Accept-Language -------------------------------------------------------------------------------------------------

struct Language {
  std::string_view range;
  int thousandths;
};

// At most kMostLanguages; more, or a malformed member, and the field is taken as it came.
constexpr std::size_t kMostLanguages = 32;
struct Languages {
  std::array<Language, kMostLanguages> list;
  std::size_t size = 0;
};

char lower_at(std::string_view text, std::size_t i) { return to_lower(text[i]); }

bool less_in_lower_case(std::string_view a, std::string_view b) {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (lower_at(a, i) != lower_at(b, i)) return lower_at(a, i) < lower_at(b, i);
  }
  return a.size() < b.size();
}

// Sorted: the best first, equal weights by name (their order is not significant, RFC 9110 §12.5.4).
bool read_languages(const http::Fields& request, Languages& out) {
  for (const http::Field& line : request) {
    if (line.id != FieldId::accept_language) continue;
    http::ListReader list(line.value);
    while (const auto member = list.next()) {
      const auto weighted = http::parse_weighted(*member);
      if (!weighted || out.size == kMostLanguages || weighted->value.find_first_of(" \t;\"") != std::string_view::npos) {
        return false;
      }
      out.list[out.size++] = {weighted->value, weighted->thousandths};
    }
  }
  std::sort(out.list.begin(), out.list.begin() + static_cast<std::ptrdiff_t>(out.size), [](const Language& a, const Language& b) {
    return a.thousandths != b.thousandths ? a.thousandths > b.thousandths : less_in_lower_case(a.range, b.range);
  });
  return true;
}

void append_weight(std::string& out, int thousandths) {
  if (thousandths == 1000) return;
  char digits[4] = {static_cast<char>('0' + thousandths / 100), static_cast<char>('0' + thousandths / 10 % 10),
                    static_cast<char>('0' + thousandths % 10), '\0'};
  std::size_t size = 3;
  while (size > 0 && digits[size - 1] == '0') --size;
  out.append(";q=0");
  if (size > 0) out.append(".").append(digits, size);
}

// RFC 4647 §3.3.1, basic filtering: "en" matches "en" and "en-GB"; "*" matches anything.
bool language_matches(std::string_view range, std::string_view tag) {
  if (range == "*") return true;
  if (tag.size() < range.size() || !iequals(tag.substr(0, range.size()), range)) return false;
  return tag.size() == range.size() || tag[range.size()] == '-';
}

// Is `tag` what the request would like best? Any of the ranges that share the highest weight will do, but never "*":
// that is no preference.
bool likes_best(const http::Fields& request, std::string_view tag) {
  Languages languages;
  if (!read_languages(request, languages) || languages.size == 0) return false;
  const int best = languages.list[0].thousandths;
  for (std::size_t i = 0; i < languages.size && languages.list[i].thousandths == best && best > 0; ++i) {
    if (languages.list[i].range != "*" && language_matches(languages.list[i].range, tag)) return true;
  }
  return false;
}

// --- Any field -------------------------------------------------------------------------------------------------------

// Fields whose value is no comma-separated list, though it may hold commas: their spelling is left alone.
bool is_no_list(std::string_view name) {
  constexpr std::array<std::string_view, 11> kSingle{
      "user-agent", "cookie", "authorization", "referer", "host", "origin",
      "date", "if-modified-since", "if-unmodified-since", "if-range", "proxy-authorization"};
  return std::any_of(kSingle.begin(), kSingle.end(), [&](std::string_view single) { return iequals(single, name); });
}

bool is_named(const http::Field& field, FieldId id, std::string_view name) {
  return id != FieldId::other ? field.id == id : iequals(field.name, name);
}

// All lines of a field, joined. List members are told from one another by ListReader, so that what stands in quoted strings
// and comments is left alone.
void append_joined(std::string& out, std::string_view name, FieldId id, const http::Fields& request) {
  const std::size_t start = out.size();
  const bool list = !is_no_list(name);
  for (const http::Field& field : request) {
    if (!is_named(field, id, name)) continue;
    if (!list) {
      if (out.size() > start) out += "; ";       // several Cookie lines are one (RFC 9113 §8.2.3)
      out.append(field.value);
      continue;
    }
    http::ListReader members(field.value);
    while (const auto member = members.next()) {
      if (out.size() > start) out += ',';
      out.append(*member);
    }
  }
}

bool append_languages(std::string& out, const http::Fields& request) {
  Languages languages;
  if (!read_languages(request, languages)) return false;
  for (std::size_t i = 0; i < languages.size; ++i) {
    if (i > 0) out += ',';
    for (const char c : languages.list[i].range) out += to_lower(c);
    append_weight(out, languages.list[i].thousandths);
  }
  return true;
}

// The value of a field as it is compared: a view of static bytes, of the request, or of what was appended to `out`.
// nullopt: the request has no such field.
std::optional<std::string_view> compared_value(std::string_view name, const http::Fields& request, std::string& out) {
  const FieldId id = http::field_id(name);
  if (id != FieldId::other && !request.has(id)) return std::nullopt;
  const std::size_t start = out.size();
  if (id == FieldId::accept_encoding) {
    if (const auto codings = acceptable_codings(request)) return kCodings[*codings];
  } else if (id == FieldId::accept_language) {
    if (append_languages(out, request)) return std::string_view(out).substr(start);
  } else {
    const http::Field* only = nullptr;
    std::size_t lines = 0;
    for (const http::Field& field : request) {
      if (!is_named(field, id, name)) continue;
      only = &field;
      ++lines;
    }
    if (lines == 0) return std::nullopt;
    if (lines == 1 && only->value.find(',') == std::string_view::npos) return only->value;
  }
  append_joined(out, name, id, request);
  return std::string_view(out).substr(start);
}

// The same under a route's rules: an origin that never gets a Cookie can't have chosen by it. Where it gets those of key_cookies
// alone, their values are in the key already.
std::optional<std::string_view> chosen_by(std::string_view name, const http::Fields& request, const config::CacheRules& rules,
                                          std::string& out) {
  if ((rules.strip_cookies || rules.ignore_other_cookies) && name == "cookie") return std::nullopt;
  if (!rules.known_origins.empty() && name == "origin" && !known_origin(rules, request.get(FieldId::origin))) return std::nullopt;
  return compared_value(name, request, out);
}

// --- Selector --------------------------------------------------------------------------------------------------------

std::vector<std::string> varying_names(const http::Fields& response) {
  std::vector<std::string> names;
  for (const http::Field& line : response) {
    if (line.id != FieldId::vary) continue;
    http::ListReader list(line.value);
    while (const auto name = list.next()) names.push_back(lower(*name));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// The response's one language, where the setting lets it stand in for a match of Accept-Language.
std::string_view content_language(const http::Fields& response, const config::CacheRules& rules) {
  if (!rules.content_language || response.count(FieldId::content_language) != 1) return {};
  const std::string_view language = response.get(FieldId::content_language);
  return language.find(',') == std::string_view::npos && language.size() <= 64 ? language : std::string_view{};
}

}  // namespace

namespace {

// The origin gets these from us, other ones for each client: no request says what it would be answered.
bool is_made_for_origin(std::string_view name) {
  const FieldId id = http::field_id(name);
  return id == FieldId::x_forwarded_for || id == FieldId::forwarded || id == FieldId::x_request_id;
}

}  // namespace

bool varies_on_everything(const http::Fields& response) {
  if (!response.has(FieldId::vary)) return false;
  std::size_t names = 0;
  for (const http::Field& line : response) {
    if (line.id != FieldId::vary) continue;
    http::ListReader list(line.value);
    while (const auto member = list.next()) {
      if (*member == "*" || !http::is_token(*member) || is_made_for_origin(*member) || ++names > kMostVaryNames) return true;
    }
  }
  return false;
}

std::string make_selector(const http::Fields& response, const http::Fields& request, const config::CacheRules& rules,
                          bool codings_are_ours) {
  std::string selector, scratch;
  for (const std::string& name : varying_names(response)) {
    if (codings_are_ours && name == "accept-encoding") continue;
    scratch.clear();
    const auto value = chosen_by(name, request, rules, scratch);
    append_selected(selector, {name, value, name == "accept-language" ? content_language(response, rules) : std::string_view{}});
  }
  return selector;
}

bool selector_matches(std::string_view selector, const http::Fields& request, const config::CacheRules& rules,
                      std::string& scratch) {
  SelectorReader reader(selector);
  while (const auto stored = reader.next()) {
    scratch.clear();
    if (chosen_by(stored->name, request, rules, scratch) == stored->value) continue;
    if (!rules.content_language || stored->language.empty() || !likes_best(request, stored->language)) return false;
  }
  return !reader.failed();
}

std::string_view normalized_accept_encoding(const http::Fields& request, std::string& scratch) {
  scratch.clear();
  return compared_value("accept-encoding", request, scratch).value_or(std::string_view{});
}

std::string_view normalized_accept_language(const http::Fields& request, std::string& scratch) {
  scratch.clear();
  return compared_value("accept-language", request, scratch).value_or(std::string_view{});
}

bool append_compared_value(std::string& out, std::string_view name, const http::Fields& request) {
  const std::size_t start = out.size();
  const auto value = compared_value(name, request, out);
  if (value && out.size() == start) out.append(*value);
  return value.has_value();
}

}  // namespace davenport::policy
