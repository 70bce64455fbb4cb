#include "proxy/server/popularity.h"

#include <cmath>

#include "core/base/log.h"
#include "core/net/told.h"
#include "proxy/server/inward.h"
#include "proxy/server/worker.h"

namespace davenport::server {
namespace {

constexpr Millis kConnectWait{1'000}, kLook{10};
constexpr Seconds kHalfLife{600};              // of what a worker has seen
constexpr Seconds kBound{60};                  // Redis has time limits of its own; this only bounds a bug
constexpr std::size_t kFillsAtOnce = 16;

using Lists = std::vector<warm::Popular>;

// On the worker's thread: the bytes that came into memory; 0: nothing did.
net::Task<void> fill_one(Worker& worker, warm::Popular wanted_answer, std::function<void(std::uint64_t)> tell) {
  const std::unique_ptr<Request> request = make_keyed_request(worker, wanted_answer.key, wanted_answer.selector);
  std::uint64_t bytes = 0;
  if (request != nullptr) {
    redis::Wanted wanted{request->key, request->head.fields, request->rules()};
    wanted.lease = false;
    const store::StoredPtr stored = co_await worker.tier()->find(wanted, read_clocks());
    if (stored) bytes = stored->bytes_held();
  }
  tell(bytes);
}

net::Task<void> read_lists(Worker& worker, std::size_t most, std::function<void(Lists)> tell) {
  Lists lists = co_await worker.tier()->popular().read(most, worker.loop().now() + kConnectWait);
  tell(std::move(lists));
}

net::Task<void> publish(Worker& worker, std::string instance, Lists list, std::function<void(bool)> tell) {
  const bool published = co_await worker.tier()->popular().publish(std::move(instance), std::move(list), worker.loop().now() + kConnectWait);
  tell(published);
}

}  // namespace

struct Popularity::Filling {
  std::vector<Worker*> workers;
  Lists answers;
  std::size_t next = 0, busy = 0;
  std::uint64_t most_bytes = 0;
  SteadyTime until{};
  Filled filled;
  net::Notify ended;
  explicit Filling(net::Loop& loop) : ended(loop) {}
};

Popularity::Popularity(net::Loop& loop, std::vector<Worker*> workers, const config::Config& settings, const purge::Log& log)
    : loop_(loop), workers_(std::move(workers)), settings_(settings.warm), log_(log), redis_(settings.redis.enabled()) {
  filled_.over = !redis_ || settings_.start_bytes == 0 || settings_.popular == 0;
}

Popularity::~Popularity() { *alive_ = false; }

void Popularity::start() {
  if (!filled_.over) net::spawn(fill(*this));
  if (settings_.popular != 0) net::spawn(share(*this));
}

net::Task<void> Popularity::fill_in_turn(net::Loop& loop, std::shared_ptr<Filling> filling, std::size_t at) {
  Worker& worker = *filling->workers[at % filling->workers.size()];
  while (filling->next < filling->answers.size() && filling->filled.bytes < filling->most_bytes && loop.now() < filling->until && !loop.stopping()) {
    const warm::Popular& next = filling->answers[filling->next++];
    net::Told<std::uint64_t> told(loop);
    worker.post([&worker, next, tell = told.teller()] { net::spawn(fill_one(worker, next, tell)); });
    const std::optional<std::uint64_t> bytes = co_await told.wait(filling->until + kConnectWait);
    if (!bytes) break;
    if (*bytes == 0) ++filling->filled.absent;
    else ++filling->filled.objects;
    filling->filled.bytes += *bytes;
  }
  if (--filling->busy == 0) filling->ended.notify();
}

net::Task<void> Popularity::fill(Popularity& self) {
  const std::shared_ptr<bool> alive = self.alive_;
  net::Loop& loop = self.loop_;
  Worker& first = *self.workers_.front();
  const SteadyTime begun = loop.now();
  const auto filling = std::make_shared<Filling>(loop);
  filling->workers = self.workers_;
  filling->most_bytes = self.settings_.start_bytes;
  filling->until = begun + self.settings_.start_time;
  // What Redis holds is believed once its log of purges is followed. Where nobody answers nothing is waited for.
  bool followed = false;
  while (!followed && loop.now() < filling->until) {
    const bool goes_on = co_await net::sleep_until(loop, loop.now() + kLook);
    if (!goes_on || !*alive) co_return;
    followed = self.log_.health().reachable;
    if (first.tier()->metrics().connects.value() == first.tier()->metrics().disconnects.value() && loop.now() > begun + kConnectWait) break;
  }
  if (followed) {
    net::Told<Lists> told(loop);
    first.post([&first, most = std::size_t{self.settings_.popular}, tell = told.teller()] { net::spawn(read_lists(first, most, tell)); });
    std::optional<Lists> answers = co_await told.wait(filling->until);
    if (!*alive) co_return;
    if (answers) filling->answers = std::move(*answers);
  }
  filling->busy = std::min(kFillsAtOnce, filling->answers.size());
  if (filling->busy > 0) {
    for (std::size_t i = 0, count = filling->busy; i < count; ++i) net::spawn(fill_in_turn(loop, filling, i));
    static_cast<void>(co_await filling->ended.wait(filling->until + 2 * kConnectWait));
    if (!*alive) co_return;
  }
  self.filled_ = filling->filled;
  self.filled_.took = std::chrono::duration_cast<Millis>(loop.now() - begun);
  self.filled_.over = true;
  if (!followed) {
    log_warning("warming: redis is out of reach, so nothing was brought into memory");
    co_return;
  }
  log_info("warming: memory filled from redis: {} answers, {} KiB, {} not there, in {} ms", self.filled_.objects, self.filled_.bytes >> 10,
           self.filled_.absent, self.filled_.took.count());
}

net::Task<void> Popularity::share(Popularity& self) {
  const std::shared_ptr<bool> alive = self.alive_;
  net::Loop& loop = self.loop_;
  const std::size_t most = self.settings_.popular;
  const double factor = std::exp2(-std::chrono::duration<double>(self.settings_.share_interval).count() / static_cast<double>(kHalfLife.count()));
  for (;;) {
    const bool goes_on = co_await net::sleep_until(loop, loop.now() + self.settings_.share_interval);
    if (!goes_on || !*alive) co_return;
    std::vector<Lists> lists;
    for (std::size_t i = 0; *alive && i < self.workers_.size(); ++i) {
      Worker& worker = *self.workers_[i];
      net::Told<Lists> told(loop);
      worker.post([&worker, most, factor, tell = told.teller()] {
        tell(worker.sketch().top(most));
        worker.sketch().fade(factor);
      });
      std::optional<Lists> list = co_await told.wait(loop.now() + kBound);
      if (list) lists.push_back(std::move(*list));
    }
    if (!*alive) co_return;
    Lists all = warm::merged(lists, most);
    if (!self.redis_ || all.empty()) continue;
    Worker& first = *self.workers_.front();
    net::Told<bool> told(loop);
    first.post([&first, instance = self.log_.health().instance, all, tell = told.teller()] { net::spawn(publish(first, instance, all, tell)); });
    const std::optional<bool> published = co_await told.wait(loop.now() + kBound);
    if (!*alive) co_return;
    if (!published || !*published) log_debug("warming: what is popular could not be told to redis");
  }
}

}  // namespace davenport::server
