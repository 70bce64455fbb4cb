// config/settings_webhook.cc: what a webhook of purges says, in [[purge.webhook]].
#include "config/settings.h"

namespace davenport::config {
namespace {

constexpr double kMinute = 60'000;

constexpr Setting<Webhook> kWebhook[] = {
    {"url", at<Webhook, &Webhook::url>,
     "Where purges are sent on to. Behind the host, and in `headers` and `body`, `{url}`, `{tag}`, `{prefix}` stand for one name (a request "
     "for each), `{urls}`, `{tags}`, `{prefixes}` for all of a purge (one request), with `_json` as a JSON list; `{host}`, `{path}`, "
     "`{soft}` and `{token}` too.",
     {.form = Form::url, .required = true, .example = R"("https://api.cdn.example/zones/1/purge")"}},
    {"method", at<Webhook, &Webhook::method>, "The request's method.", {.form = Form::token}},
    {"headers", at<Webhook, &Webhook::headers>, "Fields of the request.",
     {.form = Form::webhook_field, .example = R"({ X-Purge = "{tags}" })"}},
    {"body", at<Webhook, &Webhook::body>, "Its body; values are escaped as in JSON strings. Empty: none.",
     {.form = Form::optional, .example = R"('{"tags": {tags_json}}')"}},
    {"token", at<Webhook, &Webhook::token>, "What `{token}` stands for.",
     {.form = Form::secret, .example = "/etc/davenport/cdn.token"}},
    {"kinds", at<Webhook, &Webhook::kinds>,
     "Which purges are sent on: of these, those that the texts above speak of; all of these where they speak of none.", {.form = Form::token}},
    {"timeout", at<Webhook, &Webhook::timeout>, "For the connection, and for the answer.", {.low = 100, .high = 10 * kMinute}},
    {"retries", at<Webhook, &Webhook::retries>,
     "Further tries where there is no answer, or one of 5xx, 408 or 429. Purges behind it wait meanwhile, so that their order is kept.",
     {.high = 100}},
    {"retry_after", at<Webhook, &Webhook::retry_after>, "The pause before the first of them; each next one is twice as long, up to a minute.",
     {.low = 10, .high = kMinute}},
    {"queue", at<Webhook, &Webhook::queue>, "Requests that wait; more are dropped, which the log and the metrics say.", {.low = 1, .high = 1'000'000}},
};

}  // namespace

std::span<const Setting<Webhook>> webhook_settings() { return kWebhook; }

}  // namespace davenport::config
