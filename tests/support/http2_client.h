// tests/support/http2_client.h: an HTTP/2 client as frames on a socket (RFC 9113), written by hand: it sends exactly what it is told,
// also what no client should. Only HPACK's decoder is nghttp2's.
//     Http2Client client(proxy.port());                       // the preface and an empty SETTINGS
//     CHECK(client.get("/milk").body == "milk");
//     const std::uint32_t stream = client.open({{":method", "GET"}, …}, true);   client.await(stream)
// Frames  SETTINGS and PING are acknowledged, and windows opened for what has come, unless the test says otherwise.
// Waits   at most kPatience each, then TimedOut.
// Thread  one.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/message.h"
#include "support/tls.h"

struct nghttp2_hd_inflater;

namespace davenport::testing {

struct Frame {
  enum Type : std::uint8_t { data, headers, priority, rst_stream, settings, push_promise, ping, goaway, window_update, continuation };
  static constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8;
  std::uint8_t type = 0, flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
  std::string bytes() const;
};

enum class H2 : std::uint32_t { no_error, protocol_error, internal_error, flow_control_error, settings_timeout, stream_closed,
                                frame_size_error, refused_stream, cancel, compression_error, connect_error, enhance_your_calm };

// RawResponse's `complete`: END_STREAM came. `reset`: RST_STREAM, with `code`.
struct Http2Response : RawResponse {
  std::optional<H2> code;
};

class Http2Client {
 public:
  explicit Http2Client(std::uint16_t port, std::optional<int> receive_buffer_bytes = {});
  Http2Client(std::uint16_t port, TlsOptions tls);            // by ALPN
  explicit Http2Client(Socket socket) : socket_(std::move(socket)) { begin(); }
  ~Http2Client();
  Http2Client(Http2Client&&) = default;

  bool send(std::string_view bytes) { return socket_.send_all(bytes); }
  bool send(const Frame& frame) { return send(frame.bytes()); }
  // Fields as literals without indexing, names as they are given.
  static std::string block(const FieldLines& lines);
  std::uint32_t next_stream() { return std::exchange(next_stream_, next_stream_ + 2); }
  std::uint32_t open(const FieldLines& lines, bool end);      // a request on the next stream
  std::uint32_t request(std::string_view method, std::string_view path, const FieldLines& fields = {}, bool end = true);
  void send_body(std::uint32_t stream, std::string_view bytes, bool end);     // within the windows, in frames of 16 KiB
  void reset(std::uint32_t stream, H2 code = H2::cancel);
  void window(std::uint32_t stream, std::uint32_t increment);
  void settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& pairs);

  Http2Response await(std::uint32_t stream);                  // to its end, or the connection's
  // Until `done` holds of what has come for the stream.
  Http2Response& await(std::uint32_t stream, const std::function<bool(const Http2Response&)>& done);
  Http2Response get(std::string_view path, const FieldLines& fields = {}) { return await(request("GET", path, fields)); }
  std::optional<H2> await_goaway();                           // reads to the end of the connection; nullopt: there was none
  std::optional<H2> goaway() const { return goaway_; }
  std::uint32_t goaway_stream() const { return goaway_stream_; }
  bool read_frame();                                          // false: the end
  bool ended() const { return ended_; }
  bool was_reset() const { return reset_; }
  std::uint32_t peer_setting(std::uint16_t id) const;         // 0: not said
  void auto_window(bool on) { auto_window_ = on; }
  std::size_t pings_answered() const { return pings_answered_; }
  TlsLayer& tls() { return *socket_.tls(); }
  void close() { socket_.close(); }

 private:
  void begin();
  void take(const Frame& frame);
  void take_head(Http2Response& response, bool end);

  Socket socket_;
  std::string buffer_, block_;
  std::map<std::uint32_t, Http2Response> responses_;
  std::map<std::uint16_t, std::uint32_t> settings_;
  std::map<std::uint32_t, std::int64_t> windows_;             // by stream, what was added to or taken from the initial one
  struct FreeInflater {
    void operator()(nghttp2_hd_inflater* inflater) const;
  };
  std::unique_ptr<nghttp2_hd_inflater, FreeInflater> inflater_;
  std::int64_t window_ = 65'535;
  std::uint32_t next_stream_ = 1, goaway_stream_ = 0;
  std::optional<H2> goaway_;
  std::size_t pings_answered_ = 0;
  bool ended_ = false, reset_ = false, auto_window_ = true;
};

}  // namespace davenport::testing
