// proxy/server/follow.h: answers out of what is stored, and out of a flight: whole, as it arrives, as a part of it, or as a 304.
//     Follower seat(flight, loop);
//     switch (co_await follow(client, request, seat, visitor, account)) …
// Who follows gets only what the store would give: it suits by Vary, no purge has hit it since the flight left, it is fresh, and it is
// not one visitor's own (RFC 9111 §4).
// Thread  the worker's.
#pragma once
#include "core/net/task.h"
#include "proxy/server/flight.h"
#include "proxy/server/hit.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Client;
struct Visitor;

// request.stored, in the coding that suits the client.
net::Task<void> answer_from_store(Client& client, Request& request, HitLabel label, Account& account);

enum class Followed : std::uint8_t { answered, unsuited /* look again */, released /* go alone */ };

// Waits for the flight and answers from it. `visitor`: of the one for whom it was begun, who has fields of the answer that are his alone;
// null for others.
net::Task<Followed> follow(Client& client, Request& request, Follower& seat, Visitor* visitor, Account& account);

}  // namespace davenport::server
