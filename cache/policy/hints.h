// cache/policy/hints.h: what a 103 (Early Hints, RFC 8297) may say of a page before it is there: the Link fields of an earlier answer
// that make a client load or connect (RFC 8288; rel=preload, modulepreload, preconnect).
//     const std::string links = hint_links(answer.fields);       // one field value; "": nothing to hint at
// Pure.
#pragma once
#include <cstddef>
#include <string>

#include "config/config.h"
#include "core/http/fields.h"

namespace davenport::policy {

inline constexpr std::size_t kHintBytes = 2048;      // more is left out

std::string hint_links(const http::Fields& answer);

// May what this answer links to be told to everybody who asks for the page? Not where request or answer carry what is one visitor's own, or
// the answer is private or chosen by more than the coding. Of no-store: where the rules do not go by the letter (RFC 9111 §5.2.2.5).
bool hints_for_all(const http::Fields& request, const http::Fields& answer, const config::CacheRules& rules);

}  // namespace davenport::policy
