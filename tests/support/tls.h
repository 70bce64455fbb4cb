// tests/support/tls.h: TLS on a test's socket, either side, by OpenSSL's own blocking calls. Independent of the product.
//     Socket socket = Socket::connect(proxy.port());
//     start_tls_client(socket, {.server_name = "shop.test", .ca = authority.file()});     // throws TlsRefused
//     socket.tls()->facts().version
// Waits   at most kPatience each: the socket's own time limits.
#pragma once
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/certificates.h"
#include "support/socket.h"

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

namespace davenport::testing {

struct TlsRefused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using TlsResume = std::shared_ptr<ssl_session_st>;

struct TlsOptions {
  std::string server_name = "shop.test";         // "": none is named
  std::string ca;                                // "": nothing is verified
  CertificateFiles certificate;                  // what we show; empty: nothing
  std::vector<std::string> protocols;            // ALPN
  int max_version = 0;                           // 12 or 13; 0: the newest
  std::string signatures;                        // "ECDSA+SHA256": which keys are understood
  bool ask_staple = false;
  TlsResume resume;
};

struct TlsFacts {
  std::string version, cipher, protocol;
  std::string certificate;                       // the peer's common name
  std::string staple;                            // bytes of the OCSP answer
  std::string asked_name;                        // a server's: SNI
  bool resumed = false;
};

std::string key_of_ticket(const TlsResume& session);      // the name of the key that sealed its ticket (RFC 5077 §4)

class TlsLayer {
 public:
  TlsLayer(ssl_ctx_st* context, int fd, bool server, const TlsOptions& options);   // takes the context; shakes hands
  ~TlsLayer();
  TlsLayer(const TlsLayer&) = delete;
  TlsLayer& operator=(const TlsLayer&) = delete;

  bool write(std::string_view bytes);
  Socket::Got read(std::string& append_to, std::size_t at_most);
  void close_notify();
  bool new_key();                                  // TLS 1.3: a KeyUpdate, which carries nothing; false: the peer is gone
  TlsFacts facts() const;
  static int keep_session(ssl_st* ssl, ssl_session_st* session);   // OpenSSL's callback
  TlsResume session() const { return session_; }  // TLS 1.3: after the first read

 private:
  ssl_ctx_st* context_;
  ssl_st* ssl_;
  TlsResume session_;
};

void start_tls_client(Socket& socket, const TlsOptions& options);
// `client_ca`: clients must show a certificate of it.
void start_tls_server(Socket& socket, const CertificateFiles& certificate, const std::string& client_ca = "");

}  // namespace davenport::testing
