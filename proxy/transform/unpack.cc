#include "proxy/transform/unpack.h"

#include "proxy/transform/codec.h"

namespace davenport::transform {

Result<std::string> unpack_gzip(std::string bytes, std::uint64_t most_bytes) {
  if (!bytes.starts_with("\x1f\x8b")) return bytes;
  const auto decoder = make_decoder(policy::Coding::gzip, {most_bytes, 1'100});
  std::string out;
  const Decoder::Sink keep = [&out](std::string_view piece) { return out.append(piece), true; };
  const Decoder::State state = decoder == nullptr ? Decoder::State::corrupt : decoder->feed(bytes, keep);
  if (state == Decoder::State::too_large) return Error{"holds more than " + std::to_string(most_bytes) + " bytes when it is unpacked"};
  if (state != Decoder::State::going || !decoder->complete()) return Error{"is no whole gzip file"};
  return out;
}

}  // namespace davenport::transform
