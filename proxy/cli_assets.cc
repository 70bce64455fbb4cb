#include "proxy/cli_assets.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/base/text.h"
#include "core/http/uri.h"

namespace davenport::cli {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Links against a base, each once.
class Found {
 public:
  explicit Found(std::string_view base) { rebase(base); }
  // <base href>: against where the document was found.
  void rebase(std::string_view base) {
    const std::string absolute = resolved(base).value_or(std::string(base));
    if (http::parse_http_uri(absolute)) base_ = absolute;
  }
  void add(std::string_view link) {
    link = trimmed(link.substr(0, link.find('#')));
    if (link.empty()) return;
    auto url = resolved(link);
    if (url && http::parse_http_uri(*url) && known_.insert(*url).second) urls_.push_back(std::move(*url));
  }
  std::vector<std::string> take() { return std::move(urls_); }

 private:
  std::optional<std::string> resolved(std::string_view link) const {
    const auto parts = http::parse_http_uri(base_);
    if (!parts) return std::nullopt;
    return http::resolve_reference(parts->scheme, parts->authority, parts->path.empty() ? "/" : parts->path, link);
  }
  std::string base_;
  std::set<std::string> known_;
  std::vector<std::string> urls_;
};

std::string without_ampersands(std::string_view value) {
  std::string out;
  for (std::size_t at = 0; at < value.size(); ++at) {
    out += value[at];
    if (value.substr(at).starts_with("&amp;")) at += 4;
  }
  return out;
}

// One start tag: its name and attributes, in lower case; `at` behind its '<'. Leaves `at` behind its '>'.
struct Tag {
  std::string name;
  std::map<std::string, std::string> attributes;
  std::string operator[](const char* attribute) const {
    const auto found = attributes.find(attribute);
    return found == attributes.end() ? std::string{} : found->second;
  }
};

std::string_view take_until(std::string_view html, std::size_t& at, std::string_view ends) {
  const std::size_t start = at;
  at = std::min(html.find_first_of(ends, at), html.size());
  return html.substr(start, at - start);
}

Tag read_tag(std::string_view html, std::size_t& at) {
  Tag tag;
  tag.name = lower(take_until(html, at, " \t\r\n\f/>"));
  while (at < html.size() && html[at] != '>') {
    if (is_space(html[at]) || html[at] == '/') {
      ++at;
      continue;
    }
    const std::string name = lower(take_until(html, at, " \t\r\n\f/>="));
    while (at < html.size() && is_space(html[at])) ++at;
    std::string value;
    if (at < html.size() && html[at] == '=') {
      ++at;
      while (at < html.size() && is_space(html[at])) ++at;
      if (at < html.size() && (html[at] == '"' || html[at] == '\'')) {
        const char quote[] = {html[at++], '\0'};
        value = take_until(html, at, quote);
        ++at;
      } else {
        value = take_until(html, at, " \t\r\n\f>");
      }
    } else if (name.empty()) {
      ++at;                                        // a stray '=' and the like
    }
    tag.attributes.try_emplace(name, without_ampersands(value));
  }
  at = std::min(at + 1, html.size());
  return tag;
}

bool loads(std::string_view rel) {
  const std::string lowered = lower(rel);
  for (std::size_t at = 0; at < lowered.size();) {
    const std::string_view word = take_until(lowered, at, " \t\r\n");
    ++at;
    for (const std::string_view known : {"stylesheet", "icon", "preload", "modulepreload", "manifest", "apple-touch-icon"}) {
      if (word == known) return true;
    }
  }
  return false;
}

void look_at_css(std::string_view css, Found& found) {
  for (std::size_t at = 0; at < css.size();) {
    const std::size_t comment = css.find("/*", at), url = css.find("url(", at), import = css.find("@import", at);
    const std::size_t next = std::min({comment, url, import});
    if (next == std::string_view::npos) return;
    if (next == comment) {
      at = std::min(css.find("*/", comment + 2), css.size());
      continue;
    }
    at = next + (next == url ? 4 : 7);
    while (at < css.size() && is_space(css[at])) ++at;
    if (at < css.size() && (css[at] == '"' || css[at] == '\'')) {
      const char quote[] = {css[at++], '\0'};
      found.add(take_until(css, at, quote));
    } else if (next == url) {
      found.add(take_until(css, at, ")"));
    }
  }
}

void look_at(const Tag& tag, Found& found) {
  if (tag.name == "base") return found.rebase(tag["href"]);
  if (tag.name == "link" && loads(tag["rel"])) found.add(tag["href"]);
  if (tag.name == "script") found.add(tag["src"]);
  if (tag.name == "img" || (tag.name == "input" && lower(tag["type"]) == "image")) {
    const std::string candidates = tag["srcset"];
    const std::string_view first = trimmed(candidates);
    found.add(tag["src"].empty() ? std::string(first.substr(0, first.find_first_of(" ,"))) : tag["src"]);
  }
  look_at_css(tag["style"], found);
}

}  // namespace

std::vector<std::string> assets_of_css(std::string_view css, std::string_view url) {
  Found found(url);
  look_at_css(css, found);
  return found.take();
}

std::vector<std::string> assets_of_html(std::string_view html, std::string_view url) {
  Found found(url);
  for (std::size_t at = html.find('<'); at != std::string_view::npos; at = html.find('<', at)) {
    if (html.substr(at).starts_with("<!--")) {
      at = html.find("-->", at + 4);
      if (at == std::string_view::npos) break;
      continue;
    }
    ++at;
    const bool letter = at < html.size() && to_lower(html[at]) >= 'a' && to_lower(html[at]) <= 'z';
    if (!letter) continue;
    const Tag tag = read_tag(html, at);
    look_at(tag, found);
    if (tag.name != "script" && tag.name != "style") continue;
    const std::size_t start = at;
    do {                                           // what stands inside is no HTML
      at = html.find("</", at);
      if (at == std::string_view::npos) break;
      at += 2;
    } while (!iequals(html.substr(at, tag.name.size()), tag.name));
    if (tag.name == "style") look_at_css(html.substr(start, at == std::string_view::npos ? at : at - start), found);
    if (at == std::string_view::npos) break;
  }
  return found.take();
}

}  // namespace davenport::cli
