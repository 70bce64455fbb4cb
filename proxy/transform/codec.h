// proxy/transform/codec.h: gzip, brotli and zstd as streams of bytes. The libraries are known to encoder.cc and decoder.cc alone.
//     const auto encoder = make_encoder(Coding::gzip, 5, 0);
//     encoder->feed(piece, Flush::none, out) …; encoder->feed(last, Flush::end, out);
//     Decoder: feed() hands what it unpacks to `sink`, in pieces of at most kPieceBytes, until one says "stop".
// Bounds  a decoder gives up (too_large) above `most_bytes`, or above `expansion` times what it was fed (the first kFreeBytes are
//         free, since a short text of one letter is no bomb). It never holds more than the coding's window: 8 MiB (RFC 8878 §3.1.1.1.2, RFC 9659).
// Errors  an encoder that fails has no memory; what it gave so far is of no use. What is fed to a decoder may be anything.
// Thread  one at a time; no clock, no I/O.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cache/policy/coding.h"

namespace davenport::transform {

enum class Flush : std::uint8_t {
  none,    // as it compresses best
  sync,    // all that was fed can be unpacked from what was given: a reader needs not wait for more
  end,     // the last piece
};

class Encoder {
 public:
  virtual ~Encoder() = default;
  // Appends to `out`. False: no memory.
  virtual bool feed(std::string_view in, Flush flush, std::string& out) = 0;
};

// `level`: the library's own, brought into its bounds. `size`: of the whole, 0 where it is not known; it must hold then. Null: no
// memory, or identity.
std::unique_ptr<Encoder> make_encoder(policy::Coding coding, std::uint32_t level, std::uint64_t size);

struct DecoderLimits {
  std::uint64_t most_bytes = 0;
  std::uint32_t expansion = 200;
};

class Decoder {
 public:
  static constexpr std::size_t kPieceBytes = 64 << 10;
  static constexpr std::uint64_t kFreeBytes = 64 << 10;
  enum class State : std::uint8_t { going, corrupt, too_large, stopped };
  using Sink = std::function<bool(std::string_view)>;

  explicit Decoder(const DecoderLimits& limits) : limits_(limits) {}
  virtual ~Decoder() = default;
  // Anything but `going` is final.
  virtual State feed(std::string_view in, const Sink& sink) = 0;
  // Everything that was fed makes something whole.
  virtual bool complete() const = 0;

 protected:
  State give(std::string_view piece, const Sink& sink);
  DecoderLimits limits_;
  std::uint64_t in_bytes_ = 0, out_bytes_ = 0;
};

std::unique_ptr<Decoder> make_decoder(policy::Coding coding, const DecoderLimits& limits);   // null: identity, or no memory

}  // namespace davenport::transform
