// proxy/server/http2_session.h: framing, HPACK and flow control of one HTTP/2 connection, which are nghttp2's work. Only http2_session.cc
// knows its types. What the client says comes out of receive() as calls of the connection's on_…(), none of which suspends; what is
// to be said goes out of send(), bodies in place where they lie in the store.
//     session.receive(bytes);  session.respond(id, 200, lines, true);  session.resume(id);  session.send(out);
// Windows bytes of a request's body count until consume() gives them back: at most kStreamWindow of each, kWindow of all are here.
// Errors  what breaks the protocol is answered as RFC 9113 wants it, by nghttp2: a reset of the stream, or GOAWAY and done().
// Owner   the connection. Thread  the worker's.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/http/http2_head.h"
#include "proxy/server/output.h"

struct nghttp2_session;

namespace davenport::server {

class Http2Connection;
class Http2Stream;

// RFC 9113 §7, those that are ours to give.
enum class Http2Error : std::uint32_t { none = 0, protocol = 1, internal = 2, refused = 7, cancel = 8, calm = 11 };

class Http2Session {
 public:
  static constexpr std::int32_t kStreamWindow = 256 << 10, kWindow = 1 << 20;
  static constexpr std::uint64_t kMostUnsent = 256 << 10;      // frames that wait for the socket; more stay with their streams

  Http2Session(Http2Connection& connection, const config::Config& config, bool tls);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  void receive(std::string_view bytes);
  void send(Output& out);                     // as much as `out` should hold
  bool done() const;                          // nothing more will be said by either side

  void respond(Http2Stream& stream, int status, std::span<const http::Field> lines, bool body);
  void interim(Http2Stream& stream, int status, std::span<const http::Field> lines);
  void resume(std::int32_t id);               // its body has grown, or has ended
  void reset(std::int32_t id, Http2Error error);
  void consume(std::int32_t id, std::size_t bytes);      // of a request's body; also of a stream that has gone
  void prioritize(std::int32_t id, http::Priority priority);

  void announce_end();                        // GOAWAY that still lets new requests in, for those that are on their way
  void end(Http2Error error);                 // none: GOAWAY, what has begun is finished; else all ends

 private:
  struct Callbacks;
  // Our first frame, SETTINGS, with the limit that clients are to keep.
  std::string greeting(std::string_view settings);

  Http2Connection& connection_;
  nghttp2_session* session_ = nullptr;
  Output* out_ = nullptr;                     // of the send() under way
  std::uint32_t streams_;
  bool tls_, greeted_ = false;
};

}  // namespace davenport::server
