#include "proxy/server/tunnel.h"

#include <string>

namespace davenport::server {

net::Task<bool> write_all(net::Stream& to, std::string_view bytes, Millis patience) {
  while (!bytes.empty()) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    const net::Io put = to.writev(&piece, 1, piece.iov_len);
    if (put.status == net::Io::Status::error) co_return false;
    if (put.status == net::Io::Status::ok) bytes.remove_prefix(put.bytes);
    if (bytes.empty()) break;
    const net::Ready writable = co_await to.writable(to.loop().now() + patience);
    if (writable != net::Ready::yes) co_return false;
  }
  co_return true;
}

net::Task<void> pump_tunnel(net::Stream& from, net::Stream& to, Tunnel& tunnel) {
  std::string bytes(kTunnelBytes, '\0');
  bool failed = false;
  for (;;) {
    from.doubt();
    const net::Ready ready = co_await from.readable(tunnel.ends());
    if (ready == net::Ready::timeout && tunnel.ends() > tunnel.loop.now()) continue;      // the other direction is at work
    if (ready != net::Ready::yes) {
      failed = true;
      break;
    }
    const net::Io got = from.read(bytes);
    if (got.status == net::Io::Status::again) continue;
    if (got.status == net::Io::Status::end) break;
    failed = got.status == net::Io::Status::error;
    tunnel.moved = tunnel.loop.now();
    if (!failed) {
      const bool passed_on = co_await write_all(to, std::string_view(bytes).substr(0, got.bytes), tunnel.idle);
      failed = !passed_on;
    }
    if (failed) break;
  }
  to.shutdown_write();
  if (failed) {                      // the other direction ends within these, and may not be the last: what both use goes with that
    from.cancel();
    to.cancel();
  }
  if (--tunnel.open == 0) tunnel.done.notify();
}

}  // namespace davenport::server
