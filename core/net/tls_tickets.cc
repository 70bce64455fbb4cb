#include <openssl/rand.h>

#include <cstring>

#include "core/net/tls.h"

namespace davenport::net {

void TicketKeys::set_lifetime(Seconds lifetime) {
  const std::scoped_lock lock(mutex_);
  lifetime_ = lifetime;
}

TicketKeys::Key TicketKeys::current(SteadyTime now) {
  const std::scoped_lock lock(mutex_);
  if (keys_.empty() || now - keys_.front().made >= lifetime_) {
    Key key;
    key.made = now;
    RAND_bytes(key.name.data(), static_cast<int>(key.name.size()));
    RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size()));
    RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size()));
    keys_.insert(keys_.begin(), key);
    if (keys_.size() > kKept) keys_.pop_back();
  }
  return keys_.front();
}

bool TicketKeys::find(const unsigned char* name, SteadyTime now, Key& key, bool& newest) {
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const Key& each = keys_[i];
    if (std::memcmp(each.name.data(), name, each.name.size()) != 0) continue;
    if (now - each.made >= lifetime_ * static_cast<int>(kKept)) return false;
    newest = i == 0 && now - each.made < lifetime_;
    key = each;
    return true;
  }
  return false;
}

}  // namespace davenport::net
