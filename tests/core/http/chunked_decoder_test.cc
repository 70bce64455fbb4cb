#include <doctest/doctest.h>

#include "core/http/parser.h"
#include "support/heads.h"
#include "support/splits.h"

namespace davenport::http {
namespace {

using test::Arrival;

const HeadLimits kLimits{.head_bytes = 200, .field_count = 3};

std::string decode(std::string_view bytes) {
  return test::check_splits(bytes, [](Arrival arrival) { return test::run_chunked(std::move(arrival), kLimits); });
}
std::string error(std::string_view fault) { return "error " + std::string(fault); }

TEST_CASE("chunks are joined and their end is known to the byte (RFC 9112 §7.1)") {
  struct Row { std::string_view bytes, said; };
  for (const Row& row : {
           Row{"0\r\n\r\n", "done 5: |"}, Row{"4\r\nmilk\r\n0\r\n\r\nGET /", "done 14: milk|"},
           Row{"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "done 18: abc|"},
           Row{"a\r\n0123456789\r\n0\r\n\r\n", "done 20: 0123456789|"},
           Row{"A\r\n0123456789\r\n000\r\n\r\n", "done 22: 0123456789|"},
           Row{"0004\r\n\r\n\r\n\r\n0\r\n\r\n", "done 17: \r\n\r\n|"},
           Row{"0\r\nX: y\r\nA:\r\n\r\n", "done 15: |X=y\nA=\n"}, Row{"4\r\nmi", "need_more: mi|"},
           Row{"4\r\nmilk\r\n", "need_more: milk|"},
           Row{"4\r\nmilk\r\n0\r\n", "need_more: milk|"}}) {
    CAPTURE(row.bytes);
    CHECK(decode(row.bytes) == row.said);
  }
}

TEST_CASE("a chunk's size is hexadecimal digits and nothing else (RFC 9112 §7.1)") {
  using namespace std::string_view_literals;
  struct Row { std::string_view line, fault; };
  for (const Row& row : {
           Row{"", "bad_chunk_size"}, Row{"g", "bad_chunk_size"}, Row{"0x4", "bad_chunk_size"},
           Row{"+4", "bad_chunk_size"},
           Row{"-4", "bad_chunk_size"}, Row{"4_0", "bad_chunk_size"}, Row{" 4", "bad_chunk_size"},
           Row{"4 ", "bad_chunk_size"},
           Row{"4\t", "bad_chunk_size"}, Row{"4 4", "bad_chunk_size"}, Row{"4,4", "bad_chunk_size"},
           Row{"4.", "bad_chunk_size"},
           Row{"4\x0b", "control_byte"}, Row{"4\0"sv, "control_byte"}, Row{"\xd9\xa4", "bad_chunk_size"},
           Row{"10000000000000000", "bad_chunk_size"}, Row{"00000000000000005", "bad_chunk_size"}, Row{"ffffffffffffffff", "bad_chunk_size"},
           Row{"8000000000000000", "bad_chunk_size"}, Row{"4000000000000000", "bad_chunk_size"}, Row{"4\r", "bare_cr"},
           Row{"\r4", "bare_cr"}}) {
    CAPTURE(row.line);
    CHECK(decode(std::string(row.line) + "\r\nmilk\r\n0\r\n\r\n") == error(row.fault));
  }
  CHECK(decode("3fffffffffffffff\r\nmilk") == "need_more: milk|");
  CHECK(decode("4\nmilk\r\n0\r\n\r\n") == error("bare_lf"));
  CHECK(decode("\nmilk\r\n0\r\n\r\n") == error("bare_lf"));
}

TEST_CASE("a chunk's data ends in CR LF where its size says (RFC 9112 §7.1)") {
  CHECK(decode("4\r\nmilky\r\n0\r\n\r\n") == error("bad_chunk_size"));
  CHECK(decode("4\r\nmilk\n0\r\n\r\n") == error("bare_lf"));
  CHECK(decode("4\r\nmilk\r0\r\n\r\n") == error("bare_cr"));
  CHECK(decode("4\r\nmilk0\r\n\r\n") == error("bad_chunk_size"));
  CHECK(decode("5\r\nmilk\r\n0\r\n\r\n") == error("bare_lf"));
}

TEST_CASE("extensions are read by their grammar and left out (RFC 9112 §7.1.1)") {
  for (const std::string_view extension : {";a", ";a=b", ";a=\"b\"", ";a=\"\"", ";a=\"b;c\\\"d\\\\\"", " ; a = b ;c",
                                           "\t;\ta\t=\t\"x\ty\"",
                                           ";a=\"\xc3\xa9\"", ";a;b;c=d"}) {
    CAPTURE(extension);
    CHECK(decode("1" + std::string(extension) + "\r\nx\r\n0" + std::string(extension) + "\r\n\r\n").ends_with(": x|"));
  }
  for (const std::string_view extension : {";", "; ", ";;a", ";a;", ";=b", ";a=", ";a= ", ";a=\"b", ";a=\"b\\",
                                           ";a=\"b\"c", ";a=\"b\\\"", ";a b",
                                           ";a=b c", ";a=(", ";(", ";a=b,c", ";\xe9", ";a=\xe9", ";a ", ";a=b "}) {
    CAPTURE(extension);
    CHECK(decode("1" + std::string(extension) + "\r\nx\r\n0\r\n\r\n") == error("bad_chunk_extension"));
  }
  CHECK(decode("1;a=\"b\x01\"\r\nx\r\n0\r\n\r\n") == error("control_byte"));
  CHECK(decode("1;a=\"b\nc\"\r\nx\r\n0\r\n\r\n") == error("bare_lf"));
  CHECK(decode("1;a\rb\r\nx\r\n0\r\n\r\n") == error("bare_cr"));
  CHECK(decode("1;a=\"b\r\nc\"\r\nx\r\n0\r\n\r\n") == error("bad_chunk_extension"));
}

TEST_CASE("a chunk line is bounded") {
  const std::string fits = "1;a=" + std::string(kChunkLineBytes - 6, 'x') + "\r\n";
  REQUIRE(fits.size() == kChunkLineBytes);
  CHECK(decode(fits + "m\r\n0\r\n\r\n").ends_with(": m|"));
  CHECK(decode("1" + fits + "m\r\n0\r\n\r\n") == error("chunk_line_too_long"));
  CHECK(decode(std::string(600, '0')) == error("chunk_line_too_long"));
  CHECK(decode("1;\x01" + std::string(600, 'x')) == error("control_byte"));
}

TEST_CASE("trailer lines are field lines, bounded, and decide nothing (RFC 9110 §6.5.1)") {
  struct Row { std::string_view lines, fault; };
  for (const Row& row : {
           Row{"X : y\r\n", "space_before_colon"}, Row{" X: y\r\n", "obs_fold"}, Row{"X: y\r\n z\r\n", "obs_fold"},
           Row{"X\r\n", "bad_field_name"},
           Row{"X: y\n", "bare_lf"}, Row{"X: y\rz\r\n", "bare_cr"}, Row{"X: \x01\r\n", "control_byte"},
           Row{"Content-Length: 4\r\n", "bad_trailer"},
           Row{"Transfer-Encoding: chunked\r\n", "bad_trailer"}, Row{"Host: a\r\n", "bad_trailer"},
           Row{"Connection: close\r\n", "bad_trailer"},
           Row{"A:\r\nB:\r\nC:\r\nD:\r\n", "too_many_fields"}}) {
    CAPTURE(row.lines);
    CHECK(decode("1\r\nx\r\n0\r\n" + std::string(row.lines) + "\r\n") == error(row.fault));
  }
  CHECK(decode("0\r\n\n") == error("bare_lf"));
  CHECK(decode("0\r\nX: " + std::string(194, 'y') + "\r\n\r\n") == error("head_too_large"));
  CHECK(decode("0\r\nX: " + std::string(193, 'y')) == "need_more: |");
  CHECK(decode("0\r\nX: " + std::string(250, 'y')) == error("head_too_large"));
  CHECK(decode("0\r\nX: " + std::string(100, 'y') + "\r\nX: " + std::string(100,
      'y') + "\r\n\r\n") == error("head_too_large"));
}

TEST_CASE("content is handed on as it comes, in place, without waiting for the chunk's end") {
  ChunkedDecoder decoder(kLimits);
  Fields trailers;
  const std::string_view bytes = "8\r\nmilk";
  const ChunkedDecoder::Step step = decoder.feed(bytes, trailers);
  CHECK(step.state == ParseState::content);
  CHECK(step.content.data() == bytes.data() + 3);
  CHECK(step.content == "milk");
  CHECK(step.consumed == 7);
  const ChunkedDecoder::Step after = decoder.feed({}, trailers);
  CHECK(after.state == ParseState::need_more);
  CHECK(after.consumed == 0);
}

TEST_CASE("a decoder that is reset reads the next body") {
  ChunkedDecoder decoder(kLimits);
  Fields trailers;
  REQUIRE(decoder.feed("0\r\nA: b\r\n\r\n", trailers).state == ParseState::done);
  CHECK(decoder.feed("ignored", trailers).state == ParseState::done);
  decoder.reset();
  CHECK(decoder.feed("1\r\nx", trailers).content == "x");
}

}  // namespace
}  // namespace davenport::http
