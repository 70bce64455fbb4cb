// One suite over all codings: what goes in comes out again, byte for byte, however it is cut; flushes keep pace; nothing that is
// fed to a decoder does harm.
#include "proxy/transform/codec.h"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

using namespace davenport;
using namespace davenport::transform;
using policy::Coding;

namespace {

constexpr std::array kCodings{Coding::gzip, Coding::brotli, Coding::zstd};
constexpr DecoderLimits kWide{64 << 20, 100'000};

std::string text_of(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  static constexpr std::array<std::string_view, 8> kWords{".button{", "color:#", "margin:0 ", "padding:", "display:flex;", "}\n", "12px;", "a"};
  std::string text;
  while (text.size() < bytes) text.append(kWords[random() % kWords.size()]);
  text.resize(bytes);
  return text;
}

std::string noise_of(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

std::string packed(Coding coding, std::uint32_t level, std::string_view text, std::size_t cut, bool known = true) {
  const auto encoder = make_encoder(coding, level, known ? text.size() : 0);
  REQUIRE(encoder != nullptr);
  std::string out;
  while (text.size() > cut) {
    REQUIRE(encoder->feed(text.substr(0, cut), Flush::none, out));
    text.remove_prefix(cut);
  }
  REQUIRE(encoder->feed(text, Flush::end, out));
  return out;
}

struct Unpacked {
  Decoder::State state = Decoder::State::going;
  std::string text;
  bool complete = false;
  std::size_t largest = 0;
};

Unpacked unpacked(Coding coding, std::string_view bytes, std::size_t cut, const DecoderLimits& limits = kWide) {
  const auto decoder = make_decoder(coding, limits);
  REQUIRE(decoder != nullptr);
  Unpacked result;
  const auto sink = [&](std::string_view piece) {
    result.text.append(piece);
    result.largest = std::max(result.largest, piece.size());
    return true;
  };
  while (!bytes.empty() && result.state == Decoder::State::going) {
    result.state = decoder->feed(bytes.substr(0, cut), sink);
    bytes.remove_prefix(std::min(cut, bytes.size()));
  }
  result.complete = decoder->complete();
  return result;
}

}  // namespace

TEST_CASE("every coding gives back what it was fed, at every level, however both sides are cut") {
  for (const Coding coding : kCodings) {
    for (const std::string& text : {std::string(), std::string("a"), text_of(700, 1), text_of(200'000, 2), noise_of(70'000, 3),
                                    std::string(300'000, 'x')}) {
      for (const std::uint32_t level : {1u, 5u, 11u, 19u}) {
        for (const std::size_t cut : {std::size_t{997}, std::size_t{1} << 20}) {
          CAPTURE(policy::name_of(coding));
          CAPTURE(text.size());
          CAPTURE(level);
          const std::string bytes = packed(coding, level, text, cut, cut > 1000);
          const Unpacked back = unpacked(coding, bytes, cut == 997 ? 61 : cut);
          CHECK(back.state == Decoder::State::going);
          CHECK(back.complete);
          CHECK(back.text == text);
          CHECK(back.largest <= Decoder::kPieceBytes);
        }
      }
    }
  }
}

TEST_CASE("a stream is cut anywhere, byte by byte") {
  const std::string text = text_of(3000, 4);
  for (const Coding coding : kCodings) {
    CAPTURE(policy::name_of(coding));
    const std::string bytes = packed(coding, 5, text, 1);
    CHECK(unpacked(coding, bytes, 1).text == text);
    for (std::size_t cut = 1; cut < bytes.size(); cut += 7) {
      CAPTURE(cut);
      const Unpacked part = unpacked(coding, std::string_view(bytes).substr(0, cut), 1 << 20);
      CHECK_FALSE(part.complete);
      CHECK(part.text == text.substr(0, part.text.size()));
    }
  }
}

TEST_CASE("after a sync flush a reader has all that was fed") {
  for (const Coding coding : kCodings) {
    CAPTURE(policy::name_of(coding));
    const auto encoder = make_encoder(coding, 5, 0);
    const auto decoder = make_decoder(coding, kWide);
    std::string fed, seen;
    for (unsigned i = 0; i < 20; ++i) {
      const std::string piece = text_of(1 + i * 137, i);
      fed.append(piece);
      std::string out;
      REQUIRE(encoder->feed(piece, Flush::sync, out));
      REQUIRE(decoder->feed(out, [&](std::string_view bytes) { seen.append(bytes); return true; }) == Decoder::State::going);
      CHECK(seen == fed);
      CHECK_FALSE(decoder->complete());
    }
    std::string out;
    REQUIRE(encoder->feed({}, Flush::end, out));
    REQUIRE(decoder->feed(out, [](std::string_view) { return true; }) == Decoder::State::going);
    CHECK(decoder->complete());
  }
}

TEST_CASE("a bomb is stopped by its ratio, by its bytes, and by whoever takes them") {
  const std::string bomb(32 << 20, '0');
  for (const Coding coding : kCodings) {
    CAPTURE(policy::name_of(coding));
    const std::string bytes = packed(coding, 9, bomb, 1 << 20);
    CHECK(bytes.size() * 500 < bomb.size());
    const Unpacked by_ratio = unpacked(coding, bytes, 1 << 20, {1 << 30, 200});
    CHECK(by_ratio.state == Decoder::State::too_large);
    CHECK(by_ratio.text.size() <= std::max<std::size_t>(bytes.size() * 201, Decoder::kFreeBytes));
    const Unpacked by_bytes = unpacked(coding, bytes, 1 << 20, {1 << 20, 100'000});
    CHECK(by_bytes.state == Decoder::State::too_large);
    CHECK(by_bytes.text.size() <= 1 << 20);
    const auto decoder = make_decoder(coding, kWide);
    std::size_t taken = 0;
    CHECK(decoder->feed(bytes, [&](std::string_view piece) { return (taken += piece.size()) < 100'000; }) == Decoder::State::stopped);
    CHECK(taken < 100'000 + Decoder::kPieceBytes);
    // Short texts of one letter are no bombs.
    CHECK(unpacked(coding, packed(coding, 9, std::string(60'000, 'x'), 1 << 20), 1 << 20, {1 << 20, 2}).complete);
  }
}

TEST_CASE("what is no such stream is corrupt, and what is damaged never passes for whole") {
  const std::string text = text_of(20'000, 5);
  std::mt19937 random(6);
  for (const Coding coding : kCodings) {
    CAPTURE(policy::name_of(coding));
    const Unpacked junk = unpacked(coding, "<html>this is no compressed text at all</html>", 7);
    CHECK((junk.state != Decoder::State::going || !junk.complete));
    const std::string bytes = packed(coding, 5, text, 1 << 20);
    const Unpacked trailed = unpacked(coding, bytes + "trailing", 1 << 20);
    CHECK((trailed.state == Decoder::State::corrupt || !trailed.complete));
    for (int turn = 0; turn < 300; ++turn) {
      std::string damaged = bytes;
      for (unsigned i = 0; i <= random() % 4; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
      unpacked(coding, damaged, 1 + random() % 4000, {1 << 20, 200});   // no crash, no hang, no growth
    }
  }
}

TEST_CASE("gzip members and zstd frames that follow one another are one text") {
  for (const Coding coding : {Coding::gzip, Coding::zstd}) {
    const std::string twice = packed(coding, 5, "first, ", 100) + packed(coding, 5, "second", 100);
    const Unpacked back = unpacked(coding, twice, 5);
    CHECK(back.text == "first, second");
    CHECK(back.complete);
  }
}

TEST_CASE("a strong level is smaller than a fast one, and the same text gives the same bytes") {
  const std::string text = text_of(200'000, 7);
  struct Row { Coding coding; std::uint32_t fast, strong; };
  for (const Row& row : {Row{Coding::gzip, 1, 9}, Row{Coding::brotli, 4, 11}, Row{Coding::zstd, 1, 19}}) {
    CAPTURE(policy::name_of(row.coding));
    const std::string fast = packed(row.coding, row.fast, text, 1 << 20);
    CHECK(packed(row.coding, row.strong, text, 1 << 20).size() < fast.size());
    CHECK(packed(row.coding, row.fast, text, 1 << 20) == fast);
  }
  CHECK(make_encoder(Coding::identity, 1, 0) == nullptr);
  CHECK(make_decoder(Coding::identity, kWide) == nullptr);
}
