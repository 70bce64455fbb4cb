#include "cache/redis/connection.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "cache/redis/redirection.h"
#include "core/net/watch.h"

namespace davenport::redis {
namespace {

constexpr int kMaxElements = 1 << 20;      // of one array

}  // namespace

// hiredis' context and what belongs to it. It outlives the Connection where hiredis is still on the stack, and goes in
// hiredis' own clean-up: that is called exactly once, whoever ended the context.
struct Link final : private net::Watched, private net::Timer {
  Link(Connection& connection, net::Loop& event_loop, redisAsyncContext& redis)
      : Timer(event_loop.timers()), owner(&connection), loop(event_loop), context(redis), watch(event_loop, redis.c.fd, *this),
        alive(std::make_shared<bool>(true)) {
    context.data = this;
    context.ev.data = this;
    context.ev.addRead = [](void* self) { static_cast<Link*>(self)->watch.want_read(true); };
    context.ev.delRead = [](void* self) { static_cast<Link*>(self)->watch.want_read(false); };
    context.ev.addWrite = [](void* self) { static_cast<Link*>(self)->write_soon(); };
    context.ev.delWrite = [](void* self) { static_cast<Link*>(self)->watch.want_write(false); };
    context.ev.cleanup = [](void* self) { static_cast<Link*>(self)->cleaned_up(); };
    guard_reader();
  }
  virtual ~Link() { *alive = false; }

  // hiredis asserts when a reply comes that nobody asked for, and allocates what an array's head announces: its reader's own
  // functions are asked first, and a null from them ends the connection as a protocol error.
  void guard_reader() {
    redisReader& reader = *context.c.reader;
    original = *reader.fn;
    guarded = original;
    guarded.createString = [](const redisReadTask* task, char* text, std::size_t size) -> void* {
      return expected(task) ? of(task).original.createString(task, text, size) : nullptr;
    };
    guarded.createArray = [](const redisReadTask* task, int elements) -> void* {
      return expected(task) && elements <= kMaxElements ? of(task).original.createArray(task, elements) : nullptr;
    };
    guarded.createInteger = [](const redisReadTask* task, long long number) -> void* {
      return expected(task) ? of(task).original.createInteger(task, number) : nullptr;
    };
    guarded.createNil = [](const redisReadTask* task) -> void* { return expected(task) ? of(task).original.createNil(task) : nullptr; };
    reader.fn = &guarded;
    reader.privdata = this;
  }
  static const Link& of(const redisReadTask* task) {
    while (task->parent != nullptr) task = task->parent;
    return *static_cast<const Link*>(task->privdata);
  }
  static bool expected(const redisReadTask* task) { return task->parent != nullptr || !of(task).deadlines.empty(); }

  static void on_connect(const redisAsyncContext* context, int status) {
    auto& link = *static_cast<Link*>(context->data);
    if (status == REDIS_OK) {
      link.connected = true;
      link.watch_deadline();
      return;
    }
    // hiredis frees the context itself, and everything that waits is told by it.
    if (link.owner != nullptr) std::exchange(link.owner, nullptr)->gone("connect: " + std::string(context->c.errstr));
  }
  static void on_reply(redisAsyncContext* context, void* reply, void* sent) {
    const std::unique_ptr<Command> command(static_cast<Command*>(sent));
    auto* const link = static_cast<Link*>(context->data);
    if (!link->deadlines.empty()) link->deadlines.pop_front();
    link->watch_deadline();
    if (command->receiver_ == nullptr) return;
    if (reply == nullptr) command->receiver_->lost();
    else command->receiver_->answered(Reply(static_cast<const redisReply*>(reply)));
  }

  // Written once the current event is over, so that commands of one turn leave in one write, and without asking the kernel
  // whether it is ready: it mostly is. Only where the socket turned out to be full is it waited for.
  void write_soon() {
    if (!connected || flushing) return watch.want_write(true);
    if (std::exchange(write_posted, true)) return;
    loop.defer([this, lives = alive] {
      if (!*lives) return;
      write_posted = false;
      writable();
    });
  }
  void readable() override {
    const auto lives = alive;
    redisAsyncHandleRead(&context);
    if (*lives && owner != nullptr && context.c.reader->len > max_reply_bytes) owner->close("a reply is larger than is taken");
  }
  void writable() override {
    const auto lives = alive;
    flushing = true;
    redisAsyncHandleWrite(&context);
    if (*lives) flushing = false;
  }
  void expired(bool) override {
    if (owner == nullptr) return;
    if (!connected) return owner->close("connect: no answer in time");
    if (!deadlines.empty() && deadlines.front() > loop.now()) return watch_deadline();
    owner->close("a command was not answered in time");
  }
  void watch_deadline() {
    if (!connected) return;
    if (deadlines.empty()) disarm();
    else arm(deadlines.front());
  }
  void cleaned_up() {
    if (owner != nullptr) std::exchange(owner, nullptr)->gone(context.errstr != nullptr && context.err != 0 ? context.errstr : "closed");
    const std::unique_ptr<Link> itself(this);
  }
  void start(SteadyTime connect_by) { arm(connect_by); }
  void stop() { disarm(); }

  Connection* owner;                             // null: it has let go
  net::Loop& loop;
  redisAsyncContext& context;
  net::Watch watch;
  std::shared_ptr<bool> alive;
  redisReplyObjectFunctions original{}, guarded{};
  std::deque<SteadyTime> deadlines;              // of what is not answered yet, in order
  std::size_t max_reply_bytes = 0;
  bool connected = false, write_posted = false, flushing = false;
};

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
  redisAsyncContext* const context = options_.port == 0 ? redisAsyncConnectUnix(options_.host.c_str())
                                                        : redisAsyncConnect(options_.host.c_str(), options_.port);
  if (context == nullptr || context->err != 0) {
    reason_ = context == nullptr ? "connect: out of memory" : "connect: " + std::string(context->errstr);
    state_ = State::closed;
    if (context != nullptr) redisAsyncFree(context);
    return;
  }
  link_ = new Link(*this, loop, *context);
  link_->max_reply_bytes = options_.max_reply_bytes;
  redisAsyncSetConnectCallback(context, &Link::on_connect);      // asks for writability: after the hooks are set
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
  if (link_ == nullptr) return nullptr;
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string_view argument : arguments) {
    texts.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  std::unique_ptr<Command> command(new Command(receiver));
  const int sent = redisAsyncCommandArgv(&link_->context, &Link::on_reply, command.get(), static_cast<int>(texts.size()),
                                         texts.data(), sizes.data());
  if (sent != REDIS_OK) return nullptr;
  link_->deadlines.push_back(deadline);
  if (link_->deadlines.size() == 1) link_->watch_deadline();
  return command.release();                        // on_reply takes it back
}

void Connection::close(std::string_view why) {
  if (link_ == nullptr) return;
  redisAsyncContext* const context = &link_->context;
  link_->owner = nullptr;
  link_->stop();
  gone(why);
  redisAsyncFree(context);                         // tells what waits; put off by hiredis within one of its own calls
}

void Connection::gone(std::string_view why) {
  link_ = nullptr;
  state_ = State::closed;
  reason_ = why;
  if (ended_) std::exchange(ended_, {})();
}

std::size_t Connection::pending() const { return link_ == nullptr ? 0 : link_->deadlines.size(); }

}  // namespace davenport::redis
