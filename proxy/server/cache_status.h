// proxy/server/cache_status.h: the Cache-Status and Proxy-Status lines (RFC 9211, RFC 9209), each ended by CRLF.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "cache/policy/reason.h"
#include "core/base/clock.h"
#include "proxy/origin/failure.h"

namespace davenport::server {

// For an answer that came from the origin: "Cache-Status: name; fwd=uri-miss; fwd-status=200; ttl=60; stored; detail=…".
struct Forwarded {
  policy::Reason reason = policy::Reason::uri_miss;
  policy::Storing storing = policy::Storing::not_asked;
  int origin_status = 0;            // 0: unknown
  bool stored = false, collapsed = false, has_ttl = false;
  std::int64_t ttl = 0;
};
void append_forwarded_status(std::string& out, std::string_view name, const Forwarded& forwarded);

// For an answer from the store. A hit that was not simply fresh says why it was allowed.
void append_hit_status(std::string& out, std::string_view hit_prefix, std::int64_t ttl, policy::Reason reason);

// "Server-Timing: cache;desc=miss;dur=12.3, origin;dur=11.9" (milliseconds; Server Timing §2): how long it took here, and of that
// until the origin's answer began to come. 0: the origin was not asked.
void append_server_timing(std::string& out, std::string_view what, Micros here, Micros origin);

// "Proxy-Status: name; error=connection_timeout" for what we answer in the origin's place.
void append_proxy_status(std::string& out, std::string_view name, const origin::FailureName& failure);
// … and for what we refuse.
void append_proxy_status(std::string& out, std::string_view name, std::string_view error);

}  // namespace davenport::server
