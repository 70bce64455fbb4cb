#include "config/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "config/units.h"
#include "core/http/uri.h"

namespace davenport::config {
namespace {

bool is_any(const Address& address) { return address.host == "0.0.0.0" || address.host == "::"; }

bool holds_everybody(const std::vector<Network>& networks) {
  return std::any_of(networks.begin(), networks.end(), [](const Network& network) {
    return !network.unix_peer && network.prefix_bits == 0;
  });
}

// A listener of ours that a server's address leads to.
bool same_place(const Address& listener, const Address& server) {
  if (listener.port != server.port || listener.kind != server.kind) return false;
  return listener.host == server.host || (is_any(listener) && server.loopback());
}

class Validator {
 public:
  Validator(const Config& config, Context& context) : config_(config), context_(context) {}

  void all() {
    listeners();
    admin();
    limits();
    networks();
    cache();
    redis();
    warm();
    for (const Origin& origin : config_.origins) this->origin(origin);
    if (config_.origins.empty() && !context_.wrote("origin")) {
      error("origin", "expected at least one origin: [origin.shop] and servers = [\"127.0.0.1:3000\"]");
    }
    for (std::size_t i = 0; i < config_.routes.size(); ++i) rules(i);
    duplicate_routes();
    unused_origins();
  }

 private:
  void error(const std::string& setting, std::string message) {
    context_.error(context_.place_of(setting), setting, std::move(message));
  }
  void warn(const std::string& setting, std::string message) {
    context_.warn(context_.place_of(setting), setting, std::move(message));
  }

  // Names are resolved for origins alone; what we listen on must be known before anything else is.
  void listening(const Address& address, const std::string& setting) {
    if (address.kind == Address::Kind::name) {
      error(setting, fmt::format("expected a numeric address or a Unix socket to listen on; found the name \"{}\"",
                                 address.host));
    }
  }

  void listeners() {
    const bool misspelt = std::any_of(context_.problems.begin(), context_.problems.end(), [](const Problem& problem) { return problem.suggestion == "listen"; });
    if (config_.listeners.empty() && misspelt) return;
    if (config_.listeners.empty() && !context_.wrote("listen")) {
      error("listen", "expected at least one listener: listen = [\"0.0.0.0:8080\"]");
    } else if (config_.listeners.empty() && !mistaken("listen")) {
      error("listen", "expected at least one address");
    }
    std::set<std::string> seen;
    for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
      const Listener& listener = config_.listeners[i];
      const std::string setting = fmt::format("listen[{}]", i);
      const std::string text = listener.address.text();
      if (listener.address == Address{}) continue;   // refused already
      listening(listener.address, setting);
      const bool chosen_by_system = listener.address.kind == Address::Kind::inet && listener.address.port == 0;
      if (!chosen_by_system && !seen.insert(text).second) error(setting, text + " is listened on already");
      if (listener.proxy_protocol && !listener.address.loopback() && config_.forwarding.trusted_proxies.empty()) {
        warn(setting, "whoever reaches this address may claim any client's with the PROXY protocol: let only your "
                      "balancer reach it, and name it in forwarding.trusted_proxies");
      }
      if (listener.redirect_to_https && listener.tls.on()) error(setting, "redirects to https and speaks it itself: only one can be meant");
      if (config_.admin.enabled && !chosen_by_system && text == config_.admin.address.text()) {
        error(setting, text + " is the address of the admin interface too");
      }
    }
  }

  void admin() {
    if (!config_.admin.enabled) return;
    listening(config_.admin.address, "admin.address");
    const bool tried = context_.wrote("admin.token_file") || context_.wrote("admin.token_env");
    const bool numeric = config_.admin.address.kind != Address::Kind::name;
    const bool certified = config_.admin.tls.on() && !config_.admin.tls.client_ca.empty();
    if (numeric && config_.admin.token.empty() && !tried && !config_.admin.address.loopback() && !certified) {
      error("admin.address", fmt::format("{} can be reached from elsewhere: this needs admin.token_file or "
                                         "admin.token_env, or admin.tls with client_ca", config_.admin.address.text()));
    }
    if (!config_.admin.tls.client_ca.empty() && !config_.admin.tls.on()) {
      warn("admin.tls.client_ca", "has no effect without admin.tls.certificates");
    }
  }

  void redis() {
    const Redis& redis = config_.redis;
    if (!redis.enabled()) return;
    if (redis.is_cluster() && !redis.server.empty()) error("redis.server", "stands beside redis.cluster: only one of the two can be meant");
    if (redis.is_cluster() && redis.database != 0) error("redis.database", "a cluster has no databases");
    if (redis.prefix.find_first_of("{}") != std::string::npos) error("redis.prefix", "expected no braces: they choose the slot of a cluster");
    const bool tried = context_.wrote("redis.password_file") || context_.wrote("redis.password_env");
    if (!redis.user.empty() && redis.password.empty() && !tried) error("redis.user", "needs redis.password_file or redis.password_env");
    for (const Address& seed : redis.seeds) {
      if (redis.is_cluster() && seed.kind == Address::Kind::unix_path) error("redis.cluster", "nodes of a cluster have addresses, not sockets");
    }
    if (redis.budget > redis.command_timeout) error("redis.budget", "expected at most redis.command_timeout");
  }

  void warm() {
    const Warm& warm = config_.warm;
    const auto is_url = [](const std::string& text) {
      const auto parts = http::parse_http_uri(text);
      return parts && http::parse_host_port(parts->authority);
    };
    const auto urls = [&](const std::vector<std::string>& list, std::string_view setting) {
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (!is_url(list[i])) error(fmt::format("{}[{}]", setting, i), fmt::format("expected a URL such as \"https://shop.example/\"; found \"{}\"", list[i]));
      }
    };
    urls(warm.urls, "warm.urls");
    urls(warm.sitemaps, "warm.sitemaps");
    if (!warm.feed.empty() && !is_url(warm.feed)) error("warm.feed", fmt::format("expected a URL; found \"{}\"", warm.feed));
    if (warm.feed.empty() != warm.feed_template.empty()) {
      warn(warm.feed.empty() ? "warm.feed_template" : "warm.feed", "has no effect: warm.feed and warm.feed_template stand together");
    }
    const bool braces = warm.feed_template.find('{') < warm.feed_template.find('}');
    if (!warm.feed_template.empty() && !braces) error("warm.feed_template", "expected a member's name in braces, as in \"/product/{id}\"");
    if (warm.interval.count() > 0 && !warm.scheduled()) warn("warm.interval", "there is nothing to warm: name urls, sitemaps or a feed");
  }

  void limits() {
    const ClientLimits& limits = config_.limits;
    if (limits.head.target_bytes > limits.head.head_bytes) {
      error("limits.target", fmt::format("expected at most limits.head ({}), which counts the target too",
                                         size_text(limits.head.head_bytes)));
    }
    if (limits.connections_per_address > limits.connections) {
      warn("limits.connections_per_address", "is never reached: limits.connections is less");
    }
  }

  void networks() {
    if (holds_everybody(config_.forwarding.trusted_proxies)) {
      warn("forwarding.trusted_proxies", "trusts everybody: any client may then claim any address");
    }
    if (holds_everybody(config_.purge.purge_from)) warn("purge.from", "lets everybody purge");
  }

  void cache() {
    if (config_.cache.max_object_bytes > config_.cache.memory_bytes) {
      error("cache.max_object",
            fmt::format("expected at most cache.memory ({})", size_text(config_.cache.memory_bytes)));
    }
  }

  void origin(const Origin& origin) {
    const std::string path = "origin." + key_text(origin.name);
    if (origin.servers.empty() && context_.wrote(path + ".servers")) {
      if (!mistaken(path + ".servers")) error(path + ".servers", "expected at least one server");
    }
    std::set<std::string> seen;
    for (std::size_t i = 0; i < origin.servers.size(); ++i) {
      const Address& address = origin.servers[i].address;
      const std::string setting = fmt::format("{}.servers[{}]", path, i);
      if (!seen.insert(address.text()).second) error(setting, address.text() + " stands here already");
      if (address.kind != Address::Kind::unix_path && address.port == 0) error(setting, "expected a port other than 0");
      if (address.kind == Address::Kind::inet && is_any(address)) {
        error(setting, fmt::format("{} is an address to listen on, not one to connect to", address.host));
      }
      for (const Listener& listener : config_.listeners) {
        const bool known = listener.address != Address{};
        if (known && same_place(listener.address, address)) error(setting, address.text() + " is this proxy itself");
      }
    }
    const bool mixed = std::any_of(origin.servers.begin(), origin.servers.end(),
                                   [&](const OriginServer& server) { return server.https != origin.https(); });
    if (mixed) error(path + ".servers", "expected https:// before all servers of an origin, or none: make two origins of them");
    if (!origin.https() && origin.tls != OriginTls{}) warn(path + ".tls", "has no effect: no server is written as https://…");
    if (origin.https() && !origin.tls.verify) warn(path + ".tls.verify", "without it anybody on the way can pose as the origin");
    if (origin.tls.certificate.empty() && !origin.tls.key.empty()) warn(path + ".tls.key", "has no effect without tls.certificate");
    if (origin.eject_max < origin.eject_time) {
      error(path + ".eject_max", "expected at least eject_time (" + duration_text(origin.eject_time) + ")");
    }
    if (origin.health.status_min > origin.health.status_max) {
      error(path + ".health.status_max", fmt::format("expected at least status_min ({})", origin.health.status_min));
    }
  }

  bool mistaken(const std::string& setting) const {
    return std::any_of(context_.problems.begin(), context_.problems.end(), [&](const Problem& problem) {
      return problem.setting.starts_with(setting);
    });
  }

  // Where the rule was written for this route: its own table, or the defaults'.
  std::string written_at(std::size_t route, std::string_view key) const {
    const std::string own = fmt::format("route[{}].cache.{}", route, key);
    return context_.wrote(own) ? own : fmt::format("cache.defaults.{}", key);
  }

  void once(const std::string& setting, const char* message, bool is_error = false) {
    if (!told_.insert(setting + message).second) return;
    if (is_error) error(setting, message);
    else warn(setting, message);
  }

  void rules(std::size_t route) {
    const CacheRules& rules = config_.routes[route].cache;
    if (rules.max_object_bytes > config_.cache.max_object_bytes) {
      once(written_at(route, "max_object"), "expected at most cache.max_object", true);
    }
    if (!rules.enabled) return;
    for (const std::string_view key : {"stale_while_revalidate", "stale_if_error"}) {
      const auto& window = key == "stale_if_error" ? rules.stale_if_error : rules.stale_while_revalidate;
      if (!window || window->count() == 0 || rules.s_maxage_allows_stale) continue;
      once(written_at(route, key),
           "has no effect on answers with s-maxage, which are never served stale (RFC 9111 §5.2.2.10); let the origin "
           "say max-age or CDN-Cache-Control instead, or set s_maxage_allows_stale");
    }
    if (rules.set_cookie == SetCookie::keep && !config_.cache.strict_rfc) {
      once(written_at(route, "set_cookie"), "gives one client's cookies to all others where an answer is stored");
    }
    if (rules.strip_cookies && !rules.key_cookies.empty()) {
      once(written_at(route, "key_cookies"), "parts the key by cookies that strip_cookies hides from the origin");
    }
    if (std::find(rules.key_fields.begin(), rules.key_fields.end(), "cookie") != rules.key_fields.end()) {
      once(written_at(route, "key_fields"), "hardly two clients have the same Cookie: name the cookies in key_cookies");
    }
  }

  void duplicate_routes() {
    std::map<std::pair<std::string, std::string>, std::size_t> seen;   // host, path → route
    for (std::size_t i = 0; i < config_.routes.size(); ++i) {
      const Route& route = config_.routes[i];
      std::set<std::string> own;
      const std::vector<std::string> hosts = route.hosts.empty() ? std::vector<std::string>{"*"} : route.hosts;
      for (const std::string& host : hosts) {
        if (!own.insert(host).second) {
          error(fmt::format("route[{}].hosts", i), fmt::format("names {} twice", host));
          continue;
        }
        const auto [at, first] = seen.try_emplace({host, route.path}, i);
        if (first) continue;
        error(fmt::format("route[{}]", i), fmt::format("route[{}] has host {} and path {} already", at->second, host,
                                                      route.path));
      }
    }
  }

  void unused_origins() {
    for (std::size_t i = 0; i < config_.origins.size(); ++i) {
      const bool used = std::any_of(config_.routes.begin(), config_.routes.end(), [i](const Route& route) {
        return route.origin == i;
      });
      const std::string path = "origin." + key_text(config_.origins[i].name);
      if (!used && !config_.routes.empty()) warn(path, "no route leads to this origin");
    }
  }

  const Config& config_;
  Context& context_;
  std::set<std::string> told_;
};

}  // namespace

void validate(const Config& config, Context& context) { Validator(config, context).all(); }

}  // namespace davenport::config
