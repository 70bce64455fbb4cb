// bench/micro_policy.cc: what the decisions of a hit cost: must_pass, read_ask, make_key, decide, and the choice of a variant.
//     ninja -C build micro_policy && build/bench/micro_policy --benchmark_repetitions=5
// The way of a plain GET wants to stay below 60 ns together and allocate nothing: the counter `allocations` says so.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "cache/policy/key.h"
#include "cache/policy/reuse.h"
#include "cache/policy/storability.h"
#include "cache/policy/vary.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

// Not inlined: GCC would take free() for the wrong partner of new.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace davenport;

constexpr WallSeconds kNow{Seconds{1780315200}};

class CountedAllocations {
 public:
  explicit CountedAllocations(benchmark::State& state) : state_(state), before_(allocations.load()) {}
  ~CountedAllocations() {
    const auto count = static_cast<double>(allocations.load() - before_);
    state_.counters["allocations"] = benchmark::Counter(count, benchmark::Counter::kAvgIterations);
  }

 private:
  benchmark::State& state_;
  std::uint64_t before_;
};

// As the parser leaves a browser's GET: path and query are views of one target.
http::RequestHead browser_get(std::string_view target = "/articles/2026/06/hello-world?page=2") {
  http::RequestHead head;
  head.method_name = "GET";
  head.target = target;
  head.path = target.substr(0, target.find('?'));
  head.has_query = head.path.size() < target.size();
  if (head.has_query) head.query = target.substr(head.path.size() + 1);
  head.authority = "www.shop.example";
  head.fields.add("Host", "www.shop.example");
  head.fields.add("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
  head.fields.add("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
  head.fields.add("Accept-Language", "en-US,en;q=0.5");
  head.fields.add("Accept-Encoding", "gzip, deflate, br, zstd");
  return head;
}

http::ResponseHead page() {
  http::ResponseHead head;
  head.status = 200;
  head.fields.add("Date", "Mon, 01 Jun 2026 12:00:00 GMT");
  head.fields.add("Content-Type", "text/html; charset=utf-8");
  head.fields.add("Cache-Control", "public, max-age=600, stale-while-revalidate=60");
  head.fields.add("ETag", "\"5f3a-61b2c\"");
  head.fields.add("Last-Modified", "Sun, 31 May 2026 12:00:00 GMT");
  head.fields.add("Vary", "Accept-Encoding");
  return head;
}

void decisions_of_a_hit(benchmark::State& state) {
  const config::CacheRules rules;
  const auto request = browser_get();
  const auto facts = policy::judge(request, page(), {kNow, kNow}, rules).facts;
  std::string scratch;
  scratch.reserve(256);
  const CountedAllocations counted(state);
  for (auto _ : state) {
    if (policy::must_pass(request, rules)) std::abort();
    const policy::Ask ask = policy::read_ask(request, rules);
    policy::KeyParts key = policy::make_key(request, "http", "", rules, scratch);
    policy::Decision decision = policy::decide(ask, &facts, policy::PurgeState::valid, false, rules, kNow + Seconds{30});
    benchmark::DoNotOptimize(key);
    benchmark::DoNotOptimize(decision);
  }
}
BENCHMARK(decisions_of_a_hit);

void key(benchmark::State& state, std::string_view target, const config::CacheRules& rules) {
  const auto request = browser_get(target);
  std::string scratch;
  scratch.reserve(1024);
  const CountedAllocations counted(state);
  for (auto _ : state) {
    policy::KeyParts parts = policy::make_key(request, "http", "", rules, scratch);
    benchmark::DoNotOptimize(parts);
  }
}
BENCHMARK_CAPTURE(key, short, "/x", config::CacheRules{});
BENCHMARK_CAPTURE(key, page, "/articles/2026/06/hello-world?page=2", config::CacheRules{});
BENCHMARK_CAPTURE(key, coded, "/artikel/%e4%b8%ad/%7euser?page=2", config::CacheRules{});
BENCHMARK_CAPTURE(key, query_rules, "/x?b=1&utm_source=a&a=2&utm_medium=b", [] {
  config::CacheRules rules;
  rules.sort_query = true;
  rules.drop_parameters = {"utm_*"};
  return rules;
}());

void variant(benchmark::State& state, std::string_view vary) {
  const config::CacheRules rules;
  const auto request = browser_get();
  http::Fields response;
  response.add("Vary", vary);
  const std::string selector = policy::make_selector(response, request.fields, rules);
  std::string scratch;
  scratch.reserve(256);
  const CountedAllocations counted(state);
  for (auto _ : state) {
    bool matches = policy::selector_matches(selector, request.fields, rules, scratch);
    benchmark::DoNotOptimize(matches);
  }
}
BENCHMARK_CAPTURE(variant, accept_encoding, "Accept-Encoding");
BENCHMARK_CAPTURE(variant, accept_language, "Accept-Language");
BENCHMARK_CAPTURE(variant, user_agent, "User-Agent");

void judge_a_page(benchmark::State& state) {
  const config::CacheRules rules;
  const auto request = browser_get();
  const auto response = page();
  const CountedAllocations counted(state);
  for (auto _ : state) {
    policy::StoreVerdict verdict = policy::judge(request, response, {kNow, kNow}, rules);
    benchmark::DoNotOptimize(verdict);
  }
}
BENCHMARK(judge_a_page);

}  // namespace

BENCHMARK_MAIN();
