// proxy/server/client.h: the client behind one request, as the story of the request speaks to it. HTTP/1.1 (client_connection.h) and a
// stream of HTTP/2 (http2_stream.h) are its two kinds; what they share is this:
//     append_hit(client.output(), …);                        // an answer: its head as HTTP/1.1 text, then its body
//     if (!client.push() && !co_await client.drain()) …      // back-pressure: false, the client has gone
// Heads   are the text that the store holds: "HTTP/1.1 200 OK", fields, an empty line; interim ones (1xx) stand before the final one.
//         HTTP/2 makes its own fields of it, without those that concern a connection.
// Bodies  follow their heads. One whose length the head does not say is ended as ending_of() says (request.h).
// Owner   whoever runs the story; it outlives the story.
// Thread  the worker's.
#pragma once
#include <memory>
#include <string>

#include "core/http/fields.h"
#include "core/net/stream.h"
#include "core/net/task.h"
#include "proxy/origin/exchange.h"
#include "proxy/server/body_reader.h"
#include "proxy/server/output.h"
#include "proxy/server/worker.h"

namespace davenport::server {

class Client {
 public:
  explicit Client(Worker& worker) : worker_(worker) {}
  virtual ~Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  Worker& worker() const { return worker_; }

  virtual Output& output() = 0;
  virtual bool push() = 0;                     // tries once. True: nothing is left. Otherwise drain()
  // Sends what the output holds. False: the client has gone or takes nothing; give up on it.
  virtual net::Task<bool> drain() = 0;
  // The answer's last bytes are in the output: sends them. Of what follows a call nothing is sent.
  virtual net::Task<void> finish() = 0;
  virtual void finish_uncleanly() = 0;         // the answer was cut: never a clean end
  virtual bool gone() const = 0;               // as far as is known
  virtual void send_trailers(const http::Fields& fields) = 0;    // where the body's end is framed (Ending::frames)
  virtual bool keeps_alive() = 0;              // may other requests follow on this connection?
  virtual void close_after_this() = 0;         // the rest of the request's body is not read

  virtual std::unique_ptr<BodyReader> read_body(const Request& request) = 0;
  virtual bool body_has_begun() const = 0;     // bytes of it are here already
  virtual void stop_reading() = 0;             // whoever waits for the body is resumed as cancelled

  // While it is set, a client that is known to have left ends this exchange; null: no more.
  virtual void set_exchange(origin::Exchange* exchange) = 0;
  // From now on bytes go both ways as they come, until both sides have ended. `leftover`: what the origin has sent already.
  virtual net::Task<void> tunnel(net::StreamPtr origin, std::string leftover, Millis idle) = 0;

 protected:
  Worker& worker_;
};

}  // namespace davenport::server
