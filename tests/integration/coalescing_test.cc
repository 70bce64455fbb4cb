// Simultaneous requests for one key cost the origin one request, and nobody pays for it with a wrong answer.
#include <doctest/doctest.h>

#include <algorithm>

#include "support/cache_status.h"
#include "support/origin.h"
#include "support/proxy.h"

using namespace davenport::testing;

namespace {

const FieldLines kFresh{{"cache-control", "max-age=60"}};

template <class Matches>
long count_if(const std::vector<RawResponse>& responses, Matches matches) {
  return std::count_if(responses.begin(), responses.end(), matches);
}

}  // namespace

TEST_SUITE_BEGIN("coalescing");

TEST_CASE("ten clients that miss together cost one origin request, even when one of them leaves") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/milk").reach(asked).await(answer).reply(200, kFresh, "milk");
  Clients clients = proxy.start_gets(10, "/milk");
  asked.await();
  proxy.await_metric("coalesced_followers", 9);
  clients.pop_first().reset();
  answer.open();
  for (const RawResponse& response : clients.join()) {
    CHECK(response.status == 200);
    CHECK(response.body == "milk");
  }
  CHECK(origin.requests("/milk") == 1);
}

TEST_CASE("an answer for several says who was collapsed (RFC 9211 §2.6)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/a").reach(asked).await(answer).reply(200, kFresh, "x");
  Clients clients = proxy.start_gets(5, "/a");
  asked.await();
  proxy.await_metric("coalesced_followers", 4);
  answer.open();
  const std::vector<RawResponse> responses = clients.join();
  CHECK(count_if(responses, [](const RawResponse& one) { return cache_status(one).has("collapsed"); }) == 4);
  CHECK(count_if(responses, [](const RawResponse& one) { return cache_status(one).get("fwd") == "uri-miss"; }) == 5);
}

TEST_CASE("the body streams to every follower while it arrives") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, head{"the head may go"}, rest{"the rest may come"};
  origin.on("GET", "/a").reach(asked).await(head).head(200, {{"cache-control", "max-age=60"}, {"content-length", "6"}})
      .raw("one").await(rest).raw("two");
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(proxy.client());
    clients.back().send_request("GET", "/a");
  }
  asked.await();
  proxy.await_metric("coalesced_followers", 4);
  head.open();
  for (Client& client : clients) {
    CHECK(client.read_head().status == 200);
    CHECK(client.read_bytes(3) == "one");
  }
  Client late = proxy.client();                      // one that comes in the middle gets it from the start
  late.send_request("GET", "/a");
  CHECK(late.read_head().status == 200);
  CHECK(late.read_bytes(3) == "one");
  rest.open();
  for (Client& client : clients) CHECK(client.read_bytes(3) == "two");
  CHECK(late.read_bytes(3) == "two");
  CHECK(is_hit(proxy.get("/a")));
  CHECK(origin.requests("/a") == 1);
}

TEST_CASE("when the client that caused the fetch leaves, the others get all of it") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, rest{"the rest may come"};
  origin.on("GET", "/a").reach(asked).head(200, {{"cache-control", "max-age=60"}, {"transfer-encoding", "chunked"}})
      .chunk("one").await(rest).chunk("two").last_chunk();
  Client leader = proxy.client();
  leader.send_request("GET", "/a");
  asked.await();
  CHECK(leader.read_head().status == 200);
  Clients followers = proxy.start_gets(3, "/a");
  proxy.await_metric("coalesced_followers", 3);
  leader.reset();
  rest.open();
  for (const RawResponse& response : followers.join()) {
    CHECK(response.body == "onetwo");
    CHECK(response.complete);
  }
  CHECK(origin.requests("/a") == 1);
}

TEST_CASE("a fetch whose only client has left is finished and stored") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/a").reach(asked).await(answer).reply(200, kFresh, "x");
  Client client = proxy.client();
  client.send_request("GET", "/a");
  asked.await();
  client.reset();
  answer.open();
  await_condition("the answer in the store",
                  [&] { return is_hit(proxy.get("/a", {{"cache-control", "only-if-cached"}})); });
  CHECK(origin.requests("/a") == 1);
}

TEST_CASE("an uncacheable answer releases its followers at once, and they do not queue behind one another") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"}, others{"the others may be answered"};
  const FieldLines no_store{{"cache-control", "no-store"}};
  origin.on("GET", "/a").reach(asked).await(answer).reply(200, no_store, "mine");
  origin.on("GET", "/a").await(others).reply(200, no_store, "mine");
  Clients clients = proxy.start_gets(5, "/a");
  asked.await();
  proxy.await_metric("coalesced_followers", 4);
  answer.open();
  origin.await_requests("/a", 5);                    // all four at once, none of them answered yet
  others.open();
  for (const RawResponse& response : clients.join()) CHECK(response.body == "mine");
  CHECK(origin.requests("/a") == 5);
}

TEST_CASE("a key that was uncacheable is remembered: the next ones do not wait for each other") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier answer{"origin may answer"};
  origin.on("GET", "/a").reply(200, {{"cache-control", "private"}}, "mine");
  origin.on("GET", "/a").await(answer).reply(200, {{"cache-control", "private"}}, "mine");
  CHECK(proxy.get("/a").body == "mine");
  Clients clients = proxy.start_gets(3, "/a");
  origin.await_requests("/a", 4);
  answer.open();
  for (const RawResponse& response : clients.join()) {
    CHECK(response.body == "mine");
    CHECK(cache_status(response).has("fwd"));
  }
}

TEST_CASE("a key that was uncacheable is stored once its answer can be") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  origin.on("GET", "/a").reply(200, {{"cache-control", "no-store"}}, "one");
  origin.on("GET", "/a").reply(200, kFresh, "two");
  CHECK(proxy.get("/a").body == "one");
  CHECK(proxy.get("/a").body == "two");
  const RawResponse hit = proxy.get("/a");
  CHECK(is_hit(hit));
  CHECK(hit.body == "two");
}

TEST_CASE("Set-Cookie reaches only the one client whose request caused the fetch, not its followers") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/a").reach(asked).await(answer).reply(
      200, {{"cache-control", "public, max-age=60"}, {"set-cookie", "id=secret"}}, "x");
  Clients clients = proxy.start_gets(6, "/a");
  asked.await();
  proxy.await_metric("coalesced_followers", 5);
  answer.open();
  const std::vector<RawResponse> responses = clients.join();
  CHECK(count_if(responses, [](const RawResponse& one) { return one.fields.has("set-cookie"); }) == 1);
  CHECK(count_if(responses, [](const RawResponse& one) { return one.status == 200 && one.body == "x"; }) == 6);
}

TEST_CASE("a follower whose fields select another variant gets its own (RFC 9111 §4.1)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/a").reach(asked).await(answer).reply([](const SeenRequest& request) {
    return Reply{200, {{"cache-control", "max-age=60"}, {"vary", "x-color"}}, request.field("x-color")};
  });
  Client red = proxy.client(), blue = proxy.client();
  red.send_request("GET", "/a", {{"x-color", "red"}});
  asked.await();
  blue.send_request("GET", "/a", {{"x-color", "blue"}});
  Clients more = proxy.start_gets(3, "/a", {{"x-color", "red"}});
  proxy.await_metric("coalesced_followers", 4);
  answer.open();
  CHECK(red.read().body == "red");
  CHECK(blue.read().body == "blue");
  for (const RawResponse& response : more.join()) CHECK(response.body == "red");
  CHECK(origin.requests("/a") == 2);
}

TEST_CASE("a request with other credentials is not given an answer that may not be shared (RFC 9111 §3.5)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/a").reach(asked).await(answer).reply([](const SeenRequest& request) {
    return Reply{200, {{"cache-control", "max-age=60"}}, "for " + request.field("authorization")};
  });
  Client alice = proxy.client(), bob = proxy.client();
  alice.send_request("GET", "/a", {{"authorization", "alice"}});
  asked.await();
  bob.send_request("GET", "/a", {{"authorization", "bob"}});
  answer.open();
  CHECK(alice.read().body == "for alice");
  CHECK(bob.read().body == "for bob");
}

TEST_CASE("when the origin fails, every follower is told, and the origin was asked once") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("origin.app", "retries = 0"));
  Barrier asked{"origin was asked"}, answer{"origin may fail"};
  origin.on("GET", "/a").reach(asked).await(answer).reset();
  Clients clients = proxy.start_gets(4, "/a");
  asked.await();
  proxy.await_metric("coalesced_followers", 3);
  answer.open();
  for (const RawResponse& response : clients.join()) {
    CHECK(response.status == 502);
    CHECK(proxy_status(response).get("error") == "connection_terminated");
  }
  CHECK(origin.requests("/a") == 1);
}

TEST_CASE("a body that is cut ends uncleanly for every follower and is not stored (RFC 9112 §8)") {
  for (const bool chunked : {false, true}) {
    CAPTURE(chunked);
    Origin origin;
    const Proxy proxy(config_for(origin));
    Barrier asked{"origin was asked"}, answer{"origin may answer"};
    Answer& cut = origin.on("GET", "/a").reach(asked).await(answer);
    if (chunked) {
      cut.head(200, {{"cache-control", "max-age=60"}, {"transfer-encoding", "chunked"}}).chunk("half").close();
    } else {
      cut.head(200, {{"cache-control", "max-age=60"}, {"content-length", "8"}}).raw("half").close();
    }
    origin.on("GET", "/a").reply(200, kFresh, "whole");
    Clients clients = proxy.start_gets(4, "/a");
    asked.await();
    proxy.await_metric("coalesced_followers", 3);
    answer.open();
    for (const RawResponse& response : clients.join()) {
      CHECK_FALSE((response.status == 200 && response.complete));
    }
    const RawResponse next = proxy.get("/a");
    CHECK_FALSE(is_hit(next));
    CHECK(next.body == "whole");
  }
}

TEST_CASE("GET and HEAD that miss together cost one request, and both get what they asked for") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier asked{"origin was asked"}, answer{"origin may answer"};
  origin.on("GET", "/a").reach(asked).await(answer).reply(200, kFresh, "body");
  Client get = proxy.client(), head = proxy.client();
  get.send_request("GET", "/a");
  asked.await();
  head.send_request("HEAD", "/a");
  proxy.await_metric("coalesced_followers", 1);
  answer.open();
  CHECK(get.read().body == "body");
  const RawResponse without = head.read("HEAD");
  CHECK(without.status == 200);
  CHECK(without.field("content-length") == "4");
  CHECK(origin.requests() == 1);
}

TEST_CASE("coalescing can be switched off for a route") {
  Origin origin;
  const Proxy proxy(config_for(origin).add("route.cache", "coalesce = false"));
  Barrier answer{"origin may answer"};
  origin.on("GET", "/a").await(answer).reply(200, kFresh, "x");
  Clients clients = proxy.start_gets(3, "/a");
  origin.await_requests("/a", 3);
  answer.open();
  for (const RawResponse& response : clients.join()) CHECK(response.body == "x");
}

TEST_CASE("what is validated at each use is never handed to another visitor, however it is under way (RFC 9111 §4, §5.2.2.4)") {
  const FieldLines rows[] = {
      {{"cache-control", "no-cache"}},
      {{"cache-control", "no-cache, must-revalidate"}},
      {{"cache-control", "max-age=0, must-revalidate"}},
      {{"cache-control", "s-maxage=0"}},
      {{"expires", "0"}},
      {{"cdn-cache-control", "max-age=0"}},
      {{"cache-control", "must-revalidate, max-age=10"}, {"age", "20"}},
      {},
  };
  for (const FieldLines& fields : rows) {
    CAPTURE(fields.bytes());
    Origin origin;
    const Proxy proxy(config_for(origin));
    Barrier asked{"origin was asked"}, answer{"origin may answer"};
    const auto page = [&fields](const SeenRequest& request) {
      FieldLines lines = fields;
      lines.add("etag", "\"" + request.field("cookie") + "\"");
      return Reply{200, lines, "account of " + request.field("cookie")};
    };
    origin.on("GET", "/p").reach(asked).await(answer).reply(page);
    origin.on("GET", "/p").reply(page);
    Client alice = proxy.client(), bob = proxy.client();
    alice.send_request("GET", "/p", {{"cookie", "alice"}});
    asked.await();
    bob.send_request("GET", "/p", {{"cookie", "bob"}});
    proxy.await_metric("coalesced_followers", 1);
    answer.open();
    CHECK(alice.read().body == "account of alice");
    CHECK(bob.read().body == "account of bob");
    CHECK(proxy.get("/p", {{"cookie", "cleo"}}).body == "account of cleo");
  }
}

TEST_CASE("visitors of a page that is validated at each use don't wait for one another") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier answer{"origin may answer"};
  origin.on("GET", "/p").reply(200, {{"cache-control", "no-cache"}, {"etag", "\"1\""}}, "x");
  origin.on("GET", "/p").await(answer).reply(304, {{"etag", "\"1\""}});
  proxy.get("/p");
  Clients clients = proxy.start_gets(5, "/p");
  origin.await_requests("/p", 6);                       // all of them are there at once
  answer.open();
  for (const RawResponse& response : clients.join()) CHECK(response.body == "x");
}

TEST_CASE("a stale answer that one client may have is not given to who waits with it and may not (RFC 9111 §4.2.4, RFC 5861 §4)") {
  const FieldLines kStale{{"cache-control", "max-age=10"}, {"age", "20"}, {"etag", "\"1\""}}, kStaleIfError{{"cache-control", "max-age=10, stale-if-error=600"}, {"age", "20"}};
  struct Row { FieldLines stored, leads, follows; const char* rule; };
  for (const Row& row : {Row{kStaleIfError, {}, {{"cache-control", "no-cache"}}, "the follower wants it validated"},
                         Row{kStale, {{"cache-control", "stale-if-error=600"}}, {}, "the window is the leader's own"}}) {
    CAPTURE(row.rule);
    Origin origin;
    const Proxy proxy(config_for(origin));
    Barrier asked{"origin was asked"}, answer{"origin may answer"};
    origin.on("GET", "/a").reply(200, row.stored, "old");
    origin.on("GET", "/a").reach(asked).await(answer).reply(503, {}, "broken");
    origin.on("GET", "/a").reply(503, {}, "broken");
    proxy.get("/a");
    Client leader = proxy.client(), follower = proxy.client();
    leader.send_request("GET", "/a", row.leads);
    asked.await();
    follower.send_request("GET", "/a", row.follows);
    proxy.await_metric("coalesced_followers", 1);
    answer.open();
    CHECK(leader.read().body == "old");
    CHECK(follower.read().status == 503);
  }
}

TEST_CASE("who asks for a newer answer than one whose head has come already gets it (RFC 9111 §5.2.1.4)") {
  Origin origin;
  const Proxy proxy(config_for(origin));
  Barrier rest{"the rest may come"};
  origin.on("GET", "/a").head(200, {{"cache-control", "max-age=60"}, {"content-length", "6"}, {"etag", "\"s\""}}).raw("old").await(rest).raw("old");
  origin.on("GET", "/a").reply(200, {{"cache-control", "max-age=60"}}, "newer");
  Client first = proxy.client();
  first.send_request("GET", "/a");
  CHECK(first.read_head().status == 200);
  // A whole second later, for Age and the rest count seconds: the 304 that it gives meanwhile says when.
  await_condition("the head is a second old", [&] {
    const RawResponse known = proxy.get("/a", {{"if-none-match", "\"s\""}});
    CHECK(known.status == 304);
    CHECK(cache_status(known).has("collapsed"));
    return known.field("age") != "0";
  });
  CHECK(proxy.get("/a", {{"cache-control", "no-cache"}}).body == "newer");
  rest.open();
  CHECK(first.read_bytes(6) == "oldold");
}

TEST_SUITE_END();
