#include "proxy/admin/metrics_text.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "proxy/admin/exposition.h"
#include "proxy/server/warmer.h"

namespace davenport::admin {
namespace {

using observe::Histogram;
using observe::WorkerMetrics;
using Workers = std::vector<const WorkerMetrics*>;

struct Plain {
  const char* name;
  const char* help;
  Counter WorkerMetrics::*counter;
};

constexpr Plain kCounters[] = {
    {"davenport_client_requests_total", "Requests of clients that were read.", &WorkerMetrics::requests},
    {"davenport_http2_requests_total", "Of them, those that came over HTTP/2.", &WorkerMetrics::requests_http2},
    {"davenport_http2_connections_total", "Connections of clients that spoke HTTP/2.", &WorkerMetrics::http2_connections},
    {"davenport_http2_resets_total", "Streams that clients reset, or had reset by what they sent.", &WorkerMetrics::http2_resets},
    {"davenport_http2_refused_streams_total", "Streams refused because too many requests were under way.", &WorkerMetrics::http2_refused_streams},
    {"davenport_http2_calmed_total", "Connections ended because their client asked for too much work.", &WorkerMetrics::http2_calmed},
    {"davenport_client_errors_total", "Requests that were answered with a 4xx of our own.", &WorkerMetrics::client_errors},
    {"davenport_parse_errors_total", "Requests refused because they are no valid HTTP.", &WorkerMetrics::parse_errors},
    {"davenport_timeouts_total", "Clients that were too slow with a request or with taking an answer.", &WorkerMetrics::timeouts},
    {"davenport_clients_gone_total", "Clients that left before their answer was sent.", &WorkerMetrics::clients_gone},
    {"davenport_bytes_in_total", "Bytes read from clients.", &WorkerMetrics::bytes_in},
    {"davenport_bytes_out_total", "Bytes sent to clients.", &WorkerMetrics::bytes_out},
    {"davenport_hit_bytes_out_total", "Bytes sent to clients out of the store.", &WorkerMetrics::hit_bytes_out},
    {"davenport_connections_accepted_total", "Connections of clients.", &WorkerMetrics::connections_accepted},
    {"davenport_connections_refused_total", "Connections closed at once, over a limit.", &WorkerMetrics::connections_refused},
    {"davenport_tls_handshakes_total", "TLS handshakes with clients that came to their end.", &WorkerMetrics::handshakes},
    {"davenport_tls_resumed_total", "Of them, those that resumed a session by its ticket.", &WorkerMetrics::handshakes_resumed},
    {"davenport_tls_failed_total", "TLS handshakes with clients that failed or took too long.", &WorkerMetrics::handshakes_failed},
    {"davenport_tls_refused_total", "Connections closed for tls.handshakes_per_second.", &WorkerMetrics::handshakes_refused},
    {"davenport_flights_total", "Fetches that other requests may share.", &WorkerMetrics::flights},
    {"davenport_coalesced_followers_total", "Requests that shared a fetch of another one.", &WorkerMetrics::coalesced_followers},
    {"davenport_background_refreshes_total", "Revalidations behind a stale answer.", &WorkerMetrics::background_refreshes},
    {"davenport_origin_requests_total", "Requests sent to origins, retries not counted.", &WorkerMetrics::origin_requests},
    {"davenport_origin_failures_total", "Requests that got no whole answer from an origin.", &WorkerMetrics::origin_failures},
    {"davenport_origin_bytes_in_total", "Bytes of bodies read from origins.", &WorkerMetrics::origin_bytes_in},
    {"davenport_access_log_dropped_total", "Lines that the access log had no room for.", &WorkerMetrics::access_log_dropped},
};

constexpr Plain kGauges[] = {
    {"davenport_connections_open", "Connections of clients that are open.", &WorkerMetrics::connections_open},
    {"davenport_tunnels_open", "Connections that were upgraded to another protocol.", &WorkerMetrics::tunnels_open},
};

template <class Member>
std::uint64_t sum(const Workers& workers, Member member) {
  std::uint64_t total = 0;
  for (const WorkerMetrics* worker : workers) total += member(*worker).value();
  return total;
}

std::uint64_t sum(const Workers& workers, Counter WorkerMetrics::*counter) {
  return sum(workers, [counter](const WorkerMetrics& worker) -> const Counter& { return worker.*counter; });
}

Exposition::Buckets buckets_of(const Workers& workers, Histogram WorkerMetrics::*histogram) {
  Exposition::Buckets buckets;
  for (const WorkerMetrics* worker : workers) buckets.add(worker->*histogram);
  return buckets;
}

void add_requests(Exposition& out, const Workers& workers) {
  out.counter("davenport_requests_total", "Requests by why they were answered as they were; outcome sums this up.");
  for (std::size_t i = 0; i < policy::kReasonCount; ++i) {
    const auto reason = static_cast<policy::Reason>(i);
    out.sample({{"reason", policy::name_of(reason).name}, {"outcome", outcome_of(reason)}},
               sum(workers, [i](const WorkerMetrics& worker) -> const Counter& { return worker.requests_by_reason[i]; }));
  }
  out.counter("davenport_storing_total", "Answers of origins by what became of them in the store.");
  for (std::size_t i = 0; i < policy::kStoringCount; ++i) {
    out.sample({{"result", policy::name_of(static_cast<policy::Storing>(i))}},
               sum(workers, [i](const WorkerMetrics& worker) -> const Counter& { return worker.storing[i]; }));
  }
  out.counter("davenport_responses_total", "Answers to clients by the class of their status.");
  constexpr std::string_view kClasses[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  for (std::size_t i = 0; i < std::size(kClasses); ++i) {
    out.sample({{"class", kClasses[i]}},
               sum(workers, [i](const WorkerMetrics& worker) -> const Counter& { return worker.responses_by_class[i]; }));
  }
  for (const Plain& plain : kCounters) {
    out.counter(plain.name, plain.help);
    out.sample(sum(workers, plain.counter));
  }
  for (const Plain& plain : kGauges) {
    out.gauge(plain.name, plain.help);
    out.sample(sum(workers, plain.counter));
  }
  out.histogram("davenport_request_duration_seconds", "From a request's head to the last byte of its answer.");
  out.sample({{"outcome", "hit"}}, buckets_of(workers, &WorkerMetrics::hit_latency));
  out.sample({{"outcome", "miss"}}, buckets_of(workers, &WorkerMetrics::miss_latency));
  out.sample({{"outcome", "pass"}}, buckets_of(workers, &WorkerMetrics::pass_latency));
  out.histogram("davenport_origin_first_byte_seconds", "From a request to an origin to the first byte of its answer.");
  out.sample({}, buckets_of(workers, &WorkerMetrics::origin_first_byte));
}

void add_store(Exposition& out, server::Server& server) {
  const store::MemoryStore::Stats stats = server.store().stats();
  struct Row { const char *name, *help; std::uint64_t value; };
  for (const Row& row : {
           Row{"davenport_store_bytes", "Memory of the store in use.", stats.bytes},
           Row{"davenport_store_capacity_bytes", "Memory that the store may use.", stats.capacity_bytes},
           Row{"davenport_store_pinned_bytes", "Memory of responses that left the store and are still being sent.", stats.pinned_bytes},
           Row{"davenport_store_fill_bytes", "Memory of bodies that are arriving.", stats.fill_bytes},
           Row{"davenport_store_objects", "Stored responses.", stats.objects}}) {
    out.gauge(row.name, row.help);
    out.sample(row.value);
  }
  for (const Row& row : {
           Row{"davenport_store_evictions_total", "Responses that made room for others.", stats.evictions},
           Row{"davenport_store_insertions_total", "Responses that were stored.", stats.insertions},
           Row{"davenport_store_refused_total", "Responses that found no room.", stats.refused}}) {
    out.counter(row.name, row.help);
    out.sample(row.value);
  }
}

struct ServerColumn {
  const char *name, *type, *help;
  std::uint64_t (*value)(const origin::ServerState&);
};

constexpr ServerColumn kServerColumns[] = {
    {"davenport_origin_server_up", "gauge", "1 unless active checks find the server unhealthy.",
     [](const origin::ServerState& state) -> std::uint64_t { return state.healthy ? 1 : 0; }},
    {"davenport_origin_server_ejected", "gauge", "1 while the server is left alone for its failures.",
     [](const origin::ServerState& state) -> std::uint64_t { return state.ejected ? 1 : 0; }},
    {"davenport_origin_server_connections", "gauge", "Connections to the server.",
     [](const origin::ServerState& state) -> std::uint64_t { return state.connections; }},
    {"davenport_origin_server_outstanding", "gauge", "Requests that the server has not answered yet.",
     [](const origin::ServerState& state) -> std::uint64_t { return state.outstanding; }},
    {"davenport_origin_server_requests_total", "counter", "Requests sent to the server, retries counted.",
     [](const origin::ServerState& state) { return state.requests; }},
    {"davenport_origin_server_failures_total", "counter", "Requests that the server failed.",
     [](const origin::ServerState& state) { return state.failures; }},
    {"davenport_origin_server_ejections_total", "counter", "Times that the server was ejected.",
     [](const origin::ServerState& state) { return state.ejections; }},
};

struct OriginColumn {
  const char *name, *type, *help;
  std::uint64_t (*value)(const origin::ClusterState&);
};

constexpr OriginColumn kOriginColumns[] = {
    {"davenport_origin_available", "gauge", "1 while at least one server may be asked.",
     [](const origin::ClusterState& state) -> std::uint64_t { return state.available ? 1 : 0; }},
    {"davenport_origin_queued", "gauge", "Requests that wait for a connection.",
     [](const origin::ClusterState& state) -> std::uint64_t { return state.queued; }},
    {"davenport_origin_retries_total", "counter", "Requests that were tried again.",
     [](const origin::ClusterState& state) { return state.retries; }},
    {"davenport_origin_queue_timeouts_total", "counter", "Requests that waited too long for a connection.",
     [](const origin::ClusterState& state) { return state.queue_timeouts; }},
    {"davenport_origin_queue_rejections_total", "counter", "Requests that found the queue full.",
     [](const origin::ClusterState& state) { return state.queue_rejections; }},
};

template <class Column>
void begin_family(Exposition& out, const Column& column) {
  if (std::string_view(column.type) == "gauge") out.gauge(column.name, column.help);
  else out.counter(column.name, column.help);
}

// "10.0.0.1:80", or "shop.internal:80 (10.0.0.1:80)" where a name led there: two names may lead to one address.
std::string label_of(const origin::ServerState& state) {
  if (state.name.empty() || state.name == state.address) return state.address;
  return state.name + " (" + state.address + ")";
}

void add_origins(Exposition& out, const std::vector<origin::ClusterState>& origins) {
  for (const OriginColumn& column : kOriginColumns) {
    begin_family(out, column);
    for (const origin::ClusterState& cluster : origins) out.sample({{"origin", cluster.name}}, column.value(cluster));
  }
  for (const ServerColumn& column : kServerColumns) {
    begin_family(out, column);
    for (const origin::ClusterState& cluster : origins) {
      for (const origin::ServerState& state : cluster.servers) {
        out.sample({{"origin", cluster.name}, {"server", label_of(state)}}, column.value(state));
      }
    }
  }
}

struct RedisCounter {
  const char *name, *help, *label;
  struct Sample {
    const char* value;
    Counter redis::Metrics::*count;
  };
  std::vector<Sample> samples;
};

// Nothing of it where there is no Redis.
void add_redis(Exposition& out, server::Server& server) {
  const std::vector<const redis::Metrics*> all = server.redis_metrics();
  if (all.empty()) return;
  using M = redis::Metrics;
  static const RedisCounter kRedis[] = {
      {"davenport_redis_reads_total", "Look-ups in Redis by what they brought.", "result",
       {{"found", &M::found}, {"absent", &M::absent}, {"unusable", &M::unusable}, {"damaged", &M::damaged},
        {"failed", &M::read_failed}, {"late", &M::read_late}, {"skipped", &M::read_skipped}}},
      {"davenport_redis_writes_total", "Answers on their way to Redis by what became of them.", "result",
       {{"written", &M::written}, {"failed", &M::write_failed}, {"dropped", &M::write_dropped}, {"too_large", &M::write_too_large},
        {"no_position", &M::write_no_position}}},
      {"davenport_redis_errors_total", "Errors that Redis answered with.", "error",
       {{"moved", &M::moved}, {"ask", &M::asked}, {"try_again", &M::try_again}, {"cluster_down", &M::cluster_down},
        {"read_only", &M::read_only}, {"loading", &M::loading}, {"out_of_memory", &M::out_of_memory}, {"refused", &M::refused},
        {"other", &M::other_errors}}},
      {"davenport_redis_connections_total", "Connections to Redis nodes by what happened to them.", "event",
       {{"begun", &M::connects}, {"ended", &M::disconnects}}},
      {"davenport_redis_lease_waits_total", "Looks for an answer that another instance was fetching.", "", {{"", &M::lease_waits}}},
      {"davenport_redis_breaker_openings_total", "Times that a node was left alone for its failures.", "", {{"", &M::breaker_openings}}},
      {"davenport_redis_map_refreshes_total", "Times that the cluster's slots were asked for.", "result",
       {{"tried", &M::refreshes}, {"failed", &M::refresh_failures}}},
  };
  const auto total = [&all](Counter M::*count) {
    std::uint64_t sum = 0;
    for (const M* each : all) sum += (each->*count).value();
    return sum;
  };
  for (const RedisCounter& family : kRedis) {
    out.counter(family.name, family.help);
    for (const RedisCounter::Sample& sample : family.samples) {
      if (*family.label == '\0') out.sample(total(sample.count));
      else out.sample({{family.label, sample.value}}, total(sample.count));
    }
  }
  out.gauge("davenport_redis_write_bytes_pending", "Bytes on their way to Redis.");
  out.sample(total(&M::write_bytes_pending));
  const purge::LogHealth log = server.purge_log().health();
  out.gauge("davenport_purge_log_reachable", "1 while the fleet's purge log is followed.");
  out.sample(std::uint64_t{log.reachable ? 1u : 0u});
  out.gauge("davenport_purge_log_position", "Entry of the fleet's purge log up to which all are applied here.");
  out.sample(log.at.position);
  out.counter("davenport_purge_log_events_total", "Times that the fleet's purge log was not as it should be.");
  out.sample({{"event", "fork"}}, log.forks);
  out.sample({{"event", "gap"}}, log.gaps);
  out.sample({{"event", "repaired"}}, log.repaired);
  out.sample({{"event", "unreadable"}}, log.unreadable);
}

double seconds_of(const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; }
double seconds_of(WallTime time) { return static_cast<double>(time.time_since_epoch().count()) / 1e3; }

// The names that Prometheus' own client libraries use.
void add_process(Exposition& out, const ProcessFacts& facts) {
  std::uint64_t virtual_pages = 0, resident_pages = 0;
  std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages;
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::uint64_t open_fds = 0;
  std::error_code error;
  for (auto at = std::filesystem::directory_iterator("/proc/self/fd", error); at != std::filesystem::directory_iterator();
       at.increment(error)) {
    ++open_fds;
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);

  out.gauge("process_resident_memory_bytes", "Resident memory.");
  out.sample(resident_pages * page_bytes);
  out.gauge("process_virtual_memory_bytes", "Virtual memory.");
  out.sample(virtual_pages * page_bytes);
  out.gauge("process_open_fds", "Open file descriptors.");
  out.sample(open_fds);
  out.gauge("process_max_fds", "File descriptors that may be open.");
  out.sample(std::uint64_t{files.rlim_cur});
  out.counter("process_cpu_seconds_total", "Processor time, of the user and of the system.");
  out.sample({}, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
  out.gauge("process_start_time_seconds", "Start, since 1970.");
  out.sample({}, seconds_of(facts.started));
}

void add_coding(Exposition& out, server::Server& server, const Workers& workers) {
  const transform::Coder::Stats stats = server.coding();
  out.counter("davenport_coded_forms_total", "Coded forms of stored answers that were made, by coding and effort.");
  for (std::size_t i = 0; i < policy::kCodingCount; ++i) {
    const std::string_view coding = policy::name_of(static_cast<policy::Coding>(i));
    out.sample({{"coding", coding}, {"effort", "fast"}}, stats.fast[i]);
    out.sample({{"coding", coding}, {"effort", "strong"}}, stats.strong[i]);
  }
  out.counter("davenport_coding_dropped_total", "Forms that came to nothing: no smaller, failed, or too many waiting.");
  out.sample({{"why", "no_gain"}}, stats.without_gain);
  out.sample({{"why", "failed"}}, stats.failed);
  out.sample({{"why", "queue_full"}}, stats.refused);
  out.counter("davenport_coding_seconds_total", "Time that the coding threads worked.");
  out.sample({}, static_cast<double>(stats.busy_us) / 1e6);
  out.counter("davenport_coding_bytes_total", "Bytes of the sources of forms, and of the forms.");
  out.sample({{"side", "in"}}, stats.bytes_in);
  out.sample({{"side", "out"}}, stats.bytes_out);
  out.gauge("davenport_coding_queue", "Forms that are waiting to be made.");
  out.sample(stats.queued);
  out.gauge("davenport_coding_running", "Forms that are being made.");
  out.sample(stats.running);
  out.counter("davenport_bytes_saved_total", "Bytes that were not sent because stored answers went out in a coded form.");
  out.sample({}, sum(workers, &WorkerMetrics::bytes_saved));
  out.counter("davenport_passed_coded_total", "Answers that were compressed as they passed.");
  out.sample({}, sum(workers, &WorkerMetrics::passed_coded));
  out.counter("davenport_passed_coded_bytes_total", "Bytes of those, before and after.");
  out.sample({{"side", "in"}}, sum(workers, &WorkerMetrics::passed_bytes_in));
  out.sample({{"side", "out"}}, sum(workers, &WorkerMetrics::passed_bytes_out));
}

void add_warming(Exposition& out, server::Server& server, const Workers& workers) {
  const server::Popularity::Filled filled = server.filled();
  out.gauge("davenport_start_filled_objects", "Answers that came from Redis into memory before the start was over.");
  out.sample(filled.objects);
  out.gauge("davenport_start_filled_bytes", "Bytes of those.");
  out.sample(filled.bytes);
  out.counter("davenport_refreshes_ahead_total", "Popular answers that were validated before they expired.");
  out.sample(sum(workers, &WorkerMetrics::refreshes_ahead));
  out.counter("davenport_refreshes_put_off_total", "Hits on softly purged answers whose revalidation waited for its turn.");
  out.sample(sum(workers, &WorkerMetrics::refreshes_put_off));
  server::Warmer* const warmer = server.warmer();
  if (warmer == nullptr) return;
  const server::Warmer::Totals totals = warmer->totals();
  out.counter("davenport_warm_runs_total", "Warmings that were begun.");
  out.sample(totals.runs);
  out.counter("davenport_warm_requests_total", "Requests of warmings by what came of them.");
  out.sample({{"result", "fetched"}}, totals.fetched);
  out.sample({{"result", "already_warm"}}, totals.already_warm);
  out.sample({{"result", "not_stored"}}, totals.not_stored);
  out.sample({{"result", "failed"}}, totals.failed);
  out.counter("davenport_warm_paused_seconds_total", "Time that warmings gave way to visitors.");
  out.sample({}, static_cast<double>(totals.paused.count()) / 1e3);
  out.gauge("davenport_warm_running", "1 while one is under way.");
  out.sample(std::uint64_t{warmer->progress() != nullptr && !warmer->progress()->over() ? 1u : 0u});
}

void add_self(Exposition& out, server::Server& server, const ProcessFacts& facts, const Workers& workers) {
  out.counter("davenport_purges_total", "Purges by the listener that they came to.");
  out.sample({{"listener", "traffic"}}, sum(workers, &WorkerMetrics::purges));
  out.sample({{"listener", "admin"}}, facts.admin_purges);
  const server::WebhookStats hooks = server.webhooks();
  out.counter("davenport_purge_webhook_requests_total", "Requests by which purges were sent on, by what became of them.");
  out.sample({{"outcome", "sent"}}, hooks.sent);
  out.sample({{"outcome", "failed"}}, hooks.failed);
  out.sample({{"outcome", "dropped"}}, hooks.dropped);
  out.counter("davenport_purge_webhook_retries_total", "Further tries of such requests.");
  out.sample(hooks.retried);
  out.gauge("davenport_purge_webhook_waiting", "Such requests that wait.");
  out.sample(hooks.waiting);
  out.gauge("davenport_purge_position", "Position of the purge log that is applied here.");
  out.sample(server.purge_log().position());
  out.counter("davenport_sweeps_total", "Walks through the store that freed what purges had hit.");
  out.sample(server.sweeper().walks());
  out.gauge("davenport_draining", "1 between the signal to end and the end.");
  out.sample(std::uint64_t{server.draining() ? 1u : 0u});
  out.gauge("davenport_config_last_reload_successful", "0 after a reload whose file was refused.");
  out.sample(std::uint64_t{facts.last_reload_ok ? 1u : 0u});
  out.gauge("davenport_config_last_reload_success_timestamp_seconds", "When the running configuration was taken.");
  out.sample({}, seconds_of(facts.last_reload));
  out.counter("davenport_config_reload_failures_total", "Reloads whose file was refused.");
  out.sample(facts.reloads_failed);
  out.gauge("davenport_build_info", "1, labelled with the version.");
  out.sample({{"version", facts.version}}, std::uint64_t{1});
}

}  // namespace

std::string_view outcome_of(policy::Reason reason) {
  using policy::Reason;
  switch (reason) {
    case Reason::fresh_hit:
    case Reason::redis_hit: return "hit";
    case Reason::stale_while_revalidate:
    case Reason::stale_if_error:
    case Reason::stale_origin_gone:
    case Reason::stale_if_slow:
    case Reason::client_accepts_stale: return "stale";
    case Reason::revalidated: return "revalidated";
    case Reason::uri_miss:
    case Reason::vary_miss:
    case Reason::stale:
    case Reason::must_revalidate:
    case Reason::response_no_cache:
    case Reason::request_no_cache:
    case Reason::request_max_age:
    case Reason::request_min_fresh:
    case Reason::purged:
    case Reason::purged_soft:
    case Reason::purge_unknown:
    case Reason::partial_miss:
    case Reason::hit_for_miss:
    case Reason::collapsed: return "miss";
    case Reason::method:
    case Reason::route_bypass:
    case Reason::pass_cookie:
    case Reason::authorization:
    case Reason::request_no_store:
    case Reason::upgrade:
    case Reason::range_unsupported:
    case Reason::memory_pinned: return "pass";
    case Reason::only_if_cached: return "refused";
  }
  __builtin_unreachable();
}

std::string metrics_text(server::Server& server, const ProcessFacts& facts) {
  const Workers workers = server.metrics();
  Exposition out;
  add_requests(out, workers);
  add_store(out, server);
  add_origins(out, server.origins());
  add_coding(out, server, workers);
  add_redis(out, server);
  add_warming(out, server, workers);
  add_self(out, server, facts, workers);
  add_process(out, facts);
  return out.take();
}

}  // namespace davenport::admin
