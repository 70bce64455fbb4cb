// config/reader.h: a table of the file into the struct that a table of settings describes.
//     read_table<Config>(root, "", "", file_settings(), config, context, {"listen", "origin", "route"});
// Every mistake is gathered: unknown keys with what was probably meant, wrong types, values out of bounds.
#pragma once
#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "config/context.h"
#include "config/settings.h"
#include "config/values.h"

namespace davenport::config {

// Reads KEY_file or KEY_env, whichever `source` names, into `slot`.
void assign_secret(std::string& slot, const Entry& source, const std::string& setting, Context& context);

void report_unknown(const Entry& entry, const std::string& setting, const std::vector<std::string>& siblings,
                    Context& context);
void report_literal_secret(const Entry& entry, const std::string& setting, Context& context);

inline bool names_secret(const std::string& key, std::string_view secret) {
  return key == std::string(secret) + "_file" || key == std::string(secret) + "_env";
}

// "cache" + "ttl" → "cache.ttl"
std::string join_key(std::string_view path, std::string_view key);

// `path`: of this table in the file, for messages. `prefix`: of its keys in `settings`. `others`: keys, with their
// prefix, that the caller reads itself.
template <class Owner>
void read_table(const Value& value, const std::string& path, const std::string& prefix,
                std::span<const Setting<Owner>> settings, Owner& owner, Context& context,
                std::initializer_list<std::string_view> others = {}) {
  if (value.table() == nullptr) {
    context.error(value.place, path, "expected a table; found " + describe_found(value));
    return;
  }
  for (const Entry& entry : *value.table()) {
    const std::string key = join_key(prefix, entry.key);
    const std::string setting = join_key(path, key_text(entry.key));
    context.written.emplace(setting, entry.place);
    const bool single = entry.key.find('.') == entry.key.npos;   // "limits.head" in quotes is no path
    if (single && std::find(others.begin(), others.end(), key) != others.end()) continue;
    bool known = false, group = false;
    for (const Setting<Owner>& candidate : settings) {
      const bool secret = candidate.rules.form == Form::secret;
      if (single && key == candidate.key) {
        if (secret) report_literal_secret(entry, setting, context);
        else assign(candidate.slot(owner), candidate.rules, entry.value, setting, context);
        known = true;
      } else if (single && secret && names_secret(key, candidate.key)) {
        assign_secret(*std::get<std::string*>(candidate.slot(owner)), entry, setting, context);
        known = true;
      }
      group = group || candidate.key.starts_with(key + ".");
    }
    if (known) continue;
    if (group && single) {
      read_table(entry.value, setting, key, settings, owner, context, others);
      continue;
    }
    std::vector<std::string> siblings;
    const auto add_sibling = [&](std::string_view full) {
      if (!prefix.empty() && !full.starts_with(prefix + ".")) return;
      const std::string_view rest = full.substr(prefix.empty() ? 0 : prefix.size() + 1);
      siblings.emplace_back(rest.substr(0, rest.find('.')));
    };
    for (const Setting<Owner>& candidate : settings) {
      if (candidate.rules.form != Form::secret) add_sibling(candidate.key);
      else add_sibling(std::string(candidate.key) + "_file"), add_sibling(std::string(candidate.key) + "_env");
    }
    for (const std::string_view other : others) add_sibling(other);
    report_unknown(entry, setting, siblings, context);
  }
  if (!prefix.empty()) return;
  for (const Setting<Owner>& setting : settings) {
    if (!setting.rules.required || find(*value.table(), setting.key) != nullptr) continue;
    context.error(context.place_of(path), path, fmt::format("expected {} = {}", setting.key, setting.rules.example));
  }
}

}  // namespace davenport::config
