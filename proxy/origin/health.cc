// Active checks and the names of origins, on one loop.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <map>

#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/net/resolver.h"
#include "core/net/stream.h"
#include "proxy/origin/connections.h"
#include "proxy/origin/roster.h"

namespace davenport::origin {
namespace {

constexpr Millis kResolveTimeout{5'000};
constexpr Millis kResolveAgain{5'000};       // at most, after a failure
constexpr Millis kFirstCheckWithin{1'000};   // of the start

}  // namespace

class HealthChecks::Impl : public std::enable_shared_from_this<HealthChecks::Impl> {
 public:
  explicit Impl(net::Loop& own) : loop(own), random(process_seed()) {}
  void start(const std::vector<ClusterPtr>& clusters);
  void stop();

 private:
  // What a coroutine waits on, so that stop() can end the wait.
  struct Wait {
    explicit Wait(Impl& owner) : impl(owner), sleep(owner.loop), at(owner.waits.insert(owner.waits.end(), this)) {}
    ~Wait() {
      if (listed) impl.waits.erase(at);
    }
    void cancel() {
      if (stream != nullptr) stream->cancel();
      else if (sleep.waiting()) sleep.notify();
    }
    Impl& impl;
    net::Notify sleep;
    net::Stream* stream = nullptr;
    bool listed = true;
    std::list<Wait*>::iterator at;
  };
  // How the checks of one server have gone.
  struct Record {
    std::uint32_t good = 0, bad = 0;      // in a row
    bool busy = false;                    // a check is under way
  };
  using RecordPtr = std::shared_ptr<Record>;

  static net::Task<void> check_cluster(std::shared_ptr<Impl> impl, ClusterPtr cluster);
  static net::Task<void> check_member(std::shared_ptr<Impl> impl, ClusterPtr cluster, MemberPtr member, RecordPtr record);
  static net::Task<std::optional<std::string>> ask(std::shared_ptr<Impl> impl, ClusterPtr cluster, MemberPtr member);
  static net::Task<void> resolve_cluster(std::shared_ptr<Impl> impl, ClusterPtr cluster);
  void judge(Cluster& cluster, Member& member, Record& record, const std::string& why);
  // Between 0.9 and 1.1 times, so that many proxies don't ask in step.
  Millis jittered(Millis time) { return time * (900 + static_cast<int>(next_random(random) % 201)) / 1000; }

  net::Loop& loop;
  std::list<Wait*> waits;
  std::uint64_t random;
  bool stopped = false;
};

void HealthChecks::Impl::start(const std::vector<ClusterPtr>& clusters) {
  for (const ClusterPtr& cluster : clusters) {
    const auto& servers = cluster->settings().servers;
    const bool names = std::any_of(servers.begin(), servers.end(), [](const config::OriginServer& server) {
      return server.address.kind == config::Address::Kind::name;
    });
    if (names) net::spawn(resolve_cluster(shared_from_this(), cluster));
    if (cluster->settings().health.enabled) net::spawn(check_cluster(shared_from_this(), cluster));
  }
}

void HealthChecks::Impl::stop() {
  stopped = true;
  while (!waits.empty()) {
    Wait* const wait = waits.back();
    waits.pop_back();
    wait->listed = false;
    wait->cancel();                          // its coroutine ends, and *wait with it
  }
}

net::Task<void> HealthChecks::Impl::check_cluster(std::shared_ptr<Impl> impl, ClusterPtr cluster) {
  const config::HealthCheck& check = cluster->settings().health;
  std::map<MemberPtr, RecordPtr> records;
  Wait wait(*impl);
  const Millis first = std::min(kFirstCheckWithin, check.interval);
  SteadyTime next = impl->loop.now() + first * static_cast<int>(next_random(impl->random) % 100) / 100;
  while (!impl->stopped) {
    const net::Wake wake = co_await wait.sleep.wait(next);
    if (impl->stopped || wake == net::Wake::cancelled) co_return;
    next = impl->loop.now() + impl->jittered(check.interval);
    std::map<MemberPtr, RecordPtr> present;
    for (const MemberPtr& member : cluster->members()) {
      RecordPtr& record = present[member];
      const auto known = records.find(member);
      record = known != records.end() ? known->second : std::make_shared<Record>();
      if (!record->busy) net::spawn(check_member(impl, cluster, member, record));
    }
    records = std::move(present);
  }
}

net::Task<void> HealthChecks::Impl::check_member(std::shared_ptr<Impl> impl, ClusterPtr cluster, MemberPtr member,
                                                 RecordPtr record) {
  record->busy = true;
  const std::optional<std::string> why = co_await ask(impl, cluster, member);
  record->busy = false;
  if (!impl->stopped && why) impl->judge(*cluster, *member, *record, *why);
}

void HealthChecks::Impl::judge(Cluster& cluster, Member& member, Record& record, const std::string& why) {
  const config::HealthCheck& check = cluster.settings().health;
  const bool healthy = member.healthy.load();
  if (why.empty()) {
    record.bad = 0;
    if (++record.good < check.healthy_after || healthy) return;
    log_info("origin {}: server {} is healthy again", cluster.settings().name, member.text);
  } else {
    record.good = 0;
    if (++record.bad < check.unhealthy_after || !healthy) return;
    log_warning("origin {}: server {} is unhealthy: {}", cluster.settings().name, member.text, why);
  }
  cluster.set_healthy(member, !healthy, loop.now());
}

// One check: "" where it is good, else why not; nullopt: it could not be made. A connection of its own, closed afterwards. The request is written as soon as the
// socket takes it, which is when it is connected.
net::Task<std::optional<std::string>> HealthChecks::Impl::ask(std::shared_ptr<Impl> impl, ClusterPtr cluster, MemberPtr member) {
  const config::HealthCheck& check = cluster->settings().health;
  const SteadyTime deadline = impl->loop.now() + check.timeout;
  const int fd = ::socket(member->address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return std::nullopt;        // too few descriptors: that says nothing of the server
  const bool refused = ::connect(fd, member->address.get(), member->address.length()) != 0 && errno != EINPROGRESS;
  const int code = errno;
  net::Stream stream(impl->loop, fd);
  if (refused) co_return std::string("connect: ") + std::strerror(code);
  Wait wait(*impl);
  wait.stream = &stream;

  const std::string host = !check.host.empty() ? check.host : member->address.is_unix() ? "localhost" : member->text;
  const std::string request =
      "GET " + check.path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: davenport-health\r\nConnection: close\r\n\r\n";
  if (cluster->tls() != nullptr) {
    stream.start_tls(cluster->tls(), cluster->server_name(*member));
    const Result<std::monostate, net::TlsFault> shaken = co_await stream.handshake(deadline);
    if (!shaken) co_return "TLS: " + shaken.error().text;
  }
  std::size_t sent = 0;
  while (sent < request.size()) {
    const iovec piece{const_cast<char*>(request.data()) + sent, request.size() - sent};
    const net::Io io = stream.writev(&piece, 1, piece.iov_len);
    if (io.status == net::Io::Status::error) co_return std::strerror(io.code);
    sent += io.bytes;
    if (io.status == net::Io::Status::ok) continue;
    const net::Ready ready = co_await stream.writable(deadline);
    if (ready != net::Ready::yes) co_return std::string("no connection in time");
  }

  http::ResponseParser parser(cluster->head_limits());
  http::ResponseHead head;
  std::string bytes;
  for (int interim = 0; interim < 8;) {
    const http::ParseResult result = parser.parse(bytes, http::Method::get, head);
    if (result.state == http::ParseState::error) co_return std::string(http::text_of(result.fault));
    if (result.state == http::ParseState::done) {
      if (head.status >= check.status_min && head.status <= check.status_max) co_return std::string();
      if (head.status >= 200) co_return "status " + std::to_string(head.status);
      bytes.erase(0, result.consumed);       // 1xx
      ++interim;
      continue;
    }
    char buffer[4096];
    const net::Io io = stream.read(buffer);
    if (io.status == net::Io::Status::ok) bytes.append(buffer, io.bytes);
    if (io.status == net::Io::Status::end) co_return std::string("closed without a response");
    if (io.status == net::Io::Status::error) co_return std::strerror(io.code);
    if (io.status != net::Io::Status::again) continue;
    const net::Ready ready = co_await stream.readable(deadline);
    if (ready != net::Ready::yes) co_return std::string("no response in time");
  }
  co_return std::string("too many interim responses");
}

net::Task<void> HealthChecks::Impl::resolve_cluster(std::shared_ptr<Impl> impl, ClusterPtr cluster) {
  const config::Origin& origin = cluster->settings();
  Wait wait(*impl);
  while (!impl->stopped) {
    bool failed = false;
    for (std::size_t i = 0; i < origin.servers.size(); ++i) {
      const config::Address& address = origin.servers[i].address;
      if (address.kind != config::Address::Kind::name) continue;
      const SteadyTime deadline = impl->loop.now() + kResolveTimeout;
      const Result<std::vector<net::SocketAddress>> found =
          co_await net::resolve(impl->loop, address.host, address.port, deadline);
      if (impl->stopped) co_return;
      failed |= !found;
      if (found) {
        cluster->set_addresses(i, *found, impl->loop.now());
      } else {
        log_warning("origin {}: {}; what was known of it stays", origin.name, found.error().message);
      }
    }
    const Millis pause = failed ? std::min(kResolveAgain, origin.resolve_interval) : origin.resolve_interval;
    const SteadyTime next = impl->loop.now() + impl->jittered(pause);
    const net::Wake wake = co_await wait.sleep.wait(next);
    if (wake == net::Wake::cancelled) co_return;
  }
}

HealthChecks::HealthChecks(net::Loop& loop, std::vector<ClusterPtr> clusters) : impl_(std::make_shared<Impl>(loop)) {
  impl_->start(clusters);
}
HealthChecks::~HealthChecks() { stop(); }
void HealthChecks::stop() { impl_->stop(); }

}  // namespace davenport::origin
