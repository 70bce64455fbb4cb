#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>

#include "proxy/transform/codec.h"

namespace davenport::transform {
namespace {

using policy::Coding;

constexpr std::size_t kRoomBytes = 16 << 10;

class GzipEncoder final : public Encoder {
 public:
  ~GzipEncoder() override { ::deflateEnd(&stream_); }

  bool start(std::uint32_t level) {
    // 15 bits of window, and 16 more for gzip's head and tail (RFC 1952); without a name or a time in it, the same text gives
    // the same bytes.
    return ::deflateInit2(&stream_, static_cast<int>(std::clamp(level, 1u, 9u)), Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }

  bool feed(std::string_view in, Flush flush, std::string& out) override {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    do {
      const std::string_view piece = in.substr(0, kMost);
      in.remove_prefix(piece.size());
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
      stream_.avail_in = static_cast<uInt>(piece.size());
      const int how = !in.empty() ? Z_NO_FLUSH : flush == Flush::end ? Z_FINISH : flush == Flush::sync ? Z_SYNC_FLUSH : Z_NO_FLUSH;
      int result = Z_OK;
      do {
        std::array<char, kRoomBytes> room;
        stream_.next_out = reinterpret_cast<Bytef*>(room.data());
        stream_.avail_out = static_cast<uInt>(room.size());
        result = ::deflate(&stream_, how);
        if (result == Z_STREAM_ERROR) return false;
        out.append(room.data(), room.size() - stream_.avail_out);
      } while (stream_.avail_out == 0);
      if (how == Z_FINISH && result != Z_STREAM_END) return false;
    } while (!in.empty());
    return true;
  }

 private:
  z_stream stream_{};
};

class BrotliEncoder final : public Encoder {
 public:
  ~BrotliEncoder() override {
    if (state_ != nullptr) ::BrotliEncoderDestroyInstance(state_);
  }

  bool start(std::uint32_t level, std::uint64_t size) {
    state_ = ::BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
    if (state_ == nullptr) return false;
    ::BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, std::min(level, 11u));
    // A window no larger than the text costs less memory on both sides. 4 MiB at most, as browsers expect.
    std::uint32_t window = size == 0 ? 19 : BROTLI_MIN_WINDOW_BITS;
    while (size != 0 && window < 22 && (std::uint64_t{1} << window) < size + 16) ++window;
    ::BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, window);
    if (size != 0 && size <= 0xffffffff) ::BrotliEncoderSetParameter(state_, BROTLI_PARAM_SIZE_HINT, static_cast<std::uint32_t>(size));
    return true;
  }

  bool feed(std::string_view in, Flush flush, std::string& out) override {
    const BrotliEncoderOperation how = flush == Flush::end    ? BROTLI_OPERATION_FINISH
                                       : flush == Flush::sync ? BROTLI_OPERATION_FLUSH
                                                              : BROTLI_OPERATION_PROCESS;
    std::size_t left = in.size();
    const auto* next = reinterpret_cast<const std::uint8_t*>(in.data());
    do {
      std::size_t no_room = 0;
      std::uint8_t* nowhere = nullptr;
      if (::BrotliEncoderCompressStream(state_, how, &left, &next, &no_room, &nowhere, nullptr) == BROTLI_FALSE) return false;
      while (::BrotliEncoderHasMoreOutput(state_) == BROTLI_TRUE) {
        std::size_t size = 0;
        const std::uint8_t* const bytes = ::BrotliEncoderTakeOutput(state_, &size);
        out.append(reinterpret_cast<const char*>(bytes), size);
      }
    } while (left > 0 || (flush == Flush::end && ::BrotliEncoderIsFinished(state_) == BROTLI_FALSE));
    return true;
  }

 private:
  BrotliEncoderState* state_ = nullptr;
};

class ZstdEncoder final : public Encoder {
 public:
  ~ZstdEncoder() override { ::ZSTD_freeCCtx(context_); }

  bool start(std::uint32_t level, std::uint64_t size) {
    context_ = ::ZSTD_createCCtx();
    if (context_ == nullptr) return false;
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, static_cast<int>(std::clamp(level, 1u, 19u)));
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 0);
    if (size != 0) {
      ::ZSTD_CCtx_setPledgedSrcSize(context_, size);
    } else {
      ::ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, 19);
    }
    // What a decoder must be able to read ends at 8 MiB of window (RFC 9659); level 19 stays at that.
    return true;
  }

  bool feed(std::string_view in, Flush flush, std::string& out) override {
    const ZSTD_EndDirective how = flush == Flush::end ? ZSTD_e_end : flush == Flush::sync ? ZSTD_e_flush : ZSTD_e_continue;
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    std::size_t left = 0;
    do {
      std::array<char, kRoomBytes> room;
      ZSTD_outBuffer output{room.data(), room.size(), 0};
      left = ::ZSTD_compressStream2(context_, &output, &input, how);
      if (::ZSTD_isError(left) != 0) return false;
      out.append(room.data(), output.pos);
    } while (how == ZSTD_e_continue ? input.pos < input.size : left != 0);
    return true;
  }

 private:
  ZSTD_CCtx* context_ = nullptr;
};

}  // namespace

std::unique_ptr<Encoder> make_encoder(Coding coding, std::uint32_t level, std::uint64_t size) {
  switch (coding) {
    case Coding::identity: return nullptr;
    case Coding::gzip: {
      auto encoder = std::make_unique<GzipEncoder>();
      if (!encoder->start(level)) return nullptr;
      return encoder;
    }
    case Coding::brotli: {
      auto encoder = std::make_unique<BrotliEncoder>();
      if (!encoder->start(level, size)) return nullptr;
      return encoder;
    }
    case Coding::zstd: {
      auto encoder = std::make_unique<ZstdEncoder>();
      if (!encoder->start(level, size)) return nullptr;
      return encoder;
    }
  }
  return nullptr;
}

}  // namespace davenport::transform
