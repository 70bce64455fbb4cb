// proxy/server/lead.h: the fetch of a flight: ask the origin (conditionally where something is stored), judge its answer, and
// bring it into the store while followers read; or say that it can't be shared.
// Thread  the worker's.
#pragma once
#include <memory>
#include <string>

#include "core/net/task.h"
#include "proxy/origin/exchange.h"
#include "proxy/server/flight.h"
#include "proxy/server/keep.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Client;
class Worker;

// What became of it, for the one who led.
struct Led {
  // Set: the answer can't be shared (the flight is released); it is this leader's to pass on. Null: see the flight.
  std::unique_ptr<origin::Exchange> exchange;
  const http::ResponseHead* head = nullptr;   // with exchange
  std::unique_ptr<Keeper> keeper;             // with exchange: what is passed on is stored as well (a part); may be null
  policy::Storing storing = policy::Storing::not_asked;
  std::string private_lines;                  // Set-Cookie and the like, for this client alone
  std::string server;
  Micros first_byte{0};
};

// The one for whom a fetch was begun, and who may leave while it goes on: what is his alone goes to him, if he is still there.
struct Visitor {
  Client* client = nullptr;                   // gets interim answers; null: gone, or there never was one
  Led led;                                    // what became of it
};

// The flight is over, or streaming with a pump of its own, when this returns. `client`: of the visitor, looked at anew each time.
net::Task<Led> lead(Worker& worker, Request& request, FlightPtr flight, Client* const& client);

// Of a flight that no origin is asked for: what the tier that instances share has, if it may be served as it is; else the flight is released.
net::Task<void> lead_in_tier(Worker& worker, Request& request, FlightPtr flight);

// Could what another instance fetched answer this request? Not where the client wants the origin's own word.
bool may_be_shared(policy::Reason reason);

// Leads a flight beside the visitor, who waits as long as he likes, or for nobody; takes the request. Ends the stored response's refresh.
net::Task<void> lead_behind(Worker& worker, std::unique_ptr<Request> request, FlightPtr flight, std::shared_ptr<Visitor> visitor);

}  // namespace davenport::server
