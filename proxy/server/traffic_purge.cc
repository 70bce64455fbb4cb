#include "proxy/server/traffic_purge.h"

#include <algorithm>

#include "cache/policy/key.h"
#include "core/base/text.h"
#include "proxy/server/client_connection.h"

namespace davenport::server {
namespace {

// Takes the same time whatever differs, so that a token cannot be guessed byte by byte.
bool same_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  }
  return difference == 0;
}

bool may_purge(const Request& request) {
  const config::Purge& settings = request.snapshot->config->purge;
  for (const config::Network& network : settings.purge_from) {
    if (network.contains(request.peer.address) || (network.unix_peer && request.peer.address == "unix")) return true;
  }
  if (settings.token.empty()) return false;
  const std::string_view given = request.head.fields.get(http::FieldId::authorization);
  constexpr std::string_view scheme = "bearer ";
  return given.size() > scheme.size() && iequals(given.substr(0, scheme.size()), scheme) &&
         same_secret(given.substr(scheme.size()), settings.token);
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
