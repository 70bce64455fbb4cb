// A chunked body: decoded alike however it arrives, and the same after it was coded anew.
#include "core/http/parser.h"
#include "core/http/serializer.h"
#include "fuzz/fuzz.h"
#include "support/arrival.h"
#include "support/heads.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
  fuzz::Input input(data, size);
  const std::uint8_t seed = input.choice(), small = input.choice();
  const http::HeadLimits limits{.head_bytes = small & 1 ? 16u + small : 4096u, .field_count = small & 2 ? 3u : 100u};
  // Every line is complete: of one that is not, the first look tells a fault and a later one may wait for its end.
  const std::string bytes = std::string(input.rest()) + "\n";
  const std::string whole = test::run_chunked(test::Arrival(bytes, {bytes.size()}), limits);
  fuzz::require_equal(whole, test::run_chunked(test::Arrival(bytes, fuzz::cuts(bytes.size(), seed)), limits),
                      "cuts change nothing");

  http::ChunkedDecoder decoder(limits);
  http::Fields trailers;
  http::ChunkedDecoder::Step step;
  std::string_view rest = bytes;
  std::string content, coded;
  do {
    step = decoder.feed(rest, trailers);
    fuzz::require(step.consumed <= rest.size(), "no more is consumed than came");
    fuzz::require(step.state == http::ParseState::content ? !step.content.empty() : step.content.empty(),
                  "content comes with its state");
    rest.remove_prefix(step.consumed);
    content.append(step.content);
    if (step.content.empty()) continue;
    http::append_chunk_size(coded, step.content.size());
    coded.append(step.content).append("\r\n");
  } while (step.state == http::ParseState::content);
  if (step.state != http::ParseState::done) return 0;
  coded.append("0\r\n");
  for (const http::Field& field : trailers) http::append_field(coded, field.name, field.value);
  coded.append("\r\n");
  const http::HeadLimits wide{.head_bytes = 32768};
  std::string wanted = "done " + std::to_string(coded.size()) + ": " + content + "|";
  test::print_fields(wanted, trailers);
  fuzz::require_equal(test::run_chunked(test::Arrival(coded, {coded.size()}), wide), wanted,
                      "what is coded anew is the same");
  return 0;
}
