#include "proxy/cli_client.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/http/parser.h"
#include "core/http/serializer.h"
#include "core/http/uri.h"
#include "core/net/address.h"
#include "core/base/text.h"

namespace davenport::cli {
namespace {

constexpr const char* kDefaultPort = "9090";

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

Error failed(std::string_view what, std::string_view admin, int code) {
  return Error{std::string(what) + " " + std::string(admin) + ": " + std::strerror(code) +
               " (does Davenport run there? `--admin` names its admin address)"};
}

Result<Socket> connect_to(const sockaddr* address, socklen_t length, std::string_view admin) {
  Socket socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return failed("cannot reach", admin, errno);
  const timeval patience{static_cast<time_t>(kAnswerPatience.count()), 0};
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(socket.fd(), address, length) != 0) return failed("cannot reach", admin, errno);
  return socket;
}

Result<Socket> connect_to_name(std::string host, const std::string& port, std::string_view admin) {
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0) {
    return Error{"cannot resolve " + host + ": " + ::gai_strerror(code)};
  }
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Result<Socket> attempt = connect_to(one->ai_addr, one->ai_addrlen, admin);
    if (attempt || one->ai_next == nullptr) {
      ::freeaddrinfo(found);
      return attempt;
    }
  }
  return Error{"no address for " + host};
}

struct Place {
  std::string host, port, unix_path;    // unix_path: instead of the others
  std::string authority;                // for Host
};

Result<Place> parse_place(std::string_view admin) {
  constexpr std::string_view kUnix = "unix:";
  if (admin.starts_with(kUnix)) return Place{"", "", std::string(admin.substr(kUnix.size())), "localhost"};
  const std::string url = admin.find("://") == std::string_view::npos ? "http://" + std::string(admin) : std::string(admin);
  const auto parts = http::parse_http_uri(url);
  const auto authority = parts ? http::parse_host_port(parts->authority) : std::nullopt;
  if (!authority || !iequals(parts->scheme, "http") || (!parts->path.empty() && parts->path != "/") || parts->has_query) {
    return Error{"\"" + std::string(admin) + "\" is no admin address: write http://127.0.0.1:9090 or unix:/run/davenport.sock"};
  }
  return Place{std::string(authority->host), authority->port.empty() ? kDefaultPort : std::string(authority->port), "",
               std::string(parts->authority)};
}

Result<Socket> connect_to(const Place& place, std::string_view admin) {
  if (place.unix_path.empty()) return connect_to_name(place.host, place.port, admin);
  const Result<net::SocketAddress> address = net::SocketAddress::unix_path(place.unix_path);
  if (!address) return address.error();
  return connect_to(address->get(), address->length(), admin);
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

Result<void> send_all(const Socket& socket, std::string_view bytes, std::string_view admin) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    // A refusal may come before all is sent: what there is to read tells more than the failure to send.
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return {};
    if (sent < 0) return failed("cannot send to", admin, errno);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

// All bytes to the end of the connection, which is the end of the answer: the request said so.
Result<std::string> receive_all(const Socket& socket, std::string_view admin) {
  std::string bytes;
  char piece[16 * 1024];
  for (;;) {
    const ssize_t got = ::recv(socket.fd(), piece, sizeof piece, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return failed("no answer from", admin, ETIMEDOUT);
    if (got < 0 && errno == ECONNRESET && !bytes.empty()) return bytes;
    if (got < 0) return failed("no answer from", admin, errno);
    if (got == 0) return bytes;
    bytes.append(piece, static_cast<std::size_t>(got));
    if (bytes.size() > kAnswerBytesMax) return Error{"the answer of " + std::string(admin) + " is too long"};
  }
}

Result<HttpAnswer> read_answer(const std::string& bytes, std::string_view method, std::string_view admin) {
  const Error not_ours{std::string(admin) + " does not answer like Davenport's admin API"};
  const http::HeadLimits limits;
  http::ResponseParser parser(limits);
  http::ResponseHead head;
  std::string_view rest = bytes;
  do {                                        // interim answers first
    const http::ParseResult parsed = parser.parse(rest, http::method_of(method), head);
    if (parsed.state != http::ParseState::done) return not_ours;
    rest.remove_prefix(parsed.consumed);
  } while (head.status < 200);
  if (head.framing == http::Framing::length && rest.size() < head.content_length) {
    return Error{"the answer of " + std::string(admin) + " was cut short"};
  }
  if (head.framing == http::Framing::chunked) return not_ours;
  return HttpAnswer{head.status, std::string(head.fields.get(http::FieldId::content_type)), std::string(rest)};
}

}  // namespace

Result<HttpAnswer> ask(std::string_view admin, const HttpAsk& request) {
  const Result<Place> place = parse_place(admin);
  if (!place) return place.error();
  const Result<Socket> socket = connect_to(*place, admin);
  if (!socket) return socket.error();
  if (auto sent = send_all(*socket, bytes_of(request, *place), admin); !sent) return sent.error();
  const Result<std::string> bytes = receive_all(*socket, admin);
  if (!bytes) return bytes.error();
  return read_answer(*bytes, request.method, admin);
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
