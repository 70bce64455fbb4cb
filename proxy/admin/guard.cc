#include "proxy/admin/guard.h"

#include <arpa/inet.h>

#include <string>

#include "core/base/text.h"
#include "core/http/bearer.h"
#include "core/http/uri.h"

namespace davenport::admin {
namespace {

using http::FieldId;

// An IP address or "localhost": a name that no foreign name server gives out.
bool is_local_name(std::string_view authority) {
  const auto parts = http::parse_host_port(authority);
  if (!parts) return false;
  if (iequals(parts->host, "localhost")) return true;
  if (parts->host.starts_with('[')) return true;              // parse_host_port has checked the address
  in_addr address{};
  return ::inet_pton(AF_INET, std::string(parts->host).c_str(), &address) == 1;
}

// Browsers name the page's origin in all requests across sites but plain GETs, and Sec-Fetch-Site in all.
bool comes_from_a_page(const http::RequestHead& request, EntryTls tls) {
  const std::string_view site = request.fields.get("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none") return true;
  if (!request.fields.has(FieldId::origin)) return false;
  const std::string own = (tls == EntryTls::none ? "http://" : "https://") + std::string(request.fields.get(FieldId::host));
  return !iequals(request.fields.get(FieldId::origin), own) ||
         (tls != EntryTls::client_certificate && !is_local_name(request.fields.get(FieldId::host)));
}

}  // namespace

Entry check_entry(const http::RequestHead& request, std::string_view token, bool unix_socket, EntryTls tls) {
  if (!token.empty()) return http::same_secret(http::bearer_token(request.fields), token) ? Entry::allowed : Entry::no_token;
  if (unix_socket) return Entry::allowed;
  if (comes_from_a_page(request, tls)) return Entry::foreign_origin;
  if (request.method == http::Method::purge || request.method == http::Method::ban) return Entry::allowed;
  if (tls == EntryTls::client_certificate) return Entry::allowed;
  return is_local_name(request.authority) ? Entry::allowed : Entry::foreign_host;
}

}  // namespace davenport::admin
