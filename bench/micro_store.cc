// bench/micro_store.cc: what a look-up, a fill and a purge check cost in the store, for one thread and for two.
//     micro_store --benchmark_filter=Find
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "cache/purge/embedded_log.h"
#include "cache/store/memory_store.h"

namespace davenport::store {
namespace {

struct Name {
  std::string bytes;
  policy::KeyParts parts;
  explicit Name(std::size_t number)
      : bytes("http|shop.example/products/" + std::to_string(1'000'000'000'000 + number)) {
    const std::string_view resource = std::string_view(bytes).substr(5);
    parts = {bytes, resource, hash128(bytes, process_seed()), hash128(resource, process_seed())};
  }
};

// A store of `count` bodies of 1 KiB, made once for a benchmark.
struct Filled {
  MemoryStore store{[] {
    config::Cache settings;
    settings.memory_bytes = 512ull << 20;
    return settings;
  }()};
  purge::EmbeddedLog log;
  std::vector<std::unique_ptr<Name>> names;

  explicit Filled(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      names.push_back(std::make_unique<Name>(i));
      put(*names.back());
    }
  }
  PutResult put(const Name& name) {
    static const std::string head(200, 'h'), body(1024, 'b');
    const FillPtr fill = store.begin_fill(body.size());
    if (fill == nullptr || !fill->append(body)) return PutResult::no_room;
    Draft draft;
    draft.key = name.parts;
    draft.head = head;
    draft.facts.lifetime = 3'600;
    draft.position = log.position();
    return store.commit(fill, draft, log, 64);
  }
};

Filled& filled(std::size_t count) {
  static Filled hundred_thousand(100'000);
  static Filled thousand(1'000);
  return count == 1'000 ? thousand : hundred_thousand;
}

// Among so many keys, in an order that no cache line foresees: find, mark, and let go.
void BM_Find(benchmark::State& state) {
  Filled& all = filled(static_cast<std::size_t>(state.range(0)));
  const http::Fields request;
  const config::CacheRules rules;
  std::string scratch;
  std::size_t next = static_cast<std::size_t>(state.thread_index()) * 7'919;
  for (auto _ : state) {
    next = (next + 48'271) % all.names.size();
    benchmark::DoNotOptimize(all.store.find(all.names[next]->parts, request, rules, scratch));
  }
}
BENCHMARK(BM_Find)->Arg(1'000)->Arg(100'000)->Threads(1)->Threads(2)->UseRealTime();

void BM_FindOneHotKey(benchmark::State& state) {
  Filled& all = filled(1'000);
  const http::Fields request;
  const config::CacheRules rules;
  std::string scratch;
  for (auto _ : state) benchmark::DoNotOptimize(all.store.find(all.names[0]->parts, request, rules, scratch));
}
BENCHMARK(BM_FindOneHotKey)->Threads(1)->Threads(2)->UseRealTime();

// A body of 1 KiB that replaces the one under its key.
void BM_Put(benchmark::State& state) {
  Filled& all = filled(1'000);
  std::size_t next = static_cast<std::size_t>(state.thread_index()) * 500;
  for (auto _ : state) {
    next = (next + 1) % all.names.size();
    benchmark::DoNotOptimize(all.put(*all.names[next]));
  }
}
BENCHMARK(BM_Put)->Threads(1)->Threads(2)->UseRealTime();

// A response with three tags after a purge of another name: the check that each entry pays once after each purge.
void BM_PurgeCheckWithoutMatch(benchmark::State& state) {
  purge::EmbeddedLog log;
  purge::Request request;
  request.targets.push_back({purge::Kind::tag, "another"});
  if (!log.record(request)) state.SkipWithError("the purge was not recorded");
  const Hash128 tags[3] = {hash128("a", 1), hash128("b", 1), hash128("c", 1)};
  const purge::Names names{hash128("shop/x", 1), "shop/x", tags, 3};
  for (auto _ : state) benchmark::DoNotOptimize(log.check(names, 0));
}
BENCHMARK(BM_PurgeCheckWithoutMatch);

}  // namespace
}  // namespace davenport::store

BENCHMARK_MAIN();
