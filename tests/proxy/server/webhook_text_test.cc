// What an operator's templates make of a purge, row by row.
#include "proxy/server/webhook_text.h"

#include <doctest/doctest.h>

using namespace davenport;
using namespace davenport::server;

namespace {

purge::Request purge_of(std::initializer_list<purge::Target> targets, bool soft = false) {
  purge::Request request;
  request.targets = targets;
  request.soft = soft;
  return request;
}

const purge::Target kUrl{purge::Kind::url, "shop.example/a%20b?c=1&d=\""};
const purge::Target kOther{purge::Kind::url, "shop.example/"};
const purge::Target kTag{purge::Kind::tag, "a/b"};
const purge::Target kQuoted{purge::Kind::tag, "say\"x\\"};
const purge::Target kPrefix{purge::Kind::prefix, "shop.example/img/"};
const purge::Target kAll{purge::Kind::all, ""};

// "target | body" of each call.
std::vector<std::string> calls_of(const config::Webhook& hook, const purge::Request& purge) {
  std::vector<std::string> out;
  for (const WebhookCall& call : webhook_calls(hook, purge)) out.push_back(call.target + " | " + call.body);
  return out;
}

}  // namespace

TEST_CASE("names are filled in, one by one or together, and escaped where they stand") {
  struct Row { std::string_view url, body; purge::Request purge; std::vector<std::string> calls; };
  for (const Row& row : {
           Row{"http://c/purge/{tag}", "", purge_of({kTag, kQuoted}), {"/purge/a%2Fb | ", "/purge/say%22x%5C | "}},
           Row{"http://c{path}", "", purge_of({kUrl, kOther}), {"/a%20b?c=1&d=\" | ", "/ | "}},
           Row{"http://c", "{\"files\": {urls_json}}", purge_of({kUrl, kOther, kTag}),
               {"/ | {\"files\": [\"https://shop.example/a%20b?c=1&d=\\\"\",\"https://shop.example/\"]}"}},
           Row{"http://c/p?x={tags}", "", purge_of({kTag, kQuoted}), {"/p?x=a%2Fb%20say%22x%5C | "}},
           Row{"http://c/p", "{\"tag\": \"{tag}\", \"soft\": {soft}}", purge_of({kQuoted}, true), {"/p | {\"tag\": \"say\\\"x\\\\\", \"soft\": true}"}},
           Row{"http://c/p", "{prefixes_json} {word} {", purge_of({kPrefix}), {"/p | [\"https://shop.example/img/\"] {word} {"}},
           Row{"http://c/all", "", purge_of({kTag, kAll}), {"/all | "}},                 // no name: one request for a purge
           Row{"http://c/p", "{tags_json}", purge_of({kUrl, kAll}), {}}}) {              // nothing that it speaks of
    CAPTURE(row.url);
    CAPTURE(row.body);
    config::Webhook hook;
    hook.url = row.url;
    hook.body = row.body;
    CHECK(calls_of(hook, row.purge) == row.calls);
  }
}

TEST_CASE("kinds choose, and one purge may become requests of two kinds") {
  config::Webhook hook;
  hook.url = "http://c/{tag}";
  hook.kinds = {"url"};
  CHECK(calls_of(hook, purge_of({kTag, kUrl})).empty());
  hook.url = "http://c/everything";
  hook.kinds = {"all"};
  CHECK(calls_of(hook, purge_of({kTag, kUrl})).empty());
  CHECK(calls_of(hook, purge_of({kAll})).size() == 1);
  hook.kinds = {"url", "tag"};
  hook.url = "http://c/{tag}";
  hook.body = "{urls}";
  CHECK(calls_of(hook, purge_of({kTag, kOther})) == std::vector<std::string>{"/a%2Fb | ", "/ | https://shop.example/"});
}

TEST_CASE("fields are filled in; Host and Content-Type are there") {
  config::Webhook hook;
  hook.url = "https://api.cdn.example:8443/purge";
  hook.headers = {{"Authorization", "Bearer {token}"}, {"Surrogate-Key", "{tags}"}};
  hook.token = "secret";
  hook.body = "{}";
  const std::vector<WebhookCall> calls = webhook_calls(hook, purge_of({kTag}));
  REQUIRE(calls.size() == 1);
  const http::Fields& fields = calls[0].fields;
  CHECK(fields.get("host") == "api.cdn.example:8443");
  CHECK(fields.get("authorization") == "Bearer secret");
  CHECK(fields.get("surrogate-key") == "a/b");
  CHECK(fields.get("content-type") == "application/json");

  hook.url = "http://10.0.0.5{path}";
  hook.headers = {{"Host", "{host}"}};
  hook.body.clear();
  const std::vector<WebhookCall> one = webhook_calls(hook, purge_of({kUrl}));
  REQUIRE(one.size() == 1);
  CHECK(one[0].fields.get("host") == "shop.example");
  CHECK(one[0].fields.count(http::FieldId::host) == 1);
  CHECK_FALSE(one[0].fields.has(http::FieldId::content_type));
}
