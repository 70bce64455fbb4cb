#include "proxy/transform/coder.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/clock.h"
#include "proxy/transform/codec.h"

namespace davenport::transform {
namespace {

using policy::Coding;

constexpr std::uint64_t kPieceBytes = 256 << 10;   // between two looks at whether to stop
constexpr int kBackgroundNice = 10;   // a tenth of a worker, where both want a core

// Calls each(piece) over the body; false: it said so.
template <class Each>
bool for_each_piece(const store::StoredResponse& response, Each each) {
  std::uint64_t offset = 0;
  const std::uint64_t size = response.body_bytes();
  while (offset < size) {
    std::array<iovec, 16> pieces;
    std::uint64_t covered = 0;
    const std::size_t count = response.body(offset, std::min(size - offset, kPieceBytes), pieces, covered);
    if (count == 0) return false;
    for (std::size_t i = 0; i < count; ++i) {
      if (!each(std::string_view(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len))) return false;
    }
    offset += covered;
  }
  return true;
}

}  // namespace

struct Coder::Job {
  Order order;
  struct Waiter {
    net::Loop* loop;
    std::shared_ptr<FormWait::State> state;
  };
  std::vector<Waiter> waiters;
};

Order make_order(store::StoredPtr source, Coding coding, bool strong, const config::Compression& rules, std::uint64_t most_bytes) {
  Order order;
  order.source = std::move(source);
  order.coding = coding;
  order.strong = strong;
  order.ratio = rules.ratio;
  order.most_bytes = most_bytes;
  order.expansion = rules.expansion;
  switch (coding) {
    case Coding::identity: break;
    case Coding::gzip: order.level = strong ? rules.gzip_strong : rules.gzip_level; break;
    case Coding::brotli: order.level = strong ? rules.brotli_strong : rules.brotli_level; break;
    case Coding::zstd: order.level = strong ? rules.zstd_strong : rules.zstd_level; break;
  }
  return order;
}

// Brotli above 9 keeps a graph of the whole block, zstd above 12 trees as large as the window.
std::uint32_t bounded_level(Coding coding, std::uint32_t level, std::uint64_t bytes) {
  constexpr std::uint64_t kLarge = 4 << 20;
  if (bytes <= kLarge) return level;
  if (coding == Coding::brotli) return std::min(level, 9u);
  if (coding == Coding::zstd) return std::min(level, 12u);
  return level;
}

Coder::Coder(store::MemoryStore& store, std::uint32_t threads) : store_(store) {
  for (std::uint32_t i = 0; i < std::max(threads, 1u); ++i) threads_.emplace_back([this] { work(fast_, false); });
  threads_.emplace_back([this] { work(strong_, true); });
}

Coder::~Coder() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    fast_.queued.clear();
    strong_.queued.clear();
  }
  fast_.more.notify_all();
  strong_.more.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

// The one that is queued or under way already and brings the same.
std::shared_ptr<Coder::Job> Coder::find(const Order& order) {
  const auto same = [&](const std::shared_ptr<Job>& job) {
    return job->order.source == order.source && job->order.coding == order.coding && job->order.strong == order.strong &&
           (job->order.must || !order.must);
  };
  for (const auto* list : {&running_, order.strong ? &strong_.queued : &fast_.queued}) {
    const auto found = std::find_if(list->begin(), list->end(), same);
    if (found != list->end()) return *found;
  }
  return nullptr;
}

bool Coder::make(const Order& order, FormWait* wait) {
  Lane& lane = order.strong ? strong_ : fast_;
  {
    const std::scoped_lock lock(mutex_);
    std::shared_ptr<Job> job = find(order);
    if (job == nullptr) {
      if (stopping_ || lane.queued.size() >= kMostQueued) {
        ++stats_.refused;
        return false;
      }
      job = std::make_shared<Job>();
      job->order = order;
      lane.queued.push_back(job);
    }
    if (wait != nullptr) job->waiters.push_back({&wait->loop_, wait->state_});
  }
  lane.more.notify_one();
  return true;
}

void Coder::work(Lane& lane, bool background) {
  if (background) ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kBackgroundNice);
  std::unique_lock lock(mutex_);
  for (;;) {
    lane.more.wait(lock, [&] { return stopping_ || !lane.queued.empty(); });
    if (stopping_) return;
    const auto next = std::min_element(lane.queued.begin(), lane.queued.end(), [](const auto& a, const auto& b) {
      return a->order.source->body_bytes() < b->order.source->body_bytes();
    });
    const std::shared_ptr<Job> job = *next;
    lane.queued.erase(next);
    running_.push_back(job);
    lock.unlock();
    const SteadyTime began = read_steady_clock();
    store::StoredPtr form = run(*job);
    const auto busy = std::chrono::duration_cast<Micros>(read_steady_clock() - began);
    lock.lock();
    std::erase(running_, job);
    stats_.busy_us += static_cast<std::uint64_t>(busy.count());
    const auto waiters = std::exchange(job->waiters, {});   // nobody joins it any more
    lock.unlock();
    for (const Job::Waiter& waiter : waiters) {
      waiter.loop->post([state = waiter.state, form] {
        state->form = form;
        if (state->waiter != nullptr) state->waiter->notify();
      });
    }
    form.reset();
    job->order.source.reset();
    lock.lock();
  }
}

store::StoredPtr Coder::run(const Job& job) {
  const Order& order = job.order;
  const store::FillPtr fill = code(order);
  if (fill == nullptr) return nullptr;
  if (order.strong) {
    // Tried for nothing: the fast one stays.
    const store::StoredPtr fast = store_.form(*order.source, order.coding);
    if (fast && fast->body_bytes() <= fill->size()) return fast;
  }
  const std::string head = policy::form_head(order.source->head(), order.coding, fill->size(), order.strong);
  store::StoredPtr form;
  const store::PutResult put = store_.add_form(*order.source, order.coding, order.strong, fill, head, &form);
  const std::scoped_lock lock(mutex_);
  if (!form) {
    ++stats_.failed;
    return nullptr;
  }
  static_cast<void>(put);                          // a source that has left meanwhile: the form is for those who wait
  ++(order.strong ? stats_.strong : stats_.fast)[static_cast<std::size_t>(order.coding)];
  stats_.bytes_in += order.source->body_bytes();
  stats_.bytes_out += form->body_bytes();
  return form;
}

// The bytes of the form. Null: none, and it has been counted why.
store::FillPtr Coder::code(const Order& order) {
  const store::StoredResponse& source = *order.source;
  const Coding from = source.coding();
  const std::uint64_t size = source.body_bytes();
  const store::FillPtr fill = store_.begin_fill(0);
  const auto encoder = make_encoder(order.coding, bounded_level(order.coding, order.level, size), from == Coding::identity ? size : 0);
  const auto decoder = make_decoder(from, {order.most_bytes, order.expansion});
  bool gains = true, room = fill != nullptr;
  const bool bounded = from == Coding::identity && !order.must;
  const std::uint64_t most = bounded ? static_cast<std::uint64_t>(static_cast<double>(size) * order.ratio) : ~std::uint64_t{0};
  std::string out;
  const auto put = [&](std::string_view piece, Flush flush) {
    if (stopping_) return false;
    if (encoder == nullptr) return room = fill->append(piece);
    out.clear();
    room = encoder->feed(piece, flush, out) && (out.empty() || fill->append(out));
    gains = fill->size() <= most;
    return room && gains;
  };
  bool done = room && (order.coding == Coding::identity || encoder != nullptr) && (from == Coding::identity || decoder != nullptr);
  bool sound = true;
  if (done && decoder == nullptr) {
    done = for_each_piece(source, [&](std::string_view piece) { return put(piece, Flush::none); });
  } else if (done) {
    Decoder::State state = Decoder::State::going;
    const Decoder::Sink sink = [&](std::string_view piece) { return put(piece, Flush::none); };
    done = for_each_piece(source, [&](std::string_view piece) {
      state = decoder->feed(piece, sink);
      return state == Decoder::State::going;
    });
    sound = state != Decoder::State::corrupt && state != Decoder::State::too_large && (!done || decoder->complete());
  }
  if (done && sound && encoder != nullptr) done = put({}, Flush::end);
  if (done && sound && gains) return fill;
  const std::scoped_lock lock(mutex_);
  if (!gains) {
    ++stats_.without_gain;
    source.mark_gains_nothing();
  } else {
    ++stats_.failed;
    if (!sound) source.mark_undecodable();
  }
  return nullptr;
}

Coder::Stats Coder::stats() const {
  const std::scoped_lock lock(mutex_);
  Stats stats = stats_;
  stats.queued = fast_.queued.size() + strong_.queued.size();
  stats.running = running_.size();
  return stats;
}

}  // namespace davenport::transform
