#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "config/config.h"

using namespace davenport;
using namespace davenport::config;

TEST_CASE("an address is read as operators write it, and printed so that it reads the same again") {
  struct Row { std::string_view text; Address::Kind kind; std::string_view host; int port; std::string_view printed; };
  for (const Row& row : {
           Row{"127.0.0.1:8080", Address::Kind::inet, "127.0.0.1", 8080, "127.0.0.1:8080"},
           Row{"0.0.0.0:0", Address::Kind::inet, "0.0.0.0", 0, "0.0.0.0:0"},
           Row{"[::1]:80", Address::Kind::inet, "::1", 80, "[::1]:80"},
           Row{"[0:0:0:0:0:0:0:1]:80", Address::Kind::inet, "::1", 80, "[::1]:80"},
           Row{"[2001:DB8::A]:65535", Address::Kind::inet, "2001:db8::a", 65535, "[2001:db8::a]:65535"},
           Row{"unix:/run/shop.sock", Address::Kind::unix_path, "/run/shop.sock", 0, "unix:/run/shop.sock"},
           Row{"shop:3000", Address::Kind::name, "shop", 3000, "shop:3000"},
           Row{"Shop_1.Internal.:80", Address::Kind::name, "shop_1.internal.", 80, "shop_1.internal.:80"}}) {
    CAPTURE(row.text);
    const auto address = Address::parse(row.text);
    REQUIRE(address.has_value());
    CHECK(address->kind == row.kind);
    CHECK(address->host == row.host);
    CHECK(address->port == row.port);
    CHECK(address->text() == row.printed);
    CHECK(*Address::parse(address->text()) == *address);
  }
}

TEST_CASE("what is not an address is refused with what was expected") {
  struct Row { std::string text; std::string_view expected; };
  for (const Row& row : {
           Row{"", "lacks a port"},
           Row{"127.0.0.1", "lacks a port"},
           Row{"[::1]", "lacks a port"},
           Row{"127.0.0.1:", "expected a port"},
           Row{"127.0.0.1:65536", "expected a port"},
           Row{"127.0.0.1:080", "expected a port"},
           Row{"127.0.0.1:+80", "expected a port"},
           Row{"127.0.0.1:80 ", "expected a port"},
           Row{"::1:80", "stands in brackets"},
           Row{"[127.0.0.1]:80", "expected an IPv6 address in the brackets"},
           Row{"[::1%lo]:80", "expected an IPv6 address in the brackets"},
           Row{"[]:80", "expected an IPv6 address in the brackets"},
           Row{":8080", "\"0.0.0.0:8080\" means all of IPv4"},
           Row{"127.1:80", "neither a numeric address nor a name"},
           Row{"256.0.0.1:80", "neither a numeric address nor a name"},
           Row{"010.0.0.1:80", "neither a numeric address nor a name"},
           Row{"sh op:80", "neither a numeric address nor a name"},
           Row{"a..b:80", "neither a numeric address nor a name"},
           Row{".a:80", "neither a numeric address nor a name"},
           Row{std::string(254, 'a') + ":80", "neither a numeric address nor a name"},
           Row{std::string("127.0.0.1\0x:80", 14), "neither a numeric address nor a name"},
           Row{"http://127.0.0.1:3000/shop", "without a scheme: \"127.0.0.1:3000\""},
           Row{"unix:", "absolute path"},
           Row{"unix:run/shop.sock", "absolute path"},
           Row{"unix:/" + std::string(107, 'a'), "at most 107 bytes"}}) {
    CAPTURE(row.text);
    const auto address = Address::parse(row.text);
    REQUIRE_FALSE(address.has_value());
    CHECK(address.error().message.find(row.expected) != std::string::npos);
  }
}

TEST_CASE("loopback is what this machine alone reaches") {
  for (const std::string_view text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/x"}) {
    CAPTURE(text);
    CHECK(Address::parse(text)->loopback());
  }
  for (const std::string_view text : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "localhost:1", "[::ffff:10.0.0.1]:1"}) {
    CAPTURE(text);
    CHECK_FALSE(Address::parse(text)->loopback());
  }
}

TEST_CASE("a network holds the addresses under its prefix and no others") {
  struct Row { std::string_view network, inside, outside; };
  for (const Row& row : {
           Row{"10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
           Row{"10.0.0.0/9", "10.127.255.255", "10.128.0.0"},
           Row{"192.168.1.4/30", "192.168.1.7", "192.168.1.8"},
           Row{"192.0.2.1", "192.0.2.1", "192.0.2.2"},
           Row{"0.0.0.0/0", "8.8.8.8", "2001:db8::1"},
           Row{"::/0", "2001:db8::1", "8.8.8.8"},
           Row{"::1", "::1", "::2"},
           Row{"fd00::/8", "fdff::1", "fe00::1"},
           Row{"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
           Row{"10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"},
           Row{"::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3"},
           Row{"::ffff:10.0.0.0/104", "::ffff:10.1.2.3", "::10.1.2.3"},
           Row{"unix", "unix", "127.0.0.1"},
           Row{"127.0.0.0/8", "127.0.0.1", "unix"},
           Row{"::/0", "::", ""},
           Row{"0.0.0.0/0", "1.1.1.1", "no address"}}) {
    CAPTURE(row.network);
    CAPTURE(row.inside);
    CAPTURE(row.outside);
    const auto network = Network::parse(row.network);
    REQUIRE(network.has_value());
    CHECK(network->contains(row.inside));
    CHECK_FALSE(network->contains(row.outside));
  }
}

TEST_CASE("a prefix of every length divides addresses at its bit, in IPv4 and IPv6") {
  const auto with_bit = [](bool v6, unsigned bit) {   // the address in which this bit alone is set
    Network one;
    one.v6 = v6;
    one.bytes[bit / 8] = static_cast<unsigned char>(0x80u >> (bit % 8));
    one.prefix_bits = v6 ? 128 : 32;
    return one.text();
  };
  for (const bool v6 : {false, true}) {
    for (unsigned bits = 0; bits <= (v6 ? 128u : 32u); ++bits) {
      CAPTURE(bits);
      const auto zero = Network::parse((v6 ? "::/" : "0.0.0.0/") + std::to_string(bits));
      REQUIRE(zero.has_value());
      if (bits > 0) CHECK_FALSE(zero->contains(with_bit(v6, bits - 1)));
      if (bits < (v6 ? 128u : 32u)) CHECK(zero->contains(with_bit(v6, bits)));
    }
  }
}

TEST_CASE("a network is printed in its shortest form, which reads the same again") {
  struct Row { std::string_view text, printed; };
  for (const Row& row : {Row{"10.0.0.0/8", "10.0.0.0/8"}, Row{"10.1.2.3/32", "10.1.2.3"}, Row{"0:0::1/128", "::1"},
                         Row{"FD00::/8", "fd00::/8"}, Row{"::ffff:10.0.0.0/104", "10.0.0.0/8"}, Row{"unix", "unix"},
                         Row{"::/0", "::/0"}}) {
    CAPTURE(row.text);
    CHECK(Network::parse(row.text)->text() == row.printed);
    CHECK(Network::parse(row.printed)->text() == row.printed);
  }
}

TEST_CASE("what is not a network is refused, and bits behind the prefix with the network that was likely meant") {
  struct Row { std::string_view text, expected; };
  for (const Row& row : {
           Row{"", "expected an address"},
           Row{"10.0.0.0/", "prefix of 0 to 32"},
           Row{"10.0.0.0/33", "prefix of 0 to 32"},
           Row{"10.0.0.0/08", "prefix of 0 to 32"},
           Row{"::/129", "prefix of 0 to 128"},
           Row{"10.0.0.0/-1", "prefix of 0 to 32"},
           Row{"10.0.0.0/8/8", "prefix of 0 to 32"},
           Row{"[::1]", "expected an address"},
           Row{"10.0.0.1:80", "expected an address"},
           Row{"localhost", "expected an address"},
           Row{"10.0.0.1/8", "did you mean \"10.0.0.0/8\"?"},
           Row{"2001:db8::1/32", "did you mean \"2001:db8::/32\"?"}}) {
    CAPTURE(row.text);
    const auto network = Network::parse(row.text);
    REQUIRE_FALSE(network.has_value());
    CHECK(network.error().message.find(row.expected) != std::string::npos);
  }
}
