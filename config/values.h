// config/values.h: one value, between TOML and its slot: read, checked against its rules, printed, described.
// A value that is refused leaves its slot as it was and a problem in the context.
// Thread  any; pure.
#pragma once
#include <optional>
#include <string>

#include "config/context.h"
#include "config/settings.h"

namespace davenport::config {

// What gives an optional setting back its "not set", against a default that says otherwise.
constexpr std::string_view kUnset = "unset";

void assign(const Slot& slot, const Rules& rules, const Value& value, const std::string& setting, Context& context);

std::optional<std::string> show(const Slot& slot, const Rules& rules);   // as TOML on one line; nullopt: not set

std::string type_text(const Slot& slot, const Rules& rules);     // "size", "duration", "`json`, `off`", as Markdown
std::string bounds_text(const Slot& slot, const Rules& rules);   // "1KiB to 1MiB"; "" where there is nothing to say

}  // namespace davenport::config
