// cache/redis/script_and_wait.h: a script and a WAIT behind it, in one write on one connection: an acknowledgement speaks of what its own
// connection wrote (docs/redis.md, rule 5).
//     ScriptAndWait trip(loop, connection, words, "1", "100", deadline, read);      // named before it is awaited
//     const Loss loss = co_await trip;      trip.error(), trip.acknowledged()
// Thread  the loop's.
#pragma once
#include <coroutine>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cache/redis/client.h"
#include "core/net/loop.h"

namespace davenport::redis {

// A script and a WAIT behind it in one write; `wait_ms` "": the script alone. Resumes when all was answered, or will not be.
class ScriptAndWait final : private net::Timer {
 public:
  using Read = std::function<void(const Reply&)>;
  ScriptAndWait(net::Loop& loop, Connection& connection, std::span<const std::string_view> script, std::string replicas,
                std::string wait_ms, SteadyTime deadline, Read read)
      : Timer(loop.timers()), connection_(connection), script_(script), replicas_(std::move(replicas)), wait_ms_(std::move(wait_ms)),
        deadline_(deadline), read_(std::move(read)), first_(*this, true), second_(*this, false) {}
  ~ScriptAndWait() override {
    first_.abandon();
    second_.abandon();
  }
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    const std::string_view wait[] = {"WAIT", replicas_, wait_ms_};
    first_.sent = connection_.send(script_, &first_, deadline_);
    if (first_.sent != nullptr && !wait_ms_.empty()) second_.sent = connection_.send(wait, &second_, deadline_);
    if (first_.sent == nullptr || (second_.sent == nullptr && !wait_ms_.empty())) {
      loss_ = Loss::closed;
      return false;
    }
    arm(deadline_);
    return true;
  }
  Loss await_resume() const noexcept { return loss_; }
  bool ok() const { return loss_ == Loss::none && error_.empty(); }
  Answer as_answer() const { return Answer{ok() ? Loss::none : Loss::closed, Trouble::none, {}}; }     // for who drops a lane
  const std::string& error() const { return error_; }       // of the script
  std::int64_t acknowledged() const { return acknowledged_; }

 private:
  struct Half final : Receiver {
    Half(ScriptAndWait& both, bool is_script) : both_(both), is_script_(is_script) {}
    void answered(const Reply& reply) override {
      sent = nullptr;
      both_.take(reply, is_script_);
    }
    void lost() override {
      sent = nullptr;
      both_.end(Loss::closed);
    }
    void abandon() {
      if (sent != nullptr) std::exchange(sent, nullptr)->abandon();
    }
    Command* sent = nullptr;

   private:
    ScriptAndWait& both_;
    const bool is_script_;
  };
  void take(const Reply& reply, bool is_script) {
    if (is_script && reply.kind() == Reply::Kind::error) error_ = reply.text();
    else if (is_script) read_(reply);
    else acknowledged_ = reply.integer();
    if (!is_script || wait_ms_.empty()) end(Loss::none);
  }
  void end(Loss loss) {
    loss_ = loss;
    disarm();
    first_.abandon();
    second_.abandon();
    waiter_.resume();
  }
  void expired(bool cancelled) override { end(cancelled ? Loss::cancelled : Loss::timeout); }

  Connection& connection_;
  const std::span<const std::string_view> script_;
  const std::string replicas_, wait_ms_;
  const SteadyTime deadline_;
  const Read read_;
  Half first_, second_;
  std::string error_;
  std::int64_t acknowledged_ = 0;
  Loss loss_ = Loss::none;
  std::coroutine_handle<> waiter_;
};

}  // namespace davenport::redis
