#include "support/origin.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "support/client.h"

using namespace davenport::testing;

TEST_CASE("answers are used in their order and the last one repeats") {
  Origin origin;
  origin.on("GET", "/milk").reply(200, {{"etag", "\"1\""}}, "fresh");
  origin.on("GET", "/milk").reply(304);
  Client client(origin.port());
  const RawResponse first = client.get("/milk");
  CHECK(first.status == 200);
  CHECK(first.field("etag") == "\"1\"");
  CHECK(first.body == "fresh");
  CHECK(client.get("/milk").status == 304);
  CHECK(client.get("/milk").status == 304);
  origin.on("GET", "/milk").reply(410);
  CHECK(client.get("/milk").status == 410);
  CHECK(origin.requests("/milk") == 4);
  CHECK(origin.connections() == 1);
}

TEST_CASE("a prefix answers what no exact target does") {
  Origin origin;
  origin.on("GET", "/a*").reply(200, {}, "prefix");
  origin.on("GET", "/a/b").reply(200, {}, "exact");
  Client client(origin.port());
  CHECK(client.get("/a/b").body == "exact");
  CHECK(client.get("/a/c").body == "prefix");
}

TEST_CASE("what was not scripted gets 599 and is remembered as an error") {
  Origin origin;
  origin.on("GET", "/once").reply(200).once();
  CHECK(Client(origin.port()).get("/nothing").status == 599);
  Client client(origin.port());
  CHECK(client.get("/once").status == 200);
  CHECK(client.get("/once").status == 599);
  REQUIRE(origin.errors().size() == 2);
  CHECK(origin.errors()[0] == "unscripted request: GET /nothing");
  origin.forgive();
}

TEST_CASE("an answer waits at its barriers and its pieces arrive one by one") {
  Origin origin;
  Barrier asked{"asked"}, more{"more"};
  origin.on("GET", "/slow").reach(asked).head(200, {{"transfer-encoding", "chunked"}}).chunk("one").await(more).chunk("two").last_chunk({{"sum", "2"}});
  Client client(origin.port());
  client.send_request("GET", "/slow");
  asked.await();
  CHECK(client.read_head().status == 200);
  CHECK(client.read_piece() == "one");
  more.open();
  CHECK(client.read_piece() == "two");
}

TEST_CASE("the raw request is kept and can be echoed") {
  Origin origin;
  origin.on("POST", "/echo").echo();
  const std::string bytes = request_bytes("POST", "/echo", {{"X", "y"}}, "body");
  Client client(origin.port());
  client.send_slowly(bytes, 7);
  CHECK(client.read().body == bytes);
  CHECK(origin.last_request("/echo").raw == bytes);
  CHECK(origin.bytes_received() == bytes.size());
}

TEST_CASE("an interim answer comes before the body is asked for, and 1xx are set apart from the final one") {
  Origin origin;
  origin.on("PUT", "/up").early().interim(100).read_body().interim(103, {{"link", "</a>"}}).reply(201);
  Client client(origin.port());
  client.send("PUT /up HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n");
  CHECK(client.read_head().status == 100);
  client.send("ok");
  const RawResponse response = client.read();
  CHECK(response.status == 201);
  REQUIRE(response.interim.size() == 1);
  CHECK(response.interim[0].field("link") == "</a>");
  CHECK(origin.last_request("/up").body == "ok");
}

TEST_CASE("a body can end early by close and by reset") {
  Origin origin;
  origin.on("GET", "/closed").head(200, {{"content-length", "9"}}).raw("half").close();
  origin.on("GET", "/reset").reset();
  const RawResponse closed = Client(origin.port()).get("/closed");
  CHECK(closed.body == "half");
  CHECK_FALSE(closed.complete);
  CHECK(closed.closed);
  const RawResponse reset = Client(origin.port()).get("/reset");
  CHECK(reset.status == 0);
  CHECK(reset.reset);
}

TEST_CASE("a tunnel sends back what comes") {
  Origin origin;
  origin.on("GET", "/ws").head(101, {{"upgrade", "echo"}, {"connection", "upgrade"}}).tunnel();
  Client client(origin.port());
  client.send_request("GET", "/ws");
  CHECK(client.read().status == 101);
  client.send("ping");
  CHECK(client.read_bytes(4) == "ping");
  client.half_close();
  CHECK(client.await_close().empty());
}

TEST_CASE("a stopped origin refuses connections, cuts the open ones, and comes back on its port") {
  Origin origin;
  origin.on("GET", "/").reply(200);
  Client before(origin.port());
  CHECK(before.get("/").status == 200);
  origin.stop();
  CHECK(before.await_close().empty());
  CHECK_THROWS_AS(Client(origin.port()), std::system_error);
  origin.start();
  CHECK(Client(origin.port()).get("/").status == 200);
}

TEST_CASE("an origin that never answers lets go when it is stopped") {
  Origin origin;
  Barrier asked{"asked"};
  origin.on("GET", "/never").reach(asked).never();
  Client client(origin.port());
  client.send_request("GET", "/never");
  asked.await();
  origin.stop();
  CHECK(client.await_close().empty());
}

TEST_CASE("a deaf listener neither accepts nor refuses") {
  const DeafListener deaf;
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(deaf.port());
  CHECK(::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == -1);
  CHECK(errno == EINPROGRESS);
  std::string nothing;
  CHECK_THROWS_AS(socket.read(nothing, within(std::chrono::milliseconds(100))), TimedOut);
}
