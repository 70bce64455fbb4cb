// proxy/cli_client.h: one HTTP/1.1 request to the admin API, from a command that has nothing else to do. Blocks.
//     Result<HttpAnswer> answer = ask("http://127.0.0.1:9090", {.method = "GET", .target = "/explain?url=…"});
// Errors  no connection, no answer within kAnswerPatience, or what is no HTTP: the error says what to look at.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/net/tls.h"

namespace davenport::cli {

inline constexpr Seconds kAnswerPatience{90};       // a purge waits for its count for a minute at most
inline constexpr std::size_t kAnswerBytesMax = 64u << 20;

struct HttpAsk {
  std::string method = "GET";
  std::string target = "/";
  std::string token;             // "": none
  std::string body;              // JSON
  net::TlsClientSettings tls{};  // under https: whom to trust, and who we are
};

struct HttpAnswer {
  int status = 0;
  std::string content_type, body;
};

// `admin`: "http://host[:port]" or "https://…" (port 9090 where there is none), or "unix:/path".
Result<HttpAnswer> ask(std::string_view admin, const HttpAsk& request);

// `text` for use in a query: all but unreserved characters as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace davenport::cli
