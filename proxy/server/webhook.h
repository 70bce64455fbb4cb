// proxy/server/webhook.h: purges sent on to a CDN in front, when they hold here: in order, one at a time for each webhook, tried
// again with growing pauses while it is out of reach or says 5xx, 408 or 429. Each end is a line of the log and a counter.
// Bound   config.h Webhook::queue purges wait for each; more are dropped, and counted.
// Reload  what waits for a webhook is still sent as it was configured then.
// Restart what waits at the end is sent by the next process, where there is a file for it (webhook_state.h), as that one's webhooks are.
// Thread  send() and stats() any; all else the main loop's, where requests are made.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "cache/purge/log.h"
#include "config/config.h"
#include "core/base/result.h"
#include "core/net/loop.h"

namespace davenport::server {

struct WebhookStats {
  std::uint64_t sent = 0, retried = 0, failed = 0, dropped = 0, waiting = 0;   // requests
};

class Webhooks {
 public:
  explicit Webhooks(net::Loop& loop);
  ~Webhooks();                                       // what waits is not sent any more, or later: see restore()
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  // What the result does makes these the webhooks; an error where TLS can't be set up.
  Result<std::function<void()>> prepare(const std::vector<config::Webhook>& settings);
  // Once, after the first prepare(): takes what an earlier process has left in that file, and will leave there what waits at the end.
  // "": no file.
  void restore(const std::string& path);
  void send(const purge::Request& purge);
  WebhookStats stats() const;

 private:
  struct Hook;
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace davenport::server
