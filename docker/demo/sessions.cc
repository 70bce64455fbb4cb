#include "docker/demo/sessions.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "docker/demo/text.h"

namespace demo {
namespace {

std::string random_id() {
  std::uint64_t random[2];
  if (getrandom(random, sizeof random, 0) != sizeof random) throw std::runtime_error("the system has no random bytes");
  return hex(random[0]) + hex(random[1]);
}

}  // namespace

int Session::items() const {
  int sum = 0;
  for (const auto& [product, count] : basket) sum += count;
  return sum;
}

bool change_basket(Session& session, int product, int by) {
  const auto line = session.basket.find(product);
  if (line == session.basket.end() && session.basket.size() >= Session::kMaxLines) return false;
  const int count = std::min((line == session.basket.end() ? 0 : line->second) + by, Session::kMaxCount);
  if (count > 0) {
    session.basket[product] = count;
  } else {
    session.basket.erase(product);
  }
  return true;
}

std::optional<Session> Sessions::find(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(id);
  if (found == index_.end()) return std::nullopt;
  order_.splice(order_.begin(), order_, found->second);
  return found->second->second;
}

std::string Sessions::save(std::string_view id, Session session) {
  const std::lock_guard lock(mutex_);
  if (const auto found = index_.find(id); found != index_.end()) {
    found->second->second = std::move(session);
    return std::string(id);
  }
  if (order_.size() >= capacity_ && !order_.empty()) {
    index_.erase(order_.back().first);
    order_.pop_back();
  }
  order_.emplace_front(random_id(), std::move(session));
  index_.emplace(order_.front().first, order_.begin());
  return order_.front().first;
}

std::size_t Sessions::size() const {
  const std::lock_guard lock(mutex_);
  return order_.size();
}

}  // namespace demo
