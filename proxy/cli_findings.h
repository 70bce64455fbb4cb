// proxy/cli_findings.h: what `davenport audit` says of one answer: what keeps it from being cached, what makes it larger than it
// must be, what browsers and CDNs are told wrongly; what that costs, and what to change.
// Thread  any; pure.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "proxy/cli_fetch.h"

namespace davenport::cli {

struct Audited {
  std::string url;
  bool page = false;                  // the document itself, not what it loads
  Fetched answer;
  std::uint64_t plain_bytes = 0;      // without its content coding
  std::uint64_t best_bytes = 0;       // as br would make it; 0: not tried, for it gains nothing
};

enum class Problem : std::uint8_t { not_cacheable, not_compressed, badly_labelled, broken };

struct Finding {
  Problem problem;
  std::string what;                   // "not compressed"
  std::uint64_t cost = 0;             // bytes: of every view for what is not compressed or broken, else of every further view
  std::string change;                 // what to do
};

struct Judged {
  std::string cache;                  // what a shared cache may do: "1 h", "guess 2 min", or why nothing
  std::string browser;                // how long a browser keeps it: "1 y", "asks"
  std::vector<Finding> findings;
};

// By Davenport's defaults (cache/policy).
Judged judge_answer(const Audited& audited, WallSeconds now);

// The whole report.
std::string report(const std::string& url, const std::vector<Audited>& all, WallSeconds now);

// Is this a type that compresses?
bool is_text(const Fetched& answer);

}  // namespace davenport::cli
