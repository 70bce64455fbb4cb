// cache/policy/header_rules.h: what a route's header rules make of the fields of an answer (config.h HeaderRule). They are applied
// once, when an answer arrives: what is stored has them in its head, and a hit costs nothing more.
//     const RuleSubject subject = subject_of(request.head, request.key.resource, request.scheme, status, type);
//     apply_header_rules(route.headers, RulesFor::clients, Brings::answer, subject, fields);
// Two uses. Rules that say `obey` change what this cache judges (RulesFor::cache); clients get what all of them make. Where a rule
// is not obeyed, how long an answer is fresh here stays the origin's word (and the route's).
// Secure   Strict-Transport-Security is put in only where the request came over TLS (RFC 6797 §7.2).
// Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/http/message.h"

namespace davenport::policy {

// What rules ask about, and what the variables in their values stand for. Host and path are those of the key, so that everybody
// who gets the stored answer gets the same.
struct RuleSubject {
  int status = 200;
  std::string_view type;                    // of the answer: its Content-Type
  std::string_view host, path, query;
  std::string_view scheme = "http";
  std::string_view origin;                  // Origin of the request; "": none
};
RuleSubject subject_of(const http::RequestHead& request, std::string_view resource, std::string_view scheme, int status,
                       std::string_view type);

enum class RulesFor : std::uint8_t { cache, clients };
// An update (a 304) says again only what it brings: what a rule made of the other fields is stored already.
enum class Brings : std::uint8_t { answer, update };

void apply_header_rules(const std::vector<config::HeaderRule>& rules, RulesFor whom, Brings brings, const RuleSubject& subject,
                        http::Fields& fields);

// Is a field of the origin's taken out? For what one client alone would get.
bool removed_by_rules(const std::vector<config::HeaderRule>& rules, const RuleSubject& subject, std::string_view name);

// Do rules that this cache does not obey change how long others keep the answer? Its Cache-Control, Expires and targeted fields
// are then no longer its origin's.
bool relabels_freshness(const std::vector<config::HeaderRule>& rules, const RuleSubject& subject, const config::CacheRules& cache);
bool speaks_of_freshness(const http::Field& field, const config::CacheRules& cache);
// Takes those fields out of a stored head, before an update is judged: what it does not bring is not the origin's.
void remove_relabelled(const config::CacheRules& cache, http::Fields& fields);

// The head as this cache judges it; nullopt: as it came.
std::optional<http::ResponseHead> as_obeyed(const std::vector<config::HeaderRule>& rules, const RuleSubject& subject,
                                            const http::ResponseHead& head);

// Takes the fields that match drop_vary out of Vary.
void drop_from_vary(const config::CacheRules& rules, http::Fields& fields);

// Is it one of the sites that the route's rules let in? Where it has such rules, others count as none (vary.h).
bool known_origin(const config::CacheRules& rules, std::string_view origin);

}  // namespace davenport::policy
