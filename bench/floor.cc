// bench/floor.cc: what a hit costs when nothing but the kernel does it: the line that Davenport and its peers are measured
// against. One thread, raw epoll, one read and one writev a request (one of each for a whole batch of pipelined ones). It
// looks for the end of a head and the path, and sends a head that was formatted before and a body from where it lies.
//     floor PORT [THREADS]        GET /KIND/SIZE/NAME (bench/load/pattern.h); KIND `cond` is a 304
#include <cstdlib>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "bench/load/serve.h"

namespace bench {
namespace {

class Floor {
 public:
  Answer answer(std::string_view text, std::string_view) {
    const Path path = Path::of(text);
    if (path.kind == "cond") return {kNotModified, 0, 0};
    return {head_of(path.size), hash_of(text), path.size};
  }
  const Pattern& pattern() const { return pattern_; }

 private:
  // As long as the head of a hit that Davenport sends.
  static constexpr std::string_view kNotModified =
      "HTTP/1.1 304 Not Modified\r\nAge: 1\r\nCache-Status: davenport; hit; ttl=86399\r\nDate: Wed, 21 Oct 2015 07:28:00 GMT\r\n"
      "Cache-Control: max-age=86400\r\nETag: \"0123456789abcdef\"\r\n\r\n";

  const std::string& head_of(std::uint64_t size) {
    if (last_ != nullptr && last_size_ == size) return *last_;
    std::string& head = heads_[size];
    if (head.empty()) {
      head = "HTTP/1.1 200 OK\r\nAge: 1\r\nCache-Status: davenport; hit; ttl=86399\r\nDate: Wed, 21 Oct 2015 07:28:00 GMT\r\n"
             "Content-Type: application/octet-stream\r\nContent-Length: " + std::to_string(size) +
             "\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nETag: \"0123456789abcdef\"\r\nCache-Control: max-age=86400\r\n\r\n";
    }
    last_ = &head;
    last_size_ = size;
    return head;
  }

  Pattern pattern_;
  std::unordered_map<std::uint64_t, std::string> heads_;      // nodes stay where they are
  const std::string* last_ = nullptr;
  std::uint64_t last_size_ = 0;
};

[[noreturn]] void run(std::uint16_t port) {
  Floor floor;
  EpollServer<Floor>(floor, listen_at(port)).run();
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
  const std::uint16_t port = bench::port_of(count, arguments);
  const int threads = count > 2 ? std::atoi(arguments[2]) : 1;
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(bench::run, port);
  bench::run(port);
}
