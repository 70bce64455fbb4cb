// proxy/server/ready.h: answers that can be given at once: fresh hits, in the coding that suits the client, without suspending.
// Thread  the worker's.
#pragma once
#include "core/base/clock.h"
#include "core/http/message.h"
#include "proxy/server/output.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Worker;

// Appends the answer, which is counted and logged; what it borrows is good until the worker's hot table is settled. False: nothing
// was done, the request goes the long way (story.h).
bool answer_now(Worker& worker, const Peer& peer, const http::RequestHead& head, bool keep_alive, const Now& now, Output& out);

}  // namespace davenport::server
