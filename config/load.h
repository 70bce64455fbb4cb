// config/load.h: a TOML text to one immutable, validated Config.
//     const auto loaded = load_file("/etc/davenport/davenport.toml");
//     if (!loaded) for (const Problem& problem : loaded.error()) print(to_text(problem, file_name));
// Errors   the first mistake of syntax, or else every other mistake at once, in the order of the file.
// Reads    the files and environment variables that secrets are taken from; relative paths start at its folder.
// Warnings are in Config::warnings, ready to print: what is allowed and likely not meant.
// Thread   any that may wait for a disk; not a worker's.
#pragma once
#include <string_view>

#include "config/config.h"
#include "config/problem.h"
#include "core/base/result.h"

namespace davenport::config {

// `file_name` is for messages, Config::source, and the folder of relative secrets.
Result<ConfigPtr, Problems> load(std::string_view toml_text, std::string_view file_name);
Result<ConfigPtr, Problems> load_file(std::string_view path);

}  // namespace davenport::config
