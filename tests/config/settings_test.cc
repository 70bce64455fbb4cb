// The tables of settings themselves, and the two files that are written from them.
#include "config/settings.h"

#include <doctest/doctest.h>

#include <filesystem>

#include <set>
#include <string>

#include "config/describe.h"
#include "config/document.h"
#include "config/loading.h"
#include "config/reference.h"
#include "config/values.h"

using namespace davenport::config;
using namespace davenport::config::testing;

namespace {

std::string in_tree(const std::string& path) {
  return read_file(std::string(DAVENPORT_TREE) + "/" + path);
}

Value value_of(std::string_view toml) {
  const auto document = parse_document("value = " + std::string(toml));
  REQUIRE(document.has_value());
  return document->table()->front().value;
}

// Whether a setting takes its own default and its own example, and says something about itself.
template <class Owner>
void check_table(std::span<const Setting<Owner>> settings) {
  std::set<std::string_view> keys;
  for (const Setting<Owner>& setting : settings) {
    CAPTURE(setting.key);
    CHECK(keys.insert(setting.key).second);
    CHECK(setting.text.ends_with('.'));
    CHECK(setting.rules.low <= setting.rules.high);
    Owner owner{};
    const auto shown = show(setting.slot(owner), setting.rules);
    Context context;
    const bool sayable = shown && !setting.rules.required && setting.rules.form != Form::secret;
    if (sayable) {
      assign(setting.slot(owner), setting.rules, value_of(*shown), "default", context);
      CHECK(show(setting.slot(owner), setting.rules) == shown);
    }
    if (!setting.rules.example.empty() && setting.rules.form != Form::secret) {
      assign(setting.slot(owner), setting.rules, value_of(setting.rules.example), "example", context);
      CHECK(show(setting.slot(owner), setting.rules) != shown);
    }
    if (!setting.rules.strict.empty()) {
      const bool boolean = setting.rules.strict == "true" || setting.rules.strict == "false";
      const std::string strict = boolean ? std::string(setting.rules.strict) : quote(setting.rules.strict);
      assign(setting.slot(owner), setting.rules, value_of(strict), "strict", context);
      CHECK(show(setting.slot(owner), setting.rules) == strict);
    }
    for (const Problem& problem : context.problems) FAIL_CHECK(to_text(problem, std::string(setting.key)));
  }
}

}  // namespace

TEST_CASE("each setting has one key, a text, and takes its own default, example and strict value") {
  check_table(file_settings());
  check_table(listener_settings());
  check_table(origin_settings());
  check_table(server_settings());
  check_table(route_settings());
  check_table(cache_settings());
  check_table(header_settings());
  check_table(webhook_settings());
}

TEST_CASE("each setting of the file stands in a section that the reference describes") {
  for (const Setting<Config>& setting : file_settings()) {
    const auto cut = setting.key.rfind('.');
    const std::string_view table = cut == setting.key.npos ? "" : setting.key.substr(0, cut);
    bool described = false;
    for (const Section& section : file_sections()) described = described || section.key == table;
    CAPTURE(setting.key);
    CHECK(described);
  }
}

TEST_CASE("the sample loads as it stands, and says nothing but defaults") {
  const ConfigPtr sample = must_load(sample_toml());
  CHECK(sample->warnings.empty());
  const ConfigPtr plain = must_load("listen = [\"0.0.0.0:8080\"]\norigin.shop.servers = [\"127.0.0.1:3000\"]\n"
                                    "[[route]]\nhosts = [\"shop.example\", \"www.shop.example\"]\n");
  CHECK(effective(*sample) == effective(*plain));
}

TEST_CASE("every line of the sample that shows a setting loads when its mark is taken away") {
  const std::string sample = sample_toml();
  int shown = 0;
  for (std::size_t at = sample.find("\n#"); at != sample.npos; at = sample.find("\n#", at + 1)) {
    const std::string line = sample.substr(at + 1, sample.find('\n', at + 1) - at - 1);
    if (line.starts_with("# ") || line.find("_env = ") != line.npos) continue;    // a secret's file is not there
    std::string changed = sample;
    changed.erase(at + 1, 1);
    CAPTURE(line);
    CHECK(load(changed, kFile).has_value());
    ++shown;
  }
  CHECK(shown > 80);
}

TEST_CASE("every recipe loads, and has nothing to warn of") {
  std::size_t recipes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(DAVENPORT_TREE) + "/docs/recipes")) {
    if (entry.path().extension() != ".toml") continue;
    ++recipes;
    CAPTURE(entry.path().string());
    const auto recipe = load_file(entry.path().string());
    REQUIRE(recipe);
    CHECK((*recipe)->warnings.empty());
  }
  CHECK(recipes >= 7);
}

TEST_CASE("the sample and the reference in the tree are those that the settings make (config_reference writes them)") {
  CHECK(in_tree("config/davenport.sample.toml") == sample_toml());
  CHECK(in_tree("docs/configuration.md") == reference_markdown());
}

TEST_CASE("the reference names every setting, and its first example is a whole file") {
  const std::string page = reference_markdown();
  for (const std::string& name : setting_names()) {
    CAPTURE(name);
    const std::string last = name.substr(name.rfind('.') + 1);
    // A group inside the cache rules stands in their table under its full name.
    const auto group = name.find(".compression.");
    const std::string written = group == name.npos ? last : name.substr(group + 1);
    CHECK((page.find("| `" + written + "` |") != page.npos || page.find("| `" + written + "_file`") != page.npos));
  }
  const auto begin = page.find("```toml\n") + 8;
  CHECK(load(page.substr(begin, page.find("```", begin) - begin), kFile).has_value());
}
