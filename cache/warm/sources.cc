#include "cache/warm/sources.h"

#include <cmath>
#include <variant>

#include "cache/warm/sitemap.h"
#include "core/base/json.h"
#include "core/base/text.h"
#include "core/http/uri.h"

namespace davenport::warm {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

void append_percent(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

bool unreserved(char c) {
  return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
}

void add(Pages& pages, std::vector<std::string>& into, std::string_view text, std::string_view base) {
  std::string url = absolute_url(text, base);
  if (url.empty()) ++pages.unusable;
  else into.push_back(std::move(url));
}

// A template in pieces: text, name, text, name … text.
struct Template {
  std::vector<std::string> texts, names;
};

Result<Template> read_template(std::string_view text) {
  Template out;
  out.texts.emplace_back();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '}') return Error{"a template's \"}\" closes nothing"};
    if (text[at] != '{') {
      out.texts.back() += text[at];
      continue;
    }
    const auto end = text.find_first_of("{}", at + 1);
    if (end == text.npos || text[end] == '{' || end == at + 1) return Error{"a template's \"{\" wants a member's name and \"}\""};
    out.names.emplace_back(text.substr(at + 1, end - at - 1));
    out.texts.emplace_back();
    at = end;
  }
  if (out.names.empty()) return Error{"the template names no member: write \"/product/{id}\""};
  return out;
}

// A text or a number as a word of a URL; false for anything else.
bool append_member(std::string& out, const JsonValue& value, bool as_it_is) {
  std::string text;
  if (const std::string* const word = value.string()) {
    text = *word;
  } else if (const double* const number = std::get_if<double>(&value.data)) {
    if (std::floor(*number) != *number || std::abs(*number) > 9e15) return false;
    text = std::to_string(static_cast<long long>(*number));
  }
  if (text.empty()) return false;
  for (const char c : text) {
    if (as_it_is || unreserved(c)) out += c;
    else append_percent(out, c);
  }
  return true;
}

const JsonValue* member_of(const JsonValue::Object& object, std::string_view name) {
  for (const JsonMember& member : object) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

void walk(const JsonValue& value, const Template& shape, std::string_view base, Pages& pages) {
  if (const JsonValue::Array* const array = value.array()) {
    for (const JsonValue& each : *array) walk(each, shape, base, pages);
  }
  const JsonValue::Object* const object = value.object();
  if (object == nullptr || pages.urls.size() >= kMostUrls) return;
  std::string url = shape.texts[0];
  bool whole = true;
  for (std::size_t i = 0; i < shape.names.size() && whole; ++i) {
    const JsonValue* const member = member_of(*object, shape.names[i]);
    whole = member != nullptr && append_member(url, *member, url.empty());
    url += shape.texts[i + 1];
  }
  if (whole) return add(pages, pages.urls, url, base);
  for (const JsonMember& member : *object) walk(member.value, shape, base, pages);
}

}  // namespace

std::string absolute_url(std::string_view text, std::string_view base) {
  text = text.substr(0, text.find('#'));
  std::string url(text.starts_with('/') && !text.starts_with("//") ? base : "");
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\') append_percent(url, c);
    else url += c;
  }
  const auto parts = http::parse_http_uri(url);
  if (!parts || !http::parse_host_port(parts->authority) || url.size() > kUrlBytes) return {};
  return url;
}

std::string base_of(std::string_view url) {
  const auto parts = http::parse_http_uri(url);
  if (!parts) return {};
  return lower(parts->scheme) + "://" + std::string(parts->authority);
}

Result<Pages> read_pages(std::string_view text, std::string_view base) {
  const auto first = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  Pages pages;
  if (first != text.npos && text[first] == '<') {
    const Result<Sitemap> map = read_sitemap(text);
    if (!map) return map.error();
    for (const std::string& url : map->urls) add(pages, pages.urls, url, base);
    for (const std::string& url : map->sitemaps) add(pages, pages.sitemaps, url, base);
    return pages;
  }
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trim_ows(line);
    if (line.empty() || line.starts_with('#')) continue;
    if (pages.urls.size() >= kMostUrls) return Error{"the list has more URLs than are taken (" + std::to_string(kMostUrls) + ")"};
    add(pages, pages.urls, line, base);
  }
  return pages;
}

Result<Pages> read_feed(std::string_view json, std::string_view url_template, std::string_view base) {
  const Result<Template> shape = read_template(url_template);
  if (!shape) return shape.error();
  const Result<JsonValue> value = parse_json(json);
  if (!value) return Error{"the feed is no JSON: " + value.error().message};
  Pages pages;
  walk(*value, *shape, base, pages);
  if (pages.urls.empty()) return Error{"the feed holds no product with all that the template names (" + std::string(url_template) + ")"};
  return pages;
}

Result<std::vector<std::string>> names_in(std::string_view url_template) {
  Result<Template> shape = read_template(url_template);
  if (!shape) return shape.error();
  return std::move(shape->names);
}

}  // namespace davenport::warm
