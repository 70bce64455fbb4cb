#include "config/describe.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/document.h"
#include "config/settings.h"
#include "config/values.h"

namespace davenport::config {
namespace {

// One line for a setting. Slots want an owner that could be changed, so callers hand in a copy.
template <class Owner>
std::string line(const Setting<Owner>& setting, std::string_view name, Owner& owner) {
  const Slot slot = setting.slot(owner);
  if (setting.rules.form == Form::secret) {
    return fmt::format("# {} is {}\n", name, std::get<std::string*>(slot)->empty() ? "not set" : "set, and not shown");
  }
  const auto shown = show(slot, setting.rules);
  return shown ? fmt::format("{} = {}\n", name, *shown) : fmt::format("# {} is not set\n", name);
}

template <class Owner>
void append_all(std::string& out, std::span<const Setting<Owner>> settings, Owner owner) {
  for (const Setting<Owner>& setting : settings) out += line(setting, setting.key, owner);
}

// The settings of one [section], the last part of their keys as names.
void append_section(std::string& out, std::string_view section, Config& config) {
  if (!section.empty()) out += fmt::format("\n[{}]\n", section);
  for (const Setting<Config>& setting : file_settings()) {
    const auto cut = setting.key.rfind('.');
    const std::string_view table = cut == setting.key.npos ? "" : setting.key.substr(0, cut);
    if (table == section) out += line(setting, setting.key.substr(cut == setting.key.npos ? 0 : cut + 1), config);
  }
}

template <class Owner>
void compare(std::vector<std::string>& names, std::string_view prefix, std::span<const Setting<Owner>> settings,
             Owner running, Owner loaded) {
  for (const Setting<Owner>& setting : settings) {
    if (setting.rules.reload != Reload::restart) continue;
    if (show(setting.slot(running), setting.rules) != show(setting.slot(loaded), setting.rules)) {
      names.push_back(fmt::format("{}{}", prefix, setting.key));
    }
  }
}

}  // namespace

std::string effective(const Config& config) {
  Config copy = config;
  std::string out = fmt::format("# {}, with everything that it leaves out\n", quote(config.source));
  for (const Section& section : file_sections()) append_section(out, section.key, copy);
  for (const Webhook& webhook : config.purge.webhooks) {
    out += "\n[[purge.webhook]]\n";
    append_all(out, webhook_settings(), webhook);
  }
  for (const Listener& listener : config.listeners) {
    out += "\n[[listen]]\n";
    append_all(out, listener_settings(), listener);
  }
  for (const Origin& origin : config.origins) {
    out += fmt::format("\n[origin.{}]\n", key_text(origin.name));
    append_all(out, origin_settings(), origin);
  }
  for (const Route& route : config.routes) {
    out += "\n[[route]]\n";
    const std::string origin = route.origin < config.origins.size() ? config.origins[route.origin].name : "";
    append_all(out, route_settings(), RouteDraft{route, origin});
    out += "[route.cache]\n";
    append_all(out, cache_settings(), route.cache);
    for (const HeaderRule& rule : route.headers) {
      out += "[[route.header]]\n";
      append_all(out, header_settings(), rule);
    }
  }
  return out;
}

std::vector<std::string> needs_restart(const Config& running, const Config& loaded) {
  std::vector<std::string> names;
  compare(names, "", file_settings(), running, loaded);
  if (running.listeners.size() != loaded.listeners.size()) {
    names.emplace_back("listen");
    return names;
  }
  for (std::size_t i = 0; i < running.listeners.size(); ++i) {
    compare(names, fmt::format("listen[{}].", i), listener_settings(), running.listeners[i], loaded.listeners[i]);
  }
  return names;
}

}  // namespace davenport::config
