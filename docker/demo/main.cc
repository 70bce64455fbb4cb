// davenport_demo_shop: threads that serve, a database that is slow, and a signal that ends it.
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "docker/demo/shop.h"

namespace {

int serve(const demo::Options& options) {
  std::uint16_t port = 0;
  const int socket = demo::open_listening_socket(options.address, options.port, port);
  if (socket < 0) {
    fmt::print(stderr, "cannot listen on {}:{}: {}\n", options.address, options.port, std::strerror(errno));
    return 1;
  }
  // Blocked before the first thread starts, so that none but sigwait() gets them.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  signal(SIGPIPE, SIG_IGN);

  std::atomic<std::size_t> connections = 0;
  std::vector<std::unique_ptr<demo::Server>> servers;
  {
    demo::Database database(options.db_delay, options.db_limit, options.db_queue);
    demo::Shop shop(options, database, connections, std::time(nullptr));
    const auto handler = [&shop](demo::Request request, demo::Reply reply) {
      shop.handle(std::move(request), std::move(reply));
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < options.threads; ++i) {
      servers.push_back(std::make_unique<demo::Server>(handler, demo::ServerLimits{connections, options.max_connections}));
      servers.back()->listen(socket);
      threads.emplace_back([server = servers.back().get()] { server->run(); });
    }
    fmt::print("shop on http://{}:{}\n", options.address.find(':') == std::string::npos ? options.address : "[" + options.address + "]",
               port);
    std::fflush(stdout);

    int signal_number = 0;
    sigwait(&ending, &signal_number);
    for (const auto& server : servers) server->stop();
    for (std::thread& thread : threads) thread.join();
  }
  servers.clear();
  ::close(socket);
  return 0;
}

// Asked by binding, not by connecting: a port may be taken by one who does not accept.
int find_port(const demo::Options& options) {
  for (int port = options.find_port; port <= 65'535 && port < options.find_port + 200; ++port) {
    std::uint16_t bound = 0;
    const int socket = demo::open_listening_socket(options.address, static_cast<std::uint16_t>(port), bound);
    if (socket < 0) continue;
    ::close(socket);
    fmt::print("{}\n", bound);
    return 0;
  }
  fmt::print(stderr, "no free port from {} on\n", options.find_port);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const auto parsed = demo::parse_options(arguments);
  if (const auto* wrong = std::get_if<std::string>(&parsed)) {
    fmt::print(stderr, "{}\n", *wrong);
    return 2;
  }
  const auto& options = std::get<demo::Options>(parsed);
  if (options.help) {
    fmt::print("{}", demo::kHelp);
    return 0;
  }
  if (options.find_port != 0) return find_port(options);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  try {
    return serve(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
