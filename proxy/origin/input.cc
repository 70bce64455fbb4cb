#include "proxy/origin/input.h"

#include <cstring>

namespace davenport::origin {
namespace {

constexpr std::size_t kKeepBytes = 16 * 1024;      // what an unused buffer of our own may hold

}  // namespace

void Input::clear() {
  if (shared_.holder == this) shared_.holder = nullptr;
  at_ = nullptr;
  size_ = 0;
  if (saved_.capacity() > kKeepBytes) saved_ = {};
}

void Input::save() {
  if (size_ == 0) {
    at_ = nullptr;
    return;
  }
  saved_.assign(at_, size_);
  at_ = saved_.data();
}

net::Io Input::read(net::Stream& stream) {
  if (!stream.maybe_readable()) return {};           // nothing to read: nobody's bytes are moved for it
  if (shared_.holder != nullptr && shared_.holder != this) {
    shared_.holder->save();
    shared_.holder = nullptr;
  }
  char* const buffer = shared_.bytes.get();
  if (size_ <= ReadBuffer::kBytes / 2) {             // the usual case: few or no bytes stand before the new ones
    if (size_ > 0) std::memmove(buffer, at_, size_);
    at_ = buffer;
    shared_.holder = this;
    const net::Io io = stream.read({buffer + size_, ReadBuffer::kBytes - size_});
    if (io.status == net::Io::Status::ok) size_ += io.bytes;
    return io;
  }
  if (shared_.holder == this) {
    save();
    shared_.holder = nullptr;
  } else if (at_ != saved_.data()) {                 // closes the gap of what was consumed
    saved_.erase(0, static_cast<std::size_t>(at_ - saved_.data()));
  }
  const net::Io io = stream.read({buffer, ReadBuffer::kBytes});
  saved_.resize(size_);
  if (io.status == net::Io::Status::ok) saved_.append(buffer, io.bytes);
  at_ = saved_.data();
  size_ = saved_.size();
  return io;
}

}  // namespace davenport::origin
