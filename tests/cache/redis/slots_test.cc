// Where a key lies and what a cluster's errors mean: https://redis.io/docs/reference/cluster-spec
#include "cache/redis/slots.h"

#include <doctest/doctest.h>

#include "cache/redis/redirection.h"

namespace davenport::redis {
namespace {

TEST_CASE("the CRC and the slots are those of the cluster specification") {
  CHECK(crc16("123456789") == 0x31c3);                 // its appendix A
  struct Row { const char* key; std::uint16_t slot; const char* rule; };
  for (const Row& row : {
           Row{"foo", 12182, "CLUSTER KEYSLOT foo"},
           Row{"{user1000}.following", slot_of("user1000"), "the tag alone counts"},
           Row{"foo{}{bar}", static_cast<std::uint16_t>(crc16("foo{}{bar}") % 16384), "an empty tag: the whole key"},
           Row{"foo{{bar}}zap", slot_of("{bar"), "from the first brace to the next closing one"},
           Row{"foo{bar}{zap}", slot_of("bar"), "the first tag"},
           Row{"foo{bar", static_cast<std::uint16_t>(crc16("foo{bar") % 16384), "no closing brace"},
           Row{"", 0, "the empty key"}}) {
    CAPTURE(row.rule);
    CHECK(slot_of(row.key) == row.slot);
  }
}

TEST_CASE("a CLUSTER SLOTS reply becomes a map") {
  const ParsedReply reply(
      "*2\r\n"
      "*4\r\n:0\r\n:8191\r\n*3\r\n$9\r\n127.0.0.1\r\n:7000\r\n$1\r\na\r\n*3\r\n$9\r\n127.0.0.1\r\n:7003\r\n$1\r\nd\r\n"
      "*3\r\n:8192\r\n:16383\r\n*3\r\n$0\r\n\r\n:7001\r\n$1\r\nb\r\n");
  REQUIRE(reply);
  Result<SlotMap> map = SlotMap::parse(reply.get(), "10.0.0.9");
  REQUIRE(map);
  CHECK(map->master(0)->text() == "127.0.0.1:7000");
  CHECK(map->master(8191)->text() == "127.0.0.1:7000");
  CHECK(map->master(8192)->text() == "10.0.0.9:7001");  // an empty host: the node that was asked
  CHECK(map->replica(5, 7)->text() == "127.0.0.1:7003");
  CHECK(map->replica(9000, 0) == nullptr);
  CHECK(map->nodes().size() == 3);

  map->move(5, {"127.0.0.1", 7005});
  CHECK(map->master(5)->text() == "127.0.0.1:7005");
  CHECK(map->master(6)->text() == "127.0.0.1:7000");
  map->move(5, {"127.0.0.1", 7000});
  CHECK(map->master(5)->text() == "127.0.0.1:7000");
}

TEST_CASE("a reply of another shape is no map") {
  for (const char* text : {"*0\r\n", "+OK\r\n", "$-1\r\n", "*1\r\n*2\r\n:0\r\n:1\r\n", "*1\r\n:5\r\n",
                           "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",          // a slot out of range
                           "*1\r\n*3\r\n:9\r\n:5\r\n*2\r\n$1\r\nh\r\n:1\r\n",              // backwards
                           "*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n$1\r\nh\r\n:0\r\n",              // port 0
                           "*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n$1\r\nh\r\n:70000\r\n",
                           "*1\r\n*3\r\n:-1\r\n:5\r\n*2\r\n$1\r\nh\r\n:7\r\n", "*1\r\n*3\r\n:0\r\n:5\r\n:7\r\n"}) {
    CAPTURE(text);
    const ParsedReply reply(text);
    REQUIRE(reply);
    CHECK_FALSE(SlotMap::parse(reply.get(), "h"));
  }
  CHECK_FALSE(SlotMap::parse(Reply(), "h"));
}

TEST_CASE("errors say where to ask next") {
  struct Row { const char* error; Trouble trouble; std::uint16_t slot; const char* to; };
  for (const Row& row : {
           Row{"MOVED 3999 127.0.0.1:6381", Trouble::moved, 3999, "127.0.0.1:6381"},
           Row{"MOVED 3999 ::1:6381", Trouble::moved, 3999, "::1:6381"},
           Row{"MOVED 3999 :6381", Trouble::moved, 3999, "asked:6381"},
           Row{"ASK 0 10.0.0.1:1", Trouble::ask, 0, "10.0.0.1:1"},
           Row{"MOVED", Trouble::other, 0, ":0"},
           Row{"MOVED 16384 127.0.0.1:6381", Trouble::other, 0, ":0"},
           Row{"MOVED 3999 127.0.0.1:0", Trouble::other, 0, ":0"},
           Row{"MOVED 3999 127.0.0.1:99999", Trouble::other, 0, ":0"},
           Row{"MOVED x 127.0.0.1:1", Trouble::other, 0, ":0"},
           Row{"MOVED 3999 nowhere", Trouble::other, 0, ":0"},
           Row{"TRYAGAIN Multiple keys request during rehashing of slot", Trouble::try_again, 0, ":0"},
           Row{"CLUSTERDOWN Hash slot not served", Trouble::cluster_down, 0, ":0"},
           Row{"READONLY You can't write against a read only replica.", Trouble::read_only, 0, ":0"},
           Row{"LOADING Redis is loading the dataset in memory", Trouble::loading, 0, ":0"},
           Row{"MASTERDOWN Link with MASTER is down", Trouble::loading, 0, ":0"},
           Row{"OOM command not allowed when used memory > 'maxmemory'.", Trouble::out_of_memory, 0, ":0"},
           Row{"NOAUTH Authentication required.", Trouble::refused, 0, ":0"},
           Row{"WRONGPASS invalid username-password pair", Trouble::refused, 0, ":0"},
           Row{"ERR unknown command", Trouble::other, 0, ":0"}, Row{"", Trouble::other, 0, ":0"}}) {
    CAPTURE(row.error);
    const Redirection read = read_trouble(row.error, "asked");
    CHECK(read.trouble == row.trouble);
    CHECK(read.slot == row.slot);
    CHECK(read.to.text() == row.to);
  }
}

}  // namespace
}  // namespace davenport::redis
