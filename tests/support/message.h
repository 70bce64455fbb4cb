// tests/support/message.h: HTTP/1.1 messages as a test sees them: bytes, field lines in order, bodies by their framing.
// Written from RFC 9112 and independent of the product, so that both can't share a mistake. Lenient on purpose: it
// shows what came, the test judges it.
#pragma once
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/socket.h"

namespace davenport::testing {

// Field lines in the order they came, repeats included; names compare in any case.
class FieldLines {
 public:
  using Line = std::pair<std::string, std::string>;

  FieldLines() = default;
  FieldLines(std::initializer_list<Line> lines) : lines_(lines) {}

  FieldLines& add(std::string name, std::string value);
  FieldLines& add(const FieldLines& others);
  std::string get(std::string_view name) const;      // the first line's value, "" where there is none
  std::string combined(std::string_view name) const; // all lines of that name, joined by ", "
  std::size_t count(std::string_view name) const;
  bool has(std::string_view name) const { return count(name) > 0; }
  bool empty() const { return lines_.empty(); }
  auto begin() const { return lines_.begin(); }
  auto end() const { return lines_.end(); }
  std::string bytes() const;                         // "name: value\r\n" each

 private:
  std::vector<Line> lines_;
};

bool same_name(std::string_view a, std::string_view b);

struct RawResponse {
  int status = 0;                      // 0: the connection ended before a head
  std::string version, reason, head;   // head: its bytes as they came
  FieldLines fields;
  std::string body;                    // without chunk framing
  FieldLines trailers;
  std::vector<RawResponse> interim;    // 1xx that came before, without bodies
  bool complete = false;               // the body ended where its framing says
  bool closed = false;                 // the end of the connection was seen while reading it
  bool reset = false;                  // … and it was an RST

  std::string field(std::string_view name) const { return fields.get(name); }
};

struct SeenRequest {
  std::string method, target, version;
  FieldLines fields;
  std::string body;                    // without chunk framing
  FieldLines trailers;
  std::string raw;                     // every byte of it, as it came
  int connection = 0;                  // which of the origin's connections, from 1
  bool complete = false;               // its body has come whole

  std::string field(std::string_view name) const { return fields.get(name); }
};

// A socket with what was read ahead of it.
class Wire {
 public:
  Wire() = default;
  explicit Wire(Socket socket) : socket_(std::move(socket)) {}

  Socket& socket() { return socket_; }
  void tap(std::string* copy) { tap_ = copy; }       // what is taken from now on is appended to it too

  std::optional<std::string> take_until(std::string_view delimiter);   // with it; nullopt: the end came first
  std::string take(std::size_t count);               // less only at the end
  std::string take_rest();                           // to the end of the connection
  bool take_chunked(std::string& body, FieldLines& trailers);          // false: ended early or malformed
  std::string& buffered() { return buffer_; }        // read and not yet taken
  bool ended() const { return ended_; }
  bool was_reset() const { return reset_; }

 private:
  bool fill();                                       // false: the end
  std::string cut(std::size_t count);

  Socket socket_;
  std::string buffer_;
  std::string* tap_ = nullptr;
  bool ended_ = false, reset_ = false;
};

// The next head, interim ones included, without a body. status 0: the connection ended.
RawResponse read_response_head(Wire& wire);
// Its body, as its framing says (RFC 9112 §6.3).
void read_response_body(Wire& wire, std::string_view request_method, RawResponse& response);
// The next request's head; false: the connection ended before it was whole.
bool read_request_head(Wire& wire, SeenRequest& request);
void read_request_body(Wire& wire, SeenRequest& request);

}  // namespace davenport::testing
