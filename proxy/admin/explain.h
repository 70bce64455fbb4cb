// proxy/admin/explain.h: why a URL is, or is not, answered from the store. Asks what a worker asks (policy/), at this moment
// and without touching anything; what was decided earlier (why an answer was not stored) is only repeated, never guessed.
//     Result<Question> question = read_question("url=http%3A%2F%2Fshop%2Fmilk&field=Accept-Encoding:gzip");
//     Result<Explanation> explanation = explain(server, *question, now);      to_text(*explanation)
// Errors  what can't be a request to this proxy: the error says why.
// Thread  any.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/policy/facts.h"
#include "cache/policy/reuse.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "proxy/server/server.h"

namespace davenport::admin {

struct Question {
  std::string url;
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> fields;   // of the request
  bool as_text = false;
};
// The query of GET /explain.
Result<Question> read_question(std::string_view query);

struct NamedValue {
  std::string name;
  std::optional<std::string> value;      // nullopt: absent from the request
};

// One stored response.
struct Variant {
  bool chosen = false;                   // it would answer this request
  bool marker = false;                   // no response: the key is remembered as uncacheable (hit-for-miss)
  std::string storing;                   // of a marker: why its answer was not stored, where that is known
  std::vector<NamedValue> selector;      // what Vary chose by (RFC 9111 §4.1)
  policy::StoredFacts facts;
  std::int64_t age = 0, ttl = 0;         // now
  std::string lifetime_source;
  policy::PurgeState purge = policy::PurgeState::valid;
  std::vector<std::string> tags;         // those whose names are known; of the others the store has hashes
  std::size_t tag_count = 0;
  std::uint64_t checked_at = 0;          // purge position
  std::uint64_t body_bytes = 0, held_bytes = 0;
  std::vector<NamedValue> fields;        // those that caching looks at
  // Content codings (policy/coding.h).
  std::string codable;                   // "yes", or why it is sent as it is
  std::string coding;                    // of the stored source
  struct Form {
    std::string coding;
    bool strong = false;                 // made with the strong level
    std::uint64_t body_bytes = 0;
  };
  std::vector<Form> forms;
  std::string sent_as;                   // what this request gets, where this response is chosen
};

struct Explanation {
  std::string url, method;
  bool routed = false;                   // false: no route, and nothing below is filled in but `advice`
  std::vector<std::string> hosts;        // of the route; empty: any
  std::string path, origin;
  bool caching = true;                   // the route's cache.enabled
  std::string key, resource;             // readable
  std::vector<Variant> variants;
  std::uint64_t purge_position = 0;
  std::string action, reason, fwd, sentence;
  std::vector<std::string> advice;       // what to change; sentences
};

Result<Explanation> explain(server::Server& server, const Question& question, WallSeconds now);

std::string to_json(const Explanation& explanation);
std::string to_text(const Explanation& explanation);

}  // namespace davenport::admin
