// proxy/server/keep.h: from an origin's answer to a stored response: its head is made once, its body gathered, and both committed.
// Thread  the worker's.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "cache/policy/storability.h"
#include "proxy/server/flight.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Worker;

// What a response needs at its commit. The flight names the key, and the purge position from before the origin was asked.
struct Landing {
  FlightPtr flight;
  std::shared_ptr<const FlightHead> head;
  store::FillPtr fill;
  std::uint32_t max_variants = 0;
};

// The bound of what is stored for this request: the route's or the store's.
std::uint64_t most_bytes(const Request& request);

// The head as every follower may have it; what is this client's alone goes to `private_lines`.
std::shared_ptr<FlightHead> make_flight_head(Worker& worker, const Request& request, const http::ResponseHead& response, policy::StoreVerdict verdict,
                                             WallSeconds received, std::string& private_lines);

// The body is whole: into the store. Counts what became of it; `stored` is null where it could not be kept.
policy::Storing commit(Worker& worker, const Landing& landing, store::StoredPtr& stored);

// What a 304, or a HEAD that agrees, makes of a stored response: its fields updated over the same body (RFC 9111 §4.3.4, §4.3.5).
struct Refreshed {
  store::StoredPtr response;          // never null; not live() where it may not be stored any more: for this client alone
  policy::Storing storing = policy::Storing::updated;
  std::string private_lines;          // Set-Cookie and the like of the update, for the client whose request brought it
};
// `key` and `position` as for a commit.
Refreshed refresh(Worker& worker, const Request& request, const policy::KeyParts& key, purge::Position position,
                  const http::ResponseHead& update, const policy::Times& times);

// It is over, here and in the tier that instances share: what came in its place may not be stored.
void end_stored(Worker& worker, const store::StoredResponse& stored);

// A body that is stored while it is passed on to one client: a part (206), the answer to a POST.
class Keeper {
 public:
  Keeper(Worker& worker, Landing landing) : worker_(worker), landing_(std::move(landing)) {}
  void append(std::string_view bytes);      // no room: nothing will be stored
  void finish();                            // the body was whole
 private:
  Worker& worker_;
  Landing landing_;
};

// Null where there is no room for it now.
std::unique_ptr<Keeper> keep_beside(Worker& worker, const Request& request, FlightPtr flight, const http::ResponseHead& response,
                                    policy::StoreVerdict verdict, WallSeconds received);

}  // namespace davenport::server
