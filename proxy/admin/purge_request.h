// proxy/admin/purge_request.h: the body of POST /purge to what the purge log wants. All of it is checked before anything is
// done, so that a mistake in the last of many names purges nothing.
//     {"url": "http://shop/milk"}   {"urls": [...]}   {"tag": "dairy"}   {"tags": [...]}   {"prefix": "http://shop/img/"}
//     {"all": true}      each with "soft": true, "id": "…", "count": false, "wait": "all" beside it
// Thread  any; pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cache/purge/embedded_log.h"
#include "cache/purge/log.h"
#include "config/config.h"
#include "core/base/result.h"

namespace davenport::admin {

inline constexpr std::size_t kPurgeNamesMax = 10'000;
inline constexpr std::size_t kPurgeUrlBytesMax = 8 * 1024;
inline constexpr std::size_t kPurgeTagBytesMax = 256;     // policy/storability.h: longer ones are on no response
inline constexpr std::size_t kPurgeIdBytesMax = 128;

struct PurgeOrder {
  purge::Request request;        // `by` is the caller's to fill in
  bool count = true;             // wait for the sweeper's count
};

// The error says which member is wrong, and what would be right.
Result<PurgeOrder> read_purge_order(std::string_view json, const config::Config& config);

// GET /purges: the newest first.
std::string audit_json(const std::vector<purge::EmbeddedLog::Audited>& audit);

}  // namespace davenport::admin
