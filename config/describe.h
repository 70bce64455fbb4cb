// config/describe.h: what a configuration says, once everything is resolved; and what a reload cannot change.
#pragma once
#include <string>
#include <vector>

#include "config/config.h"

namespace davenport::config {

// The whole of it as TOML, for `davenport check --print`: defaults filled in, each route with all its cache rules,
// addresses and durations in their shortest spelling. Loading it gives the same configuration, but for secrets, of
// which it says only that they are set, and settings that are not set, which are comments.
std::string effective(const Config& config);

// The settings that differ between two configurations and that only a start takes: for the log of a reload.
std::vector<std::string> needs_restart(const Config& running, const Config& loaded);

}  // namespace davenport::config
