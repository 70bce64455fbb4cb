// core/net/tls_context.h: the two kinds of TLS context from within; OpenSSL's types are known to tls*.cc and stream.cc alone.
#pragma once
#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/net/tls.h"

namespace davenport::net {

struct SslCtxFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslCtx = std::unique_ptr<SSL_CTX, SslCtxFree>;

class TlsServer {
 public:
  struct Names {                                   // certificates for one set of names, of one or two kinds of key
    SslCtx context;
    std::vector<std::string> names;                // lower case; "*.example.org" among them
    std::vector<int> key_kinds;
    std::vector<std::pair<X509*, std::string>> staples;   // borrowed from the context; the OCSP answer's bytes
  };
  SSL_CTX* first() const { return entries_.front()->context.get(); }
  const Names* choose(std::string_view host) const;       // null: the first

  std::vector<std::unique_ptr<Names>> entries_;
  std::map<std::string, const Names*, std::less<>> by_name_;
  std::string protocols_;                          // in ALPN's wire format
  TicketKeysPtr tickets_;
};

class TlsClient {
 public:
  SslCtx context_;
  bool verify_ = true;
};

// What OpenSSL says of the last failure of this thread, emptied.
std::string ssl_errors();
bool set_min_version(SSL_CTX* context, TlsVersion version);
// A certificate chain and its key into a context; an error names the file.
Result<std::monostate> use_certificate(SSL_CTX* context, const std::string& certificate, const std::string& key);

}  // namespace davenport::net
