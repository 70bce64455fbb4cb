#include "cache/warm/courtesy.h"

namespace davenport::warm {

std::string Courtesy::look(SteadyTime now, const Sums& sums) {
  if (!looked_) {
    looked_ = true;
    begun_ = now;
    before_ = sums;
  }
  const std::uint64_t errors = sums.errors - before_.errors, requests = sums.requests - before_.requests;
  if (errors >= kErrors && errors * kShare >= requests) errs_until_ = now + kWindow;
  if (now - begun_ >= kWindow) {
    begun_ = now;
    before_ = sums;
  }
  if (sums.gone) return "no origin server is available";
  if (sums.queues) return "requests wait for an origin";
  if (now < errs_until_) return "the origin answers with errors";
  return {};
}

}  // namespace davenport::warm
