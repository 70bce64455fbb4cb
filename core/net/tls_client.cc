// Client contexts, and what both kinds share.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/net/tls_context.h"

namespace davenport::net {
namespace {

constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL";   // origins may be older than our clients

// OpenSSL says of a file that it cannot open no more than "system lib".
const char* why_unreadable(const std::string& file) {
  return ::access(file.c_str(), R_OK) == 0 ? nullptr : std::strerror(errno);
}

}  // namespace

std::string ssl_errors() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    if (!text.empty()) text.append("; ");
    const char* const reason = ERR_reason_error_string(code);
    text.append(reason != nullptr ? reason : "error");
  }
  return text.empty() ? "no reason given" : text;
}

bool set_min_version(SSL_CTX* context, TlsVersion version) {
  return SSL_CTX_set_min_proto_version(context, version == TlsVersion::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1;
}

Result<std::monostate> use_certificate(SSL_CTX* context, const std::string& certificate, const std::string& key) {
  if (const char* const why = why_unreadable(certificate)) return Error{"the certificate " + certificate + " cannot be read: " + why};
  if (const char* const why = why_unreadable(key)) return Error{"the key " + key + " cannot be read: " + why};
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    const bool none = ERR_GET_REASON(ERR_peek_error()) == PEM_R_NO_START_LINE;
    return Error{"the certificate " + certificate + " cannot be used: " + (none ? "it holds no certificate in PEM" : ssl_errors())};
  }
  // A passphrase would be asked for at the terminal, by a server that has none.
  SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH) return Error{"the key " + key + " is not that of " + certificate};
    return Error{"the key " + key + " cannot be used with " + certificate + ": " + ssl_errors()};
  }
  if (SSL_CTX_check_private_key(context) != 1) return Error{"the key " + key + " is not that of " + certificate};
  return std::monostate{};
}

Result<TlsClientPtr> make_tls_client(const TlsClientSettings& settings) {
  auto client = std::make_shared<TlsClient>();
  client->context_.reset(SSL_CTX_new(TLS_client_method()));
  client->verify_ = settings.verify;
  SSL_CTX* const raw = client->context_.get();
  if (raw == nullptr || !set_min_version(raw, settings.min_version) || SSL_CTX_set_cipher_list(raw, kCiphers) != 1) {
    return Error{"TLS cannot be set up: " + ssl_errors()};
  }
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(raw, 1);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  if (settings.verify) {
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
    const bool known = settings.ca.empty() ? SSL_CTX_set_default_verify_paths(raw) == 1
                                           : SSL_CTX_load_verify_file(raw, settings.ca.c_str()) == 1;
    if (const char* const why = known ? nullptr : why_unreadable(settings.ca)) return Error{"the authorities in " + settings.ca + " cannot be read: " + why};
    if (!known) return Error{"the authorities in " + settings.ca + " cannot be used: " + ssl_errors()};
  }
  if (!settings.certificate.empty()) {
    const Result<std::monostate> used = use_certificate(raw, settings.certificate, settings.key);
    if (!used) return used.error();
  }
  ERR_clear_error();
  return TlsClientPtr(std::move(client));
}

}  // namespace davenport::net
