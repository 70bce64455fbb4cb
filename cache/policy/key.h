// cache/policy/key.h: the canonical cache key of a request, and the name under which a purge reaches it.
//
// A key is a sequence of length-prefixed parts (scheme, port, host, path, query, then the route's added fields and cookies,
// each with its name), so no two different requests share one by construction. Spelling is normalised (RFC 3986 §6.2.2), while the
// origin is asked in the client's own, which it may redirect from. The *resource* is "host/path?query" alone: a purge of a URL reaches
// every key of it, whatever its scheme, port, final dot, added parts and variants. The dot is no part of a name, but the origin sees it. HEAD shares the key of GET: the method is no part of it.
//
// Bytes: u8 layout version, u8 flags (1: https, 2: the host has a final dot, 4: port 0), u16 port (0: the scheme's default), u32 sizes of host, path and
// query (its "?" included: 0 is none, 1 an empty one), the resource in one run, then for each added part u8 kind ('f', 'c'),
// u32 size of its name, u32 size of its value + 1 (0: absent), name, value. Integers in the machine's order.
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
// the client's connection. `canonical_host`: what canonical_host() says, or "" for the request's own. The port is always
// the request's: an answer may hold links with it.
// Query rules: dropped parameters are known by their name, sorting is by name and keeps the order of equal ones ("a=2&a=1" is
// not "a=1&a=2"). A query of which everything was dropped is none.
// `forwarded_host`: the host that a trusted proxy says the client asked, where that is another than the request's; an origin may write links
// by it.
KeyParts make_key(const http::RequestHead& request, std::string_view scheme, std::string_view canonical_host,
                  const config::CacheRules& rules, std::string& scratch, std::string_view forwarded_host = {});

// Is the query of a key another one than the request's?
bool has_query_rules(const config::CacheRules& rules);

// The route's first exact host where `host` (any case, with or without port) is one of its exact hosts, else `host` without its
// port: aliases share one key, the hosts of a pattern do not. A view of the route or of `host`.
std::string_view canonical_host(const config::Route& route, std::string_view host);

// The scheme that a key was made with, "http" or "https", and its resource; "" for what is no key of this layout.
std::string_view scheme_of_key(std::string_view key);
std::string_view resource_of_key(std::string_view key);

// The resource that a purge's URL names: "http://shop/x?y", "shop/x", or "/x" with `default_host`. The route's query
// rules are applied. Empty where it is no URL.
std::string purge_resource(std::string_view url, std::string_view default_host, const config::Config& config);
// The same for a prefix: "http://shop/img/" → "shop/img/". A prefix is compared byte by byte with resources.
std::string purge_prefix(std::string_view url, std::string_view default_host, const config::Config& config);

}  // namespace davenport::policy
