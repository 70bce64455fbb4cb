// proxy/admin/warm_request.h: the body of POST /warm to an order, and what GET /warm says of a run.
//     {"urls": ["http://shop/a"]}   {"sitemap": "http://shop/sitemap.xml"}   {"sitemaps": [...]}
//     {"feed": {"url": "http://shop/feed.json", "template": "/product/{id}"}}
//     beside them: "rate", "concurrency", "variants": ["gzip", "br"]; what is not said is as [warm] says.
// Without a source (an empty body too) it is what the schedule does.
// Thread  any; pure.
#pragma once
#include <string>
#include <string_view>

#include "cache/warm/run.h"
#include "config/config.h"
#include "core/base/result.h"

namespace davenport::admin {

// The error says which member is wrong, and what would be right.
Result<warm::Order> read_warm_order(std::string_view json, const config::Warm& settings);

std::string progress_json(const warm::Progress* progress, SteadyTime now);      // null: there was no run

}  // namespace davenport::admin
