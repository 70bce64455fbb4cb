// cache/redis/redirection.h: what an error of a Redis node means for where to ask next. Pure.
#pragma once
#include <cstdint>
#include <string_view>

#include "cache/redis/slots.h"

namespace davenport::redis {

enum class Trouble : std::uint8_t {
  none,            // no error
  moved,           // the slot has another owner: ask there, remember it, read the map anew
  ask,             // this key is on its way: ask there once, with ASKING before it; the map stays
  try_again,       // several keys of a slot on its way: after a short while
  cluster_down,    // nobody has the slot now: read the map anew
  read_only,       // a replica that was a master: read the map anew
  loading,         // the node is not ready (LOADING, MASTERDOWN): leave it alone for a while
  out_of_memory,   // OOM: skip this write
  refused,         // NOAUTH, WRONGPASS, NOPERM: a matter of the configuration
  other,           // a mistake of ours, or a script's
};

struct Redirection {
  Trouble trouble = Trouble::none;
  std::uint16_t slot = 0;      // moved, ask
  NodeAddress to;              // moved, ask
};

// `error`: the text of an error reply. `asked_host`: what an empty host in it stands for. A redirection that can't be read is
// `other`.
Redirection read_trouble(std::string_view error, std::string_view asked_host);

std::string_view name_of(Trouble trouble);

}  // namespace davenport::redis
