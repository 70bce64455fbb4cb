// proxy/server/traffic_purge.h: PURGE on a traffic listener: off until purge.from names the peer or a token is configured;
// the peer is that of TCP or of the PROXY protocol, never X-Forwarded-For. Anyone else gets 403, and nothing is forwarded.
#pragma once
#include "proxy/server/answer.h"
#include "core/net/task.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Client;

net::Task<void> answer_purge(Client& client, Request& request, Account& account);

}  // namespace davenport::server
