// core/net/tls_session.h: one TLS connection inside a Stream. Plain bytes on one side, records on the other, which go through the
// stream's own receive() and send().
// Sending  all records of one call leave in one send(2): they are gathered in a buffer of the thread's. What the socket does not
//          take stays here, and until it has gone nothing more is sealed, so one call's worth is held at most (kGather).
//          Of a call whose records are held, one plain byte is reported as not yet taken: so nobody thinks that all has gone.
//          The next call begins with that byte again, as it would after any short write, and it is skipped.
// Memory   buffers of OpenSSL are freed while a connection is idle.
// Owner    the stream. Thread  the loop's.
#pragma once
#include <openssl/ssl.h>
#include <sys/uio.h>

#include <memory>
#include <string>
#include <string_view>

#include "core/net/stream.h"
#include "core/net/tls_context.h"

namespace davenport::net {

class TlsSession {
 public:
  TlsSession(Stream& stream, TlsServerPtr server, std::string already_read);
  TlsSession(Stream& stream, TlsClientPtr client, const std::string& host);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Step : std::uint8_t { done, read, write, failed };
  Step shake(TlsFault& fault);
  Io readv(const iovec* pieces, int count);
  Io writev(const iovec* pieces, int count);
  Io peek(char* into, std::size_t size);
  void flush();                       // what the socket takes of the held records
  void close_notify();                // once
  void keep_silent() { silent_ = true; }   // no close_notify: what was sent is not whole
  bool held() const { return !held_.empty(); }
  TlsFacts facts() const;

 private:
  static constexpr std::size_t kRecord = 16 << 10;
  static constexpr std::size_t kGather = 64 << 10;
  static constexpr std::size_t kDryBytes = 64 << 10;         // in a row that bring no byte of content: a few records
  struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  static BIO_METHOD* bio_method();
  static int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* got);
  static int bio_write(BIO* bio, const char* bytes, std::size_t size, std::size_t* taken);
  static long bio_control(BIO* bio, int command, long, void*);

  void open(SSL_CTX* context);
  bool seal(const char* bytes, std::size_t size);    // into records; false: the session is broken
  Io after_failure(int result);
  TlsFault fault_of(int result);

  Stream& stream_;
  TlsServerPtr server_;
  TlsClientPtr client_;
  std::unique_ptr<SSL, SslFree> ssl_;
  std::string before_;                // bytes that were read before TLS began (behind a PROXY header)
  std::string held_;                  // records that the socket has not taken
  bool owed_ = false;                 // one plain byte of the last call was sealed and not reported
  std::size_t dry_bytes_ = 0;                        // since the last byte of content
  bool shaken_ = false, ended_ = false, silent_ = false;
  bool failed_ = false;               // the records make no sense any more
  bool broken_ = false;               // the socket takes nothing any more
};

}  // namespace davenport::net
