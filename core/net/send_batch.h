// core/net/send_batch.h: what a loop's connections have to say, kept until the loop has looked at all that were ready and then sent in
// one row. A proxy's request and its answer go to other sockets than they came from, so nothing is lost by waiting for the end of the
// turn; what is gained is that their readers are woken once for all of them: to wake a thread that sleeps on another core costs as much
// as a send, on a virtual machine several times as much.
//     batch.add(stream, pieces, count, total);  …  batch.flush();      // the loop, at the end of each turn
// Owner   the Loop; bytes are copied, a stream that goes takes its own with it (Stream::~Stream).
// Thread  the loop's.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::net {

class Stream;

class SendBatch {
 public:
  static constexpr std::size_t kPieceBytes = 8 << 10;       // what is longer is cheaper to send than to copy
  static constexpr std::size_t kMostBytes = 256 << 10;      // then the batch goes out before the turn ends
  static constexpr std::size_t kMostEntries = 32;           // so that the first of them does not wait long

  bool empty() const { return entries_.empty(); }
  void add(Stream& stream, const iovec* pieces, int count, std::size_t total_bytes);
  void flush();
  void flush(Stream& stream);      // what is its own, at once

 private:
  struct Entry {
    Stream* stream;                // null: sent already
    std::size_t from, size;        // in bytes_
  };
  std::vector<Entry> entries_;
  std::string bytes_;
};

}  // namespace davenport::net
