// proxy/transform/unpack.h: what may be a gzip file (a sitemap.xml.gz), as what it holds.
// Thread  any; pure.
#pragma once
#include <cstdint>
#include <string>

#include "core/base/result.h"

namespace davenport::transform {

// Bytes that do not begin like gzip (RFC 1952 §2.3.1) come back as they are. An error where it is broken, cut short, or holds more than
// `most_bytes`.
Result<std::string> unpack_gzip(std::string bytes, std::uint64_t most_bytes);

}  // namespace davenport::transform
