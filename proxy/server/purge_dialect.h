// proxy/server/purge_dialect.h: the purges that applications send, as HTTP requests, to what the purge log wants. docs/purge.md lists
// whose each of them is.
//     PURGE /path                                       one URL: all its variants, whatever scheme and port
//     PURGE /path/.*   X-Purge-Method: regex            all below a path
//     PURGE or BAN     Surrogate-Key, Cache-Tag, Cache-Tags, xkey, xkey-purge, xkey-softpurge, X-Cache-Tags, X-Magento-Tags-Pattern
//     … with Fastly-Soft-Purge: 1                       soft
// A pattern is taken where it means exactly one prefix, or exactly some tags; anything else is refused with the reason and purges
// nothing.
// Thread  any; pure.
#pragma once
#include "cache/purge/log.h"
#include "config/config.h"
#include "core/base/result.h"
#include "core/http/message.h"

namespace davenport::server {

inline constexpr std::size_t kPurgeTagsMax = 10'000;

// `by` and `id` are the caller's to fill in. The error is a sentence for whoever sent it.
Result<purge::Request> read_purge_dialect(const http::RequestHead& head, const config::Config& config);

}  // namespace davenport::server
