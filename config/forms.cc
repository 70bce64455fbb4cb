#include "config/forms.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/document.h"
#include "config/header_rules.h"
#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/uri.h"

namespace davenport::config {
namespace {

Error expected(std::string_view what, const std::string& found) {
  return Error{fmt::format("expected {}; found {}", what, describe_found(Value{found, {}}))};
}

bool visible_without(std::string_view text, std::string_view excluded) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [excluded](char c) {
    return c > 0x20 && c < 0x7f && excluded.find(c) == excluded.npos;
  });
}

Result<std::string> check_host(const std::string& text, bool pattern) {
  const std::string host = lower(text);
  if (pattern && host == "*") return host;
  const bool wild = pattern && host.starts_with("*.");
  const std::string_view rest = wild ? std::string_view(host).substr(2) : std::string_view(host);
  if (std::any_of(host.begin(), host.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    return expected("a host in its ASCII form (\"xn--…\")", text);
  }
  const auto parsed = http::parse_host_port(rest);
  const bool plain = parsed && !parsed->host.empty() && rest.find('*') == rest.npos && !rest.ends_with(':');
  if (!plain) return expected(pattern ? "a host, \"*.suffix\" or \"*\"" : "a host, with a port or without", text);
  if (pattern && !parsed->port.empty()) return expected("a host without its port: a route holds for all ports", text);
  if (pattern && rest.ends_with('.')) return expected("a host without the dot at its end", text);
  return host;
}

bool is_media_type(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != text.npos && http::is_token(text.substr(0, slash)) && http::is_token(text.substr(slash + 1));
}

bool is_path(std::string_view text) {
  return text.starts_with('/') && std::all_of(text.begin(), text.end(), [](char c) {
    return c != '?' && http::is_target_char(static_cast<unsigned char>(c));
  });
}

bool is_path_pattern(std::string_view text) {
  return (text.starts_with('/') || text.starts_with('*')) && std::all_of(text.begin(), text.end(), [](char c) {
    return c != '?' && http::is_target_char(static_cast<unsigned char>(c));
  });
}

// RFC 6454 §6.2, and stars. No path follows.
bool is_origin(std::string_view text) {
  const std::size_t scheme = text.find("://");
  return scheme != text.npos && scheme > 0 && visible_without(text.substr(scheme + 3), "/?#,\"");
}

bool is_url(std::string_view text) {
  const bool known = text.starts_with("http://") || text.starts_with("https://");
  return known && visible_without(text, "\"<>\\^`#") && text.size() > text.find("://") + 3;
}

}  // namespace

Result<std::string> check_form(Form form, const std::string& text) {
  switch (form) {
    case Form::any:
    case Form::optional: {
      if (text.empty() && form == Form::any) return Error{"expected a text that is not empty"};
      const bool control = std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
      });
      if (control) return expected("a text without control characters", text);
      return text;
    }
    case Form::file:
      if (text.find('\0') != text.npos) return Error{"expected a path without NUL"};
      return text;
    case Form::token:
      if (!http::is_token(text)) return expected("letters, digits and any of !#$%&'*+-.^_`|~ without spaces", text);
      return text;
    case Form::field_name:
      if (!http::is_token(text)) return expected("the name of a field, such as \"x-country\"", text);
      return lower(text);
    case Form::optional_field:
      if (!text.empty() && !http::is_token(text)) return expected("the name of a field, such as \"Cache-Tag\"", text);
      if (!text.empty()) {
        if (const auto settable = check_field_name(Form::answer_field, text); !settable) return settable.error();
      }
      return text;
    case Form::host:
      if (text.empty()) return text;
      return check_host(text, false);
    case Form::host_pattern:
      return check_host(text, true);
    case Form::path:
      if (!is_path(text)) return expected("a path that begins with / and has no query", text);
      return text;
    case Form::path_pattern:
      if (!is_path(text.starts_with('*') ? "/" + text : text)) return expected("a path that begins with /, or a pattern with *, without a query", text);
      return text;
    case Form::asset_path:
      if (text != kFingerprinted && !is_path_pattern(text)) {
        return expected("a path or a pattern (\"/assets/*\", \"*.css\"), or \"fingerprinted\"", text);
      }
      return text;
    case Form::origin:
      if (text != "*" && !is_origin(text)) return expected("an origin such as \"https://shop.example\", or \"*\"", text);
      return lower(text);
    case Form::url:
      if (!is_url(text)) return expected("an address that begins with http:// or https://", text);
      return text;
    case Form::answer_field:
    case Form::webhook_field: break;   // tables: header_rules.h
    case Form::parameter:
      if (!visible_without(text, "=&#")) return expected("the name of a query parameter, or a pattern with *", text);
      return text;
    case Form::tag:
      if (!visible_without(text, ",")) return expected("a tag: visible ASCII without spaces and commas", text);
      return text;
    case Form::coding:
      if (text != "br" && text != "zstd" && text != "gzip") return expected("\"br\", \"zstd\" or \"gzip\"", text);
      return text;
    case Form::media_type:
      if (!is_media_type(text)) return expected("a media type such as \"text/css\", or a pattern with *", text);
      return lower(text);
    case Form::secret:
      if (!visible_without(text, "")) return Error{"expected a token of visible ASCII without spaces"};
      return text;
  }
  return text;
}

}  // namespace davenport::config
