// tests/fuzz/pair.h: a worker with its store, two clients and an origin in one thread, driven byte by byte. What is real: the
// client connections, the story, flights, exchanges, the pool, the store. What is the input's: every byte of both sides, and their
// order. Sockets are Unix sockets of this process; nothing sleeps, and the loop is turned by hand.
//     Pair pair(settings);  pair.send(0, "GET /a …");  pair.answer("HTTP/1.1 200 …");  pair.end();
// '@' in an answer becomes a letter of its exchange's own, so that no two answers look alike.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/purge/embedded_log.h"
#include "cache/purge/sweeper.h"
#include "cache/store/memory_store.h"
#include "config/config.h"
#include "core/http/parser.h"
#include "proxy/server/shared.h"
#include "proxy/server/worker.h"
#include "proxy/transform/coder.h"

namespace davenport::fuzz {

// What the origin was asked, and what it said.
struct Exchanged {
  std::string method, target;
  std::vector<std::string> own;      // values of its Cookie, Authorization and of fields that nobody knows: a client's own words
  std::string answer;                // as it was sent
  bool request_whole = false, upgrade = false;
  bool ended = false;                // the origin closed its connection behind it
};

class Pair {
 public:
  static constexpr std::size_t kClients = 2;
  explicit Pair(const config::ConfigPtr& config);
  ~Pair();

  void send(std::size_t client, std::string_view bytes);
  void half_close(std::size_t client);
  void leave(std::size_t client);                  // closes whatever is under way
  void answer(std::string_view bytes);             // to the exchange that has waited longest
  void close_origin();                             // of that exchange: the connection ends
  void purge();                                    // of everything
  void turn();                                     // the loop, until both sides are quiet
  void end();                                      // all sides close; everything must come to its end by itself

  const std::string& sent(std::size_t client) const { return clients_[client].sent; }
  const std::string& received(std::size_t client) const { return clients_[client].received; }
  const std::vector<std::unique_ptr<Exchanged>>& exchanges() const { return exchanges_; }
  store::MemoryStore& store() { return store_; }
  std::uint32_t open_connections() const { return shared_.connections.open(); }
  std::size_t flights() const { return shared_.flights.size(); }

  static const std::string& directory();           // where the origin's socket is

 private:
  struct Client {
    int fd = -1;
    std::string sent, received;
  };
  // One connection at the origin: it reads requests as a strict server does, and what is none breaks an invariant.
  struct Connection {
    int fd = -1;
    std::string unread;
    http::RequestHead head;
    std::unique_ptr<http::ChunkedDecoder> body;
    std::uint64_t body_left = 0;
    bool in_body = false, tunnel = false;
    Exchanged* exchange = nullptr;
  };

  bool step();
  bool serve(Connection& connection);
  void read_requests(Connection& connection);
  Connection* waiting();
  void close(Connection& connection);

  store::MemoryStore store_;
  purge::EmbeddedLog log_;
  purge::Sweeper sweeper_;
  transform::Coder coder_;                         // idle: settings() ask for no codings
  server::Shared shared_;
  std::unique_ptr<server::Worker> worker_;
  std::array<Client, kClients> clients_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Exchanged>> exchanges_;
};

}  // namespace davenport::fuzz
