#include "proxy/cli_client.h"

#include "core/base/text.h"
#include "core/http/serializer.h"
#include "core/http/uri.h"
#include "proxy/cli_fetch.h"

namespace davenport::cli {
namespace {

constexpr const char* kDefaultPort = "9090";

Result<Place> parse_place(std::string_view admin) {
  constexpr std::string_view kUnix = "unix:";
  if (admin.starts_with(kUnix)) return Place{"", "", std::string(admin.substr(kUnix.size())), "localhost", std::string(admin), false};
  const std::string url = admin.find("://") == std::string_view::npos ? "http://" + std::string(admin) : std::string(admin);
  const auto parts = http::parse_http_uri(url);
  const auto authority = parts ? http::parse_host_port(parts->authority) : std::nullopt;
  if (!authority || (!parts->path.empty() && parts->path != "/") || parts->has_query) {
    return Error{"\"" + std::string(admin) + "\" is no admin address: write http://127.0.0.1:9090, https://… or unix:/run/davenport.sock"};
  }
  return Place{std::string(authority->host), authority->port.empty() ? kDefaultPort : std::string(authority->port), "",
               std::string(parts->authority), std::string(admin), iequals(parts->scheme, "https")};
}

std::string bytes_of(const HttpAsk& request, const Place& place) {
  std::string out;
  http::append_request_line(out, request.method, request.target);
  http::append_field(out, "Host", place.authority);
  http::append_field(out, "User-Agent", "davenport");
  if (!request.token.empty()) http::append_field(out, "Authorization", "Bearer " + request.token);
  if (!request.body.empty()) {
    http::append_field(out, "Content-Type", "application/json");
    http::append_field(out, "Content-Length", std::uint64_t{request.body.size()});
  }
  out += "Connection: close\r\n\r\n";
  return out + request.body;
}

}  // namespace

Result<HttpAnswer> ask(std::string_view admin, const HttpAsk& request) {
  const Result<Place> place = parse_place(admin);
  if (!place) return place.error();
  Result<Fetched> answer = exchange(*place, request.method, bytes_of(request, *place), {.patience = kAnswerPatience, .body_bytes = kAnswerBytesMax, .tls = request.tls});
  if (!answer) return Error{answer.error().message + " (does Davenport run there? `--admin` names its admin address)"};
  if (answer->head.framing == http::Framing::chunked) return Error{std::string(admin) + " does not answer like Davenport's admin API"};
  if (!answer->whole) return Error{"the answer of " + std::string(admin) + " was cut short"};
  return HttpAnswer{answer->head.status, std::string(answer->head.fields.get(http::FieldId::content_type)), std::move(answer->body)};
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF", kUnreserved = "-._~";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool alnum = (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
    if (alnum || kUnreserved.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace davenport::cli
