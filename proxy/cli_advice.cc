#include "proxy/cli_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "cache/policy/storability.h"
#include "config/config.h"
#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/uri.h"

namespace davenport::cli {
namespace {

using http::FieldId;

// Names that applications give to what tells one visitor from another.
constexpr std::array<std::string_view, 18> kSessionNames{
    "*sess*", "*sid", "sid*", "phpsessid", "jsessionid", "asp.net_sessionid", "*token*", "*auth*", "*login*", "*logged*",
    "*remember*", "*csrf*", "*xsrf*", "*user*", "wordpress_*", "wp-postpass_*", "*basket*", "*cart*"};
constexpr std::array<std::string_view, 7> kTextTypes{"text/", "application/javascript", "application/json", "application/xml",
                                                     "image/svg+xml", "application/ld+json", "application/manifest+json"};

bool sounds_like_session(std::string_view name) {
  const std::string lowered = lower(name);
  return std::any_of(kSessionNames.begin(), kSessionNames.end(),
                     [&](std::string_view pattern) { return config::matches_pattern(pattern, lowered); });
}

// name → value of the Set-Cookie lines of an answer, and whether each is HttpOnly.
std::map<std::string, std::pair<std::string, bool>> set_cookies(const http::Fields& fields) {
  std::map<std::string, std::pair<std::string, bool>> out;
  for (const http::Field& field : fields) {
    if (field.id != FieldId::set_cookie) continue;
    const std::string_view pair = field.value.substr(0, field.value.find(';'));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const bool http_only = lower(field.value).find("httponly") != std::string::npos;
    out[std::string(trim_ows(pair.substr(0, equals)))] = {std::string(trim_ows(pair.substr(equals + 1))), http_only};
  }
  return out;
}

policy::StoreVerdict verdict_of(const Fetched& answer, WallSeconds now) {
  static const config::CacheRules kDefaults;
  http::RequestHead request;
  request.method = http::Method::get;
  request.method_name = "GET";
  return policy::judge(request, answer.head, {now, now}, kDefaults);
}

bool varies_by_cookie(const http::Fields& fields) {
  for (const http::Field& field : fields) {
    if (field.id == FieldId::vary && http::list_contains(field.value, "cookie")) return true;
  }
  return false;
}

bool same_twice(const Sample& sample) {
  return sample.first.head.status == sample.second.head.status && sample.first.body == sample.second.body;
}

bool differs_for_returning(const Sample& sample) {
  return same_twice(sample) && (sample.returning.head.status != sample.first.head.status || sample.returning.body != sample.first.body);
}

bool is_silent(const policy::StoreVerdict& verdict) { return verdict.storing == policy::Storing::no_lifetime || verdict.facts.heuristic; }

std::string quoted_list(const std::vector<std::string>& names) {
  std::string out = "[";
  for (const std::string& name : names) out += (out.size() > 1 ? ", \"" : "\"") + name + "\"";
  return out + "]";
}

// For a comment: visible ASCII, not too long.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 60)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out + (text.size() > 60 ? "…" : "");
}

std::string shown_some(const std::vector<std::string>& paths) {
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(paths.size(), 3); ++i) out += (i > 0 ? ", " : "") + shown(paths[i]);
  return out + (paths.size() > 3 ? fmt::format(" and {} more", paths.size() - 3) : "");
}

// Some applications do things on GET that they should not: such links are left alone.
bool acts(std::string_view path) {
  const std::string lowered = lower(path);
  for (const std::string_view word : {"logout", "log-out", "signout", "sign-out", "delete", "remove", "destroy", "unsubscribe", "add-to-cart"}) {
    if (lowered.find(word) != std::string::npos) return true;
  }
  return false;
}

std::string first_segment(std::string_view path) {
  const std::size_t end = path.find('/', 1);
  return end == std::string_view::npos ? "" : std::string(path.substr(0, end));
}

bool is_plain_path(std::string_view path) {
  return path.size() > 1 && std::all_of(path.begin(), path.end(), [](char c) {
           return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '/' || c == '-' || c == '_' || c == '.';
         });
}

struct Paths {
  std::vector<std::string> list;
  void add(const Sample& sample) { list.push_back(sample.path); }
  bool empty() const { return list.empty(); }
};

// What was seen, sorted by what it means.
struct Findings {
  std::vector<CookieSeen> cookies;
  Paths leaks, changing, personal, by_cookie, silent_pages, no_validator;
  std::map<std::string, std::vector<const Sample*>> silent_assets;   // by their first segment
  std::uint64_t uncoded_bytes = 0;
  std::size_t uncoded = 0;
};

Findings look_at(const std::vector<Sample>& samples, WallSeconds now) {
  Findings out;
  out.cookies = cookies_of(samples);
  for (const Sample& sample : samples) {
    const policy::StoreVerdict verdict = verdict_of(sample.first, now);
    const auto cookies = set_cookies(sample.first.head.fields);
    const bool sets_session = std::any_of(out.cookies.begin(), out.cookies.end(),
                                          [&](const CookieSeen& seen) { return seen.session_like && cookies.count(seen.name) > 0; });
    if (verdict.ok() && sets_session) out.leaks.add(sample);
    if (!same_twice(sample)) out.changing.add(sample);
    if (differs_for_returning(sample)) out.personal.add(sample);
    if (varies_by_cookie(sample.first.head.fields)) out.by_cookie.add(sample);
    const bool good = sample.first.head.status == 200 && same_twice(sample) && !differs_for_returning(sample);
    if (good && is_silent(verdict)) {
      if (sample.asset && is_plain_path(first_segment(sample.path))) out.silent_assets[first_segment(sample.path)].push_back(&sample);
      else if (!sample.asset) out.silent_pages.add(sample);
    }
    const http::Fields& fields = sample.first.head.fields;
    if (good && !fields.has(FieldId::etag) && !fields.has(FieldId::last_modified)) out.no_validator.add(sample);
    const std::string_view type = fields.get(FieldId::content_type);
    const bool text = std::any_of(kTextTypes.begin(), kTextTypes.end(), [&](std::string_view known) { return type.starts_with(known); });
    if (text && !fields.has(FieldId::content_encoding) && sample.first.body.size() > 1024) {
      ++out.uncoded;
      out.uncoded_bytes += sample.first.body.size();
    }
  }
  return out;
}

void append_cookies(std::string& out, const Findings& found) {
  std::vector<std::string> passing, others;
  for (const CookieSeen& cookie : found.cookies) (cookie.session_like ? passing : others).push_back(cookie.name);
  for (const CookieSeen& cookie : found.cookies) {
    out += fmt::format("# Cookie {}{}{}: set by {}{}\n", shown(cookie.name), cookie.http_only ? ", HttpOnly" : "",
                       cookie.changes ? ", another value for each visitor" : "", shown_some(cookie.paths),
                       cookie.session_like ? "; it looks like a session" : "");
  }
  if (!found.personal.empty() && passing.empty()) {
    // Somebody is told apart, and no name says by what: every cookie counts.
    out += "# Pages differ for a visitor who comes back, and no cookie's name says why: all that were seen count.\n";
    std::swap(passing, others);
  }
  if (!passing.empty()) {
    out += "# Who carries one of these gets pages from the application, and nothing of it is stored.\n";
    out += "pass_cookies = " + quoted_list(passing) + "\n";
  } else {
    out += "# No cookie was seen that tells visitors apart. Log in and look: its name belongs here.\n#pass_cookies = [\"session\"]\n";
  }
  if (!found.by_cookie.empty()) {
    out += fmt::format("# {} answer(s) vary by Cookie ({}). With this, a cookie that is not named above (analytics, say)\n"
                       "# makes no other page; the application gets none of those when it is asked for a page to store.\n",
                       found.by_cookie.list.size(), shown_some(found.by_cookie.list));
    out += found.personal.empty() || !passing.empty() ? "ignore_other_cookies = true\n" : "#ignore_other_cookies = true\n";
  }
}

void append_lifetimes(std::string& out, const Findings& found) {
  if (!found.silent_pages.empty()) {
    out += fmt::format("# {} page(s) say nothing of their lifetime, and were the same for two visitors ({}).\n"
                       "# Not decided for you: how old may they be? (A purge can end them sooner: docs/purge.md.)\n#default_ttl = \"60s\"\n",
                       found.silent_pages.list.size(), shown_some(found.silent_pages.list));
  }
  out += "# Parameters of campaigns make no other page.\ndrop_parameters = [\"utm_*\", \"gclid\", \"fbclid\", \"msclkid\"]\n";
}

void append_routes(std::string& out, const Findings& found) {
  for (const auto& [segment, assets] : found.silent_assets) {
    out += fmt::format("\n# {} file(s) below {} without a lifetime of their own, the same twice.\n[[route]]\npath = \"{}\"\n[route.cache]\n"
                       "default_ttl = \"10m\"\nstrip_cookies = true\n",
                       assets.size(), segment, segment);
  }
  if (!found.silent_assets.empty()) out += "\n[[route]]                          # all the rest\n";
}

void append_warnings(std::string& out, const Findings& found) {
  const auto say = [&](const Paths& paths, std::string_view what) {
    if (!paths.empty()) out += fmt::format("# - {} ({}): {}\n", paths.list.size(), shown_some(paths.list), what);
  };
  std::string before = out;
  out += "\n# To look at:\n";
  const std::size_t size = out.size();
  say(found.leaks, "may be shared by what they say, and set a session cookie. It is taken off what is stored, and reaches only\n"
                   "#   the visitor whose request fetched the page; better the application said private.");
  say(found.changing, "were not the same for two visitors: a token in a form, a clock, a random choice. Whoever comes from the\n"
                      "#   cache shares it; let the application say no-store where that is wrong.");
  say(found.personal, "are another page for a visitor with cookies.");
  say(found.no_validator, "have neither ETag nor Last-Modified: each refresh costs the whole page.");
  if (found.uncoded > 0) {
    out += fmt::format("# - {} text(s), {} bytes together, came uncompressed though gzip and br were offered.\n", found.uncoded, found.uncoded_bytes);
  }
  if (out.size() == size) out = std::move(before);
}

void append_table(std::string& out, const std::vector<Sample>& samples, WallSeconds now) {
  out += "\n# What was seen (status, bytes, would be stored, for how long):\n";
  for (const Sample& sample : samples) {
    const policy::StoreVerdict verdict = verdict_of(sample.first, now);
    out += fmt::format("#   {} {:>8} {:<12} {:>8} s  {}\n", sample.first.head.status, sample.first.body.size(), policy::name_of(verdict.storing),
                       verdict.ok() ? verdict.facts.lifetime : 0, shown(sample.path));
  }
}

}  // namespace

std::vector<CookieSeen> cookies_of(const std::vector<Sample>& samples) {
  std::map<std::string, CookieSeen> seen;
  for (const Sample& sample : samples) {
    const auto first = set_cookies(sample.first.head.fields), second = set_cookies(sample.second.head.fields);
    for (const auto& [name, value] : first) {
      CookieSeen& cookie = seen[name];
      cookie.name = name;
      cookie.http_only = cookie.http_only || value.second;
      const auto again = second.find(name);
      cookie.changes = cookie.changes || (again != second.end() && again->second.first != value.first);
      cookie.paths.push_back(sample.path);
    }
  }
  std::vector<CookieSeen> out;
  for (auto& [name, cookie] : seen) {
    const bool token = std::all_of(name.begin(), name.end(), [](char c) { return c != '"' && c > 0x20 && c < 0x7f; });
    if (!token || !http::is_token(name)) continue;       // no name that a setting could hold
    cookie.session_like = sounds_like_session(name) || (cookie.http_only && cookie.changes);
    out.push_back(std::move(cookie));
  }
  return out;
}

std::string advised_configuration(const std::string& url, const std::string& origin, const std::vector<Sample>& samples, WallSeconds now) {
  const Findings found = look_at(samples, now);
  std::string out = fmt::format("# Davenport before {}, as `davenport init` saw it: {} URLs, each asked three times.\n"
                                "# Read it, change it, then: davenport check FILE, davenport run FILE\n\n"
                                "listen = [\"0.0.0.0:8080\"]\n\n[origin.app]\nservers = [\"{}\"]\n\n[cache.defaults]\n",
                                shown(url), samples.size(), origin);
  append_cookies(out, found);
  append_lifetimes(out, found);
  append_routes(out, found);
  append_warnings(out, found);
  append_table(out, samples, now);
  return out;
}

Links links_of(std::string_view html, std::string_view authority, std::string_view path) {
  Links out;
  std::set<std::string> known;
  const std::string lowered = lower(html);
  for (std::size_t at = 0; at < lowered.size();) {
    const std::size_t href = lowered.find("href=", at), src = lowered.find("src=", at);
    const std::size_t next = std::min(href, src);
    if (next == std::string::npos) break;
    at = next + (next == href ? 5 : 4);
    if (at >= html.size() || (html[at] != '"' && html[at] != '\'')) continue;
    const std::size_t end = html.find(html[at], at + 1);
    if (end == std::string_view::npos) break;
    std::string_view link = html.substr(at + 1, end - at - 1);
    link = link.substr(0, link.find('#'));
    const std::size_t tag = lowered.rfind('<', next);
    const bool loaded = next == src || (tag != std::string::npos && lowered.compare(tag, 6, "<link ") == 0);
    at = end + 1;
    const auto resolved = link.empty() ? std::nullopt : http::resolve_reference("http", authority, path, link);
    const auto parts = resolved ? http::parse_http_uri(*resolved) : std::nullopt;
    if (!parts || !iequals(parts->authority, authority)) continue;
    std::string target = parts->path.empty() ? "/" : std::string(parts->path);
    if (parts->has_query) target.append("?").append(parts->query);
    if (acts(target) || !known.insert(target).second) continue;
    (loaded ? out.assets : out.pages).push_back(std::move(target));
  }
  return out;
}

}  // namespace davenport::cli
