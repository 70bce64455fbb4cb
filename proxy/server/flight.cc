#include "proxy/server/flight.h"

#include <algorithm>

namespace davenport::server {

void Flight::begin(const policy::KeyParts& key, Hash128 slot, purge::Position position) {
  key_.assign(key.key);
  resource_at_ = static_cast<std::size_t>(key.resource.data() - key.key.data());
  resource_size_ = key.resource.size();
  hash_ = key.hash;
  resource_hash_ = key.resource_hash;
  slot_ = slot;
  position_ = position;
  view_ = {};
}

policy::KeyParts Flight::parts() const {
  const std::string_view key = key_;
  return {key, key.substr(resource_at_, resource_size_), hash_, resource_hash_};
}

void Flight::stream(std::shared_ptr<const FlightHead> head, store::FillPtr fill) {
  std::unique_lock lock(mutex_);
  view_.stage = Stage::streaming;
  view_.origin_status = head->status;
  view_.head = std::move(head);
  view_.fill = std::move(fill);
  wake_all(lock);
}

bool Flight::append(std::string_view bytes) {
  std::unique_lock lock(mutex_);
  if (!view_.fill->append(bytes)) return false;
  wake_all(lock);
  return true;
}

void Flight::complete(std::shared_ptr<const FlightHead> head, store::FillPtr fill, store::StoredPtr stored, policy::Storing storing) {
  std::unique_lock lock(mutex_);
  view_.stage = Stage::complete;
  view_.origin_status = head->origin_status;
  view_.head = std::move(head);
  view_.fill = std::move(fill);
  view_.stored = std::move(stored);
  view_.storing = storing;
  wake_all(lock);
}

void Flight::pass_on() {
  std::unique_lock lock(mutex_);
  view_.storing = policy::Storing::too_large;
  wake_all(lock);
}

void Flight::complete_by_304(store::StoredPtr stored, policy::Storing storing) {
  std::unique_lock lock(mutex_);
  view_.stage = Stage::complete;
  view_.origin_status = 304;
  view_.stored = std::move(stored);
  view_.revalidated = true;
  view_.storing = storing;
  wake_all(lock);
}

void Flight::complete_from_tier(store::StoredPtr stored, policy::Reason reason) {
  std::unique_lock lock(mutex_);
  view_.stage = Stage::complete;
  view_.stored = std::move(stored);
  view_.shared = reason;
  wake_all(lock);
}

void Flight::fail(origin::Failure failure) {
  std::unique_lock lock(mutex_);
  view_.stage = Stage::failed;
  view_.failure = std::move(failure);
  wake_all(lock);
}

void Flight::serve_stale(store::StoredPtr stored, policy::Reason reason, int origin_status) {
  std::unique_lock lock(mutex_);
  view_.stage = Stage::stale;
  view_.stored = std::move(stored);
  view_.stale_reason = reason;
  view_.origin_status = origin_status;
  wake_all(lock);
}

void Flight::release() {
  std::unique_lock lock(mutex_);
  view_.stage = Stage::released;
  wake_all(lock);
}

std::uint64_t Flight::least_taken() const {
  std::uint64_t least = view_.fill->size();
  for (const Seat& seat : seats_) {
    if (!seat.left) least = std::min(least, seat.taken);
  }
  return least;
}

std::uint64_t Flight::drop_taken() {
  const std::scoped_lock lock(mutex_);
  const std::uint64_t least = least_taken();
  view_.fill->drop_front(least);
  return view_.fill->size() - least;
}

void Flight::leave_slowest_behind() {
  std::unique_lock lock(mutex_);
  const std::uint64_t least = least_taken();
  if (least == view_.fill->size()) return;      // nobody holds up anybody any more
  for (Seat& seat : seats_) seat.left = seat.left || (seat.taken == least && !seat.looks);
  wake_all(lock);
}

bool Flight::has_followers() {
  const std::scoped_lock lock(mutex_);
  return std::any_of(seats_.begin(), seats_.end(), [](const Seat& seat) { return !seat.left; });
}

FlightView Flight::view() {
  const std::scoped_lock lock(mutex_);
  return view_;
}

void Flight::set_leader_waiting(net::Loop* loop, net::Notify* notify) {
  const std::scoped_lock lock(mutex_);
  leader_loop_ = loop;
  leader_ = notify;
}

void Flight::wake_all(std::unique_lock<std::mutex>& lock) {
  // A wake-up runs on the follower's own loop and finds its seat again by number, so that one who has left is not touched.
  std::vector<std::pair<net::Loop*, std::uint64_t>> wake;
  for (Seat& seat : seats_) {
    if (std::exchange(seat.told, true)) continue;
    wake.emplace_back(seat.loop, seat.id);
  }
  lock.unlock();
  for (const auto& [loop, id] : wake) {
    loop->post([self = shared_from_this(), seat = id] { self->deliver(seat); });
  }
}

void Flight::deliver(std::uint64_t id) {
  net::Notify* notify = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    for (Seat& seat : seats_) {
      if (seat.id != id) continue;
      seat.told = false;
      notify = seat.notify;
    }
  }
  if (notify != nullptr) notify->notify();   // its follower lives on this thread: it cannot have left in between
}

Follower::Follower(FlightPtr flight, net::Loop& loop) : flight_(std::move(flight)), notify_(loop) {
  const std::scoped_lock lock(flight_->mutex_);
  id_ = flight_->next_seat_++;
  flight_->seats_.push_back({id_, &loop, &notify_});
}

void Follower::attend() {
  const std::scoped_lock lock(flight_->mutex_);
  for (Flight::Seat& seat : flight_->seats_) {
    if (seat.id == id_) seat.told = false;
  }
}

Follower::~Follower() {
  net::Loop* loop = nullptr;
  {
    const std::scoped_lock lock(flight_->mutex_);
    std::erase_if(flight_->seats_, [this](const Flight::Seat& seat) { return seat.id == id_; });
    loop = flight_->leader_loop_;
  }
  if (loop != nullptr) taken(0);
}

std::size_t Follower::pieces(std::uint64_t offset, std::uint64_t most, std::span<iovec> out, std::uint64_t& covered) {
  const std::scoped_lock lock(flight_->mutex_);
  const store::FillPtr& fill = flight_->view_.fill;
  covered = 0;
  const auto seat = std::find_if(flight_->seats_.begin(), flight_->seats_.end(), [this](const Flight::Seat& each) { return each.id == id_; });
  left_behind_ = seat == flight_->seats_.end() || seat->left;
  if (left_behind_ || fill == nullptr || fill->size() <= offset) return 0;
  const std::size_t count = fill->body(offset, std::min(most, fill->size() - offset), out, covered);
  seat->looks = covered > 0;
  return count;
}

bool Follower::look_left_behind() {
  const std::scoped_lock lock(flight_->mutex_);
  return std::any_of(flight_->seats_.begin(), flight_->seats_.end(), [this](const Flight::Seat& seat) { return seat.id == id_ && seat.left; });
}

void Follower::taken(std::uint64_t offset) {
  net::Loop* loop = nullptr;
  {
    const std::scoped_lock lock(flight_->mutex_);
    for (Flight::Seat& seat : flight_->seats_) {
      if (seat.id == id_) seat.taken = offset;
      if (seat.id == id_) seat.looks = false;
    }
    loop = flight_->leader_loop_;
  }
  if (loop == nullptr) return;
  loop->post([flight = flight_] {
    net::Notify* leader = nullptr;
    {
      const std::scoped_lock lock(flight->mutex_);
      leader = flight->leader_;
    }
    if (leader != nullptr) leader->notify();   // the leader's own thread: it cannot have left in between
  });
}

Flights::Joined Flights::join(const policy::KeyParts& key, Hash128 slot, const purge::Log& log) {
  Shard& shard = this->shard(slot);
  const std::scoped_lock lock(shard.mutex);
  FlightPtr& entry = shard.flights[slot];
  if (entry != nullptr && entry->parts().key == key.key) {
    const purge::Names names{key.resource_hash, key.resource, nullptr, 0};
    if (log.position() == entry->position() || log.check(names, entry->position()) == policy::PurgeState::valid) {
      return {entry, false};
    }
  }
  if (entry == nullptr) count_.fetch_add(1, std::memory_order_relaxed);
  entry = std::make_shared<Flight>(key, slot, log.position());
  return {entry, true};
}

void Flights::remove(const Flight& flight) {
  if (flight.slot() == kNoSlot) return;
  Shard& shard = this->shard(flight.slot());
  const std::scoped_lock lock(shard.mutex);
  const auto found = shard.flights.find(flight.slot());
  if (found == shard.flights.end() || found->second.get() != &flight) return;   // a later one took its place
  shard.flights.erase(found);
  count_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace davenport::server
