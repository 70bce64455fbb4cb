// proxy/server/relay.h: passing: a request to its origin and the answer back, bodies streamed both ways within a bounded window.
// Thread  the worker's.
#pragma once
#include <memory>

#include "core/net/task.h"
#include "proxy/origin/exchange.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Client;
class Keeper;

// The whole way. `reason`: why it is passed.
net::Task<void> relay(Client& client, Request& request, policy::Reason reason, Account& account);

// The second half: an answer whose head has come and which is not stored, unless by `keeper` (may be null) on its way.
net::Task<void> relay_answer(Client& client, Request& request, origin::Exchange& exchange, const http::ResponseHead& head,
                             std::string_view private_lines, Keeper* keeper, Account& account);

// An error of ours in the origin's place.
void append_failure(Client& client, const Request& request, const origin::Failure& failure, Account& account);

// A 1xx of the origin's, if this client may have it.
void pass_interim(Client& client, const Request& request, const http::ResponseHead& head);

}  // namespace davenport::server
