#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

#include "config/header_rules.h"
#include "config/reader.h"
#include "config/settings.h"
#include "config/validate.h"
#include "config/webhook.h"

namespace davenport::config {
namespace {

void read_listeners(const Value& list, Config& config, Context& context) {
  if (list.array() == nullptr) {
    return context.error(list.place, "listen", "expected [[listen]] tables or a list of addresses; found " +
                                                   describe_found(list));
  }
  for (const Value& element : *list.array()) {
    const std::string setting = fmt::format("listen[{}]", config.listeners.size());
    Listener& listener = config.listeners.emplace_back();
    context.written.emplace(setting, element.place);
    if (element.table() == nullptr) {
      assign(Slot(&listener.address), Rules{}, element, setting, context);
      continue;
    }
    read_table<Listener>(element, setting, "", listener_settings(), listener, context);
  }
}

bool health_written(const std::string& path, const Context& context) {
  const std::string table = path + ".health.";
  const auto first = context.written.lower_bound(table);
  return first != context.written.end() && first->first.starts_with(table) && !context.wrote(table + "enabled");
}

void read_origins(const Value& origins, Config& config, Context& context) {
  if (origins.table() == nullptr) {
    return context.error(origins.place, "origin", "expected a table for each origin, such as [origin.shop]");
  }
  for (const Entry& entry : *origins.table()) {
    const std::string path = join_key("origin", key_text(entry.key));
    context.written.emplace(path, entry.place);
    if (entry.value.table() == nullptr) {
      context.error(entry.place, path, "an origin is a table with a name of its own, such as [origin.shop]");
      continue;
    }
    Origin& origin = config.origins.emplace_back();
    origin.name = entry.key;
    read_table<Origin>(entry.value, path, "", origin_settings(), origin, context);
    if (health_written(path, context)) origin.health.enabled = true;
  }
}

void apply_strict(CacheRules& rules) {
  Context context;   // the table's own values; a test sees to it that they are right
  for (const Setting<CacheRules>& setting : cache_settings()) {
    if (setting.rules.strict.empty()) continue;
    Value value;
    const bool boolean = setting.rules.strict == "true" || setting.rules.strict == "false";
    if (boolean) value.data = setting.rules.strict == "true";
    else value.data = std::string(setting.rules.strict);
    assign(setting.slot(rules), setting.rules, value, std::string(setting.key), context);
  }
}

// What was written in one table overrides what an earlier one said, also where two settings exclude each other.
void read_rules(const Value& table, const std::string& path, CacheRules& rules, Context& context) {
  read_table<CacheRules>(table, path, "", cache_settings(), rules, context);
  const bool keep = context.wrote(path + ".keep_parameters") && rules.keep_parameters.has_value();
  const bool drop = context.wrote(path + ".drop_parameters") && !rules.drop_parameters.empty();
  if (keep && drop) {
    const std::string setting = path + ".keep_parameters";
    context.error(context.place_of(setting), setting,
                  "stands beside drop_parameters: only one of the two can be meant");
  }
  if (keep) rules.drop_parameters.clear();
  else if (drop) rules.keep_parameters.reset();
}

std::vector<HeaderRule> read_headers(const Value* list, const std::string& path, Context& context) {
  std::vector<HeaderRule> rules;
  if (list == nullptr) return rules;
  if (list->array() == nullptr) {
    context.error(list->place, path, fmt::format("expected [[{}]], in two pairs of brackets; found {}",
                                                 path.starts_with("route") ? "route.header" : "header", describe_found(*list)));
    return rules;
  }
  for (const Value& element : *list->array()) {
    const std::string setting = fmt::format("{}[{}]", path, rules.size());
    context.written.emplace(setting, element.place);
    read_table<HeaderRule>(element, setting, "", header_settings(), rules.emplace_back(), context);
    if (element.table() != nullptr) check_header_rule(rules.back(), setting, context);
  }
  return rules;
}

void read_webhooks(const Value* list, Config& config, Context& context) {
  if (list == nullptr) return;
  if (list->array() == nullptr) {
    return context.error(list->place, "purge.webhook", "expected [[purge.webhook]], in two pairs of brackets; found " + describe_found(*list));
  }
  for (const Value& element : *list->array()) {
    const std::string setting = fmt::format("purge.webhook[{}]", config.purge.webhooks.size());
    context.written.emplace(setting, element.place);
    Webhook& webhook = config.purge.webhooks.emplace_back();
    read_table<Webhook>(element, setting, "", webhook_settings(), webhook, context);
    if (element.table() != nullptr) check_webhook(webhook, setting, context);
  }
}

// What the rules of a route mean for the rest of it.
void settle_headers(Route& route, std::vector<HeaderRule> of_file, std::vector<HeaderRule> own) {
  route.headers = std::move(of_file);
  std::move(own.begin(), own.end(), std::back_inserter(route.headers));
  std::stable_partition(route.headers.begin(), route.headers.end(), [](const HeaderRule& rule) { return rule.obey; });
  for (const HeaderRule& rule : route.headers) {
    for (const std::string& origin : rule.allow_origins) {
      if (origin != "*") route.cache.known_origins.push_back(origin);
    }
  }
  if (route.cache.cookieless_paths.empty() || route.cache.strip_cookies) return;
  CacheRules cookieless = route.cache;
  cookieless.strip_cookies = true;
  cookieless.pass_cookies.clear();
  cookieless.key_cookies.clear();
  route.cookieless = std::make_shared<const CacheRules>(std::move(cookieless));
}

void find_origin(const RouteDraft& draft, const std::string& path, Config& config, Route& route, Context& context) {
  std::vector<std::string> names;
  for (const Origin& origin : config.origins) names.push_back(origin.name);
  const std::string setting = path + ".origin";
  if (!context.wrote(setting)) {
    if (names.size() == 1) return;
    context.error(context.place_of(path), path, "expected origin = \"NAME\": there is not just one");
    return;
  }
  const auto at = std::find(names.begin(), names.end(), draft.origin);
  if (at != names.end()) {
    route.origin = static_cast<std::uint32_t>(at - names.begin());
    return;
  }
  context.error(context.place_of(setting), setting, fmt::format("no origin is named {}", quote(draft.origin)),
                nearest(draft.origin, names));
}

void read_routes(const Value* list, const CacheRules& defaults, const std::vector<HeaderRule>& headers, Config& config, Context& context) {
  if (list == nullptr) {
    if (config.origins.size() == 1) {
      Route& only = config.routes.emplace_back();
      only.cache = defaults;
      settle_headers(only, headers, {});
    }
    if (config.origins.size() <= 1) return;
    context.error({}, "route", "there are several origins: say with [[route]] which requests go where");
    return;
  }
  if (list->array() == nullptr) {
    return context.error(list->place, "route", "expected [[route]], in two pairs of brackets; found " +
                                                   describe_found(*list));
  }
  for (const Value& element : *list->array()) {
    const std::string path = fmt::format("route[{}]", config.routes.size());
    context.written.emplace(path, element.place);
    RouteDraft draft;
    draft.route.cache = defaults;
    read_table<RouteDraft>(element, path, "", route_settings(), draft, context, {"cache", "header"});
    if (element.table() != nullptr) {
      if (const Value* rules = find(*element.table(), "cache")) {
        read_rules(*rules, path + ".cache", draft.route.cache, context);
      }
      settle_headers(draft.route, headers, read_headers(find(*element.table(), "header"), path + ".header", context));
      find_origin(draft, path, config, draft.route, context);
    }
    config.routes.push_back(std::move(draft.route));
  }
}

void resolve_defaults(Config& config, const Context& context) {
  if (config.workers == 0) config.workers = std::max(1u, std::thread::hardware_concurrency());
  if (!context.wrote("cache.max_object")) {
    config.cache.max_object_bytes = std::min(config.cache.max_object_bytes, config.cache.memory_bytes / 4);
  }
}

void settle_places(Config& config) {
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    Route& route = config.routes[i];
    route.place = static_cast<std::uint32_t>(i);
    Route uncached = route;
    uncached.cache.enabled = false;
    uncached.cookieless.reset();
    route.uncached = std::make_shared<const Route>(std::move(uncached));
  }
}

// The nodes as addresses; what is none is told with its setting.
void read_redis(Config& config, Context& context) {
  const auto take = [&](const std::string& setting, const std::string& text) {
    Result<Address> address = Address::parse(text);
    if (!address) return context.error(context.place_of(setting), setting, address.error().message);
    config.redis.seeds.push_back(std::move(*address));
  };
  for (const std::string& node : config.redis.cluster) take("redis.cluster", node);
  if (!config.redis.server.empty()) take("redis.server", config.redis.server);
}

void sort_by_place(Problems& problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return Place{a.line, a.column} < Place{b.line, b.column};
  });
}

}  // namespace

Result<ConfigPtr, Problems> load(std::string_view toml_text, std::string_view file_name) {
  const auto document = parse_document(toml_text);
  if (!document) return Problems{document.error()};
  const Value::Table& root = *document->table();

  Context context;
  context.directory = std::filesystem::path(file_name).parent_path();
  Config config;
  config.source = file_name;
  read_table<Config>(*document, "", "", file_settings(), config, context,
                     {"listen", "origin", "route", "header", "cache.defaults", "purge.webhook"});
  if (const Value* listen = find(root, "listen")) read_listeners(*listen, config, context);
  if (const Value* origins = find(root, "origin")) read_origins(*origins, config, context);
  if (const Value* purge = find(root, "purge"); purge != nullptr && purge->table() != nullptr) {
    read_webhooks(find(*purge->table(), "webhook"), config, context);
  }

  CacheRules defaults;
  if (config.cache.strict_rfc) apply_strict(defaults);
  const Value* cache = find(root, "cache");
  if (cache != nullptr && cache->table() != nullptr) {
    if (const Value* rules = find(*cache->table(), "defaults")) read_rules(*rules, "cache.defaults", defaults, context);
  }
  const std::vector<HeaderRule> headers = read_headers(find(root, "header"), "header", context);
  read_routes(find(root, "route"), defaults, headers, config, context);
  resolve_defaults(config, context);
  read_redis(config, context);
  validate(config, context);

  sort_by_place(context.problems);
  if (!context.problems.empty()) return context.problems;
  settle_places(config);
  sort_by_place(context.warnings);
  for (const Problem& warning : context.warnings) config.warnings.push_back(to_text(warning, file_name));
  return ConfigPtr(std::make_shared<const Config>(std::move(config)));
}

Result<ConfigPtr, Problems> load_file(std::string_view path) {
  const std::filesystem::path file_path(path);
  std::error_code failed;
  std::ifstream file(file_path, std::ios::binary);
  const bool is_open = file.is_open();
  const int code = errno;
  std::string text(kDocumentBytesMax + 1, '\0');   // one more than is taken, so that load() sees what is too long
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (std::filesystem::is_directory(file_path, failed)) return Problems{{0, 0, "", "this is a directory: name the file in it", ""}};
  if (!is_open || file.bad()) return Problems{{0, 0, "", std::string("the file cannot be read: ") + (is_open ? "an error while reading" : std::strerror(code)), ""}};
  text.resize(static_cast<std::size_t>(file.gcount()));
  return load(text, path);
}

}  // namespace davenport::config
