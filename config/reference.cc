#include "config/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "config/settings.h"
#include "config/values.h"

namespace davenport::config {
namespace {

constexpr std::string_view kSampleHead =
    R"(# Davenport's configuration. What stands here without a # in front is all that is needed; a line such as
# "#memory = ..." shows a setting with its default, or with an example where there is none.
# `davenport check FILE` says what is wrong with a file, and `check --print` what it comes to.
)";

constexpr std::string_view kReferenceHead = R"(# Configuration

<!-- Written by `config_reference` from config/settings*.cc: change those, not this page. -->

Davenport reads one TOML file. This is a whole one:

```toml
listen = ["0.0.0.0:8080"]

[origin.shop]
servers = ["127.0.0.1:3000"]

[[route]]
hosts = ["shop.example", "www.shop.example"]
origin = "shop"
```

`davenport check FILE` names every mistake with its line and column, and `check --print` shows what a file comes to. A
commented sample with nearly every setting is [config/davenport.sample.toml](../config/davenport.sample.toml).

- **Sizes**: `"64KiB"`, `"256MiB"`, `"1GB"`, or a number of bytes. KiB, MiB, GiB, TiB are powers of 1024; kB, MB, GB, TB
  of 1000.
- **Durations**: `"250ms"`, `"30s"`, `"5m"`, `"1h"`, `"7d"`, whole numbers; without a unit: seconds.
- **Addresses**: `"127.0.0.1:8080"`, `"[::1]:8080"`, `"unix:/run/shop.sock"`; for origins also `"name:8080"`.
- **Networks**: `"10.0.0.0/8"`, `"::1"`; `"unix"` is whoever comes over a Unix socket.
- **Secrets** never stand in the file. KEY`_file` names a file that holds one (a relative path starts at the
  configuration's folder), KEY`_env` an environment variable.
- **Reload**: SIGHUP reads the file again. It is taken whole or not at all: a change of a setting
  marked *restart* is refused with all the rest, and the log names it.

## Which route takes a request

The host decides first: a route that names it beats one that names `*.suffix` (of several, the longest suffix), which
beats one for any host. Among the routes that are left, the longest path does. Without a `[[route]]` everything goes to
the only origin. A host that no route takes gets 421.

## Which cache rules hold

What `[route.cache]` says, else what `[cache.defaults]` says, else the default below. A list or a table replaces the
earlier one whole. `"unset"` takes a lifetime or `keep_parameters` back where `[cache.defaults]` gives one.
`cache.strict_rfc = true` changes the defaults as the column *strict* says, for what is not written in either table.
)";

constexpr std::size_t kWidth = 118;   // of the sample's comments

// A comment, without Markdown's quotes.
void append_wrapped(std::string& out, std::string_view marked) {
  std::string plain(marked);
  std::erase(plain, '`');
  std::string_view text = plain;
  std::size_t column = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (column != 0 && column + 1 + word.size() > kWidth) {
      out += '\n';
      column = 0;
    }
    out += column == 0 ? "# " : " ";
    column += word.size() + (column == 0 ? 2 : 1);
    out += word;
  }
  out += '\n';
}

// Empty lists and texts say nothing to a reader of the sample: an example does.
bool says_nothing(const std::optional<std::string>& shown) {
  return !shown || *shown == "[]" || *shown == "{}" || *shown == "\"\"";
}

template <class Owner>
std::string sample_value(const Setting<Owner>& setting) {
  Owner defaults{};
  const auto shown = show(setting.slot(defaults), setting.rules);
  return says_nothing(shown) && !setting.rules.example.empty() ? std::string(setting.rules.example)
                                                               : shown.value_or("\"\"");
}

template <class Owner>
void append_sample(std::string& out, const Setting<Owner>& setting, std::string_view name, std::string_view written) {
  append_wrapped(out, setting.text);
  if (setting.rules.form == Form::secret) {
    out += fmt::format("#{0}_file = \"{1}\"   # or {0}_env = \"VARIABLE\"\n", name, setting.rules.example);
  } else if (!written.empty()) {
    out += fmt::format("{} = {}\n", name, written);
  } else {
    out += fmt::format("#{} = {}\n", name, sample_value(setting));
  }
}

std::string_view table_of(std::string_view key) {
  const auto cut = key.rfind('.');
  return cut == key.npos ? "" : key.substr(0, cut);
}

std::string_view name_of(std::string_view key) { return key.substr(key.rfind('.') + 1); }

void append_sample_section(std::string& out, const Section& section) {
  out += '\n';
  append_wrapped(out, section.text);
  if (!section.key.empty()) out += fmt::format("[{}]\n", section.key);
  for (const Setting<Config>& setting : file_settings()) {
    if (table_of(setting.key) == section.key) append_sample(out, setting, name_of(setting.key), "");
  }
}

template <class Owner>
std::string default_text(const Setting<Owner>& setting) {
  if (setting.rules.required) return "required";
  if (setting.rules.form == Form::secret) return "none";
  Owner defaults{};
  const auto shown = show(setting.slot(defaults), setting.rules);
  if (!shown) return "not set";
  if (*shown == "\"\"" || *shown == "[]" || *shown == "{}") return *shown == "\"\"" ? "empty" : "none";
  return fmt::format("`{}`", *shown);
}

std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

template <class Owner>
void append_row(std::string& out, const Setting<Owner>& setting, std::string_view name, bool strict) {
  Owner defaults{};
  const Slot slot = setting.slot(defaults);
  const bool secret = setting.rules.form == Form::secret;
  const std::string names = secret ? fmt::format("`{0}_file`, `{0}_env`", name) : fmt::format("`{}`", name);
  const std::string bounds = secret ? "" : bounds_text(slot, setting.rules);
  out += fmt::format("| {} | {}{} | {} |", names, type_text(slot, setting.rules), bounds.empty() ? "" : ", " + bounds,
                     default_text(setting));
  if (strict) {
    out += setting.rules.strict.empty() ? " |" : fmt::format(" `{}` |", setting.rules.strict);
  } else {
    out += setting.rules.reload == Reload::live ? " live |" : " *restart* |";
  }
  out += fmt::format(" {} |\n", cell(setting.text));
}

void append_table_head(std::string& out, bool strict = false) {
  const char* column = strict ? "strict" : "reload";
  out += fmt::format("\n| setting | values | default | {} | what it does |\n|-|-|-|-|-|\n", column);
}

template <class Owner>
void append_table(std::string& out, std::span<const Setting<Owner>> settings, std::string_view table) {
  append_table_head(out);
  for (const Setting<Owner>& setting : settings) {
    if (table_of(setting.key) == table) append_row(out, setting, name_of(setting.key), false);
  }
}

}  // namespace

std::string sample_toml() {
  std::string out(kSampleHead);
  append_sample_section(out, file_sections().front());

  out += "\n# Where clients come in; listen = [\"0.0.0.0:8080\"] is the short form, at the top of the file.\n"
         "[[listen]]\n";
  for (const Setting<Listener>& setting : listener_settings()) {
    append_sample(out, setting, setting.key, setting.key == "address" ? "\"0.0.0.0:8080\"" : "");
  }

  out += "\n# Where answers come from, under a name that routes use.\n[origin.shop]\n";
  for (const Setting<Origin>& setting : origin_settings()) {
    if (!table_of(setting.key).empty()) continue;
    append_sample(out, setting, setting.key, setting.key == "servers" ? setting.rules.example : "");
  }
  out += "\n# Whether servers are asked how they are.\n[origin.shop.health]\n";
  for (const Setting<Origin>& setting : origin_settings()) {
    if (table_of(setting.key) == "health") append_sample(out, setting, name_of(setting.key), "");
  }

  out += "\n# How servers that are written as https://… are spoken to.\n[origin.shop.tls]\n";
  for (const Setting<Origin>& setting : origin_settings()) {
    if (table_of(setting.key) == "tls") append_sample(out, setting, name_of(setting.key), "");
  }

  out += "\n# Which requests go where. With one origin, and no route, everything goes there.\n[[route]]\n";
  for (const Setting<RouteDraft>& setting : route_settings()) {
    append_sample(out, setting, setting.key, setting.key == "path" ? "\"/\"" : setting.rules.example);
  }
  out += "\n# What this route says about caching: any setting of [cache.defaults] below.\n[route.cache]\n";

  out += "\n# What is done to the fields of answers that it fits, as often as needed; [[header]], at the top of the file, holds for all routes\n"
         "# (docs/configuration.md has all settings):\n"
         "# [[route.header]]\n# paths = [\"fingerprinted\"]\n# set = { Cache-Control = \"public, max-age=31536000, immutable\" }\n";

  for (const Section& section : file_sections().subspan(1)) {
    append_sample_section(out, section);
    if (section.key == "purge") {
      out += "\n# Purges sent on to a CDN in front, as often as needed (docs/configuration.md has all settings):\n"
             "# [[purge.webhook]]\n# url = \"https://api.cdn.example/zones/1/purge\"\n# token_file = \"/etc/davenport/cdn.token\"\n"
             "# headers = { Authorization = \"Bearer {token}\" }\n# body = '{\"tags\": {tags_json}}'\n";
    }
    if (section.key != "cache") continue;
    out += "\n# What holds for every route that does not say otherwise.\n[cache.defaults]\n";
    for (const Setting<CacheRules>& setting : cache_settings()) append_sample(out, setting, setting.key, "");
  }
  return out;
}

std::string reference_markdown() {
  std::string out(kReferenceHead);
  out += "\n## The top of the file\n";
  append_table(out, file_settings(), "");
  out += "\n## `[[listen]]`\n\nWhere clients come in. `listen = [\"0.0.0.0:8080\"]` is the short form.\n";
  append_table(out, listener_settings(), "");
  out += "\n### `[listen.tls]`\n\nTLS on this listener.\n";
  append_table(out, listener_settings(), "tls");
  out += "\nA certificate is a table, `{ certificate = \"shop.pem\", key = \"shop.key\" }`:\n";
  append_table(out, certificate_settings(), "");
  out += "\n## `[origin.NAME]`\n\nWhere answers come from.\n";
  append_table(out, origin_settings(), "");
  out += "\nA server may be a table, `{ address = \"10.0.0.1:3000\", weight = 2 }`:\n";
  append_table(out, server_settings(), "");
  out += "\n### `[origin.NAME.health]`\n\nWhether servers are asked how they are.\n";
  append_table(out, origin_settings(), "health");
  out += "\n### `[origin.NAME.tls]`\n\nHow servers that are written as `https://…` are spoken to.\n";
  append_table(out, origin_settings(), "tls");
  out += "\n## `[[route]]`\n\nWhich requests go where.\n";
  append_table(out, route_settings(), "");
  out += "\n## `[route.cache]` and `[cache.defaults]`\n\n"
         "What may be stored, and for how long. A reload takes all of it.\n";
  append_table_head(out, true);
  for (const Setting<CacheRules>& setting : cache_settings()) append_row(out, setting, setting.key, true);
  out += "\n## `[[route.header]]` and `[[header]]`\n\n"
         "What is done to the fields of answers ([headers.md](headers.md) shows examples). `[[header]]`, at the top of the file, holds for all "
         "routes; those of a route come after it. All that fit are done, in their order.\n";
  append_table(out, header_settings(), "");
  for (const Section& section : file_sections().subspan(1)) {
    out += fmt::format("\n## `[{}]`\n\n{}\n", section.key, section.text);
    append_table(out, file_settings(), section.key);
    if (section.key != "purge") continue;
    out += "\n### `[[purge.webhook]]`\n\nPurges sent on to a CDN in front, when they hold here ([headers.md](headers.md) shows examples).\n";
    append_table(out, webhook_settings(), "");
  }
  return out;
}

}  // namespace davenport::config
