#include <openssl/evp.h>
#include <openssl/sha.h>

#include <string>

#include "support/origin.h"

namespace davenport::testing {
namespace {

std::string status_line(int status) { return "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n"; }

std::string hex(std::size_t value) {
  char text[2 * sizeof value + 1];
  std::snprintf(text, sizeof text, "%zx", value);
  return text;
}

void send(Exchange& exchange, std::string_view bytes) {
  if (!exchange.wire.socket().send_all(bytes)) exchange.keep_connection = false;
}

void send_reply(Exchange& exchange, const Reply& reply) {
  std::string bytes = status_line(reply.status) + reply.fields.bytes();
  const bool framed = reply.fields.has("content-length") || reply.fields.has("transfer-encoding");
  if (!framed && reply.status != 204 && reply.status != 304 && reply.status >= 200) {
    bytes += "content-length: " + std::to_string(reply.body.size()) + "\r\n";
  }
  bytes += "\r\n";
  if (exchange.request.method != "HEAD") bytes += reply.body;
  send(exchange, bytes);
}

}  // namespace

Answer& Answer::run(Step step) {
  const std::lock_guard lock(mutex_);
  steps_.push_back(std::move(step));
  return *this;
}

Answer& Answer::reach(const Barrier& barrier) {
  return run([point = barrier.point()](Exchange&) { point->open(); });
}

Answer& Answer::await(const Barrier& barrier) {
  return run([point = barrier.point()](Exchange&) { point->await(); });
}

Answer& Answer::reply(int status, FieldLines fields, std::string body) {
  return run([reply = Reply{status, std::move(fields), std::move(body)}](Exchange& exchange) {
    send_reply(exchange, reply);
  });
}

Answer& Answer::reply(std::function<Reply(const SeenRequest&)> make) {
  return run([make = std::move(make)](Exchange& exchange) { send_reply(exchange, make(exchange.request)); });
}

Answer& Answer::interim(int status, FieldLines fields) { return head(status, std::move(fields)); }

Answer& Answer::head(int status, FieldLines fields) { return raw(status_line(status) + fields.bytes() + "\r\n"); }

Answer& Answer::raw(std::string bytes) {
  return run([bytes = std::move(bytes)](Exchange& exchange) { send(exchange, bytes); });
}

Answer& Answer::chunk(std::string content) { return raw(hex(content.size()) + "\r\n" + content + "\r\n"); }

Answer& Answer::last_chunk(FieldLines trailers) { return raw("0\r\n" + trailers.bytes() + "\r\n"); }

Answer& Answer::echo() {
  return reply([](const SeenRequest& request) {
    return Reply{200, {{"cache-control", "no-store"}, {"content-type", "message/http"}}, request.raw};
  });
}

Answer& Answer::websocket(const FieldLines& fields) {
  return run([fields](Exchange& exchange) {
    const std::string text = exchange.request.field("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[SHA_DIGEST_LENGTH], accept[64];
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
    EVP_EncodeBlock(accept, digest, sizeof digest);
    std::string head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ";
    head.append(reinterpret_cast<const char*>(accept)).append("\r\n");
    for (const auto& [name, value] : fields) head.append(name).append(": ").append(value).append("\r\n");
    exchange.wire.socket().send_all(head + "\r\n");
  });
}

Answer& Answer::tunnel() {
  return run([](Exchange& exchange) {
    std::string bytes = std::move(exchange.wire.buffered());
    exchange.wire.buffered().clear();
    do {
      if (!exchange.wire.socket().send_all(bytes)) break;
      bytes.clear();
    } while (exchange.wire.socket().read(bytes) == Socket::Got::bytes);
    exchange.keep_connection = false;
  });
}

Answer& Answer::early() {
  const std::lock_guard lock(mutex_);
  early_ = true;
  return *this;
}

Answer& Answer::read_body() {
  return run([](Exchange& exchange) { read_request_body(exchange.wire, exchange.request); });
}

Answer& Answer::close() {
  return run([](Exchange& exchange) { exchange.keep_connection = false; });
}

Answer& Answer::reset() {
  return run([](Exchange& exchange) {
    exchange.keep_connection = false;
    exchange.wire.socket().reset();
  });
}

// The peer's end, or stop(), ends the wait. Requests that are pipelined behind it are left where they are.
Answer& Answer::never() {
  return run([](Exchange& exchange) {
    exchange.keep_connection = false;
    std::string ignored;
    while (exchange.wire.socket().read(ignored, within(std::chrono::seconds(60))) == Socket::Got::bytes) {
    }
  });
}

Answer& Answer::once() {
  const std::lock_guard lock(mutex_);
  once_ = true;
  return *this;
}

}  // namespace davenport::testing
