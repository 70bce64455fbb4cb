#include "core/net/resolver.h"

#include <event2/dns.h>
#include <event2/util.h>

#include <algorithm>
#include <memory>

namespace davenport::net {
namespace {

// What the C callback finds, however late: it is owned by the callback once the waiter has left.
struct Lookup {
  explicit Lookup(Loop& loop) : done(loop) {}
  Notify done;
  bool answered = false;
  bool abandoned = false;
  int code = 0;
  std::vector<SocketAddress> addresses;
};

void on_answer(int code, evutil_addrinfo* found, void* self) {
  auto* const lookup = static_cast<Lookup*>(self);
  if (lookup->abandoned) {
    if (found != nullptr) evutil_freeaddrinfo(found);
    delete lookup;
    return;
  }
  lookup->answered = true;
  lookup->code = code;
  for (const evutil_addrinfo* each = found; each != nullptr; each = each->ai_next) {
    lookup->addresses.push_back(SocketAddress::of(each->ai_addr, static_cast<socklen_t>(each->ai_addrlen)));
  }
  if (found != nullptr) evutil_freeaddrinfo(found);
  lookup->done.notify();
}

}  // namespace

Task<Result<std::vector<SocketAddress>>> resolve(Loop& loop, std::string name, std::uint16_t port, SteadyTime deadline) {
  evdns_base* const dns = loop.dns();
  if (dns == nullptr) co_return Error{"no resolver for '" + name + "': is /etc/resolv.conf there?", true};
  evutil_addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = EVUTIL_AI_ADDRCONFIG;
  auto lookup = std::make_unique<Lookup>(loop);
  const std::string service = std::to_string(port);
  evdns_getaddrinfo_request* const request =
      evdns_getaddrinfo(dns, name.c_str(), service.c_str(), &hints, &on_answer, lookup.get());
  if (!lookup->answered) {
    const Wake wake = co_await lookup->done.wait(deadline);
    if (wake != Wake::notified) {
      lookup->abandoned = true;
      lookup.release();      // on_answer frees it
      evdns_getaddrinfo_cancel(request);
      co_return Error{"no answer in time for the name '" + name + "'", true};
    }
  }
  if (lookup->code != 0 || lookup->addresses.empty()) {
    co_return Error{"the name '" + name + "' cannot be resolved: " + evutil_gai_strerror(lookup->code), true};
  }
  std::stable_sort(lookup->addresses.begin(), lookup->addresses.end(),
                   [](const SocketAddress& a, const SocketAddress& b) { return a.family() < b.family(); });
  co_return std::move(lookup->addresses);
}

}  // namespace davenport::net
