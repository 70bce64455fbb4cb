// proxy/admin/http_service.h: a small HTTP/1.1 server on one loop, for a handful of clients that may be slow, hostile or
// gone: keep-alive, bounded heads and bodies, a deadline for each wait.
//     HttpService service(loop, listening_fd, handler);
// Bounds  kConnectionsMax at a time (503 above), kAdminBodyBytesMax a body (413).
// Owner   takes the descriptor. When it ends, its connections end at once; a request that the handler still works on ends
//         when the handler does, and is not answered. The handler outlives those.
// Thread  the loop's.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "core/base/clock.h"
#include "core/http/message.h"
#include "core/net/loop.h"
#include "core/net/task.h"
#include "core/net/tls.h"
#include "proxy/admin/answer.h"

namespace davenport::admin {

inline constexpr std::size_t kConnectionsMax = 256;
inline constexpr std::size_t kAdminBodyBytesMax = 2u << 20;

// Views live until the handler's task ends.
struct Incoming {
  const http::RequestHead& head;
  std::string_view body;
  std::string_view peer;         // numeric address, "unix"
};

class Handler {
 public:
  virtual ~Handler() = default;
  // Asked as soon as the head is there, so that nobody's body is read for nothing: an answer refuses the request.
  virtual std::optional<Answer> refuse(const http::RequestHead& head, std::string_view peer) = 0;
  virtual net::Task<Answer> handle(Incoming request) = 0;
};

struct ServiceLimits {
  Millis handshake_timeout{10'000};
  Millis head_timeout{10'000};   // from a head's first byte to its end: 408
  Millis body_timeout{30'000};   // for all of it: 408
  Millis idle_timeout{60'000};
  Millis send_timeout{30'000};   // without any progress
};

struct ServiceState;               // shared with the connections, which may end later

class HttpService {
 public:
  // `tls`: asked for each connection; null: plain ones.
  using Tls = std::function<net::TlsServerPtr()>;
  HttpService(net::Loop& loop, int listening_fd, Handler& handler, ServiceLimits limits = {}, Tls tls = {});
  ~HttpService();
  HttpService(const HttpService&) = delete;
  HttpService& operator=(const HttpService&) = delete;

  std::size_t connections() const;

 private:
  std::shared_ptr<ServiceState> state_;
};

}  // namespace davenport::admin
