// A request head: said alike however it arrives, safe to forward, and the same after it was written and read again.
#include "core/http/parser.h"
#include "core/http/uri.h"
#include "fuzz/fuzz.h"
#include "support/arrival.h"
#include "support/heads.h"

namespace davenport::fuzz {
namespace {

void check_safe(const http::RequestHead& head) {
  for (const char c : head.target) require(http::is_target_char(static_cast<unsigned char>(c)),
                                           "a target holds target bytes only");
  for (const http::Field& field : head.fields) {
    require(!field.name.empty() && field.name.find_first_of(std::string_view("\0\r\n :\t",
        6)) == std::string_view::npos, "a name is a token");
    require(field.value.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos, "a value is one line");
    require(field.id == http::field_id(field.name), "a name has its id");
  }
  require(head.fields.count(http::FieldId::host) <= 1, "one Host at most");
  require(head.fields.count(http::FieldId::content_length) <= 1, "one Content-Length at most");
  require(head.authority.empty() || http::parse_host_port(head.authority), "an authority is a host and a port");
  require(!head.authority.empty() || head.minor == 0, "only HTTP/1.0 may lack a Host");
  const bool length = head.fields.has(http::FieldId::content_length),
      coded = head.fields.has(http::FieldId::transfer_encoding);
  require(head.framing == (coded ? http::Framing::chunked : length ? http::Framing::length : http::Framing::none),
          "fields and framing agree");
  require(!(length && coded), "never both lengths");
}

}  // namespace
}  // namespace davenport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
  fuzz::Input input(data, size);
  const std::uint8_t seed = input.choice(), small = input.choice();
  const http::HeadLimits limits{.head_bytes = small & 1 ? 64u + small : 4096u, .field_count = small & 2 ? 3u : 100u,
                                .target_bytes = small & 4 ? 20u : 1024u};
  // Every line is complete: of one that is not, the first look tells a fault and a later one may wait for its end.
  const std::string bytes = std::string(input.rest()) + "\n";
  const std::string whole = test::run_request(test::Arrival(bytes, {bytes.size()}), limits);
  fuzz::require_equal(whole, test::run_request(test::Arrival(bytes, fuzz::cuts(bytes.size(), seed)), limits),
                      "cuts change nothing");

  http::RequestParser parser(limits);
  http::RequestHead head, again;
  const http::ParseResult result = parser.parse(bytes, head);
  if (result.state != http::ParseState::done) return 0;
  fuzz::require(result.consumed <= bytes.size(), "no more is consumed than came");
  fuzz::check_safe(head);
  std::string text = test::serialize(head);
  if (head.minor == 0) text.replace(text.find(" HTTP/1.1\r\n"), 9, " HTTP/1.0");
  const http::HeadLimits wide{.head_bytes = 16384, .field_count = 100, .target_bytes = 4096};
  http::RequestParser reader(wide);
  fuzz::require(reader.parse(text, again).state == http::ParseState::done, "what is written is read");
  fuzz::require_equal(test::describe(head), test::describe(again), "what is written is the same");
  return 0;
}
