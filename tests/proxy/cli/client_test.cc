#include "proxy/cli_client.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

using namespace davenport;
using namespace davenport::cli;

namespace {

// Takes one connection, reads a request to its end and answers with fixed bytes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer, const std::string& unix_path = "") {
    if (unix_path.empty()) {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      listen_on(AF_INET, reinterpret_cast<sockaddr*>(&address), sizeof address);
      socklen_t length = sizeof address;
      ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
      url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    } else {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      unix_path.copy(address.sun_path, sizeof address.sun_path - 1);
      listen_on(AF_UNIX, reinterpret_cast<sockaddr*>(&address), sizeof address);
      url = "unix:" + unix_path;
    }
    thread_ = std::thread([this, answer = std::move(answer)] { serve(answer); });
  }
  ~OneAnswer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  std::string request() {
    thread_.join();
    thread_ = std::thread([] {});
    return seen_;
  }
  std::string url;

 private:
  void listen_on(int family, const sockaddr* address, socklen_t length) {
    fd_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(fd_, address, length) == 0);
    REQUIRE(::listen(fd_, 1) == 0);
  }
  void serve(const std::string& answer) {
    const int client = ::accept(fd_, nullptr, nullptr);
    if (client < 0) return;
    char piece[4096];
    while (!whole()) {
      const ssize_t got = ::recv(client, piece, sizeof piece, 0);
      if (got <= 0) break;
      seen_.append(piece, static_cast<std::size_t>(got));
    }
    for (const char c : answer) ::send(client, &c, 1, MSG_NOSIGNAL);
    ::close(client);
  }
  bool whole() const {
    const std::size_t end = seen_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::size_t at = seen_.find("Content-Length: ");
    return at == std::string::npos || seen_.size() >= end + 4 + std::stoul(seen_.substr(at + 16));
  }
  int fd_ = -1;
  std::string seen_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a request goes out as one message, and its answer comes back") {
  OneAnswer server("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello");
  const Result<HttpAnswer> answer = ask(server.url, {"POST", "/purge", "s3cret", "{\"all\":true}"});
  REQUIRE(answer);
  CHECK(answer->status == 201);
  CHECK(answer->content_type == "text/x");
  CHECK(answer->body == "hello");
  const std::string request = server.request();
  CHECK(request.starts_with("POST /purge HTTP/1.1\r\nHost: 127.0.0.1:"));
  CHECK(request.find("\r\nAuthorization: Bearer s3cret\r\n") != std::string::npos);
  CHECK(request.find("\r\nContent-Length: 12\r\n") != std::string::npos);
  CHECK(request.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(request.ends_with("\r\n\r\n{\"all\":true}"));
}

TEST_CASE("an admin API on a Unix socket is reached") {
  const std::string path = "/tmp/davenport-cli-" + std::to_string(::getpid()) + ".sock";
  ::unlink(path.c_str());
  {
    OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", path);
    const Result<HttpAnswer> answer = ask(server.url, {"GET", "/", "", ""});
    REQUIRE(answer);
    CHECK(answer->body == "ok");
    CHECK(server.request().find("\r\nHost: localhost\r\n") != std::string::npos);
  }
  ::unlink(path.c_str());
}

TEST_CASE("what is no whole answer of the admin API is an error") {
  struct Row { const char *bytes, *message; };
  for (const Row& row : {
           Row{"", "does not answer like"}, Row{"SSH-2.0-OpenSSH\r\n", "does not answer like"},
           Row{"HTTP/1.1 200 OK\r\nContent-Le", "does not answer like"},
           Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "does not answer like"},
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "cut short"}}) {
    CAPTURE(row.bytes);
    OneAnswer server(row.bytes);
    const Result<HttpAnswer> answer = ask(server.url, {"GET", "/", "", ""});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message.find(row.message) != std::string::npos);
  }
}

TEST_CASE("an address that is none, or where nobody listens, is an error that says what to do") {
  for (const char* admin : {"", "ftp://127.0.0.1:1", "http://127.0.0.1:1/path", "http://127.0.0.1:1/?x", "http://a b/"}) {
    CAPTURE(admin);
    const Result<HttpAnswer> answer = ask(admin, {"GET", "/", "", ""});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message.find("is no admin address") != std::string::npos);
  }
  std::string closed;
  {
    OneAnswer server("");
    closed = server.url;
  }
  for (const std::string& admin : {closed, std::string("unix:/nonexistent/davenport.sock")}) {
    const Result<HttpAnswer> answer = ask(admin, {"GET", "/", "", ""});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message.find("does Davenport run there?") != std::string::npos);
  }
}

TEST_CASE("a query's value is percent-encoded (RFC 3986 §2.1)") {
  CHECK(percent_encoded("http://shop.test/a?b=c&d=%20+é") == "http%3A%2F%2Fshop.test%2Fa%3Fb%3Dc%26d%3D%2520%2B%C3%A9");
  CHECK(percent_encoded("azAZ09-._~") == "azAZ09-._~");
  CHECK(percent_encoded("") == "");
}
