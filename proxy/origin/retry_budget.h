// proxy/origin/retry_budget.h: retries are bounded by a share of the recent requests, so that a failing origin is not asked
// twice as often just when it can do least. PURE.
//     budget.request();  …  if (budget.withdraw()) try again;
// A bucket: each request adds `ratio`, each retry takes 1. It is full at first and holds what kWindow requests earn (at least
// 1): so much may be retried in one burst.
// Thread  guarded by whoever owns it.
#pragma once
#include <algorithm>

namespace davenport::origin {

class RetryBudget {
 public:
  static constexpr double kWindow = 50;

  explicit RetryBudget(double ratio = 0) { set_ratio(ratio); tokens_ = full_; }
  void set_ratio(double ratio) {
    ratio_ = std::max(ratio, 0.0);
    full_ = ratio_ > 0 ? std::max(1.0, ratio_ * kWindow) : 0;
    tokens_ = std::min(tokens_, full_);
  }
  void request() { tokens_ = std::min(full_, tokens_ + ratio_); }
  bool withdraw() {
    if (tokens_ < 1 - kRounding) return false;
    tokens_ = std::max(0.0, tokens_ - 1);
    return true;
  }

 private:
  static constexpr double kRounding = 1e-9;    // ten times 0.1 are 1
  double ratio_ = 0, full_ = 0, tokens_ = 0;
};

}  // namespace davenport::origin
