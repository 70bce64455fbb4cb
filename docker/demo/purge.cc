#include "docker/demo/purge.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <fmt/format.h>

#include "docker/demo/text.h"

namespace demo {
namespace {

constexpr int kTimeoutSeconds = 3;

struct Purge {
  evhttp_connection* connection;
  std::function<void(int)> done;
  ~Purge() { evhttp_connection_free(connection); }
};

void answered(evhttp_request* request, void* argument) {
  auto* const purge = static_cast<Purge*>(argument);
  purge->done(request == nullptr ? 0 : evhttp_request_get_response_code(request));
  // libevent still works on the connection when this returns, so that it is freed in the next turn of the loop.
  // (evhttp_connection_free_on_completion() forgets connections that were refused.)
  event_base* const base = evhttp_connection_get_base(purge->connection);
  const timeval now{0, 0};
  event_base_once(base, -1, EV_TIMEOUT, [](evutil_socket_t, short, void* old) { delete static_cast<Purge*>(old); }, purge, &now);
}

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

std::optional<PurgeTarget> parse_purge_url(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  const std::size_t slash = url.find('/');
  std::string_view authority = url.substr(0, slash);
  PurgeTarget target;
  target.path = slash == std::string_view::npos ? "/purge" : url.substr(slash);
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_number(authority.substr(colon + 1), 1, 65'535);
  std::string_view host = authority.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  target.host = host == "localhost" ? "127.0.0.1" : host;
  if (!port || !is_address(target.host)) return std::nullopt;
  target.port = static_cast<std::uint16_t>(*port);
  return target;
}

void purge_tag(event_base* base, const PurgeTarget& target, std::string_view tag, std::function<void(int)> done) {
  evhttp_connection* const connection =
      evhttp_connection_base_new(base, nullptr, target.host.c_str(), target.port);
  if (connection == nullptr) {
    done(0);
    return;
  }
  evhttp_connection_set_timeout(connection, kTimeoutSeconds);
  evhttp_connection_set_max_body_size(connection, 64 << 10);
  auto* const purge = new Purge{connection, std::move(done)};
  evhttp_request* const request = evhttp_request_new(answered, purge);
  evkeyvalq* const fields = evhttp_request_get_output_headers(request);
  const bool v6 = target.host.find(':') != std::string::npos;
  evhttp_add_header(fields, "Host", fmt::format("{}:{}", v6 ? "[" + target.host + "]" : target.host, target.port).c_str());
  evhttp_add_header(fields, "Content-Type", "application/json");
  evhttp_add_header(fields, "Connection", "close");
  const std::string body = fmt::format(R"({{"tags":["{}"]}})", escape_json(tag));
  evbuffer_add(evhttp_request_get_output_buffer(request), body.data(), body.size());
  // On failure libevent has freed the request and reported nothing.
  if (evhttp_make_request(connection, request, EVHTTP_REQ_POST, target.path.c_str()) != 0) answered(nullptr, purge);
}

}  // namespace demo
