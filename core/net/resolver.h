// core/net/resolver.h: names to addresses without blocking (libevent's evdns: /etc/hosts, then the servers of
// /etc/resolv.conf).
// Thread  the loop's.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/net/address.h"
#include "core/net/loop.h"
#include "core/net/task.h"

namespace davenport::net {

// All addresses, IPv4 first. An error where the name is unknown or no answer came by `deadline`.
Task<Result<std::vector<SocketAddress>>> resolve(Loop& loop, std::string name, std::uint16_t port, SteadyTime deadline);

}  // namespace davenport::net
