// bench/floor_tls.cc: what a hit over TLS costs when nothing but the kernel and OpenSSL do it: raw epoll, TLS 1.3 by SSL_read() and
// SSL_write() on the socket, one write of head and body that were put together before.
//     floor_tls PORT CERTIFICATE      the certificate with its key, in PEM; GET /KIND/SIZE/NAME (bench/load/pattern.h)
#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <unordered_map>

#include "bench/load/serve.h"

namespace bench {
namespace {

struct Closed {
  void operator()(SSL* ssl) const {
    ::close(SSL_get_fd(ssl));
    SSL_free(ssl);
  }
};

struct Connection {
  std::unique_ptr<SSL, Closed> ssl;
  std::string request;
  const std::string* answer = nullptr;        // that the socket did not take at once
};

class TlsFloor {
 public:
  TlsFloor(SSL_CTX& context, int listening) : context_(context), listening_(listening) { watch(listening, EPOLLIN, nullptr); }

  [[noreturn]] void run() {
    epoll_event events[256];
    for (;;) {
      const int count = ::epoll_wait(epoll_, events, 256, -1);
      for (int i = 0; i < count; ++i) {
        auto* const connection = static_cast<Connection*>(events[i].data.ptr);
        if (connection == nullptr) take_all();
        else if (!serve(*connection)) delete connection;
      }
    }
  }

 private:
  void watch(int fd, std::uint32_t what, Connection* of) {
    epoll_event event{};
    event.events = what;
    event.data.ptr = of;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  void take_all() {
    for (int fd = 0; (fd = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto connection = std::make_unique<Connection>();
      connection->ssl.reset(SSL_new(&context_));
      SSL_set_fd(connection->ssl.get(), fd);
      SSL_set_accept_state(connection->ssl.get());
      watch(fd, EPOLLIN | EPOLLOUT | EPOLLET, connection.release());
    }
  }
  // False: it has ended.
  bool serve(Connection& connection) {
    SSL* const ssl = connection.ssl.get();
    for (;;) {
      if (connection.answer != nullptr) {
        const int sent = SSL_write(ssl, connection.answer->data(), static_cast<int>(connection.answer->size()));
        if (sent <= 0) return goes_on(ssl, sent);
        connection.answer = nullptr;
      }
      char bytes[4096];
      const int got = SSL_read(ssl, bytes, sizeof bytes);
      if (got <= 0) return goes_on(ssl, got);
      connection.request.append(bytes, static_cast<std::size_t>(got));
      if (!connection.request.ends_with("\r\n\r\n")) continue;
      const std::size_t from = connection.request.find(' ') + 1;
      connection.answer = &answer_to(connection.request.substr(from, connection.request.find(' ', from) - from));
      connection.request.clear();
    }
  }
  static bool goes_on(SSL* ssl, int result) {
    const int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
  }
  const std::string& answer_to(const std::string& path) {
    std::string& answer = answers_[path];
    if (!answer.empty()) return answer;
    const std::uint64_t size = Path::of(path).size;
    answer = "HTTP/1.1 200 OK\r\nAge: 1\r\nCache-Status: davenport; hit; ttl=86399\r\nDate: Wed, 21 Oct 2015 07:28:00 GMT\r\n"
             "Content-Type: application/octet-stream\r\nContent-Length: " + std::to_string(size) +
             "\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nETag: \"0123456789abcdef\"\r\nCache-Control: max-age=86400\r\n\r\n";
    return answer.append(size, 'x');
  }

  SSL_CTX& context_;
  const int listening_, epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::unordered_map<std::string, std::string> answers_;
};

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
  const std::uint16_t port = bench::port_of(count, arguments);
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (count < 3 || SSL_CTX_use_certificate_chain_file(context, arguments[2]) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, arguments[2], SSL_FILETYPE_PEM) != 1) {
    std::fputs("floor_tls PORT CERTIFICATE: there is no certificate with its key\n", stderr);
    return 1;
  }
  bench::TlsFloor(*context, bench::listen_at(port)).run();
}
