// The PROXY protocol's header: said alike however it arrives; one that is done has addresses or keeps the connection's.
#include "core/http/proxy_protocol.h"

#include "fuzz/fuzz.h"
#include "support/arrival.h"

namespace davenport::fuzz {
namespace {

std::string run(test::Arrival arrival) {
  http::ProxyHeader header;
  while (header.state == http::ParseState::need_more && arrival.next()) {
    header = http::parse_proxy_header(arrival.bytes());
  }
  if (header.state != http::ParseState::done) return header.state == http::ParseState::error ? "error" : "need_more";
  require(header.local == header.source_address.empty(), "addresses, or the connection's own");
  require(header.local == header.destination_address.empty(), "addresses, or the connection's own");
  return std::to_string(header.consumed) + header.source_address + "," + std::to_string(header.source_port) + "," +
         header.destination_address + "," + std::to_string(header.destination_port);
}

}  // namespace
}  // namespace davenport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
  fuzz::Input input(data, size);
  const std::uint8_t seed = input.choice();
  const std::string_view bytes = input.rest();
  fuzz::require_equal(fuzz::run(test::Arrival(bytes, {bytes.size()})),
                      fuzz::run(test::Arrival(bytes, fuzz::cuts(bytes.size(), seed))),
                      "cuts change nothing");
  return 0;
}
