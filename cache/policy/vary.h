// cache/policy/vary.h: which stored variant answers a request (RFC 9111 §4.1).
//
// A response that varies stores, for each name in its Vary, the request's value normalised (lines combined, optional
// white space dropped; further per field: Accept-Encoding, Accept-Language) or its absence. `selector` is those as
// length-prefixed bytes, so that matching is a comparison. A response without Vary has an empty selector and matches all.
#pragma once
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/http/message.h"

namespace davenport::policy {

bool varies_on_everything(const http::Fields& response);             // "*" in any member or line

// The selector of a response to `request`: names and values. "" where it has no Vary.
std::string make_selector(const http::Fields& response, const http::Fields& request, const config::CacheRules& rules);

// Does a request match a stored selector? `scratch` spares allocations.
bool selector_matches(std::string_view selector, const http::Fields& request, const config::CacheRules& rules,
                      std::string& scratch);

}  // namespace davenport::policy
