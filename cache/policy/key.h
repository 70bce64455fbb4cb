// cache/policy/key.h: the canonical cache key of a request, and the name under which a purge reaches it.
//
// A key is a sequence of length-prefixed parts (scheme, host, path, query, then the route's added fields and cookies,
// each with its name), so no two different requests share one by construction. Spelling is normalised (RFC 3986 §6.2.2)
// in the key only. The *resource* is "host/path?query" alone: a purge of a URL reaches every key of it, whatever its
// scheme, port, added parts and variants.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/base/hash.h"
#include "core/http/message.h"

namespace davenport::policy {

struct KeyParts {                  // views into the scratch that made them
  std::string_view key;            // canonical bytes, compared whole
  std::string_view resource;       // "host/path?query", a part of `key`; what URL and prefix purges look at
  Hash128 hash;                    // of `key`, with process_seed()
  Hash128 resource_hash;           // of `resource`, with process_seed()
};

// Makes the key in `scratch` (cleared; its capacity is kept, so a hit allocates nothing). `scheme`: "http" or "https" of
// the client's connection. `canonical_host`: the route's first host where it names exact hosts, else the request's.
KeyParts make_key(const http::RequestHead& request, std::string_view scheme, std::string_view canonical_host,
                  const config::CacheRules& rules, std::string& scratch);

// The resource that a purge's URL names: "http://shop/x?y", "shop/x", or "/x" with `default_host`. The route's query
// rules are applied. Empty where it is no URL.
std::string purge_resource(std::string_view url, std::string_view default_host, const config::Config& config);
// The same for a prefix: "http://shop/img/" → "shop/img/". A prefix is compared byte by byte with resources.
std::string purge_prefix(std::string_view url, std::string_view default_host, const config::Config& config);

}  // namespace davenport::policy
