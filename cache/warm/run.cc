#include "cache/warm/run.h"

#include <algorithm>
#include <utility>

namespace davenport::warm {
namespace {

constexpr Millis kLook{50};                    // between two looks whether the origin has recovered
constexpr std::size_t kPlaceBytes = 64;        // what a URL costs besides its bytes

}  // namespace

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::reading: return "reading";
    case Stage::asking: return "asking";
    case Stage::done: return "done";
    case Stage::cancelled: return "cancelled";
  }
  __builtin_unreachable();
}

double Progress::per_second(SteadyTime now) const {
  const double seconds = std::chrono::duration<double>((over() ? ended : now) - started).count();
  return seconds <= 0 ? 0 : static_cast<double>(done()) / seconds;
}

void Run::start(const std::shared_ptr<Run>& run, std::function<void()> ended) {
  run->ended_ = std::move(ended);
  run->progress_.started = run->next_turn_ = run->loop_.now();
  net::spawn(drive(run));
}

void Run::fail(const std::string& what, const std::string& why) {
  ++progress_.failed;
  if (progress_.failures.size() < kMostFailures) progress_.failures.push_back(what + ": " + why);
}

void Run::add_url(std::string url) {
  if (urls_.size() >= kMostUrls || known_bytes_ > kMostBytes) {
    if (!std::exchange(full_, true)) fail("the sources", "they name more than a run holds; the rest is left out");
    return;
  }
  const auto [place, fresh] = known_.insert(std::move(url));
  if (!fresh) return;
  known_bytes_ += place->size() + kPlaceBytes;
  urls_.push_back(&*place);
  progress_.total += std::max<std::size_t>(1, order_.variants.size());
}

void Run::add(Pages pages) {
  progress_.unusable += pages.unusable;
  for (std::string& url : pages.urls) add_url(std::move(url));
  for (std::string& url : pages.sitemaps) {
    if (sources_.size() >= kMostSources || known_bytes_ > kMostBytes || !known_.insert("source " + url).second) continue;
    known_bytes_ += 2 * url.size() + kPlaceBytes;
    sources_.push_back(std::move(url));
  }
}

// False: cancelled, or the loop is ending. A source that can't be read is a failure, and the others go on.
net::Task<bool> Run::read_sources() {
  for (std::string& url : order_.urls) add_url(std::move(url));
  Pages named;
  named.sitemaps = std::move(order_.sources);
  add(std::move(named));
  if (!order_.feed.empty()) {
    const bool goes_on = co_await turn();
    if (!goes_on) co_return false;
    Result<std::string> feed = co_await fetcher_.load(order_.feed);
    Result<Pages> pages = feed ? read_feed(*feed, order_.feed_template, base_of(order_.feed)) : Result<Pages>(feed.error());
    ++progress_.total;
    if (pages) {
      --progress_.total;
      add(std::move(*pages));
    } else {
      fail(order_.feed, pages.error().message);
    }
  }
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const std::string url = sources_[i];
    const bool goes_on = co_await turn();
    if (!goes_on) co_return false;
    Result<std::string> text = co_await fetcher_.load(url);
    Result<Pages> pages = text ? read_pages(*text, base_of(url)) : Result<Pages>(text.error());
    if (pages) {
      add(std::move(*pages));
      continue;
    }
    ++progress_.total;
    fail(url, pages.error().message);
  }
  co_return !cancelled_ && !loop_.stopping();
}

net::Task<void> Run::drive(std::shared_ptr<Run> run) {
  const bool goes_on = co_await run->read_sources();
  if (!goes_on || run->urls_.empty()) {
    run->end();
    co_return;
  }
  run->progress_.stage = Stage::asking;
  run->asking_ = static_cast<std::uint32_t>(std::min<std::size_t>(std::max(1u, run->order_.concurrency), run->urls_.size()));
  for (std::uint32_t i = 0, count = run->asking_; i < count; ++i) net::spawn(ask_in_turn(run));
}

void Run::end() {
  progress_.stage = cancelled_ || loop_.stopping() ? Stage::cancelled : Stage::done;
  progress_.waits_for.clear();
  progress_.ended = loop_.now();
  if (const auto ended = std::exchange(ended_, {})) ended();
}

// Waits until a request may be sent.
net::Task<bool> Run::turn() {
  for (;;) {
    if (cancelled_ || loop_.stopping()) co_return false;
    std::string why = fetcher_.busy();
    const SteadyTime now = loop_.now();
    if (why.empty() && now >= next_turn_) break;
    const bool paused = !why.empty();
    const SteadyTime until = paused ? now + kLook : std::min(next_turn_, now + kLook);      // it may be cancelled meanwhile
    progress_.waits_for = std::move(why);
    const bool goes_on = co_await net::sleep_until(loop_, until);
    if (!goes_on) co_return false;
    if (paused) progress_.paused += std::chrono::duration_cast<Millis>(loop_.now() - now) / std::max(1u, asking_);
  }
  progress_.waits_for.clear();
  if (order_.rate > 0) {
    const auto step = std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / order_.rate));
    next_turn_ = std::max(next_turn_, loop_.now() - step) + step;       // what a pause missed is not made up for
  }
  co_return true;
}

net::Task<void> Run::ask_in_turn(std::shared_ptr<Run> run) {
  const std::vector<std::string> none{""};
  const std::vector<std::string>& codings = run->order_.variants.empty() ? none : run->order_.variants;
  bool goes_on = true;
  while (goes_on && run->next_ < run->urls_.size()) {
    const std::string url = *run->urls_[run->next_++];
    for (std::size_t i = 0; i < codings.size() && goes_on; ++i) {
      goes_on = co_await run->turn();
      if (!goes_on) break;
      const std::string coding = codings[i];
      const Warmed warmed = co_await run->fetcher_.warm(url, coding);
      switch (warmed.outcome) {
        case Outcome::fetched: ++run->progress_.fetched; break;
        case Outcome::already_warm: ++run->progress_.already_warm; break;
        case Outcome::not_stored: ++run->progress_.not_stored; break;
        case Outcome::failed: run->fail(url, warmed.why); break;
      }
    }
  }
  if (--run->asking_ == 0) run->end();
}

}  // namespace davenport::warm
