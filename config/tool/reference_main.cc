// config/tool/reference_main.cc: writes what operators read from the tables of settings.
//     config_reference docs/configuration.md config/davenport.sample.toml
#include <cstdio>
#include <fstream>
#include <string>

#include "config/reference.h"

namespace {

bool write(const char* path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (!file) std::fprintf(stderr, "config_reference: cannot write %s\n", path);
  return static_cast<bool>(file);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: config_reference REFERENCE.md SAMPLE.toml\n");
    return 2;
  }
  const bool page = write(arguments[1], davenport::config::reference_markdown());
  const bool sample = write(arguments[2], davenport::config::sample_toml());
  return page && sample ? 0 : 1;
}
