// docker/demo/http.h: an HTTP/1.1 request out of bytes, and an answer into bytes (RFC 9112). PURE.
// Bound   head and body by the constants below; what is larger is refused, not cut.
// Errors  ParsedRequest::error is the status to answer with; the connection is closed after it.
#pragma once
#include <cstddef>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace demo {

constexpr std::size_t kMaxHeadBytes = 16 << 10;
constexpr std::size_t kMaxBodyBytes = 64 << 10;
constexpr std::size_t kMaxFields = 100;

using FieldList = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method, path, query;             // the path as sent, not decoded; the query without its "?"
  FieldList fields;                            // in their order
  std::string body;                            // chunks put together
  bool keep_alive = true;
  std::string_view field(std::string_view name) const;  // the first of the name, whatever its case; "" if missing
};

struct ParsedRequest {
  enum class State { need_more, done, failed } state = State::need_more;
  int error = 0;                               // failed: 400, 413, 414, 431, 501, 505
  std::size_t consumed = 0;                    // done: bytes of this request
  bool wants_continue = false;                 // need_more: the head is there, and the body waits for a 100
  Request request;                             // done
};

// The first request in `bytes`, which hold what has arrived so far, from its first byte.
ParsedRequest parse_request(std::string_view bytes);

// A body is shared: a picture that 500 clients want exists once.
using Body = std::shared_ptr<const std::string>;

struct Response {
  int status = 200;
  FieldList fields;                            // without Date, Content-Length, Connection, which format_head() adds
  Body body;                                   // null: empty
  Response& with(std::string name, std::string value);
};

// The head with Date, Content-Length (RFC 9110 §8.6: not with 204 and 304), and Connection where it is not the default.
std::string format_head(const Response& response, bool keep_alive, std::time_t now);

std::string_view reason_phrase(int status);

}  // namespace demo
