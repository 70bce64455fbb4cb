#include "support/unpack.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <stdexcept>

namespace davenport::testing {
namespace {

constexpr std::size_t kMostBytes = 64 << 20;

std::string gunzipped(const std::string& bytes) {
  std::string out(kMostBytes, '\0');
  z_stream stream{};
  if (::inflateInit2(&stream, 15 + 16) != Z_OK) throw std::runtime_error("no inflate");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = ::inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  const bool whole = result == Z_STREAM_END && stream.avail_in == 0;
  ::inflateEnd(&stream);
  if (!whole) throw std::runtime_error("the gzip body is not whole");
  return out;
}

std::string unbrotlied(const std::string& bytes) {
  std::string out(kMostBytes, '\0');
  std::size_t size = out.size();
  if (::BrotliDecoderDecompress(bytes.size(), reinterpret_cast<const std::uint8_t*>(bytes.data()), &size,
                                reinterpret_cast<std::uint8_t*>(out.data())) != BROTLI_DECODER_RESULT_SUCCESS) {
    throw std::runtime_error("the brotli body is not whole");
  }
  out.resize(size);
  return out;
}

std::string unzstded(const std::string& bytes) {
  std::string out(kMostBytes, '\0');
  const std::size_t size = ::ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size());
  if (::ZSTD_isError(size) != 0) throw std::runtime_error("the zstd body is not whole");
  out.resize(size);
  return out;
}

}  // namespace

std::string unpacked(const RawResponse& response) {
  const std::string coding = response.fields.combined("content-encoding");
  if (coding.empty()) return response.body;
  if (coding == "gzip") return gunzipped(response.body);
  if (coding == "br") return unbrotlied(response.body);
  if (coding == "zstd") return unzstded(response.body);
  throw std::runtime_error("no such coding: " + coding);
}

std::string gzipped(const std::string& text) {
  std::string out(::compressBound(text.size()) + 64, '\0');
  z_stream stream{};
  if (::deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::runtime_error("no deflate");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

std::string css_text(std::size_t bytes, unsigned seed) {
  std::string text;
  for (std::uint32_t x = seed; text.size() < bytes;) {
    x = x * 1664525 + 1013904223;
    text.append(".item-").append(std::to_string(x >> 20)).append(x & 1 ? "{color:#" : "{margin:").append(std::to_string(x % 997)).append("px}\n");
  }
  text.resize(bytes);
  return text;
}

}  // namespace davenport::testing
