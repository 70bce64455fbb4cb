#include "proxy/server/snapshot.h"

#include "core/http/uri.h"

namespace davenport::server {

SnapshotPtr make_snapshot(config::ConfigPtr config, const SnapshotPtr& predecessor) {
  auto snapshot = std::make_shared<Snapshot>();
  for (const config::Origin& origin : config->origins) {
    origin::ClusterPtr before;
    if (predecessor != nullptr) {
      for (std::size_t i = 0; i < predecessor->clusters.size(); ++i) {
        if (predecessor->config->origins[i].name == origin.name) before = predecessor->clusters[i];
      }
    }
    snapshot->clusters.push_back(origin::make_cluster(origin, before));
  }
  snapshot->generation = predecessor == nullptr ? 1 : predecessor->generation + 1;
  snapshot->hit_prefix = "Cache-Status: " + config->cache.name + "; hit; ttl=";
  if (config->routes.size() == 1) {
    const config::Route& route = config->routes.front();
    const bool any_host = route.hosts.empty() || (route.hosts.size() == 1 && route.hosts.front() == "*");
    if (any_host && route.path_prefix == "/") snapshot->only_route = &route;
  }
  snapshot->config = std::move(config);
  return snapshot;
}

const config::Route* route_of(const Snapshot& snapshot, std::string_view authority, std::string_view path, std::string& scratch) {
  if (snapshot.only_route != nullptr) return snapshot.only_route;
  scratch.clear();
  const auto host = http::parse_host_port(authority);
  http::append_host(scratch, host ? host->host : authority);
  return config::find_route(*snapshot.config, scratch, path);
}

}  // namespace davenport::server
