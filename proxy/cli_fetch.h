// proxy/cli_fetch.h: HTTP/1.1 requests for the commands that look at a server from outside, plain and over TLS. Blocks; a connection
// for each.
//     Result<Fetched> page = fetch("http://127.0.0.1:3000/", {{"Cookie", "a=b"}});
// Errors  no connection, no answer in time, or what is no HTTP: a sentence that names the place.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/http/message.h"
#include "core/net/tls.h"

namespace davenport::cli {

// Where to connect to: a host and port, or a Unix socket.
struct Place {
  std::string host, port, unix_path;
  std::string authority;              // for Host
  std::string shown;                  // in errors
  bool https = false;
};

struct Fetched {
  http::ResponseHead head;            // its fields are copies
  std::string body;                   // without its chunks
  bool whole = true;                  // false: cut short, or longer than was allowed
};

struct FetchLimits {
  Seconds patience{15};               // for the connection and between two pieces
  SteadyTime until = SteadyTime::max();   // what has come by then is all
  std::size_t body_bytes = 16u << 20;
  net::TlsClientSettings tls{};       // whom to trust under https
};

// One request, whose bytes are given, and its answer.
Result<Fetched> exchange(const Place& place, std::string_view method, std::string_view bytes, const FetchLimits& limits);

// A GET of an http or https URL.
Result<Fetched> fetch(std::string_view url, const std::vector<std::pair<std::string, std::string>>& fields, const FetchLimits& limits = {});

}  // namespace davenport::cli
