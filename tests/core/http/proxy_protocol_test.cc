#include <doctest/doctest.h>

#include <string>

#include "core/http/proxy_protocol.h"
#include "support/splits.h"

namespace davenport::http {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using test::Arrival;

std::string parse(std::string_view bytes) {
  return test::check_splits(bytes, [](Arrival arrival) -> std::string {
    ProxyHeader header;
    while (header.state == ParseState::need_more && arrival.next()) header = parse_proxy_header(arrival.bytes());
    if (header.state == ParseState::need_more) return "need_more";
    if (header.state == ParseState::error) return "error";
    std::string out = std::to_string(header.consumed) + " ";
    if (header.local) return out + "local" + header.source_address;
    out += header.source_address + " " + std::to_string(header.source_port) + " > ";
    return out + header.destination_address + " " + std::to_string(header.destination_port);
  });
}

TEST_CASE("version 1 is one line of text (proxy-protocol.txt §2.1)") {
  struct Row { std::string_view bytes, said; };
  for (const Row& row : {
           Row{"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET /", "45 192.0.2.1 56324 > 198.51.100.2 443"},
           Row{"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", "44 0.0.0.0 0 > 255.255.255.255 65535"},
           Row{"PROXY TCP6 2001:DB8:0::1 ::1 1 2\r\n", "34 2001:db8::1 1 > ::1 2"},
           Row{"PROXY UNKNOWN\r\n", "15 local"},
           Row{"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\nx", "35 local"}, Row{"PROXY TCP4 192.0.2.1", "need_more"},
           Row{"PRO", "need_more"}, Row{"PROXY UNKNOWN\r", "need_more"},
           Row{"PROXY UNKNOWNX\r\n", "error"}, Row{"PROXY\r\n", "error"}, Row{"PROXY \r\n", "error"},
           Row{"PROXY TCP4\r\n", "error"}, Row{"proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n", "error"},
           Row{"PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n", "error"}, Row{"PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n", "error"},
           Row{"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n", "error"},
           Row{"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\r\n", "error"}, Row{"PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n", "error"},
           Row{"PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n", "error"},
           Row{"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n", "error"}, Row{"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n", "error"},
           Row{"PROXY TCP4 1.1.1.1  1.1.1.1 1 1\r\n", "error"}, Row{"PROXY TCP4 1.1.1.1 1.1.1.1 -1 1\r\n", "error"},
           Row{"PROXY TCP4 1.1.1.1 1.1.1.1 1 \r\n", "error"}, Row{"PROXY TCP4 1.1.1.256 1.1.1.1 1 1\r\n", "error"},
           Row{"PROXY TCP4 ::1 ::1 1 1\r\n", "error"}, Row{"PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n", "error"},
           Row{"PROXY TCP6 ::1%lo ::1 1 1\r\n", "error"}, Row{"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\0\r\n"sv, "error"},
           Row{"GET / HTTP/1.1\r\n\r\n", "error"}, Row{"", "need_more"}}) {
    CAPTURE(row.bytes);
    CHECK(parse(row.bytes) == row.said);
  }
  CHECK(parse("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n") == "107 local");
  CHECK(parse("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n") == "error");
  CHECK(parse("PROXY UNKNOWN " + std::string(200, 'x')) == "error");
}

std::string binary(std::uint8_t command, std::uint8_t family, std::string_view payload) {
  std::string out = "\r\n\r\n\0\r\nQUIT\n"s.append(1, static_cast<char>(command)).append(1, static_cast<char>(family));
  out.append(1, static_cast<char>(payload.size() >> 8)).append(1, static_cast<char>(payload.size() & 0xff));
  return out.append(payload);
}

const std::string kFour = "\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"s;
const std::string kSix = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s + std::string(15,
    '\0') + "\x01\x00\x50\x1f\x90"s;

TEST_CASE("version 2 is binary (proxy-protocol.txt §2.2)") {
  CHECK(parse(binary(0x21, 0x11, kFour) + "GET") == "28 192.0.2.1 56324 > 198.51.100.2 443");
  CHECK(parse(binary(0x21, 0x21, kSix)) == "52 2001:db8::1 80 > ::1 8080");
  CHECK(parse(binary(0x21, 0x11, kFour + "\x04\0\x02xy\x20\0\0"s)) == "36 192.0.2.1 56324 > 198.51.100.2 443");
  CHECK(parse(binary(0x20, 0x00, "")) == "16 local");
  CHECK(parse(binary(0x20, 0x77, "abc")) == "19 local");
  CHECK(parse(binary(0x20, 0x11, kFour)) == "28 local");
  CHECK(parse(binary(0x21, 0x00, "abc")) == "19 local");
  CHECK(parse(binary(0x21, 0x31, std::string(216, 'x'))) == "232 local");
  CHECK(parse(binary(0x21, 0x11, kFour).substr(0, 27)) == "need_more");
  CHECK(parse("\r\n\r\n\0\r\nQUI"sv) == "need_more");
}

TEST_CASE("a broken version 2 header is refused") {
  struct Row { const char* rule; std::string bytes; };
  for (const Row& row : {
           Row{"another signature", "\r\n\r\n\0\r\nQUIX"s}, Row{"version 1 in binary", binary(0x11, 0x11, kFour)},
           Row{"an unknown command", binary(0x22, 0x11, kFour)},
           Row{"UDP over IPv4", binary(0x21, 0x12, kFour)}, Row{"UDP over IPv6", binary(0x21, 0x22, kSix)},
           Row{"an unknown family", binary(0x21, 0x41, kFour)},
           Row{"addresses that do not fit", binary(0x21, 0x11, kFour.substr(1))},
           Row{"IPv6 in the room of IPv4", binary(0x21, 0x21, kFour)},
           Row{"a socket path cut short", binary(0x21, 0x31, std::string(215, 'x'))},
           Row{"a TLV cut in its head", binary(0x21, 0x11, kFour + "\x04\0"s)},
           Row{"a TLV longer than the header", binary(0x21, 0x11, kFour + "\x04\0\x03xy"s)},
           Row{"more than the limit", binary(0x21, 0x11, kFour + "\x04\x0f\xfc"s + std::string(4092, 'x'))},
           Row{"a wrong CRC32c", binary(0x21, 0x11, kFour + "\x03\0\x04zzzz"s)},
           Row{"a CRC32c of another size", binary(0x21, 0x11, kFour + "\x03\0\x03zzz"s)}}) {
    CAPTURE(row.rule);
    ProxyHeader header = parse_proxy_header(row.bytes);
    CHECK(header.state == ParseState::error);
    if (row.bytes.size() < 300) CHECK(parse(row.bytes) == "error");
  }
}

TEST_CASE("the CRC32c of the whole header is checked (proxy-protocol.txt §2.2.3)") {
  // CRC-32C of the 35 bytes with zeros in the checksum's place, worked out bit by bit elsewhere.
  const std::string bytes = binary(0x21, 0x11, kFour + "\x03\0\x04\x20\xec\x95\x49"s);
  std::string changed = bytes;
  changed[20] = '\x01';
  CHECK(parse_proxy_header(changed).state == ParseState::error);
  CHECK(parse(bytes) == "35 192.0.2.1 56324 > 198.51.100.2 443");
}

}  // namespace
}  // namespace davenport::http
