// proxy/server/relay.h: passing: a request to its origin, its body streamed within a bounded window, and the answer back (relay_answer.h).
// Thread  the worker's.
#pragma once
#include <memory>

#include "core/net/task.h"
#include "proxy/origin/exchange.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Client;

// The whole way. `reason`: why it is passed.
net::Task<void> relay(Client& client, Request& request, policy::Reason reason, Account& account);

// An error of ours in the origin's place.
void append_failure(Client& client, const Request& request, const origin::Failure& failure, Account& account);

// A 1xx of the origin's, if this client may have it.
void pass_interim(Client& client, const Request& request, const http::ResponseHead& head);

}  // namespace davenport::server
