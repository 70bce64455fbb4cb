#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdio>
#include <memory>

#include "config/load.h"
#include "core/base/log.h"
#include "core/net/loop.h"
#include "proxy/admin/admin.h"
#include "proxy/cli.h"
#include "proxy/cli_signals.h"
#include "proxy/server/server.h"

namespace davenport::cli {
namespace {

// Every connection is a descriptor; what the administrator allows at most is meant to be used.
void raise_descriptor_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

// A client takes one descriptor, and a miss another.
void warn_of_few_descriptors(const config::Config& config) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return;
  if (files.rlim_cur / 2 >= config.limits.connections) return;
  log_warning("{} descriptors may be open, too few for limits.connections = {} and the origins' behind them: raise `ulimit -n` "
              "(LimitNOFILE= of systemd)", files.rlim_cur, config.limits.connections);
}

std::string shown(const std::string& address, bool tls) {
  return address.starts_with("unix:") ? address : (tls ? "https://" : "http://") + address;
}

class Runner {
 public:
  Runner(net::Loop& loop, std::string file) : loop_(loop), file_(std::move(file)) {}

  bool start(const config::ConfigPtr& config);
  void signalled(int number);
  void stop() {
    admin_.reset();
    server_.reset();
  }

 private:
  void reload();
  void refuse_reload(std::string_view why) {
    if (admin_) admin_->note_reload(false, read_wall_clock());
    log_error("reload refused, the running configuration stays: {}", why);
  }

  net::Loop& loop_;
  const std::string file_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<admin::Admin> admin_;
};

bool Runner::start(const config::ConfigPtr& config) {
  Result<std::unique_ptr<server::Server>> server = server::Server::start(loop_, config);
  if (!server) {
    log_error("{}", server.error().message);
    return false;
  }
  server_ = std::move(*server);
  if (config->admin.enabled) {
    Result<std::unique_ptr<admin::Admin>> admin = admin::Admin::start(loop_, *server_, DAVENPORT_VERSION);
    if (!admin) {
      log_error("{}", admin.error().message);
      return false;
    }
    admin_ = std::move(*admin);
  }
  const std::vector<std::string> listening = server_->listening();
  for (std::size_t i = 0; i < listening.size(); ++i) {
    log_info("listening on {}", shown(listening[i], config->listeners[i].tls.on()));
  }
  if (admin_) log_info("admin on {}", shown(admin_->address(), config->admin.tls.on()));
  return true;
}

void Runner::signalled(int number) {
  switch (number) {
    case SIGHUP: return reload();
    case SIGUSR1:
      server_->reopen_logs();
      log_info("logs are opened again");
      return;
    default:
      if (server_->draining()) return;
      log_info("{}: ending; requests under way are finished{}", number == SIGINT ? "SIGINT" : "SIGTERM",
               number == SIGINT ? ", a second SIGINT ends at once" : "");
      server_->drain([this] { loop_.stop(); });
  }
}

// What is logged of a reload comes when it is over, so that whoever waits for it may go on.
void Runner::reload() {
  if (server_->draining()) return refuse_reload("it is ending");
  const Result<config::ConfigPtr, config::Problems> loaded = config::load_file(file_);
  if (!loaded) {
    for (const config::Problem& problem : loaded.error()) log_error("{}", config::to_text(problem, file_));
    return refuse_reload(fmt::format("{} has {} problem{}", file_, loaded.error().size(), loaded.error().size() == 1 ? "" : "s"));
  }
  const Result<std::monostate> taken = server_->reload(*loaded);
  if (!taken) return refuse_reload(taken.error().message);
  for (const std::string& warning : (*loaded)->warnings) log_warning("{}", warning);
  if (admin_) admin_->note_reload(true, read_wall_clock());
  log_info("reloaded {}", file_);
}

}  // namespace

int run(const std::string& file) {
  const Result<config::ConfigPtr, config::Problems> loaded = config::load_file(file);
  if (!loaded) {
    for (const config::Problem& problem : loaded.error()) fmt::print(stderr, "{}\n", config::to_text(problem, file));
    return 1;
  }
  raise_descriptor_limit();
  for (const std::string& warning : (*loaded)->warnings) log_warning("{}", warning);
  warn_of_few_descriptors(**loaded);

  net::Loop loop;
  Runner runner(loop, file);
  bool started = false;
  {
    const Signals signals(loop, [&runner](int number) { runner.signalled(number); });   // before the first other thread
    started = runner.start(*loaded);
    if (started) loop.run();
    runner.stop();
  }
  loop.cancel_waiters();                  // who still waits for a deadline leaves, before the loop goes
  if (started) log_info("ended");
  return started ? 0 : 1;
}

}  // namespace davenport::cli
