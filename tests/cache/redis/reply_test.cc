// RESP2 (https://redis.io/docs/reference/protocol-spec): where a reply ends, and what it is.
#include "cache/redis/reply.h"

#include <doctest/doctest.h>

#include <string>

#include "support/splits.h"

namespace davenport::redis {
namespace {

using Found = ReplyEnd::Found;

struct Outcome {
  Found found = Found::more;
  std::size_t bytes = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome look(test::Arrival arrival) {
  ReplyEnd end;
  Outcome outcome;
  while (outcome.found == Found::more && arrival.next()) outcome.found = end.look(arrival.bytes());
  if (outcome.found == Found::whole) outcome.bytes = end.bytes();
  return outcome;
}

TEST_CASE("a reply ends where it ends, however it arrives") {
  struct Row { std::string_view reply; const char* rule; };
  for (const Row& row : {
           Row{"+OK\r\n", "a status"}, Row{"-MOVED 1 127.0.0.1:7000\r\n", "an error"}, Row{":-12\r\n", "an integer"},
           Row{"$5\r\na\r\nbc\r\n", "a text, with a line end in it"}, Row{"$0\r\n\r\n", "an empty text"}, Row{"$-1\r\n", "nil"},
           Row{"*0\r\n", "an empty array"}, Row{"*-1\r\n", "a nil array"}, Row{"*2\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n", "arrays in arrays"}}) {
    CAPTURE(row.rule);
    CHECK(test::check_splits(row.reply, look) == Outcome{Found::whole, row.reply.size()});
    const std::string two = std::string(row.reply) + std::string(row.reply);
    CHECK(test::check_splits(two, look) == Outcome{Found::whole, row.reply.size()});
    CHECK(test::check_splits(row.reply.substr(0, row.reply.size() - 1), look) == Outcome{Found::more, 0});
  }
}

TEST_CASE("what is no reply, or of absurd size, is broken as soon as that is seen") {
  struct Row { std::string_view bytes; const char* rule; };
  for (const Row& row : {
           Row{"HTTP/1.1 200 OK\r\n", "no type"}, Row{"\r\n", "an empty line"}, Row{"$x\r\n", "no size"}, Row{"$-2\r\n", "a size below nil's"},
           Row{"$\r\n", "an empty size"}, Row{"$1 \r\n", "a size and more"}, Row{":1a\r\n", "no integer"}, Row{"$1\r\nab\r\n", "longer than announced"},
           Row{"$536870913\r\n", "larger than Redis' own texts"}, Row{"*1048577\r\n", "too many elements"},
           Row{"*2\r\n*1048575\r\n", "too many, in two arrays"}, Row{"*99999999999999999999\r\n", "a count that is no number of ours"}}) {
    CAPTURE(row.rule);
    CHECK(test::check_splits(row.bytes, look).found == Found::broken);
  }
  CHECK(look(test::Arrival("+" + std::string(ReplyEnd::kMaxLine, 'x'), {1 + ReplyEnd::kMaxLine})).found == Found::broken);
}

TEST_CASE("it says how much has to come before another look is of use") {
  ReplyEnd end;
  CHECK(end.look("$1000\r\nabc") == Found::more);
  CHECK(end.wanted() == 7 + 1000 + 2);
}

TEST_CASE("single values are seen where they lie, arrays as a tree") {
  const std::string_view bytes = "$3\r\nabc\r\n";
  const ParsedReply text(bytes);
  REQUIRE(text);
  CHECK(text.get().kind() == Reply::Kind::text);
  CHECK(text.get().text().data() == bytes.data() + 4);
  CHECK(text.get().text() == "abc");
  CHECK(ParsedReply("+PONG\r\n").get().text() == "PONG");
  CHECK(ParsedReply("-ERR no\r\n").get().kind() == Reply::Kind::error);
  CHECK(ParsedReply("-ERR no\r\n").get().text() == "ERR no");
  CHECK(ParsedReply(":-7\r\n").get().integer() == -7);
  CHECK(ParsedReply("$-1\r\n").get().kind() == Reply::Kind::nil);
  CHECK(ParsedReply("$0\r\n\r\n").get().kind() == Reply::Kind::text);
  const ParsedReply array("*3\r\n:1\r\n$-1\r\n*1\r\n$1\r\na\r\n");
  REQUIRE(array);
  CHECK(array.get().size() == 3);
  CHECK(array.get()[0].integer() == 1);
  CHECK(array.get()[1].kind() == Reply::Kind::nil);
  CHECK(array.get()[2][0].text() == "a");
  CHECK(array.get()[3].kind() == Reply::Kind::lost);
  CHECK(ParsedReply("$3\r\nab").get().kind() == Reply::Kind::lost);                // not whole
  CHECK(ParsedReply("+a\r\n+b\r\n").get().kind() == Reply::Kind::lost);            // more than one
  CHECK(ParsedReply("").get().kind() == Reply::Kind::lost);
}

}  // namespace
}  // namespace davenport::redis
