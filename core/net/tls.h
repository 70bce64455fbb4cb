// core/net/tls.h: what TLS connections are made with: certificates and rules, read once and shared by all threads.
//     Result<TlsServerPtr> server = make_tls_server(settings, ticket_keys);
//     stream.start_tls(*server, read_already);   co_await stream.handshake(deadline);        // core/net/stream.h
// Server  TLS 1.2 and 1.3, forward secrecy and AEAD alone; no renegotiation, no compression, no early data. The first certificate
//         answers clients that name no host or an unknown one; certificates of the same names with keys of different kinds
//         (ECDSA and RSA) stand side by side, and the client's abilities choose.
// Client  verifies by default, against a file or the system's authorities.
// Errors  a file that is missing, unreadable, or does not fit: the error names it.
// Thread  any; immutable once made. Sessions hold references of their own, so that a reload may drop the old one at any time.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

struct ssl_st;
struct ssl_ctx_st;

namespace davenport::net {

enum class TlsVersion : std::uint8_t { v1_2, v1_3 };

// The keys that seal session tickets: one in use, two that are still honoured. All workers share them, so that a client
// resumes wherever the kernel puts its next connection.
// Secret  none: keys are random, and nobody else's. With one, a key is derived from it (HKDF) and the number of the wall clock's period
//         of one lifetime: who has the same secret has the same keys, changes them at the same time, and needs to ask nobody. A clock
//         that is behind finds the next period's key too. Whoever learns the secret has the keys of all times.
class TicketKeys {
 public:
  static constexpr std::size_t kKept = 3;
  struct Key {
    std::array<unsigned char, 16> name{};
    std::array<unsigned char, 32> cipher{}, mac{};
    SteadyTime made{};                                           // of random ones
  };
  explicit TicketKeys(Seconds lifetime, std::string secret = {}) : lifetime_(lifetime), secret_(std::move(secret)) {}
  void set(Seconds lifetime, std::string secret);                // another secret ends the sessions of the old one
  Key current(const Now& now);                                   // a new one where the last has had its time
  // False: not ours, or too old. `newest`: no need to hand out another ticket.
  bool find(const unsigned char* name, const Now& now, Key& key, bool& newest);

 private:
  void make_random(SteadyTime now);
  void derive(WallTime now);

  std::mutex mutex_;
  Seconds lifetime_;
  std::string secret_;
  std::int64_t period_ = -1;                                     // of keys_[1], where they are derived
  std::vector<Key> keys_;                                        // the newest first; derived: that of the next period before it
};
using TicketKeysPtr = std::shared_ptr<TicketKeys>;

struct TlsCertificateFiles {
  std::string certificate;       // PEM: the server's own first, then those between it and the root
  std::string key;               // PEM, without a passphrase
  std::string ocsp;              // DER: the answer that is stapled; "": none
};

struct TlsServerSettings {
  std::vector<TlsCertificateFiles> certificates;                 // at least one
  TlsVersion min_version = TlsVersion::v1_2;
  std::vector<std::string> protocols;                            // ALPN, the dearest first; a client without ALPN is welcome
  std::string client_ca;                                         // set: clients need a certificate of these authorities
};

class TlsServer;
using TlsServerPtr = std::shared_ptr<const TlsServer>;
// `tickets` null: no resumption.
Result<TlsServerPtr> make_tls_server(const TlsServerSettings& settings, TicketKeysPtr tickets);

struct TlsClientSettings {
  bool verify = true;
  std::string ca;                // PEM file; "": the system's
  std::string certificate, key;  // what we show; "": nothing
  TlsVersion min_version = TlsVersion::v1_2;
};

class TlsClient;
using TlsClientPtr = std::shared_ptr<const TlsClient>;
Result<TlsClientPtr> make_tls_client(const TlsClientSettings& settings);

// Why there is no TLS connection.
struct TlsFault {
  enum class Kind : std::uint8_t {
    closed,          // the peer left in the middle
    timeout,
    cancelled,
    certificate,     // the peer's certificate is not good enough, or not for this name
    protocol,        // no version or cipher in common, or not TLS at all
    alert,           // the peer refused, and said why
  };
  Kind kind = Kind::protocol;
  std::string text;
};

struct TlsFacts {
  std::string_view version, cipher;     // "TLSv1.3", "TLS_AES_128_GCM_SHA256"
  std::string protocol;                 // by ALPN; "" where none was agreed
  bool resumed = false;
};

}  // namespace davenport::net
