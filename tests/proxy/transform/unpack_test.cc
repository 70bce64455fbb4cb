#include "proxy/transform/unpack.h"

#include <doctest/doctest.h>

#include "proxy/transform/codec.h"

using namespace davenport;
using namespace davenport::transform;

TEST_CASE("a gzip file is unpacked, everything else comes back as it is") {
  const std::string text(300'000, 'a');
  std::string packed;
  REQUIRE(make_encoder(policy::Coding::gzip, 9, 0)->feed(text, Flush::end, packed));
  const Result<std::string> whole = unpack_gzip(packed, 1 << 20);
  REQUIRE(whole);
  CHECK(*whole == text);
  CHECK(*unpack_gzip("<urlset/>", 4) == "<urlset/>");
  CHECK(unpack_gzip("", 4)->empty());
  CHECK_FALSE(unpack_gzip(packed, text.size() - 1));
  for (std::size_t cut = 2; cut < packed.size(); ++cut) CHECK_FALSE(unpack_gzip(packed.substr(0, cut), 1 << 20));
  packed[packed.size() - 5] = static_cast<char>(packed[packed.size() - 5] ^ 0x55);     // its checksum (RFC 1952 §2.3.1)
  CHECK_FALSE(unpack_gzip(packed, 1 << 20));
}
