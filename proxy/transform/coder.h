// proxy/transform/coder.h: makes coded forms of stored responses, in threads of its own, so that no client waits for another's
// compression. Each form is made once: who asks for one that is being made joins the wait.
//     FormWait wait(loop);
//     if (coder.make(order, &wait)) co_await wait.changed().wait(deadline);      wait.form(): null where there is none
// Order   the smallest source first, so that a large one holds up nobody but itself; strong forms have a thread of their own
//         with a low priority, so that clients go first.
// Bound   kMostQueued orders; more are refused. A job holds its source, its output in the store's arena, and what its library takes:
//         levels that take hundreds of megabytes for large texts are lowered for them (bounded_level()).
// Thread  make(): any. A FormWait is its loop's. The store and the loops outlive the Coder.
#pragma once
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cache/policy/coding.h"
#include "cache/store/memory_store.h"
#include "config/config.h"
#include "core/net/loop.h"

namespace davenport::transform {

struct Order {
  store::StoredPtr source;
  policy::Coding coding = policy::Coding::gzip;    // identity: unpacked
  bool strong = false;                             // takes the fast one's place, where it is smaller
  bool must = false;                               // there is a client who can have nothing else: made even without a gain
  std::uint32_t level = 0;
  double ratio = 1;                                // of the source's size: what is larger is no gain
  std::uint64_t most_bytes = 0;                    // unpacked
  std::uint32_t expansion = 200;                   // unpacked, against what it was
};
Order make_order(store::StoredPtr source, policy::Coding coding, bool strong, const config::Compression& rules,
                 std::uint64_t most_bytes);

// The level for a text of so many bytes.
std::uint32_t bounded_level(policy::Coding coding, std::uint32_t level, std::uint64_t bytes);

// One client's wait for a form. It may leave before that is made.
class FormWait {
 public:
  explicit FormWait(net::Loop& loop) : state_(std::make_shared<State>()), loop_(loop), changed_(loop) { state_->waiter = &changed_; }
  ~FormWait() { state_->waiter = nullptr; }
  FormWait(const FormWait&) = delete;
  FormWait& operator=(const FormWait&) = delete;
  net::Notify& changed() { return changed_; }
  const store::StoredPtr& form() const { return state_->form; }

 private:
  friend class Coder;
  struct State {                                   // the loop's thread alone
    net::Notify* waiter = nullptr;
    store::StoredPtr form;
  };
  std::shared_ptr<State> state_;
  net::Loop& loop_;
  net::Notify changed_;
};

class Coder {
 public:
  static constexpr std::size_t kMostQueued = 256;

  Coder(store::MemoryStore& store, std::uint32_t threads);
  ~Coder();                                        // what is queued is dropped, what is under way ends early
  Coder(const Coder&) = delete;
  Coder& operator=(const Coder&) = delete;

  // `wait`: told when the form is there, or when it is known that there will be none; null: nobody waits. False: too much is
  // queued already, and nothing will come.
  bool make(const Order& order, FormWait* wait);

  struct Stats {
    std::array<std::uint64_t, policy::kCodingCount> fast{}, strong{};   // forms made
    std::uint64_t without_gain = 0, failed = 0, refused = 0;            // failed: no memory, or a source that can't be unpacked
    std::uint64_t busy_us = 0, bytes_in = 0, bytes_out = 0;
    std::uint64_t queued = 0, running = 0;
  };
  Stats stats() const;

 private:
  struct Job;
  struct Lane {                                    // orders of one kind and the threads that work them off
    std::vector<std::shared_ptr<Job>> queued;
    std::condition_variable more;
  };
  void work(Lane& lane, bool background);
  store::StoredPtr run(const Job& job);
  store::FillPtr code(const Order& order);
  std::shared_ptr<Job> find(const Order& order);

  store::MemoryStore& store_;
  mutable std::mutex mutex_;
  Lane fast_, strong_;                             // guarded by mutex_, as all below up to the threads
  std::vector<std::shared_ptr<Job>> running_;
  Stats stats_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace davenport::transform
