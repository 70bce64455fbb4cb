#include "core/net/stream.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <string>
#include <thread>
#include <vector>

#include "core/net/listener.h"
#include "core/net/resolver.h"

using namespace davenport;
using namespace davenport::net;
using namespace std::chrono_literals;

namespace {

struct Pair {
  explicit Pair(Loop& loop) {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    a = std::make_unique<Stream>(loop, fds[0]);
    b = std::make_unique<Stream>(loop, fds[1]);
  }
  StreamPtr a, b;
};

Task<std::string> read_all(Stream& stream) {
  std::string all;
  for (;;) {
    const Ready ready = co_await stream.readable(stream.loop().now() + 5s);
    if (ready != Ready::yes) co_return "no end";
    char bytes[16];
    const Io io = stream.read(bytes);
    if (io.status == Io::Status::ok) all.append(bytes, io.bytes);
    if (io.status == Io::Status::end || io.status == Io::Status::error) co_return all;
  }
}

Task<bool> write_all(Stream& stream, std::string text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const iovec piece{text.data() + done, text.size() - done};
    const Io io = stream.writev(&piece, 1, piece.iov_len);
    if (io.status == Io::Status::error) co_return false;
    if (io.status == Io::Status::ok) done += io.bytes;
    if (io.status == Io::Status::again) {
      const Ready ready = co_await stream.writable(stream.loop().now() + 5s);
      if (ready != Ready::yes) co_return false;
    }
  }
  stream.shutdown_write();
  co_return true;
}

Io write_soon(Stream& stream, std::string_view text) {
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  return stream.write_soon(&piece, 1, piece.iov_len);
}

std::string waiting_for(Stream& stream) {
  std::string bytes(1 << 16, '\0');
  const Io io = stream.peek(bytes);
  bytes.resize(io.bytes);
  return bytes;
}

// Until the socket takes no more: how much that was.
std::size_t fill(Stream& stream) {
  const std::string block(64 << 10, 'x');
  const iovec piece{const_cast<char*>(block.data()), block.size()};
  std::size_t total = 0;
  for (;;) {
    const Io io = stream.writev(&piece, 1, piece.iov_len);
    if (io.status != Io::Status::ok) return total;
    total += io.bytes;
  }
}

Task<int> add(int depth) {
  if (depth == 0) co_return 0;
  const int below = co_await add(depth - 1);
  co_return below + 1;
}

}  // namespace

TEST_CASE("a megabyte arrives whole through a full socket buffer") {
  Loop loop;
  Pair pair(loop);
  const std::string text(1 << 20, 'x');
  std::string got;
  bool sent = false;
  const auto reader = [](Loop& l, Stream& s, std::string& out) -> Task<void> {
    out = co_await read_all(s);
    l.stop();
  };
  const auto writer = [](Stream& s, std::string bytes, bool& ok) -> Task<void> { ok = co_await write_all(s, std::move(bytes)); };
  spawn(reader(loop, *pair.b, got));
  spawn(writer(*pair.a, text, sent));
  loop.run();
  CHECK(sent);
  CHECK(got == text);
}

TEST_CASE("what is written soon goes out at the end of the turn, with that of other streams") {
  Loop loop;
  Pair first(loop), second(loop);
  std::string before, after, other;
  loop.defer([&] {
    CHECK(write_soon(*first.a, "one ").bytes == 4);
    CHECK(write_soon(*second.a, "other").bytes == 5);
    CHECK(write_soon(*first.a, "two").bytes == 3);
    before = waiting_for(*first.b);
    loop.resume_later(std::noop_coroutine());
    loop.post([&] {
      after = waiting_for(*first.b);
      other = waiting_for(*second.b);
      loop.stop();
    });
  });
  loop.run();
  CHECK(before == "");
  CHECK(after == "one two");
  CHECK(other == "other");
}

TEST_CASE("work that deferred work defers is done although bytes wait for the same end of the turn") {
  Loop loop;
  Pair pair(loop);
  bool done = false;
  write_soon(*pair.a, "bytes");
  loop.defer([&] {
    loop.defer([&] {
      done = true;
      loop.stop();
    });
  });
  const auto too_late = [](Loop& l) -> Task<void> {
    static_cast<void>(co_await sleep_until(l, l.now() + 2s));
    l.stop();
  };
  spawn(too_late(loop));
  loop.run();
  CHECK(done);
  loop.cancel_waiters();
}

TEST_CASE("what is written soon keeps its place: before what is written at once, before an end, and before the stream goes") {
  Loop loop;
  Pair pair(loop);
  write_soon(*pair.a, "one ");
  const iovec two{const_cast<char*>("two "), 4};
  CHECK(pair.a->writev(&two, 1, 4).bytes == 4);
  CHECK(waiting_for(*pair.b) == "one two ");
  write_soon(*pair.a, "three ");
  pair.a->shutdown_write();
  CHECK(waiting_for(*pair.b) == "one two three ");
  Pair gone(loop);
  write_soon(*gone.a, "last");
  gone.a.reset();
  CHECK(waiting_for(*gone.b) == "last");
  const std::string large(SendBatch::kPieceBytes + 1, 'y');
  CHECK(write_soon(*pair.b, large).bytes == large.size());
  CHECK(waiting_for(*pair.a) == large);
}

TEST_CASE("a batch goes out before its turn ends when it is full") {
  Loop loop;
  Pair pair(loop);
  for (std::size_t i = 0; i < SendBatch::kMostEntries; ++i) write_soon(*pair.a, "x");
  CHECK(waiting_for(*pair.b) == "");
  write_soon(*pair.a, "y");
  CHECK(waiting_for(*pair.b) == std::string(SendBatch::kMostEntries, 'x'));
}

TEST_CASE("what a full socket did not take of a batch is sent first when there is room") {
  Loop loop;
  Pair pair(loop);
  const std::size_t filled = fill(*pair.a);
  std::string got;
  bool sent = false, held = false;
  const auto reader = [](Loop& l, Stream& s, std::string& out) -> Task<void> {
    out = co_await read_all(s);
    l.stop();
  };
  const auto writer = [](Loop& l, Stream& from, bool& kept, bool& ok) -> Task<void> {
    while (!from.holds_unsent()) {
      // What is read makes room, and a batch takes more than there is.
      static_cast<void>(co_await from.writable(l.now() + 5s));
      for (std::size_t i = 0; i < SendBatch::kMostEntries; ++i) write_soon(from, std::string(SendBatch::kPieceBytes, 'z'));
    }
    kept = true;
    CHECK(write_soon(from, "too much").status == Io::Status::again);
    const Ready ready = co_await from.writable(l.now() + 5s);
    CHECK_FALSE(from.holds_unsent());
    ok = ready == Ready::yes && write_soon(from, "end").status == Io::Status::ok;
    from.shutdown_write();
  };
  spawn(writer(loop, *pair.a, held, sent));
  spawn(reader(loop, *pair.b, got));
  loop.run();
  CHECK(held);
  CHECK(sent);
  const std::string_view rest = std::string_view(got).substr(filled);
  CHECK(rest.ends_with("zend"));
  CHECK((rest.size() - 3) % SendBatch::kPieceBytes == 0);
  CHECK(rest.find_first_not_of('z') == rest.size() - 3);
}

TEST_CASE("a stream that goes with bytes that its socket did not take ends in a reset") {
  int fds[2];
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener, 1) == 0);
  REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  fds[1] = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(::connect(fds[1], reinterpret_cast<sockaddr*>(&address), size) == 0);
  fds[0] = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
  Loop loop;
  auto stream = std::make_unique<Stream>(loop, fds[0]);
  const std::string piece(SendBatch::kPieceBytes, 'x');
  while (!stream->holds_unsent()) REQUIRE(write_soon(*stream, piece).status == Io::Status::ok);
  stream.reset();
  ssize_t n = 1;
  std::string bytes(1 << 20, '\0');
  while (n > 0) n = ::recv(fds[1], bytes.data(), bytes.size(), 0);
  CHECK(n == -1);
  CHECK(errno == ECONNRESET);
  ::close(fds[1]);
  ::close(listener);
}

TEST_CASE("a failure to send what counted as sent is found by the next read") {
  Loop loop;
  Pair pair(loop);
  pair.b.reset();
  CHECK(write_soon(*pair.a, "to nobody").status == Io::Status::ok);
  Ready ready = Ready::timeout;
  Io io;
  const auto story = [](Loop& l, Stream& s, Ready& out, Io& got) -> Task<void> {
    out = co_await s.readable(l.now() + 5s);
    char bytes[16];
    got = s.read(bytes);
    l.stop();
  };
  spawn(story(loop, *pair.a, ready, io));
  loop.run();
  CHECK(ready == Ready::yes);
  CHECK(io.status == Io::Status::error);
  CHECK(pair.a->lost());
  CHECK(write_soon(*pair.a, "again").status == Io::Status::error);
}

namespace {

// Writes `name` to `order` each time a byte has come, until the other side has gone.
Task<void> tell(Stream& stream, char name, std::string& order, Micros work = 0us, bool answers = false) {
  for (;;) {
    const Ready ready = co_await stream.readable(stream.loop().now() + 5s);
    char byte[1];
    const Io io = ready == Ready::yes ? stream.read(byte) : Io{Io::Status::end};
    if (io.status == Io::Status::again) continue;
    if (io.status != Io::Status::ok) co_return;
    order += name;
    if (answers) write_soon(stream, "answer");
    for (const SteadyTime until = stream.loop().now() + work; stream.loop().now() < until;) {
    }
  }
}

void say(Stream& stream) {
  const iovec byte{const_cast<char*>("x"), 1};
  REQUIRE(stream.writev(&byte, 1, 1).bytes == 1);
}

void stop_after(Loop& loop, Millis time) {
  const auto wait = [](Loop& l, Millis t) -> Task<void> {
    static_cast<void>(co_await sleep_until(l, l.now() + t));
    l.stop();
  };
  spawn(wait(loop, time));
}

}  // namespace

TEST_CASE("who waits for a stream that stepped back comes behind the others of the turn") {
  Loop loop;
  Pair slow(loop), quick(loop);
  slow.a->step_back();
  std::string order;
  spawn(tell(*slow.a, 's', order));
  spawn(tell(*quick.a, 'q', order));
  say(*slow.b);                        // first, and ready first
  say(*quick.b);
  stop_after(loop, 50ms);
  loop.run();
  CHECK(order == "qs");
  slow.b.reset();
  quick.b.reset();
  stop_after(loop, 50ms);
  loop.run();
}

TEST_CASE("between those that stepped back the loop looks at its sockets again, and all of them go on in the end") {
  Loop loop;
  Pair quick(loop);
  std::vector<Pair> slow;
  std::string order;
  for (int i = 0; i < 6; ++i) {
    slow.emplace_back(loop);
    slow.back().a->step_back();
    spawn(tell(*slow.back().a, 's', order, 1ms, true));
    say(*slow.back().b);
  }
  const auto late = [](Loop& l, Stream& to, std::string& seen) -> Task<void> {
    co_await step_back(l);
    seen += '!';
    say(to);
  };
  spawn(tell(*quick.a, 'q', order));
  spawn(late(loop, *quick.b, order));
  stop_after(loop, 100ms);
  loop.run();
  CHECK(std::count(order.begin(), order.end(), 's') == 6);
  const std::size_t said = order.find('!'), answered = order.find('q');
  REQUIRE(said != std::string::npos);
  REQUIRE(answered != std::string::npos);
  CHECK(answered - said <= 3);         // a share may last 2 ms, never as long as all that wait
  for (Pair& pair : slow) pair.b.reset();
  quick.b.reset();
  stop_after(loop, 50ms);
  loop.run();
}

TEST_CASE("what has come counts although its time ran out while its stream waited behind others") {
  Loop loop;
  Pair pair(loop);
  pair.a->step_back();
  Ready ready = Ready::cancelled;
  const auto story = [](Loop& l, Stream& s, Ready& out) -> Task<void> {
    out = co_await s.readable(l.now() + 20ms);
    l.stop();
  };
  spawn(story(loop, *pair.a, ready));
  loop.defer([&] {                     // as a process that was stopped for a while finds it
    for (const SteadyTime until = loop.now() + 60ms; loop.now() < until;) {
    }
    say(*pair.b);
  });
  loop.run();
  CHECK(ready == Ready::yes);
}

TEST_CASE("a stream that goes while it is to be woken behind wakes nobody, and who stepped back goes on when the loop is shut down") {
  Loop loop;
  Pair pair(loop);
  pair.a->step_back();
  say(*pair.b);
  bool resumed = false;
  Stream* const first = pair.a.get();
  loop.defer([&] { loop.wake_behind(*first); });
  loop.defer([&] {
    loop.forget_behind(*first);
    pair.a.reset();
  });
  stop_after(loop, 20ms);
  loop.run();
  const auto story = [](Loop& l, bool& done) -> Task<void> {
    co_await step_back(l);
    done = true;
  };
  spawn(story(loop, resumed));
  CHECK_FALSE(resumed);
  CHECK(loop.has_more());
  loop.cancel_waiters();
  CHECK(resumed);
  CHECK_FALSE(loop.has_more());
}

TEST_CASE("a read that nothing comes for ends by its deadline") {
  Loop loop;
  Pair pair(loop);
  Ready result = Ready::yes;
  const auto story = [](Loop& l, Stream& s, Ready& out) -> Task<void> {
    out = co_await s.readable(l.now() + 30ms);
    l.stop();
  };
  spawn(story(loop, *pair.a, result));
  loop.run();
  CHECK(result == Ready::timeout);
}

TEST_CASE("cancel_waiters ends a waiting coroutine at once") {
  Loop loop;
  Pair pair(loop);
  Ready result = Ready::yes;
  const auto story = [](Stream& s, Ready& out) -> Task<void> { out = co_await s.readable(s.loop().now() + 1h); };
  spawn(story(*pair.a, result));
  loop.cancel_waiters();
  CHECK(result == Ready::cancelled);
}

TEST_CASE("a child that never waits does not grow the stack of a long loop") {
  Loop loop;
  long sum = 0;
  const auto story = [](long& out) -> Task<void> {
    for (int i = 0; i < 1'000'000; ++i) out += co_await add(2);
  };
  spawn(story(sum));
  CHECK(sum == 2'000'000);
}

TEST_CASE("a connection is accepted, and one to a closed port is refused with its reason") {
  Loop loop;
  const Result<SocketAddress> any = SocketAddress::numeric("127.0.0.1", 0);
  Result<int> fd = open_listening_socket(*any, true);
  REQUIRE(fd);
  const SocketAddress address = *local_address(*fd);
  int accepted = 0;
  auto listener = std::make_unique<Listener>(loop, *fd, [&](int client, const SocketAddress& peer) {
    ++accepted;
    CHECK(peer.host() == "127.0.0.1");
    ::close(client);
  });
  std::string refused;
  const auto story = [](Loop& l, SocketAddress to, std::unique_ptr<Listener>& listening, std::string& out) -> Task<void> {
    Result<StreamPtr> first = co_await connect(l, to, l.now() + 5s);
    CHECK(first.has_value());
    co_await sleep_until(l, l.now() + 20ms);
    listening.reset();
    Result<StreamPtr> second = co_await connect(l, to, l.now() + 5s);
    if (!second) out = second.error().message;
    l.stop();
  };
  spawn(story(loop, address, listener, refused));
  loop.run();
  CHECK(accepted == 1);
  CHECK(refused.find("refused") != std::string::npos);
}

TEST_CASE("a reset that arrived together with bytes is found before the next wait") {
  Loop loop;
  Result<int> fd = open_listening_socket(*SocketAddress::numeric("127.0.0.1", 0), true);
  REQUIRE(fd);
  const SocketAddress address = *local_address(*fd);
  int peer = -1;
  Listener listener(loop, *fd, [&peer](int client, const SocketAddress&) { peer = client; });
  std::string got;
  Ready second = Ready::timeout;
  Io last;
  const auto story = [](Loop& l, SocketAddress to, int& other, std::string& bytes, Ready& again, Io& end) -> Task<void> {
    Result<StreamPtr> stream = co_await connect(l, to, l.now() + 5s);
    REQUIRE(stream.has_value());
    while (other < 0) static_cast<void>(co_await sleep_until(l, l.now() + 1ms));
    CHECK(::send(other, "half", 4, MSG_NOSIGNAL) == 4);
    const linger at_once{1, 0};
    ::setsockopt(other, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(other);                                    // bytes and reset: one edge, taken in by the next turn of the loop
    static_cast<void>(co_await (*stream)->readable(l.now() + 1s));
    char buffer[64];
    const Io first = (*stream)->read(buffer);
    if (first.status == Io::Status::ok) bytes.assign(buffer, first.bytes);
    (*stream)->doubt();
    again = co_await (*stream)->readable(l.now() + 1s);
    end = (*stream)->read(buffer);
    l.stop();
  };
  spawn(story(loop, address, peer, got, second, last));
  loop.run();
  CHECK(second == Ready::yes);
  CHECK(last.status == Io::Status::error);
}

TEST_CASE("work posted from another thread runs on the loop's, in order") {
  Loop loop;
  std::vector<int> order;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&order, i] { order.push_back(i); });
    loop.post([&loop] { loop.stop(); });
  });
  loop.run();
  other.join();
  REQUIRE(order.size() == 1000);
  for (int i = 0; i < 1000; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("localhost is resolved without a name server") {
  Loop loop;
  std::size_t found = 0;
  const auto story = [](Loop& l, std::size_t& out) -> Task<void> {
    const auto addresses = co_await resolve(l, "localhost", 80, l.now() + 5s);
    if (addresses) out = (*addresses).size();
    l.stop();
  };
  spawn(story(loop, found));
  loop.run();
  CHECK(found > 0);
}
