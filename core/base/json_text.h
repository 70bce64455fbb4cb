// core/base/json_text.h: text as JSON (RFC 8259), whatever bytes it holds.
//     append_json_string(out, user_agent);      // "Mozilla\/…" with its quotes
// Shape   control bytes and DEL become \u00xx; bytes that are no UTF-8 (RFC 3629: overlong forms and surrogates too)
//         become U+FFFD, one for each byte. What comes out is one line of valid UTF-8.
// Thread  any; pure.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace davenport {

void append_json_string(std::string& out, std::string_view text);

// The length of the well-formed UTF-8 sequence that `text` begins with (1 to 4); 0 where there is none.
std::size_t utf8_sequence(std::string_view text);

}  // namespace davenport
