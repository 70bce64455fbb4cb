#include "proxy/server/purge_wait.h"

#include "core/base/log.h"
#include "core/net/told.h"

namespace davenport::server {
namespace {

constexpr Seconds kBound{120};            // the log has a time limit of its own; this only bounds a bug

}  // namespace

net::Task<Result<purge::Receipt>> purge_and_wait(net::Loop& loop, purge::Log& log, purge::Request request) {
  net::Told<Result<purge::Receipt>> told(loop);
  log.submit(request, told.teller());
  std::optional<Result<purge::Receipt>> receipt = co_await told.wait(loop.now() + kBound);
  if (!receipt) co_return Error{"shutting down: the purge holds here, and may not have gone further"};
  if (*receipt) {
    const std::uint64_t position = (*receipt)->pid.position != 0 ? (*receipt)->pid.position : (*receipt)->position;
    log_info("purge {}: {} name(s){} by {}", position, request.targets.size(), request.soft ? ", soft," : "", request.by);
  }
  co_return std::move(*receipt);
}

}  // namespace davenport::server
