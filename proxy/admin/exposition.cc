#include "proxy/admin/exposition.h"

#include <fmt/format.h>

#include "core/base/text.h"

namespace davenport::admin {

void Exposition::Buckets::add(const observe::Histogram& histogram) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += histogram.bucket(i);
  sum_us += histogram.sum_us();
}

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void Exposition::begin(std::string_view suffix, Labels labels, std::string_view bound) {
  text_.append(name_).append(suffix);
  char separator = '{';
  const auto add = [&](std::string_view name, std::string_view value) {
    text_ += std::exchange(separator, ',');
    text_.append(name).append("=\"");
    for (const char c : value) {
      if (c == '\n') text_ += "\\n";
      else if (c == '"' || c == '\\') text_.append("\\").append(1, c);
      else text_ += c;
    }
    text_ += '"';
  };
  for (const auto& [name, value] : labels) add(name, value);
  if (!bound.empty()) add("le", bound);
  text_ += separator == ',' ? "} " : " ";
}

void Exposition::sample(Labels labels, std::uint64_t value) {
  begin("", labels);
  append_number(text_, value);
  text_ += '\n';
}

void Exposition::sample(Labels labels, double value) {
  begin("", labels);
  text_.append(fmt::format("{}\n", value));
}

void Exposition::sample(Labels labels, const Buckets& buckets) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < buckets.counts.size(); ++i) {
    below += buckets.counts[i];
    const bool last = i == observe::Histogram::kBoundsUs.size();
    begin("_bucket", labels, last ? "+Inf" : fmt::format("{}", observe::Histogram::kBoundsUs[i] / 1e6));
    append_number(text_, below);
    text_ += '\n';
  }
  begin("_sum", labels);
  text_.append(fmt::format("{}\n", static_cast<double>(buckets.sum_us) / 1e6));
  begin("_count", labels);
  append_number(text_, below);
  text_ += '\n';
}

}  // namespace davenport::admin
