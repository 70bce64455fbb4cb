// proxy/server/webhook_state.h: purges that webhooks have not taken yet, over an orderly restart, in a file of JSON (purge.webhook_state).
//     save_webhook_state(path, waiting);   …   Result<std::vector<WaitingPurge>> waiting = take_webhook_state(path);
// Secrets none: what is sent is made anew of the webhook's settings, tokens too. Only its owner may read the file.
// Thread  one at a time.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cache/purge/log.h"
#include "config/config.h"
#include "core/base/result.h"

namespace davenport::server {

struct WaitingPurge {
  std::string hook;              // webhook_name()
  purge::Request purge;          // its targets, and whether it is soft
};

// What tells a webhook from others, also after a restart: its method, URL and body as they are configured.
std::string webhook_name(const config::Webhook& hook);

std::string webhook_state_text(const std::vector<WaitingPurge>& waiting);
Result<std::vector<WaitingPurge>> read_webhook_state(std::string_view text);

// Whole or not at all. Nothing waits: no file.
Result<std::monostate> save_webhook_state(const std::string& path, const std::vector<WaitingPurge>& waiting);
// What the file holds, which is then gone; nothing where there is none. An error leaves the file alone.
Result<std::vector<WaitingPurge>> take_webhook_state(const std::string& path);

}  // namespace davenport::server
