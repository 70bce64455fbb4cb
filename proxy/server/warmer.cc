#include "proxy/server/warmer.h"

#include "core/base/log.h"
#include "core/net/told.h"
#include "proxy/server/inward.h"
#include "proxy/server/worker.h"

namespace davenport::server {
namespace {

constexpr Millis kScheduleLook{200};
constexpr Seconds kBound{3'600};                         // the origin has time limits of its own; this only bounds a bug
constexpr std::uint64_t kSourceBytes = 64u << 20;
constexpr Seconds kSourceTime{300};

net::Task<void> warm_and_tell(Worker& worker, std::string url, std::string coding, std::function<void(warm::Warmed)> tell) {
  warm::Warmed warmed = co_await warm_up(worker, std::move(url), std::move(coding));
  tell(std::move(warmed));
}

net::Task<void> load_and_tell(Worker& worker, std::string url, std::function<void(Result<std::string>)> tell) {
  Result<std::string> source = co_await load_source(worker, std::move(url), kSourceBytes);
  tell(std::move(source));
}

}  // namespace

Warmer::Warmer(net::Loop& loop, std::vector<Worker*> workers, World world)
    : loop_(loop), workers_(std::move(workers)), world_(std::move(world)) {}

Warmer::~Warmer() {
  *alive_ = false;
  if (run_ != nullptr) run_->cancel();
  if (loading_ != nullptr) loading_->give_up();          // it would look at us afterwards
}

void Warmer::start() { net::spawn(keep_schedule(*this)); }

warm::Order Warmer::order_of(const config::Warm& settings) {
  warm::Order order;
  order.urls = settings.urls;
  order.sources = settings.sitemaps;
  if (settings.has_feed()) {
    order.feed = settings.feed;
    order.feed_template = settings.feed_template;
  }
  order.rate = settings.rate;
  order.concurrency = settings.concurrency;
  order.variants = settings.variants;
  return order;
}

Result<std::monostate> Warmer::begin(warm::Order order, std::string_view by) {
  if (run_ != nullptr && !run_->progress().over()) return Error{"a run is under way: DELETE /warm ends it"};
  before_ = totals();
  ++before_.runs;
  log_info("warming: begun by {}", by);
  warm::Fetcher& fetcher = *this;
  run_ = std::make_shared<warm::Run>(loop_, fetcher, std::move(order));
  warm::Run::start(run_, [this, alive = alive_] {
    if (*alive) ended();
  });
  return std::monostate{};
}

bool Warmer::cancel() {
  if (run_ == nullptr || run_->progress().over()) return false;
  run_->cancel();
  if (loading_ != nullptr) loading_->give_up();
  return true;
}

void Warmer::ended() {
  const warm::Progress& progress = run_->progress();
  log_info("warming: {}: {} of {} in {} ms: {} fetched, {} already warm, {} not stored, {} failed", warm::name_of(progress.stage), progress.done(),
           progress.total, std::chrono::duration_cast<Millis>(progress.ended - progress.started).count(), progress.fetched,
           progress.already_warm, progress.not_stored, progress.failed);
}

Warmer::Totals Warmer::totals() const {
  Totals sum = before_;
  if (run_ == nullptr) return sum;
  const warm::Progress& progress = run_->progress();
  sum.fetched += progress.fetched;
  sum.already_warm += progress.already_warm;
  sum.not_stored += progress.not_stored;
  sum.failed += progress.failed;
  sum.paused += progress.paused;
  return sum;
}

net::Task<warm::Warmed> Warmer::warm(std::string url, std::string coding) {
  net::Told<warm::Warmed> told(loop_);
  Worker& worker = next_worker();
  worker.post([&worker, url, coding, tell = told.teller()] { net::spawn(warm_and_tell(worker, url, coding, tell)); });
  std::optional<warm::Warmed> warmed = co_await told.wait(loop_.now() + kBound);
  if (!warmed) co_return warm::Warmed{warm::Outcome::failed, "shutting down"};
  co_return std::move(*warmed);
}

net::Task<Result<std::string>> Warmer::load(std::string url) {
  net::Told<Result<std::string>> told(loop_);
  Worker& worker = next_worker();
  worker.post([&worker, url, tell = told.teller()] { net::spawn(load_and_tell(worker, url, tell)); });
  loading_ = &told;
  std::optional<Result<std::string>> source = co_await told.wait(loop_.now() + kSourceTime);
  loading_ = nullptr;
  if (!source) co_return Error{"it came too slowly"};
  co_return std::move(*source);
}

std::string Warmer::busy() {
  if (world_.draining()) {
    if (run_ != nullptr) run_->cancel();
    return "it is ending";
  }
  return courtesy_.look(loop_.now(), world_.origins());
}

net::Task<void> Warmer::keep_schedule(Warmer& self) {
  const std::shared_ptr<bool> alive = self.alive_;
  net::Loop& loop = self.loop_;
  SteadyTime begun{};                          // the last one; {}: none
  for (;;) {
    const bool goes_on = co_await net::sleep_until(loop, loop.now() + kScheduleLook);
    if (!goes_on || !*alive) co_return;
    self.world_.give_way(!self.courtesy_.look(loop.now(), self.world_.origins()).empty());
    const config::ConfigPtr config = self.world_.config();
    const bool under_way = self.run_ != nullptr && !self.run_->progress().over();
    const bool due = begun == SteadyTime{} || loop.now() >= begun + config->warm.interval;
    if (!config->warm.scheduled() || !due || under_way || self.world_.draining()) continue;
    begun = loop.now();
    static_cast<void>(self.begin(order_of(config->warm), "the schedule"));
  }
}

}  // namespace davenport::server
