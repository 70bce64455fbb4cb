// cache/redis/shared_log.h: the purge log of a fleet, in Redis: the second implementation of cache/purge/log.h.
//
// Here, at once: a purge is applied in the process before anything is sent, so that it holds when submit() returns. Everywhere: it is
// appended to a stream of the cluster, acknowledged by replicas (WAIT, in one write with the append), and followed by every
// instance's tail. purge/shared_state.h says what a page of the log changes; this file brings the pages.
//   tail   waits with XREAD BLOCK and then reads again from its own last entry, so that a log that lost entries is noticed
//   beat   tells the fleet how far this instance is, and renews its lease; at once when it has moved
//   append one for each purge, on a connection of their own
// Errors  record() and submit() refuse what the embedded log refuses. That Redis can't be reached is no error but Reach::here.
// Thread  any; what speaks to Redis runs on a thread of its own. record() blocks up to the time limit and is not for workers.
#pragma once
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cache/purge/embedded_log.h"
#include "cache/purge/shared_state.h"
#include "cache/redis/lane.h"
#include "cache/redis/log_script.h"
#include "config/config.h"
#include "core/net/loop.h"
#include "core/net/task.h"

namespace davenport::redis {

class SharedLog final : public purge::Log {
 public:
  explicit SharedLog(const config::Redis& settings);
  ~SharedLog() override;
  void start();
  void stop();                          // open purges are told; afterwards nothing goes further than here

  purge::Position position() const override;
  Result<purge::Receipt> record(const purge::Request& request) override;
  policy::PurgeState check(const purge::Names& names, purge::Position since) const override;
  void submit(const purge::Request& request, std::function<void(Result<purge::Receipt>)> done) override;
  std::optional<purge::Pid> pid_at(purge::Position local) const override;
  std::optional<purge::Position> local_of(const purge::Pid& pid) const override;
  purge::LogHealth health() const override;
  void fleet(std::function<void(Result<std::vector<purge::Instance>>)> done) override;

  purge::EmbeddedLog& applied() { return applied_; }      // for the sweeper
  const Metrics& metrics() const { return metrics_; }
  const std::string& instance() const { return instance_; }

 private:
  struct Order;                         // a purge on its way
  using Done = std::function<void(Result<purge::Receipt>)>;

  static net::Task<void> tail(SharedLog& self);
  static net::Task<void> beat(SharedLog& self);
  static net::Task<void> distribute(SharedLog& self, std::shared_ptr<Order> order);
  static net::Task<void> repair(SharedLog& self);
  static net::Task<void> list(SharedLog& self, std::function<void(Result<std::vector<purge::Instance>>)> done);

  enum class Polled : std::uint8_t { failed, nothing, more, empty };
  net::Task<Polled> poll(Lane& lane, bool with_beat);
  struct Append {
    bool written = false, acknowledged = false;
    purge::Pid pid{};
  };
  net::Task<Append> append(std::string id, std::string payload, SteadyTime deadline);
  net::Task<Result<FleetPage>> read_instances(SteadyTime deadline);
  net::Task<bool> wait_until_passed(purge::Pid pid, SteadyTime deadline);
  net::Task<void> confirm(purge::Pid pid, bool all, SteadyTime deadline, purge::Receipt& receipt);
  net::Task<void> leave();

  purge::Position apply(const purge::LogEntry& entry, purge::Position last);
  void caught_up(SteadyTime asked);     // the log was followed to its end as it was then, or later
  void append_again(purge::LogEntry entry);
  void replicas_are_silent();
  Millis isolated_at_most() const;      // so long does a master answer that the cluster has left behind
  void took(purge::SharedState::Step step);
  void tell_if_cut_off();
  void renewed();
  Millis dead_after() const;            // an instance that was silent for so long is not waited for
  bool cut_off() const;
  std::uint64_t nonce();

  const config::Redis settings_;
  const std::string instance_;
  const LogKeys keys_;
  const bool cluster_;
  const std::uint32_t replicas_;        // that must acknowledge
  mutable purge::EmbeddedLog applied_;
  purge::SharedState state_;
  purge::Lease lease_;                  // the log's thread
  SteadyTime cut_off_since_{};               // as far as the log was told; the loop's thread
  bool cut_off_told_ = false;
  std::atomic<std::int64_t> lease_until_{0};         // for the others, nanoseconds of the steady clock; 0: not trusted yet
  std::atomic<std::uint64_t> forks_{0}, gaps_{0}, repaired_{0}, unreadable_{0};

  net::Loop loop_;
  Metrics metrics_;
  Client client_;
  Lane tail_lane_, beat_lane_, append_lane_;
  net::Notify beat_wanted_;
  std::vector<net::Notify*> moved_;     // who waits for the tail
  std::vector<std::shared_ptr<Order>> open_;
  struct Alone {
    purge::Request request;
    SteadyTime at;
  };
  std::deque<Alone> alone_;             // purged here, and the log was not reached
  bool alone_is_short_ = false;         // there were too many of them
  std::deque<purge::LogEntry> lost_;    // to be appended again
  bool repairing_ = false;
  bool replicas_silent_ = false;        // who waited for them had no answer
  int silent_beats_ = 0;
  SteadyTime patient_again_{}, append_answered_{}, isolated_since_{};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace davenport::redis
