// docker/demo/purge.h: tells a cache that a tag has changed: POST <url> {"tags":["product-17"]}.
// Thread  that of the event loop; `done` comes there, once, with the cache's status, or 0 when it was not reached
//         within 3 s. Nothing blocks.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

struct event_base;

namespace demo {

struct PurgeTarget {
  std::string host, path;                          // a numeric address without brackets, or "localhost"
  std::uint16_t port = 0;
};

// "http://127.0.0.1:9090/purge"; the path may be missing. Names other than localhost are refused: looking them up
// would block the loop.
std::optional<PurgeTarget> parse_purge_url(std::string_view url);

void purge_tag(event_base* base, const PurgeTarget& target, std::string_view tag, std::function<void(int)> done);

}  // namespace demo
