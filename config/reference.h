// config/reference.h: what operators read, made from the tables of settings.
// tests/config compare both with the files in the tree; `config_reference` writes them anew.
#pragma once
#include <string>

namespace davenport::config {

std::string sample_toml();            // config/davenport.sample.toml: a file that loads, each default as a comment
std::string reference_markdown();     // docs/configuration.md

}  // namespace davenport::config
