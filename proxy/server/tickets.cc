#include "proxy/server/tickets.h"

#include <algorithm>
#include <array>

#include "core/base/log.h"
#include "core/net/mac.h"

namespace davenport::server {

std::string ticket_secret(const config::Config& config) {
  if (!config.handshakes.ticket_secret.empty()) return config.handshakes.ticket_secret;
  if (!config.redis.enabled() || config.redis.hmac_key.empty()) return {};
  std::array<unsigned char, 32> secret;
  net::hkdf_sha256(config.redis.hmac_key, "davenport redis.hmac_key to tls.ticket_secret", config.redis.prefix, secret);
  return {secret.begin(), secret.end()};
}

void log_lone_tickets(const config::Config& config) {
  const bool tls = std::any_of(config.listeners.begin(), config.listeners.end(), [](const config::Listener& listener) { return listener.tls.on(); });
  if (!tls || !config.redis.enabled() || !ticket_secret(config).empty()) return;
  log_warning("TLS sessions that other instances began are not resumed here, for the keys of tickets are this process's own: "
              "tls.ticket_secret_file or redis.hmac_key_file would give the fleet common ones");
}

}  // namespace davenport::server
