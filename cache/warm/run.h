// cache/warm/run.h: one warming: reads its sources, then asks for each URL once for each variant, at a pace, and gives way.
//     auto run = std::make_shared<Run>(loop, fetcher, std::move(order));
//     Run::start(run);   run->progress() …   run->cancel();
// Pace    at most `concurrency` requests at a time and `rate` a second, the sources' among them; none while the fetcher says that the origin has other worries.
// Owner   shared_ptr: the run's coroutines hold it, so that it may be forgotten while it ends. The fetcher outlives it.
// Thread  the loop's. A run leaves at the loop's cancel_waiters().
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "cache/warm/sources.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/net/loop.h"
#include "core/net/task.h"

namespace davenport::warm {

struct Order {
  std::vector<std::string> urls;               // absolute
  std::vector<std::string> sources;            // URLs of sitemaps and lists
  std::string feed, feed_template;             // "": none
  double rate = 0;                             // a second; 0: no limit
  std::uint32_t concurrency = 4;
  std::vector<std::string> variants;           // content codings; empty: one request without Accept-Encoding
};

enum class Outcome : std::uint8_t {
  fetched,       // the origin was asked, or another cache
  already_warm,  // a hit
  not_stored,    // it came, and may not be kept
  failed,        // no answer, or one of 400 and above
};
struct Warmed {
  Outcome outcome = Outcome::failed;
  std::string why;                             // of a failure
};

// What a run asks through: the running instance's own flights, or a client of a proxy.
class Fetcher {
 public:
  virtual ~Fetcher() = default;
  virtual net::Task<Warmed> warm(std::string url, std::string coding /* "": none */) = 0;
  virtual net::Task<Result<std::string>> load(std::string url) = 0;     // a source's bytes, unpacked
  // Why nothing should be asked now; "": go on.
  virtual std::string busy() { return {}; }
};

enum class Stage : std::uint8_t { reading, asking, done, cancelled };
std::string_view name_of(Stage stage);

struct Progress {
  Stage stage = Stage::reading;
  std::uint64_t total = 0;                     // requests; grows while sources are read
  std::uint64_t fetched = 0, already_warm = 0, not_stored = 0, failed = 0;
  std::uint64_t unusable = 0;                  // of the sources' URLs
  std::vector<std::string> failures;           // the first of them, with the reason
  std::string waits_for;                       // why it has paused; "": it has not
  Millis paused{0};                            // in all
  SteadyTime started{}, ended{};
  std::uint64_t done() const { return fetched + already_warm + not_stored + failed; }
  bool over() const { return stage == Stage::done || stage == Stage::cancelled; }
  double per_second(SteadyTime now) const;
};

class Run {
 public:
  static constexpr std::size_t kMostFailures = 20, kMostSources = 10'000;
  static constexpr std::size_t kMostBytes = 64u << 20;      // of URLs: those that come later are left out

  Run(net::Loop& loop, Fetcher& fetcher, Order order) : loop_(loop), fetcher_(fetcher), order_(std::move(order)) {}

  // `ended` is called once, by the last coroutine of the run.
  static void start(const std::shared_ptr<Run>& run, std::function<void()> ended = {});
  void cancel() { cancelled_ = true; }         // what is under way is finished
  const Progress& progress() const { return progress_; }

 private:
  static net::Task<void> drive(std::shared_ptr<Run> run);
  static net::Task<void> ask_in_turn(std::shared_ptr<Run> run);
  net::Task<bool> read_sources();
  net::Task<bool> turn();                      // false: no more
  void add(Pages pages);
  void add_url(std::string url);
  void fail(const std::string& what, const std::string& why);
  void end();

  net::Loop& loop_;
  Fetcher& fetcher_;
  Order order_;
  Progress progress_;
  std::function<void()> ended_;
  std::unordered_set<std::string> known_;      // URLs and sources, each taken once
  std::vector<const std::string*> urls_;       // of `known_`
  std::vector<std::string> sources_;
  std::size_t known_bytes_ = 0;
  bool full_ = false;
  std::size_t next_ = 0;
  std::uint32_t asking_ = 0;                   // coroutines
  SteadyTime next_turn_{};
  bool cancelled_ = false;
};

}  // namespace davenport::warm
