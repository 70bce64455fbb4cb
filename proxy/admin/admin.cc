#include "proxy/admin/admin.h"

#include <algorithm>
#include <vector>

#include "core/base/json.h"
#include "core/net/listener.h"
#include "core/net/told.h"
#include "proxy/admin/explain.h"
#include "proxy/admin/guard.h"
#include "proxy/admin/http_service.h"
#include "proxy/admin/metrics_text.h"
#include "proxy/admin/purge_request.h"
#include "proxy/admin/warm_request.h"
#include "proxy/server/purge_dialect.h"
#include "proxy/server/purge_wait.h"
#include "proxy/server/warmer.h"

namespace davenport::admin {
namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr Seconds kCountWait{60};         // for the sweeper; the purge itself holds before it

constexpr std::string_view kIndex =
    "Davenport, a caching reverse proxy: the admin API\n"
    "\n"
    "GET  /healthz                     200 while the process lives\n"
    "GET  /readyz                      200, or 503 and why not\n"
    "GET  /metrics                     for Prometheus\n"
    "GET  /explain?url=URL             what is stored for a URL, and what a request for it would get now\n"
    "       &field=Name:value          a field of that request; may be repeated\n"
    "       &method=HEAD  &format=text\n"
    "POST /purge                       {\"url\": \"http://host/path\"}, {\"urls\": [...]}, {\"tag\": \"...\"}, {\"tags\": [...]},\n"
    "                                  {\"prefix\": \"http://host/path\"} or {\"all\": true}; beside it\n"
    "                                  \"soft\": true, \"id\": \"...\", \"count\": false, \"wait\": \"all\"\n"
    "POST /warm                        {\"urls\": [...]}, {\"sitemap\": \"http://host/sitemap.xml\"} or {\"feed\": {\"url\": \"...\", \"template\": \"...\"}};\n"
    "                                  beside it \"rate\", \"concurrency\", \"variants\": [\"gzip\", \"br\"]; {}: what [warm] says\n"
    "GET  /warm                        how far that is           DELETE /warm   ends it\n"
    "GET  /purges                      who purged what and when: the last ones that were applied here, the newest first\n"
    "GET  /fleet                       the instances that share a Redis, and how far each has followed the purges\n"
    "PURGE /path                       one URL of the host in the Host field\n";

using Counting = net::Told<purge::Sweeper::Count>;

enum class Endpoint : std::uint8_t { index, healthz, readyz, metrics, explain, purge, purges, fleet, warm, none };

Endpoint endpoint_of(std::string_view path) {
  if (path == "/") return Endpoint::index;
  if (path == "/healthz") return Endpoint::healthz;
  if (path == "/readyz") return Endpoint::readyz;
  if (path == "/metrics") return Endpoint::metrics;
  if (path == "/explain") return Endpoint::explain;
  if (path == "/purge") return Endpoint::purge;
  if (path == "/purges") return Endpoint::purges;
  if (path == "/fleet") return Endpoint::fleet;
  if (path == "/warm") return Endpoint::warm;
  return Endpoint::none;
}

class Api final : public Admin, public Handler {
 public:
  Api(net::Loop& loop, server::Server& server, std::string version, int listening_fd, const net::SocketAddress& address)
      : loop_(loop), server_(server), address_(address), service_(std::make_unique<HttpService>(loop, listening_fd, *this, ServiceLimits{}, [&server] { return server.admin_tls(); })) {
    facts_.version = std::move(version);
    facts_.started = facts_.last_reload = read_wall_clock();
  }
  ~Api() override {
    service_.reset();                     // first, so that who is woken now finds it stopping and leaves
    for (Counting* const counting : std::vector<Counting*>(counting_)) counting->give_up();
  }

  std::string address() const override { return address_.text(); }
  void note_reload(bool ok, WallTime at) override {
    facts_.last_reload_ok = ok;
    if (ok) facts_.last_reload = at;
    else ++facts_.reloads_failed;
  }

 private:
  std::optional<Answer> refuse(const http::RequestHead& head, std::string_view peer) override;
  net::Task<Answer> handle(Incoming request) override;

  Entry entry_of(const http::RequestHead& head, std::string_view peer) const;
  Answer ready(bool with_names) const;
  Answer explained(std::string_view query) const;
  net::Task<Answer> fleet();
  Answer warm(const Incoming& request);
  net::Task<Answer> purge_many(Incoming request);
  net::Task<Answer> purge_one(Incoming request);
  net::Task<Answer> purge(PurgeOrder order, std::string_view peer);
  net::Task<purge::Sweeper::Count> count(purge::Position position);

  net::Loop& loop_;
  server::Server& server_;
  const net::SocketAddress address_;
  ProcessFacts facts_;
  std::vector<Counting*> counting_;      // who waits for the sweeper
  std::unique_ptr<HttpService> service_;
};

int status_of(purge::Reach reach) {
  switch (reach) {
    case purge::Reach::everywhere: return 200;
    case purge::Reach::partly: return 202;
    case purge::Reach::here: return 503;
  }
  __builtin_unreachable();
}

// How far a purge has come in a fleet.
void add_reach(JsonWriter& json, const purge::Receipt& receipt) {
  json.member("applied_here", true).member("recorded", receipt.reach != purge::Reach::here);
  json.array("confirmed");
  for (const std::string& each : receipt.confirmed) json.value(each);
  json.end();
  if (receipt.missing.empty()) return;
  json.array("missing");
  for (const std::string& each : receipt.missing) json.value(each);
  json.end();
}

Answer refusal_of(Entry entry) {
  if (entry == Entry::no_token) {
    Answer answer = problem(401, "The admin API wants its bearer token (admin.token_file, admin.token_env).");
    answer.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"davenport admin\"");
    return answer;
  }
  if (entry == Entry::foreign_origin) return problem(403, "Without a token the admin API answers to no web page.");
  return problem(403, "Without a token the admin API answers to an IP address or localhost in Host, so that no web page reaches "
                      "it through a name of its own.");
}

// Balancers and orchestrators look here, and can carry no token.
bool is_probe(Endpoint endpoint) { return endpoint == Endpoint::healthz || endpoint == Endpoint::readyz; }

Entry Api::entry_of(const http::RequestHead& head, std::string_view peer) const {
  const config::Admin& settings = server_.config()->admin;
  const EntryTls tls = !settings.tls.on()                ? EntryTls::none
                       : settings.tls.client_ca.empty() ? EntryTls::server_only
                                                        : EntryTls::client_certificate;
  return check_entry(head, settings.token, peer == "unix", tls);
}

std::optional<Answer> Api::refuse(const http::RequestHead& head, std::string_view peer) {
  const bool purges = head.method == http::Method::purge || head.method == http::Method::ban;
  const Endpoint endpoint = endpoint_of(head.path);
  const Entry entry = entry_of(head, peer);
  if (entry != Entry::allowed && (purges || !is_probe(endpoint))) return refusal_of(entry);
  if (purges) return std::nullopt;
  if (endpoint == Endpoint::none) return problem(404, "There is nothing here by that name; GET / lists what there is.");
  const bool reads = head.method == http::Method::get || head.method == http::Method::head;
  const bool posts = head.method == http::Method::post, deletes = head.method == http::Method::delete_;
  if (endpoint == Endpoint::warm ? reads || posts || deletes : endpoint == Endpoint::purge ? posts : reads) return std::nullopt;
  Answer answer = problem(405, endpoint == Endpoint::purge ? "Purges are POSTed." : endpoint == Endpoint::warm ? "A run is POSTed, read and DELETEd." : "This is only read.");
  answer.fields.emplace_back("Allow", endpoint == Endpoint::purge ? "POST, PURGE" : endpoint == Endpoint::warm ? "GET, HEAD, POST, DELETE" : "GET, HEAD, PURGE");
  return answer;
}

net::Task<Answer> Api::handle(Incoming request) {
  if (request.head.method == http::Method::purge || request.head.method == http::Method::ban) {
    Answer answer = co_await purge_one(request);
    co_return answer;
  }
  switch (endpoint_of(request.head.path)) {
    case Endpoint::index: co_return Answer{200, std::string(kPlain), std::string(kIndex), {}};
    case Endpoint::healthz: co_return Answer{200, std::string(kPlain), "alive\n", {}};
    case Endpoint::readyz: co_return ready(entry_of(request.head, request.peer) == Entry::allowed);
    case Endpoint::metrics:
      co_return Answer{200, std::string(kMetricsContentType), metrics_text(server_, facts_), {}};
    case Endpoint::explain: co_return explained(request.head.query);
    case Endpoint::purge: {
      Answer answer = co_await purge_many(request);
      co_return answer;
    }
    case Endpoint::fleet: {
      Answer answer = co_await fleet();
      co_return answer;
    }
    case Endpoint::purges: co_return Answer{200, "application/json", audit_json(server_.audit()), {}};
    case Endpoint::warm: co_return warm(request);
    case Endpoint::none: break;           // refused before
  }
  co_return problem(404, "There is nothing here by that name.");
}

// `with_names`: who asks may know the origins.
Answer Api::ready(bool with_names) const {
  const std::vector<origin::ClusterState> origins = server_.origins();
  const bool none_available = !origins.empty() && std::none_of(origins.begin(), origins.end(), [](const auto& origin) {
    return origin.available;
  });
  const bool filling = !server_.filled().over;
  const bool ok = !server_.draining() && !none_available && !filling;
  JsonWriter json;
  json.object().member("ready", ok);
  if (server_.draining()) json.member("reason", "draining");
  else if (filling) json.member("reason", "warming");
  else if (none_available) json.member("reason", "no origin server available");
  if (const purge::LogHealth log = server_.purge_log().health(); log.shared) {
    json.member("purge_log", log.reachable ? "followed" : log.strict ? "out of reach: everything is validated" : "out of reach");
  }
  if (with_names) {
    json.array("unavailable_origins");
    for (const origin::ClusterState& origin : origins) {
      if (!origin.available) json.value(origin.name);
    }
    json.end();
  }
  json.end();
  return {ok ? 200 : 503, "application/json", json.take(), {}};
}

Answer Api::warm(const Incoming& request) {
  server::Warmer* const warmer = server_.warmer();
  if (warmer == nullptr) return problem(404, "This server warms nothing.");
  const auto progress = [&](int status) { return Answer{status, "application/json", progress_json(warmer->progress(), loop_.now()), {}}; };
  if (request.head.method == http::Method::post) {
    if (server_.draining()) return problem(503, "It is ending.");
    Result<warm::Order> order = read_warm_order(request.body, server_.config()->warm);
    if (!order) return problem(400, order.error().message);
    const Result<std::monostate> begun = warmer->begin(std::move(*order), "admin " + std::string(request.peer));
    return begun ? progress(202) : problem(409, begun.error().message);
  }
  if (request.head.method == http::Method::delete_ && !warmer->cancel()) return problem(409, "No run is under way.");
  return progress(200);
}

Answer Api::explained(std::string_view query) const {
  const Result<Question> question = read_question(query);
  if (!question) return problem(400, question.error().message);
  const Result<Explanation> explanation = explain(server_, *question, read_wall_seconds());
  if (!explanation) return problem(400, explanation.error().message);
  if (question->as_text) return {200, std::string(kPlain), to_text(*explanation), {}};
  return {200, "application/json", to_json(*explanation), {}};
}

net::Task<Answer> Api::purge_many(Incoming request) {
  Result<PurgeOrder> order = read_purge_order(request.body, *server_.config());
  if (!order) co_return problem(400, order.error().message);
  Answer answer = co_await purge(std::move(*order), request.peer);
  co_return answer;
}

net::Task<Answer> Api::purge_one(Incoming request) {
  Result<purge::Request> read = server::read_purge_dialect(request.head, *server_.config());
  if (!read) co_return problem(400, read.error().message);
  PurgeOrder order;
  order.request = std::move(*read);
  Answer answer = co_await purge(std::move(order), request.peer);
  co_return answer;
}

net::Task<Answer> Api::purge(PurgeOrder order, std::string_view peer) {
  order.request.by = "admin " + std::string(peer);
  const Result<purge::Receipt> receipt = co_await server::purge_and_wait(loop_, server_.purge_log(), order.request);
  if (!receipt) co_return problem(503, receipt.error().message);
  ++facts_.admin_purges;
  server_.purged(order.request);
  const std::uint64_t position = receipt->pid.position != 0 ? receipt->pid.position : receipt->position;
  purge::Sweeper::Count matched;
  if (order.count) matched = co_await count(receipt->position);
  JsonWriter json;
  json.object().member("position", position);
  if (server_.purge_log().health().shared) add_reach(json, *receipt);
  if (matched) json.member("matched_here", *matched);
  else if (order.count) json.key("matched_here").null();      // not known: it holds all the same
  json.member("soft", order.request.soft).member("names", order.request.targets.size());
  if (!order.request.id.empty()) json.member("id", order.request.id);
  json.end();
  co_return Answer{status_of(receipt->reach), "application/json", json.take(), {}};
}

net::Task<Answer> Api::fleet() {
  const purge::LogHealth health = server_.purge_log().health();
  if (!health.shared) co_return problem(404, "This instance is on its own: no Redis is configured.");
  net::Told<Result<std::vector<purge::Instance>>> told(loop_);
  server_.purge_log().fleet(told.teller());
  const std::optional<Result<std::vector<purge::Instance>>> instances = co_await told.wait(loop_.now() + kCountWait);
  if (!instances) co_return problem(503, "shutting down");
  if (!*instances) co_return problem(503, instances->error().message);
  JsonWriter json;
  json.object().member("instance", health.instance).member("position", health.at.position).array("instances");
  for (const purge::Instance& each : **instances) {
    json.object().member("name", each.name).member("position", each.at.position).member("lag", each.lag);
    json.member("heard_ms", each.heard.count()).member("live", each.live).end();
  }
  json.end().end();
  co_return Answer{200, "application/json", json.take(), {}};
}

net::Task<purge::Sweeper::Count> Api::count(purge::Position position) {
  Counting counting(loop_);
  server_.sweeper().notify(position, counting.teller());
  counting_.push_back(&counting);
  const std::optional<purge::Sweeper::Count> known = co_await counting.wait(loop_.now() + kCountWait);
  std::erase(counting_, &counting);
  co_return known.value_or(std::nullopt);
}

Result<net::SocketAddress> socket_address(const config::Address& address) {
  if (address.kind == config::Address::Kind::unix_path) return net::SocketAddress::unix_path(address.host);
  return net::SocketAddress::numeric(address.host, address.port);
}

}  // namespace

Result<std::unique_ptr<Admin>> Admin::start(net::Loop& loop, server::Server& server, std::string version) {
  const Result<net::SocketAddress> wanted = socket_address(server.config()->admin.address);
  if (!wanted) return wanted.error();
  const Result<int> fd = net::open_listening_socket(*wanted, false);
  if (!fd) return Error{"admin.address: " + fd.error().message};
  const Result<net::SocketAddress> bound = net::local_address(*fd);
  if (!bound) return bound.error();
  return std::unique_ptr<Admin>(std::make_unique<Api>(loop, server, std::move(version), *fd, *bound));
}

}  // namespace davenport::admin
