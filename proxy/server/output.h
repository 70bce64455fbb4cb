// proxy/server/output.h: what is to be sent to one client, in order: formatted text, stored responses in place, pieces of a body
// that is still arriving, and views into a read buffer. All that is ready leaves in one writev.
//     out.text("HTTP/1.1 200 OK\r\n…");  out.stored(hit, head_from, 0, hit->body_bytes());
//     switch (out.write(stream)) { case Sent::all: … case Sent::some: wait for writable … case Sent::failed: … }
// Owner   text is copied. stored() by pointer borrows: its holder keeps it until write() has returned; what is left unsent is
//         referenced or copied then, so an Output may be kept across a suspension.
// Thread  the worker's.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/store/memory_store.h"
#include "core/net/stream.h"

namespace davenport::server {

enum class Sent : std::uint8_t { all, some, failed };

class Output {
 public:
  explicit Output(store::MemoryStore& store) : store_(&store) {}

  void text(std::string_view bytes);
  // For formatting in place: append to the string, then call end_text(begin_text()'s result).
  std::string& begin_text() { return text_; }
  void end_text(std::size_t from);

  // The bytes of a stored head from `head_from` on, then [offset, offset + length) of its body.
  void stored(const store::StoredResponse* response, std::size_t head_from, std::uint64_t offset, std::uint64_t length);
  void pinned(std::shared_ptr<const void> keep, const char* data, std::size_t size);   // `keep` keeps the bytes alive
  void borrowed(std::string_view bytes);                                               // gone after write(): the rest is copied

  // The last stored item keeps its response from now on, for a holder that may let go before it is sent.
  void hold(store::StoredPtr response);

  std::string_view text_view() const { return text_; }   // all of it, where nothing but text was appended

  // For a protocol that makes its own of it: takes the next head off the front, up to and with its empty line. "" where the front is
  // no whole head. Good until the next change; `scratch` is for heads that lie in two places.
  std::string_view take_head(std::string& scratch);
  // The next `bytes`, behind all heads, go over to `into`, which borrows what was borrowed here.
  void hand_over(std::uint64_t bytes, Output& into);
  void settle();                                   // what is left no longer borrows; write() does it by itself

  Sent write(net::Stream& stream) { return write_by(&net::Stream::writev, stream); }
  Sent write_soon(net::Stream& stream) { return write_by(&net::Stream::write_soon, stream); }    // with what others have to send
  bool empty() const { return next_ == items_.size(); }
  std::uint64_t unsent_bytes() const { return unsent_bytes_; }
  std::size_t items() const { return items_.size() - next_; }
  void clear();
  std::size_t text_capacity() const { return text_.capacity(); }

 private:
  struct Item {
    enum class Kind : std::uint8_t { text, stored, raw } kind = Kind::text;
    bool borrowed = false;
    std::uint64_t offset = 0, length = 0;          // text: in text_; stored: of the body; raw: data and length
    std::uint32_t head_from = 0, head_left = 0;    // stored
    const store::StoredResponse* response = nullptr;
    const char* data = nullptr;
    store::StoredPtr held;                         // stored, once it outlived its borrower
    std::shared_ptr<const void> keep;
  };
  using Write = net::Io (net::Stream::*)(const iovec* pieces, int count, std::size_t total_bytes);
  Sent write_by(Write how, net::Stream& stream);
  void advance(std::uint64_t bytes);

  store::MemoryStore* store_;
  std::string text_;
  std::vector<Item> items_;
  std::size_t next_ = 0;                           // the first item with unsent bytes
  std::uint64_t unsent_bytes_ = 0;
};

}  // namespace davenport::server
