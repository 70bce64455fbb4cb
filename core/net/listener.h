// core/net/listener.h: accepts connections. One listening socket a worker and address (SO_REUSEPORT), so that the kernel
// spreads connections and workers share nothing.
// Thread  the loop's.
#pragma once
#include <functional>
#include <memory>

#include "core/base/result.h"
#include "core/net/address.h"
#include "core/net/loop.h"

namespace davenport::net {

// A listening descriptor. `shared`: several may be opened on the same address. Unix sockets are not shared: a stale file is
// removed, and workers use dup()s of one descriptor.
Result<int> open_listening_socket(const SocketAddress& address, bool shared);
Result<SocketAddress> local_address(int fd);

class Listener final : private Timer {
 public:
  using Accepted = std::function<void(int fd, const SocketAddress& peer)>;
  Listener(Loop& loop, int fd, Accepted accepted);   // takes the descriptor
  ~Listener() override;

 private:
  static void on_event(int, short, void* self);
  void accept_some();
  void expired(bool cancelled) override;             // after descriptors ran out: tries again

  Loop& loop_;
  int fd_;
  event* event_;
  Accepted accepted_;
};

}  // namespace davenport::net
