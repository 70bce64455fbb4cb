// A response head: said alike however it arrives, and the same after it was written and read again.
#include "core/http/parser.h"
#include "fuzz/fuzz.h"
#include "support/arrival.h"
#include "support/heads.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
  fuzz::Input input(data, size);
  const std::uint8_t seed = input.choice(), choices = input.choice();
  const http::Method method = choices & 8 ? http::Method::head : http::Method::get;
  const http::HeadLimits limits{.head_bytes = choices & 1 ? 64u + choices : 4096u,
                                .field_count = choices & 2 ? 3u : 100u};
  // Every line is complete: of one that is not, the first look tells a fault and a later one may wait for its end.
  const std::string bytes = std::string(input.rest()) + "\n";
  const std::string whole = test::run_response(test::Arrival(bytes, {bytes.size()}), limits, method);
  const std::string cut = test::run_response(test::Arrival(bytes, fuzz::cuts(bytes.size(), seed)), limits, method);
  fuzz::require_equal(whole, cut, "cuts change nothing");

  http::ResponseParser parser(limits);
  http::ResponseHead head, again;
  if (parser.parse(bytes, method, head).state != http::ParseState::done) return 0;
  fuzz::require(head.status >= 100 && head.status <= 599, "a status has its range");
  fuzz::require(head.framing != http::Framing::until_close || !head.keep_alive,
                "a body until close ends the connection");
  std::string text = test::serialize(head);
  if (head.minor == 0) text.replace(0, 8, "HTTP/1.0");
  // An empty reason is written as the status's own phrase.
  if (head.reason.empty()) head.reason = http::reason_phrase(head.status);
  const http::HeadLimits wide{.head_bytes = 16384};
  http::ResponseParser reader(wide);
  fuzz::require(reader.parse(text, method, again).state == http::ParseState::done, "what is written is read");
  fuzz::require_equal(test::describe(head), test::describe(again), "what is written is the same");
  return 0;
}
