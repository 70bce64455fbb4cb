#include "cache/purge/embedded_log.h"

#include <algorithm>
#include <utility>

namespace davenport::purge {

policy::PurgeState EmbeddedLog::check(const Names& names, Position since) const {
  if (since >= position()) return policy::PurgeState::valid;
  return index_.find(names, since);
}

Result<Receipt> EmbeddedLog::record(const Request& request) {
  if (request.targets.empty()) return Error{"a purge has to name what it purges"};
  if (request.targets.size() > names_limit_ / 2) {
    return Error{"a purge may name at most " + std::to_string(names_limit_ / 2) + " things at once"};
  }
  if (request.id.size() > kMaxIdBytes) {
    return Error{"a purge's id has at most " + std::to_string(kMaxIdBytes) + " bytes"};
  }
  for (const Target& target : request.targets) {
    if (target.kind != Kind::all && target.name.empty()) {
      return Error{"a purge's name is empty; use \"all\" for everything"};
    }
  }

  const std::lock_guard lock(mutex_);
  if (!request.id.empty()) {
    if (const auto known = ids_.find(request.id); known != ids_.end()) return Receipt{known->second};
  }
  const Position position = place(request);
  note(position, request);
  return Receipt{position};
}

Position EmbeddedLog::repeat(const Request& request) {
  const std::lock_guard lock(mutex_);
  return place(request);
}

Result<Position> EmbeddedLog::follow(const Request& request, Position last) {
  const Result<Receipt> receipt = record(request);
  if (!receipt) return receipt.error();
  return receipt->position > last ? receipt->position : repeat(request);
}

Position EmbeddedLog::place(const Request& request) {
  if (const Position crowded = index_.crowded(request.targets.size()); crowded != 0) index_.forget_through(crowded);
  const Position position = position_.load(std::memory_order_relaxed) + 1;
  index_.record(request, position);
  position_.store(position, std::memory_order_release);   // last: who reads it finds all that is up to it
  if (!request.id.empty() && ids_.insert_or_assign(request.id, position).second) {
    id_order_.push_back(request.id);
    if (id_order_.size() > kRememberedIds) {
      ids_.erase(id_order_.front());
      id_order_.pop_front();
    }
  }
  if (listener_) listener_(position, request);
  return position;
}

void EmbeddedLog::note(Position position, const Request& request) {
  if (audit_.size() >= kAudited) audit_.pop_front();
  const std::size_t first = std::min(kAuditedNames, request.targets.size());
  audit_.push_back({position, read_wall_clock(), request.by, request.id, request.soft, request.targets.size(),
                    {request.targets.begin(), request.targets.begin() + static_cast<std::ptrdiff_t>(first)}});
}

std::vector<EmbeddedLog::Audited> EmbeddedLog::audit() const {
  const std::lock_guard lock(mutex_);
  return {audit_.begin(), audit_.end()};
}

Position EmbeddedLog::advance() {
  const std::lock_guard lock(mutex_);
  const Position position = position_.load(std::memory_order_relaxed) + 1;
  position_.store(position, std::memory_order_release);
  return position;
}

Position EmbeddedLog::raise_floor() {
  const std::lock_guard lock(mutex_);
  const Position position = position_.load(std::memory_order_relaxed) + 1;
  index_.raise_floor(position);
  position_.store(position, std::memory_order_release);
  return position;
}

void EmbeddedLog::on_record(std::function<void(Position, const Request&)> listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

void EmbeddedLog::walked(Position through) {
  const std::lock_guard lock(mutex_);
  if (index_.size() > names_limit_ / 2) index_.forget_through(through);
}

}  // namespace davenport::purge
