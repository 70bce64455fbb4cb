#include "core/net/tls_session.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace davenport::net {
namespace {

// Records on their way out, of whichever session of this thread is at work: none is left here between two calls.
std::string& outgoing() {
  thread_local std::string bytes;
  return bytes;
}

char* record_room() {
  thread_local const std::unique_ptr<char[]> room = std::make_unique<char[]>(16 << 10);
  return room.get();
}

}  // namespace

BIO_METHOD* TlsSession::bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "davenport stream");
    BIO_meth_set_read_ex(made, bio_read);
    BIO_meth_set_write_ex(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

int TlsSession::bio_read(BIO* bio, char* into, std::size_t size, std::size_t* got) {
  auto& self = *static_cast<TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (!self.before_.empty()) {
    *got = self.before_.copy(into, size);
    self.before_.erase(0, *got);
    return 1;
  }
  if (self.stream_.readable_) {
    const iovec piece{into, size};
    const Io io = self.stream_.receive(&piece, 1, size);
    if (io.status == Io::Status::ok) {
      *got = io.bytes;
      // Records that carry nothing (renegotiations, new keys, empty ones) cost us work and answers, and could go on without end.
      self.dry_bytes_ += io.bytes;
      if (!self.shaken_ || self.dry_bytes_ <= kDryBytes) return 1;
      errno = EPROTO;
      return 0;
    }
    if (io.status == Io::Status::end) {
      self.ended_ = true;
      return 0;
    }
    if (io.status == Io::Status::error) {
      errno = io.code;
      return 0;
    }
  }
  BIO_set_retry_read(bio);
  return 0;
}

int TlsSession::bio_write(BIO*, const char* bytes, std::size_t size, std::size_t* taken) {
  outgoing().append(bytes, size);
  *taken = size;
  return 1;
}

long TlsSession::bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return static_cast<TlsSession*>(BIO_get_data(bio))->ended_ ? 1 : 0;
  return 0;
}

void TlsSession::open(SSL_CTX* context) {
  ssl_.reset(SSL_new(context));
  BIO* const bio = BIO_new(bio_method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  if (!before_.empty()) stream_.readable_ = true;
}

TlsSession::TlsSession(Stream& stream, TlsServerPtr server, std::string already_read)
    : stream_(stream), server_(std::move(server)), before_(std::move(already_read)) {
  open(server_->first());
  SSL_set_accept_state(ssl_.get());
}

TlsSession::TlsSession(Stream& stream, TlsClientPtr client, const std::string& host) : stream_(stream), client_(std::move(client)) {
  open(client_->context_.get());
  SSL_set_connect_state(ssl_.get());
  ASN1_OCTET_STRING* const numeric = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(numeric);
  ERR_clear_error();
  if (numeric != nullptr) {                          // an address is no server name (RFC 6066 §3)
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
  } else if (!host.empty()) {
    SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (client_->verify_) SSL_set1_host(ssl_.get(), host.c_str());
  }
}

TlsSession::~TlsSession() = default;

void TlsSession::flush() {
  std::string& out = outgoing();
  const bool had_held = !held_.empty();
  if (had_held) held_.append(out);
  std::string_view bytes = had_held ? std::string_view(held_) : std::string_view(out);
  while (!bytes.empty() && !broken_) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    const Io io = stream_.send(&piece, 1, bytes.size());
    if (io.status == Io::Status::error) broken_ = true;
    if (io.status != Io::Status::ok) break;
    bytes.remove_prefix(io.bytes);
  }
  if (broken_) bytes = {};
  if (had_held) {
    held_.erase(0, held_.size() - bytes.size());
    if (held_.empty()) std::string().swap(held_);
  } else if (!bytes.empty()) {
    held_.assign(bytes);
  }
  out.clear();
}

TlsFault TlsSession::fault_of(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  const unsigned long code = ERR_peek_last_error();
  const int reason = ERR_GET_REASON(code);
  TlsFault fault;
  const long verified = SSL_get_verify_result(ssl_.get());
  if (error == SSL_ERROR_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    fault.kind = TlsFault::Kind::certificate;
    fault.text = X509_verify_cert_error_string(verified);
  } else if (ended_ || error == SSL_ERROR_SYSCALL || error == SSL_ERROR_ZERO_RETURN) {
    fault.kind = TlsFault::Kind::closed;
    fault.text = "the connection was closed in the middle of the handshake";
  } else {
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET) fault.kind = TlsFault::Kind::alert;
    fault.text = ssl_errors();
  }
  ERR_clear_error();
  return fault;
}

TlsSession::Step TlsSession::shake(TlsFault& fault) {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    shaken_ = true;
    flush();
    if (SSL_has_pending(ssl_.get()) == 1) stream_.readable_ = true;
    return Step::done;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (error != SSL_ERROR_WANT_READ) fault = fault_of(result);
  flush();                                           // an alert, too
  if (error == SSL_ERROR_WANT_READ && broken_) {
    fault = {TlsFault::Kind::closed, "the connection was closed in the middle of the handshake"};
    failed_ = true;
    return Step::failed;
  }
  if (error == SSL_ERROR_WANT_READ) return held_.empty() ? Step::read : Step::write;
  failed_ = true;
  return Step::failed;
}

Io TlsSession::after_failure(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ) return {Io::Status::again, 0, 0};
  if (error == SSL_ERROR_ZERO_RETURN) return {Io::Status::end, 0, 0};
  // An end without close_notify may have been made by anybody on the way (RFC 9112 §9.8).
  int code = ended_ ? ECONNRESET : error == SSL_ERROR_SYSCALL && errno != 0 ? errno : EPROTO;
  if (!ended_ && error == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_last_error()) >= SSL_AD_REASON_OFFSET) code = EKEYREJECTED;
  ERR_clear_error();
  failed_ = true;
  return {Io::Status::error, 0, code};
}

Io TlsSession::readv(const iovec* pieces, int count) {
  if (failed_) return {Io::Status::error, 0, ECONNRESET};
  std::size_t total = 0;
  Io last{Io::Status::ok, 0, 0};
  bool enough = false;                               // nothing more is known of; the caller has something to do
  for (int i = 0; i < count && !enough && last.status == Io::Status::ok; ++i) {
    auto* at = static_cast<char*>(pieces[i].iov_base);
    std::size_t room = pieces[i].iov_len;
    while (room > 0) {
      enough = total > 0 && SSL_has_pending(ssl_.get()) == 0;
      if (enough) break;
      ERR_clear_error();
      std::size_t got = 0;
      const int result = SSL_read_ex(ssl_.get(), at, room, &got);
      if (result != 1) {
        last = after_failure(result);
        break;
      }
      dry_bytes_ = 0;
      at += got;
      room -= got;
      total += got;
    }
  }
  flush();                                           // what reading made us say: an alert, a new key
  switch (last.status) {
    case Io::Status::again: break;                   // the stream knows already that its socket is empty
    case Io::Status::ok:
      if (SSL_has_pending(ssl_.get()) == 1) stream_.readable_ = true;
      break;
    case Io::Status::end:
    case Io::Status::error: stream_.readable_ = true;      // the next call says it again, if this one has bytes to tell of
  }
  return total > 0 ? Io{Io::Status::ok, total, 0} : last;
}

Io TlsSession::peek(char* into, std::size_t size) {
  if (failed_) return {Io::Status::error, 0, ECONNRESET};
  ERR_clear_error();
  std::size_t got = 0;
  const int result = SSL_peek_ex(ssl_.get(), into, size, &got);
  const Io io = result == 1 ? Io{Io::Status::ok, got, 0} : after_failure(result);
  flush();                                           // an alert is this connection's to send
  if (io.status != Io::Status::again) stream_.readable_ = true;
  return io;
}

bool TlsSession::seal(const char* bytes, std::size_t size) {
  while (size > 0) {
    ERR_clear_error();
    std::size_t taken = 0;
    if (SSL_write_ex(ssl_.get(), bytes, std::min(size, kRecord), &taken) != 1) return false;
    bytes += taken;
    size -= taken;
  }
  return true;
}

// Small pieces share a record; one that does not fit beside what is gathered is sealed from where it lies.
Io TlsSession::writev(const iovec* pieces, int count) {
  flush();
  if (failed_ || broken_) return {Io::Status::error, 0, EPIPE};
  if (!held_.empty()) return {Io::Status::again, 0, 0};
  char* const room = record_room();
  std::size_t gathered = 0;
  std::size_t skip = std::exchange(owed_, false) ? 1 : 0;
  std::size_t sealed = skip;
  bool good = true;
  const auto seal_more = [&](const char* bytes, std::size_t size) {
    good = seal(bytes, size);
    sealed += size;
    if (outgoing().size() >= kGather) flush();
  };
  for (int i = 0; i < count; ++i) {
    const char* at = static_cast<const char*>(pieces[i].iov_base) + std::min(skip, pieces[i].iov_len);
    std::size_t left = pieces[i].iov_len - std::min(skip, pieces[i].iov_len);
    if (pieces[i].iov_len > 0) skip = 0;
    while (left > 0) {
      if (!good || broken_ || !held_.empty()) goto full;
      if (gathered > 0 && left > kRecord - gathered) {
        seal_more(room, std::exchange(gathered, 0));
      } else if (gathered == 0 && (left >= kRecord || i + 1 == count)) {
        const std::size_t now = std::min(left, kRecord);
        seal_more(at, now);
        at += now;
        left -= now;
      } else {
        std::memcpy(room + gathered, at, left);
        gathered += left;
        left = 0;
      }
    }
  }
  if (gathered > 0 && good && !broken_ && held_.empty()) seal_more(room, gathered);
full:
  flush();
  if (!good) failed_ = true;
  if (failed_ || broken_) return {Io::Status::error, 0, EPIPE};
  if (held_.empty()) return {Io::Status::ok, sealed, 0};
  owed_ = true;
  return sealed == 1 ? Io{} : Io{Io::Status::ok, sealed - 1, 0};
}

void TlsSession::close_notify() {
  if (!shaken_ || failed_ || broken_ || std::exchange(silent_, true)) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  flush();
}

TlsFacts TlsSession::facts() const {
  TlsFacts facts;
  facts.version = SSL_get_version(ssl_.get());
  if (const char* cipher = SSL_get_cipher_name(ssl_.get()); cipher != nullptr) facts.cipher = cipher;
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  if (size > 0) facts.protocol.assign(reinterpret_cast<const char*>(protocol), size);
  facts.resumed = SSL_session_reused(ssl_.get()) == 1;
  return facts;
}

}  // namespace davenport::net
