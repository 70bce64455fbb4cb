// What webhooks have not taken, as text and back.
#include <doctest/doctest.h>

#include "proxy/server/webhook_state.h"

using namespace davenport;
using purge::Kind;
using server::WaitingPurge;

TEST_CASE("waiting purges are what they were, whatever their names hold") {
  std::vector<WaitingPurge> waiting(2);
  waiting[0].hook = "POST https://cdn.example/{tag} {\"a\": {tags_json}}";
  waiting[0].purge.soft = true;
  waiting[0].purge.targets = {{Kind::tag, "a \"b\"\n"}, {Kind::url, "shop.example/ä?x=1"}, {Kind::prefix, "shop.example/img/"}};
  waiting[1].hook = "PURGE http://cdn.example/ ";
  waiting[1].purge.targets = {{Kind::all, ""}};
  const Result<std::vector<WaitingPurge>> read = server::read_webhook_state(server::webhook_state_text(waiting));
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK((*read)[i].hook == waiting[i].hook);
    CHECK((*read)[i].purge.soft == waiting[i].purge.soft);
    REQUIRE((*read)[i].purge.targets.size() == waiting[i].purge.targets.size());
    for (std::size_t k = 0; k < waiting[i].purge.targets.size(); ++k) {
      CHECK((*read)[i].purge.targets[k].kind == waiting[i].purge.targets[k].kind);
      CHECK((*read)[i].purge.targets[k].name == waiting[i].purge.targets[k].name);
    }
  }
}

TEST_CASE("what is no such list is an error") {
  for (const char* text : {"", "[]", "{}", R"({"waiting": 1})", R"({"waiting": [1]})", R"({"waiting": [{"webhook": "x", "soft": 1, "targets": []}]})",
                           R"({"waiting": [{"webhook": "x", "soft": true, "targets": [{"kind": "page", "name": "x"}]}]})",
                           R"({"waiting": [{"webhook": "x", "soft": true, "targets": [{"kind": "tag"}]}]})"}) {
    CAPTURE(text);
    CHECK_FALSE(server::read_webhook_state(text));
  }
}

TEST_CASE("where nothing waits there is no file, and none is no error") {
  CHECK(server::save_webhook_state("/nonexistent/file", {}));
  const Result<std::vector<WaitingPurge>> none = server::take_webhook_state("/nonexistent/file");
  REQUIRE(none);
  CHECK(none->empty());
  CHECK_FALSE(server::save_webhook_state("/nonexistent/file", {WaitingPurge{"x", {}}}));
}

TEST_CASE("webhooks of one method and URL are told apart by what they send") {
  config::Webhook tags, urls;
  tags.url = urls.url = "https://cdn.example/purge";
  tags.headers = {{"Surrogate-Key", "{tags}"}};
  urls.headers = {{"X-Purge-Urls", "{urls}"}};
  CHECK(server::webhook_name(tags) != server::webhook_name(urls));
  CHECK(server::webhook_name(tags) == server::webhook_name(config::Webhook(tags)));
}
