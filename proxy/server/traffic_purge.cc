#include "proxy/server/traffic_purge.h"

#include "cache/policy/key.h"
#include "core/base/text.h"
#include "core/http/bearer.h"
#include "proxy/server/client_connection.h"

namespace davenport::server {
namespace {

bool may_purge(const Request& request) {
  const config::Purge& settings = request.snapshot->config->purge;
  for (const config::Network& network : settings.purge_from) {
    if (network.contains(request.peer.address) || (network.unix_peer && request.peer.address == "unix")) return true;
  }
  return !settings.token.empty() && http::same_secret(http::bearer_token(request.head.fields), settings.token);
}

}  // namespace

void answer_purge(ClientConnection& client, Request& request, Account& account) {
  Worker& worker = client.worker();
  const auto say = [&](int status, std::string_view sentence, std::string_view type = "text/plain; charset=utf-8") {
    OwnAnswer answer;
    answer.status = status;
    answer.sentence = sentence;
    answer.content_type = type;
    answer.body_is_sentence = type == "application/json";
    answer.request_id = answer.body_is_sentence ? std::string_view{} : std::string_view(request.id);
    append_own_answer(client.output(), &request.head, answer, *request.snapshot, std::chrono::floor<Seconds>(read_wall_clock()),
                      client.keeps_alive(), account);
  };
  if (!may_purge(request)) {
    return say(403, "Purging is not allowed from here (purge.purge_from, purge.token).");
  }
  if (request.head.method == http::Method::ban) {
    return say(405, "BAN is not offered here: use PURGE with a URL, or the admin API for tags and prefixes.");
  }
  std::string url = "http://";
  url.append(request.head.authority).append(request.head.path);
  if (request.head.has_query) url.append("?").append(request.head.query);
  std::string resource = policy::purge_resource(url, request.head.authority, *request.snapshot->config);
  if (resource.empty()) return say(400, "A PURGE needs a path and a Host.");
  purge::Request purge;
  purge.targets.push_back({purge::Kind::url, std::move(resource)});
  purge.by = "traffic " + request.peer.address;
  const Result<purge::Receipt> receipt = worker.shared().purge_log.record(purge);
  if (!receipt) return say(503, "The purge could not be recorded: " + receipt.error().message);
  worker.metrics().purges.add();
  std::string body = "{\"purged\":true,\"position\":";
  append_number(body, receipt->position);
  body.push_back('}');
  say(200, body, "application/json");
}

}  // namespace davenport::server
