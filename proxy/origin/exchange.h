// proxy/origin/exchange.h: one request to an origin and its answer.
//     Exchange exchange(connections, cluster);
//     Result<const http::ResponseHead*, Failure> head = co_await exchange.request(request);    // with retries, if allowed
//     while (interim(*head)) head = co_await exchange.next_head();                             // 1xx, then the final one
//     while (…) { Result<Piece, Failure> piece = co_await exchange.read_body(); … }            // until piece->end
// Retries a connection that could not be made, on another server, for any request: nothing was sent. A request that was sent is
//         sent again only if it is idempotent and has no body, and no byte of a response came; on another server where there
//         is one, else on the same after a reset or an end. A pooled connection that turns out to be closed costs no retry
//         (twice at most), for it says nothing of the server.
// Owner   the caller's frame owns the Exchange, and the Exchange its connection from start to end: when the answer was read
//         to its end and both sides allow it, the destructor gives the connection back to the pool; in every other case it
//         is closed. A connection whose answer was not read whole is never used again.
// Views   heads live until the next call; a Piece's bytes lie in the worker's read buffer: they are gone at the next
//         suspension of anyone on this loop, and when another exchange is asked for anything. Use or copy them before.
// Time    connect, first-byte and between-bytes deadlines are the origin's own settings. The first byte is due from the end of the
//         request on: while its body is being sent (by another coroutine, say), next_head() waits for as long as that goes on.
// Thread  the worker's loop.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/http/message.h"
#include "core/net/stream.h"
#include "core/net/task.h"
#include "proxy/origin/cluster.h"
#include "proxy/origin/failure.h"

namespace davenport::origin {

class Connections;        // connections.h: a worker's pools for all origins

// What is sent. All that is hop-by-hop was removed and all that we add was added by the caller; Host is among the fields.
// Framing is written by the exchange: Content-Length or Transfer-Encoding, never taken from `fields`. These two, Connection and
// Expect are skipped there.
struct OriginRequest {
  std::string_view method_name;
  http::Method method = http::Method::get;
  std::string_view target;                  // origin-form or "*"
  const http::Fields* fields = nullptr;     // borrowed for the time of request()
  http::Framing framing = http::Framing::none;
  std::uint64_t content_length = 0;
  std::uint64_t affinity = 0;               // what consistent hashing looks at
  bool expect_continue = false;             // send "Expect: 100-continue"; the caller waits for the interim head
  bool upgrade = false;                     // send "Connection: upgrade"; Upgrade is among the fields
};

struct Piece {
  std::string_view bytes;      // may be empty with end
  bool end = false;            // the body is whole; trailers() are there
};

struct Timings {
  SteadyTime started{}, connected{}, first_byte{};
  bool reused = false;         // a pooled connection
  std::uint32_t attempts = 0;
  Micros to_first_byte() const {  // 0: there was none
    return first_byte == SteadyTime{} ? Micros{0} : std::chrono::duration_cast<Micros>(first_byte - started);
  }
};

class Exchange {
 public:
  Exchange(Connections& connections, ClusterPtr cluster);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Chooses a server, gets a connection (queueing within bounds), sends the head, and for a request without a body waits for
  // the first response head (interim or final). An idempotent request without a body whose try failed before any byte of a
  // response came is tried again on another server, within the origin's retries and retry budget; so is any request that found
  // its pooled connection closed before anything was sent on it.
  // With a body (framing length or chunked) it returns null after the head was sent: send_body(), end_body(), next_head().
  net::Task<Result<const http::ResponseHead*, Failure>> request(const OriginRequest& request);

  // The body, framed as `request` said. May wait for the socket: back-pressure. After a failure next_head() may still give the
  // answer that the origin sent before it closed (a 413, say).
  net::Task<Result<std::monostate, Failure>> send_body(std::string_view bytes);
  net::Task<Result<std::monostate, Failure>> end_body(const http::Fields& trailers);

  net::Task<Result<const http::ResponseHead*, Failure>> next_head();
  // True where the head (or an error) has already begun to arrive: an origin that answers before it has read the body.
  bool head_waiting() const;
  // Waits until that is so, but no longer than `deadline`: false then, and nothing has failed. For "100-continue", where
  // a client that is not answered in time sends its body all the same (RFC 9110 §10.1.1).
  net::Task<bool> wait_for_head(SteadyTime deadline);

  net::Task<Result<Piece, Failure>> read_body();
  // The same without waiting: nullopt where nothing has arrived yet.
  std::optional<Result<Piece, Failure>> try_read_body();
  const http::Fields& trailers() const;

  // After a 101: the connection, and what the origin sent behind the head. The exchange is then empty, but as long as it lives
  // the connection counts as one of its server's: keep it while the tunnel is open.
  net::StreamPtr take_stream(std::string& leftover);

  // The connection will be closed, never pooled (the client has gone, a body is not wanted). Another coroutine that waits in
  // this exchange is resumed at once, inside this call, and may end it.
  void abandon();

  const Timings& timings() const;
  std::string server() const;      // its address, for logs and Proxy-Status

 private:
  class Impl;
  friend class Pool;
  std::unique_ptr<Impl> impl_;      // its buffers go back to the worker for the next exchange
};

}  // namespace davenport::origin
