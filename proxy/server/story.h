// proxy/server/story.h: a request that needs the long way, from top to bottom: refuse, pass, look up, follow a flight, lead one.
//
//   answer() ── CONNECT, TRACE, no route, too large ─▶ own answer
//        │───── PURGE ─▶ purge.h
//        │───── must pass ─▶ relay() (relay.h)
//        └───── look_up() ─▶ serve │ serve and refresh behind │ 504
//                    └──▶ join a flight ─▶ lead() (lead.h) or not ─▶ follow() (follow.h): serve, stream, error, or go alone
//
// Thread  the worker's. The connection outlives the story; the request belongs to it.
#pragma once
#include "core/net/task.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Client;
class Worker;

// Answers `request`; what is left in the connection's output has still to be drained by the caller.
net::Task<void> answer(Client& client, Request& request);

// Finds what is stored for the request and decides (sets stored, purge, ask, decision).
void look_up(Worker& worker, Request& request);

}  // namespace davenport::server
