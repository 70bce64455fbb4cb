#include "proxy/observe/metrics.h"

#include <doctest/doctest.h>

using namespace davenport;
using namespace davenport::observe;
using namespace std::chrono_literals;

TEST_CASE("a latency falls into the first bucket whose bound is not below it") {
  struct Row { Micros latency; std::size_t bucket; };
  for (const Row& row : {Row{0us, 0}, Row{50us, 0}, Row{51us, 1}, Row{80us, 1}, Row{1ms, 7}, Row{1s, 22}, Row{60s, 29},
                         Row{60s + 1us, 30}, Row{24h, 30}, Row{-5us, 0}}) {
    CAPTURE(row.latency.count());
    Histogram histogram;
    histogram.observe(row.latency);
    for (std::size_t i = 0; i <= Histogram::kBoundsUs.size(); ++i) CHECK(histogram.bucket(i) == (i == row.bucket ? 1 : 0));
  }
}

TEST_CASE("the bounds grow, and a histogram's sum is that of its latencies") {
  for (std::size_t i = 1; i < Histogram::kBoundsUs.size(); ++i) {
    CHECK(Histogram::kBoundsUs[i] > Histogram::kBoundsUs[i - 1]);
  }
  Histogram histogram;
  histogram.observe(10us);
  histogram.observe(2ms);
  histogram.observe(-1s);
  CHECK(histogram.sum_us() == 2010);
}

TEST_CASE("a counter goes up and down") {
  Counter counter;
  counter.add();
  counter.add(41);
  counter.sub(2);
  CHECK(counter.value() == 40);
}
