// config/settings_origin.cc: what stands in [origin.NAME] and [[route]].
#include "config/settings.h"

namespace davenport::config {
namespace {

constexpr double kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute;

template <auto... Path>
constexpr auto of = at<Origin, Path...>;
template <auto... Path>
constexpr auto health = at<Origin, &Origin::health, Path...>;

template <auto... Path>
constexpr auto tls = at<Origin, &Origin::tls, Path...>;

constexpr Setting<Origin> kOrigin[] = {
    {"servers", of<&Origin::servers>,
     "The servers of this origin: `\"127.0.0.1:3000\"`, `\"[::1]:3000\"`, `\"shop.internal:3000\"`, "
     "`\"unix:/run/shop.sock\"`, or tables with an address and a weight. `\"https://shop.internal:443\"` is spoken to over TLS; "
     "all servers of an origin are, or none.",
     {.required = true, .example = R"(["127.0.0.1:3000"])"}},
    {"balance", of<&Origin::balance>,
     "Which server gets a request: each in turn, the one with the fewest requests under way, or always the same one "
     "for a URL."},
    {"host", of<&Origin::host>, "The Host that this origin is sent; empty: the client's, as it came.",
     {.form = Form::host}},
    {"connect_timeout", of<&Origin::connect_timeout>, "To reach a server.", {.low = 1, .high = kHour}},
    {"first_byte_timeout", of<&Origin::first_byte_timeout>, "From the end of a request to the head of its answer, which must be whole within `between_bytes_timeout` after that.",
     {.low = 1, .high = kHour}},
    {"between_bytes_timeout", of<&Origin::between_bytes_timeout>, "Between two pieces of an answer.",
     {.low = 1, .high = kHour}},
    {"idle_timeout", of<&Origin::idle_timeout>,
     "How long an unused connection is kept; best below what the server itself allows.",
     {.low = 1, .high = 24 * kHour}},
    {"max_idle", of<&Origin::max_idle>, "Unused connections that each worker keeps to a server.", {.high = 100'000}},
    {"max_connections", of<&Origin::max_connections>, "Connections to one server, of all workers together.",
     {.low = 1, .high = 1'000'000}},
    {"queue", of<&Origin::queue>, "Requests that may wait for a connection; one more gets 503.", {.high = 1'000'000}},
    {"queue_timeout", of<&Origin::queue_timeout>,
     "How long a request waits for a connection before it gets 503 with Retry-After.", {.low = 1, .high = kHour}},
    {"retries", of<&Origin::retries>, "Further tries of an idempotent request, on another server if there is one.",
     {.high = 10}},
    {"retry_budget", of<&Origin::retry_budget>,
     "The share of the last requests that may be retries; beyond it a failure stays one, so that retries never drown "
     "a server that is in trouble.",
     {.high = 1}},
    {"eject_after", of<&Origin::eject_after>,
     "Failures in a row (no connection, reset, time-out) after which a server gets no requests for a while; a lone one is asked on, and the log says that it fails. 0: never."},
    {"eject_time", of<&Origin::eject_time>, "How long the first time; doubled for each time in a row.",
     {.low = 1, .high = kHour}},
    {"eject_max", of<&Origin::eject_max>, "How long at most.", {.low = 1, .high = 24 * kHour}},
    {"resolve_interval", of<&Origin::resolve_interval>, "How often names of servers are resolved again.",
     {.low = kSecond, .high = 24 * kHour}},
    {"max_response_head", of<&Origin::max_response_head_bytes>,
     "The longest head of an answer; longer ones become 502.", {.low = 1024, .high = 16.0 * 1024 * 1024}},
    {"background_rate", of<&Origin::background_rate>,
     "Requests a second, of this instance, that no visitor waits for: refreshes ahead (`refresh_ahead`), and revalidations of what was "
     "softly purged, which is served meanwhile. 0: no limit.",
     {.high = 1'000'000}},

    {"health.enabled", health<&HealthCheck::enabled>,
     "Ask each server regularly. On as soon as another setting of this table is written."},
    {"health.path", health<&HealthCheck::path>, "What is asked for.", {.form = Form::path}},
    {"health.host", health<&HealthCheck::host>, "The Host of the question; empty: the server's address.",
     {.form = Form::host}},
    {"health.interval", health<&HealthCheck::interval>, "How often.", {.low = 100, .high = 24 * kHour}},
    {"health.timeout", health<&HealthCheck::timeout>, "How long the answer may take.", {.low = 10, .high = kHour}},
    {"health.status_min", health<&HealthCheck::status_min>, "The least status of a healthy answer.",
     {.low = 200, .high = 599}},
    {"health.status_max", health<&HealthCheck::status_max>, "The greatest.", {.low = 200, .high = 599}},
    {"health.healthy_after", health<&HealthCheck::healthy_after>, "Good answers in a row that bring a server back.",
     {.low = 1, .high = 1000}},
    {"health.unhealthy_after", health<&HealthCheck::unhealthy_after>, "Bad ones in a row that take it out.",
     {.low = 1, .high = 1000}},

    {"tls.verify", tls<&OriginTls::verify>,
     "Trust a server only with a certificate that is valid and made for its name. Without this, anybody on the way can read along."},
    {"tls.ca", tls<&OriginTls::ca>, "The authorities that are trusted (PEM); empty: the system's.",
     {.form = Form::file, .example = R"("/etc/davenport/internal-ca.pem")"}},
    {"tls.server_name", tls<&OriginTls::server_name>,
     "The name that is asked for (SNI) and that the certificate must have; empty: the server's name or address as it stands in "
     "`servers`.",
     {.form = Form::host}},
    {"tls.certificate", tls<&OriginTls::certificate>, "What we show where the origin wants to know who asks (PEM).",
     {.form = Form::file, .example = R"("/etc/davenport/client.pem")"}},
    {"tls.key", tls<&OriginTls::key>, "Its key (PEM); empty: it stands in the same file.", {.form = Form::file, .example = R"("/etc/davenport/client.key")"}},
    {"tls.min_version", tls<&OriginTls::min_version>, "The oldest version of TLS that is spoken."},
};

constexpr Setting<OriginServer> kServer[] = {
    {"address", at<OriginServer>, "As in the short form.",
     {.required = true, .example = R"("127.0.0.1:3000")"}},
    {"weight", at<OriginServer, &OriginServer::weight>, "Its share of the requests beside the others'.",
     {.low = 1, .high = 1000}},
};

constexpr Setting<RouteDraft> kRoute[] = {
    {"hosts", at<RouteDraft, &RouteDraft::route, &Route::hosts>,
     "The hosts of this route: names, `\"*.shop.example\"` for all below one, `\"*\"` (or none) for any. The first is "
     "the canonical one: under its name answers are stored for all of them.",
     {.form = Form::host_pattern, .example = R"(["shop.example", "www.shop.example"])"}},
    {"path", at<RouteDraft, &RouteDraft::route, &Route::path>,
     "What paths start with, up to a segment's end: `\"/img\"` means `/img` and `/img/x`, not `/imgs`. With a `*` (any run of "
     "characters) a pattern for whole paths, which comes before what paths start with: `\"*.php\"`, `\"/shop/*/edit\"`.",
     {.form = Form::path_pattern}},
    {"origin", at<RouteDraft, &RouteDraft::origin>, "The name of an origin; may be left out where there is one only.",
     {.form = Form::optional, .example = R"("shop")"}},
};

}  // namespace

std::span<const Setting<Origin>> origin_settings() { return kOrigin; }
std::span<const Setting<OriginServer>> server_settings() { return kServer; }
std::span<const Setting<RouteDraft>> route_settings() { return kRoute; }

}  // namespace davenport::config
