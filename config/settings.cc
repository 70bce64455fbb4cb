// config/settings.cc: what stands in the file's own tables. See settings_origin.cc and settings_cache.cc for the rest.
#include "config/settings.h"

namespace davenport::config {
namespace {

constexpr double kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB, kTiB = 1024 * kGiB;
constexpr double kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute;

template <auto... Path>
constexpr auto limit = at<Config, &Config::limits, Path...>;
template <auto... Path>
constexpr auto head_limit = at<Config, &Config::limits, &ClientLimits::head, Path...>;

template <auto... Path>
constexpr auto warm = at<Config, &Config::warm, Path...>;
template <auto... Path>
constexpr auto admin_tls = at<Config, &Config::admin, &Admin::tls, Path...>;

constexpr Setting<Config> kFile[] = {
    {"workers", at<Config, &Config::workers>, "Threads that serve clients; 0 stands for one for each core.",
     {.high = 1024, .reload = Reload::restart}},

    {"cache.name", at<Config, &Config::cache, &Cache::name>,
     "What this cache calls itself in Cache-Status, Via and Proxy-Status.", {.form = Form::token}},
    {"cache.memory", at<Config, &Config::cache, &Cache::memory_bytes>,
     "The memory that stored answers may take, with their heads, index and tags.",
     {.low = kMiB, .high = 64 * kGiB, .reload = Reload::restart}},
    {"cache.max_object", at<Config, &Config::cache, &Cache::max_object_bytes>,
     "The largest answer that is stored; larger ones pass through. Where it is not written, it is at most a quarter of "
     "`cache.memory`.",
     {.low = 1, .high = 64 * kTiB, .reload = Reload::restart}},
    {"cache.eviction", at<Config, &Config::cache, &Cache::eviction>,
     "How room is made: `s3_fifo` keeps one-time visitors from pushing out what is asked for again; `lru` drops what "
     "was not used for longest.",
     {.reload = Reload::restart}},
    {"cache.coding_threads", at<Config, &Config::cache, &Cache::coding_threads>,
     "Threads that compress at the first demand; one more, of low priority, makes the strong forms of what is popular.",
     {.low = 1, .high = 64, .reload = Reload::restart}},
    {"cache.strict_rfc", at<Config, &Config::cache, &Cache::strict_rfc>,
     "Do what RFC 9111 says in full: ends every departure at once, except for cache rules that are "
     "written themselves."},

    {"limits.head", head_limit<&http::HeadLimits::head_bytes>,
     "The longest request line and fields together; longer ones get 431, and 502 where an origin sends them.",
     {.low = kKiB, .high = kMiB}},
    {"limits.fields", head_limit<&http::HeadLimits::field_count>, "The most fields of a request; more get 431.",
     {.low = 8, .high = 10'000, .unit = Unit::count}},
    {"limits.target", head_limit<&http::HeadLimits::target_bytes>, "The longest request target; longer ones get 414.",
     {.low = 256, .high = kMiB}},
    {"limits.body", limit<&ClientLimits::body_bytes>,
     "The longest body of a request; longer ones get 413. 0: no limit.", {.high = kTiB}},
    {"limits.head_timeout", limit<&ClientLimits::head_timeout>,
     "From the first byte of a request's head to its end; later ones get 408.", {.low = 100, .high = kHour}},
    {"limits.body_timeout", limit<&ClientLimits::body_timeout>,
     "Between two pieces of a request's body; later ones get 408.", {.low = 100, .high = kHour}},
    {"limits.min_rate", limit<&ClientLimits::min_rate_bytes>,
     "Bytes a second that a request's body must keep up on average once it has taken as long as `limits.body_timeout`; "
     "slower ones get 408. 0: any rate.",
     {.high = kGiB}},
    {"limits.send_timeout", limit<&ClientLimits::send_timeout>,
     "A client that takes nothing of its answer for so long is closed.", {.low = 100, .high = kHour}},
    {"limits.idle_timeout", limit<&ClientLimits::idle_timeout>,
     "How long a connection stays open between two requests. A tunnel (WebSocket) may be silent for ten times as long.", {.low = 100, .high = 24 * kHour}},
    {"limits.requests_per_connection", limit<&ClientLimits::requests_per_connection>,
     "Requests after which a connection is closed. 0: no limit."},
    {"limits.connections", limit<&ClientLimits::connections>,
     "Connections of all clients together; one more gets 503 and is closed.", {.low = 1, .high = 10'000'000}},
    {"limits.connections_per_address", limit<&ClientLimits::connections_per_address>,
     "Connections of one client address; one more gets 503 and is closed. 0: no limit.", {.high = 10'000'000}},
    {"limits.window", limit<&ClientLimits::window_bytes>,
     "How much of an answer that is not stored is held for a client that reads slowly.",
     {.low = 16 * kKiB, .high = kGiB}},

    {"forwarding.trusted_proxies", at<Config, &Config::forwarding, &Forwarding::trusted_proxies>,
     "Addresses and networks of proxies before this one (`\"unix\"`: whoever comes over a Unix socket), whose "
     "X-Forwarded-*, Forwarded and X-Request-Id are believed. The scheme and host that they name are part of a key.",
     {.example = R"(["10.0.0.0/8", "fd00::/8"])"}},
    {"forwarding.forwarded", at<Config, &Config::forwarding, &Forwarding::forwarded>,
     "Tell origins about the client with Forwarded (RFC 7239)."},
    {"forwarding.x_forwarded", at<Config, &Config::forwarding, &Forwarding::x_forwarded>,
     "Tell origins about the client with X-Forwarded-For, -Host and -Proto."},
    {"forwarding.early_hints_http1", at<Config, &Config::forwarding, &Forwarding::pass_early_hints_http1>,
     "Send 103 (Early Hints) to HTTP/1.1 clients too, the origin's and our own; some old ones take it for the answer."},

    {"purge.from", at<Config, &Config::purge, &Purge::purge_from>,
     "Addresses and networks that may send PURGE to the listeners of the traffic. Without them and without a token "
     "PURGE is refused there; the admin address always takes it.",
     {.example = R"(["127.0.0.1", "10.0.0.0/8"])"}},
    {"purge.token", at<Config, &Config::purge, &Purge::token>,
     "A bearer token with which PURGE is taken from anywhere.",
     {.form = Form::secret, .example = "/etc/davenport/purge.token"}},
    {"purge.webhook_state", at<Config, &Config::purge, &Purge::webhook_state>,
     "A file for the purges that webhooks have not taken when the process ends in order: the next one sends them first. Empty: they are "
     "not sent.",
     {.form = Form::file, .reload = Reload::restart, .example = R"("/var/lib/davenport/webhooks.json")"}},

    {"admin.enabled", at<Config, &Config::admin, &Admin::enabled>,
     "Serve the admin interface: health, metrics, explain, purges.", {.reload = Reload::restart}},
    {"admin.address", at<Config, &Config::admin, &Admin::address>,
     "Where the admin interface listens. Anything but a loopback address or a Unix socket needs a token.",
     {.reload = Reload::restart}},
    {"admin.token", at<Config, &Config::admin, &Admin::token>, "The bearer token of the admin interface.",
     {.form = Form::secret, .example = "/etc/davenport/admin.token"}},

    {"admin.tls.certificates", admin_tls<&ServerTls::certificates>,
     "With one or more, the admin interface is spoken to over TLS alone. As `listen.tls.certificates`.",
     {.example = R"([{ certificate = "/etc/davenport/admin.pem", key = "/etc/davenport/admin.key" }])"}},
    {"admin.tls.min_version", admin_tls<&ServerTls::min_version>, "The oldest version of TLS that is spoken."},
    {"admin.tls.client_ca", admin_tls<&ServerTls::client_ca>,
     "Clients must show a certificate that one of the authorities in this file (PEM) has signed; they then need no token.",
     {.form = Form::file, .example = R"("/etc/davenport/operators-ca.pem")"}},

    {"tls.handshake_timeout", at<Config, &Config::handshakes, &Handshakes::timeout>,
     "From a connection to the end of its handshake; slower ones are closed.", {.low = 100, .high = kHour}},
    {"tls.handshakes_per_second", at<Config, &Config::handshakes, &Handshakes::per_second>,
     "Handshakes of all listeners together; further connections are closed at once. 0: no limit.", {.high = 1'000'000}},
    {"tls.ticket_key_lifetime", at<Config, &Config::handshakes, &Handshakes::ticket_key_lifetime>,
     "How long one key seals session tickets. Two older keys are still honoured, so that a client may resume for up to three "
     "times as long.",
     {.low = kSecond, .high = 24 * kHour}},
    {"tls.ticket_secret", at<Config, &Config::handshakes, &Handshakes::ticket_secret>,
     "What the keys of session tickets are derived from, with the time: instances that have the same secret and the same "
     "`tls.ticket_key_lifetime` resume one another's sessions. Without it, and with `[redis]` and `redis.hmac_key`, they are derived of "
     "that key; else they are random and this process's own.",
     {.form = Form::secret, .example = "/etc/davenport/tickets.secret"}},

    {"http2.enabled", at<Config, &Config::http2, &Http2::enabled>,
     "Speak HTTP/2 with clients that ask for it (ALPN over TLS, prior knowledge in clear), where the listener does not say otherwise."},
    {"http2.streams", at<Config, &Config::http2, &Http2::streams>,
     "Requests that a client may have under way at a time on one connection; more are refused. Those that it has reset count until "
     "they have ended here too.",
     {.low = 1, .high = 10'000}},
    {"http2.resets", at<Config, &Config::http2, &Http2::resets>,
     "Streams that a client may reset, or cause to be reset, in a row; a tenth of it comes back each second. A client that wants "
     "more is told to calm down, and its connection ends (Rapid Reset, MadeYouReset).",
     {.low = 1, .high = 1'000'000}},
    {"http2.control_frames", at<Config, &Config::http2, &Http2::control_frames>,
     "Frames that carry neither request nor body (SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA) that a client may send in a "
     "row; a quarter of it comes back each second, and some with every frame of an answer. Then as `http2.resets`.",
     {.low = 10, .high = 10'000'000}},

    {"redis.cluster", at<Config, &Config::redis, &Redis::cluster>,
     "Nodes of a Redis Cluster through which instances share what they fetched and purged; a few are enough, the others are "
     "asked for. Not together with `redis.server`; without either there is no such tier.",
     {.form = Form::any, .reload = Reload::restart, .example = R"(["10.0.0.11:6379", "10.0.0.12:6379"])"}},
    {"redis.server", at<Config, &Config::redis, &Redis::server>,
     "The same with one Redis server, which has no replica: what it loses is lost.",
     {.form = Form::optional, .reload = Reload::restart, .example = R"("127.0.0.1:6379")"}},
    {"redis.user", at<Config, &Config::redis, &Redis::user>, "The user (ACL) for `redis.password`; empty: the default one.",
     {.form = Form::optional, .reload = Reload::restart, .example = R"("davenport")"}},
    {"redis.password", at<Config, &Config::redis, &Redis::password>, "The password for AUTH.",
     {.form = Form::secret, .reload = Reload::restart, .example = "/etc/davenport/redis.password"}},
    {"redis.database", at<Config, &Config::redis, &Redis::database>, "The database of a single server.",
     {.high = 65'535, .reload = Reload::restart}},
    {"redis.prefix", at<Config, &Config::redis, &Redis::prefix>,
     "What all keys start with. Instances with the same prefix are one fleet.", {.form = Form::tag, .reload = Reload::restart}},
    {"redis.read_replicas", at<Config, &Config::redis, &Redis::read_replicas>,
     "Let replicas answer reads; what they have may be a little older, and is judged like any other.",
     {.reload = Reload::restart}},
    {"redis.connect_timeout", at<Config, &Config::redis, &Redis::connect_timeout>, "For a connection to a node.",
     {.low = 10, .high = kMinute, .reload = Reload::restart}},
    {"redis.budget", at<Config, &Config::redis, &Redis::budget>,
     "How long a request waits for Redis; then the origin is asked. The clock for it is coarse, of 10 ms.", {.low = 20, .high = kMinute, .reload = Reload::restart}},
    {"redis.fetch_wait", at<Config, &Config::redis, &Redis::fetch_wait>,
     "How long a request waits for an answer that another instance is fetching at that moment, so that something cold costs the "
     "origin one request of the whole fleet. 0: not at all.",
     {.high = kMinute, .reload = Reload::restart}},
    {"redis.command_timeout", at<Config, &Config::redis, &Redis::command_timeout>,
     "A connection on which a command is not answered for so long is closed.",
     {.low = 50, .high = kMinute, .reload = Reload::restart}},
    {"redis.max_value", at<Config, &Config::redis, &Redis::max_value_bytes>,
     "The largest answer that goes to Redis; larger ones stay in the memory of who fetched them.",
     {.low = kKiB, .high = 64 * kMiB, .reload = Reload::restart}},
    {"redis.max_ttl", at<Config, &Config::redis, &Redis::max_ttl>, "The longest that anything is kept in Redis.",
     {.low = kSecond, .high = 365 * 24 * kHour, .reload = Reload::restart}},
    {"redis.pending_writes", at<Config, &Config::redis, &Redis::pending_writes_bytes>,
     "Bytes under way to Redis, of each worker; what is more is not written.",
     {.low = 64 * kKiB, .high = kGiB, .reload = Reload::restart}},
    {"redis.hmac_key", at<Config, &Config::redis, &Redis::hmac_key>,
     "With a key, records carry an HMAC-SHA256: who can write to Redis but lacks the key can put nothing before visitors. "
     "The same for the whole fleet.",
     {.form = Form::secret, .reload = Reload::restart, .example = "/etc/davenport/redis.hmac"}},
    {"redis.instance", at<Config, &Config::redis, &Redis::instance>,
     "This instance's name in the fleet, unlike every other's; empty: the host's name and the process number.",
     {.form = Form::optional, .reload = Reload::restart, .example = R"("edge-1")"}},
    {"redis.strict", at<Config, &Config::redis, &Redis::strict>,
     "While the purge log can't be reached, validate everything at the origin, so that nothing purged elsewhere is served. "
     "false: serve what is fresh.",
     {.reload = Reload::restart}},
    {"redis.replicas", at<Config, &Config::redis, &Redis::replicas>,
     "Replicas of a cluster that must have a purge before it is acknowledged with 200: all that a master has, or the promise is "
     "a best effort. 0: none. A single server has none.",
     {.high = 16, .reload = Reload::restart}},
    {"redis.purge_timeout", at<Config, &Config::redis, &Redis::purge_timeout>, "How long a purge may take before it is answered.",
     {.low = 100, .high = kMinute, .reload = Reload::restart}},
    {"redis.lease", at<Config, &Config::redis, &Redis::lease>,
     "An instance that has not heard from the log for so long counts itself as cut off.",
     {.low = 500, .high = 10 * kMinute, .reload = Reload::restart}},
    {"redis.node_timeout", at<Config, &Config::redis, &Redis::node_timeout>,
     "The cluster's cluster-node-timeout: for so long a master that is cut off may go on answering.",
     {.low = 100, .high = 10 * kMinute, .reload = Reload::restart}},
    {"redis.log_entries", at<Config, &Config::redis, &Redis::log_entries>,
     "Purges that the log remembers; an instance that was away for more validates what it has.",
     {.low = 100, .high = 1'000'000, .reload = Reload::restart}},

    {"warm.urls", warm<&Warm::urls>, "What the schedule asks for: whole URLs.",
     {.example = R"(["https://shop.example/"])"}},
    {"warm.sitemaps", warm<&Warm::sitemaps>,
     "… and every page of these sitemaps (an index of sitemaps and gzip too). They are asked of the origin that serves their host.",
     {.example = R"(["https://shop.example/sitemap.xml"])"}},
    {"warm.feed", warm<&Warm::feed>, "… and every product of this JSON feed: an array of objects, wherever it stands in the document.",
     {.form = Form::optional, .example = R"("https://shop.example/api/products.json")"}},
    {"warm.feed_template", warm<&Warm::feed_template>,
     "The URL of a product: `{id}` is the value of its member `id`. A path is one of the feed's host.",
     {.form = Form::optional, .example = R"("/product/{id}")"}},
    {"warm.interval", warm<&Warm::interval>,
     "How often that is done; the first time at the start. 0: never.", {.high = 365 * 24 * kHour}},
    {"warm.rate", warm<&Warm::rate>, "Requests a second of a run. 0: no limit.", {.high = 1'000'000}},
    {"warm.concurrency", warm<&Warm::concurrency>, "Requests of a run at a time.", {.low = 1, .high = 1'000}},
    {"warm.variants", warm<&Warm::variants>, "Content codings whose forms are made beside what is fetched: `gzip`, `br`, `zstd`.",
     {.form = Form::coding, .example = R"(["gzip", "br"])"}},
    {"warm.popular", warm<&Warm::popular>,
     "For how many keys each worker follows how popular they are: hits weighted by the time that the origin takes. 0: none.",
     {.high = 100'000, .reload = Reload::restart}},
    {"warm.share_interval", warm<&Warm::share_interval>, "With Redis, how often instances tell one another what is popular.",
     {.low = 100, .high = kHour, .reload = Reload::restart}},
    {"warm.start_bytes", warm<&Warm::start_bytes>,
     "With Redis, how much of the fleet's most popular answers is brought into memory before /readyz says 200. 0: nothing.",
     {.high = 64 * kTiB, .reload = Reload::restart}},
    {"warm.start_time", warm<&Warm::start_time>, "How long that may take at most.", {.low = 10, .high = kHour, .reload = Reload::restart}},

    {"log.level", at<Config, &Config::log_level>,
     "How much is said on standard error: `debug` (each request that an origin failed), `info`, `warning` or `error`."},
    {"log.access.format", at<Config, &Config::access_log, &AccessLog::format>,
     "One line for each request: `json`, `combined` (as Apache and nginx write it), or `off`.",
     {.reload = Reload::restart}},
    {"log.access.path", at<Config, &Config::access_log, &AccessLog::path>,
     "The file of the access log; `\"-\"` is standard output.", {.reload = Reload::restart}},

    {"shutdown.pause", at<Config, &Config::shutdown_pause>,
     "On SIGTERM, how long /readyz answers 503 before the listeners close: time for a balancer to notice.",
     {.high = kHour}},
    {"shutdown.timeout", at<Config, &Config::shutdown_timeout>,
     "On SIGTERM, how long requests under way may take before they are cut.", {.high = 24 * kHour}},
};

constexpr Setting<Listener> kListener[] = {
    {"address", at<Listener, &Listener::address>,
     "`\"0.0.0.0:80\"`, `\"[::]:80\"` or `\"unix:/run/davenport.sock\"`.",
     {.reload = Reload::restart, .required = true, .example = R"("0.0.0.0:8080")"}},
    {"proxy_protocol", at<Listener, &Listener::proxy_protocol>,
     "Each connection starts with a PROXY header (version 1 or 2) that names the client; without one it is closed.",
     {.reload = Reload::restart}},
    {"redirect_to_https", at<Listener, &Listener::redirect_to_https>,
     "Answer every request with 308 to the same URL under https, except for `/.well-known/acme-challenge/`, which goes its usual way.",
     {.reload = Reload::restart}},
    {"https_port", at<Listener, &Listener::https_port>, "The port that `redirect_to_https` names.",
     {.low = 1, .high = 65'535, .reload = Reload::restart}},
    {"http2", at<Listener, &Listener::http2>, "Speak HTTP/2 here too, unless `http2.enabled` is off.", {.reload = Reload::restart}},
    {"tls.certificates", at<Listener, &Listener::tls, &ServerTls::certificates>,
     "With one or more, this listener speaks TLS. A client gets the certificate for the host that it names (SNI), else the "
     "first; an ECDSA and an RSA certificate for the same names stand side by side. SIGHUP reads the files again.",
     {.example = R"([{ certificate = "/etc/davenport/shop.pem", key = "/etc/davenport/shop.key" }])"}},
    {"tls.min_version", at<Listener, &Listener::tls, &ServerTls::min_version>, "The oldest version of TLS that is spoken."},
};

constexpr Setting<TlsCertificate> kCertificate[] = {
    {"certificate", at<TlsCertificate, &TlsCertificate::certificate>,
     "The certificate and those between it and the root, in PEM. A relative path starts at the configuration's folder.",
     {.form = Form::file, .required = true, .example = R"("/etc/davenport/shop.pem")"}},
    {"key", at<TlsCertificate, &TlsCertificate::key>, "Its private key, in PEM without a passphrase.",
     {.form = Form::file, .required = true, .example = R"("/etc/davenport/shop.key")"}},
    {"ocsp", at<TlsCertificate, &TlsCertificate::ocsp>,
     "An OCSP answer for it, in DER, which is stapled to handshakes; whoever renews it sends SIGHUP.",
     {.form = Form::file, .example = R"("/etc/davenport/shop.ocsp")"}},
};

constexpr Section kSections[] = {
    {"", "The process as a whole."},
    {"cache", "The store. What may be stored, and for how long, is said by `[cache.defaults]` and `[route.cache]`."},
    {"limits", "What a client may take."},
    {"forwarding", "Whom to believe about the client, and what origins are told."},
    {"purge", "PURGE requests on the listeners of the traffic."},
    {"admin", "The admin interface."},
    {"admin.tls", "TLS on the admin interface."},
    {"tls", "TLS handshakes of all listeners. Certificates stand with each listener."},
    {"http2", "HTTP/2 with clients."},
    {"redis", "The tier that instances share, and the log of their purges."},
    {"warm", "Filling the cache before visitors ask for it."},
    {"log", "What is said on standard error."},
    {"log.access", "The access log."},
    {"shutdown", "The end."},
};

template <class Owner>
void add_names(std::vector<std::string>& names, std::string_view prefix, std::span<const Setting<Owner>> settings) {
  for (const Setting<Owner>& setting : settings) names.push_back(std::string(prefix) + std::string(setting.key));
}

}  // namespace

const std::vector<std::string>& setting_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    add_names(all, "", file_settings());
    add_names(all, "cache.defaults.", cache_settings());
    add_names(all, "listen.", listener_settings());
    add_names(all, "origin.NAME.", origin_settings());
    add_names(all, "route.", route_settings());
    add_names(all, "route.cache.", cache_settings());
    add_names(all, "header.", header_settings());
    add_names(all, "route.header.", header_settings());
    add_names(all, "purge.webhook.", webhook_settings());
    return all;
  }();
  return names;
}

std::span<const Setting<Config>> file_settings() { return kFile; }
std::span<const Setting<Listener>> listener_settings() { return kListener; }
std::span<const Setting<TlsCertificate>> certificate_settings() { return kCertificate; }
std::span<const Section> file_sections() { return kSections; }

}  // namespace davenport::config
