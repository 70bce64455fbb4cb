// What a Redis, or who sits in its place, may send: the end of a reply is the same however it arrives, and what is whole is read without harm.
#include "cache/redis/reply.h"

#include "fuzz/fuzz.h"
#include "support/arrival.h"

using namespace davenport;
using redis::Reply;
using redis::ReplyEnd;

namespace {

struct Outcome {
  ReplyEnd::Found found = ReplyEnd::Found::more;
  std::size_t bytes = 0;
};

Outcome look(test::Arrival arrival) {
  ReplyEnd end;
  Outcome outcome;
  while (outcome.found == ReplyEnd::Found::more && arrival.next()) outcome.found = end.look(arrival.bytes());
  if (outcome.found == ReplyEnd::Found::whole) outcome.bytes = end.bytes();
  return outcome;
}

std::size_t walk(const Reply& reply) {
  std::size_t sum = reply.text().size() + static_cast<std::size_t>(reply.kind());
  for (std::size_t i = 0; i < reply.size(); ++i) sum += walk(reply[i]);
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint8_t seed = input.choice();
  const std::string_view bytes = input.rest();
  const Outcome whole = look(test::Arrival(bytes, {bytes.size()})), cut = look(test::Arrival(bytes, fuzz::cuts(bytes.size(), seed)));
  fuzz::require(whole.found == cut.found && whole.bytes == cut.bytes, "a reply ends at the same place however it arrives");
  if (whole.found != ReplyEnd::Found::whole) return 0;
  const redis::ParsedReply parsed(bytes.substr(0, whole.bytes));
  if (parsed) static_cast<void>(walk(parsed.get()));
  return 0;
}
