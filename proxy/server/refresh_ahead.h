// proxy/server/refresh_ahead.h: what is popular is validated shortly before it expires (`refresh_ahead` of its route), the heaviest
// first, at the origin's `background_rate`; what is asked for seldom is left to expire. With Redis one instance of the fleet asks and the
// others take what it brings: a refresh is led like any other fetch.
// Thread  the worker's: each looks after what its own sketch knows.
#pragma once
#include "core/net/task.h"

namespace davenport::server {

class Worker;

// Until the loop's cancel_waiters().
net::Task<void> refresh_ahead(Worker& worker);

}  // namespace davenport::server
