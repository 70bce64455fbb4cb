#include "proxy/observe/access_log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

using namespace davenport;
using namespace davenport::observe;
using namespace std::chrono_literals;

namespace {

class Directory {
 public:
  Directory() {
    char name[] = "/tmp/davenport-log-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string read_file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

template <class Condition>
bool await(Condition condition) {
  const SteadyTime end = read_steady_clock() + 10s;
  while (!condition()) {
    if (read_steady_clock() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

std::unique_ptr<AccessLog> open_log(const std::string& path, config::LogFormat format = config::LogFormat::json) {
  Result<std::unique_ptr<AccessLog>> log = AccessLog::open({format, path});
  REQUIRE(log);
  return std::move(*log);
}

AccessRecord record_of(std::string_view target) {
  AccessRecord record;
  record.method = "GET";
  record.target = target;
  record.status = 200;
  return record;
}

}  // namespace

TEST_CASE("what was pushed is in the file when the log ends, behind what was there before") {
  const Directory directory;
  const std::string path = directory.file("access.log");
  std::ofstream(path) << "an older line\n";
  {
    const auto log = open_log(path);
    const auto ring = log->make_ring();
    CHECK(ring->push(record_of("/milk")));
    CHECK(ring->push(record_of("/butter")));
  }
  const std::string text = read_file(path);
  CHECK(text.starts_with("an older line\n"));
  CHECK(text.find("/milk") < text.find("/butter"));
  CHECK(lines_in(text) == 3);
}

TEST_CASE("a line is written soon, while the log lives") {
  const Directory directory;
  const auto log = open_log(directory.file("access.log"));
  const auto ring = log->make_ring();
  CHECK(ring->push(record_of("/milk")));
  CHECK(await([&] { return read_file(directory.file("access.log")).find("/milk") != std::string::npos; }));
}

TEST_CASE("the rings of several workers lose nothing, and each keeps its order") {
  const Directory directory;
  const std::string path = directory.file("access.log");
  constexpr int kWorkers = 3, kLines = 20'000;
  {
    const auto log = open_log(path, config::LogFormat::combined);
    std::vector<std::thread> workers;
    for (int worker = 0; worker < kWorkers; ++worker) {
      workers.emplace_back([&log, worker] {
        const auto ring = log->make_ring();
        for (int i = 0; i < kLines; ++i) {
          const std::string target = "/" + std::to_string(worker) + "/" + std::to_string(i);
          while (!ring->push(record_of(target))) std::this_thread::yield();
        }
      });
    }
    for (std::thread& worker : workers) worker.join();
  }
  int next[kWorkers] = {};
  std::ifstream file(path);
  bool in_order = true;
  for (std::string line; std::getline(file, line);) {
    const std::size_t at = line.find("\"GET /") + 6;
    const int worker = line[at] - '0';
    in_order = in_order && std::stoi(line.substr(at + 2)) == next[worker]++;
  }
  CHECK(in_order);
  for (const int count : next) CHECK(count == kLines);
}

TEST_CASE("after a rotation, reopen() sends later lines to a new file and none is lost") {
  const Directory directory;
  const std::string path = directory.file("access.log"), rotated = directory.file("access.log.1");
  const auto log = open_log(path);
  const auto ring = log->make_ring();
  CHECK(ring->push(record_of("/before")));
  std::filesystem::rename(path, rotated);
  log->reopen();
  CHECK(await([&] { return std::filesystem::exists(path); }));
  CHECK(ring->push(record_of("/after")));
  CHECK(await([&] { return read_file(path).find("/after") != std::string::npos; }));
  CHECK(read_file(rotated).find("/before") != std::string::npos);
  CHECK(read_file(path).find("/before") == std::string::npos);
}

TEST_CASE("where the file can't be opened again, the old one stays in use") {
  const Directory directory;
  std::filesystem::create_directory(directory.file("logs"));
  const std::string path = directory.file("logs/access.log");
  const auto log = open_log(path);
  const auto ring = log->make_ring();
  CHECK(ring->push(record_of("/before")));
  std::filesystem::rename(directory.file("logs"), directory.file("moved"));
  log->reopen();
  CHECK(ring->push(record_of("/after")));
  CHECK(await([&] { return lines_in(read_file(directory.file("moved/access.log"))) == 2; }));
}

TEST_CASE("a file that can't be opened is an error that says what to do") {
  const Result<std::unique_ptr<AccessLog>> log =
      AccessLog::open({config::LogFormat::json, "/nonexistent/davenport/access.log"});
  REQUIRE_FALSE(log);
  CHECK(log.error().message.find("/nonexistent/davenport/access.log") != std::string::npos);
  CHECK(log.error().message.find("make its directory") != std::string::npos);
}

TEST_CASE("a log that is off opens nothing and has no rings") {
  const auto log = open_log("/nonexistent/davenport/access.log", config::LogFormat::off);
  CHECK(log->make_ring() == nullptr);
  log->reopen();
  CHECK(log->lost() == 0);
}

TEST_CASE("a full disk loses lines, counts them, and stops nobody") {
  const auto log = open_log("/dev/full");
  const auto ring = log->make_ring();
  for (int i = 0; i < 100; ++i) CHECK(ring->push(record_of("/milk")));
  CHECK(await([&] { return log->lost() == 100; }));
}

TEST_CASE("a pipe whose reader has gone loses lines, counts them, and kills nobody") {
  const Directory directory;
  const std::string path = directory.file("pipe");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  const auto log = open_log(path);
  const auto ring = log->make_ring();
  ::close(reader);
  CHECK(ring->push(record_of("/milk")));
  CHECK(await([&] { return log->lost() == 1; }));
}

TEST_CASE("a pipe that nobody reads fills the ring: push() says false and returns at once, and the end is not held up") {
  const Directory directory;
  const std::string path = directory.file("pipe");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  {
    const auto log = open_log(path);
    const auto ring = log->make_ring();
    const std::string target(2000, 'x');
    bool dropped = false;
    for (int i = 0; i < 100'000 && !dropped; ++i) dropped = !ring->push(record_of(target));
    CHECK(dropped);
  }
  ::close(reader);
}
