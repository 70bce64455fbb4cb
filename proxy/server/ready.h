// proxy/server/ready.h: answers that can be given at once: fresh hits, in the coding that suits the client, without suspending.
// Thread  the worker's.
#pragma once
#include <memory>
#include <optional>
#include <string_view>

#include "core/base/clock.h"
#include "core/http/message.h"
#include "proxy/server/output.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Worker;

// What the look at a request that could not be answered at once has found out already.
struct Looked {
  bool routed = false;
  const config::Route* route = nullptr;           // where routed; null: no site of that name
  policy::KeyParts key;                           // in the worker's scratch; empty: not made
  std::optional<store::Lookup> found;             // by that key; none: not looked for, or the long way looks anew
};

// Appends the answer, which is counted and logged; what it borrows is good until the worker's hot table is settled. False: nothing
// was done, the request goes the long way (story.h): take_request() makes it.
bool answer_now(Worker& worker, const Peer& peer, const http::RequestHead& head, bool keep_alive, const Now& now, Output& out,
                Looked& looked);
// `head` lies in `bytes`, which are copied.
std::unique_ptr<Request> take_request(Worker& worker, const Peer& peer, http::RequestHead& head, std::string_view bytes, const Now& now,
                                      Looked& looked);

}  // namespace davenport::server
