// proxy/origin/input.h: what was read from an origin and not yet used. All exchanges of a worker read into one buffer; whose
// unread bytes lie there when another wants to read gets a copy of them in a buffer of its own. So the usual answer, used as
// it arrives, is copied nowhere, and a thousand slow ones cost no 64 KiB each.
//     net::Io io = input.read(stream);     use(input.unread());     input.consume(n);
// Views   of unread() and of what was consumed are gone when any Input of this worker reads.
// Thread  the worker's.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "core/net/stream.h"

namespace davenport::origin {

class Input;

struct ReadBuffer {
  static constexpr std::size_t kBytes = 64 * 1024;
  std::unique_ptr<char[]> bytes = std::make_unique<char[]>(kBytes);
  Input* holder = nullptr;         // whose unread bytes lie here
};

class Input {
 public:
  explicit Input(ReadBuffer& shared) : shared_(shared) {}
  ~Input() { clear(); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  std::string_view unread() const { return {at_, size_}; }
  char* data() { return at_; }     // of unread(), to be used in place
  void consume(std::size_t bytes) {
    at_ += bytes;
    size_ -= bytes;
  }
  // Appends what the socket has to unread(): at most 64 KiB in one call.
  net::Io read(net::Stream& stream);
  void clear();

 private:
  void save();                     // moves unread() into saved_

  ReadBuffer& shared_;
  std::string saved_;
  char* at_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace davenport::origin
