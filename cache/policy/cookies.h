// cache/policy/cookies.h: the pairs of a request's Cookie lines (RFC 6265 §4.2.1), as they came.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/http/fields.h"

namespace davenport::policy {

struct Cookie {
  std::string_view name, value;      // a pair without "=" is a name
};

//     for (CookieReader cookies(request.fields); auto cookie = cookies.next();) …
class CookieReader {
 public:
  explicit CookieReader(const http::Fields& fields) : line_(fields.begin()), end_(fields.end()) {}
  std::optional<Cookie> next();

 private:
  decltype(std::declval<const http::Fields&>().begin()) line_, end_;
  std::string_view rest_;
};

// The first cookie of that name, which is case-sensitive.
std::optional<std::string_view> find_cookie(const http::Fields& fields, std::string_view name);
// All of that name: their values with ';' between, which no value holds. Which of them an origin takes nobody knows.
std::optional<std::string_view> all_cookies(const http::Fields& fields, std::string_view name, std::string& scratch);

// One that the route's pass_cookies names: nothing of such a request is stored.
bool has_pass_cookie(const http::Fields& fields, const config::CacheRules& rules);

// With the route's ignore_other_cookies: the Cookie that an origin gets when it is asked for an answer to store, "a=1; b=2"; empty
// where the request has none of key_cookies.
void append_key_cookies(std::string& out, const http::Fields& request, const config::CacheRules& rules);

}  // namespace davenport::policy
