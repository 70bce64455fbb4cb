// Keys by HKDF and digests, against the vectors of their RFCs.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/net/mac.h"

using namespace davenport;

namespace {

std::string bytes(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

template <class Bytes>
std::string text(const Bytes& from) {
  return {from.begin(), from.end()};
}

}  // namespace

TEST_CASE("HKDF-SHA256 gives what RFC 5869 §A says") {
  struct Row { std::string secret, salt, info; const char* made; };
  for (const Row& row : {Row{std::string(22, '\x0b'), bytes("000102030405060708090a0b0c"), bytes("f0f1f2f3f4f5f6f7f8f9"),
                             "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},     // §A.1
                         Row{std::string(22, '\x0b'), "", "",
                             "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"}}) {   // §A.3
    const std::string want = bytes(row.made);
    std::vector<unsigned char> made(want.size());
    net::hkdf_sha256(row.secret, row.salt, row.info, made);
    CHECK(text(made) == want);
  }
}

TEST_CASE("SHA-1 gives what RFC 3174 §7.3 says") {
  CHECK(text(net::sha1("abc")) == bytes("a9993e364706816aba3e25717850c26c9cd0d89d"));
}
