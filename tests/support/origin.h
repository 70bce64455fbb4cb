// tests/support/origin.h: a scripted origin server on 127.0.0.1, a thread for each connection.
//     Origin origin;
//     origin.on("GET", "/milk").reach(asked).await(answer).reply(200, {{"cache-control", "max-age=60"}}, "milk");
//     origin.on("GET", "/milk").reply(304);                // the second request; the last answer repeats
// Script  an answer is a list of steps; answers of one method and target are used in the order they were given, and the
//         last one repeats. A target that ends in "*" is a prefix, the longest of which is used where no exact one is scripted.
// Strict  an unscripted request gets 599 and fails the test, as does a step that ran out of patience.
// Record  every byte that arrives is kept: requests(), last_request().raw, bytes_received().
// Thread  the test's own for all of this; scripts may be added while requests arrive.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/barrier.h"
#include "support/message.h"
#include "support/tls.h"

namespace davenport::testing {

class Origin;

// What a step works on.
struct Exchange {
  Wire& wire;
  SeenRequest& request;
  bool& keep_connection;
};

struct Reply {
  int status = 200;
  FieldLines fields;
  std::string body;
};

class Answer {
 public:
  using Step = std::function<void(Exchange&)>;

  Answer& reach(const Barrier& barrier);           // opens it
  Answer& await(const Barrier& barrier);
  // Whole: Content-Length is added unless the fields frame the body or the status has none; HEAD gets no body.
  Answer& reply(int status, FieldLines fields = {}, std::string body = "");
  Answer& reply(std::function<Reply(const SeenRequest&)> make);
  Answer& interim(int status, FieldLines fields = {});
  Answer& head(int status, FieldLines fields = {}); // exactly these fields, then pieces by raw() or chunk()
  Answer& raw(std::string bytes);
  Answer& chunk(std::string content);
  Answer& last_chunk(FieldLines trailers = {});
  Answer& echo();                                  // 200, no-store; the body is the request as it came
  Answer& websocket(const FieldLines& fields = {});   // a 101 that accepts the key (RFC 6455 §4.2.2); tunnel() follows
  Answer& tunnel();                                // whatever comes goes back, until the end
  Answer& early();                                 // the steps begin before the request's body is read
  Answer& read_body();                             // … until here
  Answer& close();                                 // after what was sent
  Answer& reset();                                 // RST
  Answer& never();                                 // says nothing more until the peer or the test ends
  Answer& run(Step step);
  Answer& once();                                  // as the last answer: does not repeat

 private:
  friend class Origin;
  explicit Answer(std::mutex& mutex) : mutex_(mutex) {}
  std::mutex& mutex_;
  std::vector<Step> steps_;
  bool early_ = false;
  bool once_ = false;
};

class Origin {
 public:
  Origin();
  ~Origin();                                       // stops, and reports what went against the script
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  Answer& on(const std::string& method, const std::string& target);

  std::uint16_t port() const { return listener_.port(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port()); }

  void stop();                                     // refuses connections, cuts those that are open; keeps the port
  void start();
  // From now on every connection is TLS; `client_ca`: only with a certificate of it. A handshake that fails is no error of the script.
  void speak_tls(const CertificateFiles& certificate, const std::string& client_ca = "");
  TlsFacts last_tls() const;                       // of the newest connection that came to a request
  void cut_connections();                          // as a server that closes idle connections

  std::size_t requests(const std::string& target) const;
  std::size_t requests() const;
  std::size_t requests_where(const std::function<bool(const SeenRequest&)>& matches) const;
  void await_requests(const std::string& target, std::size_t count) const;
  SeenRequest last_request(const std::string& target) const;    // one with status-less fields where there was none
  std::vector<SeenRequest> all_requests() const;
  std::size_t connections() const;                 // accepted so far
  std::size_t open_connections() const;
  std::uint64_t bytes_received() const;            // of requests and of what was none
  std::vector<std::string> errors() const;
  void forgive();                                  // forgets the errors: the test expected them

 private:
  struct Connection {
    Socket* socket = nullptr;                      // of its thread; null once that has ended
    std::thread thread;
  };
  struct Script {
    std::deque<std::unique_ptr<Answer>> answers;
    std::size_t next = 0;
    bool used = false;                             // answers[next] has answered
  };

  void accept_all();
  void serve(Connection& connection, Socket socket, int number);
  bool answer(Wire& wire, SeenRequest& request, std::size_t index);
  Answer* pick(const SeenRequest& request);        // under mutex_
  void record(std::size_t index, const SeenRequest& request);
  void error(const std::string& text);

  Listener listener_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<std::string, Script> scripts_;          // "METHOD target"
  std::vector<SeenRequest> seen_;
  std::list<Connection> connections_;
  std::vector<std::string> errors_;
  CertificateFiles certificate_;
  std::string client_ca_;
  TlsFacts last_tls_;
  std::uint64_t stray_bytes_ = 0;                  // of connections that ended within a head
  std::size_t accepted_ = 0;
  std::atomic<bool> running_{false};
  std::thread acceptor_;
};

}  // namespace davenport::testing
