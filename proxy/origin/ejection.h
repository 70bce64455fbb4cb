// proxy/origin/ejection.h: passive ejection of one server: after failures in a row it is left alone for a while, then one
// request is let through to see. PURE: time is passed in.
//
//              failure × eject_after                 time is over
//     in use ------------------------> ejected ----------------------> on probation: one request at a time
//       ^                                 ^                                |            |
//       |                                 +------- it fails: twice the time             |
//       +------------------------------------------ a head of its answer comes ---------+
//
// Backing off: the time doubles with each ejection, up to eject_max, until a whole answer has come; and as long as none has, one
// more failure is enough. So a server that sends heads and then breaks off is ejected again at once.
// Thread  guarded by whoever owns it.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"

namespace davenport::origin {

struct EjectionRules {
  std::uint32_t after = 5;           // failures in a row; 0: never
  Millis time{1'000};
  Millis max{60'000};
};

class Ejection {
 public:
  bool ejected() const { return ejected_; }
  // May a request be sent now? For an ejected server: its time is over and no other request is trying it.
  bool admits(SteadyTime now) const { return !ejected_ || (now >= until_ && !probing_); }
  // True while success() would change anything.
  bool troubled() const { return ejected_ || failures_ > 0 || level_ > 0; }

  void chosen() { probing_ = ejected_; }

  // A response head came: the server is alive, but not yet proven.
  void head_received(const EjectionRules& rules) {
    if (!ejected_) return;
    ejected_ = probing_ = false;
    failures_ = rules.after > 0 ? rules.after - 1 : 0;
  }
  // A whole response came.
  void success() { *this = {}; }
  // The request ended in a way that says nothing of the server: the next one may try.
  void unknown() { probing_ = false; }

  // True where the server is ejected by this failure. One that was sent before the ejection tells nothing new.
  bool failure(const EjectionRules& rules, SteadyTime now) {
    if (ejected_ && !probing_) return false;
    ++failures_;
    if (rules.after == 0 || (!probing_ && failures_ < rules.after)) return false;
    Millis time = rules.time;
    for (std::uint32_t i = 0; i < level_ && time < rules.max; ++i) time *= 2;
    until_ = now + std::min(time, rules.max);
    ++level_;
    ejected_ = true;
    probing_ = false;
    failures_ = 0;
    return true;
  }

 private:
  std::uint32_t failures_ = 0;       // in a row
  std::uint32_t level_ = 0;          // ejections in a row
  bool ejected_ = false;
  bool probing_ = false;             // the one request is under way
  SteadyTime until_{};
};

}  // namespace davenport::origin
