// tests/support/unpack.h: what a client with content codings sees: the libraries asked directly, nothing of the product's.
#pragma once
#include <string>

#include "support/message.h"

namespace davenport::testing {

// The body of a response as its Content-Encoding says ("gzip", "br", "zstd", none); throws std::runtime_error where it is not whole.
std::string unpacked(const RawResponse& response);

std::string gzipped(const std::string& text);

// Text as style sheets are: it packs, but not to nothing. The same bytes for the same arguments.
std::string css_text(std::size_t bytes, unsigned seed = 1);

}  // namespace davenport::testing
