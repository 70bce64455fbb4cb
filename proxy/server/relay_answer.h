// proxy/server/relay_answer.h: the second half of passing: an answer whose head has come goes to its client, its body streamed within a
// bounded window.
// Thread  the worker's.
#pragma once
#include <string_view>

#include "core/net/task.h"
#include "proxy/origin/exchange.h"
#include "proxy/server/client.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Keeper;

// While it lives, a client that leaves ends the exchange.
struct Watch {
  Watch(Client& watched, origin::Exchange& exchange) : client(watched) { client.set_exchange(&exchange); }
  ~Watch() { client.set_exchange(nullptr); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  Client& client;
};

// A fetch that might have brought everybody's answer left out the client's conditions; what came is its alone, so that they are evaluated
// here (RFC 9110 §13.2.1). True: it got a 304, and the exchange is at its end.
bool answered_not_modified(Client& client, const Request& request, origin::Exchange& exchange, const http::ResponseHead& head, Account& account);

// An answer that is not stored, unless by `keeper` (may be null) on its way.
net::Task<void> relay_answer(Client& client, Request& request, origin::Exchange& exchange, const http::ResponseHead& head,
                             std::string_view private_lines, Keeper* keeper, Account& account);

}  // namespace davenport::server
