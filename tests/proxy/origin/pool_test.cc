// Pooled connections, retries and the queue, with real sockets.
#include "origin_support.h"

#include "proxy/origin/pool.h"

using namespace davenport;
using namespace davenport::origin;
using namespace davenport::origin::test;

namespace {

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

void serve(Peer& peer) {
  while (!peer.read_head().empty()) peer.send(kOk);
}

// Lets a test's thread and its peers meet.
class Gate {
 public:
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool pass() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(kPatienceMillis), [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// Several exchanges at once on one loop.
struct Many {
  explicit Many(Client& own) : client(own) {}
  void start(Request request = {}) {
    ++running;
    net::spawn(run(*this, std::move(request)));
  }
  void join() {
    client.await([&] { return running == 0; });
  }
  static net::Task<void> run(Many& many, Request request) {
    Answer answer = co_await fetch(many.client.connections, many.client.cluster, std::move(request));
    many.answers.push_back(std::move(answer));
    --many.running;
  }
  Client& client;
  int running = 0;
  std::vector<Answer> answers;           // in the order in which they ended
};

}  // namespace

TEST_CASE("the connection used last is used first, and no more than max_idle are kept") {
  Gate all_here;
  std::atomic<int> here{0};
  ScriptedOrigin origin([&](Peer& peer) {
    for (bool first = true;; first = false) {
      if (peer.read_head().empty()) return;
      if (first && peer.number < 3) {
        if (++here == 3) all_here.open();
        all_here.pass();
      }
      peer.send(kOk);
    }
  });
  config::Origin settings = origin.settings();
  settings.max_idle = 2;
  Client client(settings);
  Many many(client);
  for (int i = 0; i < 3; ++i) many.start();
  many.join();
  CHECK(origin.accepted() == 3);
  CHECK(client.server().connections == 2);
  for (int i = 0; i < 5; ++i) CHECK(client.get().timings.reused);
  CHECK(origin.accepted() == 3);
  client.connections.close_idle();
  CHECK(client.server().connections == 0);
  CHECK_FALSE(client.get().timings.reused);
}

TEST_CASE("an idle connection that its origin closes is dropped at once") {
  Gate close_it;
  ScriptedOrigin origin([&](Peer& peer) {
    peer.read_head();
    peer.send(kOk);
    close_it.pass();
  });
  Client client(origin.settings());
  client.get();
  CHECK(client.server().connections == 1);
  close_it.open();
  client.await([&] { return client.server().connections == 0; });
}

TEST_CASE("what an origin says unasked on an idle connection closes it (RFC 9112 §9.2)") {
  Gate say_it;
  ScriptedOrigin origin([&](Peer& peer) {
    peer.read_head();
    peer.send(kOk);
    if (peer.number > 0) return;
    say_it.pass();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong");
    CHECK(peer.closed());
  });
  Client client(origin.settings());
  client.get();
  say_it.open();
  client.await([&] { return client.server().connections == 0; });
  const Answer answer = client.get();
  CHECK(answer.body == "ok");
  CHECK_FALSE(answer.timings.reused);
}

TEST_CASE("an idle connection goes after idle_timeout") {
  ScriptedOrigin origin(serve);
  config::Origin settings = origin.settings();
  settings.idle_timeout = 30ms;
  Client client(settings);
  client.get();
  CHECK(client.server().connections == 1);
  client.await([&] { return client.server().connections == 0; });
}

TEST_CASE("connections whose answers were not read whole, or that were abandoned, are closed") {
  const std::string large = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x');
  ScriptedOrigin origin([&](Peer& peer) {
    while (!peer.read_head().empty()) peer.send(large);
  });
  Client client(origin.settings());
  Request request;
  request.read_body = false;
  CHECK(client.ask(request).status == 200);
  CHECK(client.server().connections == 0);
  CHECK(client.server().failures == 0);
  const auto story = [](Client& own) -> net::Task<bool> {
    Exchange exchange(own.connections, own.cluster);
    http::Fields fields;
    fields.add("Host", "shop");
    OriginRequest ask;
    ask.method_name = "GET";
    ask.target = "/";
    ask.fields = &fields;
    const auto head = co_await exchange.request(ask);
    REQUIRE(head);
    exchange.abandon();
    for (bool end = false; !end;) {
      const auto piece = co_await exchange.read_body();
      REQUIRE(piece);
      end = piece->end;
    }
    co_return true;
  };
  client.run(story(client));
  CHECK(client.server().connections == 0);
}

TEST_CASE("exchanges that wait for the rest of their bodies do not lose what the shared buffer held") {
  Gate rest;
  ScriptedOrigin origin([&](Peer& peer) {
    const std::string head = peer.read_head();
    const std::string body(2'000, head[5]);
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + body + "\r\n7");
    rest.pass();
    peer.send("d0\r\n" + body + "\r\n0\r\n\r\n");
    peer.closed();
  });
  Client client(origin.settings());
  const auto story = [](Client& own, std::string target, int& heads, std::string& out) -> net::Task<void> {
    Exchange exchange(own.connections, own.cluster);
    http::Fields fields;
    fields.add("Host", "shop");
    OriginRequest ask;
    ask.method_name = "GET";
    ask.target = target;
    ask.fields = &fields;
    const auto head = co_await exchange.request(ask);
    REQUIRE(head);
    ++heads;
    const SteadyTime soon = own.loop.now() + 20ms;
    co_await net::sleep_until(own.loop, soon);            // others read meanwhile
    CHECK((*head)->fields.get(http::FieldId::transfer_encoding) == "chunked");
    for (bool end = false; !end;) {
      const auto piece = co_await exchange.read_body();
      REQUIRE(piece);
      out += piece->bytes;
      end = piece->end;
    }
  };
  int heads = 0;
  std::vector<std::string> bodies(4);
  for (std::size_t i = 0; i < bodies.size(); ++i) net::spawn(story(client, "/" + std::string(1, static_cast<char>('a' + i)), heads, bodies[i]));
  client.await([&] { return heads == 4; });
  rest.open();
  client.await([&] { return std::all_of(bodies.begin(), bodies.end(), [](const auto& body) { return body.size() == 4'000; }); });
  for (std::size_t i = 0; i < bodies.size(); ++i) CHECK(bodies[i] == std::string(4'000, static_cast<char>('a' + i)));
}

TEST_CASE("a GET whose pooled connection turns out to be dead is asked again on a fresh one") {
  // The first connection answers once; at the second request it is reset unread, which the pool can't know before.
  ScriptedOrigin origin([&](Peer& peer) {
    peer.read_head();
    peer.send(kOk);
    if (peer.number > 0) return serve(peer);
    peer.read_head();
    peer.reset();
  });
  Client client(origin.settings());
  client.get();
  const Answer answer = client.get();
  CHECK(answer.body == "ok");
  CHECK(answer.timings.attempts == 2);
  CHECK_FALSE(answer.timings.reused);
  CHECK(client.server().failures == 0);                   // its idle connections are its own affair
  CHECK(state_of(*client.cluster, client.loop.now()).retries == 0);
}

TEST_CASE("a POST that found its pooled connection dead was sent, and is not sent again") {
  ScriptedOrigin origin([&](Peer& peer) {
    peer.read_head();
    peer.send(kOk);
    peer.read_head();
    peer.reset();
  });
  Client client(origin.settings());
  client.get();
  Request request;
  request.method = "POST";
  request.body = "x";
  CHECK(client.ask(request).failure == FailureKind::connection_terminated);
  CHECK(origin.accepted() == 1);
}

TEST_CASE("a POST finds a connection closed before it is sent, and takes another") {
  Gate closed;
  ScriptedOrigin origin([&](Peer& peer) {
    peer.read_head();
    peer.send(kOk);
    if (peer.number > 0) {
      peer.read_head();
      return;
    }
    peer.close();
    closed.open();
  });
  Client client(origin.settings());
  client.get();
  closed.pass();                        // the loop has not been told: it does not run
  Request request;
  request.method = "POST";
  request.body = "";
  const Answer answer = client.ask(request);
  CHECK(answer.status == 200);
  CHECK_FALSE(answer.timings.reused);
}

TEST_CASE("a failed request is tried on another server, within retries and the budget") {
  ScriptedOrigin good(serve);
  struct Row { std::uint32_t retries; double budget; const char* method; bool served; const char* why; };
  for (const Row& row : {Row{1, 1.0, "GET", true, "one retry"}, Row{0, 1.0, "GET", false, "none allowed"},
                         Row{1, 0.0, "GET", false, "no budget"}, Row{1, 1.0, "POST", true, "nothing was sent"}}) {
    CAPTURE(row.why);
    config::Origin settings;
    settings.name = "shop";
    settings.balance = config::Balance::round_robin;
    settings.servers = {dead_server(), good.server()};
    settings.retries = row.retries;
    settings.retry_budget = row.budget;
    Client client(settings);
    Request request;
    request.method = row.method;
    const Answer answer = client.ask(request);
    CHECK(answer.body == (row.served ? "ok" : ""));
    CHECK(answer.timings.attempts == (row.served ? 2 : 1));
    if (!row.served) CHECK(answer.failure == FailureKind::connection_refused);
    CHECK(client.server(0).failures == 1);
  }
}

TEST_CASE("a sent request is tried again only if it is idempotent and nothing came back (RFC 9110 §9.2.2)") {
  struct Row { const char* method; const char* before_end; bool again; };
  for (const Row& row : {Row{"GET", "", true}, Row{"DELETE", "", true}, Row{"POST", "", false}, Row{"PURGE", "", false},
                         Row{"GET", "HTTP/1.1 2", false}}) {
    CAPTURE(row.method);
    CAPTURE(row.before_end);
    ScriptedOrigin bad([&](Peer& peer) {
      peer.read_head();
      peer.send(row.before_end);
    });
    ScriptedOrigin good(serve);
    config::Origin settings = bad.settings();
    settings.balance = config::Balance::round_robin;
    settings.servers.push_back(good.server());
    Client client(settings);
    Request request;
    request.method = row.method;
    const Answer answer = client.ask(request);
    CHECK(answer.status == (row.again ? 200 : 0));
    CHECK(good.accepted() == (row.again ? 1 : 0));
    CHECK(bad.accepted() == 1);
  }
}

TEST_CASE("where nobody else can be asked, the first failure stands") {
  config::Origin settings;
  settings.name = "shop";
  settings.servers = {dead_server()};
  settings.retries = 3;
  Client client(settings);
  const Answer answer = client.get();
  CHECK(answer.failure == FailureKind::connection_refused);
  CHECK(answer.timings.attempts == 1);
}

TEST_CASE("a server that fails is left alone until its time is over") {
  std::atomic<bool> broken{true};
  ScriptedOrigin bad([&](Peer& peer) {
    while (!peer.read_head().empty()) {
      if (broken) return;
      peer.send(kOk);
    }
  });
  ScriptedOrigin good(serve);
  config::Origin settings = bad.settings();
  settings.balance = config::Balance::round_robin;
  settings.servers.push_back(good.server());
  settings.eject_after = 2;
  settings.eject_time = 50ms;
  settings.retry_budget = 1;
  Client client(settings);
  for (int i = 0; i < 10; ++i) CHECK(client.get().body == "ok");
  CHECK(client.server(0).ejected);
  CHECK(bad.accepted() == 2);
  broken = false;
  client.await([&] {
    client.get();
    return !client.server(0).ejected;
  });
  CHECK(client.server(0).ejections == 1);
}

TEST_CASE("requests beyond max_connections wait in the queue and share what becomes free") {
  ScriptedOrigin origin(serve);
  config::Origin settings = origin.settings();
  settings.max_connections = 2;
  settings.queue = 30;
  Client client(settings);
  Many many(client);
  for (int i = 0; i < 40; ++i) many.start();
  many.join();
  int served = 0, full = 0;
  for (const Answer& answer : many.answers) {
    served += answer.body == "ok";
    full += answer.failure == FailureKind::queue_full;
  }
  CHECK(served == 32);
  CHECK(full == 8);
  CHECK(origin.accepted() == 2);
  CHECK(state_of(*client.cluster, client.loop.now()).queue_rejections == 8);
  CHECK(state_of(*client.cluster, client.loop.now()).queued == 0);
  CHECK(client.server().outstanding == 0);
}

TEST_CASE("a request that waits too long in the queue is told so") {
  Gate answer_now;
  ScriptedOrigin origin([&](Peer& peer) {
    peer.read_head();
    answer_now.pass();
    peer.send(kOk);
    serve(peer);
  });
  config::Origin settings = origin.settings();
  settings.max_connections = 1;
  settings.queue_timeout = 30ms;
  Client client(settings);
  Many many(client);
  many.start();
  many.start();
  client.await([&] { return many.answers.size() == 1; });
  CHECK(many.answers[0].failure == FailureKind::queue_timeout);
  CHECK(state_of(*client.cluster, client.loop.now()).queue_timeouts == 1);
  answer_now.open();
  many.join();
  CHECK(many.answers[1].body == "ok");
}

TEST_CASE("at shutdown whoever waits is told, and nothing is left open") {
  ScriptedOrigin origin([&](Peer& peer) {
    peer.read_head();
    peer.closed();
  });
  config::Origin settings = origin.settings();
  settings.max_connections = 1;
  Client client(settings);
  Many many(client);
  for (int i = 0; i < 3; ++i) many.start();
  client.await([&] { return origin.accepted() == 1 && client.cluster->roster()->queued == 2; });
  client.loop.cancel_waiters();
  CHECK(many.running == 0);
  for (const Answer& answer : many.answers) CHECK(answer.failure == FailureKind::cancelled);
  CHECK(client.server().connections == 0);
  CHECK(client.server().outstanding == 0);
}

TEST_CASE("two workers share one server's connections: an idle one goes to whoever waits elsewhere") {
  ScriptedOrigin origin(serve);
  config::Origin settings = origin.settings();
  settings.max_connections = 1;
  Client first(settings);
  first.get();
  REQUIRE(first.server().connections == 1);          // idle here, and the only slot
  const ClusterPtr cluster = first.cluster;
  std::atomic<bool> done{false};
  Answer answer;
  std::thread second([&] {
    Client other(settings);
    other.cluster = cluster;
    answer = other.get();
    other.connections.close_idle();
    done = true;
  });
  first.await([&] { return done.load(); });
  second.join();
  CHECK(answer.body == "ok");
  CHECK(answer.timings.reused);
  CHECK(origin.accepted() == 1);
}

TEST_CASE("many workers under load never open more than max_connections and starve nobody") {
  std::atomic<int> open{0}, most{0};
  ScriptedOrigin origin([&](Peer& peer) {
    const int now = ++open;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    serve(peer);
    --open;
  });
  config::Origin settings = origin.settings();
  settings.max_connections = 3;
  const ClusterPtr cluster = make_cluster(settings, nullptr);
  std::atomic<int> served{0}, failed{0};
  const auto work = [&] {
    Client client(settings);
    client.cluster = cluster;
    Many many(client);
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < 20; ++i) many.start();
      many.join();
    }
    for (const Answer& answer : many.answers) (answer.body == "ok" ? served : failed) += 1;
    client.connections.close_idle();
  };
  std::thread a(work), b(work);
  work();
  a.join();
  b.join();
  CHECK(served == 600);
  CHECK(failed == 0);
  CHECK(most <= 4);                    // the origin's thread sees a close a moment after it has freed its slot
  CHECK(state_of(*cluster, read_steady_clock()).servers[0].connections == 0);
  CHECK(state_of(*cluster, read_steady_clock()).servers[0].outstanding == 0);
}

TEST_CASE("connections of an origin that a reload took away are closed; a successor keeps them") {
  ScriptedOrigin origin(serve);
  Client client(origin.settings());
  client.get();
  const ClusterPtr old = client.cluster;
  client.cluster = make_cluster(origin.settings(), old);
  client.connections.forget(old);
  CHECK(client.server().connections == 1);
  CHECK(client.get().timings.reused);
  client.connections.forget(client.cluster);
  CHECK(client.server().connections == 0);
  CHECK(client.get().body == "ok");                  // an exchange that still comes is served, but keeps nothing
  CHECK(client.server().connections == 0);
}

TEST_CASE("a Unix socket is a server too") {
  ScriptedOrigin unused(serve);
  config::Origin settings;
  settings.name = "shop";
  config::OriginServer server;
  server.address.kind = config::Address::Kind::unix_path;
  server.address.host = "/tmp/davenport-no-such-socket-" + std::to_string(::getpid());
  settings.servers = {server};
  Client client(settings);
  CHECK(client.get().failure == FailureKind::connection_refused);
  CHECK(client.server().address == "unix:" + server.address.host);
}

TEST_CASE("a name that cannot be resolved is a dns_error, and the next request need not wait for it") {
  config::Origin settings;
  settings.name = "shop";
  config::OriginServer server;
  server.address.kind = config::Address::Kind::name;
  server.address.host = "no-such-host.invalid";
  server.address.port = 80;
  settings.servers = {server};
  settings.connect_timeout = 300ms;
  Client client(settings);
  Many many(client);
  for (int i = 0; i < 3; ++i) many.start();
  many.join();
  for (const Answer& answer : many.answers) CHECK(answer.failure == FailureKind::dns_error);
  CHECK(client.get().failure == FailureKind::dns_error);
  CHECK_FALSE(state_of(*client.cluster, client.loop.now()).available);
}

TEST_CASE("a name is resolved by the first request where nobody has done it before") {
  ScriptedOrigin origin(serve);
  config::Origin settings = origin.settings();
  settings.servers[0].address.kind = config::Address::Kind::name;
  settings.servers[0].address.host = "localhost";
  settings.retries = 3;
  Client client(settings);
  Many many(client);
  for (int i = 0; i < 3; ++i) many.start();
  many.join();
  for (const Answer& answer : many.answers) CHECK(answer.body == "ok");
}
