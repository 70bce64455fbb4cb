#include "proxy/server/forward.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "cache/policy/coding.h"
#include "cache/policy/cookies.h"
#include "cache/policy/vary.h"
#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/serializer.h"

namespace davenport::server {
namespace {

using http::FieldId;

constexpr std::uint64_t bits(std::initializer_list<FieldId> ids) {
  std::uint64_t set = 0;
  for (const FieldId id : ids) set |= http::field_bit(id);
  return set;
}

constexpr std::array<std::array<char, 2>, 256> kHexPairs = [] {
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < pairs.size(); ++byte) pairs[byte] = {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  return pairs;
}();

// Written anew by us or by the exchange; never copied.
constexpr std::uint64_t kMadeAnew =
    bits({FieldId::host, FieldId::content_length, FieldId::transfer_encoding, FieldId::expect, FieldId::via,
          FieldId::x_forwarded_for, FieldId::x_forwarded_host, FieldId::x_forwarded_proto, FieldId::forwarded, FieldId::x_request_id});
// A fetch for the cache asks for the whole, and conditionally only by what is stored (RFC 9111 §4.3.1).
constexpr std::uint64_t kNotForStoring =
    bits({FieldId::range, FieldId::if_range, FieldId::if_none_match, FieldId::if_modified_since, FieldId::if_match,
          FieldId::if_unmodified_since, FieldId::accept_encoding, FieldId::accept_language});
constexpr std::uint64_t kFraming = bits({FieldId::content_length, FieldId::transfer_encoding});

// An origin that reads fields as CGI variables (RFC 3875 §4.1.18) takes X_Forwarded_For for X-Forwarded-For: a client could
// say there what we say anew.
bool passes_for_ours(const http::Field& field) {
  if (field.id != FieldId::other || field.name.find('_') == std::string_view::npos) return false;
  std::string dashed(field.name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  const FieldId id = http::field_id(dashed);
  return id != FieldId::other && (kMadeAnew & http::field_bit(id)) != 0;
}

// What frameworks take for the target, the method or the client's address, and no key knows: from a client nobody need believe it.
bool claims_another_target(const http::Field& field) {
  if (field.id != FieldId::other || field.name.size() < 6 || to_lower(field.name.front()) != 'x') return false;
  std::string name = lower(field.name);
  std::replace(name.begin(), name.end(), '_', '-');
  for (const std::string_view start : {"x-forwarded-", "x-original-", "x-http-method", "x-method-override", "x-rewrite-url", "x-real-ip", "x-host"}) {
    if (name.starts_with(start)) return true;
  }
  return false;
}

bool in_key(const config::CacheRules& rules, std::string_view name) {
  return std::any_of(rules.key_fields.begin(), rules.key_fields.end(), [&](const std::string& each) { return iequals(each, name); });
}

bool in(std::uint64_t set, const http::Field& field) {
  return field.id != FieldId::other && (set & http::field_bit(field.id)) != 0;
}

// RFC 7239 §6: an IPv6 address is quoted and bracketed; what is no address is a token.
void append_node(std::string& out, std::string_view address) {
  if (address.find(':') != std::string_view::npos) {
    out.append("\"[").append(address).append("]\"");
  } else {
    out.append(address == "unix" ? "unknown" : address);
  }
}

// Of what earlier proxies say in Forwarded: who, and nothing of the scheme and host (RFC 7239 §4).
std::string nodes_of(std::string_view forwarded) {
  std::string out;
  bool quoted = false, first = true;
  for (std::size_t at = 0, start = 0; at <= forwarded.size(); ++at) {
    const char c = at < forwarded.size() ? forwarded[at] : ',';
    if (c == '\\' && quoted) ++at;
    else if (c == '"') quoted = !quoted;
    if ((c != ',' && c != ';') || (quoted && at < forwarded.size())) continue;
    const std::string_view pair = trim_ows(forwarded.substr(start, at - start));
    if (iequals(pair.substr(0, 4), "for=") || iequals(pair.substr(0, 3), "by=")) {
      if (!out.empty()) out.append(first ? ", " : ";");
      out.append(pair);
      first = false;
    }
    if (c == ',') first = true;
    start = at + 1;
  }
  return quoted ? std::string{} : out;
}

// All tags under the name that the CDN in front reads. An update that has none says nothing of them.
void add_tags(const http::Fields& response, const config::CacheRules& rules, policy::Brings brings, http::Fields& out) {
  const bool said = std::any_of(response.begin(), response.end(), [&](const http::Field& field) { return policy::is_tag_field(field, rules); });
  if (brings == policy::Brings::update && !said) return;
  const std::vector<std::string> tags = policy::tags_of(response, rules);
  if (!tags.empty()) out.set_copy(rules.tags_as, policy::tags_value(tags, rules));
}

// `item`, in parts, behind what a proxy before us said.
void add_appended(http::Fields& out, FieldId id, std::string_view name, std::string_view before, std::string_view item, std::string_view rest = {}) {
  out.add_value(id, name, {before, before.empty() ? std::string_view{} : ", ", item, rest});
}

}  // namespace

bool trusted_peer(const Snapshot& snapshot, const Peer& peer) {
  for (const config::Network& network : snapshot.config->forwarding.trusted_proxies) {
    if (network.contains(peer.address)) return true;
  }
  return false;
}

Spoken spoken_by(const Snapshot& snapshot, const Peer& peer, const http::RequestHead& head) {
  Spoken spoken{peer.https ? "https" : "http", {}};
  constexpr std::uint64_t kSaid = bits({FieldId::x_forwarded_proto, FieldId::x_forwarded_host});
  if ((head.fields.present() & kSaid) == 0 || !snapshot.config->forwarding.x_forwarded || !trusted_peer(snapshot, peer)) return spoken;
  const std::string_view proto = head.fields.get(FieldId::x_forwarded_proto), host = head.fields.get(FieldId::x_forwarded_host);
  const std::string_view first = trim_ows(proto.substr(0, proto.find(',')));       // the one nearest to the client
  if (iequals(first, "https")) spoken.scheme = "https";
  if (iequals(first, "http")) spoken.scheme = "http";
  if (!iequals(host, head.authority)) spoken.forwarded_host = host;
  return spoken;
}

std::string_view client_address(const Snapshot& snapshot, const Peer& peer, const http::Fields& fields) {
  if (!fields.has(FieldId::x_forwarded_for) || !trusted_peer(snapshot, peer)) return peer.address;
  const http::Field* last = nullptr;
  for (const http::Field& field : fields) {
    if (field.id == FieldId::x_forwarded_for) last = &field;
  }
  std::string_view rest = last->value;
  while (!rest.empty()) {
    const std::size_t comma = rest.rfind(',');
    const std::string_view address = trim_ows(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
    if (address.empty() || address.size() > 45 || address.find_first_not_of("0123456789abcdefABCDEF.:") != std::string_view::npos) break;
    Peer hop;
    hop.address = address;
    if (!trusted_peer(snapshot, hop)) return address;
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(0, comma);
  }
  return peer.address;
}

void make_request_id(const Snapshot& snapshot, const Peer& peer, const http::Fields& fields, std::string& id) {
  const std::string_view given = fields.get(FieldId::x_request_id);
  if (!given.empty() && given.size() <= 128 && http::is_token(given) && trusted_peer(snapshot, peer)) {
    id.assign(given);
    return;
  }
  thread_local std::mt19937_64 random{std::random_device{}()};
  id.resize(32);
  char* to = id.data();
  for (int half = 0; half < 2; ++half) {
    std::uint64_t word = random();
    for (int i = 0; i < 8; ++i, word >>= 8, to += 2) std::memcpy(to, kHexPairs[word & 0xff].data(), 2);
  }
}

std::string request_id(const Snapshot& snapshot, const Peer& peer, const http::Fields& fields) {
  std::string id;
  make_request_id(snapshot, peer, fields, id);
  return id;
}

void append_origin_target(const http::RequestHead& head, std::string& out) {
  out.append(head.path);
  if (head.has_query) out.append("?").append(head.query);
}

std::string store_target(const Request& request) {
  std::string target = request.head.path.empty() ? "/" : std::string(request.head.path);
  if (!policy::has_query_rules(request.rules())) {
    if (request.head.has_query) target.append("?").append(request.head.query);
    return target;
  }
  const std::size_t query = request.key.resource.find('?');
  if (query != std::string_view::npos) target.append(request.key.resource.substr(query));
  return target;
}

bool asked_as_for_store(const Request& request, const http::Fields& asked, std::string_view target, const http::ResponseHead& answer) {
  if (target != store_target(request)) return false;
  // Those two are asked for normalised: another spelling matters where the answer was chosen by it.
  std::string scratch;
  const std::string_view vary = answer.fields.combined(FieldId::vary, scratch);
  std::uint64_t aside = kNotForStoring;
  if (answer.fields.has(FieldId::content_encoding) || http::list_contains(vary, "accept-encoding")) aside &= ~http::field_bit(FieldId::accept_encoding);
  if (answer.fields.has(FieldId::content_language) || http::list_contains(vary, "accept-language")) aside &= ~http::field_bit(FieldId::accept_language);
  http::Fields fetch;
  make_origin_fields(request, request.peer, Purpose::store, fetch);
  const auto counts = [aside](const http::Field& field) { return !in(aside, field); };
  if (std::count_if(asked.begin(), asked.end(), counts) != std::count_if(fetch.begin(), fetch.end(), counts)) return false;
  return std::all_of(asked.begin(), asked.end(), [&](const http::Field& field) {
    return !counts(field) || std::any_of(fetch.begin(), fetch.end(), [&](const http::Field& other) {
      return iequals(field.name, other.name) && field.value == other.value;
    });
  });
}

void make_origin_fields(const Request& request, const Peer& peer, Purpose purpose, http::Fields& out) {
  const http::RequestHead& head = request.head;
  const config::Config& config = *request.snapshot->config;
  const config::Origin& origin = config.origins[request.route->origin];
  const bool trusted = trusted_peer(*request.snapshot, peer);
  const http::HopByHop hop(head.fields);
  std::string scratch;
  out.clear();

  const bool listed_cookies = purpose == Purpose::store && request.rules().ignore_other_cookies && !request.rules().strip_cookies;

  // RFC 9112 §3.2.2: the authority of an absolute-form target stands over Host.
  if (!origin.host.empty()) {
    out.add(FieldId::host, "Host", origin.host);
  } else {
    out.add(FieldId::host, "Host", head.authority);
  }
  for (const http::Field& field : head.fields) {
    if (in(kMadeAnew, field) || hop(field) || passes_for_ours(field)) continue;
    if (purpose == Purpose::store && in(kNotForStoring, field)) continue;
    if (purpose == Purpose::store && !trusted && claims_another_target(field) && !in_key(request.rules(), field.name)) continue;
    if (head.method == http::Method::options && field.id == FieldId::other && iequals(field.name, "max-forwards")) {
      // RFC 9110 §7.6.2; what is no number is not ours to count down, and none is larger than 2^31.
      const std::optional<Seconds> left = http::parse_delta_seconds(field.value);
      if (left && left->count() > 0) {
        out.add_copy(field.name, std::to_string(left->count() - 1));
        continue;
      }
    }
    if (field.id == FieldId::origin && purpose == Purpose::store && !request.rules().known_origins.empty() &&
        !policy::known_origin(request.rules(), field.value)) {
      continue;
    }
    if (field.id == FieldId::cookie && (request.rules().strip_cookies || listed_cookies)) continue;
    if (field.id == FieldId::if_none_match) {
      // Tags of our own making mean nothing to an origin; those of coded forms stand for its own (policy/coding.h).
      const std::string tags = policy::origin_tags(field.value);
      if (!tags.empty()) out.add_copy(field.name, tags);
      continue;
    }
    out.add(field.id, field.name, field.value);
  }
  if (listed_cookies && head.fields.has(FieldId::cookie)) {
    std::string cookies;
    policy::append_key_cookies(cookies, head.fields, request.rules());
    if (!cookies.empty()) out.add_copy("Cookie", cookies);
  }
  if (purpose == Purpose::store) {
    // Compared normalised, so it is asked for normalised (RFC 9111 §4.1).
    const std::string_view encoding = policy::normalized_accept_encoding(head.fields, scratch);
    if (!encoding.empty()) out.add_value(FieldId::accept_encoding, "Accept-Encoding", {encoding});
    const std::string_view language = policy::normalized_accept_language(head.fields, scratch);
    if (!language.empty()) out.add_value(FieldId::accept_language, "Accept-Language", {language});
  }
  if (head.wants_upgrade && purpose == Purpose::pass) out.add("Upgrade", head.fields.get(FieldId::upgrade));

  // Who asked: appended to what a trusted proxy says, else said anew.
  // A fetch for the store tells what the key tells of scheme and host, and no more.
  const bool for_all = purpose == Purpose::store;
  if (config.forwarding.x_forwarded) {
    const std::string_view before = trusted ? head.fields.combined(FieldId::x_forwarded_for, scratch) : std::string_view{};
    add_appended(out, FieldId::x_forwarded_for, "X-Forwarded-For", before, peer.address);
    const std::string_view proto = trusted && !for_all ? head.fields.get(FieldId::x_forwarded_proto) : std::string_view{};
    out.add(FieldId::x_forwarded_proto, "X-Forwarded-Proto", proto.empty() ? request.scheme : proto);
    const std::string_view host = request.forwarded_host.empty() ? head.authority : std::string_view(request.forwarded_host);
    if (!host.empty()) out.add(FieldId::x_forwarded_host, "X-Forwarded-Host", host);
  }
  if (config.forwarding.forwarded) {
    std::string element;
    element.reserve(48 + peer.address.size() + head.authority.size());
    element.append("for=");
    append_node(element, peer.address);
    if (!head.authority.empty()) element.append(";host=\"").append(head.authority).append("\"");
    const std::string_view before = trusted ? head.fields.combined(FieldId::forwarded, scratch) : std::string_view{};
    // Of the hop to us (RFC 7239 §5.4), where those before say theirs; else it is all that the origin hears of the client's.
    const bool https = before.empty() || for_all ? request.scheme == "https" : peer.https;
    element.append(";proto=").append(https ? "https" : "http");
    add_appended(out, FieldId::forwarded, "Forwarded", for_all && !before.empty() ? nodes_of(before) : std::string(before), element);
  }
  const std::string_view version = head.major == 2 ? "2.0 " : head.minor == 0 ? "1.0 " : "1.1 ";
  add_appended(out, FieldId::via, "Via", head.fields.combined(FieldId::via, scratch), version, config.cache.name);
  out.add(FieldId::x_request_id, "X-Request-Id", request.id);
}

policy::RuleSubject rule_subject(const Request& request, int status, std::string_view type) {
  if (request.route->headers.empty()) return {};          // nobody will ask
  return policy::subject_of(request.head, request.key.resource, request.scheme, status, type);
}

void make_client_fields(const Request& request, const http::ResponseHead& response, const policy::StoreVerdict* verdict,
                        const policy::RuleSubject& subject, policy::Brings brings, WallSeconds received, http::Fields& out,
                        std::string& private_lines) {
  const config::CacheRules& rules = request.rules();
  const http::HopByHop hop(response.fields);
  out.clear();
  for (const http::Field& field : response.fields) {
    if (in(kFraming, field) || hop(field)) continue;
    if (!rules.forward_tags && policy::is_tag_field(field, rules)) continue;
    if (rules.strip_cookies && field.id == FieldId::set_cookie) continue;
    if (!rules.forward_targeted) {
      bool targeted = false;
      for (const std::string& name : rules.targeted_fields) targeted = targeted || iequals(name, field.name);
      if (targeted) continue;
    }
    if (verdict != nullptr) {
      if (field.id == FieldId::trailer) continue;         // none is kept
      if (field.id == FieldId::age) continue;             // made anew at each use (RFC 9111 §4.2.3)
      if (!policy::is_stored_field(field, *verdict, rules, response)) {
        if (field.id == FieldId::content_range) continue;    // of a 206 that holds everything: what the client gets has its own
        if (!policy::removed_by_rules(request.route->headers, subject, field.name)) http::append_field(private_lines, field.name, field.value);
        continue;
      }
    }
    out.add(field.id, field.name, field.value);
  }
  if (!rules.tags_as.empty()) add_tags(response.fields, rules, brings, out);
  policy::drop_from_vary(rules, out);
  policy::apply_header_rules(request.route->headers, policy::RulesFor::clients, brings, subject, out);
  if (!out.has(FieldId::date)) out.add_copy("Date", http::http_date(received));   // RFC 9110 §6.6.1
}

void append_head(std::string& out, int status, std::string_view reason, const http::Fields& fields) {
  http::append_status_line(out, status, reason);
  if (fields.has(FieldId::cache_status)) {
    for (const http::Field& field : fields) {
      if (field.id == FieldId::cache_status) http::append_field(out, field.name, field.value);
    }
  }
  http::append_fields(out, fields, http::field_bit(FieldId::cache_status));
}

}  // namespace davenport::server
