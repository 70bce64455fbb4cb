// config/config.h: everything an operator can say, validated: one immutable value that workers share.
// It is made by config/load.h from TOML and never changed afterwards; a reload makes another one.
// Units   sizes end in _bytes, durations are std::chrono; 0 means "no limit" only where a comment says so.
// Thread  any (const). Owner: std::shared_ptr<const Config>.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/log_level.h"
#include "core/base/result.h"
#include "core/http/parser.h"

namespace davenport::config {

// "127.0.0.1:8080", "[::1]:80", "unix:/run/shop.sock", or (origins only) "name:port".
struct Address {
  enum class Kind : std::uint8_t { inet, unix_path, name } kind = Kind::inet;
  std::string host;          // numeric address without brackets, path, or name
  std::uint16_t port = 0;
  static Result<Address> parse(std::string_view text);
  std::string text() const;  // as an operator writes it; parse(text()) gives the same again
  bool loopback() const;     // numeric loopback or a Unix socket: reached from this machine alone
  friend bool operator==(const Address&, const Address&) = default;
};

// "10.0.0.0/8", "::1". A peer on a Unix socket matches the network "unix".
struct Network {
  bool unix_peer = false;
  bool v6 = false;
  unsigned char bytes[16] = {};
  unsigned prefix_bits = 0;
  static Result<Network> parse(std::string_view text);     // bits behind the prefix are a mistake, not ignored
  std::string text() const;
  // Without brackets and port; an IPv4-mapped IPv6 address is read as IPv4; a Unix socket's peer is "unix". What is
  // not an address is in no network.
  bool contains(std::string_view numeric_address) const;
};

enum class TlsVersion : std::uint8_t { v1_2, v1_3 };

// Paths are absolute, or relative to where the process was started.
struct TlsCertificate {
  std::string certificate;                     // PEM, the chain
  std::string key;                             // PEM
  std::string ocsp;                            // DER; "": nothing is stapled
  friend bool operator==(const TlsCertificate&, const TlsCertificate&) = default;
};

// What a listener, or the admin interface, shows of itself. Without certificates it is plain.
struct ServerTls {
  std::vector<TlsCertificate> certificates;
  TlsVersion min_version = TlsVersion::v1_2;
  std::string client_ca;                       // admin only: clients need a certificate of these authorities; "": none
  bool on() const { return !certificates.empty(); }
};

struct Listener {
  Address address;
  bool proxy_protocol = false;                 // a PROXY v1/v2 header is required of each connection
  bool redirect_to_https = false;              // every request is answered with 308 to the same URL under https
  std::uint16_t https_port = 443;              // … at this port
  bool http2 = true;                           // beside HTTP/1.1: by ALPN, or in clear by prior knowledge
  ServerTls tls;
};

// HTTP/2 with clients (RFC 9113).
struct Http2 {
  bool enabled = true;                         // false: on no listener
  std::uint32_t streams = 100;                 // requests at a time on a connection
  std::uint32_t resets = 200;                  // that a client may cause in a row; a tenth comes back each second
  std::uint32_t control_frames = 2'000;        // frames that carry no request and no body; a quarter comes back each second
};

// Handshakes of all listeners.
struct Handshakes {
  Millis timeout{10'000};                      // from the connection to the end of its handshake
  std::uint32_t per_second = 0;                // of all workers; more are closed at once; 0: no limit
  Seconds ticket_key_lifetime{3'600};          // then another key seals tickets; two old ones are still honoured
  std::string ticket_secret;                   // what keys are derived from; "": of redis.hmac_key, else they are random
};

struct ClientLimits {
  http::HeadLimits head;
  std::uint64_t body_bytes = 64ull << 20;      // 413 above; 0: no limit
  Millis head_timeout{10'000};                 // from the first byte of a head to its end: 408
  Millis body_timeout{30'000};                 // between two pieces of a request's body: 408
  std::uint64_t min_rate_bytes = 64;           // a second, averaged over the body after body_timeout: 408; 0: none
  Millis send_timeout{30'000};                 // a client that takes nothing of its answer for so long is closed
  Millis idle_timeout{60'000};                 // keep-alive
  std::uint32_t requests_per_connection = 0;   // 0: no limit
  std::uint32_t connections = 20'000;          // all clients; 503 and close above
  std::uint32_t connections_per_address = 0;   // 0: no limit; 503 and close above
  std::uint64_t window_bytes = 256 << 10;      // how much of a body that is not stored is held for a slow reader
};

enum class Balance : std::uint8_t { round_robin, least_outstanding, consistent_hash };

struct OriginServer {
  Address address;
  std::uint32_t weight = 1;
  bool https = false;                          // written as "https://…"; all servers of an origin alike
};

struct OriginTls {
  bool verify = true;
  std::string ca;                              // "": the system's authorities
  std::string server_name;                     // for SNI and verification; "": the server's name or address
  std::string certificate, key;                // ours; "": none, or the key in the certificate's file
  TlsVersion min_version = TlsVersion::v1_2;
  friend bool operator==(const OriginTls&, const OriginTls&) = default;
};

struct HealthCheck {
  bool enabled = false;
  std::string path = "/";
  std::string host;                            // Host of the probe; "" → the server's address
  Millis interval{5'000};
  Millis timeout{2'000};
  std::uint16_t status_min = 200, status_max = 399;
  std::uint32_t healthy_after = 2, unhealthy_after = 3;   // in a row
};

struct Origin {
  std::string name;
  std::vector<OriginServer> servers;           // at least one
  Balance balance = Balance::least_outstanding;
  std::string host;                            // Host sent to the origin; "" → the client's, as it came
  Millis connect_timeout{2'000};
  Millis first_byte_timeout{30'000};
  Millis between_bytes_timeout{15'000};
  Millis idle_timeout{30'000};                 // of a pooled connection
  std::uint32_t max_idle = 64;                 // pooled connections a server and worker
  std::uint32_t max_connections = 1024;        // to one server, over all workers
  std::uint32_t queue = 1024;                  // requests that wait for a connection, over all workers
  Millis queue_timeout{5'000};                 // 503 with Retry-After after it
  std::uint32_t retries = 1;                   // further tries of an idempotent request, on another server
  double retry_budget = 0.2;                   // of the last requests; more are not retried
  std::uint32_t eject_after = 5;               // failures in a row (connect, reset, time-out); 0: never
  Millis eject_time{1'000};                    // doubled for each ejection in a row, up to eject_max
  Millis eject_max{60'000};
  Millis resolve_interval{30'000};             // names are resolved again after it
  std::uint64_t max_response_head_bytes = 64 << 10;
  double background_rate = 50;                 // a second: refreshes ahead, revalidations of what was softly purged; 0: no limit
  HealthCheck health;
  OriginTls tls;
  bool https() const { return !servers.empty() && servers.front().https; }
};

enum class SetCookie : std::uint8_t { strip, refuse, keep };

// Which answers are sent compressed, and how hard it is tried. Levels are the libraries' own.
struct Compression {
  bool enabled = true;
  std::vector<std::string> codings{"br", "zstd", "gzip"};          // the first is preferred where a client likes them alike
  std::vector<std::string> types{"text/*", "application/javascript", "application/x-javascript", "application/json",
                                 "application/*+json", "application/xml", "application/*+xml", "application/wasm",
                                 "application/manifest+json", "application/vnd.ms-fontobject", "font/ttf", "font/otf",
                                 "image/svg+xml", "image/bmp", "image/x-icon", "image/vnd.microsoft.icon"};
  std::uint64_t min_bytes = 512;
  double ratio = 0.9;                          // what is not smaller than this share of its source is not kept
  std::uint32_t gzip_level = 5, brotli_level = 5, zstd_level = 3;             // at the first demand, and for what passes
  std::uint32_t gzip_strong = 9, brotli_strong = 11, zstd_strong = 19;        // behind, for what proves popular
  std::uint32_t popular_after = 20;            // hits of a form on one worker; 0: never
  Millis wait{50};                             // for a form that is being made; then the source is sent
  bool passed = true;                          // compress what is not stored, as it passes
  bool secrets = false;                        // also what carries cookies or credentials (BREACH)
  std::uint32_t expansion = 200;               // what is unpacked here may grow by so much, and to cache.max_object
};

// What a route says about caching. The defaults are safe; `strict_rfc` has been applied by the loader.
struct CacheRules {
  bool enabled = true;                         // false: everything passes ("bypass")
  std::optional<Seconds> ttl;                  // forces the lifetime of 200, 203, 204, 300, 301, 308, 404, 410 ...
  std::optional<Seconds> default_ttl;          // only where the origin says nothing
  std::map<int, Seconds> status_ttl;           // for each status, where the origin is silent (negative caching)
  std::map<std::string, Seconds> type_ttl;     // the same for media types ("image/*"), before default_ttl
  std::optional<Seconds> stale_while_revalidate, stale_if_error;   // where the origin says nothing
  Seconds refresh_ahead{0};                    // what is popular is validated so long before it expires; 0: never
  bool ignore_client_no_cache = false;         // request Cache-Control and Pragma are not obeyed
  bool stale_when_gone = true;                 // stale rather than 502/504 where nothing forbids it
  bool s_maxage_allows_stale = false;
  bool heuristic = true;
  Seconds heuristic_max{86'400};
  bool heuristic_all_statuses = false;         // strict_rfc
  SetCookie set_cookie = SetCookie::strip;
  bool share_set_cookie = false;               // the route allows sharing of an answer that has Set-Cookie
  std::vector<std::string> pass_cookies;       // names or patterns with * ; a request that carries one passes
  std::vector<std::string> key_cookies;        // their values are parts of the key
  std::vector<std::string> key_fields;         // request fields, lower case
  bool ignore_other_cookies = false;           // cookies that neither list names don't count, and don't reach the origin of a fetch
  bool strip_cookies = false;                  // Cookie leaves the request to the origin, and Set-Cookie its answers
  bool equivalent_escapes = false;             // "%28" and "(" make one key
  bool sort_query = false;
  std::vector<std::string> drop_parameters;    // names or patterns ("utm_*")
  std::optional<std::vector<std::string>> keep_parameters;   // only these; excludes drop_parameters
  std::uint32_t max_variants = 64;             // of one key
  std::vector<std::string> tags;               // added to every stored answer
  std::vector<std::string> tag_fields{"Surrogate-Key", "Cache-Tag"};   // where answers carry their tags
  std::vector<std::string> unstored_fields;    // names or patterns: for the client whose request fetched the answer, and nobody else
  std::vector<std::string> unstored_statuses;  // "302", "5*"
  bool forward_tags = false;                   // Surrogate-Key and Cache-Tag go on to the client
  std::vector<std::string> targeted_fields{"CDN-Cache-Control"};   // in their order (RFC 9213 §2.2)
  bool forward_targeted = true;
  bool content_language = false;               // DECISIONS: choose a stored variant by Content-Language
  std::uint64_t max_object_bytes = 0;          // 0: the store's
  Seconds keep{86'400};                        // retention beyond freshness and the stale windows
  Seconds hit_for_miss{10};                    // how long an uncacheable key is remembered as such
  bool coalesce = true;
  bool convert_head = true;                    // HEAD of what is not stored is asked as a GET
  bool trust_head = true;                      // the status of a HEAD's answer may end a stored GET
  Millis stale_if_slow{1'000};                 // a stale answer in hand is served after it; 0: never
  bool server_timing = false;
  std::vector<std::string> cookieless_paths;   // patterns, or "fingerprinted": strip_cookies holds there (rules_of)
  std::vector<std::string> drop_vary;          // names or patterns: fields by whose values this cache does not choose, and clients neither
  std::string tags_as;                         // the field in which clients get all tags of an answer; "": none
  bool early_hints = true;                     // 103 with the Link fields of the answer before
  bool hints_of_unstored = true;               // … also where that said no-store
  bool precompressed = false;                  // the origin has path.br and path.gz beside path
  std::vector<std::string> known_origins;      // of the route's header rules (by the loader): other Origins count as none
  Compression compression;
};

// A field for a header rule, or a webhook; its value may hold $host and the like (header_rules.h).
struct HeaderLine {
  std::string name;
  std::string value;
  friend bool operator==(const HeaderLine&, const HeaderLine&) = default;
};

// What is done to the fields of answers that it fits; all that fit are done, in their order.
struct HeaderRule {
  std::vector<std::string> paths;              // patterns, or "fingerprinted"; empty: every path
  std::vector<std::string> types;              // media types or patterns; empty: every one
  std::vector<std::string> statuses{"2*", "3*"};
  bool obey = false;                           // this cache obeys what it says, too; such rules come first
  std::vector<std::string> remove;             // names or patterns; first of the edits
  std::vector<HeaderLine> set, add, defaults;  // in place of what is there; beside it; where nothing is
  std::vector<std::string> allow_origins;      // Access-Control-Allow-Origin for these, with Vary: Origin; "*": for all, without
  friend bool operator==(const HeaderRule&, const HeaderRule&) = default;
};

struct Route {
  std::uint32_t place = 0;                     // in Config::routes
  std::vector<std::string> hosts;              // lower case; the first is canonical, the others its aliases; "*" or empty: any
  std::string path = "/";                      // a prefix, or with a * a pattern of whole paths
  std::uint32_t origin = 0;                    // index into Config::origins
  CacheRules cache;                            // ask rules_of() where a path is known
  std::shared_ptr<const CacheRules> cookieless;   // `cache` for its cookieless_paths; null: it has none
  std::vector<HeaderRule> headers;             // those of the file, then its own
  std::shared_ptr<const Route> uncached;       // the same with nothing stored: for paths that can be read in two ways (route_for)
};

enum class Eviction : std::uint8_t { lru, s3_fifo };

struct Cache {
  std::string name = "davenport";              // in Cache-Status, Via and Proxy-Status
  std::uint64_t memory_bytes = 256ull << 20;
  std::uint64_t max_object_bytes = 32ull << 20;
  Eviction eviction = Eviction::s3_fifo;
  std::uint32_t coding_threads = 1;            // that make compressed forms at first demand; one more makes the strong ones
  bool strict_rfc = false;
};

struct Forwarding {
  std::vector<Network> trusted_proxies;        // whose X-Forwarded-*, Forwarded and X-Request-Id are believed
  bool forwarded = true;                       // send Forwarded (RFC 7239)
  bool x_forwarded = true;
  bool pass_early_hints_http1 = false;         // 103 to HTTP/1.1 clients; other 1xx always
};

// Where purges are sent on to: a CDN in front, say. Texts may hold {url}, {tags} and the like (proxy/server/webhook.h).
struct Webhook {
  std::string url;
  std::string method = "POST";
  std::vector<HeaderLine> headers;
  std::string body;
  std::string token;                           // for {token}
  std::vector<std::string> kinds{"url", "tag", "prefix", "all"};
  Millis timeout{5'000};
  std::uint32_t retries = 5;
  Millis retry_after{1'000};                   // doubled for each try
  std::uint32_t queue = 1'000;                 // purges that wait; more are dropped
};

struct Purge {
  std::vector<Network> purge_from;             // PURGE on the traffic listeners; empty and no token: off
  std::string token;                           // PURGE on the traffic listeners with this bearer token; "" none
  std::vector<Webhook> webhooks;
  std::string webhook_state;                   // the file for what webhooks have not taken at an orderly end; "": it is not sent
};

struct Admin {
  bool enabled = true;
  Address address{Address::Kind::inet, "127.0.0.1", 9090};
  std::string token;                           // required unless the address is loopback or a Unix socket, or tls.client_ca is set
  ServerTls tls;
};

// The tier that instances share. Off unless `cluster` or `server` is set.
struct Redis {
  std::vector<std::string> cluster;            // seeds of a Redis Cluster
  std::string server;                          // or one server
  std::vector<Address> seeds;                  // those, read (by the loader)
  std::string user, password;                  // AUTH; "" password: none
  std::uint32_t database = 0;                  // of a single server
  std::string prefix = "davenport:";           // of all keys
  bool read_replicas = false;
  Millis connect_timeout{250};
  Millis budget{20};                           // a request waits no longer for a record
  Millis fetch_wait{500};                      // for what another instance is fetching; 0: not at all
  Millis command_timeout{1'000};               // a connection that is silent for so long is closed
  std::uint64_t max_value_bytes = 1 << 20;     // larger records stay out
  Seconds max_ttl{7 * 86'400};
  std::uint64_t pending_writes_bytes = 16 << 20;   // of one worker; more are dropped
  std::string hmac_key;                        // "": a checksum against accidents
  std::string instance;                        // in the fleet; "": host name and process
  bool strict = false;                         // cut off from the log: revalidate everything
  std::uint32_t replicas = 1;                  // of a cluster, that must have a purge before it is acknowledged
  Millis purge_timeout{2'000};
  Millis lease{2'000};
  Millis node_timeout{15'000};                 // the cluster's cluster-node-timeout
  std::uint32_t log_entries = 10'000;

  bool enabled() const { return !cluster.empty() || !server.empty(); }
  bool is_cluster() const { return !cluster.empty(); }
};

// Filling the cache before visitors ask, and keeping what is popular fresh.
struct Warm {
  std::vector<std::string> urls, sitemaps;     // absolute URLs: what the schedule asks for
  std::string feed, feed_template;             // a JSON product feed and what is made of each of its products; "": none
  Seconds interval{0};                         // between the starts of two runs of the schedule; 0: never
  double rate = 50;                            // requests a second of a run; 0: no limit
  std::uint32_t concurrency = 4;               // requests of a run at a time
  std::vector<std::string> variants;           // content codings that are made, too
  std::uint32_t popular = 1'000;               // keys whose popularity each worker follows; 0: none
  Millis share_interval{10'000};               // between two exchanges of what is popular with the fleet
  std::uint64_t start_bytes = 64ull << 20;     // of Redis' most popular answers, before /readyz says 200; 0: none
  Millis start_time{5'000};                    // … for at most so long
  bool scheduled() const {
    return interval.count() > 0 && (!urls.empty() || !sitemaps.empty() || has_feed());
  }
  bool has_feed() const { return !feed.empty() && !feed_template.empty(); }
};

enum class LogFormat : std::uint8_t { off, combined, json };
struct AccessLog {
  LogFormat format = LogFormat::off;
  std::string path = "-";                      // "-": standard output
};

struct Config {
  std::uint32_t workers = 0;                   // 0: one for each core (resolved by the loader)
  std::vector<Listener> listeners;
  Handshakes handshakes;
  Http2 http2;
  ClientLimits limits;
  Forwarding forwarding;
  Cache cache;
  Purge purge;
  Admin admin;
  Redis redis;
  Warm warm;
  LogLevel log_level = LogLevel::info;         // of what goes to standard error
  AccessLog access_log;
  Millis shutdown_pause{0};                    // between /readyz turning 503 and the listeners closing
  Millis shutdown_timeout{30'000};             // for requests under way at SIGTERM
  std::vector<Origin> origins;
  std::vector<Route> routes;                   // in the order of match: see find_route

  std::string source;                          // the file it came from
  std::vector<std::string> warnings;           // "file:line:column: setting: text"; for the log and for `check`
};

using ConfigPtr = std::shared_ptr<const Config>;

// The route of a request: exact host before "*.suffix" before any host, then a path pattern ("/shop/*.php") before a path
// prefix that ends at a segment boundary ("/img" matches "/img" and "/img/x", not "/imgs"), of two the longer; of two suffixes
// of hosts the longer. A host whose routes
// do not reach the path falls to the next kind of host. Null where no route names the host (421) or reaches the path.
// `host` in lower case without port, `path` without query. Costs one walk over the routes and no allocation.
const Route* find_route(const Config& config, std::string_view host, std::string_view path);

// The route of a request target, whose path one origin may read otherwise than another: "/%61", "/x/../a", "/x/..%2fa", "//a", "/a;b".
// Where all readings (as it came; normalised, RFC 3986 §6.2.2; as the most liberal origins do, which decode all, drop parameters and empty
// segments) have the same rules, those. Else the normalised one's, `uncached`: what is private to one reader must not be stored by
// the rules of another. Plain paths cost one look at their bytes more than find_route().
const Route* route_for(const Config& config, std::string_view host, std::string_view path);

// The cache rules for a path, without query, of this route.
const CacheRules& rules_of(const Route& route, std::string_view path);

// Does `text` match a pattern in which each * stands for any run of characters?
bool matches_pattern(std::string_view pattern, std::string_view text);

inline constexpr std::string_view kFingerprinted = "fingerprinted";
// Does `path` match one of these patterns, or is it fingerprinted where "fingerprinted" stands among them?
bool matches_path(const std::vector<std::string>& patterns, std::string_view path);

// Does its last segment carry a hash of what is in it, before an extension, as bundlers write it: app.3f2a9c1b.css, index-BkX3_a9Z.js,
// chunk-7JQ5K2QX.js (fingerprint.cc)? What might be a word, a version, a date or an id is none.
bool is_fingerprinted(std::string_view path);

}  // namespace davenport::config
