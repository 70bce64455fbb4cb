#include "proxy/cli_signals.h"

#include <signal.h>
#include <unistd.h>

namespace davenport::cli {
namespace {

constexpr int kWakeUp = SIGUSR2;          // our own; from elsewhere it does nothing

sigset_t ours() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGHUP, SIGUSR1, SIGTERM, SIGINT, kWakeUp}) sigaddset(&set, number);
  return set;
}

}  // namespace

Signals::Signals(net::Loop& loop, std::function<void(int)> handle) : loop_(loop), handle_(std::move(handle)) {
  ::signal(SIGPIPE, SIG_IGN);
  const sigset_t set = ours();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { run(); });
}

Signals::~Signals() {
  stopping_ = true;
  ::pthread_kill(thread_.native_handle(), kWakeUp);
  thread_.join();
}

void Signals::run() {
  const sigset_t set = ours();
  bool interrupted = false;
  for (;;) {
    int number = 0;
    if (::sigwait(&set, &number) != 0) continue;
    if (number == kWakeUp) {
      if (stopping_) return;
      continue;
    }
    if (number == SIGINT && std::exchange(interrupted, true)) ::_exit(128 + SIGINT);
    loop_.post([this, number] { handle_(number); });
  }
}

}  // namespace davenport::cli
