#include <fmt/format.h>

#include <cstdio>

#include "config/describe.h"
#include "config/load.h"
#include "proxy/cli.h"
#include "proxy/server/snapshot.h"

namespace davenport::cli {

int check(const std::string& file, bool print) {
  const Result<config::ConfigPtr, config::Problems> loaded = config::load_file(file);
  if (!loaded) {
    for (const config::Problem& problem : loaded.error()) fmt::print(stderr, "{}\n", config::to_text(problem, file));
    const std::size_t count = loaded.error().size();
    fmt::print(stderr, "{}: {} problem{}\n", file, count, count == 1 ? "" : "s");
    return 1;
  }
  const config::Config& config = **loaded;
  for (const std::string& warning : config.warnings) fmt::print(stderr, "{}\n", warning);
  if (const Result<std::monostate> tls = server::check_tls(config); !tls) {
    fmt::print(stderr, "{}: {}\n", file, tls.error().message);
    return 1;
  }
  if (print) {
    fmt::print("{}", config::effective(config));
    return 0;
  }
  const auto some = [](std::size_t count, std::string_view one) { return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s"); };
  fmt::print("{}: good ({}, {}, {}, {})\n", file, some(config.listeners.size(), "listener"), some(config.origins.size(), "origin"),
             some(config.routes.size(), "route"), some(config.warnings.size(), "warning"));
  return 0;
}

}  // namespace davenport::cli
