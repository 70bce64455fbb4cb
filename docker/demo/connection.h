// docker/demo/connection.h: one client of a Server. Internal to server.cc and connection.cc.
//
//   idle --first byte--> reading --request complete--> working --answer--> idle (or the next pipelined request)
//                                                                     \--> closing --all sent--> gone
// Owner   the server's map; finish() is the only way out, and it destroys this object.
#pragma once
#include "docker/demo/server.h"

struct bufferevent;

namespace demo {

class Connection {
 public:
  Connection(Server& server, std::uint64_t id, int socket);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void answer(std::uint64_t request, Response response);
  bool overdue(TimePoint now) const { return !working_ && now > deadline_; }

 private:
  void bytes_arrived();
  void bytes_left();
  void stream_ended(bool in_order);
  void process();                                  // as many complete requests as are there
  void handle(Request request);
  void refuse(int status);
  void finish();

  Server& server_;
  const std::uint64_t id_;
  bufferevent* stream_;
  std::uint64_t request_ = 0;
  bool reading_ = false, working_ = false, processing_ = false, closing_ = false;
  bool continued_ = false, head_only_ = false, keep_alive_ = true;
  TimePoint deadline_;
};

}  // namespace demo
