#include "proxy/server/purge_wait.h"

#include <memory>
#include <optional>

namespace davenport::server {
namespace {

constexpr Seconds kBound{120};            // the log has a time limit of its own; this only bounds a bug

// Shared with the log, whose answer may come after everyone here has left.
struct Waiting {
  explicit Waiting(net::Loop& loop) : told(loop) {}
  net::Notify told;
  bool left = false;
  std::optional<Result<purge::Receipt>> result;
};

}  // namespace

net::Task<Result<purge::Receipt>> purge_and_wait(net::Loop& loop, purge::Log& log, purge::Request request) {
  const auto waiting = std::make_shared<Waiting>(loop);
  std::function<void(Result<purge::Receipt>)> done = [waiting, &loop](Result<purge::Receipt> result) {
    loop.post([waiting, result = std::move(result)] {
      if (waiting->left) return;
      waiting->result = result;
      waiting->told.notify();
    });
  };
  log.submit(request, std::move(done));
  const net::Wake wake = co_await waiting->told.wait(loop.now() + kBound);
  waiting->left = true;
  if (wake != net::Wake::notified || !waiting->result) co_return Error{"shutting down: the purge holds here, and may not have gone further"};
  co_return std::move(*waiting->result);
}

}  // namespace davenport::server
