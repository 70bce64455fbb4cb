// tests/support/fleet.h: instances that share a Redis, as tests want them: a short lease, and a budget that a busy machine keeps.
//     RedisCluster redis;  const Proxy a(config_for_fleet(origin, redis.toml(), "a")), b(config_for_fleet(origin, redis.toml(), "b"));
//     await_log_followed({&a, &b});
#pragma once
#include <initializer_list>
#include <string>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

namespace davenport::testing {

// `redis`: the lines of [redis] that say where it is.
inline ProxyConfig config_for_fleet(const Origin& origin, const std::string& redis, const std::string& instance) {
  ProxyConfig config = config_for(origin);
  config.add("redis", redis).add("redis", "instance = \"" + instance + "\"\nlease = \"1s\"\nbudget = \"200ms\"");
  return config;
}

inline void await_log_followed(std::initializer_list<const Proxy*> instances) {
  for (const Proxy* each : instances) each->await_metric("davenport_purge_log_reachable", 1);
}

inline bool from_redis(const RawResponse& response) { return cache_status(response).get("detail") == "redis_hit"; }
inline bool from_memory(const RawResponse& response) { return is_hit(response) && !from_redis(response); }

}  // namespace davenport::testing
