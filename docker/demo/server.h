// docker/demo/server.h: HTTP/1.1 on libevent: keep-alive, pipelining, HEAD, answers that come later.
//     Server server(handler, limits);                 // one for each thread, all on one listening socket
//     server.listen(socket); server.run();            // until stop()
//     void handler(Request request, Reply reply) { later([reply] { reply.send(response); }); }
// Thread  a server, its handler and its replies live on the thread of run(); post() and stop() are for all threads.
// Owner   the server owns its connections; a Reply only names one, so that an answer for a client who left is dropped.
// Bound   connections over all servers, head and body (http.h), one request at a time on a connection, output before
//         the next pipelined request; each state of a connection but "the handler works" has a deadline.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "docker/demo/http.h"
#include "docker/demo/query_queue.h"

struct event;
struct event_base;
struct evconnlistener;

namespace demo {

class Connection;
class Server;

// Where an answer goes. Copies name the same request; the first send() wins.
class Reply {
 public:
  void send(Response response) const;
  Server& server() const { return *server_; }

 private:
  friend class Connection;
  Reply(Server& server, std::uint64_t connection, std::uint64_t request)
      : server_(&server), connection_(connection), request_(request) {}
  Server* server_;
  std::uint64_t connection_, request_;
};

struct ServerLimits {
  std::atomic<std::size_t>& open_connections;      // shared by all servers
  std::size_t max_connections = 4096;
  std::chrono::seconds idle{60}, request{15}, answer{60};
};

class Server {
 public:
  using Handler = std::function<void(Request, Reply)>;
  Server(Handler handler, ServerLimits limits);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void listen(int socket);                         // bound, listening and non-blocking; it stays the caller's
  void run();
  void stop();                                     // run() returns; connections are closed by the destructor
  void post(std::function<void()> work);           // runs on the server's thread, in order
  event_base* base() const { return base_; }

 private:
  friend class Connection;
  friend class Reply;
  void accepted(int socket);
  void run_posted();
  void close_overdue();
  void pause_accepting();
  void forget(std::uint64_t connection);           // destroys it

  Handler handler_;
  ServerLimits limits_;
  event_base* base_ = nullptr;
  evconnlistener* listener_ = nullptr;
  event *wake_ = nullptr, *tick_ = nullptr, *resume_ = nullptr;
  int wake_fd_ = -1;
  std::atomic<bool> stopping_ = false;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_connection_ = 1;
};

// "127.0.0.1:0" → a socket for listen(), and the port that it got. -1: errno says why.
int open_listening_socket(const std::string& address, std::uint16_t port, std::uint16_t& bound_port);

}  // namespace demo
