#include "proxy/server/traffic_purge.h"

#include "core/base/text.h"
#include "core/http/bearer.h"
#include "proxy/server/client.h"
#include "proxy/server/purge_dialect.h"
#include "proxy/server/purge_wait.h"

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

net::Task<void> answer_purge(Client& client, Request& request, Account& account) {
  Worker& worker = client.worker();
  const auto say = [&](int status, std::string_view sentence, std::string_view type = "text/plain; charset=utf-8") {
    OwnAnswer answer;
    answer.status = status;
    answer.sentence = sentence;
    answer.content_type = type;
    answer.body_is_sentence = type == "application/json";
    answer.request_id = answer.body_is_sentence ? std::string_view{} : std::string_view(request.id);
    append_own_answer(client.output(), &request.head, answer, *request.snapshot, read_wall_seconds(), client.keeps_alive(), account);
  };
  if (!may_purge(request)) {
    say(403, "Purging is not allowed from here (purge.from, purge.token_file, purge.token_env).");
    co_return;
  }
  Result<purge::Request> purge = read_purge_dialect(request.head, *request.snapshot->config);
  if (!purge) {
    say(400, purge.error().message);
    co_return;
  }
  purge->by = "traffic " + request.peer.address;
  const Result<purge::Receipt> receipt = co_await purge_and_wait(worker.loop(), worker.shared().purge_log, *purge);
  if (!receipt) {
    say(503, "The purge could not be recorded: " + receipt.error().message);
    co_return;
  }
  worker.metrics().purges.add();
  worker.shared().webhooks->send(*purge);
  if (receipt->reach == purge::Reach::here) {
    say(503, "The purge holds here; the other instances could not be told.");
    co_return;
  }
  std::string body = "{\"purged\":true,\"position\":";
  append_number(body, receipt->pid.position != 0 ? receipt->pid.position : receipt->position);
  body.append(",\"names\":");
  append_number(body, purge->targets.size());
  const bool everywhere = receipt->reach == purge::Reach::everywhere;
  body.append(everywhere ? "}" : ",\"everywhere\":false}");
  say(everywhere ? 200 : 202, body, "application/json");
}

}  // namespace davenport::server
