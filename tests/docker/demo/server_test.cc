#include "docker/demo/server.h"

#include <doctest/doctest.h>

#include "docker/demo/running_shop.h"

using namespace std::chrono_literals;

TEST_CASE("one connection serves many requests, and pipelined ones in order") {
  RunningShop shop;
  Client client(shop.port);
  CHECK(client.get("/healthz") == "ok\n");
  CHECK(client.get("/api/price/3").find("\"product\":3,") != std::string::npos);
  std::string batch;
  for (int i = 1; i <= 20; ++i) batch += "GET /api/price/" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(batch);
  for (int i = 1; i <= 20; ++i) {
    CHECK(client.receive().find("\"product\":" + std::to_string(i) + ",") != std::string::npos);
  }
}

TEST_CASE("a request that comes byte by byte is answered once") {
  RunningShop shop;
  Client client(shop.port);
  for (const char c : std::string("POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nname=Ann")) {
    client.send(std::string_view(&c, 1));
  }
  client.receive();
  CHECK(client.status() == 303);
  CHECK(client.get("/healthz") == "ok\n");
}

TEST_CASE("HEAD has the fields of GET and no body") {
  RunningShop shop;
  Client client(shop.port);
  const std::string picture = client.get("/img/product-17.svg");
  const std::string etag = client.field("ETag");
  CHECK(client.ask("HEAD", "/img/product-17.svg").empty());
  CHECK(client.field("Content-Length") == std::to_string(picture.size()));
  CHECK(client.field("ETag") == etag);
  CHECK(client.get("/healthz") == "ok\n");
}

TEST_CASE("methods that the shop does not know get 405 and say what is allowed") {
  RunningShop shop;
  Client client(shop.port);
  for (const char* method : {"PUT", "DELETE", "OPTIONS", "PURGE", "FOO"}) {
    client.ask(method, "/");
    CHECK(client.status() == 405);
    CHECK(client.field("Allow") == "GET, HEAD, POST");
  }
  client.ask("POST", "/");
  CHECK(client.field("Allow") == "GET, HEAD");
  client.get("/basket/add");
  CHECK(client.field("Allow") == "POST");
}

TEST_CASE("a broken request is refused and the connection closed") {
  RunningShop shop;
  Client client(shop.port);
  client.send("NONSENSE\r\n\r\n");
  client.receive();
  CHECK(client.status() == 400);
  CHECK(client.field("Connection") == "close");
  CHECK(client.at_end());
}

TEST_CASE("a client that closes its side after asking still gets its answer") {
  demo::Options slow = RunningShop::quick();
  slow.db_delay = 2ms;
  RunningShop shop(slow);
  Client client(shop.port);
  client.send("GET /product/17 HTTP/1.1\r\nHost: x\r\n\r\n");
  client.close_sending();
  client.receive();
  CHECK(client.status() == 200);
  CHECK(client.at_end());
}

TEST_CASE("a request that is never finished is ended by its deadline") {
  RunningShop shop(RunningShop::quick(), 1s);
  Client client(shop.port);
  client.send("GET / HTTP/1.1\r\nHost: x\r\n");
  CHECK(client.at_end());
}

TEST_CASE("connections above the bound get 503, and there is room again when one leaves") {
  demo::Options options = RunningShop::quick();
  options.max_connections = 2;
  options.threads = 1;
  RunningShop shop(options);
  auto first = std::make_unique<Client>(shop.port);
  Client second(shop.port);
  first->get("/healthz");
  second.get("/healthz");
  {
    Client third(shop.port);
    third.receive();
    CHECK(third.status() == 503);
    CHECK(third.at_end());
  }
  first.reset();
  while (shop.connections > 1) second.get("/healthz");
  Client fourth(shop.port);
  CHECK(fourth.get("/healthz") == "ok\n");
}

TEST_CASE("a full database answers 503 with Retry-After, and others go on") {
  demo::Options options = RunningShop::quick();
  options.db_delay = 60s;
  options.db_limit = 1;
  options.db_queue = 1;
  RunningShop shop(options);
  Client running(shop.port), waiting(shop.port), client(shop.port);
  running.send("GET /product/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  waiting.send("GET /product/2 HTTP/1.1\r\nHost: x\r\n\r\n");
  while (client.get("/stats").find("\"running\":1,\"waiting\":1") == std::string::npos) {
  }
  client.get("/product/3");
  CHECK(client.status() == 503);
  CHECK(client.field("Retry-After") == "1");
  CHECK(client.field("Cache-Control") == "no-store");
  CHECK(client.get("/healthz") == "ok\n");
}

TEST_CASE("a client that leaves before its answer harms nobody") {
  demo::Options options = RunningShop::quick();
  options.db_delay = 1ms;
  RunningShop shop(options);
  for (int i = 0; i < 50; ++i) {
    Client client(shop.port);
    client.send("GET /product/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  Client client(shop.port);
  while (shop.connections > 1) client.get("/healthz");
  CHECK(client.get("/healthz") == "ok\n");
}
