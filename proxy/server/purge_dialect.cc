#include "proxy/server/purge_dialect.h"

#include <array>
#include <optional>
#include <vector>

#include "cache/policy/key.h"
#include "core/base/text.h"

namespace davenport::server {
namespace {

using purge::Kind;

constexpr std::string_view kMetacharacters = ".*+?[](){}^$|\\";

// A field that names tags: a list, or where it holds what no list of tags would, a pattern.
struct TagField {
  std::string_view name, separators;
  bool may_be_pattern, soft;
};
constexpr std::array<TagField, 8> kTagFields{{
    {"surrogate-key", " ,", false, false},
    {"cache-tag", ",", false, false},
    {"cache-tags", " ,", true, false},
    {"xkey", " ,", false, false},
    {"xkey-purge", " ,", false, false},
    {"xkey-softpurge", " ,", false, true},
    {"x-cache-tags", " ,", true, false},
    {"x-magento-tags-pattern", "", true, false},
}};

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z'); }

const TagField* tag_field(const http::Field& field) {
  for (const TagField& known : kTagFields) {
    if (iequals(known.name, field.name)) return &known;
  }
  return nullptr;
}

// The text that a pattern without alternatives stands for: escapes taken away; nullopt where it means more than one text.
std::optional<std::string> literal(std::string_view pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      if (++i == pattern.size() || is_alphanumeric(pattern[i])) return std::nullopt;   // \d, \w …: a class
    } else if (kMetacharacters.find(pattern[i]) != std::string_view::npos) {
      return std::nullopt;
    }
    out.push_back(pattern[i]);
  }
  return out;
}

// Split at "|" outside of parentheses and escapes; empty where parentheses don't match.
std::vector<std::string_view> alternatives(std::string_view pattern) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') ++i;
    else if (pattern[i] == '(') ++depth;
    else if (pattern[i] == ')' && --depth < 0) return {};
    else if (pattern[i] == '|' && depth == 0) {
      parts.push_back(pattern.substr(start, i - start));
      start = i + 1;
    }
  }
  if (depth != 0) return {};
  parts.push_back(pattern.substr(start));
  return parts;
}

// "(…)" around all of it, taken away.
bool unwrap(std::string_view& pattern) {
  if (pattern.size() < 2 || pattern.front() != '(' || pattern.back() != ')') return false;
  int depth = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') ++i;
    else if (pattern[i] == '(') ++depth;
    else if (pattern[i] == ')' && --depth == 0 && i + 1 < pattern.size()) return false;
  }
  pattern = pattern.substr(1, pattern.size() - 2);
  return true;
}

// "((^|,)a(,|$))|((^|,)b(,|$))", "(^|,)(a|b)(,|$)": the tags that it means, or false.
bool read_tag_pattern(std::string_view pattern, std::vector<std::string>& tags) {
  constexpr std::string_view kStart = "(^|,)", kEnd = "(,|$)";
  const auto parts = alternatives(pattern);
  if (parts.empty()) return false;
  for (std::string_view part : parts) {
    if (!part.starts_with(kStart) || !part.ends_with(kEnd) || part.size() < kStart.size() + kEnd.size()) {
      if (!unwrap(part) || !part.starts_with(kStart) || !part.ends_with(kEnd) || part.size() < kStart.size() + kEnd.size()) return false;
    }
    part = part.substr(kStart.size(), part.size() - kStart.size() - kEnd.size());
    unwrap(part);
    const auto names = alternatives(part);
    if (names.empty()) return false;
    for (const std::string_view name : names) {
      auto tag = literal(name);
      if (!tag || tag->empty()) return false;
      tags.push_back(std::move(*tag));
    }
  }
  return true;
}

Result<void> read_tags(const TagField& field, std::string_view value, purge::Request& out) {
  std::vector<std::string> tags;
  const bool pattern = field.may_be_pattern && (field.separators.empty() || value.find_first_of("()*^$\\") != std::string_view::npos);
  if (pattern && trim_ows(value) == ".*") {
    out.targets.push_back({Kind::all, ""});
    return {};
  }
  if (pattern && !read_tag_pattern(trim_ows(value), tags)) {
    return Error{"The pattern in " + std::string(field.name) + " is none that means exact tags: \"((^|,)a(,|$))|((^|,)b(,|$))\", or \".*\"."};
  }
  const std::string separators = std::string(field.separators) + (field.may_be_pattern ? "|" : "");      // "a|b" of plain tags means both
  while (!pattern && !value.empty()) {
    const std::size_t end = std::min(value.find_first_of(separators), value.size());
    const std::string_view tag = trim_ows(value.substr(0, end));
    if (!tag.empty()) tags.emplace_back(tag);
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  for (std::string& tag : tags) out.targets.push_back({Kind::tag, std::move(tag)});
  if (out.targets.size() > kPurgeTagsMax) return Error{"A purge names at most 10,000 tags."};
  return {};
}

Result<purge::Request> read_pattern(const http::RequestHead& head, const config::Config& config) {
  constexpr std::string_view kRest = ".*";
  const bool prefix = head.path.ends_with(kRest) && !head.has_query;
  const auto path = prefix ? literal(head.path.substr(0, head.path.size() - kRest.size())) : std::nullopt;
  if (!path || !path->starts_with('/')) {
    return Error{"With X-Purge-Method: regex the path must be plain text that ends in \".*\": that purges all below it; other patterns are not taken."};
  }
  std::string name = policy::purge_prefix("http://" + std::string(head.authority) + *path, head.authority, config);
  if (name.empty()) return Error{"A PURGE needs a path and a Host."};
  purge::Request out;
  out.targets.push_back({Kind::prefix, std::move(name)});
  return out;
}

Result<purge::Request> read_url(const http::RequestHead& head, const config::Config& config) {
  std::string url = "http://";
  url.append(head.authority).append(head.path);
  if (head.has_query) url.append("?").append(head.query);
  std::string name = head.form == http::TargetForm::asterisk || head.authority.empty() ? std::string{}
                                                                                       : policy::purge_resource(url, head.authority, config);
  if (name.empty()) return Error{"A PURGE needs a path and a Host: PURGE /path, or PURGE http://host/path."};
  purge::Request out;
  out.targets.push_back({Kind::url, std::move(name)});
  return out;
}

}  // namespace

Result<purge::Request> read_purge_dialect(const http::RequestHead& head, const config::Config& config) {
  purge::Request tagged;
  bool has_tags = false;
  for (const http::Field& field : head.fields) {
    const TagField* const known = tag_field(field);
    if (known == nullptr) continue;
    has_tags = true;
    tagged.soft = tagged.soft || known->soft;
    if (const auto read = read_tags(*known, field.value, tagged); !read) return read.error();
  }
  if (has_tags && tagged.targets.empty()) return Error{"The field that should name the tags to purge is empty."};
  const std::string_view method = trim_ows(head.fields.get("x-purge-method"));
  const bool soft = tagged.soft || head.fields.get("fastly-soft-purge") == "1";
  if (!has_tags && head.method == http::Method::ban) {
    return Error{"BAN is taken with tags alone (Cache-Tags, X-Cache-Tags, xkey …): for URLs and prefixes send PURGE."};
  }
  if (!method.empty() && method != "regex" && method != "exact" && method != "default") {
    return Error{"X-Purge-Method must be exact, default or regex."};
  }
  Result<purge::Request> out = has_tags           ? Result<purge::Request>(std::move(tagged))
                               : method == "regex" ? read_pattern(head, config)
                                                   : read_url(head, config);
  if (out) out->soft = soft;
  return out;
}

}  // namespace davenport::server
