#include "cache/policy/reason.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

namespace davenport::policy {
namespace {

bool is_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

TEST_CASE("each reason has a name of its own, made of lower-case letters and underscores") {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const ReasonName name = name_of(static_cast<Reason>(i));
    CAPTURE(i);
    CAPTURE(name.name);
    CHECK(is_name(name.name));
    CHECK(seen.insert(name.name).second);
  }
  CHECK(seen.size() == kReasonCount);
}

TEST_CASE("fwd is a token of RFC 9211 §2.2, or nothing for what was not forwarded") {
  const std::set<std::string_view> tokens{"",        "bypass", "method", "uri-miss", "vary-miss",
                                          "miss",    "request", "stale", "partial"};
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const ReasonName name = name_of(static_cast<Reason>(i));
    CAPTURE(name.name);
    CHECK(tokens.count(name.fwd) == 1);
  }
}

TEST_CASE("the reasons that RFC 9211 §2.2 names map to its tokens") {
  struct Row { Reason reason; std::string_view name, fwd; const char* rule; };
  for (const Row& row : {
           Row{Reason::fresh_hit, "fresh_hit", "", "§2.1: hit and fwd are exclusive"},
           Row{Reason::redis_hit, "redis_hit", "", "§2.1: it did not go forward"},
           Row{Reason::purge_unknown, "purge_unknown", "stale", "§2.2: what is stored can't be used as it is"},
           Row{Reason::stale_while_revalidate, "stale_while_revalidate", "", "§2.1: it did not go forward"},
           Row{Reason::stale_origin_gone, "stale_origin_gone", "", "§2.1: the origin is not available: a hit"},
           Row{Reason::client_accepts_stale, "client_accepts_stale", "", "§2.1"},
           Row{Reason::stale_if_error, "stale_if_error", "stale", "§2.2: the origin was asked"},
           Row{Reason::revalidated, "revalidated", "stale", "§2.1: going forward for validation is no hit"},
           Row{Reason::uri_miss, "uri_miss", "uri-miss", "§2.2"},
           Row{Reason::vary_miss, "vary_miss", "vary-miss", "§2.2"},
           Row{Reason::stale, "stale", "stale", "§2.2"},
           Row{Reason::must_revalidate, "must_revalidate", "stale", "§2.2"},
           Row{Reason::request_no_cache, "request_no_cache", "request", "§2.2: request directives"},
           Row{Reason::request_max_age, "request_max_age", "request", "§2.2: request directives"},
           Row{Reason::request_min_fresh, "request_min_fresh", "request", "§2.2: request directives"},
           Row{Reason::partial_miss, "partial_miss", "partial", "§2.2"},
           Row{Reason::method, "method", "method", "§2.2"},
           Row{Reason::route_bypass, "route_bypass", "bypass", "§2.2: configured not to handle it"},
           Row{Reason::pass_cookie, "pass_cookie", "bypass", "§2.2: configured not to handle it"},
           Row{Reason::only_if_cached, "only_if_cached", "", "§2: generated locally, no member at all"}}) {
    CAPTURE(row.rule);
    CHECK(name_of(row.reason).name == row.name);
    CHECK(name_of(row.reason).fwd == row.fwd);
  }
}

TEST_CASE("each verdict about storing has a name of its own") {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < kStoringCount; ++i) {
    const std::string_view name = name_of(static_cast<Storing>(i));
    CAPTURE(name);
    CHECK(is_name(name));
    CHECK(seen.insert(name).second);
  }
  CHECK(name_of(Storing::private_) == "private");
}

TEST_CASE("explain has a sentence for each reason, and advice wherever an operator can do something") {
  std::set<std::string_view> sentences;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const std::string_view text = text_of(static_cast<Reason>(i));
    CAPTURE(text);
    CHECK(text.ends_with('.'));
    CHECK(sentences.insert(text).second);
  }
  for (const Storing nothing_to_do : {Storing::stored, Storing::updated, Storing::not_asked, Storing::method}) {
    CHECK(advice_for(nothing_to_do).empty());
  }
  for (std::size_t i = 0; i < kStoringCount; ++i) {
    const std::string_view advice = advice_for(static_cast<Storing>(i));
    CAPTURE(advice);
    CHECK((advice.empty() || advice.ends_with('.')));
  }
  CHECK(advice_for(Storing::set_cookie).find("share_set_cookie") != std::string_view::npos);
  CHECK(advice_for(Storing::no_lifetime).find("default_ttl") != std::string_view::npos);
}

}  // namespace
}  // namespace davenport::policy
