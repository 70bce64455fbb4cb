#include "cache/redis/connection.h"

#include <hiredis/hiredis.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "cache/redis/redirection.h"
#include "core/base/text.h"
#include "core/net/watch.h"

namespace davenport::redis {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;      // of one read; a larger reply has more while it arrives

// What was received and not handed on yet: a reply that is still arriving.
class Input {
 public:
  std::string_view bytes() const { return {buffer_.get(), size_}; }
  // Room for a read, at least as much as makes `wanted` bytes in all.
  std::span<char> room(std::size_t wanted) {
    std::size_t capacity = std::max({capacity_, wanted, kBufferBytes});
    if (size_ == capacity) capacity *= 2;
    if (capacity != capacity_) {
      auto larger = std::make_unique_for_overwrite<char[]>(capacity);
      if (size_ > 0) std::memcpy(larger.get(), buffer_.get(), size_);
      buffer_ = std::move(larger);
      capacity_ = capacity;
    }
    return {buffer_.get() + size_, capacity_ - size_};
  }
  void received(std::size_t bytes) { size_ += bytes; }
  void drop_front(std::size_t bytes) {
    size_ -= bytes;
    if (size_ > 0) std::memmove(buffer_.get(), buffer_.get() + bytes, size_);
    else if (capacity_ > kBufferBytes) *this = {};
  }

 private:
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0, size_ = 0;
};

}  // namespace

// The socket and what waits there. It outlives the Connection while it is handing something on.
class Link final : public std::enable_shared_from_this<Link>, private net::Watched, private net::Timer {
 public:
  Link(Connection& owner, net::Loop& loop, redisContext& context, std::size_t max_reply_bytes)
      : Timer(loop.timers()), owner_(&owner), loop_(loop), context_(&context), max_reply_bytes_(max_reply_bytes) {
    watch_.emplace(loop, context.fd, static_cast<net::Watched&>(*this));
  }
  ~Link() override { close(); }

  void start(SteadyTime connect_by) {
    watch_->want_write(true);
    arm(connect_by);
  }
  Command* send(std::span<const std::string_view> arguments, Receiver* receiver, SteadyTime deadline);
  // The owner has let go. What waits is told now, or when the receiver that is being told something has returned.
  void end() {
    owner_ = nullptr;
    disarm();
    close();
    if (!handing_on_) tell_lost();
  }
  std::size_t pending() const { return waiting_.size(); }
  SteadyTime read_at() const { return read_at_; }

 private:
  void readable() override;
  void writable() override;
  void expired(bool cancelled) override;

  bool connected_now();
  void write_soon();
  void hand_on();
  void hand_on_one(std::string_view reply);
  void watch_deadline() {
    if (!connected_) return;                      // connecting has its own
    if (waiting_.empty()) disarm();
    else arm(waiting_.front().deadline());
  }
  void fail(std::string_view why) {
    if (owner_ != nullptr) owner_->close(why);
  }
  void close() {
    watch_.reset();
    if (context_ != nullptr) redisFree(std::exchange(context_, nullptr));
  }
  void tell_lost();

  Connection* owner_;                             // null: it has let go
  net::Loop& loop_;
  redisContext* context_;                         // null: closed
  std::optional<net::Watch> watch_;
  std::deque<Command> waiting_;                   // for their replies, in order; their places stay
  std::string output_;
  Input input_;
  ReplyEnd end_;                                  // of the first reply in input_
  const std::size_t max_reply_bytes_;
  SteadyTime read_at_{};
  bool connected_ = false, write_posted_ = false, handing_on_ = false;
};

Command* Link::send(std::span<const std::string_view> arguments, Receiver* receiver, SteadyTime deadline) {
  output_.push_back('*');
  append_number(output_, arguments.size());
  for (const std::string_view argument : arguments) {
    output_.append("\r\n$");
    append_number(output_, argument.size());
    output_.append("\r\n").append(argument);
  }
  output_.append("\r\n");
  write_soon();
  Command& command = waiting_.emplace_back(receiver, deadline);
  if (waiting_.size() == 1) watch_deadline();
  return &command;
}

// Written once the current events are over, so that commands of one turn leave in one write, and without asking the kernel whether it
// is ready: it mostly is. Only where the socket turned out to be full is it waited for.
void Link::write_soon() {
  if (!connected_ || std::exchange(write_posted_, true)) return;
  loop_.defer([link = weak_from_this()] {
    if (const auto self = link.lock(); self != nullptr && self->owner_ != nullptr) self->writable();
  });
}

bool Link::connected_now() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(context_->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) {
    fail("connect: " + std::string(std::strerror(error)));
    return false;
  }
  connected_ = true;
  watch_->want_read(true);
  watch_deadline();
  return true;
}

void Link::writable() {
  const auto self = shared_from_this();
  if (!connected_ && !connected_now()) return;
  const ssize_t sent = output_.empty() ? 0 : ::send(context_->fd, output_.data(), output_.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return fail(std::strerror(errno));
  output_.erase(0, static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
  write_posted_ = !output_.empty();                          // then the watch tells
  watch_->want_write(write_posted_);
  if (output_.empty() && output_.capacity() > 4 * kBufferBytes) output_ = {};
}

void Link::readable() {
  const auto self = shared_from_this();
  const std::span<char> room = input_.room(end_.wanted());
  const ssize_t got = ::recv(context_->fd, room.data(), room.size(), 0);
  if (got == 0) return fail("closed by the server");
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) fail(std::strerror(errno));
    return;
  }
  input_.received(static_cast<std::size_t>(got));
  read_at_ = loop_.now();
  hand_on();
}

void Link::hand_on() {
  std::size_t used = 0;
  handing_on_ = true;
  while (owner_ != nullptr) {
    const std::string_view rest = input_.bytes().substr(used);
    const ReplyEnd::Found found = end_.look(rest);
    if (found == ReplyEnd::Found::whole) {
      const std::size_t bytes = end_.bytes();
      end_ = {};
      used += bytes;
      hand_on_one(rest.substr(0, bytes));
      continue;
    }
    if (found == ReplyEnd::Found::broken) fail("a reply is no RESP, or of absurd size");
    else if (std::max(end_.wanted(), rest.size()) > max_reply_bytes_) fail("a reply is larger than is taken");
    break;
  }
  handing_on_ = false;
  if (owner_ == nullptr) return tell_lost();
  input_.drop_front(used);
}

void Link::hand_on_one(std::string_view reply) {
  if (waiting_.empty()) return fail("a reply that nobody asked for");
  const ParsedReply parsed(reply);
  if (!parsed) return fail("a reply is no RESP");
  const Command command = waiting_.front();
  waiting_.pop_front();
  watch_deadline();
  if (command.receiver() != nullptr) command.receiver()->answered(parsed.get());
}

void Link::tell_lost() {
  const auto self = shared_from_this();
  while (!waiting_.empty()) {
    const Command command = waiting_.front();
    waiting_.pop_front();
    if (command.receiver() != nullptr) command.receiver()->lost();
  }
}

void Link::expired(bool) {
  const auto self = shared_from_this();
  if (!connected_) return fail("connect: no answer in time");
  if (!waiting_.empty() && waiting_.front().deadline() > loop_.now()) return watch_deadline();
  fail("a command was not answered in time");
}

// AUTH, SELECT and READONLY, which go before anything else.
class Connection::Greeting final : public Receiver {
 public:
  explicit Greeting(Connection& connection) : connection_(connection) {}
  ~Greeting() {
    for (Command* each : open_) each->abandon();
  }
  void expect(Command* sent) {
    if (sent != nullptr) open_.push_back(sent);
  }
  void answered(const Reply& reply) override {
    open_.pop_front();
    if (reply.kind() == Reply::Kind::error) {
      connection_.refused_ = read_trouble(reply.text(), "").trouble != Trouble::loading;
      return connection_.close(std::string(reply.text()));
    }
    if (open_.empty()) connection_.state_ = State::ready;
  }
  void lost() override { open_.pop_front(); }

 private:
  Connection& connection_;
  std::deque<Command*> open_;
};

Connection::Connection(net::Loop& loop, ConnectionOptions options, std::function<void()> ended)
    : loop_(loop), options_(std::move(options)), ended_(std::move(ended)) {
  redisContext* const context = options_.port == 0 ? redisConnectUnixNonBlock(options_.host.c_str())
                                                   : redisConnectNonBlock(options_.host.c_str(), options_.port);
  if (context == nullptr || context->err != 0) {
    reason_ = context == nullptr ? "connect: out of memory" : "connect: " + std::string(context->errstr);
    state_ = State::closed;
    if (context != nullptr) redisFree(context);
    return;
  }
  link_ = std::make_shared<Link>(*this, loop, *context, options_.max_reply_bytes);
  link_->start(loop.now() + options_.connect_timeout);
  greet();
}

Connection::~Connection() {
  ended_ = {};
  close("let go");
  greeting_.reset();
}

void Connection::greet() {
  greeting_ = std::make_unique<Greeting>(*this);
  const SteadyTime deadline = loop_.now() + options_.connect_timeout * 2;
  const auto say = [&](std::initializer_list<std::string_view> words) {
    greeting_->expect(send(std::span(words.begin(), words.size()), greeting_.get(), deadline));
  };
  if (!options_.password.empty() && !options_.user.empty()) say({"AUTH", options_.user, options_.password});
  else if (!options_.password.empty()) say({"AUTH", options_.password});
  if (options_.database != 0) say({"SELECT", std::to_string(options_.database)});
  if (options_.read_only) say({"READONLY"});
  say({"PING"});
}

Command* Connection::send(std::span<const std::string_view> arguments, Receiver* receiver, SteadyTime deadline) {
  return link_ == nullptr ? nullptr : link_->send(arguments, receiver, deadline);
}

void Connection::close(std::string_view why) {
  const std::shared_ptr<Link> link = std::exchange(link_, nullptr);
  if (link == nullptr) return;
  state_ = State::closed;
  reason_ = why;
  if (ended_) std::exchange(ended_, {})();
  link->end();                                     // who is told may let go of this connection
}

std::size_t Connection::pending() const { return link_ == nullptr ? 0 : link_->pending(); }
SteadyTime Connection::read_at() const { return link_ == nullptr ? loop_.now() : link_->read_at(); }

}  // namespace davenport::redis
