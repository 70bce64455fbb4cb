// proxy/cli_signals.h: signals as calls on the main loop. Made before any other thread, since threads inherit that these signals
// are blocked; a thread of its own takes them.
//     Signals signals(loop, [&](int number) { … });      // SIGHUP, SIGUSR1, SIGTERM, SIGINT
// A second SIGINT ends the process at once, even where the loop is stuck. SIGPIPE is ignored.
// Owner   ends before the loop.
#pragma once
#include <atomic>
#include <functional>
#include <thread>

#include "core/net/loop.h"

namespace davenport::cli {

class Signals {
 public:
  Signals(net::Loop& loop, std::function<void(int)> handle);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void run();

  net::Loop& loop_;
  const std::function<void(int)> handle_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace davenport::cli
