// Server contexts: certificates by name and kind of key, ALPN, tickets, staples.
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/base/text.h"
#include "core/net/tls_context.h"

namespace davenport::net {
namespace {

// TLS 1.2: forward secrecy and AEAD. TLS 1.3 has nothing else; the cheaper of its strong ones first.
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr unsigned char kSessionContext[] = "davenport";

int server_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

const TlsServer& server_of(SSL_CTX* context) { return *static_cast<const TlsServer*>(SSL_CTX_get_ex_data(context, server_index())); }

// The certificate's host names: dNSName entries, else the common name (RFC 6125 §6.4).
std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> names;
  auto* const alternatives = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type != GEN_DNS) continue;
    const auto* const text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    names.push_back(lower(std::string_view(text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)))));
  }
  GENERAL_NAMES_free(alternatives);
  if (names.empty()) {
    char common[256] = {};
    if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common, sizeof common) > 0) {
      names.push_back(lower(common));
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Result<std::string> read_staple(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  std::string bytes = text.str();
  if (!file.is_open() || bytes.empty()) return Error{"the OCSP answer " + path + " cannot be read"};
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  OCSP_RESPONSE* const response = d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(bytes.size()));
  const bool good = response != nullptr && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
  OCSP_RESPONSE_free(response);
  ERR_clear_error();
  if (!good) return Error{path + " is no successful OCSP answer in DER"};
  return bytes;
}

int on_server_name(SSL* ssl, int*, void* server) {
  const char* const host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (host == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const TlsServer::Names* const names = static_cast<const TlsServer*>(server)->choose(lower(host));
  if (names != nullptr) SSL_set_SSL_CTX(ssl, names->context.get());
  return SSL_TLSEXT_ERR_OK;
}

int on_protocols(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size, void* server) {
  const std::string& ours = static_cast<const TlsServer*>(server)->protocols_;
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                                          static_cast<unsigned>(ours.size()), in, in_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;     // RFC 7301 §3.2
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

int on_status(SSL* ssl, void*) {
  SSL_CTX* const context = SSL_get_SSL_CTX(ssl);
  const X509* const used = SSL_get_certificate(ssl);
  for (const auto& entry : server_of(context).entries_) {
    if (entry->context.get() != context) continue;
    for (const auto& [certificate, bytes] : entry->staples) {
      if (certificate != used) continue;
      auto* const copy = static_cast<unsigned char*>(OPENSSL_memdup(bytes.data(), bytes.size()));
      if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
      SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(bytes.size()));   // takes it
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

// RFC 5077 §4: name, IV, sealed state, MAC. 1: good; 2: good, and worth a new ticket; 0: a full handshake.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int seal) {
  TicketKeys& keys = *server_of(SSL_get_SSL_CTX(ssl)).tickets_;
  const Now now = read_clocks();
  TicketKeys::Key key;
  bool newest = true;
  if (seal != 0) {
    key = keys.current(now);
    if (RAND_bytes(iv, EVP_CIPHER_iv_length(EVP_aes_256_cbc())) <= 0) return -1;
    std::memcpy(name, key.name.data(), key.name.size());
  } else if (!keys.find(name, now, key, newest)) {
    return 0;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
                                   OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, parameters) <= 0) return -1;
  if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, seal) <= 0) return -1;
  return newest && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;   // a ticket of 1.3 is best used once (RFC 8446 §C.4)
}

Result<SslCtx> make_context(const TlsServer& server, const TlsServerSettings& settings) {
  SslCtx context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const raw = context.get();
  if (raw == nullptr || !set_min_version(raw, settings.min_version) || SSL_CTX_set_cipher_list(raw, kCiphers) != 1 ||
      SSL_CTX_set_ciphersuites(raw, kSuites) != 1 || SSL_CTX_set1_groups_list(raw, kGroups) != 1) {
    return Error{"TLS cannot be set up: " + ssl_errors()};
  }
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(raw, 1);                       // a record in one read(2), not its header and then the rest
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(raw, kSessionContext, sizeof kSessionContext - 1);
  SSL_CTX_set_ex_data(raw, server_index(), const_cast<TlsServer*>(&server));
  SSL_CTX_set_tlsext_servername_callback(raw, on_server_name);
  SSL_CTX_set_tlsext_servername_arg(raw, const_cast<TlsServer*>(&server));
  SSL_CTX_set_tlsext_status_cb(raw, on_status);
  if (!server.protocols_.empty()) SSL_CTX_set_alpn_select_cb(raw, on_protocols, const_cast<TlsServer*>(&server));
  if (server.tickets_ == nullptr) {
    SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(raw, 0);
  } else {
    SSL_CTX_set_tlsext_ticket_key_evp_cb(raw, on_ticket);
  }
  if (!settings.client_ca.empty()) {
    STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(settings.client_ca.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(raw, settings.client_ca.c_str()) != 1) {
      return Error{"the authorities of clients in " + settings.client_ca + " cannot be used: " + ssl_errors()};
    }
    SSL_CTX_set_client_CA_list(raw, names);             // takes it
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

// One entry of the settings: beside a certificate of the same names and another kind of key, or in a context of its own.
Result<std::monostate> add_certificate(TlsServer& server, const TlsServerSettings& settings, const TlsCertificateFiles& files) {
  auto entry = std::make_unique<TlsServer::Names>();
  Result<SslCtx> context = make_context(server, settings);
  if (!context) return context.error();
  entry->context = std::move(*context);
  Result<std::monostate> used = use_certificate(entry->context.get(), files.certificate, files.key);
  if (!used) return used;
  std::string staple;
  if (!files.ocsp.empty()) {
    Result<std::string> read = read_staple(files.ocsp);
    if (!read) return read.error();
    staple = std::move(*read);
  }
  X509* const certificate = SSL_CTX_get0_certificate(entry->context.get());
  const int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(certificate));
  entry->names = names_of(certificate);
  for (const auto& other : server.entries_) {
    if (other->names != entry->names || std::find(other->key_kinds.begin(), other->key_kinds.end(), kind) != other->key_kinds.end()) continue;
    used = use_certificate(other->context.get(), files.certificate, files.key);
    if (!used) return used;
    other->key_kinds.push_back(kind);
    if (!staple.empty()) other->staples.emplace_back(SSL_CTX_get0_certificate(other->context.get()), std::move(staple));
    return std::monostate{};
  }
  entry->key_kinds.push_back(kind);
  if (!staple.empty()) entry->staples.emplace_back(certificate, std::move(staple));
  for (const std::string& name : entry->names) server.by_name_.emplace(name, entry.get());
  server.entries_.push_back(std::move(entry));
  return std::monostate{};
}

}  // namespace

const TlsServer::Names* TlsServer::choose(std::string_view host) const {
  if (const auto exact = by_name_.find(host); exact != by_name_.end()) return exact->second;
  const std::size_t dot = host.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto wild = by_name_.find("*" + std::string(host.substr(dot)));      // one label (RFC 6125 §6.4.3)
  return wild != by_name_.end() ? wild->second : nullptr;
}

Result<TlsServerPtr> make_tls_server(const TlsServerSettings& settings, TicketKeysPtr tickets) {
  auto server = std::make_shared<TlsServer>();
  server->tickets_ = std::move(tickets);
  for (const std::string& protocol : settings.protocols) {
    server->protocols_.push_back(static_cast<char>(protocol.size()));
    server->protocols_.append(protocol);
  }
  for (const TlsCertificateFiles& files : settings.certificates) {
    const Result<std::monostate> added = add_certificate(*server, settings, files);
    if (!added) return added.error();
  }
  if (server->entries_.empty()) return Error{"TLS needs at least one certificate"};
  return TlsServerPtr(std::move(server));
}

}  // namespace davenport::net
