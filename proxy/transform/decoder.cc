#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "proxy/transform/codec.h"

namespace davenport::transform {
namespace {

using policy::Coding;
using State = Decoder::State;

constexpr int kZstdWindowLog = 23;

class GzipDecoder final : public Decoder {
 public:
  explicit GzipDecoder(const DecoderLimits& limits) : Decoder(limits), room_(kPieceBytes) {}
  ~GzipDecoder() override { ::inflateEnd(&stream_); }
  bool start() { return ::inflateInit2(&stream_, 15 + 16) == Z_OK; }

  State feed(std::string_view in, const Sink& sink) override {
    in_bytes_ += in.size();
    while (!in.empty()) {
      // A file of several members is their texts together (RFC 1952 §2.2).
      if (ended_ && ::inflateReset(&stream_) != Z_OK) return State::corrupt;
      ended_ = false;
      const std::string_view piece = in.substr(0, std::numeric_limits<uInt>::max());
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
      stream_.avail_in = static_cast<uInt>(piece.size());
      int result = Z_OK;
      do {
        stream_.next_out = reinterpret_cast<Bytef*>(room_.data());
        stream_.avail_out = static_cast<uInt>(room_.size());
        result = ::inflate(&stream_, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return State::corrupt;
        const State state = give({room_.data(), room_.size() - stream_.avail_out}, sink);
        if (state != State::going) return state;
      } while (result != Z_STREAM_END && (stream_.avail_in > 0 || stream_.avail_out == 0));
      ended_ = result == Z_STREAM_END;
      in.remove_prefix(piece.size() - stream_.avail_in);
    }
    return State::going;
  }
  bool complete() const override { return ended_; }

 private:
  z_stream stream_{};
  std::vector<char> room_;
  bool ended_ = false;
};

class BrotliDecoder final : public Decoder {
 public:
  explicit BrotliDecoder(const DecoderLimits& limits) : Decoder(limits), room_(kPieceBytes) {}
  ~BrotliDecoder() override {
    if (state_ != nullptr) ::BrotliDecoderDestroyInstance(state_);
  }
  bool start() {
    state_ = ::BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
    return state_ != nullptr;
  }

  State feed(std::string_view in, const Sink& sink) override {
    in_bytes_ += in.size();
    std::size_t left = in.size();
    const auto* next = reinterpret_cast<const std::uint8_t*>(in.data());
    for (;;) {
      if (ended_) return left == 0 ? State::going : State::corrupt;
      std::size_t free = room_.size();
      auto* to = reinterpret_cast<std::uint8_t*>(room_.data());
      const BrotliDecoderResult result = ::BrotliDecoderDecompressStream(state_, &left, &next, &free, &to, nullptr);
      if (result == BROTLI_DECODER_RESULT_ERROR) return State::corrupt;
      const State state = give({room_.data(), room_.size() - free}, sink);
      if (state != State::going) return state;
      ended_ = result == BROTLI_DECODER_RESULT_SUCCESS;
      if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT) return State::going;
    }
  }
  bool complete() const override { return ended_; }

 private:
  BrotliDecoderState* state_ = nullptr;
  std::vector<char> room_;
  bool ended_ = false;
};

class ZstdDecoder final : public Decoder {
 public:
  explicit ZstdDecoder(const DecoderLimits& limits) : Decoder(limits), room_(kPieceBytes) {}
  ~ZstdDecoder() override { ::ZSTD_freeDCtx(context_); }
  bool start() {
    context_ = ::ZSTD_createDCtx();
    return context_ != nullptr && ::ZSTD_isError(::ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdWindowLog)) == 0;
  }

  State feed(std::string_view in, const Sink& sink) override {
    in_bytes_ += in.size();
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    bool full = false;
    while (input.pos < input.size || full) {
      ZSTD_outBuffer output{room_.data(), room_.size(), 0};
      const std::size_t left = ::ZSTD_decompressStream(context_, &output, &input);
      if (::ZSTD_isError(left) != 0) return State::corrupt;
      const State state = give({room_.data(), output.pos}, sink);
      if (state != State::going) return state;
      ended_ = left == 0;                       // of a frame; another one may follow (RFC 8878 §3.1)
      full = output.pos == output.size && !ended_;
    }
    return State::going;
  }
  bool complete() const override { return ended_; }

 private:
  ZSTD_DCtx* context_ = nullptr;
  std::vector<char> room_;
  bool ended_ = false;
};

template <class Kind>
std::unique_ptr<Decoder> started(const DecoderLimits& limits) {
  auto decoder = std::make_unique<Kind>(limits);
  if (!decoder->start()) return nullptr;
  return decoder;
}

}  // namespace

State Decoder::give(std::string_view piece, const Sink& sink) {
  if (piece.empty()) return State::going;
  out_bytes_ += piece.size();
  if (out_bytes_ > limits_.most_bytes) return State::too_large;
  if (out_bytes_ > kFreeBytes && out_bytes_ / limits_.expansion > in_bytes_) return State::too_large;
  return sink(piece) ? State::going : State::stopped;
}

std::unique_ptr<Decoder> make_decoder(Coding coding, const DecoderLimits& limits) {
  switch (coding) {
    case Coding::identity: return nullptr;
    case Coding::gzip: return started<GzipDecoder>(limits);
    case Coding::brotli: return started<BrotliDecoder>(limits);
    case Coding::zstd: return started<ZstdDecoder>(limits);
  }
  return nullptr;
}

}  // namespace davenport::transform
