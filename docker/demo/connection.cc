#include "docker/demo/connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

namespace demo {
namespace {

constexpr std::size_t kMaxInputBytes = 2 * (kMaxHeadBytes + kMaxBodyBytes);
constexpr std::size_t kMaxOutputBytes = 256 << 10;   // more waits unsent: no further pipelined request is begun
constexpr std::size_t kCopiedBytes = 2 << 10;        // a smaller body costs less to copy than to refer to

void release_body(const void*, std::size_t, void* body) { delete static_cast<Body*>(body); }

}  // namespace

Connection::Connection(Server& server, std::uint64_t id, int socket)
    : server_(server),
      id_(id),
      stream_(bufferevent_socket_new(server.base(), socket, BEV_OPT_CLOSE_ON_FREE)),
      deadline_(Clock::now() + server.limits_.idle) {
  server_.limits_.open_connections.fetch_add(1);
  bufferevent_setcb(
      stream_, [](bufferevent*, void* self) { static_cast<Connection*>(self)->bytes_arrived(); },
      [](bufferevent*, void* self) { static_cast<Connection*>(self)->bytes_left(); },
      [](bufferevent*, short what, void* self) {
        static_cast<Connection*>(self)->stream_ended((what & BEV_EVENT_EOF) != 0);
      },
      this);
  bufferevent_setwatermark(stream_, EV_READ, 0, kMaxInputBytes);
  bufferevent_enable(stream_, EV_READ | EV_WRITE);
}

Connection::~Connection() {
  bufferevent_free(stream_);
  server_.limits_.open_connections.fetch_sub(1);
}

void Connection::stream_ended(bool in_order) {
  // A client may close its side once it has asked, and still wants the answer.
  if (in_order && evbuffer_get_length(bufferevent_get_output(stream_)) > 0) {
    closing_ = true;
  } else {
    finish();
  }
}

void Connection::finish() { server_.forget(id_); }

void Connection::bytes_arrived() {
  if (!working_ && !closing_) {
    const std::size_t waiting = evbuffer_get_length(bufferevent_get_input(stream_));
    // The deadline of a request counts from its first bytes: a byte now and then does not extend it.
    if (!reading_ && waiting > 0) {
      reading_ = true;
      deadline_ = Clock::now() + server_.limits_.request;
    }
    process();
  } else if (closing_) {
    evbuffer* const input = bufferevent_get_input(stream_);
    evbuffer_drain(input, evbuffer_get_length(input));
  }
}

void Connection::bytes_left() {
  if (closing_) {
    finish();
  } else if (!working_) {
    if (!reading_) deadline_ = Clock::now() + server_.limits_.idle;
    bytes_arrived();
  }
}

void Connection::process() {
  if (processing_) return;                           // an answer at once comes back here: the loop below goes on
  processing_ = true;
  evbuffer* const input = bufferevent_get_input(stream_);
  evbuffer* const output = bufferevent_get_output(stream_);
  while (!working_ && !closing_ && evbuffer_get_length(output) < kMaxOutputBytes) {
    const std::size_t length = evbuffer_get_length(input);
    if (length == 0) break;
    const auto* bytes = reinterpret_cast<const char*>(evbuffer_pullup(input, -1));
    ParsedRequest parsed = parse_request({bytes, length});
    if (parsed.state == ParsedRequest::State::failed) {
      refuse(parsed.error);
    } else if (parsed.state == ParsedRequest::State::done) {
      evbuffer_drain(input, parsed.consumed);
      handle(std::move(parsed.request));
    } else {
      if (parsed.wants_continue && !continued_) {
        evbuffer_add(output, "HTTP/1.1 100 Continue\r\n\r\n", 25);
        continued_ = true;
      }
      break;
    }
  }
  processing_ = false;
}

void Connection::handle(Request request) {
  ++request_;
  reading_ = false;
  working_ = true;
  continued_ = false;
  head_only_ = request.method == "HEAD";
  keep_alive_ = request.keep_alive;
  bufferevent_disable(stream_, EV_READ);
  server_.handler_(std::move(request), Reply(server_, id_, request_));
}

void Connection::refuse(int status) {
  ++request_;
  working_ = true;
  head_only_ = keep_alive_ = false;
  Response response;
  response.status = status;
  response.with("Content-Type", "text/plain").with("Cache-Control", "no-store");
  response.body = std::make_shared<std::string>(std::string(reason_phrase(status)) + "\n");
  answer(request_, std::move(response));
}

void Connection::answer(std::uint64_t request, Response response) {
  if (!working_ || request != request_) return;      // answered already
  working_ = false;
  evbuffer* const output = bufferevent_get_output(stream_);
  const std::string head = format_head(response, keep_alive_, std::time(nullptr));
  evbuffer_add(output, head.data(), head.size());
  if (response.body && !response.body->empty() && !head_only_ && response.status != 304) {
    if (response.body->size() <= kCopiedBytes) {
      evbuffer_add(output, response.body->data(), response.body->size());
    } else {
      auto* const kept = new Body(response.body);
      evbuffer_add_reference(output, kept->get()->data(), kept->get()->size(), release_body, kept);
    }
  }
  deadline_ = Clock::now() + server_.limits_.answer;
  closing_ = !keep_alive_;
  bufferevent_enable(stream_, EV_READ);
  if (!closing_ && !processing_) bytes_arrived();    // what was pipelined behind it
}

}  // namespace demo
