#include "proxy/server/answer.h"

#include <algorithm>
#include <limits>

#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/serializer.h"
#include "proxy/server/cache_status.h"
#include "proxy/server/forward.h"
#include "proxy/server/hit.h"

namespace davenport::server {
namespace {

// RFC 9209 §2.3: what kind of answer of our own this is.
std::string_view own_error(int status) {
  if (status == 403) return "http_request_denied";
  return status < 500 ? "http_request_error" : "proxy_internal_response";
}

}  // namespace

void append_own_answer(Output& out, const http::RequestHead* request, const OwnAnswer& answer, const Snapshot& snapshot,
                       WallSeconds now, bool keep_alive, Account& account) {
  std::string body;
  if (answer.status != 204) {
    if (!answer.body_is_sentence) {
      append_number(body, answer.status);
      body.append(" ").append(http::reason_phrase(answer.status)).append("\n");
    }
    body.append(answer.sentence).append("\n");
    if (!answer.request_id.empty()) body.append("Request id: ").append(answer.request_id).append("\n");
  }
  std::string& text = out.begin_text();
  const std::size_t from = text.size();
  http::append_status_line(text, answer.status);
  http::append_field(text, "Date", http::http_date(now));
  if (answer.status != 204) {
    http::append_field(text, "Content-Type", answer.content_type);
    http::append_field(text, "Content-Length", std::uint64_t{body.size()});
  }
  http::append_field(text, "Cache-Control", "no-store");
  if (answer.failure) append_proxy_status(text, snapshot.config->cache.name, origin::name_of(*answer.failure));
  else if (answer.status >= 400) append_proxy_status(text, snapshot.config->cache.name, own_error(answer.status));
  if (answer.failure && answer.status == 503) http::append_field(text, "Retry-After", "1");
  if (!answer.request_id.empty()) http::append_field(text, "X-Request-Id", answer.request_id);
  text.append(answer.more_fields);
  if (request != nullptr) {
    text.append(connection_line(*request, keep_alive));
  } else {
    text.append("Connection: close\r\n");
  }
  text.append("\r\n");
  const bool with_body = request == nullptr || request->method != http::Method::head;
  if (with_body) text.append(body);
  out.end_text(from);
  account.status = answer.status;
  account.body_bytes = with_body ? body.size() : 0;
}

void record(Worker& worker, const http::RequestHead& request, const Peer& peer, std::string_view id, const Account& account,
            const Now& started, SteadyTime ended) {
  observe::WorkerMetrics& metrics = worker.metrics();
  metrics.requests.add();
  if (request.major == 2) metrics.requests_http2.add();
  metrics.bytes_out.add(account.body_bytes);
  metrics.responses_by_class[static_cast<std::size_t>(account.status >= 100 && account.status < 600 ? account.status / 100 : 0)].add();
  const Micros took = std::chrono::duration_cast<Micros>(ended - started.steady);
  if (account.has_reason) {
    metrics.requests_by_reason[static_cast<std::size_t>(account.reason)].add();
    if (account.age >= 0 && account.origin_server.empty()) {
      metrics.hit_bytes_out.add(account.body_bytes);
      metrics.hit_latency.observe(took);
    } else if (account.storing == policy::Storing::not_asked) {
      metrics.pass_latency.observe(took);
    } else {
      metrics.miss_latency.observe(took);
    }
  }
  observe::AccessLogRing* const ring = worker.ring();
  if (ring == nullptr) return;
  observe::AccessRecord line;
  line.at = started.wall;
  line.client = client_address(*worker.snapshot(), peer, request.fields);
  line.method = request.method_name;
  line.target = request.target;
  line.host = request.authority;
  line.user_agent = request.fields.get(http::FieldId::user_agent);
  line.referer = request.fields.get("referer");
  line.request_id = id;
  line.origin_server = account.origin_server;
  line.status = static_cast<std::uint16_t>(account.status);
  line.http_major = request.major;
  line.http_minor = request.major == 2 ? 0 : request.minor;
  line.bytes_out = account.body_bytes;
  line.duration_us = static_cast<std::uint32_t>(std::clamp<std::int64_t>(took.count(), 0, std::numeric_limits<std::uint32_t>::max()));      // 71 minutes at most
  line.origin_us = static_cast<std::uint32_t>(account.origin_time.count());
  line.reason = account.reason;
  line.has_reason = account.has_reason;
  line.storing = account.storing;
  line.age_s = static_cast<std::int32_t>(std::min<std::int64_t>(account.age, INT32_MAX));
  line.ttl_s = static_cast<std::int32_t>(std::clamp<std::int64_t>(account.ttl, INT32_MIN, INT32_MAX));
  if (!ring->push(line)) metrics.access_log_dropped.add();
}

}  // namespace davenport::server
