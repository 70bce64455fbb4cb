// docker/demo/text.h: text as HTML, JSON, forms and HTTP fields want it. PURE: no clock, no socket, any thread.
//     render("<b>{{name}}</b>{{{rows}}}", {{"name", product.name}, {"rows", rows_html}})
// Errors  what a client sent is never refused here: broken percent signs stay as they are, lists are cut at a bound.
#pragma once
#include <cstdint>
#include <ctime>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace demo {

// & < > " ' become entities: safe in text and in quoted attributes.
std::string escape_html(std::string_view text);

// A JSON string without its quotes; bytes from 0x80 on pass as they are.
std::string escape_json(std::string_view text);

// {{name}} is escaped, {{{name}}} goes in as it is and is meant for HTML that render() made. One pass: what is
// filled in is not searched again, so that a product named "{{price}}" stays one. A name without a value is our bug.
using Values = std::initializer_list<std::pair<std::string_view, std::string_view>>;
std::string render(std::string_view text, Values values);

// "%41+b" → "A b". A percent sign without two digits stays.
std::string decode_url(std::string_view text);
// What is not unreserved (RFC 3986 §2.3) is percent-encoded.
std::string encode_url(std::string_view text);

// application/x-www-form-urlencoded, of a query or a body. At most kMaxFormFields are read.
using Form = std::vector<std::pair<std::string, std::string>>;
constexpr std::size_t kMaxFormFields = 32;
Form parse_form(std::string_view text);
std::string_view form_value(const Form& form, std::string_view name);  // "" if missing

// The value of a cookie in a Cookie field (RFC 6265 §4.2.1), "" if missing.
std::string_view cookie_value(std::string_view cookies, std::string_view name);

// A number without sign, space or leftovers, within bounds.
std::optional<int> parse_number(std::string_view text, int min, int max);

// "12.50", "12.5" or "12" → 1250; at most two decimals, at most 99999.99.
std::optional<int> parse_price(std::string_view text);
std::string price_text(int cents);  // "12.50"

// IMF-fixdate (RFC 9110 §5.6.7), and back; other forms are not read.
std::string http_date(std::time_t time);
std::optional<std::time_t> parse_http_date(std::string_view text);

// If-None-Match against our ETag, by weak comparison (RFC 9110 §13.1.2, §8.8.3.2).
bool etag_matches(std::string_view if_none_match, std::string_view etag);

std::uint64_t hash_of(std::string_view bytes);  // FNV-1a with a final mix: fingerprints and choices, not secrets
std::string hex(std::uint64_t number);          // 16 digits

}  // namespace demo
