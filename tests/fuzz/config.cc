// tests/fuzz/config.cc: any text loads or is refused in words, and what loads is printed so that it loads again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/describe.h"
#include "config/load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = load(text, "fuzz.toml");
  if (!loaded) {
    if (loaded.error().empty()) std::abort();
    for (const Problem& problem : loaded.error()) {
      const std::string line = to_text(problem, "fuzz.toml");
      if (problem.message.empty() || line.find('\n') != line.npos) std::abort();
    }
    return 0;
  }
  const std::string printed = effective(**loaded);
  const bool secret = !(*loaded)->admin.token.empty() || !(*loaded)->purge.token.empty();   // not printed, so not there again
  if (secret) return 0;
  const auto again = load(printed, "fuzz.toml");
  if (!again || effective(**again) != printed) std::abort();
  return 0;
}
