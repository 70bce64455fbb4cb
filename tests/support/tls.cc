#include "support/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace davenport::testing {
namespace {

std::string last_error() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    const char* const reason = ERR_reason_error_string(code);
    text += (text.empty() ? "" : "; ") + std::string(reason != nullptr ? reason : "error");
  }
  return text.empty() ? "closed" : text;
}

void must(bool good) {
  if (!good) throw std::runtime_error("test TLS: " + last_error());
}

}  // namespace

std::string key_of_ticket(const TlsResume& session) {
  const unsigned char* ticket = nullptr;
  std::size_t size = 0;
  SSL_SESSION_get0_ticket(session.get(), &ticket, &size);
  return {reinterpret_cast<const char*>(ticket), std::min<std::size_t>(size, 16)};
}

TlsLayer::TlsLayer(SSL_CTX* context, int fd, bool server, const TlsOptions& options) : context_(context), ssl_(SSL_new(context)) {
  ::signal(SIGPIPE, SIG_IGN);                        // OpenSSL writes without MSG_NOSIGNAL
  const timeval patience{std::chrono::duration_cast<std::chrono::seconds>(kPatience).count(), 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  SSL_set_fd(ssl_, fd);
  SSL_set_app_data(ssl_, this);
  if (!server) {
    if (!options.server_name.empty()) SSL_set_tlsext_host_name(ssl_, options.server_name.c_str());
    if (options.resume != nullptr) SSL_set_session(ssl_, options.resume.get());
    if (options.ask_staple) SSL_set_tlsext_status_type(ssl_, TLSEXT_STATUSTYPE_ocsp);
  }
  ERR_clear_error();
  const int result = server ? SSL_accept(ssl_) : SSL_connect(ssl_);
  if (result == 1) return;
  const std::string why = last_error();
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  throw TlsRefused(why);
}

TlsLayer::~TlsLayer() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
}

int TlsLayer::keep_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<TlsLayer*>(SSL_get_app_data(ssl))->session_ = TlsResume(session, SSL_SESSION_free);
  return 1;                                          // taken
}

bool TlsLayer::write(std::string_view bytes) {
  ERR_clear_error();
  return bytes.empty() || SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
}

Socket::Got TlsLayer::read(std::string& append_to, std::size_t at_most) {
  const std::size_t before = append_to.size();
  append_to.resize(before + at_most);
  ERR_clear_error();
  const int got = SSL_read(ssl_, append_to.data() + before, static_cast<int>(at_most));
  append_to.resize(before + static_cast<std::size_t>(std::max(0, got)));
  if (got > 0) return Socket::Got::bytes;
  const int error = SSL_get_error(ssl_, got);
  if (error == SSL_ERROR_ZERO_RETURN) return Socket::Got::end;
  if (error == SSL_ERROR_WANT_READ) throw TimedOut("bytes from the TLS peer");
  return Socket::Got::reset;
}

bool TlsLayer::new_key() { return SSL_key_update(ssl_, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(ssl_) == 1; }

void TlsLayer::close_notify() { SSL_shutdown(ssl_); }

TlsFacts TlsLayer::facts() const {
  TlsFacts facts;
  facts.version = SSL_get_version(ssl_);
  facts.cipher = SSL_get_cipher_name(ssl_);
  facts.resumed = SSL_session_reused(ssl_) == 1;
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &size);
  facts.protocol.assign(reinterpret_cast<const char*>(protocol), size);
  if (X509* const certificate = SSL_get0_peer_certificate(ssl_)) {
    char name[256] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    facts.certificate = name;
  }
  const unsigned char* staple = nullptr;
  if (const long bytes = SSL_get_tlsext_status_ocsp_resp(ssl_, &staple); bytes > 0) {
    facts.staple.assign(reinterpret_cast<const char*>(staple), static_cast<std::size_t>(bytes));
  }
  if (const char* const name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name)) facts.asked_name = name;
  return facts;
}

void start_tls_client(Socket& socket, const TlsOptions& options) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  if (!options.ca.empty()) {
    must(SSL_CTX_load_verify_file(context, options.ca.c_str()) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (options.max_version != 0) SSL_CTX_set_max_proto_version(context, options.max_version == 12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  if (!options.signatures.empty()) must(SSL_CTX_set1_sigalgs_list(context, options.signatures.c_str()) == 1);
  if (!options.certificate.certificate.empty()) {
    must(SSL_CTX_use_certificate_file(context, options.certificate.certificate.c_str(), SSL_FILETYPE_PEM) == 1);
    must(SSL_CTX_use_PrivateKey_file(context, options.certificate.key.c_str(), SSL_FILETYPE_PEM) == 1);
  }
  std::string wire;
  for (const std::string& protocol : options.protocols) wire += static_cast<char>(protocol.size()) + protocol;
  if (!wire.empty()) SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(wire.data()), static_cast<unsigned>(wire.size()));
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &TlsLayer::keep_session);
  socket.set_tls(std::make_shared<TlsLayer>(context, socket.fd(), false, options));
}

void start_tls_server(Socket& socket, const CertificateFiles& certificate, const std::string& client_ca) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  must(SSL_CTX_use_certificate_chain_file(context, certificate.certificate.c_str()) == 1);
  must(SSL_CTX_use_PrivateKey_file(context, certificate.key.c_str(), SSL_FILETYPE_PEM) == 1);
  if (!client_ca.empty()) {
    must(SSL_CTX_load_verify_file(context, client_ca.c_str()) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  socket.set_tls(std::make_shared<TlsLayer>(context, socket.fd(), true, TlsOptions{}));
}

}  // namespace davenport::testing
