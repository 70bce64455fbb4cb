// tests/support/cache_status.h: what an answer says of its way through a cache: Cache-Status (RFC 9211), Proxy-Status
// (RFC 9209), and the dates that answers carry.
#pragma once
#include <chrono>
#include <map>
#include <string>

#include "support/message.h"

namespace davenport::testing {

// The last member of such a list, which is the cache nearest to the client (RFC 9211 §2).
struct CacheStatus {
  std::string name;
  std::map<std::string, std::string> parameters;    // a bare one has the value "?1"

  bool has(const std::string& parameter) const { return parameters.count(parameter) > 0; }
  std::string get(const std::string& parameter) const;   // "" where there is none
  long number(const std::string& parameter) const;
};
CacheStatus cache_status(const RawResponse& response);
CacheStatus proxy_status(const RawResponse& response);
CacheStatus parse_status(const std::string& field);

inline bool is_hit(const RawResponse& response) { return cache_status(response).has("hit"); }

// IMF-fixdate (RFC 9110 §5.6.7) of now plus `offset`.
std::string http_date(std::chrono::seconds offset = std::chrono::seconds{0});

}  // namespace davenport::testing
