// proxy/admin/readable.h: what the cache keeps as bytes, for people: keys, selectors, stored heads, spans of time.
// Thread  any; pure. Bytes that are not of the layout give less, never a fault.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/fields.h"
#include "proxy/admin/explain.h"

namespace davenport::admin {

// policy/key.h: "http://shop:8080/milk?fat=3 + field accept-language=de + cookie theme (absent)"
std::string readable_key(std::string_view key);

// policy/vary.h: what a variant was chosen by.
std::vector<NamedValue> readable_selector(std::string_view selector);

// The fields of StoredResponse::head(); views of `head`.
http::Fields fields_of_head(std::string_view head);

// "2 h 5 min", "45 s", "-3 s"
std::string readable_seconds(std::int64_t seconds);

}  // namespace davenport::admin
