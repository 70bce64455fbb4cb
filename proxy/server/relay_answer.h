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

// An answer that is not stored, unless by `keeper` (may be null) on its way.
net::Task<void> relay_answer(Client& client, Request& request, origin::Exchange& exchange, const http::ResponseHead& head,
                             std::string_view private_lines, Keeper* keeper, Account& account);

}  // namespace davenport::server
