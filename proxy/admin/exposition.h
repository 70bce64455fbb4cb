// proxy/admin/exposition.h: Prometheus' text exposition format 0.0.4, a family at a time.
//     out.counter("davenport_responses_total", "Answers by class.");  out.sample({{"class", "2xx"}}, 7);
// Shape   names are ours and valid; label values may be anything. A family's samples follow it at once.
// Thread  one.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/observe/metrics.h"

namespace davenport::admin {

class Exposition {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  void counter(std::string_view name, std::string_view help) { family(name, "counter", help); }
  void gauge(std::string_view name, std::string_view help) { family(name, "gauge", help); }
  void histogram(std::string_view name, std::string_view help) { family(name, "histogram", help); }

  void sample(Labels labels, std::uint64_t value);
  void sample(Labels labels, double value);
  void sample(std::uint64_t value) { sample({}, value); }

  // One histogram of the family: the buckets (not cumulated) of observe::Histogram summed over workers.
  struct Buckets {
    std::array<std::uint64_t, observe::Histogram::kBoundsUs.size() + 1> counts{};
    std::uint64_t sum_us = 0;
    void add(const observe::Histogram& histogram);
  };
  void sample(Labels labels, const Buckets& buckets);

  std::string take() { return std::move(text_); }

 private:
  void family(std::string_view name, std::string_view type, std::string_view help);
  void begin(std::string_view suffix, Labels labels, std::string_view bound = {});

  std::string text_;
  std::string name_;       // of the current family
};

}  // namespace davenport::admin
