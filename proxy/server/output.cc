#include "proxy/server/output.h"

#include <algorithm>
#include <array>
#include <span>

namespace davenport::server {
namespace {

constexpr std::size_t kPieces = 256;               // of one writev; IOV_MAX is 1,024
constexpr std::uint64_t kWriteBytes = 4 << 20;     // more than any socket buffer takes at once

}  // namespace

void Output::end_text(std::size_t from) {
  const std::uint64_t size = text_.size() - from;
  if (size == 0) return;
  unsent_bytes_ += size;
  if (items_.size() > next_) {
    Item& last = items_.back();
    if (last.kind == Item::Kind::text && last.offset + last.length == from) {
      last.length += size;
      return;
    }
  }
  Item& item = items_.emplace_back();
  item.offset = from;
  item.length = size;
}

void Output::text(std::string_view bytes) {
  const std::size_t from = text_.size();
  text_.append(bytes);
  end_text(from);
}

void Output::stored(const store::StoredResponse* response, std::size_t head_from, std::uint64_t offset, std::uint64_t length) {
  Item& item = items_.emplace_back();
  item.kind = Item::Kind::stored;
  item.response = response;
  item.head_from = static_cast<std::uint32_t>(head_from);
  item.head_left = static_cast<std::uint32_t>(response->head().size() - head_from);
  item.offset = offset;
  item.length = length;
  unsent_bytes_ += item.head_left + length;
}

void Output::pinned(std::shared_ptr<const void> keep, const char* data, std::size_t size) {
  if (size == 0) return;
  Item& item = items_.emplace_back();
  item.kind = Item::Kind::raw;
  item.data = data;
  item.length = size;
  item.keep = std::move(keep);
  unsent_bytes_ += size;
}

void Output::borrowed(std::string_view bytes) {
  if (bytes.empty()) return;
  Item& item = items_.emplace_back();
  item.kind = Item::Kind::raw;
  item.borrowed = true;
  item.data = bytes.data();
  item.length = bytes.size();
  unsent_bytes_ += bytes.size();
}

void Output::hold(store::StoredPtr response) {
  for (std::size_t i = next_; i < items_.size(); ++i) {
    if (items_[i].kind == Item::Kind::stored && items_[i].response == response.get()) items_[i].held = response;
  }
}

void Output::clear() {
  items_.clear();
  text_.clear();
  next_ = 0;
  unsent_bytes_ = 0;
}

std::string_view Output::take_head(std::string& scratch) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  scratch.clear();
  for (std::size_t i = next_; i < items_.size(); ++i) {
    const Item& item = items_[i];
    if (item.kind == Item::Kind::text) {
      const std::string_view text = std::string_view(text_).substr(item.offset, item.length);
      const std::size_t before = scratch.size();
      if (before == 0) {
        if (const std::size_t end = text.find(kEnd); end != std::string_view::npos) {
          advance(end + kEnd.size());
          return text.substr(0, end + kEnd.size());
        }
      }
      scratch.append(text);
      if (before == 0) continue;
      const std::size_t end = scratch.find(kEnd, before - std::min<std::size_t>(before, 3));
      if (end == std::string::npos) continue;
      scratch.resize(end + kEnd.size());
    } else if (item.kind == Item::Kind::stored && item.head_left > 0) {
      scratch.append(item.response->head().substr(item.head_from, item.head_left));
    } else {
      return {};
    }
    if (!scratch.ends_with(kEnd)) return {};
    advance(scratch.size());
    return scratch;
  }
  return {};
}

void Output::hand_over(std::uint64_t bytes, Output& into) {
  while (bytes > 0) {
    Item& item = items_[next_];
    const std::uint64_t size = std::min(bytes, item.length);
    switch (item.kind) {
      case Item::Kind::text: into.text(std::string_view(text_).substr(item.offset, size)); break;
      case Item::Kind::raw:
        if (item.borrowed) into.borrowed({item.data, size});
        else into.pinned(item.keep, item.data, size);
        // Whoever gave it counts it as taken from now on, and may free it: what the socket does not take at once is copied.
        if (size != 0) into.items_.back().borrowed = true;
        break;
      case Item::Kind::stored:
        into.stored(item.response, item.response->head().size(), item.offset, size);
        into.items_.back().held = size == item.length ? std::move(item.held) : item.held;
        break;
    }
    advance(size);
    bytes -= size;
  }
  if (empty()) clear();
}

Sent Output::write_by(Write how, net::Stream& stream) {
  while (!empty()) {
    std::array<iovec, kPieces> pieces;
    std::size_t count = 0;
    std::uint64_t total = 0;
    const auto add = [&](const char* data, std::uint64_t size) {
      if (size == 0) return;
      total += size;
      // A head and a small body lie side by side in the store: one piece.
      if (count > 0) {
        iovec& last = pieces[count - 1];
        if (static_cast<const char*>(last.iov_base) + last.iov_len == data) {
          last.iov_len += size;
          return;
        }
      }
      pieces[count++] = iovec{const_cast<char*>(data), size};
    };
    for (std::size_t i = next_; i < items_.size() && count + 2 < kPieces && total < kWriteBytes; ++i) {
      const Item& item = items_[i];
      switch (item.kind) {
        case Item::Kind::text: add(text_.data() + item.offset, item.length); break;
        case Item::Kind::raw: add(item.data, item.length); break;
        case Item::Kind::stored: {
          if (item.head_left > 0) add(item.response->head().data() + item.head_from, item.head_left);
          if (item.length == 0) break;
          std::array<iovec, 64> body;
          std::uint64_t covered = 0;
          const std::size_t room = std::min(body.size(), kPieces - count);
          const std::uint64_t wanted = std::min<std::uint64_t>(item.length, kWriteBytes);
          const std::size_t used = item.response->body(item.offset, wanted, std::span(body.data(), room), covered);
          for (std::size_t b = 0; b < used; ++b) add(static_cast<const char*>(body[b].iov_base), body[b].iov_len);
          if (covered < item.length) i = items_.size();      // no further: the order stands
          break;
        }
      }
    }
    if (total == 0) return Sent::failed;               // less is there than was promised
    const net::Io io = (stream.*how)(pieces.data(), static_cast<int>(count), total);
    if (io.status == net::Io::Status::ok) {
      advance(io.bytes);
      if (io.bytes == total) continue;
      settle();
      return Sent::some;
    }
    if (io.status == net::Io::Status::again) {
      settle();
      return Sent::some;
    }
    return Sent::failed;
  }
  clear();
  return Sent::all;
}

void Output::advance(std::uint64_t bytes) {
  unsent_bytes_ -= bytes;
  while (bytes > 0) {
    Item& item = items_[next_];
    const std::uint64_t of_head = std::min<std::uint64_t>(bytes, item.head_left);
    item.head_from += static_cast<std::uint32_t>(of_head);
    item.head_left -= static_cast<std::uint32_t>(of_head);
    bytes -= of_head;
    const std::uint64_t of_body = std::min(bytes, item.length);
    if (item.kind == Item::Kind::raw) item.data += of_body;
    else item.offset += of_body;
    item.length -= of_body;
    bytes -= of_body;
    if (item.head_left == 0 && item.length == 0) {
      item.held.reset();
      item.keep.reset();
      ++next_;
    }
  }
  // Items that were empty from the start (a stored response without a body whose head has gone).
  while (next_ < items_.size() && items_[next_].head_left == 0 && items_[next_].length == 0) ++next_;
}

void Output::settle() {
  for (std::size_t i = next_; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (item.kind == Item::Kind::stored && !item.held) item.held = store_->share(*item.response);
    if (item.borrowed) {
      item.offset = text_.size();
      text_.append(item.data, item.length);
      item.kind = Item::Kind::text;
      item.borrowed = false;
      item.data = nullptr;
      item.keep.reset();
    }
  }
  // Sent items hold nothing worth keeping; drop them so that a long stream does not grow the list.
  items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(next_));
  next_ = 0;
  // Unsent text slides to the front once most of the buffer has gone.
  std::size_t first = text_.size();
  for (const Item& item : items_) {
    if (item.kind == Item::Kind::text) first = std::min<std::size_t>(first, item.offset);
  }
  if (first > 0 && first * 2 >= text_.size()) {
    text_.erase(0, first);
    for (Item& item : items_) {
      if (item.kind == Item::Kind::text) item.offset -= first;
    }
  }
}

}  // namespace davenport::server
