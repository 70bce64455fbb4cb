// tests/cache/policy/heads.h: heads out of literals, so that a test's table is all that there is to read.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "cache/policy/storability.h"
#include "config/config.h"
#include "core/http/grammar.h"
#include "core/http/message.h"

namespace davenport::policy::test {

using FieldList = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Mon, 01 Jun 2026 12:00:00 GMT: when the tests' responses arrive unless they say otherwise.
inline constexpr WallSeconds kReceived{Seconds{1780315200}};
inline WallSeconds at(std::int64_t seconds) { return kReceived + Seconds{seconds}; }
inline std::string date(std::int64_t seconds) { return http::http_date(at(seconds)); }
inline constexpr Times kAtOnce{kReceived, kReceived};

inline http::Fields fields(FieldList list) {
  http::Fields out;
  for (const auto& [name, value] : list) out.add_copy(name, value);
  return out;
}

// Lines "Name: value" separated by "\n": for tables whose rows are one string. "{-30}" stands for the date 30 s before
// kReceived.
inline void add_lines(http::Fields& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const std::size_t colon = line.find(':');
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    while (value.starts_with(' ')) value.remove_prefix(1);
    std::string written;
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (value[i] != '{') {
        written += value[i];
        continue;
      }
      const std::size_t close = std::min(value.find('}', i), value.size() - 1);
      written += date(std::atol(std::string(value.substr(i + 1, close - i - 1)).c_str()));
      i = close;
    }
    out.add_copy(line.substr(0, colon), written);
  }
}
inline http::Fields lines(std::string_view text) {
  http::Fields out;
  add_lines(out, text);
  return out;
}

// GET http://shop/x unless changed afterwards. The views are of literals.
inline http::RequestHead get(std::string_view text = "") {
  http::RequestHead head;
  head.method_name = "GET";
  head.target = head.path = "/x";
  head.authority = "shop";
  add_lines(head.fields, text);
  return head;
}
inline http::RequestHead request_of(http::Method method, std::string_view name, std::string_view text = "") {
  http::RequestHead head = get(text);
  head.method = method;
  head.method_name = name;
  return head;
}

inline http::ResponseHead response(int status, std::string_view text = "") {
  http::ResponseHead head;
  head.status = static_cast<std::uint16_t>(status);
  add_lines(head.fields, text);
  return head;
}

inline StoreVerdict judged(int status, std::string_view answer, const config::CacheRules& rules = {},
                           std::string_view asked = "") {
  return judge(get(asked), response(status, answer), kAtOnce, rules);
}

// What strict_rfc makes of the rules (config/load.h applies it): no departure from the RFCs is left.
inline config::CacheRules strict() {
  config::CacheRules rules;
  rules.heuristic_all_statuses = true;
  rules.set_cookie = config::SetCookie::keep;
  rules.stale_if_slow = Millis{0};
  return rules;
}

}  // namespace davenport::policy::test
