// core/http/uri.h: hosts, targets and absolute URIs (RFC 3986, RFC 9110 §4.2), and the spelling that a cache key uses.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace davenport::http {

struct HostPort {
  std::string_view host;     // "[::1]" keeps its brackets
  std::string_view port;     // digits or ""
};
// uri-host [":" port]: a registered name, an IPv4 or a bracketed IPv6 address; a port up to 65535; no userinfo.
// A registered name is letters, digits, "-", ".", "_" and "~": the sub-delims and percent-encoding that RFC 3986 §3.2.2
// would allow beside them name nothing that DNS or a route knows, and split lists and logs elsewhere.
std::optional<HostPort> parse_host_port(std::string_view authority);

struct UriParts {
  std::string_view scheme, authority, path, query;   // path may be ""; query without "?"
  bool has_query = false;
};
// "http://host[:port][/path][?query]" with scheme http or https; nullopt for anything else, fragments included.
std::optional<UriParts> parse_http_uri(std::string_view uri);

// Same host in any case and same port, where no port or an empty one is the scheme's own (RFC 9110 §4.2.3).
bool same_authority(const HostPort& a, const HostPort& b, std::string_view scheme);

// A request target's path or query: what RFC 3986 allows there, plus what browsers send unencoded: | ^ ` [ ] { }.
// Not the double quote, <, >, # and the backslash, nor a space, control byte or byte above 0x7e.
bool is_target_char(unsigned char c);

// Appends `text` with equivalent spellings made one (RFC 3986 §6.2.2): upper-case hex, unreserved characters decoded.
// For keys and purges: what is forwarded is not changed.
// `also`: reserved characters that are decoded too, where the caller knows that they delimit nothing.
void append_normalized(std::string& out, std::string_view text, std::string_view also = {});
// Is there a percent sign that begins no escape? Such a text has no equivalent spellings: what one origin decodes of it another does not,
// and decoding the rest could make of it what somebody else has written ("%%36%31" would be "%61").
bool has_stray_percent(std::string_view text);

// Appends the host in lower case, without a trailing dot.
void append_host(std::string& out, std::string_view host);

// A Location or Content-Location against the request's own URI (RFC 3986 §5), http and https only: absolute form.
std::optional<std::string> resolve_reference(std::string_view scheme, std::string_view authority,
                                             std::string_view base_path, std::string_view reference);

}  // namespace davenport::http
