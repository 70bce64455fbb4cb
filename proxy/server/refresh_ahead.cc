#include "proxy/server/refresh_ahead.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "cache/warm/sketch.h"
#include "proxy/server/inward.h"
#include "proxy/server/lead.h"
#include "proxy/server/story.h"
#include "proxy/server/worker.h"

namespace davenport::server {
namespace {

constexpr Millis kLook{250};
constexpr double kPopularHits = 2 * warm::Sketch::kEvery;     // seen hits, as estimated, that fade with time
constexpr Seconds kLater{30};                                 // for what can't be refreshed as it is
constexpr Seconds kLeastLifetime{2};
constexpr Millis kBurst{250};

struct Candidate {
  double weight = 0;
  std::unique_ptr<Request> request;
};

bool wants_refreshes(const config::Config& config) {
  return std::any_of(config.routes.begin(), config.routes.end(), [](const config::Route& route) { return route.cache.refresh_ahead.count() > 0; });
}

// Of one entry: a candidate, or when to look again.
std::unique_ptr<Request> due_request(Worker& worker, warm::Sketch::Entry& entry, WallSeconds now) {
  entry.look_at = now + kLater;
  std::unique_ptr<Request> request = make_keyed_request(worker, entry.key, entry.selector);
  if (request == nullptr || request->rules().refresh_ahead.count() == 0) return nullptr;
  look_up(worker, *request);
  entry.look_at = now + Seconds{1};
  if (!request->stored || request->purge != policy::PurgeState::valid) return nullptr;
  const policy::StoredFacts& facts = request->stored->facts();
  if (facts.no_cache || facts.partial || facts.lifetime < kLeastLifetime.count()) return nullptr;
  const std::int64_t ahead = std::min<std::int64_t>(request->rules().refresh_ahead.count(), facts.lifetime / 2);
  const std::int64_t left = facts.ttl(now) - ahead;
  if (left > 0) {
    entry.look_at = now + Seconds{left};
    return nullptr;
  }
  return facts.fresh(now) ? std::move(request) : nullptr;     // too late: a visitor's own fetch is on its way
}

void refresh(Worker& worker, std::unique_ptr<Request> request) {
  Shared& shared = worker.shared();
  if (!request->stored->begin_refresh()) return;
  const Flights::Joined joined = shared.flights.join(request->key, request->key.hash, shared.purge_log);
  if (!joined.leader) {
    request->stored->end_refresh();
    return;
  }
  worker.metrics().refreshes_ahead.add();
  request->decision = {policy::Action::validate, policy::Reason::stale};
  net::spawn(lead_behind(worker, std::move(request), joined.flight, std::make_shared<Visitor>()));
}

void look(Worker& worker) {
  const Shared& shared = worker.shared();
  if (!wants_refreshes(*worker.snapshot()->config) || shared.gives_way.load(std::memory_order_relaxed)) return;
  if (shared.draining.load(std::memory_order_relaxed)) return;
  const Now now = read_clocks();
  std::vector<Candidate> candidates;
  for (warm::Sketch::Entry& entry : worker.sketch().entries()) {
    if (entry.look_at > now.wall_seconds() || entry.hits < kPopularHits) continue;
    std::unique_ptr<Request> request = due_request(worker, entry, now.wall_seconds());
    if (request != nullptr) candidates.push_back({entry.weight - entry.error, std::move(request)});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.weight > b.weight; });
  for (Candidate& each : candidates) {
    const std::uint32_t origin = each.request->route->origin;
    const double rate = each.request->snapshot->config->origins[origin].background_rate;
    if (each.request->snapshot->background[origin]->admit(now.steady, rate, kBurst)) refresh(worker, std::move(each.request));
  }
}

}  // namespace

net::Task<void> refresh_ahead(Worker& worker) {
  for (;;) {
    const bool goes_on = co_await net::sleep_until(worker.loop(), worker.loop().now() + kLook);
    if (!goes_on) co_return;
    look(worker);
  }
}

}  // namespace davenport::server
