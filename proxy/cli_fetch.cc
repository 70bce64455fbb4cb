#include "proxy/cli_fetch.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/text.h"
#include "core/http/parser.h"
#include "core/http/serializer.h"
#include "core/http/uri.h"
#include "core/net/address.h"
#include "core/net/loop.h"
#include "core/net/stream.h"
#include "core/net/task.h"

namespace davenport::cli {
namespace {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Error failed(std::string_view what, const Place& place, int code) {
  return Error{std::string(what) + " " + place.shown + ": " + std::strerror(code)};
}

Result<Socket> connect_to(const sockaddr* address, socklen_t length, const Place& place, Seconds patience) {
  Socket socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return failed("cannot reach", place, errno);
  const timeval time{static_cast<time_t>(patience.count()), 0};
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  if (::connect(socket.fd(), address, length) != 0) return failed("cannot reach", place, errno);
  return socket;
}

Result<Socket> connect_to(const Place& place, Seconds patience) {
  if (!place.unix_path.empty()) {
    const Result<net::SocketAddress> address = net::SocketAddress::unix_path(place.unix_path);
    if (!address) return address.error();
    return connect_to(address->get(), address->length(), place, patience);
  }
  std::string host = place.host;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (const int code = ::getaddrinfo(host.c_str(), place.port.c_str(), &hints, &found); code != 0) {
    return Error{"cannot resolve " + host + ": " + ::gai_strerror(code)};
  }
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Result<Socket> attempt = connect_to(one->ai_addr, one->ai_addrlen, place, patience);
    if (attempt || one->ai_next == nullptr) {
      ::freeaddrinfo(found);
      return attempt;
    }
  }
  return Error{"no address for " + host};
}

Result<void> send_all(const Socket& socket, std::string_view bytes, const Place& place) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    // A refusal may come before all is sent: what there is to read tells more than the failure to send.
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return {};
    if (sent < 0) return failed("cannot send to", place, errno);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

// An answer as its bytes come: interim heads, the head, the body without its chunks.
class AnswerReader {
 public:
  AnswerReader(std::string_view method, std::size_t most) : method_(http::method_of(method)), most_(most), parser_(limits_), chunks_(limits_) {}

  // False: this is no HTTP.
  bool feed(std::string_view bytes) {
    pending_.append(bytes);
    while (!has_head_) {
      const http::ParseResult parsed = parser_.parse(pending_, method_, out_.head);
      if (parsed.state == http::ParseState::error) return false;
      if (parsed.state == http::ParseState::need_more) return true;
      has_head_ = out_.head.status >= 200;
      out_.head.fields = out_.head.fields.clone();      // they pointed into what is cut off now
      out_.head.reason = {};
      pending_.erase(0, parsed.consumed);
    }
    if (out_.head.framing != http::Framing::chunked) {
      out_.body.append(pending_);
      pending_.clear();
      if (out_.head.framing == http::Framing::length && out_.body.size() >= out_.head.content_length) ended_ = true;
      if (out_.head.framing == http::Framing::none) ended_ = true;
      return true;
    }
    return feed_chunks();
  }
  bool done() const { return ended_ || out_.body.size() > most_; }

  // At the end of the connection, or when it is done. False: there was no whole head.
  bool finish(Fetched& out) {
    if (!has_head_) return false;
    out_.whole = ended_ || out_.head.framing == http::Framing::until_close;
    if (out_.head.framing == http::Framing::length && out_.body.size() > out_.head.content_length) out_.body.resize(out_.head.content_length);
    out = std::move(out_);
    return true;
  }

 private:
  bool feed_chunks() {
    for (;;) {
      const auto step = chunks_.feed(pending_, trailers_);
      out_.body.append(step.content);
      pending_.erase(0, step.consumed);
      if (step.state == http::ParseState::error) return false;
      if (step.state == http::ParseState::done) ended_ = true;
      if (step.state != http::ParseState::content) return true;
    }
  }

  const http::Method method_;
  const std::size_t most_;
  const http::HeadLimits limits_;
  http::ResponseParser parser_;
  http::ChunkedDecoder chunks_;
  http::Fields trailers_;
  Fetched out_;
  std::string pending_;
  bool has_head_ = false, ended_ = false;
};

std::string reason_of(const net::TlsFault& fault) {
  return fault.kind == net::TlsFault::Kind::timeout ? "no TLS handshake in time" : fault.text.empty() ? "no TLS connection" : fault.text;
}

net::Task<std::string> send_over(net::Stream& stream, std::string_view bytes, Seconds patience) {
  while (!bytes.empty()) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    const net::Io sent = stream.writev(&piece, 1, bytes.size());
    if (sent.status == net::Io::Status::error) break;          // what there is to read tells more
    if (sent.status == net::Io::Status::ok) bytes.remove_prefix(sent.bytes);
    if (bytes.empty()) break;
    const net::Ready ready = co_await stream.writable(stream.loop().now() + patience);
    if (ready != net::Ready::yes) co_return "it takes nothing";
  }
  co_return "";
}

// One request over TLS. What went wrong, or "": the reader then knows whether an answer came.
net::Task<std::string> talk(net::Stream& stream, std::string_view bytes, const FetchLimits& limits, AnswerReader& reader, bool& is_http) {
  const Seconds patience = limits.patience;
  const Result<std::monostate, net::TlsFault> shaken = co_await stream.handshake(stream.loop().now() + patience);
  if (!shaken) co_return reason_of(shaken.error());
  std::string trouble = co_await send_over(stream, bytes, patience);
  if (!trouble.empty()) co_return trouble;
  std::string piece(16 * 1024, '\0');
  while (!reader.done() && is_http && read_steady_clock() < limits.until) {
    const net::Io got = stream.read(piece);
    if (got.status == net::Io::Status::ok) {
      is_http = reader.feed({piece.data(), got.bytes});
    } else if (got.status == net::Io::Status::again) {
      const net::Ready ready = co_await stream.readable(stream.loop().now() + patience);
      if (ready != net::Ready::yes) co_return "no answer in time";
    } else {
      break;
    }
  }
  co_return "";
}

// On a loop of its own, which ends with it.
net::Task<void> talk_and_stop(net::Stream& stream, std::string_view bytes, const FetchLimits& limits, AnswerReader& reader, bool& is_http, std::string& trouble) {
  trouble = co_await talk(stream, bytes, limits, reader, is_http);
  stream.loop().stop();
}

Result<Fetched> exchange_over_tls(const Place& place, Socket socket, std::string_view method, std::string_view bytes, const FetchLimits& limits) {
  const Result<net::TlsClientPtr> tls = net::make_tls_client(limits.tls);
  if (!tls) return tls.error();
  ::fcntl(socket.fd(), F_SETFL, ::fcntl(socket.fd(), F_GETFL) | O_NONBLOCK);
  AnswerReader reader(method, limits.body_bytes);
  bool is_http = true;
  std::string trouble;
  net::Loop loop;
  {
    net::Stream stream(loop, socket.release());
    const bool literal = place.host.starts_with('[');
    stream.start_tls(*tls, literal ? place.host.substr(1, place.host.size() - 2) : place.host);
    loop.post([&] { net::spawn(talk_and_stop(stream, bytes, limits, reader, is_http, trouble)); });
    loop.run();
  }
  if (!trouble.empty()) return Error{"cannot ask " + place.shown + ": " + trouble};
  Fetched out;
  if (!is_http || !reader.finish(out)) return Error{place.shown + " does not answer like an HTTP server"};
  return out;
}

}  // namespace

Result<Fetched> exchange(const Place& place, std::string_view method, std::string_view bytes, const FetchLimits& limits) {
  Result<Socket> socket = connect_to(place, limits.patience);
  if (!socket) return socket.error();
  if (place.https) return exchange_over_tls(place, std::move(*socket), method, bytes, limits);
  if (auto sent = send_all(*socket, bytes, place); !sent) return sent.error();
  const Error no_http{place.shown + " does not answer like an HTTP server"};
  AnswerReader reader(method, limits.body_bytes);
  char piece[16 * 1024];
  while (!reader.done() && read_steady_clock() < limits.until) {
    const ssize_t got = ::recv(socket->fd(), piece, sizeof piece, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return failed("no answer from", place, ETIMEDOUT);
    if (got < 0 && errno != ECONNRESET) return failed("no answer from", place, errno);
    if (got <= 0) break;
    if (!reader.feed({piece, static_cast<std::size_t>(got)})) return no_http;
  }
  Fetched out;
  if (!reader.finish(out)) return no_http;
  return out;
}

Result<Fetched> fetch(std::string_view url, const std::vector<std::pair<std::string, std::string>>& fields, const FetchLimits& limits) {
  const auto parts = http::parse_http_uri(url);
  const auto authority = parts ? http::parse_host_port(parts->authority) : std::nullopt;
  if (!authority) return Error{"\"" + std::string(url) + "\" is no URL that can be asked for: write http://host:port/path"};
  const bool https = iequals(parts->scheme, "https");
  const Place place{std::string(authority->host), authority->port.empty() ? (https ? "443" : "80") : std::string(authority->port), "",
                    std::string(parts->authority), std::string(url), https};
  std::string target = parts->path.empty() ? "/" : std::string(parts->path);
  if (parts->has_query) target.append("?").append(parts->query);
  std::string bytes;
  http::append_request_line(bytes, "GET", target);
  http::append_field(bytes, "Host", place.authority);
  http::append_field(bytes, "User-Agent", "davenport");
  for (const auto& [name, value] : fields) http::append_field(bytes, name, value);
  bytes += "Connection: close\r\n\r\n";
  return exchange(place, "GET", bytes, limits);
}

}  // namespace davenport::cli
