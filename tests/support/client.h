// tests/support/client.h: a client as bytes on a socket: sends exactly what it is told, reads what comes.
//     Client client(proxy.port());
//     client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
//     const RawResponse response = client.read();
// Waits   at most kPatience each, then TimedOut.
// Thread  one.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/message.h"
#include "support/tls.h"

namespace davenport::testing {

inline constexpr const char* kHost = "shop.test";

// "METHOD target HTTP/1.1", Host unless the fields have one, Content-Length where there is a body.
std::string request_bytes(std::string_view method, std::string_view target, const FieldLines& fields = {},
                          std::string_view body = "");

class Client {
 public:
  explicit Client(std::uint16_t port, std::optional<int> receive_buffer_bytes = {});
  explicit Client(Socket socket) : wire_(std::move(socket)) {}
  Client(std::uint16_t port, const TlsOptions& tls);     // over TLS; throws TlsRefused

  bool send(std::string_view bytes);                     // false: the peer is gone
  bool send_request(std::string_view method, std::string_view target, const FieldLines& fields = {},
                    std::string_view body = "");
  void send_slowly(std::string_view bytes, std::size_t piece_bytes = 1);   // each piece a segment of its own
  std::size_t send_until_full(std::string_view bytes);   // what the kernel takes now

  RawResponse read(std::string_view request_method = "GET");   // the next final response or 101, interim ones inside it
  RawResponse read_head();                               // the next head, interim ones too
  std::string read_bytes(std::size_t count);             // of a body, or of a tunnel
  std::string read_piece();                              // of a chunked body: the next chunk's content
  void read_body(RawResponse& response, std::string_view request_method = "GET");
  std::string await_close();                             // to the end of the connection; what came before it
  bool was_reset() const { return wire_.was_reset(); }
  TlsLayer& tls() { return *wire_.socket().tls(); }

  RawResponse get(std::string_view target, const FieldLines& fields = {});
  RawResponse request(std::string_view method, std::string_view target, const FieldLines& fields = {},
                      std::string_view body = "");

  void half_close() { wire_.socket().shutdown_write(); }
  void close() { wire_.socket().close(); }
  void reset() { wire_.socket().reset(); }

 private:
  Wire wire_;
};

// Several clients that have each sent one request and not yet read.
class Clients {
 public:
  void add(Client client) { clients_.push_back(std::move(client)); }
  Client pop_first();
  std::vector<RawResponse> join();                       // reads each one's response, in order
  std::size_t size() const { return clients_.size(); }

 private:
  std::vector<Client> clients_;
};

}  // namespace davenport::testing
