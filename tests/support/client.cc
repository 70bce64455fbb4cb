#include "support/client.h"

#include <cstdlib>

namespace davenport::testing {

std::string request_bytes(std::string_view method, std::string_view target, const FieldLines& fields,
                          std::string_view body) {
  std::string bytes = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n";
  if (!fields.has("host")) bytes += std::string("host: ") + kHost + "\r\n";
  bytes += fields.bytes();
  if (!body.empty() && !fields.has("content-length") && !fields.has("transfer-encoding")) {
    bytes += "content-length: " + std::to_string(body.size()) + "\r\n";
  }
  return bytes + "\r\n" + std::string(body);
}

Client::Client(std::uint16_t port, const TlsOptions& tls) {
  Socket socket = Socket::connect(port);
  start_tls_client(socket, tls);
  wire_ = Wire(std::move(socket));
}

Client::Client(std::uint16_t port, std::optional<int> receive_buffer_bytes)
    : wire_(Socket::connect(port, receive_buffer_bytes)) {}

bool Client::send(std::string_view bytes) { return wire_.socket().send_all(bytes); }

bool Client::send_request(std::string_view method, std::string_view target, const FieldLines& fields,
                          std::string_view body) {
  return send(request_bytes(method, target, fields, body));
}

void Client::send_slowly(std::string_view bytes, std::size_t piece_bytes) {
  while (!bytes.empty() && send(bytes.substr(0, piece_bytes))) {
    bytes.remove_prefix(std::min(bytes.size(), piece_bytes));
  }
}

std::size_t Client::send_until_full(std::string_view bytes) { return wire_.socket().send_some(bytes); }

RawResponse Client::read_head() { return read_response_head(wire_); }

RawResponse Client::read(std::string_view request_method) {
  std::vector<RawResponse> interim;
  RawResponse response = read_response_head(wire_);
  while (response.status / 100 == 1 && response.status != 101) {
    interim.push_back(std::move(response));
    response = read_response_head(wire_);
  }
  if (response.status != 0) read_response_body(wire_, request_method, response);
  response.interim = std::move(interim);
  return response;
}

void Client::read_body(RawResponse& response, std::string_view request_method) {
  read_response_body(wire_, request_method, response);
}

std::string Client::read_bytes(std::size_t count) { return wire_.take(count); }

std::string Client::read_piece() {
  const std::optional<std::string> size = wire_.take_until("\r\n");
  if (!size) return "";
  const std::size_t bytes = std::strtoul(size->c_str(), nullptr, 16);
  std::string piece = wire_.take(bytes);
  wire_.take(2);
  return piece;
}

std::string Client::await_close() { return wire_.take_rest(); }

RawResponse Client::get(std::string_view target, const FieldLines& fields) { return request("GET", target, fields); }

RawResponse Client::request(std::string_view method, std::string_view target, const FieldLines& fields,
                            std::string_view body) {
  send_request(method, target, fields, body);
  return read(method);
}

Client Clients::pop_first() {
  Client first = std::move(clients_.front());
  clients_.erase(clients_.begin());
  return first;
}

std::vector<RawResponse> Clients::join() {
  std::vector<RawResponse> responses;
  for (Client& client : clients_) responses.push_back(client.read());
  clients_.clear();
  return responses;
}

}  // namespace davenport::testing
