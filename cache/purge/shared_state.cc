#include "cache/purge/shared_state.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace davenport::purge {

const SharedState::Place* SharedState::find(std::uint64_t position) const {
  if (window_.empty() || position < window_.front().pid.position || position > window_.back().pid.position) return nullptr;
  return &window_[position - window_.front().pid.position];
}

Pid SharedState::at() const {
  const std::shared_lock lock(mutex_);
  return window_.empty() ? Pid{} : window_.back().pid;
}

bool SharedState::has_passed(const Pid& pid) const {
  const std::shared_lock lock(mutex_);
  const Place* place = find(pid.position);
  return place != nullptr && place->pid == pid;
}

bool SharedState::note_epoch(std::uint64_t epoch) {
  if (epoch < epoch_) return false;
  epoch_ = epoch;
  return true;
}

std::optional<Pid> SharedState::pid_at(Position local) const {
  const std::shared_lock lock(mutex_);
  const auto after = std::upper_bound(window_.begin(), window_.end(), local, [](Position at, const Place& place) { return at < place.local; });
  if (after == window_.begin()) return std::nullopt;
  return std::prev(after)->pid;
}

std::optional<Position> SharedState::local_of(const Pid& pid) const {
  const std::shared_lock lock(mutex_);
  const Place* place = find(pid.position);
  if (place == nullptr || !(place->pid == pid)) return std::nullopt;
  return place->local;
}

void SharedState::keep(const LogEntry& entry) {
  kept_bytes_ += entry.payload.size() + entry.id.size();
  kept_.push_back(entry);
  while (kept_.size() > kKeptEntries || kept_bytes_ > kKeptBytes) {
    kept_bytes_ -= kept_.front().payload.size() + kept_.front().id.size();
    kept_.pop_front();
  }
}

// Applied first: who finds the place finds the purge too.
void SharedState::follow(const LogEntry& entry) {
  const Position local = last_local_ = apply_(entry, last_local_);
  keep(entry);
  const std::unique_lock lock(mutex_);
  window_.push_back({entry.pid, local});
  if (window_.size() > window_entries_) window_.pop_front();
}

// The log as it is, position and floor at its head together. Purges between are covered by the floor; what a fork has lost holds here
// against what is stamped with that head too.
SharedState::Step SharedState::adopt(const LogPage& page, Step why) {
  const Position local = last_local_ = raise_floor_();
  if (why == Step::fork) {
    std::erase_if(kept_, [&](const LogEntry& kept) {
      return std::any_of(page.entries.begin(), page.entries.end(), [&](const LogEntry& there) { return there.pid == kept.pid; });
    });
    for (const LogEntry& each : kept_) static_cast<void>(apply_(each, local));
  }
  {
    const std::unique_lock lock(mutex_);
    window_.clear();
    if (page.head.position != 0) window_.push_back({page.head, local});
  }
  if (why == Step::fork) {
    ++forks_;
    for (LogEntry& each : kept_) repairs_.push_back(std::move(each));
    if (repairs_.size() > kKeptEntries) repairs_.erase(repairs_.begin(), repairs_.end() - kKeptEntries);
  } else {
    ++gaps_;
  }
  kept_.clear();
  kept_bytes_ = 0;
  looks_back_ = false;
  return page.head.position == 0 ? Step::empty : why;
}

// What is still there is neither lost nor to be applied again: that may be "all".
SharedState::Step SharedState::fork(const LogPage& page) {
  looks_back_ = !kept_.empty() && page.asked_from > kept_.front().pid.position;
  return looks_back_ ? Step::look_back : adopt(page, Step::fork);
}

std::uint64_t SharedState::ask_from() const { return looks_back_ ? kept_.front().pid.position : at().position; }

SharedState::Step SharedState::absorb(const LogPage& page) {
  if (!note_epoch(page.epoch)) return Step::isolated;
  const Pid own = at();
  if (own.position == 0) {
    if (page.first == 0 || page.entries.empty()) return Step::empty;
    if (page.asked_from > page.first) return Step::older;      // asked before the log was lost: from the beginning, next time
    for (const LogEntry& entry : page.entries) follow(entry);
    return Step::advanced;
  }
  const bool strict = page.asked_from == own.position || page.asked_from == ask_from();
  if (page.head.position < own.position) return strict ? fork(page) : Step::older;
  if (page.first > own.position) return adopt(page, Step::gap);
  Step step = Step::same;
  std::uint64_t next = own.position + 1;
  bool seen_own = false;
  for (const LogEntry& entry : page.entries) {
    if (entry.pid.position <= own.position) {
      const std::optional<Position> known = local_of(entry.pid);
      bool foreign = false;
      if (!known) {
        const std::shared_lock lock(mutex_);
        foreign = find(entry.pid.position) != nullptr;         // another nonce at this position
      }
      if (foreign) return fork(page);
      seen_own = seen_own || entry.pid == own;
      continue;
    }
    if (!seen_own) return strict ? fork(page) : Step::older;
    if (entry.pid.position != next) return adopt(page, Step::gap);
    follow(entry);
    ++next;
    step = Step::advanced;
  }
  if (strict && !seen_own) return fork(page);
  looks_back_ = false;
  return step;
}

std::vector<LogEntry> SharedState::take_repairs() { return std::exchange(repairs_, {}); }

void Lease::answered(SteadyTime sent, SteadyTime now, bool acknowledged) {
  const bool unbroken = now - last_answer_ <= length_;
  last_answer_ = now;
  const bool held = trusted_ && sent < until_ && !on_probation_;
  if (!acknowledged && !held) {
    if (!on_probation_ || !unbroken) {
      on_probation_ = true;
      on_probation_since_ = now;
      return;
    }
    if (sent < on_probation_since_ + probation_) return;
  }
  on_probation_ = false;
  trusted_ = true;
  until_ = std::max(until_, sent + length_);
}

// ---- payload --------------------------------------------------------------------------------------------------------

namespace {

constexpr char kVersion = 1;
constexpr std::size_t kMaxTargets = 100'000;

void put_size(std::string& out, std::size_t size) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>((size >> shift) & 0xff));
}
void put_text(std::string& out, std::string_view text) {
  put_size(out, text.size());
  out.append(text);
}
bool take_size(std::string_view& in, std::size_t& size) {
  if (in.size() < 4) return false;
  size = 0;
  for (std::size_t i = 0; i < 4; ++i) size |= std::size_t{static_cast<unsigned char>(in[i])} << (8 * i);
  in.remove_prefix(4);
  return true;
}
bool take_text(std::string_view& in, std::string& text) {
  std::size_t size = 0;
  if (!take_size(in, size) || size > in.size()) return false;
  text = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

}  // namespace

std::string encode_purge(const Request& request) {
  std::string out;
  out.push_back(kVersion);
  out.push_back(request.soft ? 1 : 0);
  put_text(out, request.by);
  put_size(out, request.targets.size());
  for (const Target& target : request.targets) {
    out.push_back(static_cast<char>(target.kind));
    put_text(out, target.name);
  }
  return out;
}

std::optional<Request> decode_purge(std::string_view payload) {
  if (payload.size() < 2 || payload[0] != kVersion || (payload[1] & ~1) != 0) return std::nullopt;
  Request request;
  request.soft = payload[1] == 1;
  payload.remove_prefix(2);
  std::size_t count = 0;
  if (!take_text(payload, request.by) || !take_size(payload, count) || count > kMaxTargets) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    Target target;
    if (payload.empty() || static_cast<unsigned char>(payload[0]) > static_cast<unsigned char>(Kind::all)) return std::nullopt;
    target.kind = static_cast<Kind>(payload[0]);
    payload.remove_prefix(1);
    if (!take_text(payload, target.name)) return std::nullopt;
    if (target.kind != Kind::all && target.name.empty()) return std::nullopt;
    request.targets.push_back(std::move(target));
  }
  return payload.empty() ? std::optional(std::move(request)) : std::nullopt;
}

}  // namespace davenport::purge
