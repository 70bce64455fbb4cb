#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "core/net/mac.h"
#include "core/net/tls.h"

namespace davenport::net {
namespace {

TicketKeys::Key derived(std::string_view secret, Seconds lifetime, std::int64_t period) {
  std::array<unsigned char, 16 + 32 + 32> bytes;
  hkdf_sha256(secret, "davenport session tickets", std::to_string(lifetime.count()) + " " + std::to_string(period), bytes);
  TicketKeys::Key key;
  const unsigned char* at = bytes.data();
  for (const std::span<unsigned char> part : {std::span<unsigned char>(key.name), std::span<unsigned char>(key.cipher), std::span<unsigned char>(key.mac)}) {
    std::copy_n(at, part.size(), part.begin());
    at += part.size();
  }
  return key;
}

}  // namespace

void TicketKeys::set(Seconds lifetime, std::string secret) {
  const std::scoped_lock lock(mutex_);
  if (secret_ != secret || (!secret.empty() && lifetime_ != lifetime)) {
    keys_.clear();
    period_ = -1;
  }
  lifetime_ = lifetime;
  secret_ = std::move(secret);
}

void TicketKeys::make_random(SteadyTime now) {
  if (!keys_.empty() && now - keys_.front().made < lifetime_) return;
  Key key;
  key.made = now;
  RAND_bytes(key.name.data(), static_cast<int>(key.name.size()));
  RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size()));
  RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size()));
  keys_.insert(keys_.begin(), key);
  if (keys_.size() > kKept) keys_.pop_back();
}

void TicketKeys::derive(WallTime now) {
  const std::int64_t period = std::chrono::floor<Seconds>(now).time_since_epoch() / lifetime_;
  if (period == period_) return;
  period_ = period;
  keys_.clear();
  for (std::int64_t each = period + 1; each > period - static_cast<std::int64_t>(kKept); --each) {
    keys_.push_back(derived(secret_, lifetime_, each));
  }
}

TicketKeys::Key TicketKeys::current(const Now& now) {
  const std::scoped_lock lock(mutex_);
  if (secret_.empty()) {
    make_random(now.steady);
    return keys_.front();
  }
  derive(now.wall);
  return keys_[1];
}

bool TicketKeys::find(const unsigned char* name, const Now& now, Key& key, bool& newest) {
  const std::scoped_lock lock(mutex_);
  if (!secret_.empty()) derive(now.wall);
  const auto found = std::find_if(keys_.begin(), keys_.end(), [name](const Key& each) { return std::memcmp(each.name.data(), name, each.name.size()) == 0; });
  if (found == keys_.end()) return false;
  const auto place = found - keys_.begin();
  if (!secret_.empty()) {
    newest = place <= 1;
  } else {
    if (now.steady - found->made >= lifetime_ * static_cast<int>(kKept)) return false;
    newest = place == 0 && now.steady - found->made < lifetime_;
  }
  key = *found;
  return true;
}

}  // namespace davenport::net
