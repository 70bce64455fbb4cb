#include "cache/redis/shared_log.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <random>

#include "cache/redis/script_and_wait.h"
#include "core/base/log.h"

namespace davenport::redis {
namespace {

constexpr std::size_t kPage = 100;                 // entries
constexpr Millis kDrift{1'000}, kReplicationLag{1'000};   // clocks; a replica behind its master
constexpr Millis kRetry{20}, kLook{5};
constexpr Millis kBeatWait{100};                   // for the heartbeat's replica
constexpr Millis kReplicaWait{300};                // for a purge's replicas: it holds up the purges behind it
constexpr Millis kReplicasAgain{1'000};            // … so that only one in so long waits for replicas that are not there
constexpr int kReplicaTries = 3;
constexpr int kSilentBeats = 3;                    // heartbeats that no replica took: there is none now
constexpr std::size_t kMostAlone = 4'096;
constexpr Millis kLeave{200};
constexpr std::string_view kLogBytes = "33554432"; // of what the entries say: more, and the oldest go before their time
constexpr std::string_view kBeatAge = "86400000";  // ms after which a silent instance is forgotten

std::string own_name(const std::string& configured) {
  if (!configured.empty()) return configured;
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  return std::string(host) + "-" + std::to_string(::getpid());
}

std::int64_t nanoseconds(SteadyTime time) { return time.time_since_epoch().count(); }

}  // namespace

struct SharedLog::Order {
  purge::Request request;
  purge::Receipt receipt;
  Done done;
};

SharedLog::SharedLog(const config::Redis& settings)
    : settings_(settings),
      instance_(own_name(settings.instance)),
      keys_(settings.prefix),
      cluster_(settings.is_cluster()),
      replicas_(cluster_ ? settings.replicas : 0),
      state_([this](const purge::LogEntry& entry, purge::Position last) { return apply(entry, last); }, [this] { return applied_.raise_floor(); },
             settings.log_entries),
      lease_(settings.lease, settings.node_timeout + kReplicationLag),
      client_(loop_, settings_, metrics_),
      tail_lane_(loop_, client_, keys_.stream),
      beat_lane_(loop_, client_, keys_.stream),
      append_lane_(loop_, client_, keys_.stream),
      beat_wanted_(loop_) {}

void SharedLog::start() {
  thread_ = std::thread([this] {
    client_.start();
    net::spawn(tail(*this));
    net::spawn(beat(*this));
    loop_.run();
    // On the way out, still on this thread: what waits is resumed as cancelled and leaves.
    loop_.cancel_waiters();
    for (Lane* lane : {&tail_lane_, &beat_lane_, &append_lane_}) lane->close();
    client_.close();
  });
}

SharedLog::~SharedLog() { stop(); }

void SharedLog::stop() {
  if (!thread_.joinable()) return;
  loop_.post([this] {
    stopping_ = true;
    net::spawn(leave());
  });
  thread_.join();
}

// The fleet need not wait for who has left.
net::Task<void> SharedLog::leave() {
  const std::string_view words[] = {"HDEL", keys_.beats, instance_};
  const Answer answer = co_await client_.ask({words, keys_.beats}, loop_.now() + kLeave);
  static_cast<void>(answer);
  loop_.stop();
}

// ---- what everybody asks --------------------------------------------------------------------------------------------

bool SharedLog::cut_off() const { return nanoseconds(read_steady_clock()) >= lease_until_.load(std::memory_order_acquire); }

// Cut off in strict mode nothing counts as checked: each look is told another position.
purge::Position SharedLog::position() const {
  if (settings_.strict && cut_off()) return applied_.advance();
  return applied_.position();
}

policy::PurgeState SharedLog::check(const purge::Names& names, purge::Position since) const {
  const policy::PurgeState state = applied_.check(names, since);
  if (settings_.strict && cut_off()) return std::max(state, policy::PurgeState::validate);
  return state;
}

std::optional<purge::Pid> SharedLog::pid_at(purge::Position local) const { return state_.pid_at(local); }

std::optional<purge::Position> SharedLog::local_of(const purge::Pid& pid) const {
  if (lease_until_.load(std::memory_order_acquire) == 0) return std::nullopt;    // not trusted yet
  return state_.local_of(pid);
}

purge::LogHealth SharedLog::health() const {
  purge::LogHealth health;
  health.shared = true;
  health.reachable = !cut_off();
  health.strict = settings_.strict;
  health.instance = instance_;
  health.at = state_.at();
  health.forks = forks_.load(std::memory_order_relaxed);
  health.gaps = gaps_.load(std::memory_order_relaxed);
  health.repaired = repaired_.load(std::memory_order_relaxed);
  health.unreadable = unreadable_.load(std::memory_order_relaxed);
  return health;
}

std::uint64_t SharedLog::nonce() {
  thread_local std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// Rule 6's argument, as for the lease's probation.
Millis SharedLog::isolated_at_most() const { return settings_.node_timeout + kReplicationLag + kDrift; }

Millis SharedLog::dead_after() const {
  if (!cluster_) return settings_.lease + kDrift;
  return settings_.node_timeout + settings_.lease * 2 + kReplicationLag + kDrift;
}

// ---- purges ---------------------------------------------------------------------------------------------------------

Result<purge::Receipt> SharedLog::record(const purge::Request& request) {
  struct Waiting {
    std::mutex mutex;
    std::condition_variable told;
    std::optional<Result<purge::Receipt>> result;
  };
  const auto waiting = std::make_shared<Waiting>();
  submit(request, [waiting](Result<purge::Receipt> result) {
    const std::lock_guard lock(waiting->mutex);
    waiting->result = std::move(result);
    waiting->told.notify_one();
  });
  std::unique_lock lock(waiting->mutex);
  waiting->told.wait(lock, [&] { return waiting->result.has_value(); });
  return std::move(*waiting->result);
}

void SharedLog::submit(const purge::Request& request, Done done) {
  const auto order = std::make_shared<Order>();
  order->request = request;
  order->done = std::move(done);
  if (order->request.id.empty()) order->request.id = instance_.substr(0, 100) + "/" + std::to_string(nonce());
  Result<purge::Receipt> here = applied_.record(order->request);     // it holds here from now on
  if (!here) return order->done(here.error());
  order->receipt = std::move(*here);
  order->receipt.reach = purge::Reach::here;
  if (stopping_) return order->done(std::move(order->receipt));
  loop_.post([this, order] {
    if (stopping_) return order->done(std::move(order->receipt));
    open_.push_back(order);
    net::spawn(distribute(*this, order));
  });
}

net::Task<void> SharedLog::distribute(SharedLog& self, std::shared_ptr<Order> order) {
  const SteadyTime deadline = self.loop_.now() + self.settings_.purge_timeout;
  purge::Receipt& receipt = order->receipt;
  const Append made = co_await self.append(order->request.id, purge::encode_purge(order->request), deadline);
  if (made.written) {
    receipt.pid = made.pid;
    const bool passed = co_await self.wait_until_passed(made.pid, deadline);
    (passed ? receipt.confirmed : receipt.missing).push_back(self.instance_);
    co_await self.confirm(made.pid, order->request.wait_all, deadline, receipt);
    if (!made.acknowledged) receipt.missing.emplace_back("replica");
    receipt.reach = receipt.missing.empty() ? purge::Reach::everywhere : purge::Reach::partly;
    if (!passed) self.append_again({made.pid, order->request.id, purge::encode_purge(order->request)});     // a fork may have lost it
  } else {
    self.alone_.push_back({order->request, self.loop_.now()});
    if (self.alone_.size() > kMostAlone) {
      self.alone_.pop_front();
      self.alone_is_short_ = true;
    }
  }
  std::erase(self.open_, order);
  order->done(std::move(receipt));
}

// A lost connection begins again with the script: an acknowledgement speaks of what its own connection wrote.
net::Task<SharedLog::Append> SharedLog::append(std::string id, std::string payload, SteadyTime deadline) {
  const std::string entries = std::to_string(settings_.log_entries);
  Append made;
  int tries = 0;                           // for the replicas
  while (loop_.now() < deadline && !loop_.stopping()) {
    const std::shared_ptr<Connection> connection = append_lane_.connection();
    if (connection == nullptr) {
      const bool goes_on = co_await net::sleep_until(loop_, std::min(deadline, loop_.now() + kRetry));
      if (!goes_on) co_return made;
      continue;
    }
    const std::string fresh = std::to_string(nonce());
    const std::string_view words[] = {"EVAL", kAppendScript, "3", keys_.stream, keys_.beats, keys_.ids,
                                      id,     fresh,         payload, entries, cluster_ ? "1" : "0", kBeatAge, kLogBytes};
    Result<Appended> appended = Error{"no answer"};
    ScriptAndWait::Read read = [&appended](const Reply& reply) { appended = read_appended(reply); };
    const SteadyTime sent = loop_.now();
    const auto left = std::chrono::duration_cast<Millis>(deadline - sent);
    // Where no replica answered last time, one in a while waits for it: the others would stand behind each other.
    const bool patient = !replicas_silent_ || sent >= patient_again_;
    if (replicas_silent_ && patient) replicas_are_silent();      // till its answer comes, and a while after
    const Millis wait = std::max(Millis{1}, std::min(kReplicaWait, left * 3 / 4));
    ScriptAndWait trip(loop_, *connection, words, std::to_string(replicas_), patient ? std::to_string(wait.count()) : "", deadline, std::move(read));
    append_lane_.prepare(*connection, deadline);
    const Loss loss = co_await trip;
    if (loss == Loss::cancelled) co_return made;
    if (appended && (append_lane_.asking() || state_.note_epoch(appended->epoch))) {
      append_lane_.worked();
      made.written = true;
      made.pid = appended->pid;
      if (loss == Loss::none) {
        append_answered_ = loop_.now();
        made.acknowledged = trip.acknowledged() >= static_cast<std::int64_t>(replicas_);
        if (made.acknowledged) replicas_silent_ = false;
        else if (!replicas_silent_ && ++tries < kReplicaTries && append_answered_ + kReplicaWait < deadline) continue;
        else if (patient) replicas_are_silent();
        co_return made;
      }
    }
    // Its time is up, yet those before it are answered: they stand in a row, and the connection is good.
    if (loss == Loss::timeout && append_answered_ > sent) co_return made;
    if (!trip.error().empty()) append_lane_.drop(connection, trip.error());
    else append_lane_.drop(connection, trip.as_answer());
  }
  co_return made;
}

void SharedLog::replicas_are_silent() {
  replicas_silent_ = true;
  patient_again_ = loop_.now() + kReplicasAgain;
}

net::Task<bool> SharedLog::wait_until_passed(purge::Pid pid, SteadyTime deadline) {
  while (!state_.has_passed(pid)) {
    net::Notify moved(loop_);
    moved_.push_back(&moved);
    const net::Wake wake = co_await moved.wait(deadline);
    std::erase(moved_, &moved);
    if (wake != net::Wake::notified) co_return state_.has_passed(pid);
  }
  co_return true;
}

net::Task<Result<FleetPage>> SharedLog::read_instances(SteadyTime deadline) {
  const std::string_view words[] = {"EVAL", kFleetScript, "2", keys_.stream, keys_.beats};
  const Answer answer = co_await client_.ask({words, keys_.stream}, deadline);
  if (!answer.ok()) co_return Error{"the purge log can't be reached", true};
  co_return read_fleet(answer.reply);
}

// Another one has confirmed when its own tail has passed the entry: its heartbeat names a place at or behind it whose nonce is ours.
net::Task<void> SharedLog::confirm(purge::Pid pid, bool all, SteadyTime deadline, purge::Receipt& receipt) {
  const std::vector<std::string> confirmed = receipt.confirmed, missing = receipt.missing;
  bool known = false;                          // who there is: a later look that comes too late takes nothing of it back
  for (;;) {
    const Result<FleetPage> page = co_await read_instances(deadline);
    bool complete = false;
    if (page) {
      complete = known = true;
      receipt.confirmed = confirmed;
      receipt.missing = missing;
      for (const Beat& each : page->beats) {
        if (each.instance == instance_) continue;
        const bool passed = each.at.position >= pid.position && state_.has_passed(each.at);
        const bool live = page->now_ms - each.at_ms < dead_after().count();
        if (passed) receipt.confirmed.push_back(each.instance);
        else if (live && all) receipt.missing.push_back(each.instance);
        complete = complete && (passed || !live);
      }
    } else if (all && !known) {
      receipt.missing = missing;
      receipt.missing.emplace_back("unknown instances");
    }
    if (!all || complete) co_return;
    const SteadyTime next = loop_.now() + kLook;
    if (next >= deadline) co_return;
    const bool goes_on = co_await net::sleep_until(loop_, next);
    if (!goes_on) co_return;
  }
}

net::Task<void> SharedLog::list(SharedLog& self, std::function<void(Result<std::vector<purge::Instance>>)> done) {
  const Result<FleetPage> page = co_await self.read_instances(self.loop_.now() + self.settings_.purge_timeout);
  if (!page) {
    done(page.error());
    co_return;
  }
  std::vector<purge::Instance> all;
  for (const Beat& each : page->beats) {
    purge::Instance instance;
    instance.name = each.instance;
    instance.at = each.at;
    instance.lag = page->head > each.at.position ? page->head - each.at.position : 0;
    instance.heard = Millis{std::max<std::int64_t>(0, page->now_ms - each.at_ms)};
    instance.live = instance.heard < self.dead_after();
    all.push_back(std::move(instance));
  }
  done(std::move(all));
}

void SharedLog::fleet(std::function<void(Result<std::vector<purge::Instance>>)> done) {
  loop_.post([this, done = std::move(done)] {
    if (stopping_) return done(Error{"shutting down"});
    net::spawn(list(*this, done));
  });
}

// ---- following ------------------------------------------------------------------------------------------------------

purge::Position SharedLog::apply(const purge::LogEntry& entry, purge::Position last) {
  if (entry.payload.empty()) return applied_.advance();            // it only marks the log's beginning
  std::optional<purge::Request> request = purge::decode_purge(entry.payload);
  if (request) {
    request->id = entry.id;                // what was purged here early is not purged anew: what was asked for since then has seen it
    const Result<purge::Position> position = applied_.follow(*request, last);
    if (position) return *position;
  }
  unreadable_.fetch_add(1, std::memory_order_relaxed);
  log_warning("purge log: entry {} can't be read (of a newer version?): all that is stored is validated", entry.pid.position);
  return applied_.raise_floor();
}

void SharedLog::took(purge::SharedState::Step step) {
  using Step = purge::SharedState::Step;
  forks_.store(state_.forks(), std::memory_order_relaxed);
  gaps_.store(state_.gaps(), std::memory_order_relaxed);
  if (step == Step::fork || step == Step::gap) {
    log_warning("purge log: {}; all that is stored is validated", step == Step::fork ? "it has lost entries" : "entries were missed");
  }
  if (step == Step::advanced || step == Step::fork || step == Step::gap) {
    beat_wanted_.notify();
    for (net::Notify* waiting : std::vector<net::Notify*>(moved_)) waiting->notify();
  }
  for (purge::LogEntry& each : state_.take_repairs()) append_again(std::move(each));
}

// What was purged here alone holds against what others put meanwhile, which an end of the log that was read afterwards is stamped with.
void SharedLog::caught_up(SteadyTime asked) {
  if (std::exchange(alone_is_short_, false)) static_cast<void>(applied_.raise_floor());
  while (!alone_.empty() && alone_.front().at < asked) {
    static_cast<void>(applied_.repeat(alone_.front().request));
    alone_.pop_front();
  }
}

void SharedLog::append_again(purge::LogEntry entry) {
  if (entry.payload.empty()) return;
  lost_.push_back(std::move(entry));
  if (lost_.size() > purge::SharedState::kKeptEntries) lost_.pop_front();
  if (!std::exchange(repairing_, true)) net::spawn(repair(*this));
}

// What was applied here and may be no longer in the log is appended again, until it is acknowledged; what is there stays as it is. All of
// it is written once before any is waited for: a master that was just promoted has no replica for a while.
net::Task<void> SharedLog::repair(SharedLog& self) {
  while (!self.lost_.empty()) {
    for (std::size_t left = self.lost_.size(); left > 0 && !self.lost_.empty(); --left) {
      purge::LogEntry entry = std::move(self.lost_.front());
      self.lost_.pop_front();
      const Append made = co_await self.append(entry.id, entry.payload, self.loop_.now() + self.settings_.purge_timeout);
      if (self.loop_.stopping()) co_return;
      if (made.acknowledged) self.repaired_.fetch_add(1, std::memory_order_relaxed);
      else self.lost_.push_back(std::move(entry));
    }
    if (self.lost_.empty()) break;
    const bool goes_on = co_await net::sleep_until(self.loop_, self.loop_.now() + self.settings_.purge_timeout);
    if (!goes_on) co_return;
  }
  self.repairing_ = false;
}

net::Task<SharedLog::Polled> SharedLog::poll(Lane& lane, bool with_beat) {
  const std::shared_ptr<Connection> connection = lane.connection();
  if (connection == nullptr) co_return Polled::failed;
  const purge::Pid own = state_.at();
  const std::uint64_t asked_from = state_.ask_from();
  const std::string from = std::to_string(asked_from), count = std::to_string(state_.looks_back() ? purge::SharedState::kKeptEntries + kPage : kPage);
  const std::string place = with_beat && own.position != 0 ? std::to_string(own.position) + " " + std::to_string(own.nonce) : "";
  const std::string_view words[] = {"EVAL", kPollScript, "2", keys_.stream, keys_.beats, instance_, place, from, count, cluster_ ? "1" : "0"};
  Result<purge::LogPage> page = Error{"no answer"};
  const SteadyTime sent = loop_.now();
  const SteadyTime deadline = sent + settings_.command_timeout + kBeatWait;
  bool acknowledged = !cluster_;
  Answer trouble;
  std::string error;
  if (with_beat && cluster_) {
    ScriptAndWait::Read read = [&page, asked_from](const Reply& reply) { page = read_page(reply, asked_from); };
    ScriptAndWait trip(loop_, *connection, words, "1", std::to_string(kBeatWait.count()), deadline, std::move(read));
    lane.prepare(*connection, deadline);
    const Loss loss = co_await trip;
    if (loss == Loss::cancelled) co_return Polled::failed;
    acknowledged = replicas_ > 0 && trip.acknowledged() >= 1;
    if (loss == Loss::none && replicas_ > 0) {
      silent_beats_ = acknowledged ? 0 : silent_beats_ + 1;
      if (silent_beats_ == kSilentBeats) replicas_are_silent();
      if (acknowledged && replicas_ == 1) replicas_silent_ = false;
    }
    trouble = trip.as_answer();
    error = trip.error();
  } else {
    RoundTrip trip(loop_, *connection, words, deadline, deadline);
    lane.prepare(*connection, deadline);
    trouble = co_await trip;
    if (trouble.loss == Loss::cancelled) co_return Polled::failed;
    if (trouble.loss == Loss::none && trouble.reply.kind() != Reply::Kind::error) page = read_page(trouble.reply, asked_from);
  }
  if (!page) {
    isolated_since_ = {};                  // no answer without a break
    if (!error.empty()) lane.drop(connection, error);
    else lane.drop(connection, trouble);
    co_return Polled::failed;
  }
  if (lane.asking()) page->epoch = state_.epoch();           // the owner has sent us there
  if (isolated_since_ != SteadyTime{} && sent - isolated_since_ > isolated_at_most()) {
    log_warning("purge log: its master has answered for so long that it can't be an isolated one: the cluster was made anew");
    isolated_since_ = {};
    state_.forget_epoch();
  }
  const purge::SharedState::Step step = state_.absorb(*page);
  if (step == purge::SharedState::Step::isolated) {      // an old master: it does not know it yet
    if (isolated_since_ == SteadyTime{}) isolated_since_ = loop_.now();
    lane.drop(connection, Answer{Loss::closed, Trouble::none, {}});
    co_return Polled::failed;
  }
  isolated_since_ = {};
  if (with_beat) lane.worked();            // the tail has to show first that it can wait
  if (step == purge::SharedState::Step::look_back) co_return Polled::more;
  const bool more = !page->entries.empty() && page->entries.back().pid.position < page->head.position;
  if (step != purge::SharedState::Step::empty && !more && place.size() > 0) {
    lease_.answered(sent, loop_.now(), acknowledged);
    renewed();
  }
  if (step != purge::SharedState::Step::empty && step != purge::SharedState::Step::older && !more) caught_up(sent);
  took(step);
  if (step == purge::SharedState::Step::empty) co_return Polled::empty;
  co_return more ? Polled::more : Polled::nothing;
}

// Not at the first failure: connections are made anew all the time, at the start too.
void SharedLog::tell_if_cut_off() {
  if (!cut_off()) return;
  const SteadyTime now = loop_.now();
  if (cut_off_since_ == SteadyTime{}) cut_off_since_ = now;
  if (cut_off_told_ || now - cut_off_since_ < settings_.lease) return;
  cut_off_told_ = true;
  log_warning("purge log: out of reach; {}", settings_.strict ? "all that is stored is validated (redis.strict)"
                                                               : "what is stored is served until it is stale, purged elsewhere or not (redis.strict)");
}

void SharedLog::renewed() {
  if (!lease_.trusted()) return;
  const bool was_cut_off = cut_off();
  cut_off_since_ = {};
  cut_off_told_ = false;
  if (was_cut_off) log_info("purge log: followed as {}, at position {}", instance_, state_.at().position);
  lease_until_.store(nanoseconds(lease_.until()), std::memory_order_release);
}

net::Task<void> SharedLog::tail(SharedLog& self) {
  const Millis block = std::max(Millis{50}, self.settings_.lease / 4);
  const std::string block_ms = std::to_string(block.count());
  bool told = false;                       // that it may not wait
  for (;;) {
    const Polled polled = co_await self.poll(self.tail_lane_, false);
    if (self.loop_.stopping()) co_return;
    if (polled == Polled::more) continue;
    if (polled == Polled::empty) {
      // Positions begin with a nonce that nobody can take for another log's.
      const Append made = co_await self.append("start/" + std::to_string(self.nonce()), "", self.loop_.now() + self.settings_.purge_timeout);
      if (made.written) continue;
    }
    if (polled == Polled::failed || polled == Polled::empty) {
      const bool goes_on = co_await net::sleep_until(self.loop_, self.loop_.now() + kRetry);
      if (!goes_on) co_return;
      continue;
    }
    const std::shared_ptr<Connection> connection = self.tail_lane_.connection();
    if (connection == nullptr) continue;
    // Only to be woken: what is read counts when it was read again together with the own last entry.
    const std::string after = std::to_string(self.state_.at().position) + "-0";
    const std::string_view words[] = {"XREAD", "COUNT", "1", "BLOCK", block_ms, "STREAMS", self.keys_.stream, after};
    const SteadyTime deadline = self.loop_.now() + block + self.settings_.command_timeout;
    RoundTrip trip(self.loop_, *connection, words, deadline, deadline);
    self.tail_lane_.prepare(*connection, deadline);
    const Answer answer = co_await trip;
    if (answer.loss == Loss::cancelled) co_return;
    const bool refused = answer.loss == Loss::none && answer.reply.kind() == Reply::Kind::error;
    if (answer.loss == Loss::none && !refused) {
      self.tail_lane_.worked();
      continue;
    }
    if (refused && read_trouble(answer.reply.text(), "").trouble == Trouble::refused && !std::exchange(told, true)) {
      log_warning("purge log: XREAD is refused ({}); purges of others come with the heartbeat alone", answer.reply.text());
    }
    self.tail_lane_.drop(connection, answer);
    const bool goes_on = co_await net::sleep_until(self.loop_, self.loop_.now() + kRetry);
    if (!goes_on) co_return;
  }
}

net::Task<void> SharedLog::beat(SharedLog& self) {
  const Millis every = std::max(Millis{50}, self.settings_.lease / 4);
  for (;;) {
    const Polled polled = co_await self.poll(self.beat_lane_, true);
    if (self.loop_.stopping()) co_return;
    if (polled == Polled::failed) self.tell_if_cut_off();
    const Millis pause = polled == Polled::failed ? kRetry : every;
    const net::Wake wake = co_await self.beat_wanted_.wait(self.loop_.now() + pause);
    if (wake == net::Wake::cancelled) co_return;
  }
}

}  // namespace davenport::redis
