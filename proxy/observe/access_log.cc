#include "proxy/observe/access_log.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "proxy/observe/access_line.h"
#include "proxy/observe/record_ring.h"

namespace davenport::observe {
namespace {

constexpr std::size_t kRingBytes = 1 << 20;          // of a worker: about 4,000 records
constexpr std::size_t kBatchBytes = 64 << 10;        // of one write
constexpr Millis kIdleWait{50}, kBusyWait{5};        // between two looks at the rings
constexpr Seconds kComplainEvery{60};
constexpr Millis kFlushAtStop{2'000};                // for a reader of a pipe that does not read
constexpr std::size_t kPipeBytes = 4096;             // what a pipe that polls as writable takes without blocking

using SharedRing = std::shared_ptr<RecordRing>;

struct RingEntry {
  SharedRing ring;
  std::weak_ptr<const void> worker;                  // expired: no more will come
};

class Ring final : public AccessLogRing {
 public:
  Ring(SharedRing ring, std::shared_ptr<const void> alive) : ring_(std::move(ring)), alive_(std::move(alive)) {}
  bool push(const AccessRecord& record) override {
    const PackedSizes sizes = measure(record);
    std::byte* const room = ring_->begin_write(sizes.total);
    if (room == nullptr) return false;
    pack(record, sizes, room);
    ring_->end_write();
    return true;
  }

 private:
  const SharedRing ring_;
  const std::shared_ptr<const void> alive_;
};

// Where lines go. Owned by the writer thread once that runs.
class Output {
 public:
  static Result<Output> open(const std::string& path);
  Output(Output&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), file_(other.file_), torn_(other.torn_) {}
  Output& operator=(Output&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    std::swap(file_, other.file_);
    std::swap(torn_, other.torn_);
    return *this;
  }
  ~Output() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  const std::string& path() const { return path_; }

  // Writes all of `lines`. Waits for a slow pipe until `give_up` says so; an error is its errno, and what is left is lost.
  template <class GiveUp>
  int write(std::string_view lines, GiveUp give_up);

 private:
  Output(std::string path, int fd, bool file) : path_(std::move(path)), fd_(fd), file_(file) {}
  std::string path_;
  int fd_;
  bool file_;              // regular: a write never blocks for long
  bool torn_ = false;      // the last line written has no end
};

Result<Output> Output::open(const std::string& path) {
  int fd = STDOUT_FILENO;
  if (path != "-") {
    // Non-blocking for the sake of a FIFO; files take no notice of it.
    fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
    if (fd < 0) {
      const char* hint = "";
      if (errno == ENOENT) hint = " (make its directory)";
      if (errno == EACCES) hint = " (let Davenport's user write there)";
      if (errno == ENXIO) hint = " (nobody reads from this pipe yet)";
      return Error{"cannot open log.access.path \"" + path + "\": " + std::strerror(errno) + hint};
    }
  }
  struct stat info {};
  const bool file = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  return Output(path, fd, file);
}

template <class GiveUp>
int Output::write(std::string_view lines, GiveUp give_up) {
  std::string mended;
  if (torn_) {
    mended = "\n" + std::string(lines);
    lines = mended;
  }
  while (!lines.empty()) {
    if (!file_) {
      pollfd waiting{fd_, POLLOUT, 0};
      if (::poll(&waiting, 1, static_cast<int>(kIdleWait.count())) == 0) {
        if (give_up()) return EAGAIN;
        continue;
      }
    }
    const ssize_t sent = ::write(fd_, lines.data(), file_ ? lines.size() : std::min(lines.size(), kPipeBytes));
    if (sent < 0 && (errno == EINTR || errno == EAGAIN) && !give_up()) continue;
    if (sent < 0) return errno;
    if (sent > 0) torn_ = lines[static_cast<std::size_t>(sent) - 1] != '\n';
    lines.remove_prefix(static_cast<std::size_t>(sent));
  }
  return 0;
}

class Log final : public AccessLog {
 public:
  Log(const config::AccessLog& settings, Output output)
      : formatter_(settings.format), output_(std::move(output)), thread_([this] { run(); }) {}
  ~Log() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  std::unique_ptr<AccessLogRing> make_ring() override {
    auto ring = std::make_shared<RecordRing>(kRingBytes);
    auto alive = std::make_shared<const char>();
    const std::lock_guard lock(mutex_);
    rings_.push_back({ring, alive});
    return std::make_unique<Ring>(std::move(ring), std::move(alive));
  }
  void reopen() override {
    {
      const std::lock_guard lock(mutex_);
      reopen_wanted_ = true;
    }
    changed_.notify_one();
  }
  std::uint64_t lost() const override { return lost_.load(std::memory_order_relaxed); }

 private:
  void run();
  std::vector<RingEntry> current_rings();
  bool drain(const std::vector<RingEntry>& rings);      // true where there was something
  void flush();
  void open_again();
  bool past_patience();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<RingEntry> rings_;                        // guarded by mutex_, as the next two
  bool stopping_ = false, reopen_wanted_ = false;
  std::atomic<std::uint64_t> lost_{0};

  // The thread's own.
  AccessFormatter formatter_;
  Output output_;
  std::string batch_;
  std::uint64_t batch_lines_ = 0;
  SteadyTime complained_ = SteadyTime::min();
  std::optional<SteadyTime> stopped_at_;

  std::thread thread_;                                  // last: all else is there when it begins
};

std::vector<RingEntry> Log::current_rings() {
  const std::lock_guard lock(mutex_);
  return rings_;
}

void Log::run() {
  sigset_t all;                                         // signals are the main thread's; SIGPIPE nobody's
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  bool busy = false;
  for (;;) {
    bool stop = false, reopen_now = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, busy ? kBusyWait : kIdleWait, [this] { return stopping_ || reopen_wanted_; });
      stop = stopping_;
      reopen_now = std::exchange(reopen_wanted_, false);
      if (stop) stopped_at_ = read_steady_clock();
    }
    // A ring whose worker had gone before the look at it is empty after it.
    const std::vector<RingEntry> rings = current_rings();
    std::vector<SharedRing> ended;
    for (const RingEntry& entry : rings) {
      if (entry.worker.expired()) ended.push_back(entry.ring);
    }
    busy = drain(rings);
    if (!ended.empty()) {
      const std::lock_guard lock(mutex_);
      std::erase_if(rings_, [&ended](const RingEntry& entry) {
        return std::find(ended.begin(), ended.end(), entry.ring) != ended.end();
      });
    }
    if (reopen_now) open_again();                       // after the drain: old lines stand in the old file
    if (stop) return;
  }
}

bool Log::drain(const std::vector<RingEntry>& rings) {
  bool any = false;
  for (const RingEntry& entry : rings) {
    for (auto record = entry.ring->front(); !record.empty(); record = entry.ring->front()) {
      formatter_.append(batch_, unpack(record));
      entry.ring->pop();
      ++batch_lines_;
      any = true;
      if (batch_.size() >= kBatchBytes) flush();
    }
  }
  flush();
  return any;
}

bool Log::past_patience() {
  if (!stopped_at_) {
    const std::lock_guard lock(mutex_);
    if (!stopping_) return false;
    stopped_at_ = read_steady_clock();
  }
  return read_steady_clock() - *stopped_at_ > kFlushAtStop;
}

void Log::flush() {
  if (batch_.empty()) return;
  const int error = output_.write(batch_, [this] { return past_patience(); });
  if (error != 0) {
    lost_.fetch_add(batch_lines_, std::memory_order_relaxed);
    const SteadyTime now = read_steady_clock();
    if (complained_ == SteadyTime::min() || now - complained_ >= kComplainEvery) {
      complained_ = now;
      log_error("access log {}: {}; up to {} lines are lost so far", output_.path(), std::strerror(error),
                lost_.load(std::memory_order_relaxed));
    }
  }
  batch_.clear();
  batch_lines_ = 0;
}

void Log::open_again() {
  Result<Output> again = Output::open(output_.path());
  if (again) output_ = std::move(*again);
  else log_error("{}; the old file stays in use", again.error().message);
}

// LogFormat::off.
class NoLog final : public AccessLog {
 public:
  std::unique_ptr<AccessLogRing> make_ring() override { return nullptr; }
  void reopen() override {}
  std::uint64_t lost() const override { return 0; }
};

}  // namespace

Result<std::unique_ptr<AccessLog>> AccessLog::open(const config::AccessLog& settings) {
  if (settings.format == config::LogFormat::off) return std::unique_ptr<AccessLog>(std::make_unique<NoLog>());
  Result<Output> output = Output::open(settings.path);
  if (!output) return output.error();
  return std::unique_ptr<AccessLog>(std::make_unique<Log>(settings, std::move(*output)));
}

}  // namespace davenport::observe
