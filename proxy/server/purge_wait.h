// proxy/server/purge_wait.h: a purge, awaited: it holds here at once, and the answer of the fleet's log comes when it comes.
// Each is logged with who asked.
// Thread  the loop's; the log's answer comes in from another one.
#pragma once
#include "cache/purge/log.h"
#include "core/net/loop.h"
#include "core/net/task.h"

namespace davenport::server {

// An error where the purge is refused, or where the loop is shut down meanwhile.
net::Task<Result<purge::Receipt>> purge_and_wait(net::Loop& loop, purge::Log& log, purge::Request request);

}  // namespace davenport::server
