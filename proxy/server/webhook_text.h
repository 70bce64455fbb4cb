// proxy/server/webhook_text.h: the requests by which a purge is sent on, out of an operator's templates. Pure.
//     for (const WebhookCall& call : webhook_calls(hook, purge)) …
// One request for each name where a template speaks of one, else one for the whole purge:
//   {url} {host} {path}    of one URL; {url} begins with https://, {path} has the query
//   {tag}, {prefix}        one of them
//   {urls} {tags} {prefixes}              all of them, separated by spaces; with _json behind the name: as a JSON list
//   {soft}                 "true" or "false"
//   {token}                the webhook's
// Targets of which no template speaks are left out, unless none speaks of any.
// Escaped: in the URL as RFC 3986 wants it (but for {path}), in the body as JSON strings are.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cache/purge/log.h"
#include "config/config.h"
#include "core/http/fields.h"

namespace davenport::server {

std::string_view kind_name(purge::Kind kind);      // "url", "tag", "prefix", "all": as Webhook::kinds has them

struct WebhookCall {
  std::string target;            // origin-form
  http::Fields fields;           // Host, those of the webhook, Content-Type where there is none
  std::string body;
  std::vector<purge::Target> targets;      // what it speaks of: another purge of these alone, soft or not, makes the same call
  bool soft = false;
};
std::vector<WebhookCall> webhook_calls(const config::Webhook& hook, const purge::Request& purge);

}  // namespace davenport::server
