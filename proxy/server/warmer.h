// proxy/server/warmer.h: the running instance's own warming: one run at a time, asked for by the admin API or by the schedule, through
// the workers' flights.
// Owner   the server; it ends before the workers do. A run that is under way then asks for no more.
// Thread  the main loop's.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "cache/warm/courtesy.h"
#include "cache/warm/run.h"
#include "config/config.h"
#include "core/net/loop.h"
#include "core/net/told.h"

namespace davenport::server {

class Worker;

class Warmer final : private warm::Fetcher {
 public:
  struct Totals {
    std::uint64_t runs = 0, fetched = 0, already_warm = 0, not_stored = 0, failed = 0;
    Millis paused{0};
  };
  struct World {
    std::function<config::ConfigPtr()> config;
    std::function<warm::Courtesy::Sums()> origins;
    std::function<bool()> draining;
    std::function<void(bool)> give_way;                  // told several times a second: is it time to?
  };

  Warmer(net::Loop& loop, std::vector<Worker*> workers, World world);
  ~Warmer() override;
  void start();                                          // the schedule

  Result<std::monostate> begin(warm::Order order, std::string_view by);    // an error while another run is under way
  bool cancel();                                         // false: none was under way
  const warm::Progress* progress() const { return run_ != nullptr ? &run_->progress() : nullptr; }   // of the last run
  Totals totals() const;                                 // of all runs

  // What [warm] says, for a run that is told nothing else.
  static warm::Order order_of(const config::Warm& settings);

 private:
  net::Task<warm::Warmed> warm(std::string url, std::string coding) override;
  net::Task<Result<std::string>> load(std::string url) override;
  std::string busy() override;
  Worker& next_worker() { return *workers_[next_++ % workers_.size()]; }
  static net::Task<void> keep_schedule(Warmer& self);
  void ended();

  net::Loop& loop_;
  const std::vector<Worker*> workers_;
  const World world_;
  warm::Courtesy courtesy_;
  std::shared_ptr<warm::Run> run_;
  net::Told<Result<std::string>>* loading_ = nullptr;    // the source that a run waits for
  Totals before_;                                        // of the runs before this one
  std::size_t next_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace davenport::server
