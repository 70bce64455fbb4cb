// config/settings.h: every setting once, as data. The parser, the checks, `check --print`, the sample and the reference
// page are walks over these tables; a default is not repeated here, it is what config.h initialises the member with.
//     {"limits.head", at<Config, &Config::limits, &ClientLimits::head, &http::HeadLimits::head_bytes>,
//      "The longest request line and fields together.", {.low = 1_KiB, .high = 1_MiB}},
// A key is relative to the table that it stands in: the file itself, [[listen]], [origin.NAME], a server, [[route]],
// the cache rules (twice: [cache.defaults] and [route.cache]), a header rule (twice: [[header]] and [[route.header]]), or a webhook.
// Thread  any; constant data.
#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.h"

namespace davenport::config {

// Where a setting's value lives; its type decides how it is read, checked and printed (values.h).
using Slot = std::variant<bool*, std::uint16_t*, std::uint32_t*, std::uint64_t*, double*, std::string*, Millis*,
                          Seconds*, std::optional<Seconds>*, std::vector<std::string>*,
                          std::optional<std::vector<std::string>>*, std::map<int, Seconds>*, std::map<std::string, Seconds>*, Address*,
                          std::vector<Network>*, std::vector<OriginServer>*, OriginServer*, std::vector<TlsCertificate>*,
                          std::vector<HeaderLine>*, TlsVersion*, Balance*, SetCookie*, Eviction*,
                          LogFormat*, LogLevel*>;

template <class Owner, auto... Path>
Slot at(Owner& owner) {
  return &(owner.*....*Path);
}

// Does a reload take a changed value, or does it wait for the next start?
enum class Reload : std::uint8_t { live, restart };

// What a 64-bit number counts.
enum class Unit : std::uint8_t { bytes, count };

// What a text, or each text of a list, must look like.
enum class Form : std::uint8_t {
  any,           // not empty, no control bytes
  optional,      // as `any`, or empty
  token,         // RFC 9110 §5.6.2; patterns too, since * is a token character
  field_name,    // a token, put in lower case
  optional_field,   // a token, or ""
  host,          // host [":" port] or ""
  host_pattern,  // a host without port, "*.suffix" or "*"; put in lower case
  path,          // "/…" without query and fragment
  path_pattern,  // the same, or a pattern with * that may begin with it
  asset_path,    // "/…" or "*…", each * for any run of characters; or "fingerprinted"
  origin,        // "scheme://host[:port]", "*" for any run of characters
  answer_field,  // fields of answers: their values are checked as header_rules.h says
  webhook_field, // fields of a webhook's request
  url,           // http or https
  parameter,     // a name in a query, or a pattern: no "=", "&", "#" or space
  tag,           // visible ASCII without comma
  coding,        // "br", "zstd" or "gzip"
  media_type,    // "type/subtype" or a pattern, without parameters; put in lower case
  file,          // a path, made absolute from the configuration's folder; or ""
  secret,        // a bearer token, from KEY_file or KEY_env and never from the file itself
};

struct Rules {
  double low = 0;                 // bounds in the slot's own unit: bytes, milliseconds, pieces
  double high = 4294967295.0;
  Form form = Form::any;
  Unit unit = Unit::bytes;
  Reload reload = Reload::live;
  bool required = false;          // its table is not whole without it
  std::string_view strict{};      // the value that `cache.strict_rfc` gives unless the setting is written; "": the same
  std::string_view example{};     // for the sample, as TOML, where the default is "not set" or empty
};

template <class Owner>
struct Setting {
  std::string_view key;
  Slot (*slot)(Owner&);
  std::string_view text;          // sentences for the operator
  Rules rules{};
};

// A route before its origin's name is known to be one.
struct RouteDraft {
  Route route;
  std::string origin;
};

std::span<const Setting<Config>> file_settings();
std::span<const Setting<Listener>> listener_settings();
std::span<const Setting<Origin>> origin_settings();
std::span<const Setting<OriginServer>> server_settings();
std::span<const Setting<TlsCertificate>> certificate_settings();
std::span<const Setting<RouteDraft>> route_settings();
std::span<const Setting<CacheRules>> cache_settings();
std::span<const Setting<HeaderRule>> header_settings();
std::span<const Setting<Webhook>> webhook_settings();

// The full name of each: "cache.memory", "origin.NAME.retries", "route.cache.ttl", "cache.defaults.ttl" …
const std::vector<std::string>& setting_names();

// A table of the file and its heading in the sample and on the reference page, in their order. `key`: what the keys of
// file_settings start with there.
struct Section {
  std::string_view key;
  std::string_view text;
};
std::span<const Section> file_sections();

}  // namespace davenport::config
