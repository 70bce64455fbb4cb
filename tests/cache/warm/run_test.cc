#include "cache/warm/run.h"

#include <doctest/doctest.h>

#include <map>

using namespace davenport;
using namespace davenport::warm;

namespace {

// Answers what a test says, at once or after a moment of the loop.
class ScriptedFetcher final : public Fetcher {
 public:
  explicit ScriptedFetcher(net::Loop& loop) : loop_(loop) {}
  net::Task<Warmed> warm(std::string url, std::string coding) override {
    asked.push_back(coding.empty() ? url : url + " " + coding);
    most = std::max(most, ++at_once);
    static_cast<void>(co_await net::sleep_until(loop_, loop_.now() + delay));
    --at_once;
    if (after_each) after_each();
    const auto found = outcomes.find(url);
    if (found == outcomes.end()) co_return Warmed{Outcome::fetched, {}};
    co_return found->second;
  }
  net::Task<Result<std::string>> load(std::string url) override {
    loaded.push_back(url);
    const auto found = sources.find(url);
    if (found == sources.end()) co_return Error{"status 404"};
    co_return found->second;
  }
  std::string busy() override { return busy_looks > 0 && busy_looks-- > 0 ? "the origin queues" : ""; }

  std::map<std::string, Warmed> outcomes;
  std::map<std::string, std::string> sources;
  std::vector<std::string> asked, loaded;
  int busy_looks = 0;
  std::uint32_t most = 0, at_once = 0;
  Millis delay{0};
  std::function<void()> after_each;

 private:
  net::Loop& loop_;
};

struct World {
  net::Loop loop;
  ScriptedFetcher fetcher{loop};
  std::shared_ptr<Run> run;

  const Progress& play(Order order, std::function<void(Run&)> then = {}) {
    run = std::make_shared<Run>(loop, fetcher, std::move(order));
    if (then) fetcher.after_each = [this, then] { then(*run); };
    Run::start(run, [this] { loop.stop(); });
    if (!run->progress().over()) loop.run();
    loop.cancel_waiters();
    return run->progress();
  }
};

}  // namespace

TEST_CASE("a run asks for each URL once for each variant, and says what came of it") {
  World world;
  world.fetcher.outcomes = {{"http://s.test/b", {Outcome::already_warm, {}}}, {"http://s.test/c", {Outcome::failed, "status 500"}}, {"http://s.test/d", {Outcome::not_stored, {}}}};
  Order order;
  order.urls = {"http://s.test/a", "http://s.test/b", "http://s.test/c", "http://s.test/d", "http://s.test/a"};
  order.variants = {"gzip", "br"};
  order.concurrency = 1;
  const Progress& progress = world.play(std::move(order));
  CHECK(progress.stage == Stage::done);
  CHECK(progress.total == 8);
  CHECK(progress.fetched == 2);
  CHECK(progress.already_warm == 2);
  CHECK(progress.not_stored == 2);
  CHECK(progress.failed == 2);
  CHECK(progress.failures == std::vector<std::string>(2, "http://s.test/c: status 500"));
  CHECK(world.fetcher.asked.front() == "http://s.test/a gzip");
  CHECK(world.fetcher.asked[1] == "http://s.test/a br");
}

TEST_CASE("sitemaps lead to sitemaps, a source is read once, and one that can't be read is a failure among others") {
  World world;
  world.fetcher.sources = {
      {"http://s.test/index.xml", "<sitemapindex><sitemap><loc>http://s.test/1.xml</loc></sitemap><sitemap><loc>http://s.test/index.xml</loc></sitemap>"
                                  "<sitemap><loc>http://s.test/gone.xml</loc></sitemap></sitemapindex>"},
      {"http://s.test/1.xml", "<urlset><url><loc>http://s.test/a</loc></url><url><loc>none</loc></url></urlset>"},
      {"http://s.test/feed", R"([{"id": 1}, {"id": 2}])"}};
  Order order;
  order.sources = {"http://s.test/index.xml"};
  order.feed = "http://s.test/feed";
  order.feed_template = "/p/{id}";
  const Progress& progress = world.play(std::move(order));
  CHECK(progress.total == 4);
  CHECK(progress.fetched == 3);
  CHECK(progress.failures == std::vector<std::string>{"http://s.test/gone.xml: status 404"});
  CHECK(progress.unusable == 1);
  CHECK(world.fetcher.loaded.size() == 4);
}

TEST_CASE("no more than `concurrency` requests are under way, and no more than `rate` begin in a second") {
  World world;
  Order order;
  for (int i = 0; i < 20; ++i) order.urls.push_back("http://s.test/" + std::to_string(i));
  order.concurrency = 3;
  order.rate = 100;
  world.fetcher.delay = Millis{20};
  const Progress& progress = world.play(std::move(order));
  CHECK(progress.fetched == 20);
  CHECK(world.fetcher.most <= 3);
  CHECK(progress.ended - progress.started >= Millis{180});
}

TEST_CASE("a run waits while the origin has other worries") {
  World world;
  Order order;
  order.urls = {"http://s.test/a"};
  world.fetcher.busy_looks = 3;
  const Progress& progress = world.play(std::move(order));
  CHECK(progress.fetched == 1);
  CHECK(progress.paused >= Millis{100});
  CHECK(progress.waits_for.empty());
}

TEST_CASE("a cancelled run finishes what is under way and asks for no more") {
  World world;
  Order order;
  for (int i = 0; i < 100; ++i) order.urls.push_back("http://s.test/" + std::to_string(i));
  order.concurrency = 2;
  const Progress& progress = world.play(std::move(order), [](Run& run) { run.cancel(); });
  CHECK(progress.stage == Stage::cancelled);
  CHECK(progress.done() == 2);
}

TEST_CASE("sources are read at the run's pace too, and give way as it does") {
  World world;
  world.fetcher.busy_looks = 2;
  Order order;
  order.sources = {"http://s.test/1.xml", "http://s.test/2.xml", "http://s.test/3.xml"};
  order.rate = 20;
  const SteadyTime begun = read_steady_clock();
  const Progress& progress = world.play(std::move(order));
  CHECK(world.fetcher.loaded.size() == 3);
  CHECK(progress.paused > Millis{0});
  CHECK(read_steady_clock() - begun >= Millis{100});
}

TEST_CASE("a run that waits for its next turn ends when it is cancelled") {
  World world;
  Order order;
  order.urls = {"http://s.test/a", "http://s.test/b"};
  order.rate = 0.001;
  order.concurrency = 1;
  const SteadyTime begun = read_steady_clock();
  CHECK(world.play(std::move(order), [](Run& run) { run.cancel(); }).stage == Stage::cancelled);
  CHECK(read_steady_clock() - begun < Seconds{60});        // and not after a thousand
}

TEST_CASE("a run holds so many bytes of URLs and no more, and says so") {
  World world;
  Order order;
  const std::string tail(4'000, 'x');
  for (int i = 0; i < 20'000; ++i) order.urls.push_back("http://s.test/" + std::to_string(i) + tail);
  order.concurrency = 4;
  const Progress& progress = world.play(std::move(order), [](Run& run) { run.cancel(); });
  CHECK(progress.total * tail.size() < Run::kMostBytes + 2 * tail.size());
  REQUIRE(progress.failures.size() == 1);
  CHECK(progress.failures[0].starts_with("the sources: "));
}

TEST_CASE("a run without anything to ask for is over at once") {
  World world;
  const Progress& progress = world.play({});
  CHECK(progress.stage == Stage::done);
  CHECK(progress.total == 0);
}
