#include "cache/policy/target.h"

#include "core/base/text.h"
#include "core/http/uri.h"

namespace davenport::policy {
namespace {

std::string_view scheme_of(const http::RequestHead& request, std::string_view scheme) {
  return request.scheme.empty() ? scheme : request.scheme;
}

std::string spelled(std::string_view path, std::string_view query, bool has_query) {
  std::string out;
  const auto append = [&out](std::string_view text) {
    if (http::has_stray_percent(text)) out.append(text);
    else http::append_normalized(out, text);
  };
  append(path.empty() ? "/" : path);
  if (has_query) {
    out += '?';
    append(query);
  }
  return out;
}

bool same_origin(const http::UriParts& a, const http::UriParts& b) {
  const auto left = http::parse_host_port(a.authority), right = http::parse_host_port(b.authority);
  return left && right && iequals(a.scheme, b.scheme) && http::same_authority(*left, *right, a.scheme);
}

}  // namespace

std::string target_uri(const http::RequestHead& request, std::string_view scheme) {
  std::string uri;
  if (!request.authority.empty()) {
    uri.append(scheme_of(request, scheme)).append("://").append(request.authority);
  }
  uri.append(request.path);
  if (request.has_query) uri.append("?").append(request.query);
  return uri;
}

std::optional<std::string> resolve_against(const http::RequestHead& request, std::string_view scheme,
                                           std::string_view reference) {
  std::string base(request.path);
  if (request.has_query) base.append("?").append(request.query);
  return http::resolve_reference(scheme_of(request, scheme), request.authority, base, reference);
}

bool same_origin(std::string_view uri, std::string_view other) {
  const auto a = http::parse_http_uri(uri), b = http::parse_http_uri(other);
  return a && b && same_origin(*a, *b);
}

bool same_uri(std::string_view uri, std::string_view other) {
  const auto a = http::parse_http_uri(uri), b = http::parse_http_uri(other);
  return a && b && same_origin(*a, *b) && spelled(a->path, a->query, a->has_query) == spelled(b->path, b->query, b->has_query);
}

std::string_view explicit_port(std::string_view scheme, std::string_view port) {
  while (port.size() > 1 && port.front() == '0') port.remove_prefix(1);   // "080" is 80
  const bool is_default = port == (iequals(scheme, "https") ? "443" : "80");
  return is_default ? std::string_view{} : port;
}

}  // namespace davenport::policy
