// proxy/server/hit.h: answers out of the store, without suspending: whole, HEAD, 304, 412, ranges. The common one formats two numbers
// and nothing else: status line, Age and Cache-Status as text, then the stored fields and body in place.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "cache/policy/range.h"
#include "cache/policy/reuse.h"
#include "cache/store/memory_store.h"
#include "core/http/message.h"
#include "proxy/server/hot_table.h"
#include "proxy/server/output.h"
#include "proxy/server/request.h"
#include "proxy/server/snapshot.h"

namespace davenport::server {

// How an answer from the store is labelled (RFC 9211) and framed.
struct HitLabel {
  policy::Reason reason = policy::Reason::fresh_hit;
  bool forwarded = false;             // an answer of the origin's, just stored: "fwd=…" instead of "hit"
  bool revalidated = false;           // by a 304
  bool collapsed = false;
  int origin_status = 0;
  std::string_view private_fields;    // lines for this client alone (Set-Cookie), each ended by CRLF
  bool keep_alive = true;
  bool stored = true;                 // with `forwarded`: it is in the store
  Micros took{0};                     // for Server-Timing
};

// Appends the answer and fills in the account. `response` is borrowed as Output::stored() says.
void append_hit(Output& out, const http::RequestHead& request, const store::StoredResponse& response, const HitLabel& label,
                const Snapshot& snapshot, const config::CacheRules& rules, WallSeconds now, Account& account);

// The same for a fresh hit of the worker's hot table on a request that is_plain() and keeps an HTTP/1.1 connection: what was
// formatted in the same second for the same response is used again.
void append_hot_hit(Output& out, const http::RequestHead& request, const store::StoredResponse& response, const HitLabel& label,
                    HotTable::Formatted& formatted, const Snapshot& snapshot, const config::CacheRules& rules, WallSeconds now,
                    Account& account);
bool is_plain(const http::RequestHead& request);       // no condition and no range

// The fields of a stored head (policy/ speaks of fields). Views into it.
void read_stored_head(const store::StoredResponse& response, int& status, std::string_view& reason, http::Fields& fields);

// Does this stored part (206) hold the one range that is asked for?
bool part_suffices(const http::RequestHead& request, const store::StoredResponse& response);

// The status line and fields of a 304 made from stored ones, without what is added of our own.
void append_304(std::string& text, const http::RequestHead& request, const http::Fields& stored);

// "Content-Range: bytes 0-4/10", or "/*" where the whole's length is unknown.
void append_content_range(std::string& text, const policy::ByteRange& range, std::optional<std::uint64_t> whole);

// "Connection: close" or, for an HTTP/1.0 client that wants it, "keep-alive"; "" where the version says it all.
std::string_view connection_line(const http::RequestHead& request, bool keep_alive);

}  // namespace davenport::server
