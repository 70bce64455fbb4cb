#include "proxy/server/snapshot.h"

#include <algorithm>

#include "core/http/uri.h"

namespace davenport::server {
namespace {

constexpr Seconds kReloadTakes{1};        // until all workers have taken it

net::TlsVersion version_of(config::TlsVersion version) {
  return version == config::TlsVersion::v1_3 ? net::TlsVersion::v1_3 : net::TlsVersion::v1_2;
}

Result<net::TlsServerPtr> tls_of(const config::ServerTls& tls, bool http2, const net::TicketKeysPtr& tickets) {
  if (!tls.on()) return net::TlsServerPtr();
  net::TlsServerSettings settings;
  for (const config::TlsCertificate& files : tls.certificates) settings.certificates.push_back({files.certificate, files.key, files.ocsp});
  settings.min_version = version_of(tls.min_version);
  if (http2) settings.protocols.push_back("h2");
  settings.protocols.push_back("http/1.1");
  settings.client_ca = tls.client_ca;
  return net::make_tls_server(settings, tickets);
}

Result<net::TlsClientPtr> tls_of(const config::Origin& origin) {
  if (!origin.https()) return net::TlsClientPtr();
  const config::OriginTls& tls = origin.tls;
  return net::make_tls_client({tls.verify, tls.ca, tls.certificate, tls.key.empty() ? tls.certificate : tls.key, version_of(tls.min_version)});
}

// All that is TLS in a configuration, before anything else is touched.
struct AllTls {
  std::vector<net::TlsServerPtr> listeners;
  net::TlsServerPtr admin;
  std::vector<net::TlsClientPtr> origins;
};

Result<AllTls> read_tls(const config::Config& config, const net::TicketKeysPtr& tickets) {
  AllTls all;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    Result<net::TlsServerPtr> tls = tls_of(config.listeners[i].tls, config.http2.enabled && config.listeners[i].http2, tickets);
    if (!tls) return Error{"listen[" + std::to_string(i) + "].tls: " + tls.error().message};
    all.listeners.push_back(std::move(*tls));
  }
  // Who shows a certificate shows it each time: no tickets.
  Result<net::TlsServerPtr> admin = tls_of(config.admin.tls, false, nullptr);
  if (!admin) return Error{"admin.tls: " + admin.error().message};
  all.admin = std::move(*admin);
  for (const config::Origin& origin : config.origins) {
    Result<net::TlsClientPtr> tls = tls_of(origin);
    if (!tls) return Error{"origin." + origin.name + ".tls: " + tls.error().message};
    all.origins.push_back(std::move(*tls));
  }
  return all;
}

// Whose heads of before `next` are still good.
std::vector<WallSeconds> heads_since(const config::Config& next, const SnapshotPtr& before, WallSeconds now) {
  std::vector<WallSeconds> since(next.routes.size(), WallSeconds::min());
  if (before == nullptr) return since;
  const std::vector<config::Route>& old = before->config->routes;
  const auto takes_the_same = [](const config::Route& a, const config::Route& b) { return a.hosts == b.hosts && a.path == b.path; };
  const auto makes_the_same = [](const config::Route& a, const config::Route& b) {
    return a.headers == b.headers && a.cache.tags_as == b.cache.tags_as && a.cache.drop_vary == b.cache.drop_vary;
  };
  const auto makes_none = [](const config::Route& route) { return route.headers.empty() && route.cache.tags_as.empty() && route.cache.drop_vary.empty(); };
  // Where requests go other ways, what is stored may have come by any of the old ones.
  const bool same_ways = std::equal(old.begin(), old.end(), next.routes.begin(), next.routes.end(), takes_the_same);
  const bool none = std::all_of(old.begin(), old.end(), makes_none) && std::all_of(next.routes.begin(), next.routes.end(), makes_none);
  const WallSeconds oldest = before->heads_since.empty() ? WallSeconds::min() : *std::max_element(before->heads_since.begin(), before->heads_since.end());
  for (std::size_t i = 0; i < since.size(); ++i) {
    if (same_ways && makes_the_same(old[i], next.routes[i])) since[i] = before->heads_since[i];
    else since[i] = none ? oldest : now + kReloadTakes;
  }
  return since;
}

}  // namespace

Result<std::monostate> check_tls(const config::Config& config) {
  const Result<AllTls> all = read_tls(config, nullptr);
  if (!all) return all.error();
  return std::monostate{};
}

Result<SnapshotPtr> make_snapshot(config::ConfigPtr config, const SnapshotPtr& predecessor, const net::TicketKeysPtr& tickets, WallSeconds now) {
  Result<AllTls> tls = read_tls(*config, tickets);
  if (!tls) return tls.error();
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->tls = std::move(tls->listeners);
  snapshot->admin_tls = std::move(tls->admin);
  for (std::size_t at = 0; at < config->origins.size(); ++at) {
    const config::Origin& origin = config->origins[at];
    origin::ClusterPtr before;
    auto rate = std::make_shared<Rate>();
    if (predecessor != nullptr) {
      for (std::size_t i = 0; i < predecessor->clusters.size(); ++i) {
        if (predecessor->config->origins[i].name != origin.name) continue;
        before = predecessor->clusters[i];
        rate = predecessor->background[i];
      }
    }
    snapshot->background.push_back(std::move(rate));
    snapshot->clusters.push_back(origin::make_cluster(origin, before, tls->origins[at]));
  }
  snapshot->heads_since = heads_since(*config, predecessor, now);
  snapshot->generation = predecessor == nullptr ? 1 : predecessor->generation + 1;
  snapshot->hit_prefix = "Cache-Status: " + config->cache.name + "; hit; ttl=";
  if (config->routes.size() == 1) {
    const config::Route& route = config->routes.front();
    const bool any_host = route.hosts.empty() || (route.hosts.size() == 1 && route.hosts.front() == "*");
    if (any_host && route.path == "/" && route.cookieless == nullptr) snapshot->only_route = &route;
  }
  snapshot->config = std::move(config);
  return SnapshotPtr(std::move(snapshot));
}

const config::Route* route_of(const Snapshot& snapshot, std::string_view authority, std::string_view path, std::string& scratch) {
  if (snapshot.only_route != nullptr) return snapshot.only_route;
  scratch.clear();
  const auto host = http::parse_host_port(authority);
  http::append_host(scratch, host ? host->host : authority);
  return config::route_for(*snapshot.config, scratch, path);
}

}  // namespace davenport::server
