// proxy/server/tickets.h: whose session tickets an instance understands, by its configuration.
//     auto keys = std::make_shared<net::TicketKeys>(config.handshakes.ticket_key_lifetime, ticket_secret(config));
#pragma once
#include <string>

#include "config/config.h"

namespace davenport::server {

// What keys are derived from: tls.ticket_secret; without it, where instances share a cache, what their common HMAC key gives for this
// use and this fleet. "": nothing; keys are random and the process's own.
std::string ticket_secret(const config::Config& config);

// Logs that instances of one fleet do not resume one another's sessions, where they are likely meant to.
void log_lone_tickets(const config::Config& config);

}  // namespace davenport::server
