#include "core/net/send_batch.h"

#include <utility>

#include "core/net/stream.h"

namespace davenport::net {

void SendBatch::add(Stream& stream, const iovec* pieces, int count, std::size_t total_bytes) {
  if (entries_.size() >= kMostEntries || bytes_.size() + total_bytes > kMostBytes) flush();
  entries_.push_back({&stream, bytes_.size(), total_bytes});
  for (int i = 0; i < count; ++i) bytes_.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
}

void SendBatch::flush() {
  for (const Entry& entry : entries_) {
    if (entry.stream == nullptr) continue;
    entry.stream->soon_ = false;
    entry.stream->send_batched(std::string_view(bytes_).substr(entry.from, entry.size));
  }
  entries_.clear();
  bytes_.clear();
}

void SendBatch::flush(Stream& stream) {
  stream.soon_ = false;
  for (Entry& entry : entries_) {
    if (entry.stream == &stream) std::exchange(entry.stream, nullptr)->send_batched(std::string_view(bytes_).substr(entry.from, entry.size));
  }
}

}  // namespace davenport::net
