#include "core/http/bytes.h"

#include <doctest/doctest.h>

#include <string>

using namespace davenport::http;

TEST_CASE("is_value finds every byte that may not stand in a field value, at every place of every length (RFC 9110 §5.5)") {
  CHECK(bytes::is_value("", 0));
  for (std::size_t length = 1; length <= 40; ++length) {
    std::string text(length, 'x');
    CHECK(bytes::is_value(text.data(), text.size()));
    for (std::size_t at = 0; at < length; ++at) {
      for (unsigned byte = 0; byte < 256; ++byte) {
        text[at] = static_cast<char>(byte);
        if (bytes::is_value(text.data(), text.size()) != bytes::is(text[at], bytes::kValue)) {
          CAPTURE(length);
          CAPTURE(at);
          CAPTURE(byte);
          FAIL("not as the table says");
        }
      }
      text[at] = 'x';
    }
  }
}
