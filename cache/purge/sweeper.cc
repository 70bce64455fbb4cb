#include "cache/purge/sweeper.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace davenport::purge {

using policy::PurgeState;

// The purges of one walk, by name, each with its count.
class Sweeper::Batch {
 public:
  explicit Batch(const std::vector<Pending>& pending) {
    for (const Pending& each : pending) {
      const auto number = static_cast<std::uint32_t>(purges_.size());
      purges_.push_back({each.position, 0, 0, each.request.soft});
      for (const Target& target : each.request.targets) {
        if (target.kind == Kind::all) {
          all_.push_back(number);
        } else {
          table_of(target)[hash_of(target)].push_back(number);
        }
      }
    }
  }

  // Counts the response with each purge newer than `since` that hits it, once; the strongest of them is returned.
  PurgeState count(const Names& names, Position since) {
    ++visit_;
    hit_ = PurgeState::valid;
    count_all(all_, since);
    look(urls_, names.resource_hash, since);
    for (std::size_t i = 0; i < names.tag_count; ++i) look(tags_, names.tags[i], since);
    for (auto& [length, table] : prefixes_) {
      if (length > names.resource.size()) break;
      look(table, hash128(names.resource.substr(0, length), process_seed()), since);
    }
    return hit_;
  }

  struct Counted {
    Position position;
    std::uint64_t matched, seen_at;
    bool soft;
  };
  const std::vector<Counted>& purges() const { return purges_; }

 private:
  using Table = std::unordered_map<Hash128, std::vector<std::uint32_t>>;

  Table& table_of(const Target& target) {
    if (target.kind == Kind::prefix) return prefixes_[target.name.size()];
    return target.kind == Kind::tag ? tags_ : urls_;
  }
  void look(const Table& table, const Hash128& hash, Position since) {
    if (const auto place = table.find(hash); place != table.end()) count_all(place->second, since);
  }
  void count_all(const std::vector<std::uint32_t>& numbers, Position since) {
    for (const std::uint32_t number : numbers) {
      Counted& purge = purges_[number];
      if (purge.position <= since || purge.seen_at == visit_) continue;
      purge.seen_at = visit_;
      ++purge.matched;
      hit_ = std::max(hit_, purge.soft ? PurgeState::soft : PurgeState::hard);
    }
  }

  std::vector<Counted> purges_;
  std::vector<std::uint32_t> all_;
  Table urls_, tags_;
  std::map<std::size_t, Table> prefixes_;
  std::uint64_t visit_ = 0;
  PurgeState hit_ = PurgeState::valid;
};

namespace {

// A walk shares its core with whoever serves clients there: it works for half a millisecond and rests as long. A hit waits
// no longer than that for it, where it would otherwise wait for whole slices of the system's.
class Pace {
 public:
  void step() {
    if (++steps_ % kStepsALook != 0) return;
    const SteadyTime now = read_steady_clock();
    if (now - began_ < kTurn) return;
    std::this_thread::sleep_for(kTurn);
    began_ = read_steady_clock();
  }

 private:
  static constexpr Micros kTurn{500};
  static constexpr std::uint32_t kStepsALook = 64;
  std::uint32_t steps_ = 0;
  SteadyTime began_ = read_steady_clock();
};

}  // namespace

Sweeper::Sweeper(EmbeddedLog& log, Walk walk, std::function<void()> chore, Millis chore_interval)
    : log_(log), walk_(std::move(walk)), chore_(std::move(chore)), chore_interval_(chore_interval) {
  recorded_ = swept_ = log.position();
  log_.on_record([this](Position position, const Request& request) { add(position, request); });
  thread_ = std::thread([this] { run(); });
}

Sweeper::~Sweeper() {
  log_.on_record({});
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  finished_.notify_all();
  thread_.join();
  for (const Waiting& each : waiting_) each.done(std::nullopt);
}

void Sweeper::add(Position position, const Request& request) {
  {
    const std::lock_guard lock(mutex_);
    recorded_ = position;
    if (pending_.empty() || pending_names_ + request.targets.size() <= kMaxPending) {
      pending_.push_back({position, request});
      pending_names_ += request.targets.size();
    } else {
      all_counted_ = false;
    }
  }
  work_.notify_one();
}

void Sweeper::run() {
  // Not at a lower priority: a sweeper that is put aside while it holds a shard's lock holds up the workers that want it.
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (recorded_ == swept_) {
      const bool woken = work_.wait_for(lock, chore_interval_, [&] { return stopping_ || recorded_ != swept_; });
      if (woken || !chore_) continue;
      lock.unlock();
      chore_();
      lock.lock();
      continue;
    }
    // What the purge has set off goes first: its confirmation to the fleet, and the fetches of the next visitors.
    work_.wait_for(lock, kUnhurried, [&] { return stopping_ || awaited() || pending_names_ > kMaxPending / 2; });
    const std::vector<Pending> pending = std::exchange(pending_, {});
    pending_names_ = 0;
    const bool all_counted = std::exchange(all_counted_, true);
    const Position through = recorded_;
    lock.unlock();
    const SteadyTime started = read_steady_clock();
    sweep(pending, through, all_counted);
    const SteadyTime ended = read_steady_clock();
    lock.lock();
    work_.wait_until(lock, ended + (ended - started), [&] { return stopping_ || (awaited() && recorded_ != swept_); });
  }
}

// What only a purge of after `through` hits stays for the walk that counts it. In a flood, when not all are counted,
// the log alone decides.
void Sweeper::sweep(const std::vector<Pending>& pending, Position through, bool all_counted) {
  Batch batch(pending);
  Pace pace;
  walk_([&](const Names& names, Position checked_at) -> Verdict {
    if (stopping_) return {PurgeState::valid, checked_at};
    pace.step();
    const Position now_at = log_.position();
    const PurgeState state = log_.check(names, checked_at);
    if (state == PurgeState::valid) return {state, now_at};
    const PurgeState counted = batch.count(names, checked_at);
    if (state == PurgeState::validate) return {state, checked_at};    // stays so until it was validated
    if (!all_counted) return {state, now_at};
    return {counted, std::max(checked_at, through)};
  });
  if (stopping_) return;
  walks_.fetch_add(1, std::memory_order_relaxed);
  log_.walked(through);
  finish(batch, through);
}

void Sweeper::finish(const Batch& batch, Position through) {
  std::vector<std::pair<std::function<void(Count)>, Count>> told;
  {
    const std::lock_guard lock(mutex_);
    for (const Batch::Counted& each : batch.purges()) counts_[each.position] = each.matched;
    while (counts_.size() > kRemembered) counts_.erase(counts_.begin());
    swept_ = through;
    std::erase_if(waiting_, [&](Waiting& each) {
      if (each.position > through) return false;
      told.emplace_back(std::move(each.done), count_of(each.position));
      return true;
    });
  }
  finished_.notify_all();
  for (const auto& [done, count] : told) done(count);
}

Sweeper::Count Sweeper::count_of(Position position) const {
  const auto place = counts_.find(position);
  return place == counts_.end() ? Count{} : Count{place->second};
}

Sweeper::Count Sweeper::wait(Position position, SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  ++waiters_;
  work_.notify_one();
  finished_.wait_until(lock, deadline, [&] { return stopping_ || swept_ >= position; });
  --waiters_;
  return swept_ >= position ? count_of(position) : std::nullopt;
}

void Sweeper::notify(Position position, std::function<void(Count)> done) {
  Count count;
  {
    const std::lock_guard lock(mutex_);
    if (swept_ < position) {
      waiting_.push_back({position, std::move(done)});
      work_.notify_one();
      return;
    }
    count = count_of(position);
  }
  done(count);
}

}  // namespace davenport::purge
