#include "cache/policy/cookies.h"

#include <algorithm>

#include "core/base/text.h"

namespace davenport::policy {

std::optional<Cookie> CookieReader::next() {
  while (true) {
    while (rest_.empty()) {
      if (line_ == end_) return std::nullopt;
      if (line_->id == http::FieldId::cookie) rest_ = line_->value;
      ++line_;
    }
    const std::size_t end = std::min(rest_.find(';'), rest_.size());
    const std::string_view pair = trim_ows(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return Cookie{pair, {}};
    return Cookie{trim_ows(pair.substr(0, equals)), trim_ows(pair.substr(equals + 1))};
  }
}

std::optional<std::string_view> find_cookie(const http::Fields& fields, std::string_view name) {
  CookieReader cookies(fields);
  while (const auto cookie = cookies.next()) {
    if (cookie->name == name) return cookie->value;
  }
  return std::nullopt;
}

std::optional<std::string_view> all_cookies(const http::Fields& fields, std::string_view name, std::string& scratch) {
  std::optional<std::string_view> all;
  CookieReader cookies(fields);
  while (const auto cookie = cookies.next()) {
    if (cookie->name != name) continue;
    if (all) {
      if (all->data() != scratch.data()) scratch.assign(*all);
      scratch.append(";").append(cookie->value);
      all = scratch;
    } else {
      all = cookie->value;
    }
  }
  return all;
}

bool has_pass_cookie(const http::Fields& fields, const config::CacheRules& rules) {
  if (rules.pass_cookies.empty() || !fields.has(http::FieldId::cookie)) return false;
  CookieReader cookies(fields);
  while (const auto cookie = cookies.next()) {
    for (const std::string& pattern : rules.pass_cookies) {
      if (config::matches_pattern(pattern, cookie->name)) return true;
    }
  }
  return false;
}

void append_key_cookies(std::string& out, const http::Fields& request, const config::CacheRules& rules) {
  const std::size_t start = out.size();
  for (const std::string& name : rules.key_cookies) {
    const auto value = find_cookie(request, name);
    if (!value) continue;
    if (out.size() > start) out.append("; ");
    out.append(name).append("=").append(*value);
  }
}

}  // namespace davenport::policy
